"""Mantel-Haenszel pooling of two groups, as metafor's `rma.mh` with its defaults.

The pooled estimate uses the counts as they are, so that zero cells need no correction; only Q and I2, which are read
from the studies' own effects, use corrected ones and leave out studies without events or without non-events.

Sources: Mantel & Haenszel, J Natl Cancer Inst 1959;22:719; Robins, Breslow & Greenland, Biometrics 1986;42:311 (its
variance, log OR); Greenland & Robins, Biometrics 1985;41:55 (log RR); Sato, Biometrics 1989;45:1323 (RD); Breslow
& Day, Statistical Methods in Cancer Research I, 1980, 4.4; Tarone, Biometrika 1985;72:91.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.special import chdtrc

from analysis.effects import Floats
from analysis.intervals import DEFAULT_LEVEL
from analysis.stratified import ChiSquare, StratifiedFit, stratified
from analysis.two_groups import Tables, two_group_effects
from db.errors import InputError

MhMeasure = Literal["OR", "RR", "RD"]
CONTINUITY = 0.5  # of the Cochran-Mantel-Haenszel test: metafor's correct=TRUE


def pool_mantel_haenszel(measure: MhMeasure, found: Tables, *, level: float = DEFAULT_LEVEL) -> StratifiedFit:
    """Pool k >= 1 tables as OR, RR (both logarithms) or RD.

    InputError for another measure, or where R has no estimate or no standard error: no events or no non-events in a
    group over all studies, or risks of 0 and 1 alone.
    """
    if measure not in _POOLED:
        raise InputError(f"Mantel-Haenszel pools OR, RR and RD, not {measure!r}; choose another method or measure")
    estimate, variance, weights = _POOLED[measure](found)
    se = float(np.sqrt(variance))
    q = _study_q(measure, found, estimate)
    if measure != "OR":
        return stratified(found, estimate, se, weights, q, level)
    homogeneity = _breslow_day(found, float(np.exp(estimate)))
    return stratified(
        found, estimate, se, weights, q, level, cmh=_cochran_mantel_haenszel(found), homogeneity=homogeneity
    )


def _study_q(measure: MhMeasure, found: Tables, estimate: float) -> float:
    """The studies' own effects about the pooled one; 0 with fewer than two informative studies."""
    if np.sum(~found.double_zero) < 2:
        return 0.0
    effects = two_group_effects(measure, found, drop_double_zero=True)
    return float(np.sum((effects.yi - estimate) ** 2 / effects.vi))


def _odds_ratio(t: Tables) -> tuple[float, float, Floats]:
    n = t.N
    agree, differ = (t.a + t.d) / n, (t.b + t.c) / n
    above, below = t.a * t.d / n, t.b * t.c / n
    numerator, denominator = float(above.sum()), float(below.sum())
    if numerator == 0 or denominator == 0:
        raise InputError(
            "the Mantel-Haenszel odds ratio is 0 or infinite: over all studies one group has no event, or none without"
            " one, against the other; use RD, or a model of the counts"
        )
    variance = 0.5 * (
        float(np.sum(agree * above)) / numerator**2
        + float(np.sum(agree * below + differ * above)) / (numerator * denominator)
        + float(np.sum(differ * below)) / denominator**2
    )
    return float(np.log(numerator / denominator)), variance, below


def _risk_ratio(t: Tables) -> tuple[float, float, Floats]:
    n = t.N
    numerator, denominator = float(np.sum(t.a * t.n2 / n)), float(np.sum(t.c * t.n1 / n))
    if numerator == 0 or denominator == 0:
        raise InputError(
            "the Mantel-Haenszel risk ratio is 0 or infinite: over all studies one group has no event; use RD"
        )
    # n1 n2 (a + c) - a c N of each table, written without the subtraction
    variance = float(np.sum((t.n1 * t.a * t.d + t.n2 * t.c * t.b) / n**2)) / (numerator * denominator)
    if variance == 0:
        raise InputError("every patient of every study had the event: the risk ratio is 1 without a standard error")
    return float(np.log(numerator / denominator)), variance, t.c * t.n1 / n


def _risk_difference(t: Tables) -> tuple[float, float, Floats]:
    n, share1, share2 = t.N, t.n1 / t.N, t.n2 / t.N
    weights = t.n1 * share2
    # (a n2 - c n1) / N, written without the terms that cancel
    estimate = float(np.sum((t.a * t.d - t.b * t.c) / n) / weights.sum())
    slope = float(np.sum(t.c * share1**2 - t.a * share2**2 + share1 * share2 * (t.n2 - t.n1) / 2))
    rest = float(np.sum(t.a * t.d / n + t.c * t.b / n)) / 2
    variance = (estimate * slope + rest) / float(weights.sum()) ** 2
    # what is left of the two terms where they cancel is rounding, not variance
    if variance * float(weights.sum()) ** 2 <= 16 * np.finfo(float).eps * (abs(estimate * slope) + rest):
        raise InputError(
            "every group of every study has a risk of 0 or 1, or they cancel: the risk difference has no standard error"
        )
    return estimate, variance, weights


def _cochran_mantel_haenszel(t: Tables) -> ChiSquare:
    """With the continuity correction, as metafor's and R's mantelhaen.test."""
    n = t.N
    difference = abs(float(np.sum((t.a * t.d - t.b * t.c) / n)))
    variance = float(np.sum((t.n1 / n) * (t.n2 / n) * (t.a + t.c) * ((t.b + t.d) / (n - 1))))
    statistic = (difference - CONTINUITY) ** 2 / variance
    return ChiSquare(statistic, 1, float(chdtrc(1, statistic)))


def _breslow_day(t: Tables, odds_ratio: float) -> tuple[ChiSquare, ChiSquare] | tuple[None, None]:
    """Breslow-Day's test of a common odds ratio, and Tarone's correction of it; None where an odds ratio as extreme as
    the counts are large leaves a fitted cell of 0, up to rounding, in every table.
    """
    events = t.a + t.c
    expected = _expected(t.n1, t.n2, events, odds_ratio)
    fitted = Tables(expected, t.n1 - expected, events - expected, t.n2 - events + expected)
    kept = (fitted.a > 0) & (fitted.b > 0) & (fitted.c > 0) & (fitted.d > 0)
    if not kept.any():
        return None, None
    at = fitted.where(kept)
    variance = 1 / (1 / at.a + 1 / at.b + 1 / at.c + 1 / at.d)
    deviation = t.a[kept] - at.a
    statistic = float(np.sum(deviation**2 / variance))
    corrected = max(0.0, statistic - float(np.sum(deviation)) ** 2 / float(np.sum(variance)))
    df = int(kept.sum()) - 1
    return _chi_square(statistic, df), _chi_square(corrected, df)


def _chi_square(statistic: float, df: int) -> ChiSquare:
    return ChiSquare(statistic, df, float(chdtrc(df, statistic)) if df > 0 else None)


def _expected(n1: Floats, n2: Floats, events: Floats, odds_ratio: float) -> Floats:
    """Events of group 1 at which a table of these margins has this odds ratio: the root of a quadratic.

    Of the two forms of the root each table takes the one that adds, so that no digits cancel.
    """
    linear = odds_ratio * (n1 + events) + (n2 - events)
    root = np.sqrt(np.maximum(linear**2 - 4 * n1 * events * odds_ratio * (odds_ratio - 1), 0.0))
    negative = linear < 0  # only where the odds ratio is below 1
    numerator = np.where(negative, root - linear, 2 * n1 * events * odds_ratio)
    return np.asarray(numerator / np.where(negative, 2 * (1 - odds_ratio), linear + root))


_POOLED = {"OR": _odds_ratio, "RR": _risk_ratio, "RD": _risk_difference}
