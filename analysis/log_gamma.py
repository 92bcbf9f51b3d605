"""Differences of log-gamma functions, and their derivatives, that keep their digits where both are large."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, polygamma, psi

from analysis.effects import Floats

STIRLING_FROM = 10.0  # from here on five terms of Stirling's series are exact in double precision


def log_rising(a: Floats, d: Floats) -> Floats:
    """log of a (a + 1) ... (a + d - 1) / a^d for a > 0 and d >= 0, of any shapes that broadcast; 0 for d = 0.

    log Gamma(a + d) - log Gamma(a) - d log(a): by itself for small a, by Stirling's series where all three are large
    and nearly cancel (Abramowitz & Stegun 6.1.40).
    """
    big, end, large = _large(a, d)
    more = end - big
    series = (end - 0.5) * np.log1p(more / big) - more + _tail(end) - _tail(big)
    small = np.where(large, 1.0, a)
    plain = gammaln(small + np.where(large, 0.0, d)) - gammaln(small) - np.where(large, 0.0, d) * np.log(small)
    return np.where(large, series, plain)


def psi_rising(a: Floats, d: Floats) -> Floats:
    """digamma(a + d) - digamma(a), for a > 0 and d >= 0, of any shapes that broadcast (Abramowitz & Stegun 6.3.18)."""
    big, end, large = _large(a, d)
    more = end - big
    series = np.log1p(more / big) + more / (2 * big * end) - (_psi_tail(end) - _psi_tail(big))
    return np.where(large, series, psi(np.where(large, 1.0, a + d)) - psi(np.where(large, 1.0, a)))


def trigamma_rising(a: Floats, d: Floats) -> Floats:
    """trigamma(a + d) - trigamma(a), for a > 0 and d >= 0, of any shapes that broadcast (6.4.12)."""
    big, end, large = _large(a, d)
    product = big * end
    leading = -(end - big) / product * (1 + (big + end) / (2 * product))
    series = leading + _trigamma_tail(end) - _trigamma_tail(big)
    plain = polygamma(1, np.where(large, 1.0, a + d)) - polygamma(1, np.where(large, 1.0, a))
    return np.where(large, series, plain)


def _large(a: Floats, d: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """a and a + d where Stirling's series holds for both, STIRLING_FROM elsewhere; and where that is."""
    large = np.broadcast_to(a >= STIRLING_FROM, np.broadcast_shapes(np.shape(a), np.shape(d)))
    return np.where(large, a, STIRLING_FROM), np.where(large, a + d, STIRLING_FROM), large


def _psi_tail(x: Floats) -> Floats:
    y = 1 / x**2
    return np.asarray(y * (1 / 12 - y * (1 / 120 - y * (1 / 252 - y * (1 / 240 - y / 132)))))


def _trigamma_tail(x: Floats) -> Floats:
    y = 1 / x**2
    return np.asarray(y / x * (1 / 6 - y * (1 / 30 - y * (1 / 42 - y * (1 / 30 - 5 * y / 66)))))


def _tail(x: Floats) -> Floats:
    """What Stirling's formula for log Gamma(x) lacks."""
    y = 1 / x**2
    return np.asarray((1 / 12 - y * (1 / 360 - y * (1 / 1260 - y * (1 / 1680 - y / 1188)))) / x)


def log_gamma_ratio(a: Floats, b: Floats) -> Floats:
    """log Gamma(b) - log Gamma(a), for a, b > 0 of any shapes that broadcast."""
    a, b = np.broadcast_arrays(a, b)
    large = np.minimum(a, b) >= STIRLING_FROM
    start, end = np.where(large, a, STIRLING_FROM), np.where(large, b, STIRLING_FROM)
    more = end - start
    found = (end - 0.5) * np.log1p(more / start) + more * (np.log(start) - 1) + _tail(end) - _tail(start)
    small = ~large
    found[small] = gammaln(b[small]) - gammaln(a[small])
    return np.asarray(found)
