"""Articles that print their trial's number: whether each is linked with that trial's study, and ranked first."""

from __future__ import annotations

from curation.link import Linker, StudyProfile
from curation.trial_articles import rank
from db.model import Record
from validation.linking.registrations import Linked


def same_number(found: Linked) -> tuple[int, int, int, float]:
    """How many are linked, proposed, neither; and the share that the ranking marks certain."""
    pairs = [
        (trial, found.articles[at])
        for trial, at, prints in zip(found.trials, found.right, found.prints, strict=True)
        if prints
    ]
    studies = [
        StudyProfile(
            trial.id,
            trial.id,
            (trial.id,),
            (Record("ctgov", trial.id, trial.titles[0], registry_ids=(trial.id,)),),
            None,
        )
        for trial, _ in pairs
    ]
    linker = Linker(studies, ())
    linked = proposed = lost = 0
    for trial, article in pairs:
        state = {link.study: link.state for link in linker.propose(article)}.get(trial.id)
        linked += state == "linked"
        proposed += state == "proposed"
        lost += state is None
    ranked = rank(found.trials, found.articles, best=5)
    certain = sum(article.id in {c.article for c in ranked[trial.id] if c.certain} for trial, article in pairs)
    return linked, proposed, lost, certain / len(pairs)
