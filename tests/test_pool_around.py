"""What `lsr pool FILE` says around the pooled effect: beside R, as its rules have it, and of any table of numbers."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.table import Table, read_any
from analysis.table_choice import LIKELIHOODS, METHOD_MEASURES, METHODS, Options, settle
from analysis.table_kinds import MEASURES, Kind
from analysis.table_report import Around, report
from db.errors import InputError
from tests.conftest import Command
from tests.test_pool_file import RATES, ROWS, table_of, told

EVERYTHING = Around(leave_one_out=True, cumulative=True, influence=True, small_study=True)
CR = ([7, 7, 8, 18, 11, 52, 17, 7, 7, 10, 7, 7, 4], [8, 11, 10, 20, 12, 54, 20, 7, 10, 11, 7, 12, 5])


@pytest.fixture
def bcg(shared: Path, tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """R's set of 13 trials as a file with its groups and moderator, and what R says of it."""
    oracle: dict[str, Any] = json.loads((shared / "data" / "oracle" / "two_bcg.json").read_text("utf-8"))
    columns = [oracle["input"][key] for key in ("e1", "n1", "e2", "n2", "group", "mod")]
    lines = (f"s{i},{','.join(map(str, row))}\n" for i, row in enumerate(zip(*columns, strict=True)))
    path = tmp_path / "bcg.csv"
    path.write_text("study,ai,n1i,ci,n2i,group,ablat\n" + "".join(lines))
    return path, oracle


@pytest.fixture
def literal(tmp_path: Path) -> Path:
    path = tmp_path / "cr.csv"
    counted = zip(*CR, strict=True)
    path.write_text("study,events,total\n" + "".join(f"s{i},{x},{n}\n" for i, (x, n) in enumerate(counted)))
    return path


@pytest.mark.parametrize(("prediction", "bounds"), [("z", (60.1, 96.5)), ("t", (56.1, 97.0)), ("riley", (55.7, 97.1))])
def test_three_prediction_intervals_of_the_literal_set(
    lsr: Command, literal: Path, prediction: str, bounds: tuple[float, float]
) -> None:
    body = told(lsr, literal, "--method", "GLMM", "--prediction", prediction)
    back = body["result"]["back"]
    assert (round(100 * back["pi_lb"], 1), round(100 * back["pi_ub"], 1)) == bounds
    assert body["result"]["details"]["population_average"] < back["estimate"]
    assert f"{bounds[0]}–{bounds[1]}" in lsr("pool", literal, "--prediction", prediction).out


def test_around_the_pool_as_r_has_it(lsr: Command, bcg: tuple[Path, dict[str, Any]]) -> None:
    path, oracle = bcg
    r = oracle["measures"]["RR"]
    extras, words = r["extras"], ("--moderator", "ABLAT", "--leave-one-out", "--cumulative", "--influence")
    assert extras["method"] == "REML"
    mine = told(lsr, path, "--measure", "RR", *words, "--small-study")

    def same(ours: Any, theirs: Any) -> None:
        assert ours == pytest.approx(theirs, rel=1e-7, abs=1e-7)

    for theirs in ("estimate", "se", "ci_lb", "ci_ub", "tau2", "I2", "H2", "Q", "Q_p"):
        same([step[theirs] for step in mine["leave_one_out"]], extras["leave1out"][theirs])
    assert [step["pooled"] for step in mine["cumulative"]] == [False, False] + [True] * 11
    for theirs in ("estimate", "se", "ci_lb", "tau2"):
        same([step[theirs] for step in mine["cumulative"][2:]], extras["cumulative"][theirs][2:])
    for theirs in ("rstudent", "dffits", "cook_d", "cov_r", "hat"):
        same([one[theirs] for one in mine["influence"]["studies"]], extras["influence"][theirs])
    regression = mine["moderators"]
    same([one["estimate"] for one in regression["coefficients"]], extras["metareg_REML_z"]["coef"])
    same(regression["R2"], extras["metareg_REML_z"]["R2"])
    assert [one["name"] for one in regression["coefficients"]] == ["intercept", "ABLAT"]
    same(mine["small_study"]["egger_lm"]["p_value"], extras["egger_lm"]["pval"])
    same(mine["small_study"]["egger_rma"]["p_value"], extras["egger_rma"]["pval"])
    same(mine["small_study"]["regtest_ninv_lm"]["p_value"], extras["regtest_ninv_lm"]["pval"])
    same(mine["small_study"]["ranktest"]["p_value"], extras["ranktest"]["pval"])
    assert mine["small_study"]["trimfill_L0"]["missing"] == extras["trimfill_L0"]["k0"]
    same(mine["heterogeneity"]["tau2_se"], r["fits"]["REML_z"]["se_tau2"])
    assert mine["heterogeneity"]["tau2_ub"] == pytest.approx(extras["confint_tau2_QP"]["tau2_ub"], abs=2e-4)
    common = told(lsr, path, "--measure", "RR", "--subgroups", "common")
    at = extras["subgroup_common_tau2_REML"]["levels"].index("random")
    same(common["groups"]["random"]["estimate"], extras["subgroup_common_tau2_REML"]["estimates"][at])
    same(common["groups"]["random"]["tau2"], extras["subgroup_common_tau2_REML"]["tau2"])


def test_glmm_of_two_groups_as_r_has_it(lsr: Command, bcg: tuple[Path, dict[str, Any]]) -> None:
    path, oracle = bcg
    body = told(lsr, path, "--method", "GLMM")
    assert (body["glmm"], body["measure"], body["test"]) == ("UM.FS", "OR", "z")
    for name in ("estimate", "se", "tau2", "ci_lb", "ci_ub"):
        assert body["result"][name] == pytest.approx(oracle["glmm_UM_FS"][name], abs=1e-4)
    other = told(lsr, path, "--glmm", "cm.el")
    assert (other["method"], other["glmm"]) == ("GLMM", "CM.EL")
    assert other["result"]["estimate"] == pytest.approx(-0.7538105018, abs=1e-4)  # metafor: test_oracle_glmm_two_groups
    assert body["heterogeneity"] == {"refused": other["heterogeneity"]["refused"]}
    assert "GLMM UM.RS" in lsr("pool", path, "--glmm", "UM.RS").out


def test_beta_binomial_as_r_has_it(lsr: Command, literal: Path) -> None:
    body = told(lsr, literal, "--method", "bb", "--test", "z")
    assert body["method"] == "beta-binomial"
    assert body["result"]["estimate"] == pytest.approx(1.7088956087686518, abs=1e-4)  # R 4.2.2: test_beta_binomial
    assert body["result"]["details"]["rho"] == pytest.approx(0.0504693283865506, abs=1e-4)
    assert body["result"]["pi_lb"] < body["result"]["ci_lb"]
    assert "beta distribution" in body["conventions"][1]


def test_subgroups_are_tested_with_ten_studies_and_four_a_level_only(lsr: Command, tmp_path: Path) -> None:
    def table(*groups: str) -> Path:
        counted = zip(groups, *CR, strict=False)
        path = tmp_path / "groups.csv"
        path.write_text(
            "study,events,total,group\n" + "".join(f"s{i},{x},{n},{g}\n" for i, (g, x, n) in enumerate(counted))
        )
        return path

    tested = told(lsr, table(*"aaaaabbbbb"), "--method", "REML")["subgroups"]
    assert (tested["not_tested"], tested["df"], tested["level"]) == ("", 1, "study")
    assert 0 < tested["p_value"] < 1
    assert told(lsr, table(*"aaaaabbbbb"))["groups"].keys() == {"a", "b"}
    assert told(lsr, table(*"aaaaabbbbb"), "--method", "GLMM")["subgroups"]["p_value"] is not None
    common = told(lsr, table(*"aaaaabbbbb"), "--method", "REML", "--test", "knha", "--subgroups", "common")["subgroups"]
    assert (common["tau2_is"], common["df2"]) == ("common", 8)
    for groups, why in (("aaaaabbbb", "needs 10"), ("aaaaaaabbb", "each needs 4"), ("aaaaaaaaaa", "one subgroup")):
        for tau2 in ("separate", "common"):
            found = told(lsr, table(*groups), "--method", "REML", "--subgroups", tau2)
            assert why in found["subgroups"]["not_tested"]
            assert found["subgroups"]["p_value"] is found["subgroups"]["Q_between"] is None
    assert "not tested: 9 studies" in lsr("pool", table(*"aaaaabbbb"), "--method", "REML").out


def test_studies_in_no_subgroup_are_said_and_keep_separate_tau2(lsr: Command, tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    lines = (f"s{i},{x},{n},{'a' if i < 6 else ''}\n" for i, (x, n) in enumerate(zip(*CR, strict=True)))
    path.write_text("study,events,total,group\n" + "".join(lines))
    found = told(lsr, path, "--method", "REML", "--subgroups", "common")["subgroups"]
    assert (found["tau2_is"], found["p_value"]) == ("separate", None)
    assert "stand in no subgroup" in found["not_tested"]


def test_patients_of_one_study_in_two_subgroups_are_not_tested(lsr: Command, tmp_path: Path) -> None:
    path = tmp_path / "within.csv"
    lines = (f"s{i},{x},{n},{g}\n" for i, (x, n) in enumerate(zip(*CR, strict=True)) for g in "ab")
    path.write_text("study,events,total,group\n" + "".join(lines))
    found = told(lsr, path, "--method", "REML")
    assert found["subgroups"]["level"] == "patient"
    assert "not independent" in found["subgroups"]["not_tested"]
    assert found["subgroups"]["p_value"] is None
    assert "13 studies in several groups" in " ".join(found["notes"])


def test_small_study_effects_of_few_proportions_are_refused(lsr: Command, tmp_path: Path, literal: Path) -> None:
    path = tmp_path / "rates.csv"
    path.write_text(RATES)
    assert "need 10" in told(lsr, path, "--small-study")["small_study"]["refused"]
    assert "need 10" in lsr("pool", path, "--small-study").out
    found = told(lsr, literal, "--small-study")["small_study"]
    assert found["method"] == "REML"  # the table's GLMM has no weights
    assert set(found) == {
        "method", "egger_lm", "egger_rma", "regtest_ninv_lm", "ranktest", "trimfill_L0", "trimfill_R0"
    }  # fmt: skip


def test_arms_share_their_study(lsr: Command, tmp_path: Path) -> None:
    arms, sums = tmp_path / "arms.csv", tmp_path / "sums.csv"
    arms.write_text("study,arm,events,total\nA,low,3,12\nA,high,4,9\nB,,0,7\nC,,5,20\nD,,8,9\n")
    sums.write_text("study,events,total\nA,7,21\nB,0,7\nC,5,20\nD,8,9\n")
    for words in (
        ("--method", "GLMM"),
        ("--method", "BB"),
        ("--method", "REML"),
        ("--method", "DL", "--measure", "PFT"),
    ):
        one, other = (told(lsr, path, *words, "--leave-one-out", "--cumulative") for path in (arms, sums))
        assert one["k"] == other["k"] == 4
        for key in ("estimate", "se", "tau2", "I2", "Q"):
            assert one["result"][key] == pytest.approx(other["result"][key], rel=1e-6, abs=1e-9), (words, key)
        for key in ("leave_one_out", "cumulative"):
            assert [s.get("estimate") for s in one[key]] == pytest.approx([s.get("estimate") for s in other[key]])
        assert "k counts studies" in " ".join(one["notes"])
    glmm = told(lsr, arms)
    assert (glmm["k"], glmm["models"]["glmm-logit"]["k"], glmm["models"]["ftt-dl"]["k"]) == (4, 4, 4)
    assert [study["label"] for study in glmm["studies"]][:3] == ["A, low", "A, high", "B"]
    arms.write_text("study,arm,events,total\nA,low,3,12\nA,low,4,9\n")
    assert "'A', arm 'low' stands on line 2 already" in lsr("pool", arms).err


def test_arms_that_differ_in_a_moderator_are_refused(lsr: Command, tmp_path: Path) -> None:
    path = tmp_path / "arms.csv"
    path.write_text("study,arm,events,total,dose\nA,low,3,12,1\nA,high,4,9,2\nB,,0,7,1\nC,,5,20,3\nD,,8,9,4\n")
    assert "the arms of study A differ" in lsr("pool", path, "--moderator", "dose").err
    path.write_text("study,arm,events,total,dose\nA,low,3,12,2\nA,high,4,9,2\nB,,0,7,1\nC,,5,20,3\nD,,8,9,4\n")
    assert told(lsr, path, "--moderator", "dose")["moderators"]["k"] == 4


def test_cumulative_follows_dates_or_numbers(lsr: Command, tmp_path: Path) -> None:
    path = tmp_path / "dates.csv"
    path.write_text(
        "study,events,total,date,size\nA,3,12,2021-05,9\nB,1,7,2020,10\nC,5,20,2022,-1\nD,8,9,2019-01-02,0\n"
    )
    for column, order in (("date", "DBAC"), ("size", "CDAB")):
        steps = told(lsr, path, "--cumulative", "--order", column)["cumulative"]
        assert "".join(step["study"] for step in steps) == order
    assert "D (2019-01-02)" in lsr("pool", path, "--cumulative", "--order", "date").out
    assert lsr("pool", path, "--order", "date").code == 2


@pytest.mark.parametrize(
    ("counts", "total"),
    [
        ([(7, 8)], "7/8"),
        ([(7, 8), (2, 9)], "9/17"),
        ([(9, 9), (3, 3), (4, 4)], "16/16"),
        ([(0, 9), (0, 3), (0, 4)], "0/16"),
    ],
)
@pytest.mark.parametrize("method", METHODS["proportions"])
def test_what_is_not_pooled_shows_its_sum_and_exact_interval(
    lsr: Command, tmp_path: Path, counts: list[tuple[int, int]], total: str, method: str
) -> None:
    path = tmp_path / "few.csv"
    path.write_text("study,events,total\n" + "".join(f"s{i},{x},{n}\n" for i, (x, n) in enumerate(counts)))
    if method == "EE" and len(counts) == 2:
        return  # a common effect pools two
    result = told(lsr, path, "--method", method)["result"]
    assert (result["pooled"], f"{result['events']}/{result['total']}") == (False, total)
    assert result["proportion_ci"][0] < result["proportion_ci"][1]
    shown = lsr("pool", path, "--method", method).out
    assert f"{total}  not pooled" in shown
    assert f"{100 * result['proportion_ci'][0]:.1f}–{100 * result['proportion_ci'][1]:.1f}" in shown
    exact = "exact {:.1f}–{:.1f}".format(*(100 * bound for bound in result["proportion_ci"]))
    assert exact in shown
    last = lsr("pool", path, "--method", method, "--cumulative").out.splitlines()
    step = next(row for row in last[last.index(next(row for row in last if row.startswith("With "))) :][::-1]
                if row.startswith(f"s{len(counts) - 1} "))  # fmt: skip
    assert total in step
    assert exact in step
    both = lsr("pool", path).out
    assert both.count("not pooled  exact") == 2


def test_the_conventions_and_the_median_study_are_named_wherever_a_table_is_pooled(
    lsr: Command, tmp_path: Path
) -> None:
    """By both models without an option, and by the GLMM: what the intervals are, and whose figure it is (tau2 > 0)."""
    path = tmp_path / "apart.csv"
    path.write_text("study,events,total\nA,7,8\nB,1,11\nC,8,10\nD,2,20\n")
    average = told(lsr, path)["models"]["glmm-logit"]["population_average"]
    both = lsr("pool", path)
    said = both.out + both.err
    assert re.search(
        r"glmm-logit: 95% CI: t with k − 1 df; 95% prediction interval: t with k − 1 df.*median study", said
    )
    assert re.search("ftt-dl: 95% CI: normal quantile; 95% prediction interval: t with k − 1 df", said)
    one = lsr("pool", path, "--method", "GLMM").out
    assert f"the mean over studies is {100 * average:.1f}%" in one
    assert "the median study's" in one
    assert "median study" not in lsr("pool", path, "--method", "beta-binomial").out


@pytest.mark.parametrize("events", [0, 9])
def test_two_groups_without_any_event_are_not_pooled(lsr: Command, tmp_path: Path, events: int) -> None:
    """What would be pooled is the 1/2 added to each cell; metafor pools it, and 9 of 9 everywhere likewise."""
    path = tmp_path / "none.csv"
    path.write_text("study,ai,n1i,ci,n2i\n" + "".join(f"s{i},{events},9,{events},9\n" for i in range(4)))
    for measure in MEASURES["two groups"]:
        for method in ("EE", "REML"):
            result = told(lsr, path, "--measure", measure, "--method", method)["result"]
            assert not result["pooled"]
            assert ("no events" if events == 0 else "all events") in result["reason"]


def test_exact_and_wilson_intervals_of_each_study(lsr: Command, literal: Path, shared: Path) -> None:
    r = json.loads((shared / "data" / "oracle" / "prop_cd7_cr_literal.json").read_text("utf-8"))
    assert (r["input"]["events"], r["input"]["total"]) == CR
    for words in ((), ("--method", "GLMM")):
        studies = told(lsr, literal, *words)["studies"]
        for name in ("clopper_pearson", "wilson"):
            ends = np.array([study[name] for study in studies])
            assert np.allclose(ends[:, 0], r["study_ci"][f"{name}_lb"], rtol=0, atol=1e-10)
            assert np.allclose(ends[:, 1], r["study_ci"][f"{name}_ub"], rtol=0, atol=1e-10)


@settings(max_examples=30, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("kind", MEASURES)
def test_around_any_table_stand_json_numbers_or_one_line(kind: Kind, data: st.DataObject) -> None:
    """All that can be asked for around any table by any method: no warning, no NaN, no error but ours."""
    method = data.draw(st.sampled_from(METHODS[kind]))
    measure = data.draw(st.sampled_from(METHOD_MEASURES.get((kind, method), MEASURES[kind])))
    test = data.draw(st.sampled_from(["z", "t"] if method in LIKELIHOODS else ["z", "knha"]))
    found: Table = table_of(kind, measure, data.draw(ROWS[kind]))
    names = data.draw(st.lists(st.sampled_from(["", "a", "b"]), min_size=len(found.rows), max_size=len(found.rows)))
    cells = st.one_of(st.integers(-9, 9).map(str), st.floats(-1e40, 1e40).map(str), st.sampled_from(["", "nan", "x"]))
    moderator = tuple(data.draw(st.lists(cells, min_size=len(found.rows), max_size=len(found.rows))))
    rows = tuple(replace(row, group=name) for row, name in zip(found.rows, names, strict=True))
    found = replace(found, rows=rows, also={"x": moderator})
    around = replace(EVERYTHING, subgroups=data.draw(st.sampled_from(["separate", "common"])))
    around = replace(around, **data.draw(st.sampled_from([{}, {"moderators": ("x",)}, {"order": "x"}])))
    try:
        body = report(found, settle(found, Options(method=method, measure=measure, test=test)), around)
    except InputError:
        return
    json.dumps(body, allow_nan=False)


def test_a_further_column_must_be_there_once() -> None:
    with pytest.raises(InputError, match="column 'year' is not there"):
        read_any("study,events,total\nA,1,2\n", also=["year"])
    with pytest.raises(InputError, match="stands there twice"):
        read_any("study,events,total,year,Year\nA,1,2,3,4\n", also=["year"])
    assert read_any("study,events,total, Year\nA,1,2,2020\n", also=["year"]).also == {"year": ("2020",)}
