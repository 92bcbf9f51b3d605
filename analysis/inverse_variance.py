"""Inverse-variance pooling: common effect, and random effects with any estimator of tau2.

Agrees with metafor's `rma(yi, vi, method=…, test="z" | "knha")` for EE and every estimator in `analysis.tau2`:
tests/test_oracle_random_effects.py. Knapp-Hartung: Knapp & Hartung, Stat Med 2003;22:2693, unmodified, as metafor's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import chdtrc, ndtr, stdtr

from analysis.effects import Effects, Floats, back_transform, counts, effect_sizes
from analysis.estimates import FTT_DL, Pooled, Quantile, ci_words, critical_value, prediction_words
from analysis.heterogeneity import cochran_q, h_squared, i_squared
from analysis.intervals import DEFAULT_LEVEL
from analysis.tau2 import Estimator, checked, dersimonian_laird
from analysis.tau2_interval import tau2_standard_error
from db.model import Row

Test = Literal["z", "knha"]


@dataclass(frozen=True, slots=True)
class Fit:
    """A pooled mean on the scale of the effects; interval and test as `test` says: normal (z) or Knapp-Hartung."""

    estimate: float
    se: float
    statistic: float | None  # infinite where se is 0, None where the estimate is 0 too
    p_value: float | None
    ci_lb: float
    ci_ub: float
    tau2: float
    Q: float
    Q_df: int
    Q_p: float
    I2: float
    H2: float
    weights: Floats  # percent, shape (k,)
    test: Test = "z"
    tau2_se: float | None = None  # None without tau2, or for one study

    def prediction(
        self, level: float = DEFAULT_LEVEL, quantile: Quantile = "t", df: int | None = None
    ) -> tuple[float, float]:
        """Where the effect of a new study is expected, on the scale of the effects.

        Three conventions are in use: "z"; "t" with k - 1 df, the default; "t" with `df` = k - 2 (Higgins, Thompson &
        Spiegelhalter, J R Stat Soc A 2009;172:137, metafor's predtype "Riley"). With few studies they differ much.
        """
        t_df = self.Q_df if df is None else df
        half = critical_value(level, quantile, t_df) * float(np.hypot(np.sqrt(self.tau2), self.se))
        return self.estimate - half, self.estimate + half


def pool_inverse_variance(
    effects: Effects,
    estimator: Estimator | None = dersimonian_laird,
    *,
    level: float = DEFAULT_LEVEL,
    test: Test = "z",
) -> Fit:
    """Pool `effects` (k >= 1 studies): random effects with `estimator`, common effect when it is None.

    InputError for effects that are no numbers or variances not above 0. As in metafor, Knapp-Hartung gives way to z
    for one study (the Fit's `test` says so), and gives se 0 where all effects are equal: such an interval of no
    width says nothing of the precision.
    """
    yi, vi = checked(effects.yi, effects.vi)
    test = test if len(yi) > 1 else "z"
    tau2 = 0.0 if estimator is None else estimator(yi, vi)
    wi = 1 / (vi + tau2)
    estimate = float(np.sum(wi * yi) / np.sum(wi))
    se = _standard_error(yi, wi, estimate, test)
    df = len(yi) - 1
    half = critical_value(level, "z" if test == "z" else "t", df) * se
    statistic, p_value = _test(estimate, se, test, df)
    q = cochran_q(yi, vi)
    if estimator is None:  # no tau2 to read I2 from: metafor takes both from Q, and leaves H2 uncut
        i2 = 100 * max(0.0, (q - df) / q) if q > 0 else 0.0
        h2 = q / df if df else 1.0
    else:
        i2, h2 = i_squared(tau2, vi), h_squared(tau2, vi)
    return Fit(
        estimate=estimate,
        se=se,
        statistic=statistic,
        p_value=p_value,
        ci_lb=estimate - half,
        ci_ub=estimate + half,
        tau2=tau2,
        Q=q,
        Q_df=df,
        Q_p=float(chdtrc(df, q)) if df else 1.0,
        I2=i2,
        H2=h2,
        weights=100 * wi / np.sum(wi),
        test=test,
        tau2_se=None if estimator is None else tau2_standard_error(estimator, yi, vi, tau2),
    )


def _standard_error(yi: Floats, wi: Floats, estimate: float, test: Test) -> float:
    """Of the pooled mean; Knapp-Hartung scales it by how far the effects scatter about the mean."""
    if test == "z":
        return float(np.sqrt(1 / np.sum(wi)))
    scatter = float(np.sum(wi * (yi - estimate) ** 2))
    if scatter <= np.finfo(float).eps * max(1.0, estimate**2) * float(np.sum(wi)):
        return 0.0  # equal effects, up to the rounding of their mean
    return float(np.sqrt(scatter / (len(yi) - 1) / np.sum(wi)))


def _test(estimate: float, se: float, test: Test, df: int) -> tuple[float | None, float | None]:
    """The test of a mean of 0: statistic and two-sided p."""
    if se == 0:
        return (None, None) if estimate == 0 else (float(np.copysign(np.inf, estimate)), 0.0)
    statistic = estimate / se
    return statistic, float(2 * (ndtr(-abs(statistic)) if test == "z" else stdtr(df, -abs(statistic))))


def pool_freeman_tukey_dl(rows: Sequence[Row], *, level: float = DEFAULT_LEVEL) -> Pooled:
    """The published review's own method, `metaprop, random ftt` of Stata: kept to reproduce it, not as advice.

    DerSimonian-Laird on the double arcsine, z interval, transformed back with the harmonic mean of n. That
    way back can mislead (Schwarzer 2019, 10.1002/jrsm.1348; Roever & Friede 2022, arXiv 2203.04773): the GLMM
    is the model to publish. InputError for rows that cannot be, or none.
    """
    x, n = counts(rows)
    fit = pool_inverse_variance(effect_sizes("PFT", x, n), level=level)
    pi_lb, pi_ub = fit.prediction(level)

    def back(value: float) -> float:
        return back_transform("PFT", value, n)

    return Pooled(
        model=FTT_DL,
        k=len(rows),
        events=int(x.sum()),
        total=int(n.sum()),
        estimate=fit.estimate,
        se=fit.se,
        ci_lb=fit.ci_lb,
        ci_ub=fit.ci_ub,
        pi_lb=pi_lb,
        pi_ub=pi_ub,
        proportion=back(fit.estimate),
        proportion_ci=(back(fit.ci_lb), back(fit.ci_ub)),
        proportion_pi=(back(pi_lb), back(pi_ub)),
        tau2=fit.tau2,
        I2=fit.I2,
        H2=fit.H2,
        Q=fit.Q,
        Q_df=fit.Q_df,
        Q_p=fit.Q_p,
        Q_test="Cochran's Q",
        weights=tuple(float(weight) for weight in fit.weights),
        level=level,
        ci_convention=ci_words(level, "z", fit.Q_df),
        prediction_convention=prediction_words(level, "t", max(fit.Q_df, 1)),
    )
