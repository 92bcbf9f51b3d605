"""Confidence intervals of one proportion, x of n patients.

Sources: Clopper & Pearson, Biometrika 1934;26:404; Wilson, J Am Stat Assoc 1927;22:209 (no continuity correction).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, ndtri

from analysis.columns import proportion_counts
from db.errors import InputError

Floats = NDArray[np.float64]
DEFAULT_LEVEL = 0.95


def clopper_pearson(events: ArrayLike, total: ArrayLike, *, level: float = DEFAULT_LEVEL) -> tuple[Floats, Floats]:
    """Exact lower and upper bounds (proportions, shape of the input) for 0 <= events <= total; of 0 patients 0 and 1.

    InputError for counts, or a level, that cannot be.
    """
    x, n = proportion_counts(events, total, least=0)
    _check_level(level)
    tail = (1 - level) / 2
    # The beta quantiles are undefined at the ends, where the bound is the end itself.
    lower = np.where(x == 0, 0.0, betaincinv(np.maximum(x, 1), n - x + 1, tail))
    upper = np.where(x == n, 1.0, betaincinv(x + 1, np.maximum(n - x, 1), 1 - tail))
    return lower, upper


def wilson(events: ArrayLike, total: ArrayLike, *, level: float = DEFAULT_LEVEL) -> tuple[Floats, Floats]:
    """Score bounds (proportions, shape of the input) for 0 <= events <= total, total >= 1.

    InputError for counts, or a level, that cannot be.
    """
    x, n = proportion_counts(events, total)
    _check_level(level)
    z = ndtri((1 + level) / 2)
    p, scale = x / n, 1 + z * z / n
    centre = (p + z * z / (2 * n)) / scale
    half = z * np.sqrt(p * (1 - p) / n + (z / (2 * n)) ** 2) / scale
    return np.where(x == 0, 0.0, centre - half), np.where(x == n, 1.0, centre + half)


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise InputError(f"confidence level {level} cannot be; give a number between 0 and 1, such as 0.95")
