"""Records → reports: the pairs of records that are one publication, surest first.

Pairs that share a blocking key are compared (curation.blocking), titles first, all at once; what the rules say of a
pair (curation.rules) is its evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from curation.blocking import candidate_pairs, title_scores
from curation.rules import TITLE_ALIKE, judge, may_match_otherwise
from curation.similarity import Comparison, describe
from db.model import Duplicate, Record

PROGRESS_EVERY: Final = 5000


def find_duplicates(
    records: Sequence[Record],
    new: frozenset[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Duplicate]:
    """Pairs of `records` that are one publication, surest first; `record` stands after `same_as` in `records`.

    `new` (record ids): only pairs with at least one of them. `progress(done, total)` counts pairs compared.
    """
    described = [describe(record) for record in records]
    first, second = candidate_pairs(described, new)
    scores = title_scores(described, first, second)
    found: list[Duplicate] = []
    for number, (i, j, score) in enumerate(zip(first.tolist(), second.tolist(), scores.tolist(), strict=True)):
        if progress and number % PROGRESS_EVERY == 0:
            progress(number, len(scores))
        one, other = described[i], described[j]
        if score < TITLE_ALIKE and not may_match_otherwise(one, other):
            continue
        pair = Comparison(one, other, float(score) if one.title and other.title else None)
        if duplicate := judge(pair):
            found.append(duplicate)
    if progress:
        progress(len(scores), len(scores))
    return sorted(found, key=lambda each: (not each.certain, -each.score, each.record, each.same_as))
