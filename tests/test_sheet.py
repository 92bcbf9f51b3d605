"""The extraction sheet: what is written is read back; what is wrong is named by row and column."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.sheet import COLUMNS, read_sheet, write_sheet
from db.errors import InputError
from db.model import Datum
from db.specs import OutcomeSpec

OUTCOMES = (
    OutcomeSpec("resp", "Response", "proportion", "infused"),
    OutcomeSpec("tox", "Toxicity", "proportion", "infused"),
    OutcomeSpec("tox3", "Severe toxicity", "proportion", "infused"),
)
REPORTS = {"s1": ("r1", "r2"), "s2": ("r3",)}
DATUM = Datum("s1", "all", "resp", "day 28", "infused", "as printed", "primary", "r1", "reported", 8, 11, "Table 2")
HEADING = "study,cohort,outcome,timepoint,denominator,reading,role,report,status,events,total,place,confidence"


def read(path: Path) -> list[Datum]:
    return read_sheet(path, outcomes=OUTCOMES, studies=set(REPORTS), reports=REPORTS)


@pytest.fixture
def sheet(tmp_path: Path) -> Callable[..., list[Datum]]:
    def reader(*rows: str, heading: str = HEADING) -> list[Datum]:
        path = tmp_path / "sheet.csv"
        path.write_text("\n".join((heading, *rows)) + "\n", encoding="utf-8")
        return read(path)

    return reader


def test_the_columns_are_the_datums_fields() -> None:
    assert set(COLUMNS) == {field.name for field in fields(Datum)}


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    rows = [
        DATUM,
        replace(DATUM, outcome="tox", status="none", events=0, total=11),
        replace(DATUM, outcome="tox3", status="silent", events=None, total=None, why="no word of it"),
        replace(DATUM, reading="evaluable only", role="alternative", total=9, confidence="guessed"),
        replace(DATUM, study="s2", report="r3", quotation='"=8/11", she said;\nnext line', place="+1"),
    ]
    write_sheet(tmp_path / "sheet.csv", rows)
    assert read(tmp_path / "sheet.csv") == rows
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.csv"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12))
def test_any_text_survives_and_none_is_a_formula(tmp_path: Path, text: str) -> None:
    datum = replace(DATUM, quotation=text.strip())
    path = tmp_path / "sheet.csv"
    write_sheet(path, [datum])
    assert read(path) == [datum]
    with path.open(encoding="utf-8-sig", newline="") as stream:
        written = list(csv.reader(stream))[1]
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in written)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@sum", "'quoted"])
def test_formulas_become_text(tmp_path: Path, text: str) -> None:
    write_sheet(tmp_path / "sheet.csv", [replace(DATUM, place=text)])
    assert f",'{text}," in (tmp_path / "sheet.csv").read_text(encoding="utf-8-sig")


def test_rows_not_yet_extracted_are_skipped(sheet: Callable[..., list[Datum]]) -> None:
    assert sheet("s1,all,resp,day 28,infused,,,r1,,,,,", "", ",,,,,,,,,,,,") == []


def test_what_is_left_out_has_a_default(sheet: Callable[..., list[Datum]]) -> None:
    (datum,) = sheet("s1,r1,resp,8,11", heading="study,report,outcome,events,total")
    assert datum == Datum("s1", "all", "resp", "", "infused", "as printed", "primary", "r1", "reported", 8, 11)


def test_semicolons_and_the_words_for_nothing(sheet: Callable[..., list[Datum]]) -> None:
    (none,) = sheet("s1;r1;tox;none;;11", heading="study;report;outcome;status;events;total")
    assert (none.status, none.events, none.total) == ("none", 0, 11)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("s1,all,survival,,,,,r1,,8,11,,", 'row 2, column outcome: unknown outcome "survival": the protocol has resp'),
        ("s9,all,resp,,,,,r1,,8,11,,", 'row 2, column study: unknown study "s9"'),
        ("s1,all,resp,,,,,r3,,8,11,,", 'row 2, column report: "r3" is no report of s1'),
        ("s1,all,resp,,,,,r1,,-8,11,,", 'row 2, column events: "-8" is not a whole number'),
        ("s1,all,resp,,,,,r1,,8.5,11,,", 'row 2, column events: "8.5" is not a whole number'),
        ("s1,all,resp,,,,,r1,,8,eleven,,", 'row 2, column total: "eleven" is not a whole number'),
        ("s1,all,resp,,,,,r1,,٣,11,,", "row 2, column events"),
        ("s1,all,resp,,,,,r1,,12,11,,", "row 2, column events: 12 of 11: more events than patients"),
        ("s1,all,resp,,,,,r1,reported,,11,,", "row 2, column events: reported needs"),
        ("s1,all,resp,,,,,r1,reported,8,,,", "row 2, column total: reported needs"),
        ("s1,all,resp,,,,,r1,,0,0,,", "row 2, column total: 0 patients"),
        ("s1,all,resp,,,,,r1,none,1,11,,", 'row 2, column events: 1, but the status says "none"'),
        ("s1,all,resp,,,,,r1,none,,,,", "row 2, column total: none needs"),
        ("s1,all,resp,,,,,r1,silent,0,11,,", "row 2, column status: silent has no numbers"),
        ("s1,all,resp,,,,,r1,maybe,1,11,,", 'row 2, column status: unknown status "maybe"'),
        ("s1,all,resp,,,,reproduction,r1,,8,11,,", "row 2, column role: reproduction is for the published review"),
        ("s1,all,resp,,,,main,r1,,8,11,,", 'row 2, column role: unknown role "main"'),
        ("s1,all,resp,,,,primary,r1,,8,11,,guessed", "row 2, column confidence: a guessed value is never the primary"),
    ],
)  # fmt: skip
def test_faults_name_row_and_column(sheet: Callable[..., list[Datum]], row: str, says: str) -> None:
    with pytest.raises(InputError) as refused:
        sheet(row)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_one_primary_reading_a_cell(sheet: Callable[..., list[Datum]]) -> None:
    first = "s1,all,resp,day 28,infused,a,primary,r1,,8,11,,"
    with pytest.raises(InputError, match="row 3, column role: row 2 is the primary reading of this cell already"):
        sheet(first, "s1,all,resp,day 28,,b,primary,r2,,7,11,,")  # the blank denominator is the outcome's
    with pytest.raises(InputError, match='row 3, column reading: "a" of this cell stands in row 2 already'):
        sheet(first, "s1,all,resp,day 28,infused,a,alternative,r1,,7,11,,")
    assert len(sheet(first, "s1,all,resp,day 28,evaluable,a,primary,r1,,8,10,,")) == 2


def test_all_faults_are_counted_and_the_first_five_shown(sheet: Callable[..., list[Datum]]) -> None:
    with pytest.raises(InputError) as refused:
        sheet(*["s1,all,resp,,,,,r1,,x,11,,"] * 8)
    assert str(refused.value).count("column events") == 5
    assert str(refused.value).endswith("; and 3 more")


def test_files_that_are_no_sheet(tmp_path: Path, sheet: Callable[..., list[Datum]]) -> None:
    with pytest.raises(InputError, match="no column outcome"):
        sheet("s1,r1,8,11", heading="study,report,events,total")
    with pytest.raises(InputError, match="cannot be read"):
        read(tmp_path / "missing.csv")
    (tmp_path / "latin.csv").write_bytes(b"study,report,outcome,events,total\ncaf\xe9,r1,resp,1,2\n")
    with pytest.raises(InputError, match="UTF-8"):
        read(tmp_path / "latin.csv")


def test_a_sheet_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        write_sheet(tmp_path / "missing" / "sheet.csv", [DATUM])
