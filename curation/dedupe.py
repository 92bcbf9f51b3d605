"""Records → reports: the pairs of records that are one publication, surest first.

Pairs that share a blocking key are compared (curation.blocking), titles first, all at once; what the rules say of a
pair (curation.rules) is its evidence. Records that print the same are compared once: ten thousand copies of one
record cost one comparison and a line for each.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from curation.blocking import Blocks
from curation.compact import content_of
from curation.rules import TITLE_ALIKE, judge, may_match_otherwise
from curation.similarity import Comparison, Described, describe
from db.model import Duplicate, Record

PROGRESS_EVERY: Final = 5000
# Records in comparable form held at once, some 2 KB each: with more records, a form is made anew when a pair needs it.
FORMS_HELD: Final = 120_000
SAME_TITLE: Final = 100

Progress = Callable[[int, int], None]


def find_duplicates(
    records: Sequence[Record],
    new: frozenset[str] | None = None,
    progress: Progress | None = None,
    form: Callable[[Record], Described] = describe,
) -> list[Duplicate]:
    """Pairs of `records` that are one publication, surest first; `record` stands after `same_as` in `records`.

    Which pairs these are does not depend on the order of `records`. Of records that print the same and are certainly
    one publication, each is paired with the one of the least id, and this one alone with other records. `new`
    (record ids): only pairs with at least one of them. `progress(done, total)` counts records read, then pairs
    judged. Hundreds of thousands of records are best passed as `CompactRecords`. `form` is `describe`, or a memory of
    it for who asks about the same records again.
    """
    tell = progress or (lambda done, total: None)
    with _no_collection():
        found = list(_Compared(records, tell, form).duplicates(new, tell))
    return sorted(found, key=lambda each: (not each.certain, -each.score, each.record, each.same_as))


@contextmanager
def _no_collection() -> Iterator[None]:
    """Without the search for cycles of objects: nothing here makes any, and among so many objects it takes a third
    of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


class _Compared:
    """Records on their way through the comparison, as groups that print the same, most of one record each."""

    def __init__(
        self, records: Sequence[Record], tell: Progress, form: Callable[[Record], Described] = describe
    ) -> None:
        self.records = records
        self.speakers: list[int] = []  # of each group the number of the record with the least id
        self.copies: dict[int, list[int]] = {}  # the members of a group of several
        self.blocks = Blocks()
        self.form = lru_cache(FORMS_HELD)(lambda number: form(records[number]))
        groups: dict[bytes, int] = {}
        for number in range(len(records)):
            if number % PROGRESS_EVERY == 0:
                tell(number, len(records))
            group = groups.setdefault(content_of(records, number), len(self.speakers))
            if group < len(self.speakers):
                self._join(group, number)
            else:
                self.speakers.append(number)
                self.blocks.add(self.form(number))

    def _join(self, group: int, number: int) -> None:
        speaker = self.speakers[group]
        self.copies.setdefault(group, [speaker]).append(number)
        if self.records[number].id < self.records[speaker].id:
            self.speakers[group] = number

    def duplicates(self, new: frozenset[str] | None, tell: Progress) -> Iterator[Duplicate]:
        """The pairs as the rules judge them, in no order."""
        speaking: dict[int, Sequence[int]] = {}  # groups that are not certainly one publication: each member
        for group, members in self.copies.items():
            speaker = self.speakers[group]
            others = [member for member in members if member != speaker]
            judged = self._judge(speaker, others[0], SAME_TITLE)
            if judged is None or not judged.certain:
                speaking[group] = members
            if judged is not None and self.blocks.has_key(group):
                yield from self._named(judged, (speaker,), others, new)
        first, second, scores = self.blocks.pairs(self._wanted(new))
        for done, (i, j, score) in enumerate(zip(first.tolist(), second.tolist(), scores.tolist(), strict=True)):
            if done % PROGRESS_EVERY == 0:
                tell(done, len(scores))
            one, other = self.speakers[i], self.speakers[j]
            if judged := self._judge(one, other, score):
                yield from self._named(judged, speaking.get(i, (one,)), speaking.get(j, (other,)), new)
        tell(len(scores), len(scores))

    def _judge(self, one: int, other: int, score: int) -> Duplicate | None:
        """What the rules say of two records, in the order of their ids: the input's order must change no word."""
        a, b = self.form(one), self.form(other)
        if score < TITLE_ALIKE and not may_match_otherwise(a, b):
            return None
        if a.record.id < b.record.id:
            a, b = b, a
        return judge(Comparison(a, b, float(score) if a.title and b.title else None))

    def _named(
        self, judged: Duplicate, ones: Sequence[int], others: Sequence[int], new: frozenset[str] | None
    ) -> Iterator[Duplicate]:
        """The judgement of two groups for each pair of their records that speak."""
        for one in ones:
            for other in others:
                same_as, record = (self.records[number].id for number in sorted((one, other)))
                if new is None or record in new or same_as in new:
                    yield replace(judged, record=record, same_as=same_as)

    def _wanted(self, new: frozenset[str] | None) -> npt.NDArray[np.bool_] | None:
        """Which groups hold a new record."""
        if new is None:
            return None
        groups = (self.copies.get(group, (speaker,)) for group, speaker in enumerate(self.speakers))
        found = (any(self.records[number].id in new for number in members) for members in groups)
        return np.fromiter(found, dtype=bool, count=len(self.speakers))
