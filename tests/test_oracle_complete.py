"""The oracle is compared whole: each key of each of its sets belongs to a test module, and a new key fails here.

What no other module compares is compared below: back-transformations of every fit, degrees of freedom, harmonic means.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import stdtr

from analysis.effects import harmonic_mean
from analysis.estimates import Pooled
from analysis.generic import GenericRow
from analysis.glmm import pool_glmm
from analysis.table_choice import Choice
from analysis.table_kinds import AnyRow
from analysis.table_pooling import to_back
from db.model import Row

CLOSED_FORM, ITERATED = 1e-10, 1e-4
SETS = 38
HERE = "test_oracle_complete"
ABOUT = {"id", "kind", "source", "versions", "input", "raw"}  # what the set is; every comparison reads the input
KIND_OF: dict[Any, str] = {"proportion": "proportions", "two_by_two": "two groups"}
# The key of a set, by its kind: the module that compares it. A key within it is the module's own grid to hold.
COMPARED: dict[str, dict[str, str]] = {
    "proportion": {
        "study_ci": "test_oracle",
        "measures": "test_oracle_random_effects",
        "glmm_logit": "test_oracle",
        "glmm_logit_t": "test_oracle",
        "beta_binomial_ml": "test_beta_binomial",
        "meta_pkg": "test_oracle_meta_package",
    },
    "two_by_two": {
        "measures": "test_oracle_two_groups",
        "mantel_haenszel": "test_oracle_two_groups",
        "peto": "test_oracle_two_groups",
        "glmm_UM_FS": "test_oracle_glmm_two_groups",
    },
    "generic": {
        "fits": "test_oracle_random_effects",
        "extras_REML": "test_oracle_extras",
        "extras_DL": "test_oracle_extras",
    },
    "survival": dict.fromkeys(
        ("overall", "by_group", "logrank_rho0", "logrank_rho1", "coxph_efron", "coxph_breslow", "pairwise_logrank",
         "logrank_stratified"),
        "test_oracle_survival",
    ),
}  # fmt: skip
# The keys of a measure, of a fit, and of the fits by likelihood.
MEASURE = {
    "yi": "test_oracle",
    "vi": "test_oracle",
    "fits": "test_oracle_random_effects",
    "extras": "test_oracle_extras",
    "harmonic_mean_n": HERE,
    "note": "",  # words about the zero cells
}
FIT = {
    **dict.fromkeys(
        ("estimate", "se", "stat", "pval", "ci_lb", "ci_ub", "tau2", "se_tau2", "Q", "Q_df", "Q_p", "I2", "H2",
         "pi_lb", "pi_ub", "pi_riley_lb", "pi_riley_ub", "weights_pct", "error"),
        "test_oracle_random_effects",
    ),
    **dict.fromkeys(("back", "ddf", "k"), HERE),
    "warnings": "",
}  # fmt: skip
LIKELIHOODS = {
    "study_ci": {"clopper_pearson_lb", "clopper_pearson_ub", "wilson_lb", "wilson_ub"},
    "glmm_logit": {"estimate", "se", "ci_lb", "ci_ub", "pi_lb", "pi_ub", "tau2", "I2", "QE_Wld", "QEp_Wld", "QE_LRT",
                   "QEp_LRT", "loglik", "back"},
    "glmm_logit_t": {"estimate", "se", "ci_lb", "ci_ub", "tau2", "pval"},
    "beta_binomial_ml": {"logit_mu", "se_logit_mu", "mu", "rho", "log_precision", "loglik", "ci_lb", "ci_ub"},
    "glmm_UM_FS": {"estimate", "se", "ci_lb", "ci_ub", "tau2", "loglik"},
}  # fmt: skip


def sets(shared: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted((shared / "data" / "oracle").glob("*.json")):
        yield path.stem, json.loads(path.read_text("utf-8"))


@cache
def source(module: str) -> str:
    return (Path(__file__).parent / f"{module}.py").read_text("utf-8")


def measures(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {"generic": {**found["input"], "fits": found["fits"]}} if "fits" in found else found.get("measures", {})


def test_every_key_of_every_set_has_a_test(shared: Path) -> None:
    names = []
    for stem, found in sets(shared):
        names.append(stem)
        assert set(found) - ABOUT <= set(COMPARED[found["kind"]]), f"{stem}: a key that no test compares"
        for name, measure in measures(found).items():
            if found["kind"] != "generic":
                assert set(measure) <= set(MEASURE), f"{stem} {name}: a key that no test compares"
            for fit, body in measure["fits"].items():
                assert set(body) <= set(FIT), f"{stem} {name} {fit}: a key that no test compares"
        for key, known in LIKELIHOODS.items():
            assert set(found.get(key) or {}) <= known | {"error", "warnings"}, f"{stem} {key}"
    assert len(names) >= SETS


def test_the_modules_named_read_the_keys() -> None:
    grids = [*COMPARED.values(), MEASURE, FIT]
    grids.append({key: COMPARED[kind][name] for kind in COMPARED for name in COMPARED[kind] if name in LIKELIHOODS
                  for key in LIKELIHOODS[name] if (name, key) != ("glmm_logit_t", "pval")})  # fmt: skip
    for grid in grids:
        for key, module in grid.items():
            stem = "extras_" if key.startswith("extras_") else key.removesuffix("_lb").removesuffix("_ub")
            assert not module or stem in source(module), f"{module} does not read {key}"


def test_back_transformations_degrees_of_freedom_and_harmonic_means(shared: Path) -> None:
    compared, wrong = 0, []
    for stem, found in sets(shared):
        for name, measure in measures(found).items():
            rows: list[AnyRow] = [GenericRow("a", 0.0, 1.0)]
            if found["kind"] == "proportion":
                counted = zip(found["input"]["events"], found["input"]["total"], strict=True)
                rows = [Row(f"s{i}", "", x, n) for i, (x, n) in enumerate(counted)]
                if "harmonic_mean_n" in measure:
                    assert harmonic_mean(found["input"]["total"]) == pytest.approx(
                        measure["harmonic_mean_n"], rel=1e-12
                    )
            k = sum(value is not None for value in measure["yi"])
            for fit, r in measure["fits"].items():
                if "error" in r:
                    continue
                where = f"{stem} {name} {fit}"
                assert r["k"] == k, where
                assert r["ddf"] == (k - 1 if fit.endswith("knha") and k > 1 else None), where
                choice = Choice(KIND_OF.get(found["kind"], "generic"), name, "REML", "z", 0.95, "z")  # type: ignore[arg-type]
                for end, theirs in r.get("back", {}).items():
                    ours = to_back(r[end], rows, choice) if isinstance(r[end], float | int) else None
                    compared += 1
                    if (ours is None) != (theirs is None) or (
                        ours is not None and abs(ours - theirs) > CLOSED_FORM * max(1.0, abs(theirs))
                    ):
                        wrong.append(f"{where} {end}: {ours} != {theirs}")
    assert wrong == []
    assert compared > 5000


def test_p_of_the_glmm_by_t(shared: Path) -> None:
    """R tests a logit of 0, a proportion of one half; we do not offer that test, but our estimate gives it."""
    compared = 0
    for stem, found in sets(shared):
        r = found.get("glmm_logit_t") or {"error": ""}
        if "error" in r:
            continue
        counted = zip(found["input"]["events"], found["input"]["total"], strict=True)
        ours = pool_glmm([Row(f"s{i}", "", x, n) for i, (x, n) in enumerate(counted)], min_studies=2)
        assert isinstance(ours, Pooled)
        p_value = 2 * stdtr(ours.k - 1, -abs(ours.estimate / ours.se))
        assert np.isclose(p_value, r["pval"], rtol=0, atol=ITERATED), stem
        compared += 1
    assert compared >= 9
