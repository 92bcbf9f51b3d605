"""Meta-regression: how the effects change with what is known of each study, and what variance is left.

Agrees with metafor's `rma(yi, vi, mods=…, method=…, test="z" | "knha")`: tests/test_oracle_extras.py. Sources:
Berkey et al., Stat Med 1995;14:395; Knapp & Hartung, Stat Med 2003;22:2693; Raudenbush 1994 (R2). Moderators of whole
studies say nothing of the patients in them (Berlin et al., Stat Med 2002;21:371).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import chdtrc, fdtrc, ndtr, stdtr

from analysis.effects import Effects, Floats
from analysis.estimates import critical_value
from analysis.heterogeneity import cochran_q
from analysis.intervals import DEFAULT_LEVEL
from analysis.inverse_variance import Test
from analysis.tau2 import LARGEST, Estimator, checked, residuals, restricted_maximum_likelihood
from analysis.tau2_interval import tau2_standard_error
from db.errors import InputError

INTERCEPT: Final = "intercept"
# R's lm drops a column whose part that no other column explains is shorter than this, relative to its length.
DEPENDENT: Final = 1e-7
# metafor's `evtol`: the smallest eigenvalue of X'X that it calls full rank.
SMALLEST_EIGENVALUE: Final = 1e-7


@dataclass(frozen=True, slots=True)
class Coefficient:
    """One coefficient with its test of 0; statistic and p are None where the fit is perfect (se 0)."""

    name: str
    estimate: float
    se: float
    statistic: float | None
    p_value: float | None
    ci_lb: float
    ci_ub: float


@dataclass(frozen=True, slots=True)
class Regression:
    """A meta-regression of k studies on p coefficients, the intercept first. I2 and R2 are percent."""

    coefficients: tuple[Coefficient, ...]
    k: int
    tau2: float  # left over, beyond the moderators
    tau2_se: float | None
    I2: float
    H2: float
    R2: float | None  # of tau2 without moderators; for a common effect lm's adjusted R2; None where undefined
    QE: float  # residual heterogeneity
    QE_df: int
    QE_p: float
    QM: float | None  # test of all moderators: chi-squared under z, F under Knapp-Hartung
    QM_df: int
    QM_df2: int | None  # F's second degrees of freedom
    QM_p: float | None
    test: Test
    level: float


def meta_regression(
    effects: Effects,
    moderators: Mapping[str, Sequence[float] | Floats],
    estimator: Estimator | None = restricted_maximum_likelihood,
    *,
    test: Test = "z",
    level: float = DEFAULT_LEVEL,
) -> Regression:
    """Regress the k effects on `moderators`: a number for each study, under the moderator's name.

    A common-effect model when `estimator` is None. InputError for moderators that are no numbers, of another length,
    collinear (R's tolerances), or too many: k must exceed their number by two, in a common-effect model by one.
    """
    yi, vi = checked(effects.yi, effects.vi)
    if not 0 < level < 1:
        raise InputError(f"confidence level {level} cannot be; give a number between 0 and 1, such as 0.95")
    X = design_matrix(moderators, len(yi))
    k, p = X.shape
    if k - p < (0 if estimator is None and test == "z" else 1):
        raise InputError(f"{k} studies cannot carry {p} coefficients and what is left over; use fewer moderators")
    tau2 = 0.0 if estimator is None else estimator(yi, vi, X)
    estimate, covariance = _solve(yi, 1 / (vi + tau2), X, test)
    residual = residuals(yi, vi, 0.0, X).rss
    joint, joint_p = _moderators_test(estimate[1:], covariance[1:, 1:], test, k - p)
    I2, H2 = _explained(yi, vi, X, tau2, residual, estimator)
    return Regression(
        coefficients=_coefficients((INTERCEPT, *moderators), estimate, covariance, test, k - p, level),
        k=k,
        tau2=tau2,
        tau2_se=None if estimator is None else tau2_standard_error(estimator, yi, vi, tau2, X),
        I2=I2,
        H2=H2,
        R2=_r_squared(yi, vi, tau2, residual, k - p, estimator),
        QE=residual,
        QE_df=k - p,
        QE_p=float(chdtrc(k - p, residual)) if k > p else 1.0,
        QM=joint,
        QM_df=p - 1,
        QM_df2=None if test == "z" else k - p,
        QM_p=joint_p,
        test=test,
        level=level,
    )


def design_matrix(
    moderators: Mapping[str, Sequence[float] | Floats], k: int, *, smallest_eigenvalue: float = SMALLEST_EIGENVALUE
) -> Floats:
    """An intercept and a column for each moderator, shape (k, 1 + m); InputError as `meta_regression` says."""
    if not moderators:
        raise InputError("a meta-regression needs a moderator; give at least one")
    columns = [np.ones(k)]
    for name, values in moderators.items():
        try:
            column = np.asarray(values, float)
        except (TypeError, ValueError):
            raise InputError(f"moderator {name!r}: not all numbers; leave out the study or the moderator") from None
        if column.shape != (k,) or not (np.abs(column) <= LARGEST).all():
            raise InputError(
                f"moderator {name!r}: give one number, not beyond {LARGEST:g}, for each of the {k} studies"
            )
        left = column - np.linalg.lstsq(np.column_stack(columns), column, rcond=None)[0] @ np.array(columns)
        if np.linalg.norm(left) <= DEPENDENT * np.linalg.norm(column):
            raise InputError(f"moderator {name!r}: constant, or collinear with those before it; leave it out")
        columns.append(column)
    X = np.column_stack(columns)
    if np.linalg.eigvalsh(X.T @ X)[0] <= smallest_eigenvalue:
        raise InputError("the moderators are nearly collinear, or very small numbers; leave one out or rescale them")
    return X


def _solve(yi: Floats, wi: Floats, X: Floats, test: Test) -> tuple[Floats, Floats]:
    """Coefficients and their covariance; Knapp-Hartung scales it by how far the effects scatter about the line."""
    root = np.sqrt(wi)
    basis, upper = np.linalg.qr(root[:, None] * X)
    estimate = np.linalg.solve(upper, basis.T @ (root * yi))
    inverse = np.linalg.inv(upper)
    covariance = inverse @ inverse.T
    if test == "knha":
        scatter = float(np.sum(wi * (yi - X @ estimate) ** 2))
        covariance = covariance * (scatter / (len(yi) - X.shape[1]) if scatter > np.finfo(float).eps else 0.0)
    if not (np.isfinite(estimate).all() and np.isfinite(covariance).all()):
        raise InputError("the moderators and variances differ by too many orders of magnitude; rescale the moderators")
    return estimate, covariance


def _coefficients(
    names: Sequence[str], estimate: Floats, covariance: Floats, test: Test, df: int, level: float
) -> tuple[Coefficient, ...]:
    critical = critical_value(level, "z" if test == "z" else "t", df)
    found = []
    for name, value, variance in zip(names, estimate, np.diag(covariance), strict=True):
        se = float(np.sqrt(variance))
        statistic = float(value / se) if se > 0 else None
        tail = None if statistic is None else ndtr(-abs(statistic)) if test == "z" else stdtr(df, -abs(statistic))
        p_value = None if tail is None else float(2 * tail)
        half = critical * se
        found.append(Coefficient(name, float(value), se, statistic, p_value, float(value - half), float(value + half)))
    return tuple(found)


def _moderators_test(estimate: Floats, covariance: Floats, test: Test, df: int) -> tuple[float | None, float | None]:
    if not np.diag(covariance).all():
        return None, None
    joint = max(0.0, float(estimate @ np.linalg.solve(covariance, estimate)))
    if test == "z":
        return joint, float(chdtrc(len(estimate), joint))
    return joint / len(estimate), float(fdtrc(len(estimate), df, joint / len(estimate)))


def _explained(
    yi: Floats, vi: Floats, X: Floats, tau2: float, residual: float, estimator: Estimator | None
) -> tuple[float, float]:
    """I2 and H2 of what is left over."""
    fit = residuals(yi, vi, 0.0, X)
    if fit.df == 0:
        return 0.0, 1.0
    if estimator is None:
        return (100 * max(0.0, (residual - fit.df) / residual) if residual > 0 else 0.0), residual / fit.df
    typical = fit.df / fit.trace
    return 100 * tau2 / (typical + tau2), tau2 / typical + 1


def _r_squared(
    yi: Floats, vi: Floats, tau2: float, residual: float, df: int, estimator: Estimator | None
) -> float | None:
    if estimator is None:
        total = cochran_q(yi, vi)
        if df == 0:
            return None
        if float(np.ptp(yi)) == 0 or total == 0:
            return 0.0
        return max(0.0, 100 * (1 - residual / df / (total / (len(yi) - 1))))
    try:
        without = estimator(yi, vi)
    except InputError:
        return None
    return max(0.0, 100 * (without - tau2) / without) if without > 0 else 0.0
