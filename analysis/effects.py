"""Effect sizes for single proportions and the way back, with the conventions of metafor's `escalc`.

Sources: Viechtbauer, J Stat Softw 2010;36(3) (metafor); Freeman & Tukey, Ann Math Stat 1950;21:607;
Miller, Am Stat 1978;32:138 (the inverse of the double arcsine).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from analysis.columns import columns, proportion_counts
from db.errors import InputError
from db.model import Row

Floats = NDArray[np.float64]
Measure = Literal["PR", "PLN", "PLO", "PAS", "PFT"]
TwoGroupMeasure = Literal["RR", "OR", "RD", "AS", "PETO"]  # analysis/two_groups.py
GenericMeasure = Literal["GEN", "HR", "RR", "OR"]  # analysis/generic.py: effects as the reports give them

# metafor's default: add=1/2, to="only0": to both cells of a study whose own events or non-events are 0.
ZERO_CELL = 0.5


@dataclass(frozen=True, slots=True)
class Effects:
    """Effect sizes of k studies: `yi` and sampling variances `vi`, both of shape (k,)."""

    measure: Measure | TwoGroupMeasure | GenericMeasure
    yi: Floats
    vi: Floats


def counts(rows: Sequence[Row]) -> tuple[Floats, Floats]:
    """Events and totals of `rows` as float arrays of shape (k,); InputError names a row that cannot be."""
    if not rows:
        raise InputError("nothing to pool: the table has no rows; give at least one study")
    for row in rows:
        if row.total < 1 or not 0 <= row.events <= row.total:
            raise InputError(
                f"study {row.study!r}: {row.events} events of {row.total} patients cannot be;"
                " events must lie between 0 and a total of at least 1"
            )
    return np.array([row.events for row in rows], float), np.array([row.total for row in rows], float)


def effect_sizes(measure: Measure, events: ArrayLike, total: ArrayLike) -> Effects:
    """Effect sizes of `events` of `total` patients: arrays of shape (k,), 0 <= events <= total, total >= 1.

    PR raw, PLN log, PLO logit, PAS arcsine square root, PFT Freeman-Tukey double arcsine (metafor's scale,
    half of Stata's). InputError for an unknown measure, and for counts that cannot be.
    """
    if measure not in _FORWARD:
        raise InputError(f"unknown measure {measure!r}; use one of {', '.join(_FORWARD)}")
    x, n = proportion_counts(*columns(events, total))
    yi, vi = _FORWARD[measure](x, n)
    return Effects(measure, yi, vi)


def back_transform(measure: Measure, value: float, total: ArrayLike) -> float:
    """A pooled `value` as a proportion. `total` (shape (k,)) matters to PFT only: harmonic mean of n.

    As in metafor, PR and PLN may leave [0, 1]; PAS and PFT are clamped to it. InputError for a value that is not
    finite and for totals below 1; the inverse of a logarithm beyond the numbers of the machine is infinite.
    """
    if not np.isfinite(value):
        raise InputError(f"{value} is no pooled value: there is nothing to transform back")
    if measure == "PLN":
        with np.errstate(over="ignore"):
            return float(np.exp(value))
    if measure == "PLO":
        return float(expit(value))
    if measure == "PAS":
        return float(np.sin(np.clip(value, 0.0, np.pi / 2)) ** 2)
    if measure == "PFT":
        return inverse_freeman_tukey(value, harmonic_mean(total))
    return float(value)


def harmonic_mean(total: ArrayLike) -> float:
    """The harmonic mean of group sizes, Miller's n for a pooled value; InputError for a size below 1."""
    (n,) = columns(total)
    proportion_counts(0, n)
    return float(1.0 / np.mean(1.0 / n))


def freeman_tukey(events: ArrayLike, total: ArrayLike) -> Floats:
    """The double arcsine of `events` of `total`, on metafor's scale (0 to pi/2)."""
    x, n = np.asarray(events, float), np.asarray(total, float)
    return np.asarray(0.5 * (np.arcsin(np.sqrt(x / (n + 1))) + np.arcsin(np.sqrt((x + 1) / (n + 1)))))


def inverse_freeman_tukey(value: float, n: float) -> float:
    """Miller's inverse of the double arcsine for group size `n`, clamped as metafor's transf.ipft.hm does."""
    if value >= float(freeman_tukey(n, n)):
        return 1.0
    if value <= float(freeman_tukey(0.0, n)):
        return 0.0
    sine = np.sin(2 * value)
    inner = 1 - (sine + (sine - 1 / sine) / n) ** 2  # at the clamps 0 up to rounding
    return float(0.5 * (1 - np.sign(np.cos(2 * value)) * np.sqrt(max(inner, 0.0))))


def _cells(x: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Events and non-events, with ZERO_CELL added to both where one of them is 0."""
    add = np.where((x == 0) | (x == n), ZERO_CELL, 0.0)
    return x + add, n - x + add


def _raw(x: Floats, n: Floats) -> tuple[Floats, Floats]:
    a, b = _cells(x, n)
    p = a / (a + b)
    return p, p * (1 - p) / (a + b)


def _log(x: Floats, n: Floats) -> tuple[Floats, Floats]:
    a, b = _cells(x, n)
    return np.log(a / (a + b)), 1 / a - 1 / (a + b)


def _logit(x: Floats, n: Floats) -> tuple[Floats, Floats]:
    a, b = _cells(x, n)
    return np.log(a / b), 1 / a + 1 / b


def _arcsine(x: Floats, n: Floats) -> tuple[Floats, Floats]:
    return np.arcsin(np.sqrt(x / n)), 1 / (4 * n)


def _double_arcsine(x: Floats, n: Floats) -> tuple[Floats, Floats]:
    return freeman_tukey(x, n), 1 / (4 * n + 2)


_FORWARD: dict[Measure, Callable[[Floats, Floats], tuple[Floats, Floats]]] = {
    "PR": _raw,
    "PLN": _log,
    "PLO": _logit,
    "PAS": _arcsine,
    "PFT": _double_arcsine,
}
