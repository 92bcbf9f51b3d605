"""Two groups compared over studies by a GLMM for the odds ratio, as metafor's `rma.glmm(measure="OR")` does it.

    UM.FS  unconditional, a fixed log odds for each study       CM.AL  conditional on the events, binomial approximation
    UM.RS  unconditional, studies' log odds random as well      CM.EL  conditional on both margins, exact

Source: Jackson, Law, Stijnen, Viechtbauer & White, Stat Med 2018;37:1059. The likelihoods are in
`analysis.two_group_likelihoods`; what agrees with R, and what does not, is in validation/metafor/README.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, ndtr, stdtr

from analysis.effects import ZERO_CELL, Floats
from analysis.estimates import Quantile, ci_words, critical_value, prediction_words
from analysis.glmm import MAX_TAU, Likelihood
from analysis.heterogeneity import h_squared, i_squared
from analysis.intervals import DEFAULT_LEVEL
from analysis.maximum import BOUNDARY_GAIN, Maximum, maximise
from analysis.two_group_likelihoods import (
    LARGEST_LOG_ODDS_RATIO,
    FixedStudies,
    NonCentral,
    RandomStudies,
    Tables,
)
from db.errors import InputError

Model = Literal["UM.FS", "UM.RS", "CM.AL", "CM.EL"]
START_TAUS: Final = (0.1, 0.3, 0.7, 1.5)
TITLES: Final[dict[str, str]] = {
    "UM.FS": "Binomial-normal GLMM for the odds ratio, unconditional, fixed study effects",
    "UM.RS": "Binomial-normal GLMM for the odds ratio, unconditional, random study effects",
    "CM.AL": "Conditional GLMM for the odds ratio, binomial approximation",
    "CM.EL": "Conditional GLMM for the odds ratio, non-central hypergeometric",
}
LARGEST_EXPONENT = 700.0  # e^700 is still a number


@dataclass(frozen=True, slots=True)
class TwoGroups:
    """A pooled odds ratio of group 1 against group 2; `estimate`, `se`, `ci_*`, `pi_*`, `tau2` on the log scale."""

    model: str
    k: int  # studies that say something of the odds ratio
    left_out: int  # studies with no event, or nothing but events, in both groups: they say nothing of it
    events1: int
    total1: int
    events2: int
    total2: int
    estimate: float
    se: float
    p_value: float
    ci_lb: float
    ci_ub: float
    pi_lb: float
    pi_ub: float
    odds_ratio: float  # the median study's, exp(estimate)
    odds_ratio_ci: tuple[float, float]
    odds_ratio_pi: tuple[float, float]
    tau2: float
    sigma2: float | None  # UM.RS only: variance of the studies' log odds
    I2: float  # percent, 0-100
    H2: float
    Q: float
    Q_df: int
    Q_p: float
    Q_test: str
    Q_wald: float | None  # None for UM.RS
    Q_wald_p: float | None
    loglik: float  # of what was maximised, with all constants
    conditional_loglik: float | None  # UM.FS and CM.AL: what metafor prints as logLik (validation/metafor/README.md)
    level: float
    ci_convention: str
    prediction_convention: str


@dataclass(frozen=True, slots=True)
class _Fit:
    theta: float
    se: float
    tau: float
    loglik: float
    Q: float
    Q_wald: float | None = None
    conditional: float | None = None
    sigma2: float | None = None


def pool_two_groups(
    e1: ArrayLike,
    n1: ArrayLike,
    e2: ArrayLike,
    n2: ArrayLike,
    *,
    model: Model = "UM.FS",
    level: float = DEFAULT_LEVEL,
    ci: Quantile = "z",
) -> TwoGroups:
    """Pool the log odds ratio of `e1` events of `n1` patients against `e2` of `n2`; whole numbers of shape (k,).

    CI and prediction interval by normal quantiles as metafor's default, or by t with k - 1 df. Q is the
    likelihood-ratio test of one odds ratio for all against one for each study; `Q_wald` the Wald-type one. Studies
    without an event, or without a non-event, in both groups are left out (metafor's `drop00`). InputError for counts
    that cannot be, fewer than two informative studies, an odds ratio that is 0 or infinite in every study, or a
    likelihood without maximum.
    """
    if model not in TITLES:
        raise InputError(f"unknown model {model!r}; use one of {', '.join(TITLES)}")
    if not 0 < level < 1:
        raise InputError(f"confidence level {level} cannot be; give a number between 0 and 1, such as 0.95")
    given = _tables(e1, n1, e2, n2)
    tables = _informative(given)
    _refuse_separation(tables)
    fit = _FITS[model](tables)
    return _result(model, tables, len(given.e1) - len(tables.e1), fit, level, ci)


def _tables(e1: ArrayLike, n1: ArrayLike, e2: ArrayLike, n2: ArrayLike) -> Tables:
    try:
        columns = [np.atleast_1d(np.asarray(column, float)) for column in (e1, n1, e2, n2)]
    except (TypeError, ValueError) as error:
        raise InputError("two-by-two tables: a count is no number; give events and totals as whole numbers") from error
    if len({column.shape for column in columns}) > 1 or columns[0].ndim != 1:
        raise InputError("two-by-two tables: the four columns differ in length; give one value a study in each")
    tables = Tables(*columns)
    for events, total, group in ((tables.e1, tables.n1, 1), (tables.e2, tables.n2, 2)):
        good = np.isfinite(events) & np.isfinite(total) & (total >= 1) & (events >= 0) & (events <= total)
        good &= (np.mod(events, 1, where=good, out=np.ones_like(events)) == 0) & (np.floor(total) == total)
        if not good.all():
            i = int(np.flatnonzero(~good)[0])
            raise InputError(
                f"study {i + 1}, group {group}: {events[i]:g} events of {total[i]:g} patients cannot be;"
                " events must be a whole number between 0 and a total of at least 1"
            )
    return tables


def _informative(tables: Tables) -> Tables:
    events, total = tables.e1 + tables.e2, tables.n1 + tables.n2
    keep = (events > 0) & (events < total)
    if keep.sum() < 2:
        raise InputError(
            f"{keep.sum()} of {len(keep)} studies have both events and non-events;"
            " an odds ratio with a variance between studies needs at least two"
        )
    return Tables(tables.e1[keep], tables.n1[keep], tables.e2[keep], tables.n2[keep])


def _refuse_separation(tables: Tables) -> None:
    """An infinite odds ratio in each study has no finite estimate, and 0 in some and infinity in the rest no tau2."""
    least = (tables.e1 == 0) | (tables.e2 == tables.n2)
    most = (tables.e2 == 0) | (tables.e1 == tables.n1)
    if np.all(least) or np.all(most):
        raise InputError(
            "the odds ratio is 0, or infinite, in every study: it has no finite estimate; report the counts"
        )
    if np.all(least | most):
        raise InputError(
            "the odds ratio is 0 or infinite in every study: the variance between studies has no bound;"
            " report the counts"
        )


def _fit_fixed(tables: Tables) -> _Fit:
    likelihood = FixedStudies(tables)
    theta, se, tau, value, common = _two_parameters(likelihood, tables)
    cells = np.array([tables.e1, tables.n1 - tables.e1, tables.e2, tables.n2 - tables.e2])
    a, b, c, d = cells[:, cells.min(axis=0) > 0]
    wald = _scatter(np.log(a * d / (b * c)), 1 / (1 / a + 1 / b + 1 / c + 1 / d))
    conditional = likelihood.conditional(theta, tau) + likelihood.constant
    Q = 2 * (likelihood.saturated - common)
    return _Fit(theta, se, tau, value + likelihood.constant, Q, wald, conditional)


def _fit_approximate(tables: Tables) -> _Fit:
    """Of a + c events a fell to group 1: binomial with log odds theta + tau z + log(n1 / n2), if events are rare."""
    offset = np.log(tables.n1 / tables.n2)
    likelihood = Likelihood(tables.e1, tables.e1 + tables.e2, offset=offset)
    theta, se, tau, value, common = _two_parameters(likelihood, tables)
    inner = (tables.e1 > 0) & (tables.e2 > 0)
    a, c = tables.e1[inner], tables.e2[inner]
    wald = _scatter(np.log(a / c) - offset[inner], a * c / (a + c))
    conditional = likelihood.conditional(theta, tau) + likelihood.constant
    Q = 2 * (likelihood.binomial.saturated - common)
    return _Fit(theta, se, tau, value + likelihood.constant, Q, wald, conditional)


def _fit_exact(tables: Tables) -> _Fit:
    likelihood = NonCentral(tables)
    theta, se, tau, value, common = _two_parameters(likelihood, tables)
    own = _conditional_estimates(likelihood, _log_odds_ratios(tables))
    log_p, _, variance = likelihood.moments(own)
    inner = likelihood.inner
    saturated = float(np.sum(log_p[inner]))  # a study at an end of its support reaches probability 1
    return _Fit(theta, se, tau, value, 2 * (saturated - common), _scatter(own[inner], variance[inner]))


def _fit_random(tables: Tables) -> _Fit:
    likelihood = RandomStudies(tables)
    start, mu = _start(tables)
    found = _best(
        maximise(likelihood, np.array([start, tau, mu, sigma]), _runs_away)
        for tau in (0.3, 1.0)
        for sigma in (0.3, 1.0)
    )
    common = _best(
        maximise(lambda t, m, s: likelihood(t, np.zeros_like(t), m, s), np.array([start, mu, sigma]), _runs_away)
        for sigma in (0.3, 1.0)
    )
    saturated = _best(maximise(likelihood.saturated, np.array([mu, sigma]), _runs_away) for sigma in (0.3, 1.0))
    if found.value - common.value < BOUNDARY_GAIN:
        p, tau, sigma = common, 0.0, common.point[2]
    else:
        p, tau, sigma = found, float(found.point[1]), found.point[3]
    se = float(np.sqrt(p.covariance[0, 0]))
    Q, sigma2 = 2 * (saturated.value - common.value), float(sigma**2)
    return _Fit(float(p.point[0]), se, tau, p.value + likelihood.constant, Q, sigma2=sigma2)


_FITS: Final[dict[str, Callable[[Tables], _Fit]]] = {
    "UM.FS": _fit_fixed,
    "UM.RS": _fit_random,
    "CM.AL": _fit_approximate,
    "CM.EL": _fit_exact,
}


def _two_parameters(
    likelihood: Callable[[Floats, Floats], Floats], tables: Tables
) -> tuple[float, float, float, float, float]:
    """theta, its SE, tau and the value at the maximum over both; and the value at the maximum with tau = 0.

    The likelihood is even in tau. Where it is highest at 0, the SE is that of the model without tau.
    """
    start, _ = _start(tables)
    common = _best(
        maximise(lambda theta: likelihood(theta, np.zeros_like(theta)), np.array([at]), _runs_away)
        for at in (start, 0.0)
    )
    taus = np.array(START_TAUS)
    best = float(taus[int(np.argmax(likelihood(np.full(len(taus), common.point[0]), taus)))])
    found = _best([maximise(likelihood, np.array([common.point[0], best]), _runs_away)])
    if found.value - common.value < BOUNDARY_GAIN:
        return float(common.point[0]), float(common.covariance[0, 0] ** 0.5), 0.0, common.value, common.value
    theta, tau = (float(value) for value in found.point)
    return theta, float(found.covariance[0, 0] ** 0.5), abs(tau), found.value, common.value


def _best(found: Iterable[Maximum | None]) -> Maximum:
    """The highest of the maxima; InputError where there is none."""
    maxima = [one for one in found if one is not None]
    if not maxima:
        raise InputError("the likelihood of these tables has no finite maximum: they are too sparse; report the counts")
    return max(maxima, key=lambda one: one.value)


def _runs_away(point: Floats) -> bool:
    """No parameter is an estimate so far out: log odds of e^50, standard deviations above MAX_TAU."""
    return bool(np.abs(point[0]) > LARGEST_LOG_ODDS_RATIO or np.any(np.abs(point[1:]) > MAX_TAU))


def _log_odds_ratios(tables: Tables) -> Floats:
    a, b = tables.e1 + ZERO_CELL, tables.n1 - tables.e1 + ZERO_CELL
    c, d = tables.e2 + ZERO_CELL, tables.n2 - tables.e2 + ZERO_CELL
    return np.asarray(np.log(a * d / (b * c)))


def _start(tables: Tables) -> tuple[float, float]:
    """The log odds ratio and group 2's log odds in the sums over the studies."""
    sums = Tables(*(np.array([column.sum()]) for column in (tables.e1, tables.n1, tables.e2, tables.n2)))
    p = (sums.e2[0] + ZERO_CELL) / (sums.n2[0] + 2 * ZERO_CELL)
    return float(_log_odds_ratios(sums)[0]), float(np.log(p / (1 - p)))


def _conditional_estimates(likelihood: NonCentral, start: Floats) -> Floats:
    """Each study's own conditional maximum-likelihood log odds ratio, by Newton (where x is not at an end)."""
    own = start
    for _ in range(60):
        _, mean, variance = likelihood.moments(own)
        step = np.where(likelihood.inner, (likelihood.x - mean) / np.maximum(variance, 1e-12), 0.0)
        own = own + np.clip(step, -1.0, 1.0)
        if np.all(np.abs(step) < 1e-10):
            break
    return own


def _scatter(yi: Floats, wi: Floats) -> float:
    """Weighted squares about the weighted mean; 0 for fewer than two studies."""
    return float(np.sum(wi * (yi - np.sum(wi * yi) / np.sum(wi)) ** 2)) if len(yi) > 1 else 0.0


def _result(model: str, tables: Tables, left_out: int, fit: _Fit, level: float, ci: Quantile) -> TwoGroups:
    k, tau2 = len(tables.e1), fit.tau**2
    critical = critical_value(level, ci, k - 1)
    half, half_new = critical * fit.se, critical * float(np.sqrt(tau2 + fit.se**2))
    low, high, far_low, far_high = (fit.theta + move for move in (-half, half, -half_new, half_new))
    statistic = -abs(fit.theta / fit.se)
    vi = _sampling_variances(tables)
    Q = max(0.0, fit.Q)
    return TwoGroups(
        model=model,
        k=k,
        left_out=left_out,
        events1=int(tables.e1.sum()),
        total1=int(tables.n1.sum()),
        events2=int(tables.e2.sum()),
        total2=int(tables.n2.sum()),
        estimate=fit.theta,
        se=fit.se,
        p_value=float(2 * (ndtr(statistic) if ci == "z" else stdtr(k - 1, statistic))),
        ci_lb=low,
        ci_ub=high,
        pi_lb=far_low,
        pi_ub=far_high,
        odds_ratio=_exp(fit.theta),
        odds_ratio_ci=(_exp(low), _exp(high)),
        odds_ratio_pi=(_exp(far_low), _exp(far_high)),
        tau2=tau2,
        sigma2=fit.sigma2,
        I2=i_squared(tau2, vi),
        H2=h_squared(tau2, vi),
        Q=Q,
        Q_df=k - 1,
        Q_p=float(chdtrc(k - 1, Q)),
        Q_test="likelihood-ratio test",
        Q_wald=fit.Q_wald,
        Q_wald_p=None if fit.Q_wald is None else float(chdtrc(k - 1, fit.Q_wald)),
        loglik=fit.loglik,
        conditional_loglik=fit.conditional,
        level=level,
        ci_convention=ci_words(level, ci, k - 1),
        prediction_convention=prediction_words(level, ci, k - 1),
    )


def _sampling_variances(tables: Tables) -> Floats:
    """Of the log odds ratios, one half added to the cells of a table that has a 0, as `escalc` does."""
    cells = np.array([tables.e1, tables.n1 - tables.e1, tables.e2, tables.n2 - tables.e2])
    return np.asarray((1 / (cells + np.where(cells.min(axis=0) == 0, ZERO_CELL, 0.0))).sum(axis=0))


def _exp(value: float) -> float:
    return float(np.exp(np.clip(value, -LARGEST_EXPONENT, LARGEST_EXPONENT)))
