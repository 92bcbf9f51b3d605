"""Trial → articles: which of the articles at hand may report a trial, for trials of which no report is known.

From titles, dates and phases alone where nothing else is at hand; a registration number or a citation in the register
comes first wherever it is. The trials compete: an article that fits another trial better is less likely this one's.
A list to look through, best first; it links nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from curation.normalise import name, same_person
from curation.phases import phases_in
from curation.title_text import acronyms_met, pieces_of, vectors, words_of
from db.identifiers import registry_ids
from db.model import Author, Record

# The weights beside the likeness of titles (0 to 1; words and pieces of words count alike). Chosen by grid on one half
# of the trials whose articles a hand search found and measured on the other: validation/linking/README.md.
ACRONYM: Final = 0.1
YEAR: Final = 0.06
PHASE: Final = 0.04
# Not in that file, so not fitted: a principal investigator among the authors is worth more than a year that fits and
# less than a title that does.
INVESTIGATOR: Final = 0.1
# A report comes about two years after completion; the median of that file is 1.9, half lie between 1.0 and 3.0.
YEARS_AFTER_COMPLETION: Final = 2.0
YEARS_SCALE: Final = 4.0
WORST_YEARS: Final = 1.5
BEFORE_START: Final = 1.0
FIRST_YEAR: Final = 0.3
# How sharply trials compete for an article. NONE_OF_THEM is the score at which an article is as likely to belong to no
# trial here; it keeps the order of titles when only one trial is asked for.
SHARPNESS: Final = 0.03
NONE_OF_THEM: Final = 0.15
ROUNDS: Final = 20  # of balancing; the ranks no longer change after ten
CERTAIN: Final = 2.0  # above every score from titles
WORDS_SHOWN: Final = 4

Scores = Any  # numpy array, trials × articles


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial as its register prints it; dates may be partial or empty."""

    id: str
    titles: tuple[str, ...]  # official and brief title, acronym, products
    start: str = ""
    completion: str = ""
    phase: str = ""
    investigators: tuple[Author, ...] = ()
    other_ids: tuple[str, ...] = ()
    pmids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """An article that may report a trial, with the evidence in words. `certain`: a number or a citation says so."""

    article: str
    score: float
    certain: bool
    evidence: tuple[str, ...]


def trial_of(trial: str, facts: Mapping[str, str]) -> Trial:
    """The trial from a registration's facts (`db.registrations.registrations`)."""
    people = [person.rpartition(" ") for person in facts.get("investigators", "").split("; ") if person]
    return Trial(
        trial,
        tuple(text for key in ("title", "brief_title", "acronym", "products") if (text := facts.get(key))),
        facts.get("start_date", ""),
        facts.get("completion_date") or facts.get("primary_completion_date", ""),
        facts.get("phases", ""),
        tuple(Author(family, given) for given, _, family in people),
        registry_ids(facts.get("ids", "")),
        tuple(pmid for pmid in facts.get("results_pmids", "").split("; ") if pmid),
    )


def rank(trials: Sequence[Trial], articles: Sequence[Record], best: int = 10) -> dict[str, list[Candidate]]:
    """{trial: its `best` likeliest articles, best first}; ties by the article's id, so the same input gives the same.

    Memory and time grow with trials × articles: a thousand by a thousand takes seconds.
    """
    articles = sorted(articles, key=lambda article: article.id)
    if not trials or not articles:
        return {trial.id: [] for trial in trials}
    evidence = _Evidence(trials, articles)
    fit = compete(evidence.scores)
    found = {}
    for row, trial in enumerate(trials):
        sure = {column: words for column, article in enumerate(articles) if (words := _certain(trial, article))}
        order = sorted(range(len(articles)), key=lambda c: (c not in sure, -fit[row, c], articles[c].id))
        found[trial.id] = [
            Candidate(
                articles[c].id,
                CERTAIN if c in sure else round(float(evidence.scores[row, c]), 3),
                c in sure,
                (*sure.get(c, ()), *evidence.words(row, c)),
            )
            for c in order[: max(0, best)]
        ]
    return found


def compete(scores: Scores, sharpness: float = SHARPNESS) -> Scores:
    """How well each article (column) fits each trial (row), against the trial's other articles and the article's other
    trials: Sinkhorn's balancing of exp(score / sharpness), with "none of these trials" as one more row.

    One row keeps its order: there is no other trial to compete with.
    """
    fits = np.exp((scores - scores.max()) / sharpness)
    none = float(np.exp((NONE_OF_THEM - scores.max()) / sharpness))
    of_trial = np.ones(len(fits))
    of_article = np.ones(fits.shape[1])
    for _ in range(ROUNDS):
        of_article = 1 / (none + of_trial @ fits)
        of_trial = 1 / np.maximum(fits @ of_article, np.finfo(float).tiny)
    return fits * of_article


class _Evidence:
    """What speaks for each pair: `scores`, and the words of one pair."""

    def __init__(self, trials: Sequence[Trial], articles: Sequence[Record]) -> None:
        self._trials, self._articles = trials, articles
        ours = [" ".join(trial.titles) for trial in trials]
        theirs = [f"{article.title} {article.vernacular_title}".strip() for article in articles]
        self._ours, self._theirs, self._terms = vectors(ours, theirs, words_of)
        our_pieces, their_pieces, _ = vectors(ours, theirs, pieces_of)
        alike = (self._ours @ self._theirs.T + our_pieces @ their_pieces.T) / 2
        self._acronyms = acronyms_met(ours, theirs)
        self.scores = (
            np.asarray(alike.todense()) + YEAR * years_fit(trials, articles) + PHASE * phases_fit(trials, articles)
        )
        for (row, column), (telling, _) in self._acronyms.items():
            self.scores[row, column] += ACRONYM * telling
        for row, column in _investigators(trials, articles):
            self.scores[row, column] += INVESTIGATOR

    def words(self, row: int, column: int) -> tuple[str, ...]:
        trial, article = self._trials[row], self._articles[column]
        found = []
        shared = self._ours[row].multiply(self._theirs[column]).tocoo()
        telling = sorted(zip(-shared.data, shared.col, strict=True))[:WORDS_SHOWN]
        if telling:
            found.append("shared words: " + ", ".join(self._terms[term] for _, term in telling))
        if (row, column) in self._acronyms:
            found.append(f"acronym {self._acronyms[row, column][1].upper()}")
        after = _year(trial.completion)
        if after is not None and article.year:
            found.append(f"published {article.year}, completed {trial.completion[:4]}")
        both = phases_in(trial.phase) & _article_phases(article)
        if both:
            found.append(f"phase {', '.join(sorted(both))} in both")
        who = [a.family for a in trial.investigators if _among(a, article)]
        if who:
            found.append(f"investigator among the authors: {', '.join(who)}")
        return tuple(found)


def _certain(trial: Trial, article: Record) -> tuple[str, ...]:
    shared = sorted({trial.id, *trial.other_ids} & set(article.registry_ids))
    words = [f"carries {', '.join(shared)}"] if shared else []
    if article.pmid and article.pmid in trial.pmids:
        words.append(f"the register cites PMID {article.pmid}")
    return tuple(words)


def years_fit(trials: Sequence[Trial], articles: Sequence[Record]) -> Scores:
    """0 where the article comes as long after the trial as most do, below 0 elsewhere and before the trial began."""
    published = np.array([article.year + 0.5 if article.year else np.nan for article in articles])
    start = np.array([_year(trial.start) or np.nan for trial in trials])
    end = np.array([_year(trial.completion) or np.nan for trial in trials])
    after_end = np.nan_to_num(published - end[:, None], nan=YEARS_AFTER_COMPLETION)
    after_start = np.nan_to_num(published - start[:, None], nan=YEARS_AFTER_COMPLETION)
    late = np.minimum(np.abs(after_end - YEARS_AFTER_COMPLETION) / YEARS_SCALE, WORST_YEARS)
    return -late - BEFORE_START * (after_start < 0) - FIRST_YEAR * (after_start < 1)


def _year(date: str) -> float | None:
    found = re.match(r"(\d{4})(?:-(\d\d))?", date)
    return int(found[1]) + int(found[2] or 6) / 12 if found else None


def _article_phases(article: Record) -> frozenset[str]:
    return phases_in(article.title) | phases_in("; ".join(article.publication_types))


def phases_fit(trials: Sequence[Trial], articles: Sequence[Record]) -> Scores:
    """1 where a phase is in both, -1 where both name phases and none is in both, else 0."""
    theirs = [_article_phases(article) for article in articles]
    scores = np.zeros((len(trials), len(articles)))
    for row, trial in enumerate(trials):
        ours = phases_in(trial.phase)
        if ours:
            scores[row] = [0 if not one else 1 if one & ours else -1 for one in theirs]
    return scores


def _investigators(trials: Sequence[Trial], articles: Sequence[Record]) -> list[tuple[int, int]]:
    return [
        (row, column)
        for row, trial in enumerate(trials)
        if trial.investigators
        for column, article in enumerate(articles)
        if any(_among(person, article) for person in trial.investigators)
    ]


def _among(person: Author, article: Record) -> bool:
    known = name(person)
    return bool(known.initial) and any(
        (each := name(author)).initial and same_person(known, each) for author in article.authors
    )
