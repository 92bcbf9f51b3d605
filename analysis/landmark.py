"""Survival with and without a transplant: by landmark, and by Mantel and Byar's time-dependent comparison.

A patient must live long enough to be transplanted, so whoever is compared by "ever transplanted" has been given the
time before the transplant, when nobody in that group could die. That comparison is not offered. Sources: Anderson,
Cain & Gelber, J Clin Oncol 1983;1:710 (the bias, the landmark); Mantel & Byar, J Am Stat Assoc 1974;69:81.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.comparison import Comparison, compare
from analysis.survival import Curve, Floats, checked, kaplan_meier
from db.errors import InputError

WITHOUT: Final = "not transplanted"
WITH: Final = "transplanted"
LEVELS: Final = (WITHOUT, WITH)
NAIVE: Final = (
    "transplanted against not transplanted is not offered: a patient must live to be transplanted, so that comparison"
    " counts the time before the transplant in its favour (immortal time); use --landmark TIME or --mantel-byar"
)


@dataclass(frozen=True, slots=True)
class Landmark:
    """Patients still followed and without the event after the landmark, by what had happened to them until then."""

    at: float
    n: int
    event_before: int  # left out: the event came at or before the landmark
    censored_before: int  # left out: follow-up ended at or before the landmark
    later: int  # transplanted after the landmark: they stay with those not transplanted
    curves: dict[str, Curve]  # time counts from the landmark
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class MantelByar:
    """Time before the transplant counts as without, time after it as with; pairs are (without, with)."""

    n: int
    transplanted: int
    events: tuple[int, int]
    time_at_risk: tuple[float, float]
    comparison: Comparison


def refuse_naive() -> NoReturn:
    """InputError that says why patients are not compared by whether they were ever transplanted."""
    raise InputError(NAIVE)


def landmark(
    time: ArrayLike,
    event: ArrayLike,
    transplant_time: Sequence[float | None],
    at: float,
    *,
    strata: Sequence[Hashable] | None = None,
) -> Landmark:
    """Compare from time `at` on, stratified (by study); arrays (n,), transplant_time None for never transplanted.

    InputError: values that cannot be, a landmark that is no time above 0, nobody left after it, or all of those left
    in one group.
    """
    t, e, moved = _checked(time, event, transplant_time)
    if not (np.isfinite(at) and at > 0):
        raise InputError(f"a landmark at {at} is not a time above 0")
    kept = t > at
    if not kept.any():
        raise InputError(f"nobody is followed beyond the landmark at {at:g}; take an earlier one")
    with_it = moved[kept] <= at
    group = [LEVELS[int(flag)] for flag in with_it]
    if len(set(group)) < 2:
        raise InputError(f"at the landmark of {at:g} all {len(group)} patients were {group[0]}: nothing to compare")
    since, happened = t[kept] - at, e[kept]
    names = [name for name, flag in zip(strata, kept, strict=True) if flag] if strata is not None else None
    curves = {LEVELS[flag]: kaplan_meier(since[with_it == flag], happened[with_it == flag]) for flag in (0, 1)}
    return Landmark(
        float(at),
        int(kept.sum()),
        int((~kept & e).sum()),
        int((~kept & ~e).sum()),
        int((np.isfinite(moved[kept]) & ~with_it).sum()),
        curves,
        compare(since, happened, group, strata=names, levels=LEVELS),
    )


def mantel_byar(
    time: ArrayLike,
    event: ArrayLike,
    transplant_time: Sequence[float | None],
    *,
    strata: Sequence[Hashable] | None = None,
) -> MantelByar:
    """Compare the hazard before and after the transplant, stratified (by study); arguments as `landmark` has them.

    A transplant at or after the end of a patient's time changes nothing: the state counts from just after it.
    InputError: values that cannot be, nobody transplanted within their time.
    """
    t, e, moved = _checked(time, event, transplant_time)
    split = moved < t
    if not split.any():
        raise InputError("nobody was transplanted while followed and without the event: nothing to compare")
    before = ~split | (moved > 0)  # one transplanted at time zero has no time before it
    start = np.concatenate((np.full(int(before.sum()), -np.inf), np.where(moved > 0, moved, -np.inf)[split]))
    stop = np.concatenate((np.where(split, moved, t)[before], t[split]))
    happened = np.concatenate(((e & ~split)[before], e[split]))
    group = [WITHOUT] * int(before.sum()) + [WITH] * int(split.sum())
    if not before.any():
        raise InputError("everyone was transplanted at time zero: nothing to compare")
    names = None if strata is None else _chosen(strata, before) + _chosen(strata, split)
    without = float(np.where(split, moved, t).sum())
    return MantelByar(
        len(t),
        int(split.sum()),
        (int((e & ~split).sum()), int((e & split).sum())),
        (without, float((t - moved)[split].sum())),
        compare(stop, happened, group, strata=names, start=start, levels=LEVELS),
    )


def _chosen(values: Sequence[Hashable], kept: NDArray[np.bool_]) -> list[Hashable]:
    return [value for value, flag in zip(values, kept, strict=True) if flag]


def _checked(
    time: ArrayLike, event: ArrayLike, transplant_time: Sequence[float | None]
) -> tuple[Floats, NDArray[np.bool_], Floats]:
    """Times, events, and times of transplant, infinite for never; equal up to rounding is equal."""
    moved = np.array([np.inf if value is None else value for value in transplant_time], float)
    t, e = checked(time, event)
    if moved.shape != t.shape:
        raise InputError("there must be one transplant time, or None, for each patient")
    if np.isnan(moved).any() or (moved < 0).any():
        raise InputError("a transplant time is not a number from 0 up")
    # A hair's difference between the two times is rounding, not a stretch of time.
    return t, e, np.where(np.isclose(moved, t, rtol=1e-9, atol=1e-9), t, moved)
