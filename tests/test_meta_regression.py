"""Meta-regression: what it refuses, and that it gives numbers for the rest."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.effects import Effects
from analysis.inverse_variance import pool_inverse_variance
from analysis.meta_regression import INTERCEPT, meta_regression
from analysis.tau2 import TAU2
from db.errors import InputError

FIVE = Effects("PLO", np.array([-1.0, 0.2, 0.4, 1.1, 0.9]), np.array([0.3, 0.2, 0.1, 0.2, 0.4]))


def test_coefficients_carry_their_names_and_the_result_is_json() -> None:
    found = meta_regression(FIVE, {"dose": [1, 2, 3, 4, 5], "age": [50, 61, 48, 52, 70]}, TAU2["DL"], test="knha")
    assert [row.name for row in found.coefficients] == [INTERCEPT, "dose", "age"]
    assert (found.k, found.QE_df, found.QM_df, found.QM_df2) == (5, 2, 2, 2)
    json.dumps(asdict(found), allow_nan=False)


def test_rescaling_a_moderator_rescales_its_coefficient_and_nothing_else() -> None:
    dose = np.array([1.0, 2, 3, 4, 5])
    one, thousand = (meta_regression(FIVE, {"dose": dose * factor}) for factor in (1, 1000))
    assert one.coefficients[1].estimate == pytest.approx(1000 * thousand.coefficients[1].estimate, rel=1e-9)
    assert (one.tau2, one.QE, one.QM) == pytest.approx((thousand.tau2, thousand.QE, thousand.QM), rel=1e-9)


def test_a_moderator_that_is_the_effect_leaves_nothing_over() -> None:
    found = meta_regression(FIVE, {"itself": FIVE.yi}, TAU2["REML"])
    assert (found.tau2, found.QE, found.R2) == pytest.approx((0, 0, 100), abs=1e-9)
    assert pool_inverse_variance(FIVE, TAU2["REML"]).tau2 > 0


@pytest.mark.parametrize(
    ("moderators", "said"),
    [
        ({}, "needs a moderator"),
        ({"a": [1, 1, 1, 1, 1]}, "'a': constant"),
        ({"a": [1, 2, 3, 4, 5], "b": [3, 5, 7, 9, 11]}, "'b': constant, or collinear"),
        ({"a": [1, 2, 3, 4]}, "for each of the 5"),
        ({"a": [1, 2, 3, 4, float("nan")]}, "give one number"),
        ({"a": [1, 2, 3, 4, "x"]}, "not all numbers"),
        ({"a": [1e-6, 2e-6, 3e-6, 4e-6, 9e-6]}, "rescale"),
        ({letter: np.eye(5)[place] for place, letter in enumerate("abcd")}, "fewer moderators"),
    ],
)
def test_what_cannot_be_fitted_is_refused(moderators: dict[str, list[float]], said: str) -> None:
    with pytest.raises(InputError, match=said):
        meta_regression(FIVE, moderators)


def test_a_saturated_common_effect_model_is_fitted_as_r_does() -> None:
    found = meta_regression(FIVE, {letter: np.eye(5)[place] for place, letter in enumerate("abcd")}, None)
    assert (found.QE_df, found.QE_p, found.I2, found.H2, found.R2) == (0, 1.0, 0.0, 1.0, None)


any_number = st.floats(allow_nan=True, allow_infinity=True)
tame = st.tuples(st.floats(-50, 50), st.floats(1e-6, 1e6), st.floats(-1e3, 1e3))
wild = st.tuples(any_number, any_number, any_number)


@pytest.mark.parametrize("test", ["z", "knha"])
@given(name=st.sampled_from([*TAU2, "EE"]), studies=st.lists(tame, min_size=1, max_size=8) | st.lists(wild, max_size=5))
@settings(max_examples=150, deadline=None)
def test_any_numbers_give_numbers_or_a_refusal(test: str, name: str, studies: list[tuple[float, float, float]]) -> None:
    yi, vi, x = np.array(studies, float).reshape(-1, 3).T
    try:
        found = meta_regression(Effects("PR", yi, vi), {"x": x}, TAU2.get(name), test=test)  # type: ignore[arg-type]
    except InputError:
        return
    json.dumps(asdict(found), allow_nan=False)
    assert found.tau2 >= 0
    assert all(0 <= row.p_value <= 1 for row in found.coefficients if row.p_value is not None)
