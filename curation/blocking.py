"""Which pairs of records are worth comparing: those that share at least one blocking key.

n records make n²/2 pairs; the keys leave a few for each record. Each key survives the loss or the misprint of
the fields that the others rest on. Titles of the pairs are then scored in one vectorised call.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz, process

from curation.similarity import Described

Indices = npt.NDArray[np.int64]
Scores = npt.NDArray[np.uint8]

# Letters of the title, without spaces, that make its keys: with more, one misprint hides the pair; with fewer,
# blocks fill with "the effect of …" (field floor: title keys alone find a pair at 10k records in .2 s).
TITLE_LETTERS: Final = 24
# A block larger than this says little ("Li, 2023"); its members are compared with their neighbours by title only.
LARGEST_BLOCK: Final = 60
NEIGHBOURS: Final = 10


def candidate_pairs(described: Sequence[Described], new: frozenset[str] | None = None) -> tuple[Indices, Indices]:
    """Two arrays of record numbers, pair by pair, first < second, each pair once, ordered.

    With `new`, only pairs of which at least one record's id is in it.
    """
    blocks: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, record in enumerate(described):
        for key in set(_keys(record)):
            blocks[key].append(number)
    total = len(described)
    codes = [
        np.asarray(pairs, dtype=np.int64)
        for members in blocks.values()
        if len(members) > 1 and (pairs := _pairs_of(members, described, total))
    ]
    if not codes:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    first, second = np.divmod(np.unique(np.concatenate(codes)), total)
    if new is not None:
        is_new = np.fromiter((each.record.id in new for each in described), dtype=bool, count=total)
        wanted = is_new[first] | is_new[second]
        first, second = first[wanted], second[wanted]
    return first, second


def _keys(one: Described) -> Iterator[tuple[str, ...]]:
    record, year = one.record, str(one.record.year or "")
    if record.doi:
        yield "doi", record.doi
    if record.pmid:
        yield "pmid", record.pmid.split(".")[0]
    for title in (one.title, one.other_title):
        if letters := title.replace(" ", ""):
            yield "title begins", letters[:TITLE_LETTERS]
            yield "title ends", letters[-TITLE_LETTERS:]
            yield "longest words", *sorted(sorted(set(title.split()), key=lambda word: (-len(word), word))[:3])
    family = one.names[0].family if one.names else ""
    if one.pages and one.volume:
        yield "place", one.volume, one.pages.first.lstrip("abcdefghijklmnopqrstuvwxyz")
    if family and year:
        yield "author and year", family, year
    if family and one.pages:
        yield "author and page", family, one.pages.first


def _pairs_of(members: list[int], described: Sequence[Described], total: int) -> list[int]:
    """The block's pairs, each coded as first × total + second."""
    if len(members) <= LARGEST_BLOCK:
        return [a * total + b for n, a in enumerate(members) for b in members[n + 1 :]]
    ordered = sorted(members, key=lambda number: described[number].title)
    near = ((a, b) for n, a in enumerate(ordered) for b in ordered[n + 1 : n + 1 + NEIGHBOURS])
    return [min(a, b) * total + max(a, b) for a, b in near]


def title_scores(described: Sequence[Described], first: Indices, second: Indices) -> Scores:
    """Similarity of the titles of each pair, 0-100 (rapidfuzz ratio: normalised Indel distance).

    The better of the titles themselves and of either's title with the other's second form (a translation).
    """
    titles = np.array([each.title for each in described], dtype=object)
    others = np.array([each.other_title for each in described], dtype=object)
    best = _ratio(titles[first], titles[second])
    for one, other in ((first, second), (second, first)):
        with_other = np.flatnonzero(others[one] != "")
        if len(with_other):
            translated = _ratio(others[one[with_other]], titles[other[with_other]])
            best[with_other] = np.maximum(best[with_other], translated)
    return best


def _ratio(one: npt.NDArray[np.object_], other: npt.NDArray[np.object_]) -> Scores:
    scores: Scores = process.cpdist(one, other, scorer=fuzz.ratio, dtype=np.uint8)
    return scores
