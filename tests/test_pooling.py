"""Inverse-variance pooling, the published figures it must meet, the door to the models, and its helpers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.effects import Effects
from analysis.heterogeneity import i_squared
from analysis.inverse_variance import pool_inverse_variance
from analysis.pooling import (
    FTT_DL,
    GLMM_LOGIT,
    MODEL_TITLES,
    NotPooled,
    Pooled,
    available,
    by_group,
    pool,
    pool_freeman_tukey_dl,
)
from analysis.tau2 import dersimonian_laird
from db.errors import InputError
from db.model import Row

# The published table, in the readings that reproduce the printed figures.
INFUSED = [8, 12, 10, 20, 12, 60, 20, 7, 10, 11, 7, 18, 5]
CRS = [8, 10, 10, 20, 10, 55, 20, 6, 8, 11, 6, 14, 4]
EVALUABLE = [8, 11, 10, 20, 12, 54, 20, 7, 10, 11, 7, 18, 5]
COMPLETE_RESPONSE = [7, 7, 8, 18, 11, 51, 17, 7, 7, 10, 7, 12, 4]
ICANS = [0, 0, 1, 3, 0, 3, 3, 1, 0, 0, 0, 1, 0]


def rows(events: Sequence[int], total: Sequence[int], group: str = "") -> list[Row]:
    pairs = zip(events, total, strict=True)
    return [Row(f"{group}{i}", f"study {i}", x, n, group=group) for i, (x, n) in enumerate(pairs)]


@pytest.mark.parametrize(
    ("events", "total", "percent", "i2", "p"),
    [
        (CRS, INFUSED, (93.94, 87.79, 98.38), 32.71, 0.1209),
        (COMPLETE_RESPONSE, EVALUABLE, (87.34, 79.93, 93.51), 29.654, 0.147),
        (ICANS, INFUSED, (3.52, 0.78, 7.46), 0.0, 0.718),
    ],
)
def test_the_published_figures_come_out_to_every_printed_digit(
    events: list[int], total: list[int], percent: tuple[float, ...], i2: float, p: float
) -> None:
    pooled = pool_freeman_tukey_dl(rows(events, total))
    ours = [100 * value for value in (pooled.proportion, *pooled.proportion_ci)]
    assert [round(value, 2) for value in ours] == list(percent)
    assert round(pooled.I2, 3) == pytest.approx(i2, abs=0.005)
    assert pooled.Q_p == pytest.approx(p, abs=0.0005)


def test_common_effect_of_two_by_hand() -> None:
    fit = pool_inverse_variance(Effects("PR", np.array([0.2, 0.5]), np.array([0.01, 0.04])), None)
    assert fit.estimate == pytest.approx((0.2 / 0.01 + 0.5 / 0.04) / 125)
    assert fit.se == pytest.approx(125**-0.5)
    np.testing.assert_allclose(fit.weights, [80, 20])
    assert math.isclose(fit.Q, 0.3**2 / 0.05)


def test_another_estimator_of_tau2_is_just_another_function() -> None:
    effects = Effects("PR", np.array([0.2, 0.5, 0.7]), np.array([0.01, 0.04, 0.02]))
    fit = pool_inverse_variance(effects, lambda yi, vi: 1e6)
    assert fit.estimate == pytest.approx(effects.yi.mean(), abs=1e-6)
    assert fit.tau2 == 1e6


def test_i_squared_from_tau2_is_that_from_q_for_dersimonian_laird() -> None:
    yi, vi = np.array([0.1, 0.9, 0.4, 0.8]), np.array([0.01, 0.02, 0.03, 0.015])
    fit = pool_inverse_variance(Effects("PR", yi, vi))
    assert i_squared(dersimonian_laird(yi, vi), vi) == pytest.approx(100 * (fit.Q - 3) / fit.Q)


def test_weights_are_percent_one_a_row() -> None:
    pooled = pool_freeman_tukey_dl(rows(CRS, INFUSED))
    assert pooled.weights is not None
    assert len(pooled.weights) == 13
    assert sum(pooled.weights) == pytest.approx(100)
    assert pooled.weights[5] == max(pooled.weights)


TABLES = st.lists(
    st.integers(1, 80).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=3, max_size=12
)


@given(TABLES, st.randoms())
def test_order_does_not_matter(table: list[tuple[int, int]], random: Random) -> None:
    shuffled = list(table)
    random.shuffle(shuffled)
    one, other = (
        pool_freeman_tukey_dl(rows([x for x, _ in order], [n for _, n in order])) for order in (table, shuffled)
    )
    assert one.proportion == pytest.approx(other.proportion, abs=1e-9)
    assert one.tau2 == pytest.approx(other.tau2, abs=1e-9)


@given(TABLES)
def test_estimate_lies_within_its_intervals_and_the_unit_range(table: list[tuple[int, int]]) -> None:
    pooled = pool_freeman_tukey_dl(rows([x for x, _ in table], [n for _, n in table]))
    assert pooled.proportion_pi is not None
    (low, high), (new_low, new_high) = pooled.proportion_ci, pooled.proportion_pi
    assert 0 <= new_low <= low + 1e-12
    assert low <= pooled.proportion <= high
    assert high <= new_high + 1e-12 <= 1 + 1e-9
    assert 0 <= pooled.I2 < 100


@pytest.mark.parametrize("model", MODEL_TITLES)
def test_the_door_opens_every_model(model: str) -> None:
    if not available(model):
        pytest.skip(f"{model} is not in this program yet")
    pooled = pool(rows(CRS, INFUSED), model)
    assert isinstance(pooled, Pooled)
    assert (pooled.model, pooled.k, pooled.events, pooled.total) == (model, 13, 182, 200)


def test_an_unknown_model_is_named_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="unknown model 'reml'; use one of glmm-logit, ftt-dl, logit-reml-hk"):
        pool(rows(CRS, INFUSED), "reml")


@pytest.mark.parametrize("level", [0, 1, 95.0, -0.5])
def test_a_level_outside_the_unit_interval(level: float) -> None:
    with pytest.raises(InputError, match="confidence level"):
        pool(rows(CRS, INFUSED), level=level)


@pytest.mark.parametrize("model", [model for model in MODEL_TITLES if available(model)])
def test_two_studies_are_not_pooled(model: str) -> None:
    refused = pool(rows([3, 4], [10, 12]), model)
    assert isinstance(refused, NotPooled)
    assert refused.reason == "2 studies reported; pooling needs at least 3"
    assert (refused.k, refused.events, refused.total, refused.model) == (2, 7, 22, model)


@pytest.mark.parametrize("model", [GLMM_LOGIT, FTT_DL])
@pytest.mark.parametrize("events", [[0, 0, 0], [9, 14, 20]])
def test_all_or_no_events_get_no_diamond(model: str, events: list[int]) -> None:
    refused = pool(rows(events, [9, 14, 20]), model)
    assert isinstance(refused, NotPooled)
    assert (refused.events, refused.total) == (sum(events), 43)
    lower, upper = refused.proportion_ci
    assert lower < upper
    assert (lower == 0) or (upper == 1)


def test_groups_are_pooled_apart() -> None:
    a, b = rows(CRS[:6], INFUSED[:6], "a"), rows(CRS[6:], INFUSED[6:], "b")
    mixed = [row for pair in zip(a, b, strict=False) for row in pair] + b[6:]
    parts = by_group(mixed, FTT_DL)
    assert list(parts) == ["a", "b"]
    for group, part in (("a", a), ("b", b)):
        found, alone = parts[group], pool(part, FTT_DL)
        assert isinstance(found, Pooled)
        assert isinstance(alone, Pooled)
        assert found.proportion == pytest.approx(alone.proportion)
