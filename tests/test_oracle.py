"""Our numbers beside R's: pinned ones of validation/metafor/, and every set of proportions of the oracle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.effects import Effects, back_transform, effect_sizes
from analysis.estimates import NotPooled, Pooled
from analysis.glmm import pool_glmm
from analysis.intervals import clopper_pearson, wilson
from analysis.inverse_variance import pool_freeman_tukey_dl, pool_inverse_variance
from analysis.tau2 import dersimonian_laird
from db.model import Row

CLOSED_FORM = 1e-10
ITERATED = 1e-4  # lme4 stops its optimizer at about 1e-5; ours converges further
PINNED = json.loads((Path(__file__).parents[1] / "validation" / "metafor" / "pinned.json").read_text("utf-8"))["sets"]
ORACLE = (
    "edge_prop_all_events",
    "edge_prop_half",
    "edge_prop_huge_n",
    "edge_prop_identical5",
    "edge_prop_k1",
    "edge_prop_k1_zero",
    "edge_prop_k2",
    "edge_prop_k3",
    "edge_prop_zero_events",
    "prop_bcg_control",
    "prop_cd7_cr_literal",
    "prop_cd7_crs_reproduces",
    "prop_crisafulli2020",
    "prop_debruin2009",
    "prop_dong2013_largest",
    "prop_pritz1997",
)
SETS = [f"pinned:{name}" for name in PINNED] + list(ORACLE)
GLMM_FIELDS = {
    "estimate": "estimate",
    "se": "se",
    "ci_lb": "ci_lb",
    "ci_ub": "ci_ub",
    "pi_lb": "pi_lb",
    "pi_ub": "pi_ub",
    "tau2": "tau2",
    "I2": "I2",
    "QE_Wld": "Q_wald",
    "QEp_Wld": "Q_wald_p",
    "QE_LRT": "Q",
    "QEp_LRT": "Q_p",
    "loglik": "conditional_loglik",
}


@pytest.fixture(params=SETS)
def case(request: pytest.FixtureRequest) -> dict[str, Any]:
    """One set: its counts and what R made of them."""
    name: str = request.param
    if name.startswith("pinned:"):
        pinned: dict[str, Any] = PINNED[name.removeprefix("pinned:")]
        return pinned
    shared: Path = request.getfixturevalue("shared")
    found: dict[str, Any] = json.loads((shared / "data" / "oracle" / f"{name}.json").read_text("utf-8"))
    return found


def as_rows(case: dict[str, Any]) -> list[Row]:
    pairs = zip(case["input"]["events"], case["input"]["total"], strict=True)
    return [Row(f"s{i}", f"study {i}", events, total) for i, (events, total) in enumerate(pairs)]


def close(ours: Any, theirs: Any, tolerance: float) -> None:
    """Equal within `tolerance`, absolute below 1 and relative above; R's null must be our None."""
    if theirs is None:
        assert ours is None
        return
    np.testing.assert_allclose(np.asarray(ours, float), np.asarray(theirs, float), rtol=tolerance, atol=tolerance)


def test_the_grid_of_sets_is_complete(shared: Path) -> None:
    folder = shared / "data" / "oracle"
    found = {path.stem for pattern in ("prop_*", "edge_prop_*") for path in folder.glob(f"{pattern}.json")}
    assert found == set(ORACLE)


def test_study_intervals(case: dict[str, Any]) -> None:
    events, total, r = case["input"]["events"], case["input"]["total"], case["study_ci"]
    for name, ours in (("clopper_pearson", clopper_pearson), ("wilson", wilson)):
        lower, upper = ours(events, total)
        close(lower, r[f"{name}_lb"], CLOSED_FORM)
        close(upper, r[f"{name}_ub"], CLOSED_FORM)


@pytest.mark.parametrize("measure", ["PR", "PLN", "PLO", "PAS", "PFT"])
def test_effect_sizes(case: dict[str, Any], measure: Any) -> None:
    ours, r = effect_sizes(measure, case["input"]["events"], case["input"]["total"]), case["measures"][measure]
    close(ours.yi, r["yi"], CLOSED_FORM)
    close(ours.vi, r["vi"], CLOSED_FORM)


@pytest.mark.parametrize("method", ["EE_z", "DL_z"])
@pytest.mark.parametrize("measure", ["PR", "PLN", "PLO", "PAS", "PFT"])
def test_inverse_variance(case: dict[str, Any], measure: Any, method: str) -> None:
    r, total = case["measures"][measure], case["input"]["total"]
    effects = Effects(measure, np.array(r["yi"], float), np.array(r["vi"], float))
    ours = pool_inverse_variance(effects, dersimonian_laird if method == "DL_z" else None)
    fit = r["fits"][method]
    pi_lb, pi_ub = ours.prediction(quantile="z") if method == "DL_z" else (None, None)
    mine: dict[str, Any] = {
        "estimate": ours.estimate,
        "se": ours.se,
        "stat": ours.statistic,
        "pval": ours.p_value,
        "ci_lb": ours.ci_lb,
        "ci_ub": ours.ci_ub,
        "pi_lb": pi_lb,
        "pi_ub": pi_ub,
        "tau2": ours.tau2,
        "Q": ours.Q,
        "Q_df": ours.Q_df,
        "Q_p": ours.Q_p,
        "I2": ours.I2,
        "H2": ours.H2,
        "weights_pct": ours.weights,
    }
    for name, ours_value in mine.items():
        close(ours_value, fit[name], CLOSED_FORM)
    for name in ("estimate", "ci_lb", "ci_ub", "pi_lb", "pi_ub"):
        value = mine[name]
        back = None if value is None else back_transform(measure, value, total)
        close(back, fit["back"][name], CLOSED_FORM)


def test_freeman_tukey_pool(case: dict[str, Any]) -> None:
    ours, fit = pool_freeman_tukey_dl(as_rows(case)), case["measures"]["PFT"]["fits"]["DL_z"]
    assert (ours.k, ours.events, ours.total) == (
        len(case["input"]["total"]),
        sum(case["input"]["events"]),
        sum(case["input"]["total"]),
    )
    close([ours.proportion, *ours.proportion_ci], [fit["back"][e] for e in ("estimate", "ci_lb", "ci_ub")], CLOSED_FORM)
    close([ours.I2, ours.tau2, ours.Q_p], [fit["I2"], fit["tau2"], fit["Q_p"]], CLOSED_FORM)
    close(ours.weights, fit["weights_pct"], CLOSED_FORM)


def test_glmm_with_normal_quantiles(case: dict[str, Any]) -> None:
    r = case.get("glmm_logit")
    ours = pool_glmm(as_rows(case), ci="z", min_studies=2)
    if not r or "error" in r:
        _meets_a_refusal(case, ours)
        return
    assert isinstance(ours, Pooled)
    for theirs, mine in GLMM_FIELDS.items():
        close(getattr(ours, mine), r[theirs], ITERATED)
    if "back" in r:
        close([ours.proportion, *ours.proportion_ci], [r["back"][e] for e in ("estimate", "ci_lb", "ci_ub")], ITERATED)


def _meets_a_refusal(case: dict[str, Any], ours: Pooled | NotPooled) -> None:
    """Where R refuses we refuse, but for huge samples: there lme4 fails, and R's own two-step ML says the same."""
    if min(case["input"]["total"]) < 1_000_000:
        assert isinstance(ours, NotPooled)
        assert ours.reason
        return
    assert isinstance(ours, Pooled)
    two_step = case["measures"]["PLO"]["fits"]["ML_z"]
    close([ours.estimate, ours.se, ours.tau2], [two_step[name] for name in ("estimate", "se", "tau2")], ITERATED)


def test_glmm_with_t_quantiles(case: dict[str, Any]) -> None:
    r = case.get("glmm_logit_t")
    if not r or "error" in r:
        _meets_a_refusal(case, pool_glmm(as_rows(case), min_studies=2))
        return
    ours = pool_glmm(as_rows(case), min_studies=2)
    assert isinstance(ours, Pooled)
    close([ours.estimate, ours.se, ours.tau2], [r[name] for name in ("estimate", "se", "tau2")], ITERATED)
    close([ours.ci_lb, ours.ci_ub], [r["ci_lb"], r["ci_ub"]], ITERATED)
