"""How far the effects scatter, and how much of that the between-study variance (`analysis.tau2`) explains.

Sources: Cochran, Biometrics 1954;10:101 (Q);
Higgins & Thompson, Stat Med 2002;21:1539 (I2, H2 and the typical sampling variance).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def cochran_q(yi: Floats, vi: Floats) -> float:
    """Cochran's Q: the weighted squared deviations from the common-effect mean; 0 for one study."""
    wi = 1 / vi
    mean = np.sum(wi * yi) / np.sum(wi)
    return float(np.sum(wi * (yi - mean) ** 2))


def typical_variance(vi: Floats) -> float:
    """The typical sampling variance of k >= 2 studies: what I2 and H2 hold tau2 against."""
    return (len(vi) - 1) / _scale(vi)


def i_squared(tau2: float, vi: Floats) -> float:
    """I2 in percent, 0 to 100: the share of the total variance that lies between studies."""
    if len(vi) < 2:
        return 0.0
    return 100 * tau2 / (tau2 + typical_variance(vi))


def h_squared(tau2: float, vi: Floats) -> float:
    """H2 >= 1: the total variance in units of the typical sampling variance."""
    if len(vi) < 2:
        return 1.0
    return tau2 / typical_variance(vi) + 1


def _scale(vi: Floats) -> float:
    wi = 1 / vi
    return float(np.sum(wi) - np.sum(wi**2) / np.sum(wi))
