"""The beta-binomial model: a study's proportion ~ Beta with mean mu, patients of one study correlated by rho.

events ~ BetaBinomial(total, alpha, beta), mu = alpha / (alpha + beta), rho = 1 / (1 + alpha + beta), by maximum
likelihood in (logit mu, log(alpha + beta)), the coordinates of VGAM's and aod's fits. mu is the mean over studies, not
the median study's proportion. Sources: Griffiths, Biometrics 1973;29:637; Kuss, Stat Med 2015;34:1097 (meta-analysis).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv, chdtrc, expit, log_expit, logit, ndtr, polygamma, xlogy

from analysis.effects import Floats, effect_sizes
from analysis.estimates import (
    BETA_BINOMIAL,
    MIN_STUDIES,
    NotPooled,
    Pooled,
    Quantile,
    Studies,
    by_study,
    ci_words,
    critical_value,
    not_pooled,
    too_few,
)
from analysis.glmm import likelihood_ratio_q, no_variance, wald_q
from analysis.heterogeneity import h_squared, i_squared
from analysis.intervals import DEFAULT_LEVEL
from analysis.log_gamma import log_rising, psi_rising, trigamma_rising
from analysis.maximum import BOUNDARY_GAIN, maximise
from analysis.quadrature import log_choose
from db.model import Row

# Where Newton's method starts: the best of these log precisions, rho from 0.95 to 5e-6.
START_LOG_PRECISIONS = np.array([-3.0, -1.5, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.5, 8.0, 10.0, 12.0])
# rho below 1e-11 or above 1 - 1e-6: what climbs that far climbs to the edge.
MIN_LOG_PRECISION, MAX_LOG_PRECISION = -14.0, 25.0
# The prediction interval stays this far inside (0, 1), so that its ends have finite logits.
EDGE = 1e-15


@dataclass(frozen=True, slots=True)
class BetaBinomialFit:
    """Maximum-likelihood estimates, mean on the logit scale; `log_precision` is None where rho = 0."""

    logit_mu: float
    se: float
    rho: float
    log_precision: float | None
    loglik: float  # with all constants


class Likelihood:
    """The log-likelihood of events and totals (shape (k,)) at many points (logit mu, log precision) at once.

    What rho adds to the binomial is summed apart, so that neither millions of patients nor a vanishing rho lose digits.
    """

    def __init__(self, events: Floats, total: Floats) -> None:
        self.x, self.n = events, total
        self.pooled = float(events.sum() / total.sum())
        binomial = xlogy(events.sum(), self.pooled) + xlogy((total - events).sum(), 1 - self.pooled)
        self.constant = float(log_choose(events, total).sum() + binomial)

    def __call__(self, logit_mu: Floats, log_precision: Floats) -> Floats:
        """Log-likelihood (shape (m,)) less that of the binomial with the pooled proportion."""
        precision = np.exp(log_precision)[:, None]
        alpha, beta = precision * expit(logit_mu)[:, None], precision * expit(-logit_mu)[:, None]
        spread = log_rising(alpha, self.x) + log_rising(beta, self.n - self.x) - log_rising(precision, self.n)
        return np.asarray(self._binomial(logit_mu) + spread.sum(axis=1))

    def _binomial(self, logit_mu: Floats) -> Floats:
        events, others = self.x.sum(), (self.n - self.x).sum()
        better = log_expit(logit_mu) - np.log(self.pooled), log_expit(-logit_mu) - np.log1p(-self.pooled)
        return np.asarray(events * better[0] + others * better[1])

    def derivatives(self, point: Floats) -> tuple[float, Floats, Floats]:
        """Value, gradient (2,) and Hessian (2, 2) at (logit mu, log precision), by digamma and trigamma functions."""
        s, mu, rest = np.exp(point[1]), expit(point[0]), expit(-point[0])
        a, b, turn = s * mu, s * rest, s * mu * rest
        whole = np.sum(psi_rising(s, self.n)), np.sum(trigamma_rising(s, self.n))
        ups = [np.sum(rising(a, self.x)) for rising in (psi_rising, trigamma_rising)]
        downs = [np.sum(rising(b, self.n - self.x)) for rising in (psi_rising, trigamma_rising)]
        jacobian = np.array([[turn, a], [-turn, b]])  # of (alpha, beta) in (logit mu, log precision)
        by_logit, by_log = turn * (ups[0] - downs[0]), a * ups[0] + b * downs[0] - s * whole[0]
        cross = turn * (ups[0] - downs[0])
        curved = np.array([[by_logit * (rest - mu), cross], [cross, by_log]])
        hessian = jacobian.T @ np.diag([ups[1], downs[1]]) @ jacobian + curved
        hessian[1, 1] -= s * s * whole[1]
        value = float(self(point[:1], point[1:])[0])
        return value, np.array([by_logit, by_log]), hessian

    def start(self) -> Floats:
        """The best of START_LOG_PRECISIONS at the pooled mean and at the mean of the studies' proportions."""
        means = logit([self.pooled, float(np.mean((self.x + 0.5) / (self.n + 1)))])
        at = np.array([(mean, phi) for mean in means for phi in START_LOG_PRECISIONS])
        return np.asarray(at[int(np.argmax(self(at[:, 0], at[:, 1])))])


def fit_beta_binomial(events: Floats, total: Floats) -> BetaBinomialFit | None:
    """Fit by maximum likelihood; arrays of shape (k,), with events > 0 and < total in at least one study.

    Where no rho > 0 is likelier than rho = 0 the answer is the binomial's, exactly. None where no maximum was found.
    """
    likelihood = Likelihood(events, total)
    found = maximise(likelihood, likelihood.start(), _runs_away, likelihood.derivatives)
    p = likelihood.pooled
    if found is not None and found.value > BOUNDARY_GAIN:
        rho = float(expit(-found.point[1]))
        se = float(np.sqrt(found.covariance[0, 0]))
        loglik = found.value + likelihood.constant
        return BetaBinomialFit(float(found.point[0]), se, rho, float(found.point[1]), loglik)
    if found is None and not overdispersion_score(events, total) <= 0:
        return None
    return BetaBinomialFit(float(logit(p)), float((total.sum() * p * (1 - p)) ** -0.5), 0.0, None, likelihood.constant)


def _runs_away(point: Floats) -> bool:
    return not MIN_LOG_PRECISION < point[1] < MAX_LOG_PRECISION


def overdispersion_score(x: Floats, n: Floats) -> float:
    """The slope of the log-likelihood in rho at rho = 0 and the pooled proportion: if not above 0, a maximum is there.

    Tarone, Biometrika 1979;66:585, with the proportion estimated.
    """
    p = x.sum() / n.sum()
    return float(np.sum((x - n * p) ** 2 / (p * (1 - p)) - n - (x - n * p) * (1 - 2 * p) / (p * (1 - p)))) / 2


def pool_beta_binomial(
    rows: Sequence[Row],
    *,
    level: float = DEFAULT_LEVEL,
    ci: Quantile = "t",
    min_studies: int = MIN_STUDIES,
) -> Pooled | NotPooled:
    """Pool proportions by the beta-binomial model; CI of logit mu from t with k - 1 df, or from z.

    `proportion` is the mean over studies. `tau2` is the variance of logit p over studies that the fitted Beta has,
    trigamma(alpha) + trigamma(beta): to be set beside the GLMM's. The prediction interval is that of a Beta with mean
    mu whose variance is the studies' and that of the estimate together. Rows of one `study` share its proportion.
    NotPooled where the data cannot carry the model: fewer than `min_studies`, all or no events in every study, no
    maximum found. InputError for rows that cannot be.
    """
    studies = by_study(rows)
    reason = too_few(rows, max(min_studies, 2)) or no_variance(studies.x, studies.n)
    fit = None if reason else fit_beta_binomial(studies.x, studies.n)
    if fit is None:
        why = reason or "the correlation within studies has no maximum-likelihood estimate"
        return not_pooled(rows, why, model=BETA_BINOMIAL, level=level)
    return _result(studies, fit, level, ci)


def logit_variance(fit: BetaBinomialFit) -> float:
    """Var(logit p) over studies, p ~ Beta(alpha, beta): trigamma(alpha) + trigamma(beta)."""
    if fit.log_precision is None:
        return 0.0
    precision = np.exp(fit.log_precision)
    ends = np.array([expit(fit.logit_mu), expit(-fit.logit_mu)]) * precision
    return float(np.sum(polygamma(1, ends)))


def prediction(fit: BetaBinomialFit, critical: float) -> tuple[float, float]:
    """Quantiles at Phi(-critical) and Phi(critical) of the Beta that holds studies' and estimate's variance.

    With Var(p) = mu (1 - mu) rho and the estimate's variance mu^2 (1 - mu)^2 se^2 by the delta method, their sum has
    the correlation rho + mu (1 - mu) se^2.
    """
    mu, rest = float(expit(fit.logit_mu)), float(expit(-fit.logit_mu))
    rho = min(fit.rho + mu * rest * fit.se**2, 1 - EDGE)
    precision = (1 - rho) / rho
    ends = betaincinv(mu * precision, rest * precision, np.array([ndtr(-critical), ndtr(critical)]))
    low, high = np.clip(ends, EDGE, 1 - EDGE)
    return float(low), float(high)


def prediction_convention(level: float, quantile: Quantile, df: int) -> str:
    """The convention of the prediction interval, as plots and tables print it."""
    name = "normal" if quantile == "z" else f"t with {df} df (k − 1)"
    return f"{level:.0%} prediction interval: Beta with variance of studies and mean together, at {name} quantiles"


def _result(studies: Studies, fit: BetaBinomialFit, level: float, ci: Quantile) -> Pooled:
    x, n = studies.x, studies.n
    df = len(x) - 1
    critical = critical_value(level, ci, df)
    low, high = fit.logit_mu - critical * fit.se, fit.logit_mu + critical * fit.se
    interval = (float(expit(low)), float(expit(high)))
    predicted = prediction(fit, critical)
    predicted = (
        min(predicted[0], interval[0]),
        max(predicted[1], interval[1]),
    )  # a new study is no surer than the mean
    tau2, vi = logit_variance(fit), effect_sizes("PLO", x, n).vi
    lrt, wald = likelihood_ratio_q(x, n), wald_q(x, n)
    return Pooled(
        model=BETA_BINOMIAL,
        k=len(x),
        events=int(x.sum()),
        total=int(n.sum()),
        estimate=fit.logit_mu,
        se=fit.se,
        ci_lb=low,
        ci_ub=high,
        pi_lb=float(logit(predicted[0])),
        pi_ub=float(logit(predicted[1])),
        proportion=float(expit(fit.logit_mu)),
        proportion_ci=interval,
        proportion_pi=predicted,
        tau2=tau2,
        I2=i_squared(tau2, vi),
        H2=h_squared(tau2, vi),
        Q=lrt,
        Q_df=df,
        Q_p=float(chdtrc(df, lrt)),
        Q_test="likelihood-ratio test",
        weights=None,
        level=level,
        ci_convention=ci_words(level, ci, df),
        prediction_convention=prediction_convention(level, ci, df),
        loglik=fit.loglik + studies.constant,
        Q_wald=wald,
        Q_wald_p=float(chdtrc(df, wald)),
        rows=studies.rows,
        rho=fit.rho,
    )
