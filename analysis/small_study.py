"""Do small studies show other effects than large ones? Egger's regression and Begg's rank correlation.

Agrees with metafor's `regtest` and `ranktest`: tests/test_oracle_extras.py. Sources: Egger et al., BMJ 1997;315:629;
Sterne & Egger 2005; Begg & Mazumdar, Biometrics 1994;50:1088; Peters et al., JAMA 2006;295:676 (1/n).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from scipy.special import stdtr, stdtrit

from analysis.effects import Effects, Floats
from analysis.intervals import DEFAULT_LEVEL
from analysis.meta_regression import design_matrix, meta_regression
from analysis.tau2 import Estimator, checked, restricted_maximum_likelihood
from db.errors import InputError

Model = Literal["lm", "rma"]
Predictor = Literal["sei", "ninv"]

# Sterne et al., BMJ 2011;343:d4002 and Cochrane Handbook 13.3.5.4: with fewer than ten studies chance and asymmetry
# cannot be told apart. Of proportions it is worse: effect and standard error depend on each other (Hunter et al.,
# J Clin Epidemiol 2014;67:897).
MIN_STUDIES: Final = 10
# R's summary.lm calls a fit essentially perfect when the residual variance is this small beside the fitted values.
PERFECT: Final = 1e-30
# R's exact distribution of Kendall's tau overflows beyond this many studies (170! is the last factorial of a double).
MAX_EXACT: Final = 170


@dataclass(frozen=True, slots=True)
class RegressionTest:
    """The slope of the effect on the predictor; `limit` is the effect expected of an infinitely large study.

    t with `df` for "lm", z (df None) for "rma". statistic and p are None where the effects lie on the line exactly.
    """

    model: Model
    predictor: Predictor
    k: int
    slope: float
    slope_se: float
    statistic: float | None
    df: int | None
    p_value: float | None
    limit: float
    limit_lb: float
    limit_ub: float


@dataclass(frozen=True, slots=True)
class RankTest:
    """Kendall's tau of effect and variance; both figures None where the effects, or the variances, are all equal."""

    k: int
    tau: float | None
    p_value: float | None
    exact: bool


def small_study_refusal(k: int, *, proportions: bool, min_studies: int = MIN_STUDIES) -> str:
    """Why Egger's test, the rank test and trim-and-fill are not shown, or "" where they may be.

    The rule is for proportions: of them none of the three is shown for fewer than `min_studies` studies.
    """
    if not proportions or k >= min_studies:
        return ""
    return f"not shown: {k} studies, tests for small-study effects in proportions need {min_studies} (Sterne 2011)"


def egger(
    effects: Effects,
    model: Model = "lm",
    estimator: Estimator | None = restricted_maximum_likelihood,
    *,
    level: float = DEFAULT_LEVEL,
) -> RegressionTest:
    """Egger's test: regression on the standard error; see `regression_test`."""
    return regression_test(effects, model, estimator, level=level)


def regression_test(
    effects: Effects,
    model: Model = "lm",
    estimator: Estimator | None = restricted_maximum_likelihood,
    *,
    sizes: Sequence[float] | Floats | None = None,
    level: float = DEFAULT_LEVEL,
) -> RegressionTest:
    """Regress the effects on their standard errors, or on 1/n where `sizes` has the patients of each study.

    "lm" is the classical weighted regression, with a dispersion of its own and t; "rma" a meta-regression with tau2
    by `estimator` and z. InputError for fewer than three studies, sizes not above 0, or a predictor that is constant.
    """
    yi, vi = checked(effects.yi, effects.vi)
    if not 0 < level < 1:
        raise InputError(f"confidence level {level} cannot be; give a number between 0 and 1, such as 0.95")
    if len(yi) < 3:
        raise InputError(f"a regression test needs three studies, not {len(yi)}")
    predictor: Predictor = "sei" if sizes is None else "ninv"
    x = np.sqrt(vi) if sizes is None else _inverse(sizes, len(yi))
    if model == "rma":
        return _by_meta_regression(effects, predictor, x, estimator, level)
    if model == "lm":
        return _by_linear_model(yi, vi, predictor, x, level)
    raise InputError(f"unknown model {model!r} of a regression test; use lm or rma")


def rank_test(effects: Effects) -> RankTest:
    """Begg's test: do standardized effects and variances rank alike? Exact p without ties, as R's `cor.test`.

    Ties, and more than MAX_EXACT studies, take the normal approximation. InputError for fewer than two studies.
    """
    yi, vi = checked(effects.yi, effects.vi)
    if len(yi) < 2:
        raise InputError(f"a rank test needs two studies, not {len(yi)}")
    wi = 1 / vi
    spread = vi - 1 / np.sum(wi)
    if (spread <= 0).any():
        raise InputError("one study outweighs all others by far: a rank test says nothing; leave it out")
    if all_equal(yi) or float(np.ptp(vi)) == 0:
        return RankTest(len(yi), None, None, False)
    deviations = (yi - np.sum(wi * yi) / np.sum(wi)) / np.sqrt(spread)
    from scipy.stats import kendalltau  # here, because it takes longer to import than all the rest of pooling

    tied = min(len(np.unique(deviations)), len(np.unique(vi))) < len(yi)
    exact = not tied and len(yi) <= MAX_EXACT
    found = kendalltau(deviations, vi, method="exact" if exact else "asymptotic")
    return RankTest(len(yi), float(found.statistic), float(found.pvalue), exact)


def all_equal(yi: Floats) -> bool:
    """Whether the effects are equal up to rounding: then what orders them is noise (R takes it for an order)."""
    return bool(np.ptp(yi) <= 4 * np.finfo(float).eps * np.max(np.abs(yi)))


def _inverse(sizes: Sequence[float] | Floats, k: int) -> Floats:
    n = np.asarray(sizes, float)
    if n.shape != (k,) or not (np.isfinite(n) & (n > 0)).all():
        raise InputError(f"sizes: give the number of patients, above 0, of each of the {k} studies")
    return np.asarray(1 / n)


def _by_meta_regression(
    effects: Effects, predictor: Predictor, x: Floats, estimator: Estimator | None, level: float
) -> RegressionTest:
    fit = meta_regression(effects, {predictor: x}, estimator, level=level)
    limit, slope = fit.coefficients
    return RegressionTest(
        model="rma",
        predictor=predictor,
        k=fit.k,
        slope=slope.estimate,
        slope_se=slope.se,
        statistic=slope.statistic,
        df=None,
        p_value=slope.p_value,
        limit=limit.estimate,
        limit_lb=limit.ci_lb,
        limit_ub=limit.ci_ub,
    )


def _by_linear_model(yi: Floats, vi: Floats, predictor: Predictor, x: Floats, level: float) -> RegressionTest:
    """Weighted least squares by QR, the residual variance estimated, as R's lm."""
    X = design_matrix({predictor: x}, len(yi), smallest_eigenvalue=0.0)
    root = 1 / np.sqrt(vi)
    basis, upper = np.linalg.qr(root[:, None] * X)
    estimate = np.linalg.solve(upper, basis.T @ (root * yi))
    inverse = np.linalg.inv(upper)
    fitted, df = X @ estimate, len(yi) - 2
    variance = float(np.sum((yi - fitted) ** 2 / vi)) / df
    perfect = all_equal(yi) or variance < PERFECT * (float(np.mean(fitted)) ** 2 + float(np.var(fitted, ddof=1)))
    if perfect:
        variance = 0.0
    errors = np.sqrt(variance * np.sum(inverse**2, axis=1))
    limit, slope = (float(value) for value in estimate)
    statistic = None if perfect or errors[1] == 0 else slope / float(errors[1])
    half = float(stdtrit(df, (1 + level) / 2)) * float(errors[0])
    return RegressionTest(
        model="lm",
        predictor=predictor,
        k=len(yi),
        slope=0.0 if all_equal(yi) else slope,
        slope_se=float(errors[1]),
        statistic=statistic,
        df=df,
        p_value=None if statistic is None else float(2 * stdtr(df, -abs(statistic))),
        limit=limit,
        limit_lb=limit - half,
        limit_ub=limit + half,
    )
