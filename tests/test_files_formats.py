"""Every dialect of every format, from small synthetic exports: what is read of each, field by field."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest

from db.model import Author, Notice, Record
from harvest.files import Unread, read_file

HERE = Path(__file__).parent / "files"
MUSTER, BEISPIEL = Author("Muster", "Anna B."), Author("van der Beispiel", "Jan")


def items(path: Path) -> list[object]:
    return list(read_file(path, lambda done, total: None))


def records(name: str | Path) -> list[Record]:
    return [item for item in items(HERE / name) if isinstance(item, Record)]


def unread(name: str | Path) -> list[Unread]:
    return [item for item in items(HERE / name) if isinstance(item, Unread)]


# file → (source, native id, title, DOI, PMID, trials, number of records, lines that are none)
DIALECTS = {
    "covidence.csv": ("file", "10.9999/cov.1", "Synthetic work in Covidence", "10.9999/cov.1", "", (), 1, []),
    "ctgov.csv": (
        "ctgov", "NCT00000004", "A synthetic trial in ClinicalTrials.gov", "", "", ("NCT00000004",), 1, [],
    ),
    "embase.csv": ("embase", "L600000001", "Synthetic work in Embase", "10.9999/emb.1", "", ("NCT00000008",), 1, []),
    "embase_rows.csv": (
        "embase", "L600000001", "Synthetic work, a field in each row", "10.9999/emb.1", "", (), 2, [],
    ),
    "endnote.xml": ("pubmed", "56789012", "A synthetic in vitro title", "10.9999/en.1", "56789012", (), 1, [2]),
    "ictrp.csv": (
        "ictrp", "ChiCTR2000000001", "A synthetic trial of cells", "", "", ("ChiCTR2000000001", "NCT00000002"), 1, [3],
    ),
    "ictrp.xml": (
        "ictrp", "ChiCTR2000000001", "A synthetic trial of cells", "", "", ("ChiCTR2000000001", "NCT00000002"), 2, [],
    ),
    "isrctn.csv": (
        "isrctn", "ISRCTN10000001", "A synthetic trial in ISRCTN", "10.1186/isrctn10000001", "",
        ("EudraCT2018-000001-23", "ISRCTN10000001", "NCT00000003"), 1, [],
    ),
    "isrctn.xml": (
        "isrctn", "ISRCTN10000001", "A synthetic trial in ISRCTN", "10.1186/isrctn10000001", "",
        ("EudraCT2018-000001-23", "ISRCTN10000001", "NCT00000003"), 1, [],
    ),
    "ovid_embase.ris": (
        "embase", "2019000001", "Synthetic cell therapy in lymphoma: a phase 1 study.", "10.9999/syn.2019.1", "",
        ("NCT00000001",), 2, [],
    ),
    "proquest.csv": ("proquest", "2000000001", "Synthetic work in ProQuest", "10.9999/pq.1", "", (), 1, []),
    "pubmed.nbib": (
        "pubmed", "10000001", "A synthetic title that is wrapped over two lines.", "10.9999/nbib.1", "10000001",
        ("NCT00000006", "NCT00000007"), 2, [],
    ),
    "rayyan.csv": ("file", "rayyan-100000001", "Synthetic work in Rayyan", "10.9999/ray.1", "34567890", (), 1, []),
    "scopus.csv": (
        "scopus", "2-s2.0-85000000001", 'Synthetic in vivo results, with "quotes"', "10.9999/syn.2021.2", "12345678",
        (), 2, [],
    ),
    "wos.tsv": ("wos", "WOS:000000000000003", '"Smart" cells, synthetic', "10.9999/s4", "", (), 1, []),
    "wos.txt": (
        "wos", "WOS:000000000000001", "A synthetic title that goes on in a second line", "10.9999/syn-2020-3", "",
        (), 2, [],
    ),
    "zotero.bib": (
        "file", "10.9999/bib_1", "The CD99 naïve cell: 95% of α-synthetic Øl & more", "10.9999/bib_1", "45678901",
        ("NCT00000005",), 3, [11],
    ),
    "zotero.csv": (
        "file", "10.9999/zot.1", "Synthetic work in Zotero", "10.9999/zot.1", "23456789", ("ChiCTR2000000001",), 1, [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DIALECTS)
def test_what_each_dialect_prints(name: str) -> None:
    source, native_id, title, doi, pmid, trials, count, lost = DIALECTS[name]
    found = records(name)
    first = found[0]
    assert (first.source, first.native_id, first.title) == (source, native_id, title)
    assert (first.doi, first.pmid, first.registry_ids) == (doi, pmid, trials)
    assert len(found) == count
    assert [row.line for row in unread(name)] == lost


def test_every_fixture_is_tried() -> None:
    assert {path.name for path in HERE.iterdir()} - {"README.md"} == set(DIALECTS)


@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_the_encoding_is_told_from_the_bytes(name: str, encoding: str, tmp_path: Path) -> None:
    if name.endswith(".xml"):
        pytest.skip("XML says its encoding itself")
    path = tmp_path / "given"
    path.write_bytes((HERE / name).read_text("utf-8").replace("\n", "\r\n").encode(encoding))
    assert records(path) == records(name)


def test_bibliographic_fields_of_a_meeting_abstract_in_embase() -> None:
    (record,) = records("embase.csv")
    assert (record.journal, record.volume, record.issue, record.pages) == ("Blood", "138", "Supplement 1", "1-2")
    assert (record.year, record.date, record.language) == (2021, "2021-11-05", "eng")
    assert record.publication_types == ("Conference Abstract",)
    assert record.authors == (Author("Muster", "A.B."), Author("van der Beispiel", "J."))
    other = records("embase_rows.csv")[0]
    assert (other.authors, other.journal, other.date) == (record.authors, record.journal, record.date)


def test_ovid() -> None:
    first, second = records("ovid_embase.ris")
    assert first.authors == (MUSTER, BEISPIEL, Author(collective="Synthetic Leukaemia Study Group"))
    assert (first.journal, first.volume, first.issue, first.pages) == (
        "Journal of Synthetic Results",
        "12",
        "3",
        "101-109",
    )
    assert first.extra["journal_abbreviation"] == "J Synth Res"
    assert first.publication_types == ("Conference Abstract",)
    assert first.extra["keywords"] == "lymphoma/dt [Drug Therapy]; human"
    assert second.pages == "", "Ovid prints pages it does not have as No-Specified"


def test_scopus() -> None:
    first, second = records("scopus.csv")
    assert first.authors == (MUSTER, BEISPIEL)
    assert first.abstract == "First line.\nSecond line."
    assert (first.pages, second.pages, second.authors, second.abstract) == ("11-19", "104501", (), "")


def test_web_of_science() -> None:
    first = records("wos.txt")[0]
    assert first.authors == (MUSTER, Author("Beispiel", "Jan"))
    assert (first.issue, first.pages, first.date) == ("Supplement 1", "1-2", "2020-11-05")
    assert records("wos.tsv")[0].authors == first.authors


def test_medline() -> None:
    first = records("pubmed.nbib")[0]
    assert first.authors == (Author("Muster", "Anna B"), BEISPIEL, Author(collective="Synthetic Study Group"))
    assert first.abstract == "BACKGROUND: Made-up text goes on. (ClinicalTrials.gov number, NCT00000006.)"
    assert first.notices == (Notice("RetractionIn", "10000009", "", "J Synth Res. 2023 Jan;7(1):1."),)
    assert first.publication_types == ("Journal Article", "Clinical Trial")
    assert (first.date, first.journal, first.extra["mesh"]) == ("2022-02-03", "Journal of synthetic results", "Humans")


def test_bibtex() -> None:
    first, again, talk = records("zotero.bib")
    assert first.authors == (
        Author("Müster", "José"), BEISPIEL, Author(collective="Group and Synthetic"), Author("Doe", "John Jr"),
    )  # fmt: skip
    assert (first.journal, first.pages, first.date) == ("Journal of Synthetic Results", "1-9", "2020-05")
    assert again.title == "The same key again"
    assert talk.authors == (Author("Beispiel", "Jan"), MUSTER)
    assert talk.journal == "Synthetic Meeting"


def test_endnote() -> None:
    (record,) = records("endnote.xml")
    assert record.authors == (MUSTER, Author(collective="Synthetic Study Group"))
    assert (record.date, record.extra["keywords"]) == ("2021-03-04", "alpha; beta")


def test_registers_keep_what_helps_to_link_and_to_screen() -> None:
    (table,), (trial, bare) = records("ictrp.csv"), records("ictrp.xml")
    assert trial.date == table.date == "2020-04-03"
    assert trial.abstract == "Condition: Leukaemia\nIntervention: Cells"
    assert trial.extra["sponsor"] == "Synthetic Hospital"
    assert (bare.title, bare.registry_ids) == ("Only a scientific title", ("JPRN-jRCT2000000001",))
    assert records("isrctn.xml")[0].abstract == "Background and study aims\nMade-up text."


def workbook(path: Path, rows: list[list[object]], *, empty_first: bool = True) -> Path:
    book = openpyxl.Workbook()
    sheet = book.create_sheet("savedrecs") if empty_first else book.active
    for row in rows:
        sheet.append(row)
    book.save(path)
    return path


def test_excel_reads_the_first_sheet_that_holds_anything(tmp_path: Path) -> None:
    heading = ["Authors", "Article Title", "Source Title", "Publication Year", "DOI", "UT (Unique WOS ID)", "Pubmed Id"]
    row = ["Muster, AB; Beispiel, J", "Synthetic in Excel", "NOTES", 2020.0, "10.9999/x1", "WOS:0001", 12345678]
    (record,) = records(workbook(tmp_path / "a.xlsx", [["Export of 1 record"], [], heading, row]))
    assert (record.source, record.native_id, record.year, record.pmid) == ("wos", "WOS:0001", 2020, "12345678")
    assert record.authors == (Author("Muster", "AB"), Author("Beispiel", "J"))


def test_a_formula_is_its_last_value_and_never_run(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", [["Title", "DOI"], ["=1+1", "10.9999/f"], ["Plain", "10.9999/g"]])
    first, second = records(path)
    assert (first.title, first.doi, second.title) == ("", "10.9999/f", "Plain"), "nothing computed it, so no value"


def test_csv_and_excel_of_the_same_rows_are_the_same_records(tmp_path: Path) -> None:
    rows = list(csv.reader(io.StringIO((HERE / "scopus.csv").read_text("utf-8"), newline="")))
    assert records(workbook(tmp_path / "a.xlsx", rows, empty_first=False)) == records("scopus.csv")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_separators(delimiter: str, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text(
        delimiter.join(("title", "authors", "year")) + "\n" + delimiter.join(("A", '"B, C"', "2020")) + "\n"
    )
    (record,) = records(path)
    assert (record.title, record.authors, record.year) == ("A", (Author("B", "C"),), 2020)


def test_tables_joined_one_after_the_other_are_one(tmp_path: Path) -> None:
    text = (HERE / "rayyan.csv").read_text("utf-8")
    path = tmp_path / "a.csv"
    path.write_text(text + text.replace("100000001", "100000002"))
    assert [record.native_id for record in records(path)] == ["rayyan-100000001", "rayyan-100000002"]
    assert replace(records(path)[1], native_id="rayyan-100000001") == records(path)[0]
