"""Real exports: every file of the public collection is read, its records counted independently, its fields compared."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from db.errors import InputError
from db.model import Author, Record
from harvest.files import Item, Unread, read_file

# File: (records, rows named as unreadable, the source most of them tell). RIS counts are the files' ER lines.
EXPECTED = {
    "_baseline.ris": (100, 0, "file"), "baseline_empty_values.ris": (4, 0, "file"),
    "baseline_tag-notes.ris": (1, 11, "file"), "baseline_tag-notes_labels.ris": (32, 0, "file"),
    "baseline_tag-notes_zotero.ris": (4, 0, "file"), "baseline_tag_and_field_definitions.ris": (1, 0, "file"),
    "baseline_zotero.ris": (100, 0, "file"), "duplicate_records.csv": (10, 4, "file"), "embase.csv": (6, 0, "embase"),
    "embase.ris": (6, 0, "embase"), "embase_newpage.csv": (6, 0, "embase"), "faulty_year.ris": (1, 0, "file"),
    "generic.csv": (2, 0, "file"), "generic_bad_record_id.csv": (6, 0, "file"),
    "generic_column_names_with_spaces.csv": (2, 0, "file"), "generic_labels.csv": (6, 0, "file"),
    "generic_labels_no_abs.csv": (6, 0, "file"), "generic_labels_no_title.csv": (6, 0, "file"),
    "generic_partial_labels.csv": (6, 0, "file"), "generic_semicolon.csv": (2, 0, "file"),
    "generic_tab.csv": (2, 0, "file"), "missing_values.csv": (4, 0, "file"), "ovid_psycinfo.ris": (6, 0, "psycinfo"),
    "ovid_zotero.ris": (6, 0, "file"), "proquest.ris": (6, 0, "proquest"), "pubmed_endnote.txt": (6, 0, "pubmed"),
    "pubmed_zotero.ris": (6, 0, "file"), "record_id.csv": (10, 0, "file"), "ris_issue_1099.txt": (7, 0, "file"),
    "ris_issue_992.txt": (19, 0, "file"), "scopus.ris": (6, 0, "scopus"), "web_of_science.txt": (10, 0, "wos"),
}  # fmt: skip
# Nothing but types, or authors and notes: not one row has a title, an abstract or an identifier.
REFUSED = {"baseline_reference_types.ris", "baseline_tag_and_field_definitions_lists.ris"}


def read(path: Path) -> list[Item]:
    return list(read_file(path, lambda done, total: None))


def records(path: Path) -> list[Record]:
    return [item for item in read(path) if isinstance(item, Record)]


@pytest.fixture(scope="module")
def imports(shared: Path) -> Path:
    return shared / "data/imports"


def test_every_file_is_accounted_for(imports: Path) -> None:
    assert {path.name for path in imports.iterdir()} - {"LICENSE"} == set(EXPECTED) | REFUSED


@pytest.mark.parametrize("name", EXPECTED)
def test_every_row_is_a_record_or_is_named(name: str, imports: Path) -> None:
    found = read(imports / name)
    kept = [item for item in found if isinstance(item, Record)]
    sources = [item.source for item in kept]
    assert (len(kept), len(found) - len(kept), max(sources, key=sources.count)) == EXPECTED[name]
    assert len(found) == _rows(imports / name)
    assert all(item.line > 0 for item in found if isinstance(item, Unread))


def _rows(path: Path) -> int:
    """Records counted without the reader: ER tags that end a record, or non-empty CSV rows under the heading."""
    text = path.read_text("utf-8-sig")
    if path.suffix == ".csv":
        delimiter = max(",;\t", key=text.split("\n")[0].count)
        return sum(1 for row in csv.reader(text.splitlines(keepends=True), delimiter=delimiter) if any(row)) - 1
    return len(re.findall(r"^TY[ \t]+-", text, re.M))


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_file_of_nothing_is_refused(name: str, imports: Path) -> None:
    with pytest.raises(InputError, match="nothing in it can be imported"):
        read(imports / name)


KEYS = {
    "embase.ris": ("L373791783", "10.4103/2303-9027.138783", "", 2014, "3", "3", "152-160", "Liu"),
    "embase.csv": ("10.4103/2303-9027.138783", "10.4103/2303-9027.138783", "", 2014, "3", "3", "152-160", "Liu"),
    "scopus.ris": ("2-s2.0-85074596690", "10.1016/j.psyneuen.2019.104501", "", 2020, "111", "", "104501", "Labanski"),
    "web_of_science.txt": (
        "WOS:000444108200009", "10.1016/j.jarmac.2018.03.001", "", 2018, "7", "3", "387-397", "Alceste",
    ),
    "ovid_psycinfo.ris": ("2019-65183-001", "10.1002/cpp.2398", "", 2019, "", "", "", "Trindade"),
    "proquest.ris": ("2214991469", "10.1002/jts.22387", "", 2019, "", "", "", "Jones"),
    "pubmed_endnote.txt": (
        "21553931", "10.2165/11586800-000000000-00000", "21553931", 2011, "50", "6", "349-69", "Abdel-Tawab",
    ),
    "baseline_zotero.ris": (
        "10.1038/s42256-020-00287-7", "10.1038/s42256-020-00287-7", "", 2021, "3", "2", "125-133", "van de Schoot",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KEYS)
def test_key_fields(name: str, imports: Path) -> None:
    first = records(imports / name)[0]
    family = first.authors[0].family
    found = (first.native_id, first.doi, first.pmid, first.year, first.volume, first.issue, first.pages, family)
    assert found == KEYS[name]
    assert first.title
    assert first.abstract


def test_separators_and_spaces_in_headings_change_nothing(imports: Path) -> None:
    one = records(imports / "generic.csv")
    for other in ("generic_semicolon.csv", "generic_tab.csv", "generic_column_names_with_spaces.csv"):
        assert [r.native_id for r in records(imports / other)] == [r.native_id for r in one]
        assert [r.abstract for r in records(imports / other)] == [r.abstract for r in one]
    assert one[0].authors == (Author("Marx", "Karl"), Author("Lindgren", "Astrid"))


def test_a_faulty_year_costs_the_year_alone(imports: Path) -> None:
    (record,) = records(imports / "faulty_year.ris")
    assert (record.year, record.extra["printed_date"]) == (None, "10 15")


def test_embase_as_ris_and_as_csv_is_the_same_publications(imports: Path) -> None:
    ris, table = records(imports / "embase.ris"), records(imports / "embase.csv")
    for name in ("title", "authors", "year", "journal", "volume", "issue", "pages", "abstract"):
        assert [getattr(r, name) for r in ris] == [getattr(r, name) for r in table], name


def test_no_field_of_a_clean_ris_file_is_lost(imports: Path) -> None:
    """Against a plain reading of the tags, which this file keeps strictly."""
    text = (imports / "_baseline.ris").read_text("utf-8-sig")
    blocks = [block for block in re.split(r"^ER  -.*$", text, flags=re.M) if "TY  -" in block]
    for block, record in zip(blocks, records(imports / "_baseline.ris"), strict=True):
        tags: dict[str, list[str]] = {}
        for tag, value in re.findall(r"^([A-Z][A-Z0-9])  - (.*?)\s*(?=^[A-Z][A-Z0-9]  -|\Z)", block, re.M | re.S):
            tags.setdefault(tag, []).append(value)
        assert record.title == " ".join(tags["TI"][0].split())
        assert record.abstract.split() == " ".join(tags.get("AB", [""])).split()
        assert len(record.authors) == len(tags.get("AU", []))
        assert (record.year, record.doi) == (int(tags["PY"][0]), tags.get("DO", [""])[0].lower())


def test_medline_files_of_biopython(shared: Path) -> None:
    folder = shared / "data/pubmed/biopython/Medline"
    found = [record for path in sorted(folder.iterdir()) for record in records(path)]
    assert len(found) == sum(len(re.findall(r"^PMID-", path.read_text(), re.M)) for path in folder.iterdir())
    assert all(r.title and r.abstract and r.year and r.journal and r.pmid == r.native_id for r in found)
