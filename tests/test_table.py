"""Tables of proportions from files: what is read, and every way a table can be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import analysis.table
from analysis.table import read_table
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


@given(st.text(max_size=200))
def test_any_text_is_a_table_or_an_input_error_of_one_line(text: str) -> None:
    for table in (text, "study,events,total\n" + text):
        message = ""
        try:
            assert read_table(table)
        except InputError as error:
            message = str(error)
        assert len(message.splitlines()) <= 1
