"""How sure tau2 is: its standard error by each estimator, and its Q-profile interval with those of I2 and H2.

Sources: Viechtbauer, J Educ Behav Stat 2005;30:261 (standard errors); Viechtbauer, Stat Med 2007;26:37 (Q-profile).
Agrees with metafor's `rma.uni` (se.tau2) and `confint(type="QP")`: tests/test_oracle_extras.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import chdtri

from analysis.effects import Effects, Floats
from analysis.heterogeneity import h_squared, i_squared
from analysis.intervals import DEFAULT_LEVEL
from analysis.tau2 import (
    Estimator,
    checked,
    dersimonian_laird,
    empirical_bayes,
    hedges,
    hunter_schmidt,
    maximum_likelihood,
    paule_mandel,
    residuals,
    restricted_maximum_likelihood,
    sidik_jonkman,
    solve_generalized_q,
)
from db.errors import InputError


@dataclass(frozen=True, slots=True)
class Tau2Interval:
    """Bounds of tau2, and of I2 (percent) and H2 as they follow from it."""

    tau2_lb: float
    tau2_ub: float
    I2_lb: float
    I2_ub: float
    H2_lb: float
    H2_ub: float
    level: float


def q_profile(effects: Effects, *, level: float = DEFAULT_LEVEL) -> Tau2Interval:
    """The tau2 at which the generalized Q meets the quantiles of chi-squared; it needs no estimator.

    Both bounds are 0 where the effects agree more closely than chance lets them (metafor: "null set").
    InputError for fewer than two studies, what cannot be pooled, or a level outside (0, 1).
    """
    yi, vi = checked(effects.yi, effects.vi)
    if not 0 < level < 1:
        raise InputError(f"confidence level {level} cannot be; give a number between 0 and 1, such as 0.95")
    if len(yi) < 2:
        raise InputError("one study says nothing of the variance between studies; add another")
    tail = (1 - level) / 2
    lb, ub = (solve_generalized_q(yi, vi, float(chdtri(len(yi) - 1, p))) for p in (tail, 1 - tail))
    return Tau2Interval(lb, ub, i_squared(lb, vi), i_squared(ub, vi), h_squared(lb, vi), h_squared(ub, vi), level)


def tau2_standard_error(
    estimator: Estimator, yi: Floats, vi: Floats, tau2: float, X: Floats | None = None
) -> float | None:
    """The asymptotic standard error of `tau2` as `estimator` found it; X as for the estimator.

    None for an estimator not of `analysis.tau2`, or where no study is left over to tell. InputError as there.
    """
    formula = _FORMULAS.get(estimator)
    if formula is None or len(yi) <= (1 if X is None else X.shape[1]):
        return None
    return float(np.sqrt(formula(yi, vi, tau2, X)))


def _dersimonian_laird(yi: Floats, vi: Floats, tau2: float, X: Floats | None) -> float:
    fit = residuals(yi, vi, 0.0, X)
    return _scatter(fit.df, fit.trace, fit.squares(), tau2) / fit.trace**2


def _hunter_schmidt(yi: Floats, vi: Floats, tau2: float, X: Floats | None) -> float:
    fit = residuals(yi, vi, 0.0, X)
    return _scatter(fit.df, fit.trace, fit.squares(), tau2) / float(fit.wi.sum()) ** 2


def _hedges(yi: Floats, vi: Floats, tau2: float, X: Floats | None) -> float:
    fit = residuals(yi, np.ones_like(vi), 0.0, X)
    return _scatter(fit.squares(vi, vi), float(fit.diagonal @ vi), fit.df, tau2) / fit.df**2


def _sidik_jonkman(yi: Floats, vi: Floats, tau2: float, X: Floats | None) -> float:
    crude = float(np.var(yi))
    fit = residuals(yi, vi, crude, X)
    scatter = _scatter(fit.squares(vi, vi), fit.squares(vi), fit.squares(), tau2)
    return scatter * (crude / fit.df) ** 2


def _scatter(sampling: float, mixed: float, between: float, tau2: float) -> float:
    """The variance of a quadratic form in the effects, by the powers of tau2 in it."""
    return 2 * sampling + 4 * tau2 * mixed + 2 * tau2**2 * between


def _maximum_likelihood(yi: Floats, vi: Floats, tau2: float, X: Floats | None) -> float:
    return float(2 / np.sum((vi + tau2) ** -2))


def _restricted(yi: Floats, vi: Floats, tau2: float, X: Floats | None) -> float:
    return 2 / residuals(yi, vi, tau2, X).squares()


def _paule_mandel(yi: Floats, vi: Floats, tau2: float, X: Floats | None) -> float:
    k, p = len(yi), 1 if X is None else X.shape[1]
    return float(2 * k**2 / (k - p) / np.sum(1 / (vi + tau2)) ** 2)


_FORMULAS: Final[dict[Estimator, Callable[[Floats, Floats, float, Floats | None], float]]] = {
    dersimonian_laird: _dersimonian_laird,
    hunter_schmidt: _hunter_schmidt,
    hedges: _hedges,
    sidik_jonkman: _sidik_jonkman,
    maximum_likelihood: _maximum_likelihood,
    restricted_maximum_likelihood: _restricted,
    paule_mandel: _paule_mandel,
    empirical_bayes: _paule_mandel,
}
