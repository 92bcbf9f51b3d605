"""The Knapp-Hartung sensitivity models: every set of R's, refusals, arms, and any table of counts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.estimates import ARCSINE_REML_HK, LOGIT_REML_HK, NotPooled, Pooled
from analysis.two_step import MEASURES, pool_reml_hk
from db.model import Row
from tests.test_oracle import ORACLE

TABLES = st.lists(
    st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1, max_size=12
)


def rows(table: list[tuple[int, int]]) -> list[Row]:
    return [Row(f"s{i}", f"study {i}", x, n) for i, (x, n) in enumerate(table)]


@pytest.mark.parametrize("name", ORACLE)
@pytest.mark.parametrize("model", MEASURES)
def test_every_set_of_r(shared: Path, name: str, model: str) -> None:
    case = json.loads((shared / "data" / "oracle" / f"{name}.json").read_text("utf-8"))
    table = list(zip(case["input"]["events"], case["input"]["total"], strict=True))
    ours = pool_reml_hk(rows(table), model, min_studies=2)
    r = case["measures"][MEASURES[model]]["fits"]["REML_knha"]
    if isinstance(ours, NotPooled):  # one study, all or no events, one and the same effect: R's interval has no width
        assert len(table) < 2 or "error" in r or r["se"] == 0 or all(x in (0, n) for x, n in table)
        return
    for field in ("estimate", "se", "ci_lb", "ci_ub", "pi_lb", "pi_ub", "tau2", "I2", "Q"):
        assert getattr(ours, field) == pytest.approx(r[field], rel=1e-7, abs=1e-7), field
    back = (ours.proportion, *ours.proportion_ci, *(ours.proportion_pi or ()))
    theirs = [r["back"][field] for field in ("estimate", "ci_lb", "ci_ub", "pi_lb", "pi_ub")]
    assert back == pytest.approx(theirs, rel=1e-7, abs=1e-7)
    assert "Knapp-Hartung" in ours.ci_convention
    assert f"{len(table) - 1} df" in ours.prediction_convention


@pytest.mark.parametrize("model", MEASURES)
@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ([(3, 9), (2, 8)], "2 studies reported"),
        ([(3, 3), (8, 8), (4, 4)], "events in all"),
        ([(0, 3), (0, 8), (0, 4)], "no study has an event"),
        ([(2, 4), (4, 8), (6, 12)], "would have no width"),
    ],
)
def test_what_is_not_pooled_says_why(model: str, table: list[tuple[int, int]], reason: str) -> None:
    found = pool_reml_hk(rows(table), model)
    assert isinstance(found, NotPooled)
    assert reason in found.reason
    assert (found.model, found.k, found.total) == (model, len(table), sum(n for _, n in table))


@pytest.mark.parametrize("model", MEASURES)
def test_arms_of_one_study_are_one_effect(model: str) -> None:
    whole = rows([(9, 14), (11, 20), (3, 12), (5, 6)])
    arms = [Row("s0", "a", 4, 6), *whole[1:], Row("s0", "b", 5, 8)]
    one, other = pool_reml_hk(whole, model), pool_reml_hk(arms, model)
    assert isinstance(one, Pooled)
    assert isinstance(other, Pooled)
    assert (other.k, other.estimate, other.ci_lb, other.weights) == (4, one.estimate, one.ci_lb, None)


@settings(deadline=None)
@given(TABLES, st.sampled_from([LOGIT_REML_HK, ARCSINE_REML_HK]), st.sampled_from([0.5, 0.95, 0.999]))
def test_any_table_gives_an_estimate_in_its_intervals_or_a_reason(
    table: list[tuple[int, int]], model: str, level: float
) -> None:
    found = pool_reml_hk(rows(table), model, level=level)
    if isinstance(found, NotPooled):
        assert found.reason
        return
    (low, high), prediction = found.proportion_ci, found.proportion_pi
    assert prediction is not None
    assert 0 <= prediction[0] <= low + 1e-12
    assert low <= found.proportion <= high
    assert high <= prediction[1] + 1e-12 <= 1 + 1e-9
