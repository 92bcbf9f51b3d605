"""Effects as reports print them: an estimate with its standard error or confidence interval, or O-E with V.

Sources: Cochrane Handbook 6.3.1 and 6.3.2 (a standard error from an interval; ratios on the log scale);
Yusuf et al., Prog Cardiovasc Dis 1985;27:335 and Parmar et al., Stat Med 1998;17:2815 (log hazard ratio from O-E, V).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from analysis.columns import columns
from analysis.effects import Effects, Floats, GenericMeasure
from analysis.intervals import DEFAULT_LEVEL
from db.errors import InputError


@dataclass(frozen=True, slots=True)
class GenericRow:
    """One line of a meta-analysis of effects, on the scale to pool on: effect `yi`, sampling variance `vi`."""

    study: str
    yi: float
    vi: float
    group: str = ""
    lopsided: bool = False  # off the middle of the interval it came from: see `lopsided`


RATIOS: Final[tuple[GenericMeasure, ...]] = ("HR", "RR", "OR")
"""Generic measures that reports print as ratios and that are pooled as logarithms."""

# No effect is measured at such a size, and its square and inverse square are still numbers of the machine.
MAX_SIZE = 1e50
# An interval is flagged whose two halves differ by more, as metafor's conv.wald does: rounding in print explains less.
SYMMETRY = 0.1


def from_standard_errors(estimate: ArrayLike, se: ArrayLike, *, measure: GenericMeasure = "GEN") -> Effects:
    """Effects of shape (k,) from estimates and standard errors on the scale to pool on: logarithms for ratios.

    InputError for an estimate that is no number or a standard error not above 0.
    """
    yi, errors = columns(estimate, se)
    what = "needs a number with a standard error above 0"
    _refuse(~(errors > 0), what)
    with np.errstate(all="ignore"):
        return _checked(measure, yi, errors**2, what)


def from_variances(yi: ArrayLike, vi: ArrayLike, *, measure: GenericMeasure = "GEN") -> Effects:
    """Effects of shape (k,) with their sampling variances, metafor's yi and vi; InputError as above."""
    effects, variances = columns(yi, vi)
    return _checked(measure, effects, variances, "needs a number with a variance above 0")


def from_intervals(
    estimate: ArrayLike,
    ci_lb: ArrayLike,
    ci_ub: ArrayLike,
    *,
    measure: GenericMeasure = "GEN",
    level: ArrayLike = DEFAULT_LEVEL,
) -> Effects:
    """Effects of shape (k,) from estimates with confidence intervals at `level` (one for all, or one a study).

    Ratios (HR, RR, OR) are given as printed and become logarithms. The standard error is the interval's width over
    twice the normal quantile, so the interval is taken to be a Wald one. InputError for a level outside (0, 1), an
    interval of no width or without its estimate in it, or a ratio not above 0.
    """
    each = np.full(np.shape(estimate), level) if np.ndim(level) == 0 else level
    yi, lower, upper, levels = columns(estimate, ci_lb, ci_ub, each)
    _refuse(~((levels > 0) & (levels < 1)), "needs a confidence level between 0 and 1, such as 0.95")
    finite = np.isfinite(yi) & np.isfinite(lower) & np.isfinite(upper)
    _refuse(~(finite & (lower < upper) & (lower <= yi) & (yi <= upper)), "needs an estimate inside its interval")
    if measure in RATIOS:
        _refuse(
            lower <= 0, f"has a bound not above 0: give the {measure} and its interval as ratios, not as logarithms"
        )
        yi, lower, upper = np.log(yi), np.log(lower), np.log(upper)
    with np.errstate(all="ignore"):
        vi = ((upper - lower) / (2 * ndtri((1 + levels) / 2))) ** 2
    return _checked(measure, yi, vi, "has an interval too narrow or too wide to give a standard error")


def lopsided(effects: Effects, ci_lb: ArrayLike, ci_ub: ArrayLike) -> list[int]:
    """Which studies (indices) lie off the middle of their interval on the scale of `effects`: read that row again.

    The usual causes are a bound misread, a ratio taken for a difference, or an interval that is no Wald interval.
    """
    _, lower, upper = columns(effects.yi, ci_lb, ci_ub)
    if effects.measure in RATIOS:
        lower, upper = np.log(lower), np.log(upper)
    with np.errstate(all="ignore"):
        above, below = upper - effects.yi, effects.yi - lower
    return [int(at) for at in np.flatnonzero(np.abs(above - below) > SYMMETRY * np.minimum(above, below))]


def log_hazard_ratio(o_e: ArrayLike, v: ArrayLike) -> Effects:
    """Log hazard ratios (O-E)/V with variances 1/V, shape (k,), from the log-rank test's observed less expected
    events of the first group and its variance; InputError for a V not above 0.
    """
    difference, variance = columns(o_e, v)
    with np.errstate(all="ignore"):
        return _checked("HR", difference / variance, 1 / variance, "needs O-E with its variance V above 0")


def _checked(measure: GenericMeasure, yi: Floats, vi: Floats, what: str) -> Effects:
    sound = (np.abs(yi) <= MAX_SIZE) & (vi >= 1 / MAX_SIZE) & (vi <= MAX_SIZE)
    _refuse(~sound, what)
    return Effects(measure, yi, vi)


def _refuse(wrong: NDArray[np.bool_], what: str) -> None:
    if wrong.any():
        raise InputError(f"study {int(np.argmax(wrong)) + 1} {what}")
