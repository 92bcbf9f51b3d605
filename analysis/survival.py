"""Kaplan-Meier from patient-level data: curve, intervals, quantiles, numbers at risk, restricted mean.

Times are in whatever unit the caller uses, from whatever time zero the caller chose; every result is in that unit.
Sources: Kaplan & Meier, J Am Stat Assoc 1958;53:457; Greenwood's variance; the rules at ties and at flat places are
those of R's package survival (survfit, quantile.survfit, print.survfit), to which the numbers are compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from db.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Scale = Literal["log-log", "log", "plain"]

DEFAULT_LEVEL: Final = 0.95
# R's `timefix` and quantile tolerance: times, or probabilities, closer than this are the same number, written twice.
TOLERANCE: Final = float(np.sqrt(np.finfo(float).eps))
# Beyond this a double no longer holds whole numbers, and squares of areas under the curve overflow much later.
MAX_TIME: Final = 1e15


@dataclass(frozen=True, slots=True)
class Curve:
    """A Kaplan-Meier curve: one place in each array for each distinct time of an event or a censoring, ascending."""

    n: int
    events: int
    time: Floats
    n_risk: Ints  # patients whose time is not before this one
    n_event: Ints
    n_censor: Ints
    surv: Floats  # just after the time
    se_log: Floats  # Greenwood's standard error of log(surv); infinite where surv is 0
    lower: Floats  # NaN where R has NA: at 0, and on the log-log scale at 1
    upper: Floats
    level: float
    scale: Scale


@dataclass(frozen=True, slots=True)
class At:
    """A curve at one time."""

    time: float
    n_risk: int
    surv: float
    se: float | None
    lower: float | None
    upper: float | None


@dataclass(frozen=True, slots=True)
class Quantile:
    """The time by which a share of the patients had the event; None where the curve, or a bound, does not get there."""

    prob: float
    time: float | None
    lower: float | None
    upper: float | None


@dataclass(frozen=True, slots=True)
class RestrictedMean:
    """Mean time without the event, up to tau."""

    tau: float
    mean: float
    se: float
    extended: bool  # tau lies beyond the last time while patients were still without the event: the curve is drawn on


def checked(time: ArrayLike, event: ArrayLike) -> tuple[Floats, NDArray[np.bool_]]:
    """Times (n,) and events (n,) as arrays, nearly equal times made equal; InputError for what they cannot be."""
    t, e = np.asarray(time, float), np.asarray(event, float)
    if t.ndim != 1 or t.shape != e.shape:
        raise InputError("times and events must be two lists of one length, one value for each patient")
    if not t.size:
        raise InputError("no patients: give at least one time")
    if not (np.isfinite(t).all() and (t >= 0).all() and (t <= MAX_TIME).all()):
        raise InputError(f"a time is not a number from 0 to {MAX_TIME:g}; times count from each patient's time zero")
    if not np.isin(e, (0, 1)).all():
        raise InputError("an event is neither 1 (it happened) nor 0 (censored)")
    return same_times(t), e == 1


def same_times(time: Floats) -> Floats:
    """Times apart by rounding only are set to the first of them, as R does (aeqSurv); infinite ones are kept."""
    known = np.unique(time[np.isfinite(time)])
    gaps = np.diff(known)
    tied = (gaps <= TOLERANCE) | (gaps <= TOLERANCE * np.mean(np.abs(known))) if known.size else gaps > 0
    if not tied.any():
        return time
    cuts = known[np.concatenate(([True], ~tied))]
    place = np.searchsorted(cuts, time, side="right") - 1
    return np.where(np.isfinite(time), cuts[np.maximum(place, 0)], time)


def kaplan_meier(time: ArrayLike, event: ArrayLike, *, scale: Scale = "log-log", level: float = DEFAULT_LEVEL) -> Curve:
    """The curve of n patients: `time` (n,) >= 0, `event` (n,) 1 for the event and 0 for censored (`survfit`).

    A censoring at the time of an event counts as after it. InputError: no patients, other values, unequal lengths.
    """
    if scale not in ("log-log", "log", "plain"):
        raise InputError(f"no interval by {scale!r}: use log-log, log or plain")
    if not 0 < level < 1:
        raise InputError(f"a confidence level of {level} is not between 0 and 1")
    t, e = checked(time, event)
    steps, place = np.unique(t, return_inverse=True)
    n_event = np.bincount(place, e, len(steps)).astype(np.int64)
    leaving = np.bincount(place, minlength=len(steps))
    n_risk = len(t) - np.concatenate(([0], np.cumsum(leaving)[:-1]))
    surv = np.cumprod((n_risk - n_event) / n_risk)
    last = n_risk == n_event
    greenwood = np.where(last, np.inf, n_event / (n_risk * np.where(last, 1.0, n_risk - n_event)))
    se_log = np.sqrt(np.cumsum(greenwood))
    lower, upper = _interval(surv, se_log, scale, level)
    return Curve(
        len(t), int(e.sum()), steps, n_risk, n_event, leaving - n_event, surv, se_log, lower, upper, level, scale
    )


def _interval(surv: Floats, se_log: Floats, scale: Scale, level: float) -> tuple[Floats, Floats]:
    """Bounds as R's survfit_confint gives them; NaN at 0, and on the log-log scale at 1 too."""
    known = surv > 0 if scale != "log-log" else (surv > 0) & (surv < 1)
    lower, upper = np.full_like(surv, np.nan), np.full_like(surv, np.nan)
    s, z = surv[known], float(ndtri((1 + level) / 2))
    half = z * se_log[known]
    if scale == "plain":
        lower[known], upper[known] = np.maximum(s - half * s, 0), np.minimum(s + half * s, 1)
    elif scale == "log":
        lower[known], upper[known] = s * np.exp(-half), np.minimum(s * np.exp(np.minimum(half, 700.0)), 1)
    else:
        half = half / np.log(s)  # negative: the log of minus the log turns the order round
        hazard = np.log(-np.log(s))
        lower[known], upper[known] = np.exp(-np.exp(hazard - half)), np.exp(-np.exp(hazard + half))
    return lower, upper


def at_times(curve: Curve, times: ArrayLike) -> tuple[At, ...]:
    """The curve at each of the times >= 0 (`summary(survfit, times, extend = TRUE)`).

    n_risk counts the patients whose time is not before it, so it is 0 past the last time, where the curve is carried
    on. Before the first time the curve and its bounds are 1.
    """
    wanted = np.atleast_1d(np.asarray(times, float))
    if not (np.isfinite(wanted).all() and (wanted >= 0).all()):
        raise InputError("a time to read the curve at is not a number from 0 up")
    after = np.searchsorted(curve.time, wanted, side="right") - 1
    before = np.searchsorted(curve.time, wanted, side="left")
    risk = np.append(curve.n_risk, 0)
    found = []
    for t, i, j in zip(wanted, after, before, strict=True):
        if i < 0:
            found.append(At(float(t), int(risk[j]), 1.0, 0.0, 1.0, 1.0))
            continue
        s = float(curve.surv[i])
        se = s * float(curve.se_log[i]) if s > 0 else None
        found.append(At(float(t), int(risk[j]), s, se, number(curve.lower[i]), number(curve.upper[i])))
    return tuple(found)


def quantiles(curve: Curve, probs: ArrayLike = (0.25, 0.5, 0.75)) -> tuple[Quantile, ...]:
    """Times by which the shares `probs` (each between 0 and 1) had the event, with bounds (`quantile.survfit`).

    Where the curve is flat at exactly 1 - prob, the time is the middle of the flat stretch. The bounds are where the
    curve's own bounds cross the same height.
    """
    p = np.atleast_1d(np.asarray(probs, float))
    if not ((p > 0) & (p < 1)).all():
        raise InputError("a quantile's share must be between 0 and 1, such as 0.5 for the median")
    ends = (_crossing(curve.time, heights, p) for heights in (curve.surv, curve.lower, curve.upper))
    return tuple(Quantile(float(q), *found) for q, *found in zip(p, *ends, strict=True))


def median(curve: Curve) -> Quantile:
    """The median time with its bounds."""
    return quantiles(curve, 0.5)[0]


def _crossing(time: Floats, heights: Floats, probs: Floats) -> list[float | None]:
    """R's `findq`: the first place where 1 - height reaches prob, averaged with where it passes it."""
    x, y = np.concatenate(([0.0], time)), np.concatenate(([0.0], 1 - heights))
    _, first = np.unique(y, return_index=True)  # all NaN count as one, as in R
    kept = np.sort(first)
    end = x[-1]
    x, y = x[kept], y[kept]
    if np.nanmax(y) < probs.min():
        return [None] * len(probs)
    found: list[float | None] = []
    for p in probs:
        reached = _lowest(y, p - TOLERANCE)
        passed = _lowest(y, p + TOLERANCE)
        if reached is not None and abs(p - y[-1]) < TOLERANCE:
            found.append(float(x[reached] + end) / 2)
        elif reached is None or passed is None:
            found.append(None)
        else:
            found.append(float(x[reached] + x[passed]) / 2)
    return found


def _lowest(y: Floats, limit: float) -> int | None:
    """The place of the smallest y that is at least the limit: bounds need not fall all the way."""
    if not (y >= limit).any():
        return None
    return int(np.argmin(np.where(y >= limit, y, np.inf)))


def restricted_mean(curve: Curve, tau: float) -> RestrictedMean:
    """The area under the curve from 0 to tau, with its standard error (`print(survfit, rmean = tau)`).

    As in R the curve is carried on at its last height where tau lies beyond it (`extended` says so), and InputError
    where tau lies before every time: nothing was observed to end by then.
    """
    if not (np.isfinite(tau) and 0 < tau <= MAX_TIME):
        raise InputError(f"tau = {tau} is not a time above 0")
    if tau < curve.time[0]:
        raise InputError(
            f"tau = {tau:g} lies before the first time ({curve.time[0]:g}): no mean can be told; take a later tau"
        )
    kept = curve.time <= tau
    surv = curve.surv[kept]
    widths = np.diff(np.concatenate(([0.0], curve.time[kept], [tau])))
    areas = widths * np.concatenate(([1.0], surv))
    risk, events = curve.n_risk[kept], curve.n_event[kept]
    last = risk == events
    greenwood = np.where(last, 0.0, events / (risk * np.where(last, 1.0, risk - events)))
    beyond = np.cumsum(areas[:0:-1])[::-1]  # the area to the right of each time
    extended = bool(tau > curve.time[-1] and curve.surv[-1] > 0)
    return RestrictedMean(float(tau), float(areas.sum()), float(np.sqrt(np.sum(beyond**2 * greenwood))), extended)


def number(value: float) -> float | None:
    """A float, or None for what is no finite number."""
    return float(value) if np.isfinite(value) else None
