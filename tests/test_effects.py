"""Effect sizes: hand-worked values, the way there and back, and refusals."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.effects import (
    Measure,
    back_transform,
    counts,
    effect_sizes,
    freeman_tukey,
    harmonic_mean,
    inverse_freeman_tukey,
)
from analysis.intervals import clopper_pearson, wilson
from db.errors import InputError
from db.model import Row

ARCSINES: tuple[Measure, ...] = ("PAS", "PFT")
OTHERS: tuple[Measure, ...] = ("PR", "PLN", "PLO")
SYMMETRIC: tuple[tuple[Measure, float], ...] = (("PR", 1), ("PLO", 0), ("PAS", math.pi / 2), ("PFT", math.pi / 2))
PAIRS = st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def test_logit_of_three_in_twelve() -> None:
    effects = effect_sizes("PLO", [3], [12])
    assert effects.yi[0] == pytest.approx(math.log(3 / 9))
    assert effects.vi[0] == pytest.approx(1 / 3 + 1 / 9)


def test_half_is_added_only_to_the_study_with_a_zero_cell() -> None:
    effects = effect_sizes("PLO", [0, 3, 8], [8, 12, 8])
    np.testing.assert_allclose(effects.yi, [math.log(0.5 / 8.5), math.log(3 / 9), math.log(8.5 / 0.5)])


def test_arcsine_needs_no_correction_at_the_ends() -> None:
    np.testing.assert_allclose(effect_sizes("PAS", [0, 8], [8, 8]).yi, [0, math.pi / 2])


@given(PAIRS)
def test_every_measure_returns_to_the_proportion_it_came_from(pair: tuple[int, int]) -> None:
    events, total = pair
    for measure in ARCSINES:
        value = effect_sizes(measure, [events], [total]).yi[0]
        assert back_transform(measure, value, [total]) == pytest.approx(events / total, abs=1e-6)
    if 0 < events < total:
        for measure in OTHERS:
            value = effect_sizes(measure, [events], [total]).yi[0]
            assert back_transform(measure, value, [total]) == pytest.approx(events / total)


@given(PAIRS)
def test_the_complement_mirrors_the_symmetric_measures(pair: tuple[int, int]) -> None:
    events, total = pair
    for measure, width in SYMMETRIC:
        one, other = effect_sizes(measure, [events], [total]), effect_sizes(measure, [total - events], [total])
        assert one.yi[0] + other.yi[0] == pytest.approx(width, abs=1e-9)
        assert one.vi[0] == pytest.approx(other.vi[0])


def test_inverse_freeman_tukey_is_clamped_and_monotone() -> None:
    assert inverse_freeman_tukey(float(freeman_tukey(0, 10)) - 0.01, 10) == 0
    assert inverse_freeman_tukey(float(freeman_tukey(10, 10)) + 0.01, 10) == 1
    grid = np.linspace(float(freeman_tukey(0, 10)), float(freeman_tukey(10, 10)), 200)
    back = [inverse_freeman_tukey(float(value), 10) for value in grid]
    assert back == sorted(back)


def test_harmonic_mean() -> None:
    assert harmonic_mean([2, 6]) == pytest.approx(3)


def test_an_unknown_measure_is_named() -> None:
    with pytest.raises(InputError, match=r"unknown measure 'XX'.*PLO"):
        effect_sizes("XX", [1], [2])  # type: ignore[arg-type]


@pytest.mark.parametrize(("events", "total"), [(3, 2), (-1, 5), (0, 0)])
def test_counts_that_cannot_be_name_the_study(events: int, total: int) -> None:
    with pytest.raises(InputError, match="Ada 2020"):
        counts([Row("Ada 2020", "Ada 2020", events, total)])


def test_no_rows() -> None:
    with pytest.raises(InputError, match="no rows"):
        counts([])


def test_the_numeric_part_imports_nothing_heavy() -> None:
    heavy = "{'pandas', 'matplotlib', 'scipy.stats', 'scipy.optimize'}"
    code = f"import sys, analysis.pooling, analysis.table; print(sorted({heavy} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


NOT_COUNTS = [(-1, 5), (6, 5), (0, 0), (float("nan"), 5), (1, float("nan")), (1, float("inf")), (float("inf"), 5)]


@pytest.mark.parametrize(("events", "total"), NOT_COUNTS)
def test_counts_that_cannot_be_are_refused_in_one_line(events: float, total: float) -> None:
    for measure in ("PR", "PLN", "PLO", "PAS", "PFT"):
        with pytest.raises(InputError, match=r"study 2: .* cannot be"):
            effect_sizes(measure, [1, events], [5, total])
    with pytest.raises(InputError, match="cannot be"):
        wilson(events, total)
    if (events, total) == (0, 0):
        assert [float(bound) for bound in clopper_pearson(0, 0)] == [0, 1]
    else:
        with pytest.raises(InputError, match="cannot be"):
            clopper_pearson(events, total)


def test_what_is_no_column_is_refused() -> None:
    with pytest.raises(InputError, match="same length"):
        effect_sizes("PLO", [1, 2], [5, 6, 7])
    with pytest.raises(InputError, match="same length"):
        effect_sizes("PLO", [], [])
    with pytest.raises(InputError, match="numbers"):
        clopper_pearson([1, 2], [5, 6, 7])
    for level in (0, 1, float("nan")):
        with pytest.raises(InputError, match="level"):
            clopper_pearson(1, 5, level=level)
    for measure in ("PR", "PLN", "PLO", "PAS", "PFT"):
        with pytest.raises(InputError, match="no pooled value"):
            back_transform(measure, float("nan"), [5])
    for totals in ([0, 5], [], [float("nan")]):
        with pytest.raises(InputError):
            back_transform("PFT", 0.5, totals)
    assert back_transform("PLN", 1e300, [5]) == float("inf")
