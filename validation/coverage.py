"""How often the published interval of the GLMM holds the truth: `python -m validation.coverage` writes coverage.csv.

The truth is mu, the logit of the median study, from which the samples are drawn: k studies of n ~ uniform 5 to 60
patients, logit p_i ~ N(mu, tau^2), events ~ Binomial(n, p_i). The interval is the one that `pool_glmm` publishes, t
with k - 1 df; the one with normal quantiles stands beside it. Proportions above one half are the mirror image of those
below (tests/test_glmm.py holds the fit to that), so p from .03 to .5 speaks for .03 to .97.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from scipy.special import expit, logit

from analysis.estimates import Pooled, critical_value
from analysis.glmm import pool_glmm
from analysis.intervals import DEFAULT_LEVEL
from db.model import Row

SEED = 20260101
REPLICATIONS = 2000  # a Monte Carlo standard error of half a percentage point at 95%
STUDIES = (10, 13, 20)
MEDIANS = (0.03, 0.05, 0.1, 0.2, 0.3, 0.5)
TAUS = (0.0, 0.3, 0.6, 1.0)
PATIENTS = (5, 60)
BAND = (0.93, 0.97)
TABLE = Path(__file__).with_name("coverage.csv")


@dataclass(frozen=True, slots=True)
class Cell:
    """What one setting gave. Shares are of the samples pooled, but for `not_pooled`, which is of all."""

    k: int
    p: float  # the median study's proportion: mu = logit(p)
    tau: float
    replications: int
    not_pooled: float  # share of samples that the model refuses: no event in any study, most of them
    coverage: float  # t with k - 1 df: the published interval
    too_high: float  # the interval lies wholly above the truth
    too_low: float  # wholly below
    coverage_z: float
    tau2_zero: float  # estimated tau2 is 0
    bias: float  # mean of the estimates less mu, in logits
    standard_error: float  # Monte Carlo, of `coverage`
    in_band: bool


def sample(random: np.random.Generator, k: int, p: float, tau: float) -> list[Row]:
    """One meta-analysis of `k` studies around the median proportion `p`."""
    total = random.integers(PATIENTS[0], PATIENTS[1] + 1, k)
    events = random.binomial(total, expit(logit(p) + tau * random.normal(size=k)))
    return [Row(f"s{i}", f"s{i}", int(x), int(n)) for i, (x, n) in enumerate(zip(events, total, strict=True))]


def simulate(k: int, p: float, tau: float, replications: int, seed: int = SEED) -> Cell:
    """Coverage at one setting. Each setting has its own stream, so one can be run again alone."""
    random = np.random.default_rng([seed, k, round(1000 * p), round(1000 * tau)])
    found = [pool_glmm(sample(random, k, p, tau)) for _ in range(replications)]
    pooled = [one for one in found if isinstance(one, Pooled)]
    error = np.array([one.estimate for one in pooled]) - logit(p)
    se = np.array([one.se for one in pooled])
    t, z = (critical_value(DEFAULT_LEVEL, quantile, k - 1) for quantile in ("t", "z"))
    coverage = float(np.mean(np.abs(error) <= t * se))
    return Cell(
        k=k,
        p=p,
        tau=tau,
        replications=replications,
        not_pooled=1 - len(pooled) / replications,
        coverage=coverage,
        too_high=float(np.mean(error > t * se)),
        too_low=float(np.mean(error < -t * se)),
        coverage_z=float(np.mean(np.abs(error) <= z * se)),
        tau2_zero=float(np.mean([one.tau2 == 0 for one in pooled])),
        bias=float(np.mean(error)),
        standard_error=float(np.sqrt(coverage * (1 - coverage) / len(pooled))),
        in_band=BAND[0] <= coverage <= BAND[1],
    )


def table(replications: int = REPLICATIONS) -> Iterator[Cell]:
    """Every setting of the grid."""
    for k in STUDIES:
        for p in MEDIANS:
            for tau in TAUS:
                yield simulate(k, p, tau, replications)


def main() -> None:
    """Write coverage.csv; a line a setting on stderr meanwhile."""
    with TABLE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([field.name for field in fields(Cell)])
        for cell in table():
            values = asdict(cell).values()
            writer.writerow([round(value, 4) if isinstance(value, float) else value for value in values])
            file.flush()
            sys.stderr.write(f"k {cell.k}  p {cell.p:.2f}  tau {cell.tau:.1f}  coverage {cell.coverage:.3f}\n")


if __name__ == "__main__":
    main()
