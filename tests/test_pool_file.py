"""`lsr pool FILE`: three kinds of table by every method, told so that a reader can check it, or refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.generic import GenericRow
from analysis.table import Table
from analysis.table_choice import LIKELIHOODS, METHOD_MEASURES, METHODS, Options, settle
from analysis.table_kinds import DEFAULT_MEASURE, MEASURES, Kind
from analysis.table_pooling import POOLERS
from analysis.table_report import report
from analysis.two_groups import TwoGroupRow
from db.errors import InputError
from db.model import Row
from tests.conftest import Command

# Four trials of BCG vaccination against tuberculosis (metadat::dat.bcg, trials 1-4)
BCG = (
    "study,ai,n1i,ci,n2i\nAronson,4,123,11,139\nFerguson,6,306,29,303\nRosenthal,3,231,11,220\n"
    "Hart,62,13598,248,12867\n"
)
RATES = "study,events,total,group\nA,3,12,x\nB,0,7,x\nC,5,20,x\nD,8,9,y\nE,4,11,y\n"
HAZARDS = "study,hr,ci_lb,ci_ub\nA,0.7,0.5,0.98\nB,0.9,0.6,1.35\nC,0.8,0.5,1.28\n"


@pytest.fixture
def tables(tmp_path: Path) -> dict[str, Path]:
    found = {"bcg": BCG, "rates": RATES, "hazards": HAZARDS}
    for name, text in found.items():
        (tmp_path / f"{name}.csv").write_text(text, "utf-8")
    return {name: tmp_path / f"{name}.csv" for name in found}


def told(lsr: Command, *words: str | Path) -> dict[str, Any]:
    ran = lsr("pool", *words, "--json")
    assert ran.code == 0, ran
    assert ran.out.isascii()
    body = json.loads(ran.out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert isinstance(body, dict)
    return body


def test_two_groups_are_pooled_as_odds_ratios_by_reml(lsr: Command, tables: dict[str, Path]) -> None:
    body = told(lsr, tables["bcg"])
    assert (body["kind"], body["measure"], body["method"], body["test"]) == ("two groups", "OR", "REML", "z")
    result = body["result"]
    assert result["back"]["estimate"] == pytest.approx(np.exp(result["estimate"]))
    assert body["studies"][0]["effect"] == pytest.approx(4 * 128 / (119 * 11))
    assert sum(study["weight"] for study in body["studies"]) == pytest.approx(100)
    assert "t with 3 df (k − 1)" in body["conventions"][1]


def test_what_r_prints_of_the_same_trials(lsr: Command, shared: Path, tmp_path: Path) -> None:
    """Every method that R's oracle has for a table of two groups, through the file and the command."""
    oracle = json.loads((shared / "data" / "oracle" / "two_bcg.json").read_text("utf-8"))
    given = oracle["input"]
    rows = zip(*(given[key] for key in ("e1", "n1", "e2", "n2")), strict=True)
    path = tmp_path / "all.csv"
    path.write_text(
        "study,ai,n1i,ci,n2i\n" + "".join(f"s{i},{','.join(map(str, row))}\n" for i, row in enumerate(rows))
    )
    for measure, theirs in oracle["measures"].items():
        for name, expected in theirs["fits"].items():
            method, test = name.split("_")
            kind = () if method == "EE" else ("--prediction", "z" if test == "z" else "t")
            mine = told(lsr, path, "--measure", measure, "--method", method, "--test", test, *kind)["result"]
            for key in ("estimate", "ci_lb", "ci_ub", "pi_lb", "tau2"):
                if method != "EE" or key in ("estimate", "ci_lb", "ci_ub"):
                    assert mine[key] == pytest.approx(expected[key], rel=1e-7, abs=1e-9), (measure, name, key)
            if "back" in expected:
                assert mine["back"]["ci_ub"] == pytest.approx(expected["back"]["ci_ub"], rel=1e-7)
    for measure, expected in oracle["mantel_haenszel"].items():
        mine = told(lsr, path, "--measure", measure, "--method", "mh")["result"]
        assert (mine["estimate"], mine["se"]) == pytest.approx((expected["estimate"], expected["se"]), rel=1e-10)
    mine = told(lsr, path, "--method", "peto")["result"]
    assert (mine["estimate"], mine["Q"]) == pytest.approx((oracle["peto"]["estimate"], oracle["peto"]["Q"]), rel=1e-10)


def test_proportions_keep_both_models_until_something_is_asked_for(lsr: Command, tables: dict[str, Path]) -> None:
    body = told(lsr, tables["rates"])
    assert set(body) == {"file", "k", "models", "groups", "studies"}
    assert set(body["models"]) == {"glmm-logit", "ftt-dl"}
    assert set(body["groups"]) == {"x", "y"}
    by_dl = told(lsr, tables["rates"], "--measure", "PFT", "--method", "DL")
    assert by_dl["result"]["back"]["estimate"] == pytest.approx(body["models"]["ftt-dl"]["proportion"])
    glmm = told(lsr, tables["rates"], "--method", "GLMM")
    assert glmm["result"]["back"]["ci_ub"] == pytest.approx(body["models"]["glmm-logit"]["proportion_ci"][1])
    assert glmm["result"]["pi_lb"] == pytest.approx(body["models"]["glmm-logit"]["pi_lb"])
    assert told(lsr, tables["rates"], "--test", "knha")["method"] == "REML"
    groups = glmm["groups"]
    assert groups["x"]["pooled"] is True
    y = {"pooled": False, "k": 2, "events": 12, "total": 20, "reason": groups["y"]["reason"]}
    assert groups["y"] == y | {"proportion_ci": [pytest.approx(0.3605426), pytest.approx(0.8088099)]}
    assert "at least 3" in groups["y"]["reason"]
    study = glmm["studies"][1]  # its own proportion is what was seen, with the exact interval
    assert (study["effect"], study["effect_lb"], study["effect_ub"]) == (0.0, 0.0, pytest.approx(0.4096164))


def test_three_prediction_intervals(lsr: Command, tables: dict[str, Path]) -> None:
    widths = []
    for name in ("z", "t", "riley"):
        result = told(lsr, tables["bcg"], "--prediction", name)["result"]
        widths.append(result["pi_ub"] - result["pi_lb"])
        assert result["ci_lb"] >= result["pi_lb"]
    assert widths == sorted(widths)
    assert len(set(widths)) == 3
    assert told(lsr, tables["bcg"], "--method", "EE")["result"]["pi_lb"] is None


def test_the_level_may_be_in_percent(lsr: Command, tables: dict[str, Path]) -> None:
    percent, share = (told(lsr, tables["bcg"], "--level", level) for level in ("90", "0.9"))
    assert percent == share
    assert percent["result"]["ci_ub"] < told(lsr, tables["bcg"])["result"]["ci_ub"]


def test_people_read_ratios_and_notes_apart_from_the_result(
    lsr: Command, tables: dict[str, Path], tmp_path: Path
) -> None:
    ran = lsr("pool", tables["hazards"])
    assert (ran.code, ran.err.count("\n")) == (0, 1)
    assert "hazard ratio" in ran.out
    assert "0.70          0.50–0.98" in ran.out
    assert "tau2 0, I2 0.0%" in ran.out
    assert "fewer than 5 studies" in ran.err
    zero = tmp_path / "zero.csv"
    zero.write_text(BCG + "None,0,9,0,8\nOne,0,9,1,8\n")
    assert "2 studies with a cell of 0: 1/2 was added" in lsr("pool", zero).err
    assert "1 of these without events" in lsr("pool", zero).err
    assert "pooled as counted" in lsr("pool", zero, "--method", "MH").err
    lopsided = tmp_path / "off.csv"
    lopsided.write_text(HAZARDS.replace("0.6,1.35", "0.3,1.0"))
    assert "Off the middle of their interval: B." in lsr("pool", lopsided).err


@pytest.mark.parametrize(
    ("name", "words", "message"),
    [
        ("bcg", ("--measure", "XX"), "unknown measure 'XX'; use one of PR, PLN"),
        ("bcg", ("--method", "XX"), "unknown method for two groups 'XX'; use one of MH, Peto"),
        ("bcg", ("--measure", "PLO"), "no column events or total"),
        ("bcg", ("--measure", "AS", "--method", "MH"), "MH does not pool AS; it pools RR, OR, RD"),
        ("bcg", ("--measure", "RR", "--method", "Peto"), "Peto does not pool RR"),
        ("bcg", ("--method", "MH", "--test", "knha"), "MH has no test 'knha'; use z"),
        ("bcg", ("--method", "EE", "--prediction", "t"), "leave out --prediction"),
        ("bcg", ("--prediction", "x"), "unknown prediction interval 'x'"),
        ("bcg", ("--level", "0"), "confidence level 0.0 cannot be"),
        ("bcg", ("--level", "100"), "confidence level 1.0 cannot be"),
        ("bcg", ("--level", "nan"), "confidence level nan cannot be"),
        ("rates", ("--method", "MH"), "unknown method for proportions 'MH'"),
        ("rates", ("--measure", "PFT", "--method", "GLMM"), "GLMM does not pool PFT; it pools PLO"),
        ("rates", ("--method", "BB", "--measure", "PR"), "beta-binomial does not pool PR; it pools PLO"),
        ("rates", ("--method", "BB", "--prediction", "z"), "leave out --prediction"),
        ("rates", ("--method", "GLMM", "--subgroups", "common"), "GLMM has no common tau2"),
        ("rates", ("--subgroups", "both"), "unknown tau2 of subgroups 'both'"),
        ("rates", ("--glmm", "UM.FS"), "--glmm chooses among the GLMMs of two groups"),
        ("bcg", ("--glmm", "UM"), "unknown GLMM of two groups 'UM'"),
        ("bcg", ("--method", "REML", "--glmm", "UM.FS"), "--glmm chooses"),
        ("bcg", ("--method", "GLMM", "--measure", "RR"), "GLMM does not pool RR; it pools OR"),
        ("bcg", ("--moderator", "year"), "column 'year' is not there"),
        ("bcg", ("--moderator", "study"), "moderator study, study Aronson: 'Aronson' is no number"),
        ("bcg", ("--cumulative", "--order", "study"), "the order of the studies"),
        ("hazards", ("--measure", "GEN"), "no column estimate"),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line(
    lsr: Command, tables: dict[str, Path], name: str, words: tuple[str, ...], message: str
) -> None:
    ran = lsr("pool", tables[name], *words)
    assert (ran.code, ran.out) == (1, ""), ran
    assert message in ran.err
    assert ran.err.count("\n") == 1


def test_options_of_a_table_and_of_a_review_are_not_mixed(lsr: Command, tables: dict[str, Path]) -> None:
    for words in (("--measure", "OR"), ("--method", "DL"), ("--test", "z"), ("--level", ".9"), ("--prediction", "z")):
        ran = lsr("pool", *words)
        assert ran.code == 2
        assert f"{words[0]}: only with FILE" in ran.err
    for flag in (("--check",), ("--force",), ("--reproduce",), ("--explain", "cr")):
        assert lsr("pool", tables["bcg"], *flag).code == 2


def test_one_study_and_nothing_to_compare_are_not_pooled(lsr: Command, tmp_path: Path) -> None:
    one = tmp_path / "one.csv"
    one.write_text("study,ai,n1i,ci,n2i\nA,1,9,2,8\n")
    for method in ("REML", "EE", "MH", "Peto"):
        body = told(lsr, one, "--method", method)
        assert body["result"]["pooled"] is False
        assert "1 study" in body["result"]["reason"]
        assert body["studies"][0]["effect"] is not None
    one.write_text("study,events,total\nA,0,9\nB,0,8\nC,0,8\n")
    assert "no events in every study" in told(lsr, one, "--method", "DL")["result"]["reason"]
    one.write_text("study,ai,n1i,ci,n2i\nA,0,9,0,8\nB,0,7,0,8\n")
    ran = lsr("pool", one, "--method", "Peto")
    assert (ran.code, ran.out) == (1, "")
    assert "never occurs" in ran.err


def test_every_kind_has_a_default_that_its_methods_know() -> None:
    for kind in MEASURES:
        assert DEFAULT_MEASURE[kind] in MEASURES[kind]
        assert {"EE", "REML", "DL"} <= set(METHODS[kind])
    assert set(POOLERS) == {(kind, method) for kind, methods in METHODS.items() for method in methods}
    assert set(METHOD_MEASURES) <= set(POOLERS)


sizes = st.one_of(st.integers(1, 9), st.integers(1, 10**10))
groups = sizes.flatmap(lambda n: st.tuples(st.one_of(st.integers(0, n), st.sampled_from([0, n])), st.just(n)))
magnitudes = st.one_of(st.floats(-5, 5), st.floats(-1e50, 1e50))
variances = st.one_of(st.floats(1e-3, 9), st.floats(1e-50, 1e50))
ROWS: dict[Kind, Any] = {
    "proportions": st.lists(groups, min_size=1, max_size=6),
    "two groups": st.lists(st.tuples(groups, groups), min_size=1, max_size=6),
    "generic": st.lists(st.tuples(magnitudes, variances), min_size=1, max_size=6),
}


def table_of(kind: Kind, measure: str, drawn: list[Any]) -> Table:
    if kind == "proportions":
        return Table(kind, (), measure, tuple(Row(f"s{i}", "", *row) for i, row in enumerate(drawn)))
    if kind == "two groups":
        return Table(kind, (), measure, tuple(TwoGroupRow(f"s{i}", *a, *b) for i, (a, b) in enumerate(drawn)))
    return Table(kind, (), measure, tuple(GenericRow(f"s{i}", *row) for i, row in enumerate(drawn)))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("kind", MEASURES)
def test_any_table_gives_json_numbers_or_one_line(kind: Kind, data: st.DataObject) -> None:
    """Every measure by every method, on tables of any size of count and effect: no warning, no NaN, no other error."""
    method = data.draw(st.sampled_from(METHODS[kind]))
    measure = data.draw(st.sampled_from(METHOD_MEASURES.get((kind, method), MEASURES[kind])))
    test = data.draw(st.sampled_from(["z", "t"] if method in LIKELIHOODS else ["z", "knha"]))
    found = table_of(kind, measure, data.draw(ROWS[kind]))
    options = Options(method=method, measure=measure, test=test, level=data.draw(st.sampled_from([0.5, 0.95, 0.9999])))
    try:
        body = report(found, settle(found, options))
    except InputError:
        return
    json.dumps(body, allow_nan=False)
