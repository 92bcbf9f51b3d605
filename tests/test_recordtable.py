"""The table that `lsr dedupe FILE` reads and the one that it writes."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from curation.recordtable import Row, parse_authors, read_records, write_clusters
from db.errors import InputError


def table(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "records.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_columns_in_any_order(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        "ref,year,doi,title,author,booktitle,pages,volume,number,entrytype,isbn\n"
        'a1,c2017,https://doi.org/10.1000/ABC.,"One, two",Deng C and Lee D,ICIS,1--9,UNKNOWN,4,article,x\n'
        "a2,,,Short row\n"
        "\n",
    )
    first, second = read_records(path)
    assert (first.id, first.title, first.year, first.journal) == ("table:a1", "One, two", 2017, "ICIS")
    assert (first.doi, first.pages, first.volume, first.issue) == ("10.1000/abc", "1--9", "", "4")
    assert first.publication_types == ("article",)
    assert (second.native_id, second.title, second.authors, second.year) == ("a2", "Short row", (), None)


def test_a_doi_is_normalised_and_trials_are_found(tmp_path: Path) -> None:
    path = table(tmp_path, "id,title,doi,abstract\n1,T,https://doi.org/10.1182/BLOOD-2023,As in #NCT04984356\n")
    (record,) = read_records(path)
    assert (record.doi, record.registry_ids) == ("10.1182/blood-2023", ("NCT04984356",))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_delimiters_and_byte_order_mark(tmp_path: Path, delimiter: str, encoding: str) -> None:
    rows = (("id", "title", "year"), ("ä", "Titel", "2001"))
    path = table(tmp_path, "\r\n".join(map(delimiter.join, rows)), encoding)
    (record,) = read_records(path)
    assert (record.native_id, record.title, record.year) == ("ä", "Titel", 2001)


def test_an_abstract_may_be_longer_than_a_spreadsheet_allows(tmp_path: Path) -> None:
    path = table(tmp_path, f'id,title,abstract\n1,T,"{"word " * 40_000}"\n')
    assert len(read_records(path)[0].abstract) > 131_072


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id,title\n1,A\n2,B\n1,C\n", "line 4, column id: 1 stands in line 2 already"),
        ('id,title\n1,"A\nB"\n1,C\n', "line 4, column id: 1 stands in line 2 already"),
        ("ref,title\n1,A\n ,B\n", "line 3, column ref: no id"),
        ("id,name\n1,A\n", "line 1: no column named title"),
        ("title,year\nA,2001\n", "line 1: no column named title after the id column"),
        ("", "line 1: no column named title"),
        ("id,title\n1,A,B\n", "line 2: 3 cells under 2 columns"),
        ('id,title\n1,"' + "A" * 1_000_001 + '"\n', "line 2: not a CSV table"),
    ],
)
def test_faults_name_their_place(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InputError) as refused:
        read_records(table(tmp_path, text))
    assert says in str(refused.value)
    assert "records.csv" in str(refused.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_records(tmp_path / "missing.csv")
    with pytest.raises(InputError, match="line 3: not UTF-8"):
        read_records(table(tmp_path, "id,title\n1,A\n2,café\n", "latin-1"))


@pytest.mark.parametrize(
    ("printed", "names"),
    [
        ("Zuna, R E and Wang, S S", [("Zuna", "R E"), ("Wang", "S S")]),
        ("Adeli K.Lewis G. F.O'Donnell C. P.", [("Adeli", "K."), ("Lewis", "G. F."), ("O'Donnell", "C. P.")]),
        ("B. Abrahao; P. Parigi; K. S. Cook", [("Abrahao", "B."), ("Parigi", "P."), ("Cook", "K. S.")]),
        ("Zuna RE, Wang SS, Van Der Schaar M", [("Zuna", "RE"), ("Wang", "SS"), ("Van Der Schaar", "M")]),
        ("Clark, Justin; O’Neill, Hayley", [("Clark", "Justin"), ("O’Neill", "Hayley")]),
        ("Andersson, Ali", [("Andersson", "Ali")]),
        ("이종호", [("이종호", "")]),
        ("Stahl, B and et al", [("Stahl", "B")]),
        ("UNKNOWN", []),
        ("", []),
    ],
)
def test_authors(printed: str, names: list[tuple[str, str]]) -> None:
    assert [(author.family, author.given) for author in parse_authors(printed)] == names


def test_clusters_are_written_under_the_tables_own_ids(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("old")
    write_clusters(
        path, [Row("table:a,1", "table:a,1", True), Row("table:b", "table:a,1", False, "table:a,1", "=same DOI")]
    )
    with path.open(encoding="utf-8", newline="") as stream:
        assert list(csv.reader(stream)) == [
            ["id", "cluster", "kept", "same_as", "evidence"],
            ["a,1", "a,1", "yes", "", ""],
            ["b", "a,1", "no", "a,1", "'=same DOI"],
        ]
    assert [file.name for file in tmp_path.iterdir()] == ["out.csv"]


def test_clusters_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        write_clusters(tmp_path / "missing" / "out.csv", [])
