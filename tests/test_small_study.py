"""Tests for small-study effects and trim-and-fill: when they are shown, what they refuse, numbers for the rest."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.effects import Effects
from analysis.small_study import egger, rank_test, regression_test, small_study_refusal
from analysis.tau2 import TAU2
from analysis.trim_and_fill import trim_and_fill
from db.errors import InputError

SIX = Effects("PLO", np.array([0.1, 0.9, -0.2, 1.4, 0.4, 2.2]), np.array([0.1, 0.3, 0.08, 0.5, 0.2, 0.9]))


def test_proportions_need_ten_studies() -> None:
    assert "9 studies" in small_study_refusal(9, proportions=True)
    assert small_study_refusal(10, proportions=True) == ""
    assert small_study_refusal(3, proportions=False) == ""
    assert small_study_refusal(4, proportions=True, min_studies=4) == ""


def test_effects_that_grow_with_their_error_are_found() -> None:
    found = egger(SIX)
    assert found.slope > 0
    assert found.p_value is not None
    assert found.p_value < 0.05
    assert found.limit < 0.1
    assert trim_and_fill(SIX, TAU2["DL"]).side == "left"


def test_the_exact_rank_p_counts_every_order() -> None:
    """Against all 720 orders of six ranks."""
    tau = rank_test(SIX).tau
    assert tau is not None

    def concordance(order: tuple[int, ...]) -> int:
        return sum((b > a) - (b < a) for i, a in enumerate(order) for b in order[i + 1 :])

    sums = [concordance(order) for order in permutations(range(6))]
    observed = round(tau * 15)
    tail = min(sum(s >= observed for s in sums), sum(s <= observed for s in sums)) / len(sums)
    assert rank_test(SIX).p_value == pytest.approx(min(1, 2 * tail))


def test_trim_and_fill_mirrors_what_it_trims() -> None:
    """Mirroring the effects mirrors the answer."""
    left, right = trim_and_fill(SIX), trim_and_fill(Effects("PLO", -SIX.yi, SIX.vi))
    assert left.missing == right.missing > 0
    assert (left.side, right.side) == ("left", "right")
    assert left.estimate == pytest.approx(-right.estimate)
    assert left.filled_yi == pytest.approx([-value for value in right.filled_yi])
    assert left.filled_vi == right.filled_vi


def test_the_side_may_be_given() -> None:
    assert trim_and_fill(SIX, side="right").side == "right"
    assert trim_and_fill(SIX, side="right").missing == 0


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: egger(Effects("PLO", SIX.yi[:2], SIX.vi[:2])), "three studies"),
        (lambda: egger(Effects("PLO", SIX.yi, np.full(6, 0.1))), "constant"),
        (lambda: egger(SIX, "gam"), "lm or rma"),  # type: ignore[arg-type]
        (lambda: regression_test(SIX, sizes=[1, 2, 3]), "sizes"),
        (lambda: regression_test(SIX, sizes=[1, 2, 3, 4, 5, 0]), "sizes"),
        (lambda: trim_and_fill(Effects("PLO", SIX.yi, np.full(6, 0.1))), "constant"),
        (lambda: trim_and_fill(SIX, missing="Q0"), "L0 or R0"),  # type: ignore[arg-type]
        (lambda: trim_and_fill(Effects("PLO", SIX.yi[:2], SIX.vi[:2])), "three studies"),
        (lambda: rank_test(Effects("PLO", SIX.yi[:1], SIX.vi[:1])), "two studies"),
    ],
)
def test_what_cannot_be_tested_is_refused(call: Callable[[], object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        call()


number = st.floats(allow_nan=True, allow_infinity=True)
# Few values, so that ties are frequent; then any; then what is no effect at all.
tied = st.lists(st.tuples(st.sampled_from([0.0, 0.5, -1.0, 2.0]), st.sampled_from([0.1, 0.2, 0.5])), max_size=8)
tame = st.lists(st.tuples(st.floats(-50, 50), st.floats(1e-6, 1e6)), max_size=8)
wild = st.lists(st.tuples(number, number), max_size=5)


@pytest.mark.parametrize(
    "ours",
    [
        lambda effects, estimator: egger(effects),
        lambda effects, estimator: egger(effects, "rma", estimator),
        lambda effects, estimator: regression_test(effects, sizes=np.arange(1, len(effects.yi) + 1)),
        lambda effects, estimator: rank_test(effects),
        lambda effects, estimator: trim_and_fill(effects, estimator),
        lambda effects, estimator: trim_and_fill(effects, estimator, missing="R0"),
    ],
)
@given(studies=tied | tame | wild, name=st.sampled_from([*TAU2, "EE"]))
@settings(max_examples=80, deadline=None)
def test_any_numbers_give_numbers_or_a_refusal(
    ours: Callable[..., Any], studies: list[tuple[float, float]], name: str
) -> None:
    yi, vi = np.array(studies, float).reshape(-1, 2).T
    try:
        found = ours(Effects("PR", yi, vi), TAU2.get(name))
    except InputError:
        return
    json.dumps(asdict(found), allow_nan=False)
    assert getattr(found, "p_value", None) is None or 0 <= found.p_value <= 1
