"""A search with more hits than PubMed hands out, in parts that cover it without gap or overlap.

PubMed's date of entry divides any search: ranges of whole days, halved until each part is small enough. One day that
is still too large is divided by PMID, which every record has. How many hits a part has comes from its own reply;
parts that do not add up to the whole are an error, whatever the reason (the database changed meanwhile, a service
that ignores a range).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

# The documents say 10,000; the server names 9,999 ids at most and refuses retstart above 9,998 (biopython#4193).
MAX_HITS: Final = 9_999


@dataclass(frozen=True, slots=True)
class Span:
    """Whole numbers from `low` to `high`, both included."""

    low: int
    high: int

    def halves(self, busy: Span) -> tuple[Span, Span]:
        """Two spans that make up this one, of two numbers or more, cut in the middle of what lies in `busy`."""
        low, high = max(self.low, busy.low), min(self.high, busy.high)
        if low >= high:
            low, high = self.low, self.high
        middle = low + (high - low) // 2
        return Span(self.low, middle), Span(middle + 1, self.high)


# PubMed's own "from the beginning" and "to the end"; where most records lie only decides where to cut first.
_DAYS: Final = Span(date(1000, 1, 1).toordinal(), date(3000, 12, 31).toordinal())
_BUSY_DAYS: Final = Span(date(1966, 1, 1).toordinal(), date(2036, 12, 31).toordinal())
_PMIDS: Final = Span(1, 999_999_999)
_BUSY_PMIDS: Final = Span(1, 50_000_000)


@dataclass(frozen=True, slots=True)
class Part:
    """The hits entered on some days, with some PMIDs."""

    days: Span = _DAYS
    pmids: Span = _PMIDS

    def halves(self) -> tuple[Part, Part] | None:
        """Two parts that make up this one; None if it is a single PMID of a single day."""
        if self.days.low < self.days.high:
            first, second = self.days.halves(_BUSY_DAYS)
            return replace(self, days=first), replace(self, days=second)
        if self.pmids.low < self.pmids.high:
            first, second = self.pmids.halves(_BUSY_PMIDS)
            return replace(self, pmids=first), replace(self, pmids=second)
        return None

    def params(self, term: str) -> tuple[tuple[str, str], ...]:
        """ESearch's parameters for this part of the hits of `term`, which is left as it is unless PMIDs are cut."""
        if self.pmids != _PMIDS:
            term = f"({term}) AND {self.pmids.low}:{self.pmids.high}[uid]"
        if self.days == _DAYS:
            return (("term", term),)
        return (
            ("term", term),
            ("datetype", "edat"),
            ("mindate", _day(self.days.low)),
            ("maxdate", _day(self.days.high)),
        )

    def __str__(self) -> str:
        days = f"entered {_day(self.days.low)} to {_day(self.days.high)}"
        return days if self.pmids == _PMIDS else f"{days}, PMID {self.pmids.low} to {self.pmids.high}"


@dataclass(frozen=True, slots=True)
class Answer:
    """How many hits a part has, and their PMIDs: all of them unless they are more than MAX_HITS."""

    count: int
    pmids: tuple[str, ...]


class UnevenError(Exception):
    """The parts do not make up the whole."""


def split(whole: Part, count: int, ask: Callable[[Part], Answer]) -> Iterator[tuple[Part, Answer]]:
    """The parts of `whole`, which has `count` hits, each with all of its PMIDs; parts without hits are left out.

    One request tells a half's count and, with the whole's, the other half's, which is checked where it is asked.
    Raises UnevenError.
    """
    halves = whole.halves()
    if halves is None:
        raise UnevenError(f"{count} hits {whole}")
    first, second = halves
    answer = ask(first)
    if answer.count > count:
        raise UnevenError(f"{answer.count} hits {first}, but {count} {whole}")
    yield from _part(first, answer.count, answer, ask)
    yield from _part(second, count - answer.count, None, ask)


def _part(
    part: Part, count: int, answer: Answer | None, ask: Callable[[Part], Answer]
) -> Iterator[tuple[Part, Answer]]:
    if count > MAX_HITS:
        yield from split(part, count, ask)
    elif count:
        found = answer or ask(part)
        if found.count != count:
            raise UnevenError(f"{found.count} hits {part}, but {count} by the counts of the whole and of the rest")
        yield part, found


def _day(ordinal: int) -> str:
    day = date.fromordinal(ordinal)
    return f"{day.year}/{day.month:02}/{day.day:02}"
