"""Files as they come: records without an end, odd tags, joined encodings, hostile content. Nothing is lost unsaid."""

from __future__ import annotations

import contextlib
import csv
import io
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest
import rispy
from hypothesis import given, settings
from hypothesis import strategies as st

from db.errors import InputError
from db.model import Author, Record
from db.records import to_json
from harvest import pubmed_xml
from harvest.files import Item, Unread, packed, read_file, text
from harvest.files.names import authors_of, date_of, year_of
from tests.test_files_formats import HERE


def read(path: Path, content: str | bytes) -> list[Item]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_file(path, lambda done, total: None))


def titles(found: list[Item]) -> list[str]:
    return [item.title for item in found if isinstance(item, Record)]


RIS = {
    "no ER before the next TY": ("TY  - JOUR\nTI  - A\nTY  - JOUR\nTI  - B\nER  - \n", ["A", "B"]),
    "no ER at all": ("TY  - JOUR\nTI  - A\nTY  - JOUR\nTI  - B", ["A", "B"]),
    "no TY after an ER": ("TY  - JOUR\nTI  - A\nER  -\nTI  - B\nER  - \n", ["A", "B"]),
    "ER twice": ("TY  - JOUR\nTI  - A\nER  - \nER  - \n", ["A"]),
    "a title over lines": ("TY  - JOUR\nTI  - A\n goes on\n\nAU  - B, C\nER  - \n", ["A goes on"]),
    "tabs for blanks": ("TY\t- JOUR\nTI\t- A\nER\t- \n", ["A"]),
    "one blank": ("TY - JOUR\nTI - A\nER - \n", ["A"]),
    "numbers before, links after": (
        "1.\nTY  - JOUR\nTI  - A\nER  - \nNL  - J\n\nLink: x\n2.\nTY  - JOUR\nTI  - B\nER  - \n", ["A", "B"],
    ),
    "CR alone": ("TY  - JOUR\rTI  - A\rER  - \r", ["A"]),
    "a preamble": ("Provider: Synthetic\nContent: text/plain\n\nTY  - JOUR\nT1  - A\nER  - \n", ["A"]),
    "a dash in a value": ("TY  - JOUR\nTI  - A - B\nAB  - CT - scan\nCT - images\nER  - \n", ["A - B"]),
}  # fmt: skip


@pytest.mark.parametrize(("content", "expected"), RIS.values(), ids=RIS.keys())
def test_dirty_ris(content: str, expected: list[str], tmp_path: Path) -> None:
    found = read(tmp_path / "a", content)
    assert titles(found) == expected
    assert len(found) == len(expected)


@pytest.mark.parametrize(("whole", "line"), [("", 1), ("TY  - JOUR\nTI  - A\nER  - \n\n", 5)])
@pytest.mark.parametrize("cut", ["TY  - JOUR\nTI  - B", "TY  - JOUR\nTI  - B\nAB  - Half of an abs"])
def test_a_ris_file_cut_inside_its_last_record_says_so(whole: str, line: int, cut: str, tmp_path: Path) -> None:
    found = read(tmp_path / "a", whole + cut)
    assert titles(found)[-1] == "B"
    assert found[-1] == Unread(line, "the file ends inside this record: imported as far as it goes")
    assert len(found) == len(titles(found)) + 1


def test_rows_that_are_none_are_named_with_their_line(tmp_path: Path) -> None:
    found = read(tmp_path / "a", "TY  - JOUR\nTI  - A\nER  - \n\nTY  - JOUR\nPY  - 2020\nER  - \n")
    assert found[1] == Unread(5, "no title, abstract or identifier: not imported")
    found = read(tmp_path / "b", 'title,abstract\nA,"x\ny"\n,\nB\n"  ",\nC,d,too much\n , \n')
    assert [(i.line, i.why[:8]) for i in found if isinstance(i, Unread)] == [(7, "3 cells ")]
    assert titles(found) == ["A", "B"]


def test_an_identifier_or_an_abstract_alone_is_a_record(tmp_path: Path) -> None:
    found = read(tmp_path / "a", "title,abstract,doi,pmid\n,,10.9999/a,\n,Text,,\n,,,1234567\n")
    ids = [item.native_id for item in found if isinstance(item, Record)]
    assert (ids[0], ids[1][:7], ids[2]) == ("10.9999/a", "sha256:", "pmid:1234567")


def test_a_quotation_mark_never_closed_costs_its_row_alone(tmp_path: Path) -> None:
    found = read(tmp_path / "a.csv", 'title,year\nA,2019\n"B,2020\nC,2021\n"D, E",2022\n')
    assert titles(found) == ["A", "C", "D, E"]
    assert [item.line for item in found if isinstance(item, Unread)] == [3]
    found = read(tmp_path / "b.csv", 'title,year\nA,2019\nC,2021\n"B,2020\nD,2022\nE\n')
    assert titles(found) == ["A", "C", "D"]
    assert [item.line for item in found if isinstance(item, Unread)] == [4, 6]


def test_a_file_joined_from_two_encodings(tmp_path: Path) -> None:
    one, two = "TY  - JOUR\nTI  - Müller\nER  - \n", "TY  - JOUR\nTI  - naïve “cells”\nER  - \n"
    assert titles(read(tmp_path / "a", one.encode() + two.encode("cp1252"))) == ["Müller", "naïve “cells”"]


@pytest.mark.parametrize(("encoding", "title"), [
    ("cp1251", "Синтетический заголовок о клетках"), ("gb18030", "嵌合抗原受体细胞治疗急性白血病的研究"),
])  # fmt: skip
def test_older_encodings_of_other_scripts(encoding: str, title: str, tmp_path: Path) -> None:
    content = f"TY  - JOUR\nTI  - {title}\nER  - \n".encode(encoding)
    assert titles(read(tmp_path / "a", content)) == [title]


def test_a_number_in_a_custom_field_is_a_pmid_in_embase_alone(tmp_path: Path) -> None:
    entry = "TY  - JOUR\nTI  - A\nC5  - 12345678\nDB  - {}\nER  - \n"
    for database, pmid in (("Embase", "12345678"), ("Somebody", "")):
        (record,) = read(tmp_path / "a", entry.format(database))
        assert isinstance(record, Record)
        assert record.pmid == pmid


def test_years_and_dates() -> None:
    assert [year_of(text) for text in ("2019//", "c2017", "10 15", "20200106", "")] == [2019, 2017, None, 2020, None]
    dates = {
        "2021/02/04/": "2021-02-04", "2019/10//undefined": "2019-10", "25 Aug 2004": "2004-08-25", "SEP": "2018-09",
        "Mar 1": "2018-03-01", "20200106": "2020-01-06", "03/04/2020": "2020", "25/04/2020": "2020-04-25",
        "2020///nan": "2020", "2021-13-01": "2021", "Nov-Dec 2001": "2001-11", "nonsense": "2018",
    }  # fmt: skip
    assert {given: date_of(2018, given) for given in dates} == dates


def test_authors_in_one_cell() -> None:
    smith, doe = Author("Smith", "J."), Author("Doe", "A. B.")
    for printed in (
        "Smith J., Doe A. B.",
        "Smith, J.; Doe, A. B.",
        "Smith, J. and Doe, A. B.",
        "Smith, J., Doe, A. B.",
        "['Smith, J.', 'Doe, A. B.']",
        "Smith J.; Doe A. B.; et al.",
    ):
        assert authors_of(printed) == (smith, doe), printed  # fmt: skip
    assert authors_of("Ludwig van Beispiel") == (Author("van Beispiel", "Ludwig"),)
    assert authors_of("Smith, John, Jr.") == (Author("Smith", "John Jr."),)
    assert authors_of("[Anonymous]") == authors_of("et al.") == ()
    assert authors_of("Leukaemia Working Group; Smith, J.") == (Author(collective="Leukaemia Working Group"), smith)


def test_different_rows_with_one_identifier_are_both_kept(tmp_path: Path) -> None:
    found = read(tmp_path / "a", "title,doi\nA,10.9999/a\nB,10.9999/a\nA,10.9999/a\n")
    ids = [item.native_id for item in found if isinstance(item, Record)]
    assert ids == ["10.9999/a", "10.9999/a#2", "10.9999/a"]


def test_the_hash_id_survives_punctuation_and_case(tmp_path: Path) -> None:
    one = read(tmp_path / "a", 'title,authors,year\n"A study: of cells.","Muster, A.",2020\n')
    two = read(tmp_path / "b", "TY  - JOUR\nTI  - A Study of Cells\nAU  - Muster, A\nPY  - 2020\nER  - \n")
    assert isinstance(one[0], Record)
    assert isinstance(two[0], Record)
    assert one[0].native_id == two[0].native_id
    assert one[0].native_id.startswith("sha256:")


HOSTILE = {
    "XML without an end": b"<xml><records><record><titles><title>A",
    "a zip that is no workbook": b"PK\x03\x04" + b"\0" * 60,
    "NULs": b"\0" * 9_000,
    "one endless line": b"TY  - JOUR\nTI  - " + b"x" * (9 << 20),
    "a cell without end": b'title,year\n"' + b"x\n" * 600_000,
    "control characters": bytes(range(1, 32)) * 300,
    "an ICTRP file without trials": b"<Trials_downloaded_from_ICTRP></Trials_downloaded_from_ICTRP>",
    "BibTeX of braces": b"@article{" + b"{" * 5_000,
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_files_end_in_one_line(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(InputError) as failure:
        read(tmp_path / "given", content)
    assert "\n" not in str(failure.value)
    assert len(str(failure.value)) < 1_000


def test_an_xml_bomb_is_never_expanded(tmp_path: Path) -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    content = f"<!DOCTYPE xml [<!ENTITY e0 'boom'>{entities}]><xml><records><record><titles><title>A &e11;</title>"
    with pytest.raises(InputError, match="not whole, well-formed XML"):
        read(tmp_path / "a", f'<?xml version="1.0"?>{content}</titles></record></records></xml>')


def test_a_zip_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "RATIO_AFTER", 1 << 20)
    with zipfile.ZipFile(tmp_path / "bomb.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", b" " * (4 << 20))
    with pytest.raises(InputError, match="zip bomb"):
        list(read_file(tmp_path / "bomb.xlsx", lambda done, total: None))


def test_a_workbook_with_broken_parts_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    with pytest.raises(InputError, match="workbook cannot be read"):
        list(read_file(tmp_path / "a.xlsx", lambda done, total: None))


def test_control_characters_in_a_record_do_not_stop_it(tmp_path: Path) -> None:
    (record,) = read(tmp_path / "a", b"TY  - JOUR\nTI  - A\x07\x00B\x1b[31m =1+1\nER  - \n")
    assert isinstance(record, Record)
    assert record.title == "A\x07B\x1b[31m =1+1"
    assert "\\u0007" in to_json(record)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        path = tmp_path / f"{count}.ris"
        with path.open("w") as stream:
            for n in range(count):
                stream.write(f"TY  - JOUR\nTI  - Title {n}\nAB  - {'word ' * 300}\nER  - \n\n")
        tracemalloc.start()
        assert sum(1 for _ in read_file(path, lambda done, total: None)) == count
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    small, large = peak(200), peak(2_000)
    assert large - small < 1_800 * 500, "a row costs its id and a digest, not its text"


PLAIN = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp", "Zs", "Co", "Cn", "Cf")),
    min_size=1,
    max_size=12,
)
WORDS = st.lists(PLAIN.filter(lambda word: not set(word) & set("<&")), min_size=1, max_size=6).map(" ".join)
NAME = st.text("abcdefghijklmnopqrstuvwxyzäéøß", min_size=3, max_size=9).map(str.title)
ENTRY = st.fixed_dictionaries({
    "title": WORDS.map(lambda words: f"T {words}"), "abstract": WORDS.map(lambda words: f"Ab {words}"),
    "authors": st.lists(st.tuples(NAME, NAME).map(", ".join), min_size=1, max_size=4),
    "year": st.integers(1900, 2099).map(str), "volume": st.integers(1, 99).map(str),
    "doi": st.integers(1, 10**6).map(lambda n: f"10.9999/x{n}"),
})  # fmt: skip
Entry = dict[str, object]


def _same(found: Iterator[Item] | list[Item], entries: list[Entry]) -> None:
    records = [item for item in found if isinstance(item, Record)]
    assert len(records) == len(entries)
    for record, entry in zip(records, entries, strict=True):
        assert record.title == entry["title"]
        assert record.abstract == entry["abstract"]
        assert [f"{a.family}, {a.given}" if a.family else a.collective for a in record.authors] == entry["authors"]
        assert (str(record.year), record.volume, record.doi) == (entry["year"], entry["volume"], entry["doi"])


@settings(max_examples=25, deadline=None)
@given(st.lists(ENTRY, min_size=1, max_size=5))
def test_what_rispy_writes_is_read_back(tmp_path_factory: pytest.TempPathFactory, entries: list[Entry]) -> None:
    body = rispy.dumps([{"type_of_reference": "JOUR", **entry} for entry in entries])
    _same(read(tmp_path_factory.mktemp("ris") / "a", body), entries)


@settings(max_examples=25, deadline=None)
@given(st.lists(ENTRY, min_size=1, max_size=5), st.sampled_from(",;\t"))
def test_what_csv_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, entries: list[Entry], delimiter: str
) -> None:
    target = io.StringIO()
    writer = csv.writer(target, delimiter=delimiter)
    writer.writerow(["Title", "Abstract", "Authors", "Year", "Volume", "DOI"])
    for entry in entries:
        authors = entry["authors"]
        assert isinstance(authors, list)
        writer.writerow(
            [entry["title"], entry["abstract"], "; ".join(authors), *(entry[k] for k in ("year", "volume", "doi"))]
        )
    _same(read(tmp_path_factory.mktemp("csv") / "a", target.getvalue()), entries)


@pytest.mark.parametrize("path", sorted(HERE.glob("*.*")), ids=lambda path: path.name)
def test_a_cut_file_never_raises_anything_but_an_input_error(path: Path, tmp_path: Path) -> None:
    content = path.read_bytes()
    for end in range(0, len(content), max(1, len(content) // 25)):
        for changed in (content[:end], content[end:], content[:end] + b"\x00\xff" + content[end:]):
            with contextlib.suppress(InputError):
                read(tmp_path / "cut", changed)


def test_lines_are_numbered_across_chunks() -> None:
    content = b"".join(b"line %d\r\n" % n for n in range(1, 20_001))
    assert all(body == f"line {number}" for number, body in text.lines(io.BytesIO(content)))


def test_a_pubmed_record_without_a_pmid_is_named_with_its_line(tmp_path: Path) -> None:
    record = "<MedlineCitation><PMID>{}</PMID></MedlineCitation>\n<PubmedData><History>\n</History></PubmedData>"
    one = "<PubmedArticle>" + "\n" * 10 + record + "</PubmedArticle>\n"
    filled = "".join(one.format(n or "") for n in (11, 0, 12, "x1", 13))
    found = read(tmp_path / "a.xml", f"<PubmedArticleSet>\n{filled}</PubmedArticleSet>")
    assert [item.pmid for item in found if isinstance(item, Record)] == ["11", "12", "13"]
    why = "a PubMed record without a PMID: not imported"
    assert [item for item in found if isinstance(item, Unread)] == [Unread(15, why), Unread(41, why)]


def test_lines_of_pubmed_records_are_told_at_any_size_of_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = "\n\n<PubmedArticle><MedlineCitation><PMID>{}</PMID></MedlineCitation></PubmedArticle>"
    text = f"<PubmedArticleSet>{''.join(one.format(n % 3 or '') for n in range(7))}</PubmedArticleSet>"
    for size in (1, 2, 7, 18, 19, 20, 64):
        monkeypatch.setattr(pubmed_xml, "_CHUNK", size)
        lines = [item.line for item in read(tmp_path / "a.xml", text) if isinstance(item, Unread)]
        assert lines == [3, 9, 15], size


def test_the_number_of_an_entry_in_an_ovid_export_is_no_accession(tmp_path: Path) -> None:
    """Two exports would share the ids 1, 2, 3 …, and the later would replace the earlier's records."""
    url = "UR  - http://ovidsp.ovid.com/ovidweb.cgi?T=JS&PAGE=reference&D=emed22{}\n"
    entry = "TY  - JOUR\nID  - {}\nT1  - {}\nM3  - http://dx.doi.org/10.9999/m3.{}\n{}ER  - \n"
    given = (("1", "&AN=2012345678"), ("2", ""), ("2012345679", ""))
    content = "".join(entry.format(number, f"T{number}", number, url.format(end)) for number, end in given)
    found = [item for item in read(tmp_path / "a.ris", content) if isinstance(item, Record)]
    assert [item.native_id for item in found] == ["2012345678", "10.9999/m3.2", "2012345679"]
    assert {item.publication_types for item in found} == {("Journal Article",)}


def test_a_doi_among_the_links_of_ris(tmp_path: Path) -> None:
    (record,) = read(tmp_path / "a", "TY  - JOUR\nTI  - A\nL3  - 10.9999/l3\nER  - \n")
    assert isinstance(record, Record)
    assert record.doi == "10.9999/l3"


@pytest.mark.parametrize(("printed", "told"), [
    ("Blood. Conference: 63rd Meeting. Atlanta, GA. 138(SUPPL 1) (pp 2812), 2021. Date of Publication: November 2021.",
     ("Blood", "138", "SUPPL 1", "2812", "2021")),
    ("Blood. 138(5):281-9, 2021 Nov 05.", ("Blood", "138", "5", "281-9", "2021-11-05")),
    ("Journal A : of B. 39(15_suppl):7007, 2021.", ("Journal A : of B", "39", "15_suppl", "7007", "2021")),
    ("Blood", ("Blood", "", "", "", "2019")),
    ("Proc. Natl. Acad. Sci. U.S.A.", ("Proc. Natl. Acad. Sci. U.S.A.", "", "", "", "2019")),
])  # fmt: skip
def test_the_source_cell_of_an_ovid_table(printed: str, told: tuple[str, ...], tmp_path: Path) -> None:
    year = told[4][:4]
    (item,) = read(tmp_path / "a.csv", f'"DB","AN","TI","SO","YR"\n"Embase","2012345678","A","{printed}","{year}"\n')
    assert isinstance(item, Record)
    assert (item.source, item.native_id) == ("embase", "2012345678")
    assert (item.journal, item.volume, item.issue, item.pages, item.date) == told


def test_an_embase_table_is_known_by_its_pui(tmp_path: Path) -> None:
    (item,) = read(tmp_path / "a.csv", "TITLE,SOURCE,PUI\nA,Blood (2021) 138:1 (2812),L2012345678\n")
    assert isinstance(item, Record)
    assert (item.source, item.native_id) == ("embase", "L2012345678")


def test_a_workbooks_table_may_stand_behind_a_cover_and_other_sheets_are_named(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["Search of 2026-11-20"])
    book.create_sheet("Records").append(["Title", "Year"])
    book["Records"].append(["A", 2020])
    book.create_sheet("More").append(["Title", "Year"])
    book.create_sheet("Nothing")
    book.save(tmp_path / "a.xlsx")
    found = list(read_file(tmp_path / "a.xlsx", lambda done, total: None))
    assert titles(found) == ["A"]
    named = [item.why for item in found if isinstance(item, Unread)]
    assert [words.split(" is not read")[0] for words in named] == ["sheet 'Sheet'", "sheet 'More'"]
