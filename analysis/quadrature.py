"""The integral over a study's random effect: binomial terms without lost digits, adaptive Gauss-Hermite quadrature.

Adaptive: the nodes are laid at the mode of each study's integrand and scaled by its curvature there (Pinheiro & Bates,
J Comput Graph Stat 1995;4:12), as lme4 does; with one node it is the Laplace approximation.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from scipy.special import expit, gammaln, logit, xlogy

from analysis.effects import ZERO_CELL, Floats

# metafor's nAGQ. More points move no printed digit (validation/metafor/README.md), and would part us from R's answer.
QUADRATURE_POINTS = 7
AVERAGE_POINTS = 61  # for E[f(Z)]: expit(mu + tau Z) within 1e-8 of adaptive integration up to tau = 3
MODE_STEPS = 60  # Newton needs 3 to 8
MODE_TOLERANCE = 1e-9  # in units of the integrand's own spread


class Binomial:
    """Binomial log-likelihoods of `events` of `total` (shape (k,)) as functions of the log odds.

    A term is taken as a difference from a reference logit near the study's own, so that millions of patients lose no
    digits: l(eta) - l(ref) = x d - n log(1 + p_ref (e^d - 1)), d = eta - ref.
    """

    def __init__(self, events: Floats, total: Floats) -> None:
        self.x, self.n = events, total
        self.p_ref = (events + ZERO_CELL) / (total + 2 * ZERO_CELL)
        self.ref = logit(self.p_ref)
        self.information = total * self.p_ref * (1 - self.p_ref)
        at_reference = xlogy(events, self.p_ref) + xlogy(total - events, 1 - self.p_ref)
        self.constant = float(np.sum(log_choose(events, total) + at_reference))
        own = events / total
        self.saturated = float(np.sum(xlogy(events, own) + xlogy(total - events, 1 - own) - at_reference))

    def kernel(self, eta: Floats) -> Floats:
        """The log-likelihood less its value at the reference, for `eta` of shape (..., k)."""
        return self.from_reference(eta - self.ref)

    def from_reference(self, distance: Floats, *, nodes: bool = False) -> Floats:
        """The same for distances eta - ref of shape (..., k), or (..., k, points) with `nodes`."""
        x, n, p = (a[:, None] if nodes else a for a in (self.x, self.n, self.p_ref))
        return np.asarray(x * distance - n * np.log1p(p * np.expm1(distance)))

    def moments(self, eta: Floats) -> tuple[Floats, Floats]:
        """First derivative of the log-likelihood and less its second, x - n p and n p (1 - p), at `eta` (..., k)."""
        p = expit(eta)
        return self.x - self.n * p, self.n * p * (1 - p)


def log_choose(events: Floats, total: Floats) -> Floats:
    """log of the binomial coefficients, total over events."""
    return np.asarray(gammaln(total + 1) - gammaln(events + 1) - gammaln(total - events + 1))


def find_modes(start: Floats, slope: Callable[[Floats], tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    """Modes and curvature SDs, both of the shape of `start`, of log-concave densities, by Newton's method.

    `slope` gives, at z, the first derivative of the log density and less its second.
    """
    z = start
    for _ in range(MODE_STEPS):
        first, curvature = slope(z)
        step = first / curvature
        z = z + np.clip(step, -1.0, 1.0)
        if np.all(np.abs(step) * np.sqrt(curvature) < MODE_TOLERANCE):
            break
    return z, 1 / np.sqrt(slope(z)[1])


def log_integral(log_density: Callable[[Floats], Floats], mode: Floats, sd: Floats, points: int) -> Floats:
    """log of the integral over z of exp(log_density(z)), shape of `mode`; z is given with a last axis of nodes."""
    nodes, log_weights = gauss_hermite(points)
    joint = log_density(mode[..., None] + sd[..., None] * nodes) + log_weights
    peak = joint.max(axis=-1)
    return np.asarray(peak + np.log(np.exp(joint - peak[..., None]).sum(axis=-1)) + np.log(sd))


def normal_mean(function: Callable[[Floats], Floats], points: int = AVERAGE_POINTS) -> float:
    """E[function(Z)] for a standard normal Z."""
    nodes, log_weights = gauss_hermite(points)
    weights = np.exp(log_weights - nodes**2 / 2)
    return float(np.sum(weights * function(nodes)) / np.sum(weights))


@cache
def gauss_hermite(points: int) -> tuple[Floats, Floats]:
    """Nodes, and log weights to be added to the log of an integrand over dz (not over exp(-z^2 / 2) dz)."""
    nodes, weights = hermegauss(points)
    return nodes, np.log(weights) + nodes**2 / 2 - 0.5 * np.log(2 * np.pi)
