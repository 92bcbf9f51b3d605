"""The simulator of coverage: its samples are what it says, it counts rightly, and its kept table is of this code."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from scipy.special import logit

from analysis.estimates import Pooled
from analysis.glmm import pool_glmm
from validation import coverage

KEPT = list(csv.DictReader((Path(coverage.__file__).with_name("coverage.csv")).read_text("utf-8").splitlines()))


def test_samples_have_the_median_the_spread_and_the_sizes_asked_for() -> None:
    random = np.random.default_rng(1)
    drawn = [row for _ in range(300) for row in coverage.sample(random, 20, 0.1, 0.0)]
    total = np.array([row.total for row in drawn])
    assert (total.min(), total.max()) == coverage.PATIENTS
    assert sum(row.events for row in drawn) / total.sum() == pytest.approx(0.1, abs=0.003)
    wide = [row for _ in range(300) for row in coverage.sample(random, 20, 0.5, 1.0)]
    share = np.array([row.events / row.total for row in wide])
    assert np.median(share) == pytest.approx(0.5, abs=0.02)
    # Var(p) for logit p ~ N(0, 1) is 0.0433; a study of n patients adds E[p(1 - p)] / n.
    extra = 0.2067 * float(np.mean([1 / row.total for row in wide]))
    assert share.var() == pytest.approx(0.0433 + extra, abs=0.004)


def test_coverage_is_counted_as_by_hand() -> None:
    cell = coverage.simulate(10, 0.1, 0.6, 25)
    random = np.random.default_rng([coverage.SEED, 10, 100, 600])
    found = [pool_glmm(coverage.sample(random, 10, 0.1, 0.6)) for _ in range(25)]
    pooled = [one for one in found if isinstance(one, Pooled)]
    inside = [one.ci_lb <= logit(0.1) <= one.ci_ub for one in pooled]
    assert cell.coverage == pytest.approx(np.mean(inside))
    assert cell.not_pooled == pytest.approx(1 - len(pooled) / 25)
    assert cell.coverage + cell.too_high + cell.too_low == pytest.approx(1)
    assert cell.coverage_z <= cell.coverage


def test_an_interval_that_is_too_narrow_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage, "critical_value", lambda *_: 0.5)
    assert coverage.simulate(10, 0.3, 0.6, 60).coverage < 0.7


def test_the_kept_table_has_the_whole_grid() -> None:
    grid = {(k, p, tau) for k in coverage.STUDIES for p in coverage.MEDIANS for tau in coverage.TAUS}
    assert {(int(c["k"]), float(c["p"]), float(c["tau"])) for c in KEPT} == grid
    assert {int(c["replications"]) for c in KEPT} == {coverage.REPLICATIONS}


@pytest.mark.slow
def test_a_kept_setting_comes_out_again() -> None:
    cell = coverage.simulate(10, 0.3, 0.6, coverage.REPLICATIONS)
    kept = next(c for c in KEPT if (c["k"], c["p"], c["tau"]) == ("10", "0.3", "0.6"))
    assert cell.coverage == pytest.approx(float(kept["coverage"]), abs=0.002)
    assert cell.in_band == (kept["in_band"] == "True")
