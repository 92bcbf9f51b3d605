"""Maximum-likelihood fits of the GLMMs of two groups: estimate, standard error, tau and the tests, on the log scale.

The door to them, with their refusals, is `analysis.glmm_two_groups`; the likelihoods are `two_group_likelihoods`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.effects import ZERO_CELL, Floats
from analysis.glmm import MAX_TAU, Likelihood
from analysis.maximum import BOUNDARY_GAIN, Maximum, maximise
from analysis.two_group_likelihoods import (
    LARGEST_LOG_ODDS_RATIO,
    FixedStudies,
    NonCentral,
    RandomStudies,
    Tables,
)
from db.errors import InputError

START_TAUS: Final = (0.1, 0.3, 0.7, 1.5)


@dataclass(frozen=True, slots=True)
class Fit:
    """What a fit gives; None where its model has no such figure."""

    theta: float
    se: float
    tau: float
    loglik: float
    Q: float
    Q_wald: float | None = None
    conditional: float | None = None
    sigma2: float | None = None


def _fit_fixed(tables: Tables) -> Fit:
    likelihood = FixedStudies(tables)
    theta, se, tau, value, common = _two_parameters(likelihood, tables)
    cells = np.array([tables.e1, tables.n1 - tables.e1, tables.e2, tables.n2 - tables.e2])
    a, b, c, d = cells[:, cells.min(axis=0) > 0]
    wald = _scatter(np.log(a * d / (b * c)), 1 / (1 / a + 1 / b + 1 / c + 1 / d))
    conditional = likelihood.conditional(theta, tau) + likelihood.constant
    Q = 2 * (likelihood.saturated - common)
    return Fit(theta, se, tau, value + likelihood.constant, Q, wald, conditional)


def _fit_approximate(tables: Tables) -> Fit:
    """Of a + c events a fell to group 1: binomial with log odds theta + tau z + log(n1 / n2), if events are rare."""
    offset = np.log(tables.n1 / tables.n2)
    likelihood = Likelihood(tables.e1, tables.e1 + tables.e2, offset=offset)
    theta, se, tau, value, common = _two_parameters(likelihood, tables)
    inner = (tables.e1 > 0) & (tables.e2 > 0)
    a, c = tables.e1[inner], tables.e2[inner]
    wald = _scatter(np.log(a / c) - offset[inner], a * c / (a + c))
    conditional = likelihood.conditional(theta, tau) + likelihood.constant
    Q = 2 * (likelihood.binomial.saturated - common)
    return Fit(theta, se, tau, value + likelihood.constant, Q, wald, conditional)


def _fit_exact(tables: Tables) -> Fit:
    likelihood = NonCentral(tables)
    theta, se, tau, value, common = _two_parameters(likelihood, tables)
    own = _conditional_estimates(likelihood, _log_odds_ratios(tables))
    log_p, _, variance = likelihood.moments(own)
    inner = likelihood.inner
    saturated = float(np.sum(log_p[inner]))  # a study at an end of its support reaches probability 1
    return Fit(theta, se, tau, value, 2 * (saturated - common), _scatter(own[inner], variance[inner]))


def _fit_random(tables: Tables) -> Fit:
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
    return Fit(float(p.point[0]), se, tau, p.value + likelihood.constant, Q, sigma2=sigma2)


FITS: Final[dict[str, Callable[[Tables], Fit]]] = {
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
