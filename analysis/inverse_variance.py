"""Inverse-variance pooling: common effect, and random effects with any estimator of tau2.

Agrees with metafor's `rma(yi, vi, method="EE" | "DL", test="z")`: validation/README.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, ndtr

from analysis.effects import Effects, Floats, back_transform, counts, effect_sizes
from analysis.estimates import FTT_DL, Pooled, Quantile, ci_words, critical_value, prediction_words
from analysis.heterogeneity import Tau2Estimator, cochran_q, dersimonian_laird, h_squared, i_squared
from analysis.intervals import DEFAULT_LEVEL
from db.model import Row


@dataclass(frozen=True, slots=True)
class Fit:
    """A pooled mean on the scale of the effects; intervals and test are normal (z)."""

    estimate: float
    se: float
    statistic: float
    p_value: float
    ci_lb: float
    ci_ub: float
    tau2: float
    Q: float
    Q_df: int
    Q_p: float
    I2: float
    H2: float
    weights: Floats  # percent, shape (k,)

    def prediction(self, level: float = DEFAULT_LEVEL, quantile: Quantile = "t") -> tuple[float, float]:
        """Where the effect of a new study is expected, on the scale of the effects (t: k - 1 df)."""
        half = critical_value(level, quantile, self.Q_df) * float(np.hypot(np.sqrt(self.tau2), self.se))
        return self.estimate - half, self.estimate + half


def pool_inverse_variance(
    effects: Effects, estimator: Tau2Estimator | None = dersimonian_laird, *, level: float = DEFAULT_LEVEL
) -> Fit:
    """Pool `effects` (k >= 1 studies): random effects with `estimator`, common effect when it is None."""
    yi, vi = effects.yi, effects.vi
    tau2 = 0.0 if estimator is None else estimator(yi, vi)
    wi = 1 / (vi + tau2)
    estimate, se = float(np.sum(wi * yi) / np.sum(wi)), float(np.sqrt(1 / np.sum(wi)))
    half = critical_value(level, "z", 0) * se
    q, df = cochran_q(yi, vi), len(yi) - 1
    if estimator is None:  # no tau2 to read I2 from: metafor takes both from Q, and leaves H2 uncut
        i2 = 100 * max(0.0, (q - df) / q) if q > 0 else 0.0
        h2 = q / df if df else 1.0
    else:
        i2, h2 = i_squared(tau2, vi), h_squared(tau2, vi)
    return Fit(
        estimate=estimate,
        se=se,
        statistic=estimate / se,
        p_value=float(2 * ndtr(-abs(estimate / se))),
        ci_lb=estimate - half,
        ci_ub=estimate + half,
        tau2=tau2,
        Q=q,
        Q_df=df,
        Q_p=float(chdtrc(df, q)) if df else 1.0,
        I2=i2,
        H2=h2,
        weights=100 * wi / np.sum(wi),
    )


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
