"""`lsr survival`: patients from a file, patients from a curve, and every way the files can be wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.curvefiles import read_points, read_risk
from analysis.patients import groups, read_patients, transplant_times
from analysis.survival_summary import Wanted, summarise
from db.errors import InputError
from tests.conftest import Command
from tests.test_landmark import MADE_UP

HEADER = "study,time,event,group,transplant,transplant_time\n"
TABLE = HEADER + "".join(
    f"{study},{time},{event},{'x' if line % 3 else 'y'},{'no' if moved is None else 'yes'},{moved or ''}\n"
    for line, (study, time, event, moved) in enumerate(MADE_UP)
)
POINTS = "time,survival\n0,1\n2,0.9\n4,0.8\n6,0.7\n8,0.6\n"
RISK = "time,n\n0,10\n5,8\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "patients.csv"
    path.write_text(TABLE, "utf-8")
    return path


@pytest.fixture
def curve(tmp_path: Path) -> list[str | Path]:
    (tmp_path / "points.csv").write_text(POINTS, "utf-8")
    (tmp_path / "risk.csv").write_text(RISK, "utf-8")
    return ["survival", "--curve", tmp_path / "points.csv", "--at-risk", tmp_path / "risk.csv"]


def test_json_has_every_number_and_no_nan(lsr: Command, file: Path) -> None:
    wanted = ("--at", "6,12", "--tau", "12", "--by", "group", "--landmark", "2", "--mantel-byar", "--json")
    ran = lsr("survival", file, *wanted)
    assert ran.code == 0, ran.err
    found = json.loads(ran.out, parse_constant=lambda word: pytest.fail(f"{word} in JSON"))
    assert (found["n"], found["events"], found["studies"]) == (36, 23, ["A", "B", "C"])
    assert [(one["kind"], one["descriptive"]) for one in found["curves"]] == [
        *[("study", False)] * 3, ("pooled", True), ("group", True), ("group", True),
    ]  # fmt: skip
    pooled = found["curves"][3]
    assert sum(pooled["steps"]["n_event"]) == 23
    assert [point["n_risk"] for point in pooled["at"]] == [26, 15]
    assert pooled["restricted_mean"]["tau"] == 12
    assert found["comparison"]["logrank"]["strata"] == 3
    assert found["landmark"]["comparison"]["logrank"]["statistic"] == pytest.approx(0.10184921866203792, rel=1e-12)
    assert found["mantel_byar"]["comparison"]["cox"]["levels"][0]["coef"] == pytest.approx(-0.19776219503362, rel=1e-9)
    assert any("descriptive" in note for note in found["notes"])


def test_what_people_read(lsr: Command, file: Path) -> None:
    ran = lsr("survival", file, "--at", "6", "--tau", "30", "--by", "group", "--landmark", "2", "--mantel-byar")
    assert ran.code == 0, ran.err
    assert "all studies (descriptive)" in ran.out
    assert "95% CI of survival and median: log-log scale" in ran.out
    assert "stratified by 3 studies" in ran.out
    assert "Landmark at 2: 29 patients; left out: 4 with the event and 3 censored" in ran.out
    assert "Mantel-Byar: 36 patients, 18 transplanted; 12 events in 191 without, 11 events in 153 with" in ran.out
    assert "descriptive" in ran.err
    assert "nobody is followed to 30" in ran.err


def test_one_study_is_neither_pooled_nor_stratified(lsr: Command, tmp_path: Path) -> None:
    path = tmp_path / "one.csv"
    path.write_text("study\ttime\tevent\tgroup\nA\t1\t1\tx\nA\t2\t1\ty\nA\t3\t1\tx\nA\t4\t0\ty\n", "utf-8")
    found = json.loads(lsr("survival", path, "--by", "group", "--json").out)
    assert [one["name"] for one in found["curves"]] == ["A", "x", "y"]
    assert found["notes"] == []
    assert found["comparison"]["logrank"]["strata"] == 1


def test_ever_against_never_transplanted_is_refused(lsr: Command, file: Path) -> None:
    ran = lsr("survival", file, "--by", "transplant")
    assert ran.code == 1
    assert "immortal time" in ran.err
    assert "--landmark" in ran.err


def test_ever_against_never_under_another_name_is_refused(lsr: Command, tmp_path: Path) -> None:
    path = tmp_path / "disguised.csv"
    path.write_text(HEADER + "A,5,1,HSCT,yes,2\nA,6,1,chemo,no,\nA,7,0,HSCT,yes,3\nA,2,1,chemo,no,\n", "utf-8")
    assert "immortal time" in lsr("survival", path, "--by", "group").err


@pytest.mark.parametrize("option", [("--landmark", "2"), ("--mantel-byar",)])
@pytest.mark.parametrize(
    ("row", "word"),
    [("A,5,1,x,yes,", "line 38: transplanted, but transplant_time"), ("A,5,1,x,NR,", "line 38: column transplant")],
)
def test_a_transplant_without_its_time_refuses_the_subgroup_only(
    lsr: Command, file: Path, option: tuple[str, ...], row: str, word: str
) -> None:
    file.write_text(TABLE + row + "\n", "utf-8")
    assert lsr("survival", file).code == 0
    ran = lsr("survival", file, *option)
    assert ran.code == 1
    assert word in ran.err


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("study,time\nA,1\n", "no column event"),
        ("study,time,time,event\nA,1,1,1\n", "column time stands there twice"),
        ("study,time,event\n", "no rows"),
        ("study,time,event\nA,-1,1\n", "line 2, column time: '-1' is not a time"),
        ("study,time,event\nA,,1\n", "line 2, column time: empty"),
        ("study,time,event\nA,inf,1\n", "line 2, column time"),
        ("study,time,event\nA,1e300,1\n", "line 2, column time"),
        ("study,time,event\nA,1,2\n", "line 2, column event: '2' is neither 1"),
        ("study,time,event\n,1,1\n", "line 2, column study: empty"),
        ("study,time,event\nA,1,1,4\n", "line 2: 4 cells where the header has 3"),
        ('study,time,event\n"A,1,1\n', "check its quotes"),
        ("study,patient,time,event\nA,p,1,1\nA,p,2,1\n", "line 3, column patient: 'p' stands on line 2"),
        ("study,time,event,reconstructed\nA,1,1,maybe\n", "line 2, column reconstructed"),
        ("study,time,event,transplant_time\nA,1,1,1\n", "without a column transplant"),
        (HEADER + "A,1,1,x,perhaps,\n", "line 2, column transplant: 'perhaps'"),
        (HEADER + "A,1,1,x,no,3\n", "line 2, column transplant_time: '3', but"),
        (HEADER + "A,1,1,x,yes,soon\n", "line 2, column transplant_time: 'soon'"),
    ],
)
def test_a_wrong_table_is_named_by_line_and_column(lsr: Command, tmp_path: Path, text: str, word: str) -> None:
    path = tmp_path / "wrong.csv"
    path.write_text(text, "utf-8")
    ran = lsr("survival", path)
    assert ran.code == 1
    assert word in ran.err
    assert ran.err.count("\n") == 1


def test_groups_that_cannot_be_compared() -> None:
    for text, word in (
        ("study,time,event\nA,1,1\n", "no column group"),
        ("study,time,event,group\nA,1,1,x\nA,1,1,\n", "line 3: column group: empty"),
        ("study,time,event,group\nA,1,1,x\n", "only 'x'"),
    ):
        with pytest.raises(InputError, match=word):
            groups(read_patients(text))
    with pytest.raises(InputError, match="columns transplant and transplant_time"):
        transplant_times(read_patients("study,time,event\nA,1,1\n"))


@pytest.mark.parametrize(
    "arguments",
    [
        [], ["x.csv", "--curve", "p.csv", "--at-risk", "r.csv"], ["--curve", "p.csv"], ["x.csv", "--at-risk", "r.csv"],
        ["x.csv", "--by", "study"], ["x.csv", "--at", "soon"], ["x.csv", "--interval", "logit"],
        ["x.csv", "--events", "3"], ["--curve", "p.csv", "--at-risk", "r.csv", "--mantel-byar"],
    ],
)  # fmt: skip
def test_wrong_usage(lsr: Command, arguments: list[str]) -> None:
    assert lsr("survival", *arguments).code == 2


@pytest.mark.parametrize("arguments", [["--tau", "nan"], ["--tau", "0"], ["--landmark", "nan"], ["--landmark", "99"]])
def test_times_that_cannot_be(lsr: Command, file: Path, arguments: list[str]) -> None:
    ran = lsr("survival", file, *arguments)
    assert ran.code == 1
    assert ran.err.count("\n") == 1


def test_a_curve_becomes_patients_that_the_command_reads(lsr: Command, curve: list[str | Path], tmp_path: Path) -> None:
    ran = lsr(*curve, "--events", "4", "--study", "Ada 2020", "--out", tmp_path / "made.csv")
    assert ran.code == 0, ran.err
    assert "10 patients, 4 events" in ran.err
    rows = read_patients(tmp_path / "made.csv").rows
    assert len(rows) == 10
    assert all(row.reconstructed and row.study == "Ada 2020" for row in rows)
    again = lsr("survival", tmp_path / "made.csv")
    assert "10 of 10 patients are reconstructed" in again.err


def test_a_curve_on_stdout_and_as_json(lsr: Command, curve: list[str | Path]) -> None:
    plain = lsr(*curve, "--group", "all")
    assert plain.out.splitlines()[:2] == ["study,time,event,group,reconstructed", "points,2.0,1,all,yes"]
    assert "number of events is not printed" in plain.err
    found = json.loads(lsr(*curve, "--events", "4", "--json").out)
    assert found["reconstructed"] is True
    assert len(found["patients"]["time"]) == found["n"] == 10


def test_a_curve_that_does_not_give_back_the_printed_is_not_written(
    lsr: Command, curve: list[str | Path], tmp_path: Path
) -> None:
    ran = lsr(*curve, "--events", "9", "--out", tmp_path / "made.csv")
    assert ran.code == 1
    assert "events: 4 instead of 9" in ran.err
    assert not (tmp_path / "made.csv").exists()


def test_a_place_that_cannot_be_written(lsr: Command, curve: list[str | Path], tmp_path: Path) -> None:
    ran = lsr(*curve, "--out", tmp_path / "none" / "made.csv")
    assert ran.code == 1
    assert "cannot be written" in ran.err


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("time,surv\n0,1\n", "no column survival"),
        ("time,survival\n", "no points"),
        ("time,survival\n0,1\nx,1\n", "line 3, column time: 'x'"),
        ("time,survival\n3,1\n2,0.9\n", "line 3, column time: 2 after 3"),
        ("time,survival\n3,95\n", "line 2, column survival: '95' is not a survival from 0 to 1"),
    ],
)
def test_wrong_points(text: str, word: str) -> None:
    with pytest.raises(InputError, match=word):
        read_points(text)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("time,n\n", "no numbers"),
        ("time,n\n0,ten\n", "line 2, column n: 'ten'"),
        ("time,n\n0,8\n5,10\n", "line 3, column n: 10 at risk after 8"),
        ("time,n\n0,8\n0,7\n", "line 3, column time: 0 after 0"),
    ],
)
def test_wrong_numbers_at_risk(text: str, word: str) -> None:
    with pytest.raises(InputError, match=word):
        read_risk(text)


cell = st.sampled_from(["", "A", "1", "0", "2.5", "yes", "no", "NR", "-1", "1e9", "nan", '"', "\x00", "ü"])


@settings(max_examples=150, deadline=None)
@given(rows=st.lists(st.lists(cell, min_size=6, max_size=6), max_size=6))
def test_any_table_is_read_or_refused(rows: list[list[str]]) -> None:
    text = HEADER + "".join(",".join(row) + "\n" for row in rows)
    try:
        found = summarise(read_patients(text), Wanted(at=(1.0,), tau=2.0))
    except InputError:
        return
    assert not re.search(r"NaN|Infinity", json.dumps(found))


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from("AB"), st.integers(0, 6), st.sampled_from([0, 1]), st.sampled_from("xy"),
            st.none() | st.integers(0, 6),
        ),
        min_size=1, max_size=14,
    )
)  # fmt: skip
def test_any_sound_table_gives_numbers_or_a_reason(rows: list[tuple[str, int, int, str, int | None]]) -> None:
    text = HEADER + "".join(
        f"{s},{t},{e},{g},{'no' if m is None else 'yes'},{'' if m is None else m}\n" for s, t, e, g, m in rows
    )
    for wanted in (Wanted(by_group=True), Wanted(landmark=2), Wanted(mantel_byar=True), Wanted(tau=1.5)):
        try:
            found = summarise(read_patients(text), wanted)
        except InputError:
            continue
        assert not re.search(r"NaN|Infinity", json.dumps(found))
