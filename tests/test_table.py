"""Tables of proportions from files: what is read, and every way a table can be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import analysis.table
from analysis.generic import GenericRow
from analysis.table import Table, read_any, read_table
from analysis.two_groups import TwoGroupRow
from db.errors import InputError
from db.model import Row

PLAIN = "study,events,total\nAda 2020,3,12\nBo 2021,0,7\n"
EXPECTED = (Row("Ada 2020", "Ada 2020", 3, 12), Row("Bo 2021", "Bo 2021", 0, 7))


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        PLAIN.replace("\n", "\r\n"),
        "\ufeff" + PLAIN,
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.rstrip("\n"),
        "\n" + PLAIN.replace("Bo", "\n\nBo"),
        'Study, Events ,TOTAL\n"Ada 2020","3",12\n Bo 2021 , 0 , 7 \n',
        "year,total,events,study\n2020,12,3,Ada 2020\n2021,7,0,Bo 2021\n",
    ],
)
def test_one_table_in_many_dresses(text: str) -> None:
    assert read_table(text) == EXPECTED


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "crs.csv"
    path.write_bytes(b"\xef\xbb\xbf" + PLAIN.encode())
    assert read_table(path) == EXPECTED


def test_groups_and_quoted_delimiters() -> None:
    rows = read_table('study,events,total,group\n"Ada, B; 2020",3,12,a\n"Ada, B; 2020",1,2,b\n')
    assert [(row.study, row.group) for row in rows] == [("Ada, B; 2020", "a"), ("Ada, B; 2020", "b")]


@pytest.mark.parametrize("cell", ["1e3", "3.0", "-1", "+1", "1,000", "0x1", "three", "", "NA", "١", "9" * 11])
def test_counts_are_plain_whole_numbers(cell: str) -> None:
    with pytest.raises(InputError) as caught:
        read_table(f'study,events,total\nAda,"{cell}",12\n', name="t.csv")
    assert "t.csv: line 2, column events" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("study,event,total\nA,1,2\n", "no column events"),
        ("", "no column study or events or total"),
        ("study,events,total\n", "no rows"),
        ("study,events,total,total\nA,1,2,2\n", "column total stands there twice"),
        ("study,events,total\nA,3,2\n", "line 2, column events: 3 events exceed the total of 2"),
        ("study,events,total\nA,0,0\n", "line 2, column total: 0 patients"),
        ("study,events,total\n,0,1\n", "line 2, column study: empty"),
        ("study,events,total\nA,1,2\nB,1,2\nA,1,3\n", "line 4, column study: 'A' stands on line 2 already"),
        ("study,events,total\nA,1\n", "line 2: 2 cells where the header has 3"),
        ("study,events,total\nA,1,2,3\n", "line 2: 4 cells where the header has 3"),
        ('study,events,total\n"A,1,2\n', "not a readable table"),
    ],
)
def test_faults_are_named_in_one_line(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read_table(text, name="t.csv")
    assert str(caught.value).startswith("t.csv: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_faults_at_once_but_not_endlessly() -> None:
    with pytest.raises(InputError) as caught:
        read_table("study,events,total\n" + "".join(f"s{i},x,5\n" for i in range(12)))
    assert str(caught.value).count("column events") == 5
    assert str(caught.value).endswith("and 7 more")


def test_a_row_with_three_faults_names_three() -> None:
    with pytest.raises(InputError) as caught:
        read_table("study,events,total\n,x,y\n")
    assert str(caught.value).count("line 2, column") == 3


def test_not_utf8_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(PLAIN.encode() + "Müller,1,2\n".encode("latin-1"))
    with pytest.raises(InputError, match="line 4: not UTF-8"):
        read_table(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_table(tmp_path / "none.csv")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_table(tmp_path)


def test_too_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis.table, "MAX_ROWS", 3)
    body = "".join(f"s{i},1,2\n" for i in range(4))
    with pytest.raises(InputError, match="more than 3 rows"):
        read_table("study,events,total\n" + body)


TWO = (TwoGroupRow("Ada", 4, 123, 11, 139), TwoGroupRow("Bo", 0, 30, 3, 31))


@pytest.mark.parametrize(
    "header",
    [
        "study,events1,total1,events2,total2",
        "study,ai,n1i,ci,n2i",
        "slab,e.t,n.t,e.c,n.c",
        "studlab,event.e,n.e,event.c,n.c",
        "Study , AI,n1i,CI,N2I",
    ],
)
def test_two_groups_by_every_name_of_their_columns(header: str) -> None:
    found = read_any(header + "\nAda,4,123,11,139\nBo,0,30,3,31\n")
    assert (found.kind, found.measure, found.rows) == ("two groups", "OR", TWO)


def effects(found: Table) -> list[tuple[float, float]]:
    return [(row.yi, row.vi) for row in found.rows if isinstance(row, GenericRow)]


@pytest.mark.parametrize(
    ("text", "measure", "yi", "vi"),
    [
        ("study,estimate,se\nA,-0.5,0.2\n", "GEN", -0.5, 0.04),
        ("study,TE,seTE\nA,−.5,2e-1\n", "GEN", -0.5, 0.04),
        ("study,yi,vi\nA,-0.5,0.04\n", "GEN", -0.5, 0.04),
        ("study,yi,sei\nA,-0.5,0.2\n", "GEN", -0.5, 0.04),
        ("study,log_hr,se\nA,-0.5,0.2\n", "HR", -0.5, 0.04),
        ("study,o_e,v\nA,-12.5,25\n", "HR", -0.5, 0.04),
        ("study,estimate,ci_lb,ci_ub\nA,0,-1.959963984540054,1.959963984540054\n", "GEN", 0.0, 1.0),
        ("study,hr,ci.lb,ci.ub\nA,1,0.14086349,7.09907169\n", "HR", 0.0, 1.0),
        ("study,hr,lower,upper,ci_level\nA,1,0.193040816699,5.180251602233,90\n", "HR", 0.0, 1.0),
        ("study,hr,lower,upper,ci_level\nA,1,0.193040816699,5.180251602233,0.9\n", "HR", 0.0, 1.0),
    ],
)
def test_effects_by_every_way_to_give_their_precision(text: str, measure: str, yi: float, vi: float) -> None:
    found = read_any(text)
    assert (found.kind, found.measure) == ("generic", measure)
    assert effects(found) == [(pytest.approx(yi, abs=1e-7), pytest.approx(vi, rel=1e-7))]


def test_the_measure_asked_for_decides_what_is_read() -> None:
    text = "study,events,total,estimate,se,ci_lb,ci_ub\nA,3,12,0.5,0.3,0.25,1\n"
    assert read_any(text).kind == "proportions"
    assert effects(read_any(text, "GEN")) == [(0.5, pytest.approx(0.09))]
    # a ratio with its interval is read as a ratio, though its standard error stands beside it
    assert effects(read_any(text, "HR"))[0][0] == pytest.approx(-0.6931471805599453)
    assert effects(read_any(text, "OR"))[0][0] == pytest.approx(-0.6931471805599453)
    with pytest.raises(InputError, match="no column events1 or total1 or events2 or total2"):
        read_any(text, "RD")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("study,ai,n1i,ci,n2i\nA,5,3,0,2\n", "line 2, column events1: 5 events exceed the total of 3"),
        ("study,ai,n1i,ci,n2i\nA,1,3,0,0\n", "line 2, column total2: 0 patients"),
        ("study,ai,n1i,ci,n2i\nA,1,3,NA,2\n", "line 2, column events2: 'NA' is not a whole number"),
        ("study,ai,n1i,ci,n2i\nA,1,3,1,2\nA,1,3,1,2\n", "line 3, column study: 'A' stands on line 2 already"),
        ("study,ai,ai,n1i,ci,n2i\nA,1,1,3,1,2\n", "column ai stands there twice"),
        ("study,ai,n1i,ci\nA,1,3,1\n", "no column total2"),
        ("study,estimate,se\nA,0.5,0\n", "line 2, column estimate: needs a number with a standard error above 0"),
        ('study,estimate,se\nA,"0,5",1\n', "line 2, column estimate: '0,5' is not a number with a decimal point"),
        ("study,estimate,se\nA,1e999,1\n", "line 2, column estimate"),
        ("study,estimate,se\nA,nan,1\n", "line 2, column estimate"),
        ("study,estimate,se\nA,1,\n", "line 2, column se: empty"),
        ("study,hr,ci_lb,ci_ub\nA,0.5,-0.2,0.9\n", "line 2, column hr: has a bound not above 0"),
        ("study,hr,ci_lb,ci_ub\nA,0.5,0.6,0.9\n", "line 2, column hr: needs an estimate inside its interval"),
        ("study,hr,ci_lb,ci_ub,ci_level\nA,0.5,0.4,0.9,x\n", "line 2, column ci_level"),
        ("study,hr,ci_lb,ci_ub,ci_level\nA,0.5,0.4,0.9,100\n", "confidence level between 0 and 1"),
        ("study,o_e,v\nA,1,0\n", "line 2, column o_e: needs O-E with its variance V above 0"),
        ("study,hr,se\nA,1,1\n", "line 1: no column"),
    ],
)
def test_faults_of_two_groups_and_effects_are_named_too(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read_any(text, name="t.csv")
    assert str(caught.value).startswith("t.csv: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


HEADERS = (
    "",
    "study,events,total\n",
    "study,ai,n1i,ci,n2i\n",
    "study,estimate,ci_lb,ci_ub,ci_level\n",
    "study,o_e,v\n",
)


@given(st.text(max_size=200), st.sampled_from(["", "HR", "PLO", "RD"]))
def test_any_text_is_a_table_or_an_input_error_of_one_line(text: str, measure: str) -> None:
    for table in (header + text for header in HEADERS):
        message = ""
        try:
            assert read_any(table, measure).rows
        except InputError as error:
            message = str(error)
        assert len(message.splitlines()) <= 1
