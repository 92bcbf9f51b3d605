"""Intervals of one proportion: textbook values, duality, symmetry, coverage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import bdtr, bdtrc, gammaln, xlogy

from analysis.intervals import clopper_pearson, wilson

PAIRS = st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def test_the_rule_of_three_and_its_exact_form() -> None:
    lower, upper = clopper_pearson([0], [20])
    assert lower[0] == 0
    assert upper[0] == pytest.approx(1 - 0.025 ** (1 / 20))


def test_51_of_54_as_the_plot_prints_it() -> None:
    lower, upper = clopper_pearson(51, 54)
    assert (round(100 * float(lower), 1), round(100 * float(upper), 1)) == (84.6, 98.8)


@given(PAIRS)
def test_clopper_pearson_bounds_leave_two_and_a_half_percent_in_each_tail(pair: tuple[int, int]) -> None:
    events, total = pair
    lower, upper = clopper_pearson(events, total)
    if events > 0:
        assert bdtrc(events - 1, total, float(lower)) == pytest.approx(0.025, rel=1e-6)
    if events < total:
        assert bdtr(events, total, float(upper)) == pytest.approx(0.025, rel=1e-6)


@given(PAIRS, st.sampled_from([0.8, 0.95, 0.99]))
def test_intervals_hold_the_proportion_and_mirror(pair: tuple[int, int], level: float) -> None:
    events, total = pair
    for interval in (clopper_pearson, wilson):
        lower, upper = interval(events, total, level=level)
        mirrored_lower, mirrored_upper = interval(total - events, total, level=level)
        assert 0 <= lower <= events / total <= upper <= 1
        assert float(lower) == pytest.approx(1 - float(mirrored_upper), abs=1e-9)
        assert float(upper) == pytest.approx(1 - float(mirrored_lower), abs=1e-9)


@pytest.mark.parametrize("p", [0.03, 0.3, 0.87])
def test_clopper_pearson_covers_at_least_as_often_as_it_says(p: float) -> None:
    n = 17
    x = np.arange(n + 1)
    lower, upper = clopper_pearson(x, np.full(n + 1, n))
    chance = np.exp(gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1) + xlogy(x, p) + xlogy(n - x, 1 - p))
    assert chance[(lower <= p) & (p <= upper)].sum() >= 0.95
