"""Leave-one-out, cumulative pools and influence: order, names, refusals, numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.effects import Effects
from analysis.influence import influence
from analysis.inverse_variance import pool_inverse_variance
from analysis.sequence import cumulative, leave_one_out
from analysis.tau2 import TAU2
from analysis.tau2_interval import q_profile, tau2_standard_error
from db.errors import InputError

FOUR = Effects("PLO", np.array([0.1, 1.5, -0.2, 0.7]), np.array([0.1, 0.3, 0.2, 0.4]))
NAMES = ["Hu", "Lu", "Pan", "Tan"]


def test_cumulative_by_date_ends_with_the_whole_pool() -> None:
    found = cumulative(FOUR, labels=NAMES, order=["2023", "2021-05", "2021", "2021-05"])
    assert [step.label for step in found] == ["Pan", "Lu", "Tan", "Hu"]
    assert [step.k for step in found] == [1, 2, 3, 4]
    whole = pool_inverse_variance(FOUR, TAU2["REML"])
    assert (found[-1].estimate, found[-1].se, found[-1].tau2) == pytest.approx((whole.estimate, whole.se, whole.tau2))


def test_without_an_order_the_studies_come_as_given() -> None:
    assert [step.label for step in cumulative(FOUR)] == ["study 1", "study 2", "study 3", "study 4"]
    assert [step.label for step in cumulative(FOUR, order=[3, 1, 2, 0], labels=NAMES)] == ["Tan", "Lu", "Pan", "Hu"]


def test_each_study_is_left_out_in_turn() -> None:
    found = leave_one_out(FOUR, TAU2["DL"], labels=NAMES, test="knha")
    rest = pool_inverse_variance(Effects("PLO", FOUR.yi[1:], FOUR.vi[1:]), TAU2["DL"], test="knha")
    assert (found[0].label, found[0].k, found[0].estimate, found[0].ci_ub) == ("Hu", 3, rest.estimate, rest.ci_ub)


@pytest.mark.parametrize(
    "order", [["2021"], ["2021", "2022", "", "2023"], ["2021", 2, 3, 4], [1, 2, 3, float("nan")], ["May 2021"] * 4]
)
def test_an_order_that_cannot_be_read_is_refused(order: list[Any]) -> None:
    with pytest.raises(InputError, match="order"):
        cumulative(FOUR, order=order)


def test_one_study_has_no_rest_and_no_variance_between() -> None:
    one = Effects("PLO", FOUR.yi[:1], FOUR.vi[:1])
    for refuses in (leave_one_out, influence, q_profile):
        with pytest.raises(InputError, match="add another"):
            refuses(one)  # type: ignore[operator]
    assert pool_inverse_variance(one).tau2_se is None
    assert tau2_standard_error(TAU2["DL"], one.yi, one.vi, 0.0) is None


def test_labels_must_be_as_many_as_the_studies() -> None:
    with pytest.raises(InputError, match="2 labels for 4 effects"):
        influence(FOUR, labels=["a", "b"])


def test_a_study_far_off_is_marked() -> None:
    yi = np.array([0.1, 0.2, 0.15, 0.12, 3.0, 0.18])
    found = influence(Effects("PLO", yi, np.full(6, 0.05)), TAU2["DL"])
    assert [row.influential for row in found] == [False, False, False, False, True, False]


def test_a_wider_level_gives_a_wider_interval() -> None:
    narrow, wide = (q_profile(FOUR, level=level) for level in (0.8, 0.99))
    assert wide.tau2_lb <= narrow.tau2_lb <= narrow.tau2_ub < wide.tau2_ub
    with pytest.raises(InputError, match="level"):
        q_profile(FOUR, level=1.0)


@pytest.mark.parametrize("vi", [[1.0, 9e15], [1e31, 1e31], [1e-31, 1e-31]])
def test_variances_that_no_weights_can_be_made_of_are_refused(vi: list[float]) -> None:
    with pytest.raises(InputError, match=r"rounding|unit"):
        leave_one_out(Effects("PLO", np.array([0.1, 0.2]), np.array(vi)))


number = st.floats(allow_nan=True, allow_infinity=True)
rows = st.lists(st.tuples(st.floats(-50, 50), st.floats(1e-6, 1e6)), min_size=1, max_size=7)
wild = st.lists(st.tuples(number, number), max_size=5)


@pytest.mark.parametrize(
    "ours",
    [
        lambda effects, estimator: leave_one_out(effects, estimator, test="knha"),
        lambda effects, estimator: cumulative(effects, estimator),
        lambda effects, estimator: influence(effects, estimator),
        lambda effects, estimator: (q_profile(effects),),
    ],
)
@given(studies=rows | wild, name=st.sampled_from([*TAU2, "EE"]))
@settings(max_examples=80, deadline=None)
def test_any_numbers_give_numbers_or_a_refusal(
    ours: Callable[..., tuple[Any, ...]], studies: list[tuple[float, float]], name: str
) -> None:
    yi, vi = np.array(studies, float).reshape(-1, 2).T
    try:
        found = ours(Effects("PR", yi, vi), TAU2.get(name))
    except InputError:
        return
    json.dumps([asdict(row) for row in found], allow_nan=False)
