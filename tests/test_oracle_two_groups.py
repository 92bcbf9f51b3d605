"""Every set of two groups that R computed: effects and variances, Mantel-Haenszel, Peto; and log hazard ratios."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.generic import log_hazard_ratio
from analysis.mantel_haenszel import pool_mantel_haenszel
from analysis.peto import pool_peto
from analysis.stratified import StratifiedFit
from analysis.two_groups import Tables, tables, two_group_effects
from db.errors import InputError

CLOSED_FORM = 1e-10
SETS = {
    "edge_two_zero_cells", "two_bcg", "two_collins1985b_preecl", "two_hine1989", "two_laopaiboon2015", "two_li2007",
    "two_nielweise2007", "two_yusuf1985_t6",
}  # fmt: skip
MEASURES = {"OR", "RR", "RD", "AS", "PETO"}
FIELDS = {
    "estimate": "estimate", "se": "se", "ci_lb": "ci_lb", "ci_ub": "ci_ub", "pval": "p_value", "Q": "Q", "Q_p": "Q_p",
    "I2": "I2",
}  # fmt: skip
TESTS = {"CMH": ("cmh", "statistic"), "CMHp": ("cmh", "p_value"),
         "BD": ("breslow_day", "statistic"), "BDp": ("breslow_day", "p_value")}  # fmt: skip


def sets(shared: Path) -> dict[str, dict[str, Any]]:
    """Every set of tables in the oracle; a further one is read too."""
    read = (json.loads(path.read_text("utf-8")) for path in sorted((shared / "data" / "oracle").glob("*.json")))
    found = {body["id"]: body for body in read if body["kind"] == "two_by_two"}
    assert set(found) >= SETS
    return found


def known(body: dict[str, Any]) -> tuple[Tables, list[int]]:
    """The tables, and which rows of the set they are: R leaves out a row without counts."""
    rows = list(zip(*(body["input"][key] for key in ("e1", "n1", "e2", "n2")), strict=True))
    kept = [at for at, row in enumerate(rows) if None not in row]
    return tables(*np.array([rows[at] for at in kept], float).T), kept


def close(mine: float | None, theirs: float | None) -> bool:
    """Equal to 1e-10 of the value, or of 1 where the value is near 0; a small p-value therefore to 1e-10 of itself."""
    if mine is None or theirs is None:
        return mine is theirs
    return abs(mine - theirs) <= CLOSED_FORM * (abs(theirs) if 0 < abs(theirs) < 1e-3 else max(1.0, abs(theirs)))


def test_effects_and_variances(shared: Path) -> None:
    wrong, compared = [], 0
    for name, body in sets(shared).items():
        assert set(body["measures"]) == MEASURES, f"{name}: other measures"
        found, kept = known(body)
        for measure, theirs in body["measures"].items():
            effects = two_group_effects(measure, found)
            for column, mine in (("yi", effects.yi), ("vi", effects.vi)):
                assert [at for at, value in enumerate(theirs[column]) if value is not None] == kept
                expected = [theirs[column][at] for at in kept]
                compared += len(expected)
                pairs = zip(kept, mine, expected, strict=True)
                wrong += [f"{name} {measure} {column}[{at}]: {a} != {b}" for at, a, b in pairs if not close(a, b)]
    assert wrong == []
    assert compared >= 2 * len(MEASURES) * len(SETS)


def differences(fit: StratifiedFit, expected: dict[str, Any]) -> list[str]:
    wrong = [f"{theirs}: {getattr(fit, mine)} != {expected[theirs]}" for theirs, mine in FIELDS.items()
             if not close(getattr(fit, mine), expected[theirs])]  # fmt: skip
    for theirs, (test, field) in TESTS.items():
        if theirs in expected:
            found = getattr(fit, test)
            value = None if found is None else getattr(found, field)
            wrong += [] if close(value, expected[theirs]) else [f"{theirs}: {value} != {expected[theirs]}"]
    unknown = set(expected) - set(FIELDS) - set(TESTS) - {"warnings"}
    return wrong + [f"not compared: {key}" for key in unknown]


def test_mantel_haenszel_and_peto(shared: Path) -> None:
    wrong, fits = [], 0
    for name, body in sets(shared).items():
        assert set(body["mantel_haenszel"]) == {"OR", "RR", "RD"}, f"{name}: another grid"
        found, _ = known(body)
        for measure, expected in (*body["mantel_haenszel"].items(), ("PETO", body["peto"])):
            fits += 1
            if "error" in expected or expected["estimate"] is None:
                with pytest.raises(InputError):
                    pool_peto(found) if measure == "PETO" else pool_mantel_haenszel(measure, found)
                continue
            fit = pool_peto(found) if measure == "PETO" else pool_mantel_haenszel(measure, found)
            wrong += [f"{name} {measure} {line}" for line in differences(fit, expected)]
    assert wrong == []
    assert fits == 4 * len(sets(shared))


def test_log_hazard_ratios(shared: Path) -> None:
    body = json.loads((shared / "data" / "oracle" / "gen_pignon2000_loghr.json").read_text("utf-8"))
    effects = log_hazard_ratio(body["raw"]["OmE"], body["raw"]["V"])
    assert len(effects.yi) > 20
    assert np.allclose(effects.yi, body["input"]["yi"], rtol=CLOSED_FORM, atol=CLOSED_FORM)
    assert np.allclose(effects.vi, body["input"]["vi"], rtol=CLOSED_FORM, atol=CLOSED_FORM)
