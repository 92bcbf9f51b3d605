"""Confidence intervals of one proportion, x of n patients.

Sources: Clopper & Pearson, Biometrika 1934;26:404; Wilson, J Am Stat Assoc 1927;22:209 (no continuity correction).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, ndtri

Floats = NDArray[np.float64]
DEFAULT_LEVEL = 0.95


def clopper_pearson(events: ArrayLike, total: ArrayLike, *, level: float = DEFAULT_LEVEL) -> tuple[Floats, Floats]:
    """Exact lower and upper bounds (proportions, shape of the input) for 0 <= events <= total, total >= 1."""
    x, n = np.broadcast_arrays(np.asarray(events, float), np.asarray(total, float))
    tail = (1 - level) / 2
    # The beta quantiles are undefined at the ends, where the bound is the end itself.
    lower = np.where(x == 0, 0.0, betaincinv(np.maximum(x, 1), n - x + 1, tail))
    upper = np.where(x == n, 1.0, betaincinv(x + 1, np.maximum(n - x, 1), 1 - tail))
    return lower, upper


def wilson(events: ArrayLike, total: ArrayLike, *, level: float = DEFAULT_LEVEL) -> tuple[Floats, Floats]:
    """Score bounds (proportions, shape of the input) for 0 <= events <= total, total >= 1."""
    x, n = np.broadcast_arrays(np.asarray(events, float), np.asarray(total, float))
    z = ndtri((1 + level) / 2)
    p, scale = x / n, 1 + z * z / n
    centre = (p + z * z / (2 * n)) / scale
    half = z * np.sqrt(p * (1 - p) / n + (z / (2 * n)) ** 2) / scale
    return np.where(x == 0, 0.0, centre - half), np.where(x == n, 1.0, centre + half)
