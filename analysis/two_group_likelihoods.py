"""The marginal likelihoods of k two-by-two tables under a random log odds ratio, theta + tau z: four ways.

Each is called with arrays of shape (m,), one a parameter, and gives m log-likelihoods less `constant`. Group 1's log
odds are above group 2's by the log odds ratio; in the unconditional models half of tau z goes to each group, the coding
of metafor's `rma.glmm`. Source: Jackson, Law, Stijnen, Viechtbauer & White, Stat Med 2018;37:1059 (models 2, 5, 6, 7).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analysis.effects import Floats
from analysis.log_gamma import log_gamma_ratio
from analysis.quadrature import QUADRATURE_POINTS, Binomial, find_modes, log_integral

PROFILE_STEPS = 40  # from a normal approximation Newton needs 3 to 6; a log odds without end stops far outside
PROFILE_TOLERANCE = 1e-5  # in standard errors: what is then lost of the log-likelihood is 1e-10 of what prints
PROFILE_DIFFERENCE = 1e-3  # step of the central differences, in standard errors
# R integrates the conditional model adaptively, to 1e-4; 31 nodes move the log-likelihoods of its sets by 2e-7 at most.
EXACT_POINTS = 11
# The window of the hypergeometric sums: at least 10 standard deviations to each side (see NonCentral).
HALF_WINDOW = 40
LARGEST_LOG_ODDS_RATIO = 50.0  # beyond it the hypergeometric is one point in double precision


@dataclass(frozen=True, slots=True)
class Tables:
    """k two-by-two tables: `e1` events of `n1` patients in group 1, `e2` of `n2` in group 2, each of shape (k,)."""

    e1: Floats
    n1: Floats
    e2: Floats
    n2: Floats


class FixedStudies:
    """UM.FS: a free log odds for each study, maximised over; (theta, tau) remain.

    The Hessian of what remains, the profile, has the inverse that (theta, tau) have in that of all parameters.
    """

    def __init__(self, tables: Tables, points: int = QUADRATURE_POINTS) -> None:
        self.one, self.two = Binomial(tables.e1, tables.n1), Binomial(tables.e2, tables.n2)
        self.points = points
        self.constant = self.one.constant + self.two.constant
        self.saturated = self.one.saturated + self.two.saturated
        self.information = self.one.information + self.two.information

    def __call__(self, theta: Floats, tau: Floats) -> Floats:
        """Profile log-likelihood (m,), less the constant."""
        theta, tau = theta[:, None], tau[:, None]
        free = self._free(theta, tau)
        return np.asarray(self._integrals(free, theta, tau).sum(axis=-1))

    def conditional(self, theta: float, tau: float) -> float:
        """Binomial log-likelihood at the modes of the studies' z, less the constant: what R prints as logLik."""
        at, spread = np.array([[theta]]), np.array([[tau]])
        free = self._free(at, spread)
        z = self._modes(free, at, spread)[0]
        return float(np.sum(self.one.kernel(free + at + spread * z / 2) + self.two.kernel(free - spread * z / 2)))

    def _free(self, theta: Floats, tau: Floats) -> Floats:
        first = self.one.information * (self.one.ref - theta) + self.two.information * self.two.ref
        return profile(lambda free: self._integrals(free, theta, tau), first / self.information, self.information)

    def _integrals(self, free: Floats, theta: Floats, tau: Floats) -> Floats:
        """log of each study's integral, for log odds `free` of shape (..., m, k)."""

        def log_density(z: Floats) -> Floats:
            half = tau[..., None] * z / 2
            up = free[..., None] + theta[..., None] + half - self.one.ref[:, None]
            down = free[..., None] - half - self.two.ref[:, None]
            return self.one.from_reference(up, nodes=True) + self.two.from_reference(down, nodes=True) - z**2 / 2

        mode, sd = self._modes(free, theta, tau)
        return log_integral(log_density, mode, sd, self.points)

    def _modes(self, free: Floats, theta: Floats, tau: Floats) -> tuple[Floats, Floats]:
        def slope(z: Floats) -> tuple[Floats, Floats]:
            up, v_up = self.one.moments(free + theta + tau * z / 2)
            down, v_down = self.two.moments(free - tau * z / 2)
            return tau / 2 * (up - down) - z, 1 + tau**2 / 4 * (v_up + v_down)

        return find_modes(np.zeros(np.broadcast_shapes(free.shape, tau.shape)), slope)


class RandomStudies:
    """UM.RS: the studies' log odds are normal too, mu + sigma s, independent of z. Laplace's approximation in (s, z).

    lme4 has no quadrature for two random effects, so metafor's answer is Laplace's; ours is the same.
    """

    def __init__(self, tables: Tables) -> None:
        self.one, self.two = Binomial(tables.e1, tables.n1), Binomial(tables.e2, tables.n2)
        self.constant = self.one.constant + self.two.constant

    def __call__(self, theta: Floats, tau: Floats, mu: Floats, sigma: Floats) -> Floats:
        """Log-likelihood (m,), less the constant."""
        return np.asarray(self._studies(*(a[:, None] for a in (theta, tau, mu, sigma))).sum(axis=-1))

    def saturated(self, mu: Floats, sigma: Floats) -> Floats:
        """The same (m,) with an own odds ratio for each study, maximised over, and no tau."""
        mu, sigma = mu[:, None], sigma[:, None]
        start = np.broadcast_to(self.one.ref - self.two.ref, (len(mu), len(self.one.x)))
        information = 1 / (1 / self.one.information + 1 / self.two.information)
        zero = np.zeros_like(mu)
        own = profile(lambda theta: self._studies(theta, zero, mu, sigma), start, information)
        return np.asarray(self._studies(own, zero, mu, sigma).sum(axis=-1))

    def _studies(self, theta: Floats, tau: Floats, mu: Floats, sigma: Floats) -> Floats:
        s = z = np.zeros(np.broadcast_shapes(theta.shape, tau.shape, self.one.x.shape))
        for _ in range(PROFILE_STEPS):
            up, down, ss, zz, sz = self._curvature(s, z, theta, tau, mu, sigma)
            along_s, along_z = sigma * (up + down) - s, tau / 2 * (up - down) - z
            det = ss * zz - sz**2
            move_s, move_z = (zz * along_s - sz * along_z) / det, (ss * along_z - sz * along_s) / det
            s, z = s + np.clip(move_s, -1.0, 1.0), z + np.clip(move_z, -1.0, 1.0)
            if max(float(np.abs(move_s).max()), float(np.abs(move_z).max())) < 1e-10:
                break
        _, _, ss, zz, sz = self._curvature(s, z, theta, tau, mu, sigma)
        up_eta, down_eta = mu + theta + sigma * s + tau / 2 * z, mu + sigma * s - tau / 2 * z
        joint = self.one.kernel(up_eta) + self.two.kernel(down_eta) - (s**2 + z**2) / 2
        return np.asarray(joint - np.log(ss * zz - sz**2) / 2)

    def _curvature(
        self, s: Floats, z: Floats, theta: Floats, tau: Floats, mu: Floats, sigma: Floats
    ) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        """Residuals of the groups, and the negative Hessian in (s, z): ss, zz, sz."""
        up, v_up = self.one.moments(mu + theta + sigma * s + tau / 2 * z)
        down, v_down = self.two.moments(mu + sigma * s - tau / 2 * z)
        v = v_up + v_down
        return up, down, 1 + sigma**2 * v, 1 + tau**2 / 4 * v, sigma * tau / 2 * (v_up - v_down)


class NonCentral:
    """CM.EL: given both margins the events of group 1 are non-central hypergeometric with the log odds ratio.

    The sum over the support is taken at every `step`-th point of a window about the mean, step = half a standard
    deviation or 1. The distribution is one of a sum of independent indicators (Harkness, Ann Math Stat 1965;36:938;
    its generating polynomial has real roots only), so its characteristic function is at most exp(-var (1 - cos t)),
    and by Poisson's summation the coarse sum errs by less than 1e-13 of its value, whatever the size of the tables.
    """

    constant = 0.0

    def __init__(self, tables: Tables, points: int = EXACT_POINTS) -> None:
        self.x, self.n1, self.n2 = tables.e1, tables.n1, tables.n2
        self.m = tables.e1 + tables.e2
        self.low, self.high = np.maximum(0.0, self.m - self.n2), np.minimum(self.n1, self.m)
        self.points = points
        self.inner = (self.x > self.low) & (self.x < self.high)

    def __call__(self, theta: Floats, tau: Floats) -> Floats:
        """Log-likelihood (m,), with all constants."""
        theta, tau = theta[:, None], tau[:, None]

        def slope(z: Floats) -> tuple[Floats, Floats]:
            _, mean, variance = self.moments(theta + tau * z)
            return tau * (self.x - mean) - z, 1 + tau**2 * variance

        def log_density(z: Floats) -> Floats:
            # The axis of the studies goes last for the sums, and back.
            eta = np.moveaxis(theta[..., None] + tau[..., None] * z, -1, 0)
            return np.asarray(np.moveaxis(self.moments(eta)[0], 0, -1) - z**2 / 2)

        mode, sd = find_modes(np.zeros((len(theta), len(self.x))), slope)
        return np.asarray(log_integral(log_density, mode, sd, self.points).sum(axis=-1))

    def moments(self, eta: Floats) -> tuple[Floats, Floats, Floats]:
        """log P(X = x), the mean and the variance of X, at log odds ratios `eta` of shape (..., k)."""
        eta = np.clip(eta, -LARGEST_LOG_ODDS_RATIO, LARGEST_LOG_ODDS_RATIO)
        centre, step = self._window(eta)
        at = centre[..., None] + step[..., None] * np.arange(-HALF_WINDOW, HALF_WINDOW + 1)
        inside = (at >= self.low[:, None]) & (at <= self.high[:, None])
        at = np.clip(at, self.low[:, None], self.high[:, None])
        more = at - self.x[:, None]
        terms = np.where(inside, self._log_ratio(at) + more * eta[..., None], -np.inf)
        peak = terms.max(axis=-1, keepdims=True)
        weights = np.exp(terms - peak)
        total = weights.sum(axis=-1)
        mean = (weights * more).sum(axis=-1) / total
        variance = (weights * (more - mean[..., None]) ** 2).sum(axis=-1) / total
        return -(np.log(step) + peak[..., 0] + np.log(total)), self.x + mean, variance

    def _window(self, eta: Floats) -> tuple[Floats, Floats]:
        """The whole number next to the mean, and the step: Cornfield's cells with that odds ratio and these margins."""
        scale = np.maximum(eta, 0.0)
        psi, unit = np.exp(eta - scale), np.exp(-scale)  # the odds ratio and 1, over the larger of them
        b = psi * (self.n1 + self.m) + unit * (self.n2 - self.m)
        c = psi * self.n1 * self.m
        mean = 2 * c / (b + np.sqrt(np.maximum(b * b - 4 * (psi - unit) * c, 0.0)))
        mean = np.clip(mean, self.low, self.high)
        cells = (mean, self.n1 - mean, self.m - mean, self.n2 - self.m + mean)
        spread = sum(1 / (np.maximum(cell, 0.0) + 0.5) for cell in cells) ** -0.5
        return np.round(mean), np.maximum(1.0, np.floor(spread / 2))

    def _log_ratio(self, at: Floats) -> Floats:
        """log of C(n1, at) C(n2, m - at) over the same at x, for `at` of shape (..., k, window)."""
        x, m, n1, n2 = (a[:, None] for a in (self.x, self.m, self.n1, self.n2))
        cells = ((x, at), (n1 - x, n1 - at), (m - x, m - at), (n2 - m + x, n2 - m + at))
        return np.asarray(-sum(log_gamma_ratio(before + 1, after + 1) for before, after in cells))


def profile(function: Callable[[Floats], Floats], start: Floats, information: Floats) -> Floats:
    """Where `function` (elementwise on arrays of the shape of `start`) is highest in each element, by Newton."""
    free, unit = start, information**-0.5
    h = PROFILE_DIFFERENCE * unit
    for _ in range(PROFILE_STEPS):
        below, here, above = function(np.stack([free - h, free, free + h]))
        first, second = (above - below) / (2 * h), (above - 2 * here + below) / h**2
        step = first / np.maximum(np.abs(second), 1e-3 / unit**2)
        free = free + np.clip(step, -1.0, 1.0)
        if np.all(np.abs(step) < PROFILE_TOLERANCE * unit):
            break
    return free
