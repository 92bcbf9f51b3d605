"""`python -m validation.linking FOLDER` prints the figures of README.md here. FOLDER holds seed/ and linking/."""

from __future__ import annotations

import sys
from pathlib import Path

from curation.trial_articles import compete
from validation.linking import registrations, seed_reports
from validation.linking.registrations import parts, ranks, recall
from validation.linking.same_number import same_number


def main(folder: Path) -> None:
    """Print all figures."""
    rows = seed_reports.rows(folder)
    print(f"seed: {len(rows)} reports. pairs to find, linked, proposed, false links, other proposals, missed")
    for words, seen in seed_reports.SETTINGS.items():
        for how in (seed_reports.leave_one_out, seed_reports.growing):
            o = how(rows, seen)
            missed = ", ".join(report for report, _ in o.missed)
            print(f"  {how.__name__:14}{words:36}{o.to_find:4}{o.linked:4}{o.proposed:4}{len(o.false_links):4}"
                  f"{o.false_proposals:4}{len(o.missed):4}  {missed}")  # fmt: skip
    found = registrations.load(folder)
    print(f"registrations: {len(found.trials)} trials, {len(found.articles)} articles. recall at 1, at 10")
    made = parts(found)
    shipped = {name: getattr(registrations.trial_articles, name) for name in registrations.GRID}
    scores = made.scores(shipped)
    for words, each in (
        ("titles alone (words and pieces), a trial by itself", made.titles),
        ("all evidence, a trial by itself", scores),
        ("all evidence, the trials compete (as shipped)", compete(scores)),
    ):
        places = ranks(each, found.right)
        print(f"  {words:52}{recall(places, 1):6.3f}{recall(places, 10):6.3f}")
    for (one, ten), words in zip(
        registrations.halves(found, shipped), ("its articles", "all articles") * 2, strict=True
    ):
        print(f"  a half of the trials, {words:30}{one:6.3f}{ten:6.3f}")
    for folds in (2, 5):
        one, ten, chosen = registrations.held_out(found, folds)
        print(f"  weights chosen without the fold, {folds} folds{'':18}{one:6.3f}{ten:6.3f}  {chosen}")
    linked, proposed, lost, first = same_number(registrations.load(folder, numbers=True))
    print(f"same number: {linked} linked, {proposed} proposed, {lost} neither; first in the list {first:.3f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
