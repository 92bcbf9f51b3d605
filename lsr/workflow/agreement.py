"""How well reviewers agree: per stage, round and pair of reviewers, before adjudication, on closed items only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations, groupby
from typing import Any, Final

from curation.agreement import Agreement, agreement
from db import screening
from db.model import Stage
from lsr.workflow.folder import Open

VERDICTS: Final = ("include", "unsure", "exclude")
# Unsure is no exclusion: at title and abstract it carries a report on as include does, and at full text it goes to the
# adjudicator against an exclusion. So the 2 × 2 sets "include or unsure" against "exclude"; the 3 × 3 keeps all three.
TWO: Final = ("include or unsure", "exclude")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two reviewers in one round of a stage; rows of the tables are `first`'s verdicts."""

    stage: Stage
    round: int  # 1 is the first judgement of a report, 2 the one after its first reopening
    first: str
    second: str
    two: Agreement
    three: Agreement | None  # only where anybody was unsure


def pairs(opened: Open) -> list[Pair]:
    """Every pair of reviewers who judged the same items, whoever joined, left or took over.

    An item counts once it is closed, by agreement or by a ruling; the votes are those before the ruling. Items in
    conflict are left out until they are ruled on, for a figure that moves with an open item would betray it.
    """
    counts: dict[tuple[str, int, str, str], Counter[tuple[str, str]]] = {}
    votes = screening.closed_votes(opened.review.connection)
    for (_, stage, number), given in groupby(votes, key=lambda v: (v.report, v.stage, v.number)):
        for one, other in combinations(sorted(given, key=lambda v: v.reviewer), 2):
            counts.setdefault((stage, number, one.reviewer, other.reviewer), Counter())[one.verdict, other.verdict] += 1
    order = {"title-abstract": 0, "full-text": 1}
    return [
        _pair(stage, number, first, second, counts[stage, number, first, second])
        for stage, number, first, second in sorted(counts, key=lambda key: (order[key[0]], *key[1:]))
    ]


def report(opened: Open) -> dict[str, Any]:
    """Plain values for --json: the pairs, and how many items in conflict are not counted yet, by stage."""
    found = pairs(opened)
    return {
        "pairs": [_plain(pair) for pair in found],
        "categories": {"two": list(TWO), "three": list(VERDICTS)},
        "in_conflict_not_counted": screening.conflicts_by_stage(opened.review.connection),
    }


def _pair(stage: Any, number: int, first: str, second: str, counted: Counter[tuple[str, str]]) -> Pair:
    three = [[counted[a, b] for b in VERDICTS] for a in VERDICTS]
    groups = (("include", "unsure"), ("exclude",))
    two = [[_sum(counted[a, b] for a in rows for b in columns) for columns in groups] for rows in groups]
    unsure = any("unsure" in said for said in counted)
    return Pair(stage, number, first, second, agreement(two), agreement(three) if unsure else None)


def _sum(values: Iterable[int]) -> int:
    return sum(values)


def _plain(pair: Pair) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(pair)
