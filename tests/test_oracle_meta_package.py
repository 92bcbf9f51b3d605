"""Every result of R's package meta (metaprop) in the oracle; and the interval of I2 from Q is in test_oracle_extras.

meta calls metafor with metafor's default stopping rules, so its tau2 by REML and PM is compared up to those, and all
that follows from tau2 at R's own tau2, to 1e-10. Two conventions of meta are its own: a prediction interval takes the
normal standard error, Knapp-Hartung or not, with t on k - 1 df; and a raw proportion is pooled as it is, 0 or 1
included, only its variance with the half that a zero cell is given.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.effects import Effects, effect_sizes
from analysis.inverse_variance import pool_inverse_variance
from analysis.tau2 import TAU2

CLOSED_FORM = 1e-10
# metafor's default step of Fisher scoring, and the default tolerance of R's uniroot, which PM calls.
STOPS = {"DL": CLOSED_FORM, "REML": 1e-5, "PM": float(np.finfo(float).eps ** 0.25)}
GRID: dict[str, tuple[Any, str, Any]] = {
    "PFT_DL": ("PFT", "DL", "z"),
    "PFT_REML_HK": ("PFT", "REML", "knha"),
    "PLOGIT_DL": ("PLO", "DL", "z"),
    "PLOGIT_REML_HK": ("PLO", "REML", "knha"),
    "PAS_PM": ("PAS", "PM", "z"),
    "PRAW_DL": ("PR", "DL", "z"),
}
COMPARED_ELSEWHERE = {"I2_lb", "I2_ub"}  # test_oracle_extras.py, by the interval from Q


def sets(shared: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted((shared / "data" / "oracle").glob("*.json")):
        found = json.loads(path.read_text("utf-8"))
        if "meta_pkg" in found:
            yield path.stem, found


def effects_as_meta_has_them(measure: Any, events: Any, total: Any) -> Effects:
    effects = effect_sizes(measure, events, total)
    return Effects(measure, np.array(events) / np.array(total), effects.vi) if measure == "PR" else effects


def mine(effects: Effects, estimator: Any, test: Any, r: dict[str, Any]) -> dict[str, float]:
    common = pool_inverse_variance(effects, None)
    fit, normal = (pool_inverse_variance(effects, estimator, test=how) for how in (test, "z"))
    predicted = normal.prediction(df=r["df_predict"])
    return {
        "TE_common": common.estimate, "se_common": common.se, "TE_random": fit.estimate, "se_random": fit.se,
        "lower_random": fit.ci_lb, "upper_random": fit.ci_ub, "lower_predict": predicted[0],
        "upper_predict": predicted[1], "tau2": fit.tau2, "Q": fit.Q, "df_predict": fit.Q_df,
        "I2": max(0.0, (fit.Q - fit.Q_df) / fit.Q) if fit.Q > 0 else 0.0,
        "H": max(1.0, (fit.Q / fit.Q_df) ** 0.5),
    }  # fmt: skip


def test_every_result_of_meta(shared: Path) -> None:
    wrong, fits = [], 0
    for stem, found in sets(shared):
        assert set(found["meta_pkg"]) == set(GRID), f"{stem}: another grid"
        for name, r in found["meta_pkg"].items():
            measure, method, test = GRID[name]
            effects = effects_as_meta_has_them(measure, found["input"]["events"], found["input"]["total"])
            tau2 = TAU2[method](effects.yi, effects.vi)
            if abs(tau2 - r["tau2"]) > STOPS[method]:
                wrong.append(f"{stem} {name} tau2: {tau2} != {r['tau2']}")
            at_theirs = r["tau2"]
            ours = mine(effects, lambda yi, vi, at_theirs=at_theirs: at_theirs, test, r)
            assert set(r) == set(ours) | COMPARED_ELSEWHERE, f"{stem} {name}: other keys"
            fits += 1
            wrong += [
                f"{stem} {name} {key}: {value} != {r[key]}"
                for key, value in ours.items()
                if abs(value - r[key]) > CLOSED_FORM * max(1.0, abs(r[key]))
            ]
    assert wrong == []
    assert fits >= 13 * len(GRID)


def test_the_raw_proportion_of_meta_is_metafors_where_no_cell_is_empty() -> None:
    plain = effects_as_meta_has_them("PR", [3, 4], [9, 8])
    assert plain.yi == pytest.approx(effect_sizes("PR", [3, 4], [9, 8]).yi)
