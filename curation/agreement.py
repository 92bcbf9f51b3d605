"""How well two reviewers agree: raw agreement, Cohen's kappa, PABAK and Gwet's AC1, each with its interval.

The table is square: rows are the first reviewer's categories, columns the second's, cells are counts of items.

- kappa: Cohen J. Educ Psychol Meas 1960;20:37-46; its large-sample standard error: Fleiss JL, Cohen J, Everitt BS.
  Psychol Bull 1969;72:323-7.
- PABAK: Byrt T, Bishop J, Carlin JB. J Clin Epidemiol 1993;46:423-9; for k categories (k p - 1) / (k - 1).
- AC1 and its standard error for two raters: Gwet KL. Br J Math Stat Psychol 2008;61:29-48.
- raw agreement, and PABAK which is a linear function of it: Wilson's interval (J Am Stat Assoc 1927;22:209-12), which
  keeps a width where all agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Final

LEVEL: Final = 0.95
Table = Sequence[Sequence[int]]

NO_ITEMS: Final = "no item was judged by both"
ONE_CATEGORY: Final = "both used one category only: chance agreement is complete, kappa is not defined"
NO_WIDTH: Final = "no disagreement: the large-sample interval would have no width"
CONSTANT: Final = "one of them used one category only: kappa is 0 whatever the other said, and has no interval"


@dataclass(frozen=True, slots=True)
class Coefficient:
    """One measure of agreement; None where it is not defined, `why` then says so in words."""

    value: float | None
    low: float | None = None
    high: float | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Agreement:
    """All measures of one table of `n` items."""

    n: int
    table: tuple[tuple[int, ...], ...]
    raw: Coefficient
    kappa: Coefficient
    pabak: Coefficient
    ac1: Coefficient


def agreement(table: Table, level: float = LEVEL) -> Agreement:
    """The measures of a square table of counts, at least 2 × 2. ValueError for any other shape, or a negative count."""
    k = len(table)
    if k < 2 or any(len(row) != k or min(row) < 0 for row in table):
        raise ValueError("a square table of counts is needed")
    counts = tuple(tuple(row) for row in table)
    n = sum(map(sum, counts))
    if not n:
        nothing = Coefficient(None, why=NO_ITEMS)
        return Agreement(0, counts, nothing, nothing, nothing, nothing)
    z = NormalDist().inv_cdf((1 + level) / 2)
    agreed = sum(counts[i][i] for i in range(k))
    low, high = _wilson(agreed, n, z)
    raw = Coefficient(agreed / n, low, high)
    pabak = Coefficient((k * agreed / n - 1) / (k - 1), (k * low - 1) / (k - 1), (k * high - 1) / (k - 1))
    shares = [[count / n for count in row] for row in counts]
    return Agreement(n, counts, raw, _kappa(counts, shares, n, z), pabak, _ac1(shares, n, z))


def _wilson(x: int, n: int, z: float) -> tuple[float, float]:
    centre = (x + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * sqrt(x * (n - x) / n + z * z / 4)
    return (0.0 if x == 0 else centre - half), (1.0 if x == n else centre + half)


def _kappa(counts: Table, p: list[list[float]], n: int, z: float) -> Coefficient:
    k = range(len(p))
    used = [{i for i in k if any(counts[i])}, {j for j in k if any(counts[i][j] for i in k)}]
    if len(used[0]) == 1 and used[0] == used[1]:
        return Coefficient(None, why=ONE_CATEGORY)
    if 1 in map(len, used):
        return Coefficient(0.0, why=CONSTANT)
    rows, columns = [sum(p[i]) for i in k], [sum(p[i][j] for i in k) for j in k]
    agreed, chance = sum(p[i][i] for i in k), sum(rows[i] * columns[i] for i in k)
    if sum(counts[i][i] for i in k) == n:
        return Coefficient(1.0, why=NO_WIDTH)
    on = sum(p[i][i] * ((1 - chance) - (rows[i] + columns[i]) * (1 - agreed)) ** 2 for i in k)
    off = sum(p[i][j] * (columns[i] + rows[j]) ** 2 for i in k for j in k if i != j)
    rest = (agreed * chance - 2 * chance + agreed) ** 2
    variance = (on + (1 - agreed) ** 2 * off - rest) / (n * (1 - chance) ** 4)
    return _interval((agreed - chance) / (1 - chance), variance, z)


def _ac1(p: list[list[float]], n: int, z: float) -> Coefficient:
    k = range(len(p))
    share = [(sum(p[i]) + sum(p[j][i] for j in k)) / 2 for i in k]
    agreed, others = sum(p[i][i] for i in k), len(p) - 1
    chance = sum(s * (1 - s) for s in share) / others  # at most 1/k: the division below is safe
    value = (agreed - chance) / (1 - chance)
    if all(p[i][j] == 0 for i in k for j in k if i != j):
        return Coefficient(1.0, why=NO_WIDTH)
    on = sum(p[i][i] * (1 - share[i]) for i in k) / others - agreed * chance
    both = sum(p[i][j] * (1 - (share[i] + share[j]) / 2) ** 2 for i in k for j in k) / others**2 - chance**2
    variance = agreed * (1 - agreed) - 4 * (1 - value) * on + 4 * (1 - value) ** 2 * both
    return _interval(value, variance / (n * (1 - chance) ** 2), z)


def _interval(value: float, variance: float, z: float) -> Coefficient:
    """A symmetric interval, cut at -1 and 1, between which agreement lies."""
    half = z * sqrt(max(variance, 0.0))  # rounding may take an exact 0 below it
    return Coefficient(value, max(-1.0, value - half), min(1.0, value + half))
