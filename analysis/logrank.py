"""Log-rank test for two or more groups, of the rho family, stratified, with delayed entry.

Sources: Mantel, Cancer Chemother Rep 1966;50:163; Peto & Peto, J R Stat Soc A 1972;135:185; Harrington & Fleming,
Biometrika 1982;69:553 (rho 0: log-rank, rho 1: Peto & Peto's Wilcoxon). Numbers as R's survival::survdiff; with
delayed entry, which survdiff has not, as the score test of coxph(ties = "exact").
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc

from analysis.survival import Floats, checked, same_times
from db.errors import InputError

# A variance below this share of its largest part is what rounding leaves of a zero.
SINGULAR: Final = 1e-12


@dataclass(frozen=True, slots=True)
class LogRank:
    """The test. Arrays have a place for each of `levels`; observed and expected are weighted where rho is not 0."""

    levels: tuple[str, ...]
    n: tuple[int, ...]
    observed: Floats
    expected: Floats
    var: Floats  # (levels, levels): covariance of observed - expected
    statistic: float
    df: int
    p_value: float
    rho: float
    strata: int


@dataclass(frozen=True, slots=True)
class Histories:
    """Checked data, one row of each array for each stretch of a patient's time (start, stop]."""

    start: Floats  # minus infinity: at risk from the beginning
    stop: Floats
    event: NDArray[np.bool_]
    strata: tuple[NDArray[np.intp], ...]  # the rows of each stratum


def histories(
    stop: ArrayLike, event: ArrayLike, strata: Sequence[Hashable] | None = None, start: ArrayLike | None = None
) -> Histories:
    """Check stretches (start, stop]; InputError unless start < stop, lengths agree and values can be (see survival)."""
    t, e = checked(stop, event)
    begin = np.full(len(t), -np.inf) if start is None else np.asarray(start, float)
    if begin.shape != t.shape or np.isnan(begin).any() or (begin == np.inf).any():
        raise InputError("each start must be a number, one for each stop")
    both = same_times(np.concatenate((begin, np.asarray(stop, float))))
    begin, t = both[: len(t)], both[len(t) :]
    if (begin >= t).any():
        raise InputError("a stretch of time does not end after it starts")
    names = list(strata) if strata is not None else [""] * len(t)
    if len(names) != len(t):
        raise InputError("there must be one stratum for each time")
    rows: dict[Hashable, list[int]] = {}
    for row, name in enumerate(names):
        rows.setdefault(name, []).append(row)
    return Histories(begin, t, e, tuple(np.array(found, np.intp) for found in rows.values()))


def levels_of(
    group: Sequence[str], n: int, order: Sequence[str] | None = None
) -> tuple[tuple[str, ...], NDArray[np.intp]]:
    """The levels, in the order given or else as they appear, and each row's place among them; InputError for one."""
    levels = tuple(dict.fromkeys(group))
    if len(group) != n:
        raise InputError("there must be one group for each time")
    if order is not None:
        if sorted(order) != sorted(levels):
            raise InputError(f"the levels {', '.join(order)} are not the groups {', '.join(levels)}")
        levels = tuple(order)
    if len(levels) < 2:
        raise InputError("there is only one group: nothing to compare")
    place = {level: i for i, level in enumerate(levels)}
    return levels, np.array([place[name] for name in group], np.intp)


def logrank(
    time: ArrayLike,
    event: ArrayLike,
    group: Sequence[str],
    *,
    strata: Sequence[Hashable] | None = None,
    rho: float = 0.0,
    start: ArrayLike | None = None,
    levels: Sequence[str] | None = None,
) -> LogRank:
    """Test that the hazard is the same in all groups; arrays (n,), groups and strata one for each row.

    The weight of each time is the pooled survival just before it (within the stratum) to the power rho. A group that
    expects no event takes no part (its df is not counted); without any event the statistic is 0 and p is 1, as in R.
    InputError: one group, values that cannot be, no variance (all events at one time, as R's "exactly singular").
    """
    if not (np.isfinite(rho) and 0 <= rho <= 10):
        raise InputError(f"rho = {rho} is not a number from 0 (log-rank) to 10")
    data = histories(time, event, strata, start)
    names, place = levels_of(group, len(data.stop), levels)
    size = len(names)
    observed, expected, var = np.zeros(size), np.zeros(size), np.zeros((size, size))
    for deaths, risk in tables(data, place, size):
        d, n = deaths.sum(axis=1), risk.sum(axis=1)
        weight = np.concatenate(([1.0], np.cumprod(1 - d / n)))[:-1] ** rho
        share = risk / n[:, None]
        observed += weight @ deaths
        expected += (weight * d) @ share
        scale = weight**2 * d * (n - d) / np.maximum(n - 1, 1)
        var += np.diag(scale @ share) - (share * scale[:, None]).T @ share
    statistic, df = _chi_square(observed - expected, var, expected)
    n_of = tuple(int(count) for count in np.bincount(place, minlength=size))
    p = float(chdtrc(df, max(statistic, 0.0)))
    return LogRank(names, n_of, observed, expected, var, statistic, df, p, rho, len(data.strata))


def tables(data: Histories, place: NDArray[np.intp], levels: int) -> Iterator[tuple[Floats, Floats]]:
    """For each stratum, events and numbers at risk: two arrays (times of an event, levels)."""
    for rows in data.strata:
        start, stop, event, group = data.start[rows], data.stop[rows], data.event[rows], place[rows]
        times = np.unique(stop[event])
        deaths, risk = np.zeros((len(times), levels)), np.zeros((len(times), levels))
        for level in range(levels):
            mine = group == level
            ends, begins = np.sort(stop[mine]), np.sort(start[mine])
            deaths[:, level] = np.bincount(np.searchsorted(times, stop[mine & event]), minlength=len(times))
            risk[:, level] = np.searchsorted(begins, times, "left") - np.searchsorted(ends, times, "left")
        yield deaths, risk


def _chi_square(difference: Floats, var: Floats, expected: Floats) -> tuple[float, int]:
    """The quadratic form over all groups but one that expect an event, and its degrees of freedom."""
    used = np.flatnonzero(expected > 0)
    if len(used) < 2:
        return 0.0, len(expected) - 1
    used = used[1:]
    difference, var = difference[used], var[np.ix_(used, used)]
    sizes = np.linalg.eigvalsh(var)
    if sizes[0] <= SINGULAR * max(float(expected.sum()), float(sizes[-1])):
        raise InputError(
            "no test: at each time of an event the groups are not at risk together, or everyone at risk has the event"
        )
    return float(difference @ np.linalg.solve(var, difference)), len(used)
