"""The binomial-normal model: events ~ Binomial(total, expit(mu + tau z)), z ~ N(0, 1), by maximum likelihood.

Each study's integral over z is taken by adaptive Gauss-Hermite quadrature (Pinheiro & Bates, J Comput Graph Stat
1995;4:12). Model: Stijnen, Hamza & Ozdemir, Stat Med 2010;29:3046. Conventions (saturated-model tests, typical
variance of I2) are those of metafor's `rma.glmm(measure="PLO")`, which fits by lme4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from scipy.special import chdtrc, expit, gammaln, logit, xlogy

from analysis.effects import ZERO_CELL, Floats, counts, effect_sizes
from analysis.estimates import (
    GLMM_LOGIT,
    MIN_STUDIES,
    NotPooled,
    Pooled,
    Quantile,
    ci_words,
    critical_value,
    not_pooled,
    prediction_words,
    too_few,
)
from analysis.heterogeneity import h_squared, i_squared
from analysis.intervals import DEFAULT_LEVEL
from db.model import Row

# metafor's nAGQ. More points move no printed digit (validation/README.md), and would part us from R's answer.
QUADRATURE_POINTS = 7
AVERAGE_POINTS = 61  # for E[expit(mu + tau Z)]: within 1e-8 of adaptive integration up to tau = 3
START_TAUS = np.array([0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2])
MAX_STEPS = 60  # Newton needs 4 to 12; what is still moving after 60 has no maximum to find
MAX_TAU = 20.0  # on the logit scale odds of 1 to 5e8 between studies one SD apart: not an estimate but a divergence
DECREMENT = 1e-14  # stop when a Newton step would raise the log-likelihood by less: 1e-7 standard errors
ROUNDING = 1e-8  # a step that promises less and yet finds nothing higher has met the limit of the arithmetic
DIFFERENCE = 1e-3  # step of the central differences, in units of the parameter's standard error
BOUNDARY_GAIN = 1e-9  # a tau2 that gains less log-likelihood over tau2 = 0 than this is 0


@dataclass(frozen=True, slots=True)
class GlmmFit:
    """Maximum-likelihood estimates on the logit scale, and two log-likelihoods with all constants."""

    mu: float
    se: float
    tau2: float
    loglik: float  # marginal: what was maximised
    conditional_loglik: float  # given the studies' modes: what metafor 5 prints as logLik, through lme4's deviance


class Likelihood:
    """The marginal log-likelihood of events and totals (shape (k,)) at many parameter points at once.

    A study's binomial term is taken as a difference from a reference logit near its own, so that millions of
    patients lose no digits: l(eta) - l(ref) = x d - n log(1 + p_ref (e^d - 1)), d = eta - ref.
    """

    def __init__(self, events: Floats, total: Floats, points: int = QUADRATURE_POINTS) -> None:
        self.x, self.n = events, total
        self.p_ref = (events + ZERO_CELL) / (total + 2 * ZERO_CELL)
        self.ref = logit(self.p_ref)
        self.information = total * self.p_ref * (1 - self.p_ref)
        self.nodes, self.log_weights = _gauss_hermite(points)
        chosen = gammaln(total + 1) - gammaln(events + 1) - gammaln(total - events + 1)
        at_reference = xlogy(events, self.p_ref) + xlogy(total - events, 1 - self.p_ref)
        self.constant = float(np.sum(chosen + at_reference))

    def __call__(self, mu: Floats, tau: Floats) -> Floats:
        """Log-likelihood (shape (m,)), less the constant, at m pairs of `mu` and `tau`."""
        mu, tau = mu[:, None], tau[:, None]
        mode, sd = self._modes(mu, tau)
        z = mode[..., None] + sd[..., None] * self.nodes
        joint = self._log_joint(z, mu[..., None], tau[..., None]) + self.log_weights
        peak = joint.max(axis=-1)
        integral = peak + np.log(np.exp(joint - peak[..., None]).sum(axis=-1)) + np.log(sd)
        return np.asarray(integral.sum(axis=-1))

    def _log_joint(self, z: Floats, mu: Floats, tau: Floats) -> Floats:
        """log p(x | z) + log phi(z), for z of shape (m, k, points)."""
        distance = mu + tau * z - self.ref[:, None]
        kernel = self.x[:, None] * distance - self.n[:, None] * np.log1p(self.p_ref[:, None] * np.expm1(distance))
        return np.asarray(kernel - z**2 / 2)

    def conditional(self, mu: float, tau: float) -> float:
        """Binomial log-likelihood at the modes of the studies' z, less the constant."""
        at, spread = np.array([[mu]]), np.array([[tau]])
        mode = self._modes(at, spread)[0][..., None]
        return float(np.sum(self._log_joint(mode, at[..., None], spread[..., None]) + mode**2 / 2))

    def _modes(self, mu: Floats, tau: Floats) -> tuple[Floats, Floats]:
        """Mode and curvature SD of each study's z, shape (m, k), by Newton from the normal approximation."""
        z = tau * self.information * (self.ref - mu) / (1 + tau**2 * self.information)
        for _ in range(MAX_STEPS):
            p = expit(mu + tau * z)
            curvature = 1 + tau**2 * self.n * p * (1 - p)
            step = (tau * (self.x - self.n * p) - z) / curvature
            z = z + np.clip(step, -1.0, 1.0)
            if np.all(np.abs(step) * np.sqrt(curvature) < 1e-9):
                break
        p = expit(mu + tau * z)
        return z, 1 / np.sqrt(1 + tau**2 * self.n * p * (1 - p))

    def derivatives(self, point: Floats, scale: Floats) -> tuple[float, Floats, Floats]:
        """Value, gradient (2,) and Hessian (2, 2) at `point` = (mu, tau), by central differences."""
        h = DIFFERENCE * scale
        i, j = np.meshgrid([-1, 0, 1], [-1, 0, 1], indexing="ij")
        f = self(point[0] + h[0] * i.ravel(), point[1] + h[1] * j.ravel()).reshape(3, 3)
        gradient = np.array([f[2, 1] - f[0, 1], f[1, 2] - f[1, 0]]) / (2 * h)
        cross = (f[2, 2] - f[2, 0] - f[0, 2] + f[0, 0]) / (4 * h[0] * h[1])
        diagonal = np.array([f[2, 1] + f[0, 1], f[1, 2] + f[1, 0]]) - 2 * f[1, 1]
        hessian = np.diag(diagonal / h**2) + cross * np.array([[0, 1], [1, 0]])
        return float(f[1, 1]), gradient, hessian


def fit_glmm(events: Floats, total: Floats, *, points: int = QUADRATURE_POINTS) -> GlmmFit | None:
    """Fit by maximum likelihood; arrays of shape (k,), with events > 0 and < total in at least one study.

    `se` comes from the Hessian in (mu, tau) together, as lme4's. Where the maximum lies at tau2 = 0 the
    answer is the logistic regression of the sums, exactly. None where no finite maximum was found.
    """
    likelihood = Likelihood(events, total, points)
    found = _maximise(likelihood)
    if found is None:
        return None
    (mu, tau), value, covariance = found
    se = float(np.sqrt(covariance[0, 0]))
    p = float(events.sum() / total.sum())
    at_zero = float(likelihood(np.array([logit(p)]), np.zeros(1))[0])
    if value - at_zero < BOUNDARY_GAIN:
        mu, tau, value = logit(p), 0.0, at_zero
        se = float((total.sum() * p * (1 - p)) ** -0.5)
    conditional = likelihood.conditional(mu, tau)
    return GlmmFit(float(mu), se, float(tau**2), value + likelihood.constant, conditional + likelihood.constant)


def _maximise(likelihood: Likelihood) -> tuple[Floats, float, Floats] | None:
    """Newton's method with halved steps: (mu, tau), value and covariance at the maximum, None if there is none.

    The likelihood is even in tau, so tau runs over the whole line and 0 is no edge.
    """
    point, scale = _start(likelihood), np.array([0.1, 0.1])
    for _ in range(MAX_STEPS):
        value, gradient, hessian = likelihood.derivatives(point, scale)
        spectrum, vectors = np.linalg.eigh(hessian)
        curvature = np.maximum(np.abs(spectrum), 1e-6)  # uphill in every direction, even where it is convex
        step = vectors @ (vectors.T @ gradient / curvature)
        promised = abs(float(gradient @ step))
        sharper = 1 / np.sqrt(np.maximum(np.abs(np.diag(hessian)), 1.0))
        settled = bool(np.all(np.abs(sharper / scale - 1) < 0.05))
        higher = _climb(likelihood, point, value, step / max(1.0, float(np.max(np.abs(step)))))
        if settled and (promised < DECREMENT or (higher is None and promised < ROUNDING)):
            return point, value, vectors @ np.diag(1 / curvature) @ vectors.T
        point, scale = (point if higher is None else higher), sharper
        if abs(point[1]) > MAX_TAU:
            return None
    return None


def _climb(likelihood: Likelihood, point: Floats, value: float, step: Floats) -> Floats | None:
    """The first of point + step / 1, 1/2, 1/4 ... that is higher than `value`; None if none is."""
    halved = point + step * 0.5 ** np.arange(12)[:, None]
    better = np.flatnonzero(likelihood(halved[:, 0], halved[:, 1]) > value)
    return np.asarray(halved[better[0]]) if len(better) else None


def _start(likelihood: Likelihood) -> Floats:
    """The best of START_TAUS, each with the inverse-variance mean that belongs to it."""
    weights = 1 / (1 / likelihood.information + START_TAUS[:, None] ** 2)
    means = np.sum(weights * likelihood.ref, axis=1) / np.sum(weights, axis=1)
    best = int(np.argmax(likelihood(means, START_TAUS)))
    return np.array([means[best], START_TAUS[best]])


def pool_glmm(
    rows: Sequence[Row],
    *,
    level: float = DEFAULT_LEVEL,
    ci: Quantile = "t",
    min_studies: int = MIN_STUDIES,
) -> Pooled | NotPooled:
    """Pool proportions by the GLMM; CI and prediction interval from t with k - 1 df, or from z.

    `proportion` is the median study's, expit(mu); `population_average` is the mean over studies, where tau > 0.
    Q is the likelihood-ratio test against the saturated model. NotPooled where the data cannot carry the
    model: fewer than `min_studies`, all or no events in every study, one and the same proportion in every
    study, no finite maximum. InputError for rows that cannot be.
    """
    x, n = counts(rows)
    reason = too_few(rows, max(min_studies, 2)) or _degenerate(x, n)
    fit = None if reason else fit_glmm(x, n)
    if fit is None:
        why = reason or "the variance between studies has no finite maximum-likelihood estimate"
        return not_pooled(rows, why, model=GLMM_LOGIT, level=level)
    return _result(x, n, fit, level, ci)


def _degenerate(x: Floats, n: Floats) -> str | None:
    """Why no variance between studies can be estimated from these counts, or None."""
    if np.all(x == n):
        return "every study has events in all its patients, so the logit has no finite estimate"
    if np.all(x == 0):
        return "no study has an event, so the logit has no finite estimate"
    if np.all((x == 0) | (x == n)):
        return "every study has events in all or in none of its patients, so the variance between them has no bound"
    if np.all(x * n[0] == x[0] * n):
        return "every study has the same proportion, so a variance between studies cannot be estimated"
    return None


def _result(x: Floats, n: Floats, fit: GlmmFit, level: float, ci: Quantile) -> Pooled:
    df = len(x) - 1
    critical = critical_value(level, ci, df)
    half, half_new = critical * fit.se, critical * float(np.sqrt(fit.tau2 + fit.se**2))
    ends = [float(end) for end in fit.mu + np.array([-half, half, -half_new, half_new])]
    as_proportion = [float(expit(end)) for end in ends]
    vi = effect_sizes("PLO", x, n).vi
    lrt, wald = likelihood_ratio_q(x, n), wald_q(x, n)
    return Pooled(
        model=GLMM_LOGIT,
        k=len(x),
        events=int(x.sum()),
        total=int(n.sum()),
        estimate=fit.mu,
        se=fit.se,
        ci_lb=ends[0],
        ci_ub=ends[1],
        pi_lb=ends[2],
        pi_ub=ends[3],
        proportion=float(expit(fit.mu)),
        proportion_ci=(as_proportion[0], as_proportion[1]),
        proportion_pi=(as_proportion[2], as_proportion[3]),
        tau2=fit.tau2,
        I2=i_squared(fit.tau2, vi),
        H2=h_squared(fit.tau2, vi),
        Q=lrt,
        Q_df=df,
        Q_p=float(chdtrc(df, lrt)),
        Q_test="likelihood-ratio test",
        weights=None,
        level=level,
        ci_convention=ci_words(level, ci, df),
        prediction_convention=prediction_words(level, ci, df),
        population_average=population_average(fit.mu, fit.tau2) if fit.tau2 > 0 else None,
        loglik=fit.loglik,
        conditional_loglik=fit.conditional_loglik,
        Q_wald=wald,
        Q_wald_p=float(chdtrc(df, wald)),
    )


def population_average(mu: float, tau2: float) -> float:
    """E[expit(mu + tau Z)]: the mean proportion over studies (`proportion` is their median)."""
    nodes, log_weights = _gauss_hermite(AVERAGE_POINTS)
    weights = np.exp(log_weights - nodes**2 / 2)
    return float(np.sum(weights * expit(mu + np.sqrt(tau2) * nodes)) / np.sum(weights))


def likelihood_ratio_q(x: Floats, n: Floats) -> float:
    """metafor's QE.LRT: twice the log-likelihood of a proportion for each study over one for all."""
    p = x.sum() / n.sum()
    return max(0.0, float(2 * np.sum(xlogy(x, x / (n * p)) + xlogy(n - x, (n - x) / (n * (1 - p))))))


def wald_q(x: Floats, n: Floats) -> float:
    """metafor's QE.Wld: scatter of the raw logits. A study with a zero cell has no information on its own."""
    inner = (x > 0) & (x < n)
    x, n = x[inner], n[inner]
    wi, yi = x * (n - x) / n, np.log(x / (n - x))
    return float(np.sum(wi * (yi - np.sum(wi * yi) / np.sum(wi)) ** 2))


@cache
def _gauss_hermite(points: int) -> tuple[Floats, Floats]:
    """Nodes, and log weights to be added to the log of an integrand over dz (not over exp(-z^2 / 2) dz)."""
    nodes, weights = hermegauss(points)
    return nodes, np.log(weights) + nodes**2 / 2 - 0.5 * np.log(2 * np.pi)
