"""What pooling over tables gives, Mantel-Haenszel's way or Peto's: an estimate without a between-study variance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, ndtr

from analysis.effects import Floats
from analysis.estimates import critical_value
from analysis.two_groups import Tables


@dataclass(frozen=True, slots=True)
class ChiSquare:
    """A test: its statistic, and the p-value of the chi-square with `df`, None where df is 0."""

    statistic: float
    df: int
    p_value: float | None


@dataclass(frozen=True, slots=True)
class StratifiedFit:
    """A common effect pooled over tables, on the scale of the effects: the logarithm for ratios."""

    estimate: float
    se: float
    statistic: float
    p_value: float
    ci_lb: float
    ci_ub: float
    Q: float
    Q_df: int
    Q_p: float
    I2: float
    H2: float
    weights: Floats  # percent, shape (k,)
    k: int  # tables
    k_informative: int  # those that have both an event and a patient without one
    cmh: ChiSquare | None = None  # OR only: is there any association?
    breslow_day: ChiSquare | None = None  # OR only: is the odds ratio common?
    tarone: ChiSquare | None = None  # the same, with Tarone's correction


def stratified(
    found: Tables,
    estimate: float,
    se: float,
    weights: Floats,
    q: float,
    level: float,
    *,
    cmh: ChiSquare | None = None,
    homogeneity: tuple[ChiSquare, ChiSquare] | tuple[None, None] = (None, None),
) -> StratifiedFit:
    """The fit around an estimate: normal interval and test; Q has one degree less than there are informative tables."""
    informative = int(np.sum(~found.double_zero))
    df = max(informative - 1, 0)
    half = critical_value(level, "z", df) * se
    return StratifiedFit(
        estimate=estimate,
        se=se,
        statistic=estimate / se,
        p_value=float(2 * ndtr(-abs(estimate / se))),
        ci_lb=estimate - half,
        ci_ub=estimate + half,
        Q=q,
        Q_df=df,
        Q_p=float(chdtrc(df, q)) if df else 1.0,
        I2=100 * max(0.0, (q - df) / q) if df and q > 0 else 0.0,
        H2=q / df if df else 1.0,
        weights=100 * weights / np.sum(weights),
        k=len(found.a),
        k_informative=informative,
        cmh=cmh,
        breslow_day=homogeneity[0],
        tarone=homogeneity[1],
    )
