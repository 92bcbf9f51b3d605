"""How far the effects scatter, and how much of that the between-study variance (`analysis.tau2`) explains.

Sources: Cochran, Biometrics 1954;10:101 (Q);
Higgins & Thompson, Stat Med 2002;21:1539 (I2, H2 and the typical sampling variance).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from analysis.intervals import DEFAULT_LEVEL
from db.errors import InputError

Floats = NDArray[np.float64]
MAX_LOG = 300.0  # beyond it exp(2x) is no number to a computer; I2 is 100% long before


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


@dataclass(frozen=True, slots=True)
class QBased:
    """Intervals of I2 (percent) and H from Cochran's Q alone, whatever the estimator of tau2."""

    I2_lb: float
    I2_ub: float
    H_lb: float
    H_ub: float
    level: float


def q_based_interval(q: float, k: int, level: float = DEFAULT_LEVEL) -> QBased | None:
    """Higgins & Thompson's test-based interval of H and I2 from `q` of `k` studies, as R's package meta prints it.

    None where it is not defined: one study, or two whose Q is not above 2. InputError for a level outside (0, 1).
    """
    if not 0 < level < 1:
        raise InputError(f"confidence level {level} cannot be; give a number between 0 and 1, such as 0.95")
    if k < 2 or (k == 2 and q <= k):
        return None
    log_h = max(0.0, 0.5 * np.log(q / (k - 1))) if q > 0 else 0.0
    if q > k:
        se = 0.5 * (np.log(q) - np.log(k - 1)) / (np.sqrt(2 * q) - np.sqrt(2 * k - 3))
    else:
        se = np.sqrt(1 / (2 * (k - 2)) * (1 - 1 / (3 * (k - 2) ** 2)))
    half = float(ndtri((1 + level) / 2)) * se
    lb, ub = (max(1.0, float(np.exp(min(log_h + side, MAX_LOG)))) for side in (-half, half))
    return QBased(100 * (1 - lb**-2), 100 * (1 - ub**-2), lb, ub, level)


def h_squared(tau2: float, vi: Floats) -> float:
    """H2 >= 1: the total variance in units of the typical sampling variance."""
    if len(vi) < 2:
        return 1.0
    return tau2 / typical_variance(vi) + 1


def _scale(vi: Floats) -> float:
    wi = 1 / vi
    # sum(w) - sum(w²) / sum(w), as products of pairs: nothing cancels where one study has nearly all the weight
    return float(2 * np.sum(wi[1:] * np.cumsum(wi)[:-1]) / np.sum(wi))
