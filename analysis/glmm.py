"""The binomial-normal model: events ~ Binomial(total, expit(mu + tau z)), z ~ N(0, 1), by maximum likelihood.

Each study's integral over z is taken by adaptive Gauss-Hermite quadrature (`analysis.quadrature`). Model: Stijnen,
Hamza & Ozdemir, Stat Med 2010;29:3046. Conventions (saturated-model tests, typical variance of I2) are those of
metafor's `rma.glmm(measure="PLO")`, which fits by lme4.

Arms of one study share its z: `glmer(cbind(x, n - x) ~ 1 + (1 | study))` on a line an arm. Given z, the arms of a study
have one and the same proportion, so the product of their binomial terms is that of their sums up to a factor without
parameters: the fit is that of the sums, and only the log-likelihood's constant knows the arms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, expit, logit, xlogy

from analysis.effects import Floats, effect_sizes
from analysis.estimates import (
    GLMM_LOGIT,
    MIN_STUDIES,
    NotPooled,
    Pooled,
    Quantile,
    Studies,
    by_study,
    ci_words,
    critical_value,
    not_pooled,
    prediction_words,
    too_few,
)
from analysis.heterogeneity import h_squared, i_squared
from analysis.intervals import DEFAULT_LEVEL
from analysis.maximum import BOUNDARY_GAIN, maximise
from analysis.quadrature import QUADRATURE_POINTS, Binomial, find_modes, log_integral, normal_mean
from db.model import Row

START_TAUS = np.array([0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2])
MAX_TAU = 20.0  # on the logit scale odds of 1 to 5e8 between studies one SD apart: not an estimate but a divergence


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

    `offset` (shape (k,)) is added to each study's log odds, mu + tau z.
    """

    def __init__(
        self, events: Floats, total: Floats, points: int = QUADRATURE_POINTS, offset: Floats | None = None
    ) -> None:
        self.binomial = Binomial(events, total)
        self.points = points
        self.offset = np.zeros(len(events)) if offset is None else offset
        self.ref = self.binomial.ref - self.offset
        self.information = self.binomial.information
        self.constant = self.binomial.constant

    def __call__(self, mu: Floats, tau: Floats) -> Floats:
        """Log-likelihood (shape (m,)), less the constant, at m pairs of `mu` and `tau`."""
        mu, tau = mu[:, None], tau[:, None]
        mode, sd = self._modes(mu, tau)
        integral = log_integral(lambda z: self._log_joint(z, mu[..., None], tau[..., None]), mode, sd, self.points)
        return np.asarray(integral.sum(axis=-1))

    def _log_joint(self, z: Floats, mu: Floats, tau: Floats) -> Floats:
        """log p(x | z) + log phi(z), for z of shape (m, k, points)."""
        distance = mu + tau * z - self.ref[:, None]
        return np.asarray(self.binomial.from_reference(distance, nodes=True) - z**2 / 2)

    def conditional(self, mu: float, tau: float) -> float:
        """Binomial log-likelihood at the modes of the studies' z, less the constant."""
        at, spread = np.array([[mu]]), np.array([[tau]])
        mode = self._modes(at, spread)[0][..., None]
        return float(np.sum(self._log_joint(mode, at[..., None], spread[..., None]) + mode**2 / 2))

    def _modes(self, mu: Floats, tau: Floats) -> tuple[Floats, Floats]:
        """Mode and curvature SD of each study's z, shape (m, k), by Newton from the normal approximation."""
        x, n = self.binomial.x, self.binomial.n

        def slope(z: Floats) -> tuple[Floats, Floats]:
            p = expit(mu + tau * z + self.offset)
            return tau * (x - n * p) - z, 1 + tau**2 * n * p * (1 - p)

        return find_modes(tau * self.information * (self.ref - mu) / (1 + tau**2 * self.information), slope)

    def start(self) -> Floats:
        """The best of START_TAUS, each with the inverse-variance mean that belongs to it: (mu, tau)."""
        weights = 1 / (1 / self.information + START_TAUS[:, None] ** 2)
        means = np.sum(weights * self.ref, axis=1) / np.sum(weights, axis=1)
        best = int(np.argmax(self(means, START_TAUS)))
        return np.array([means[best], START_TAUS[best]])


def fit_glmm(events: Floats, total: Floats, *, points: int = QUADRATURE_POINTS) -> GlmmFit | None:
    """Fit by maximum likelihood; arrays of shape (k,), with events > 0 and < total in at least one study.

    `se` comes from the Hessian in (mu, tau) together, as lme4's. The likelihood is even in tau, so tau runs over the
    whole line and 0 is no edge. Where the maximum lies at tau2 = 0 the answer is the logistic regression of the sums,
    exactly. None where no finite maximum was found.
    """
    likelihood = Likelihood(events, total, points)
    found = maximise(likelihood, likelihood.start(), lambda point: abs(point[1]) > MAX_TAU)
    if found is None:
        return None
    (mu, tau), value = found.point, found.value
    se = float(np.sqrt(found.covariance[0, 0]))
    p = float(events.sum() / total.sum())
    at_zero = float(likelihood(np.array([logit(p)]), np.zeros(1))[0])
    if value - at_zero < BOUNDARY_GAIN:
        mu, tau, value = logit(p), 0.0, at_zero
        se = float((total.sum() * p * (1 - p)) ** -0.5)
    conditional = likelihood.conditional(mu, tau)
    return GlmmFit(float(mu), se, float(tau**2), value + likelihood.constant, conditional + likelihood.constant)


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

    Rows of one `study` are its arms: k counts studies, `rows` arms; the saturated model of Q, and the variances that
    I2 is held against, have one proportion a study, as the model has.
    """
    studies = by_study(rows)
    reason = too_few(rows, max(min_studies, 2)) or no_variance(studies.x, studies.n) or one_proportion(studies)
    fit = None if reason else fit_glmm(studies.x, studies.n)
    if fit is None:
        why = reason or "the variance between studies has no finite maximum-likelihood estimate"
        return not_pooled(rows, why, model=GLMM_LOGIT, level=level)
    return _result(studies, fit, level, ci)


def no_variance(x: Floats, n: Floats) -> str | None:
    """Why no variance between studies can be estimated from these counts, or None."""
    if np.all(x == n):
        return "every study has events in all its patients, so the logit has no finite estimate"
    if np.all(x == 0):
        return "no study has an event, so the logit has no finite estimate"
    if np.all((x == 0) | (x == n)):
        return "every study has events in all or in none of its patients, so the variance between them has no bound"
    return None


def one_proportion(studies: Studies) -> str | None:
    """That every study has the same proportion, or None: lme4 refuses a constant response."""
    x, n = studies.x, studies.n
    if np.all(x * n[0] == x[0] * n):
        return "every study has the same proportion, so a variance between studies cannot be estimated"
    return None


def _result(studies: Studies, fit: GlmmFit, level: float, ci: Quantile) -> Pooled:
    x, n = studies.x, studies.n
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
        loglik=fit.loglik + studies.constant,
        conditional_loglik=fit.conditional_loglik + studies.constant,
        Q_wald=wald,
        Q_wald_p=float(chdtrc(df, wald)),
        rows=studies.rows,
    )


def population_average(mu: float, tau2: float) -> float:
    """E[expit(mu + tau Z)]: the mean proportion over studies (`proportion` is their median)."""
    return normal_mean(lambda z: np.asarray(expit(mu + np.sqrt(tau2) * z)))


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
