"""Effect sizes of two groups, events1 of total1 against events2 of total2, with the conventions of metafor's `escalc`.

Sources: Viechtbauer, J Stat Softw 2010;36(3) (metafor); Rücker et al., Stat Med 2009;28:721 (AS);
Yusuf et al., Prog Cardiovasc Dis 1985;27:335 (PETO).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.columns import MAX_COUNT, columns
from analysis.effects import ZERO_CELL, Effects, Floats, TwoGroupMeasure
from db.errors import InputError

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class TwoGroupRow:
    """One line of a meta-analysis of two groups: `events1` of `total1` patients against `events2` of `total2`."""

    study: str
    events1: int
    total1: int
    events2: int
    total2: int
    group: str = ""


@dataclass(frozen=True, slots=True)
class Tables:
    """k tables by metafor's names, each of shape (k,): events a, non-events b; in the second group c and d."""

    a: Floats
    b: Floats
    c: Floats
    d: Floats

    @property
    def n1(self) -> Floats:
        """The size of the first group."""
        return self.a + self.b

    @property
    def n2(self) -> Floats:
        """The size of the second group."""
        return self.c + self.d

    @property
    def N(self) -> Floats:
        """The size of both groups."""
        return self.n1 + self.n2

    @property
    def zero_cell(self) -> Flags:
        """Where a cell is 0."""
        return np.asarray((self.a == 0) | (self.b == 0) | (self.c == 0) | (self.d == 0))

    @property
    def double_zero(self) -> Flags:
        """Where no patient of either group, or every patient of both, had the event."""
        return np.asarray(((self.a == 0) & (self.c == 0)) | ((self.b == 0) & (self.d == 0)))

    def where(self, kept: Flags) -> Tables:
        """The tables at which `kept`, of shape (k,), is true."""
        return Tables(self.a[kept], self.b[kept], self.c[kept], self.d[kept])

    def corrected(self) -> Tables:
        """With ZERO_CELL added to all four cells of a table that has a 0 (metafor: add=1/2, to="only0")."""
        add = np.where(self.zero_cell, ZERO_CELL, 0.0)
        return Tables(self.a + add, self.b + add, self.c + add, self.d + add)


def tables_of(rows: Sequence[TwoGroupRow]) -> Tables:
    """The tables of `rows`; InputError names a row that cannot be."""
    if not rows:
        raise InputError("nothing to pool: the table has no rows; give at least one study")
    counts = ([getattr(row, name) for row in rows] for name in ("events1", "total1", "events2", "total2"))
    return tables(*counts, names=[row.study for row in rows])


def tables(
    events1: ArrayLike, total1: ArrayLike, events2: ArrayLike, total2: ArrayLike, *, names: Sequence[str] = ()
) -> Tables:
    """Tables from counts, each of shape (k,), k >= 1; InputError names the study (`names`) whose counts cannot be."""
    x1, n1, x2, n2 = columns(events1, total1, events2, total2)
    for events, total in ((x1, n1), (x2, n2)):
        sound = (total >= 1) & (total <= MAX_COUNT) & (events >= 0) & (events <= total)
        sound &= (events == np.floor(events)) & (total == np.floor(total))
        if not sound.all():
            at = int(np.argmin(sound))
            raise InputError(
                f"study {names[at] if names else at + 1}: {events[at]:g} events of {total[at]:g} patients cannot be;"
                " both are whole numbers, events between 0 and a total of at least 1"
            )
    return Tables(x1, n1 - x1, x2, n2 - x2)


def two_group_effects(measure: TwoGroupMeasure, found: Tables, *, drop_double_zero: bool = False) -> Effects:
    """Effect sizes of k tables, group 1 against group 2: `yi` and `vi` of shape (k,).

    RR log risk ratio, OR log odds ratio, RD risk difference, AS difference of arcsine square roots, PETO log odds
    ratio by Peto's one step. Zero cells are corrected as `Tables.corrected` says, but for AS, which needs none.
    As in metafor a table without any event, or without any non-event, stays in; `drop_double_zero` (its drop00) leaves
    it out. InputError for an unknown measure, or when no table is left.
    """
    if measure not in _FORWARD:
        raise InputError(f"unknown measure {measure!r} of two groups; use one of {', '.join(_FORWARD)}")
    if drop_double_zero:
        found = found.where(~found.double_zero)
        if not len(found.a):
            raise InputError("no study has both an event and a patient without one: there is nothing to compare")
    yi, vi = _FORWARD[measure](found if measure == "AS" else found.corrected())
    return Effects(measure, yi, vi)


def peto_terms(found: Tables) -> tuple[Floats, Floats]:
    """Observed less expected events of group 1, and the hypergeometric variance of that, each of shape (k,)."""
    n1, n2, total = found.n1, found.n2, found.N
    events, others = found.a + found.c, found.b + found.d
    # a - events n1 / N, written so that equal risks give exactly 0
    difference = (found.a * found.d - found.b * found.c) / total
    return difference, events * others * (n1 / total) * (n2 / total) / (total - 1)


def _risk_ratio(t: Tables) -> tuple[Floats, Floats]:
    # b / (a n1) is 1 / a - 1 / n1 without the subtraction
    return np.log(t.a / t.n1) - np.log(t.c / t.n2), t.b / (t.a * t.n1) + t.d / (t.c * t.n2)


def _odds_ratio(t: Tables) -> tuple[Floats, Floats]:
    return np.log(t.a / t.b) - np.log(t.c / t.d), 1 / t.a + 1 / t.b + 1 / t.c + 1 / t.d


def _risk_difference(t: Tables) -> tuple[Floats, Floats]:
    p1, p2 = t.a / t.n1, t.c / t.n2
    return p1 - p2, p1 * (t.b / t.n1) / t.n1 + p2 * (t.d / t.n2) / t.n2


def _arcsine(t: Tables) -> tuple[Floats, Floats]:
    return np.arcsin(np.sqrt(t.a / t.n1)) - np.arcsin(np.sqrt(t.c / t.n2)), 1 / (4 * t.n1) + 1 / (4 * t.n2)


def _peto(t: Tables) -> tuple[Floats, Floats]:
    difference, variance = peto_terms(t)
    return difference / variance, 1 / variance


_FORWARD: dict[TwoGroupMeasure, Callable[[Tables], tuple[Floats, Floats]]] = {
    "RR": _risk_ratio,
    "OR": _odds_ratio,
    "RD": _risk_difference,
    "AS": _arcsine,
    "PETO": _peto,
}
