"""Maximum likelihood in a few parameters: Newton's method, many points in one call.

The function maximised takes its parameters as arrays of shape (m,), one argument a parameter, and gives m values. The
covariance is the inverse of the negative Hessian there, as lme4 and optim give it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analysis.effects import Floats

Function = Callable[..., Floats]
Derivatives = Callable[[Floats], tuple[float, Floats, Floats]]
"""point (p,) -> value, gradient (p,), Hessian (p, p)."""

MAX_STEPS = 60  # Newton needs 4 to 12; what is still moving after 60 has no maximum to find
DECREMENT = 1e-14  # stop when a Newton step would raise the log-likelihood by less: 1e-7 standard errors
ROUNDING = 1e-8  # a step that promises less and yet finds nothing higher has met the limit of the arithmetic
DIFFERENCE = 1e-3  # step of the central differences, in units of the parameter's standard error
BOUNDARY_GAIN = 1e-9  # a variance that gains less log-likelihood over a variance of 0 than this is 0


@dataclass(frozen=True, slots=True)
class Maximum:
    """Where the function is highest: the point (p,), the value, the covariance (p, p) of the estimates."""

    point: Floats
    value: float
    covariance: Floats


def maximise(
    function: Function,
    start: Floats,
    limit: Callable[[Floats], bool] | None = None,
    exact: Derivatives | None = None,
) -> Maximum | None:
    """The maximum that Newton's method with halved steps finds from `start` (p,).

    `exact` gives the derivatives where they are known; else they are central differences. None if there is no
    maximum: the steps do not end, or lead where `limit` says that no estimate can be.
    """
    point, scale = start, np.full(len(start), 0.1)
    for _ in range(MAX_STEPS):
        value, gradient, hessian = exact(point) if exact else derivatives(function, point, scale)
        spectrum, vectors = np.linalg.eigh(hessian)
        curvature = np.maximum(np.abs(spectrum), 1e-6)  # uphill in every direction, even where it is convex
        step = vectors @ (vectors.T @ gradient / curvature)
        promised = abs(float(gradient @ step))
        sharper = 1 / np.sqrt(np.maximum(np.abs(np.diag(hessian)), 1.0))
        settled = bool(np.all(np.abs(sharper / scale - 1) < 0.05))
        higher = _climb(function, point, value, step / max(1.0, float(np.max(np.abs(step)))))
        if settled and (promised < DECREMENT or (higher is None and promised < ROUNDING)):
            return Maximum(point, value, vectors @ np.diag(1 / curvature) @ vectors.T)
        point, scale = (point if higher is None else higher), sharper
        if limit is not None and limit(point):
            return None
    return None


def derivatives(function: Function, point: Floats, scale: Floats) -> tuple[float, Floats, Floats]:
    """Value, gradient (p,) and Hessian (p, p) at `point` (p,), by central differences in units of `scale`."""
    p, h = len(point), DIFFERENCE * scale
    one = np.eye(p, dtype=int)
    pairs = [(i, j) for i in range(p) for j in range(i + 1, p)]
    corners = [a * one[i] + b * one[j] for i, j in pairs for a in (1, -1) for b in (1, -1)]
    moves = np.array([np.zeros(p, int), *one, *-one, *corners])
    f = function(*(point + h * moves).T)
    up, down = f[1 : p + 1], f[p + 1 : 2 * p + 1]
    gradient = (up - down) / (2 * h)
    hessian = np.diag(((up + down) - 2 * f[0]) / h**2)
    for (i, j), (both, first, second, neither) in zip(pairs, f[2 * p + 1 :].reshape(-1, 4), strict=True):
        hessian[i, j] = hessian[j, i] = (both - first - second + neither) / (4 * h[i] * h[j])
    return float(f[0]), gradient, hessian


def _climb(function: Function, point: Floats, value: float, step: Floats) -> Floats | None:
    """The first of point + step / 1, 1/2, 1/4 ... that is higher than `value`; None if none is."""
    halved = point + step * 0.5 ** np.arange(12)[:, None]
    better = np.flatnonzero(function(*halved.T) > value)
    return np.asarray(halved[better[0]]) if len(better) else None
