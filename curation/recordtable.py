"""A table of records on its own, without a review: read from CSV, its clusters written back.

The columns are those of the published benchmark sets: the first column is the id, whatever its name; then, in
any order, title, author, year, journal, booktitle, volume, number, pages, doi, abstract, entrytype. Only the
title must be there.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from curation.csvfile import delimiter_of, guarded, write_table
from db.errors import InputError
from db.identifiers import normalise_doi, registry_ids
from db.model import Author, Record

if TYPE_CHECKING:
    from _csv import Reader

SOURCE: Final = "table"
# A cell may hold a whole abstract, rarely more; what is longer than this is a quote that was never closed.
LONGEST_CELL: Final = 1_000_000
_YEAR: Final = re.compile(r"(?<!\d)(1[5-9]\d\d|20\d\d)(?!\d)")


def read_records(path: Path) -> list[Record]:
    """`stream_records` as a list."""
    return list(stream_records(path))


def stream_records(path: Path) -> Iterator[Record]:
    """The table's records in its order; `native_id` is the first column.

    InputError, with line and column: the file cannot be read, is not UTF-8 (a byte order mark is fine), has no
    title column, a row without an id, an id twice, or a row with more cells than the heading.
    """
    text = _text(path)
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter_of(text))
    try:
        heading = [column.strip().lower() for column in next(reader, [])]
        if "title" not in heading[1:]:
            raise InputError(f"{path}: line 1: no column named title after the id column: add one")
        yield from _records(path, _with_lines(reader), heading)
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num}: not a CSV table ({error})") from error


@dataclass(frozen=True, slots=True)
class Row:
    """A record in the table of clusters: the id of its cluster's first record, whether it is the richest one there,
    the record that it was joined to and why; "" where it was joined to none."""

    record: str
    cluster: str
    kept: bool
    same_as: str = ""
    evidence: str = ""


def write_clusters(path: Path, rows: Iterable[Row]) -> None:
    """Write the clusters as CSV with columns id,cluster,kept,same_as,evidence; no cell is run by a spreadsheet.

    Ids are the table's own (without the "table:" of `Record.id`). The file is replaced whole or not at all; InputError
    if it cannot be written.
    """
    cells = (
        (_own_id(row.record), _own_id(row.cluster), "yes" if row.kept else "no", _own_id(row.same_as), row.evidence)
        for row in rows
    )
    heading = ("id", "cluster", "kept", "same_as", "evidence")
    write_table(path, heading, ([guarded(cell) for cell in row] for row in cells))


def _own_id(record_id: str) -> str:
    return record_id.removeprefix(f"{SOURCE}:")


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        return raw.decode("utf-8-sig").replace("\0", "")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}: line {line}: not UTF-8: save the table as CSV UTF-8") from error


def _with_lines(reader: Reader) -> Iterator[tuple[int, list[str]]]:
    """Each row with the line on which it begins: an abstract may hold line breaks."""
    begins = reader.line_num + 1
    for row in reader:
        yield begins, row
        begins = reader.line_num + 1


def _records(path: Path, rows: Iterable[tuple[int, list[str]]], heading: list[str]) -> Iterator[Record]:
    first_seen: dict[str, int] = {}
    for line, row in rows:
        if not any(cell.strip() for cell in row):
            continue
        if len(row) > len(heading):
            raise InputError(f"{path}: line {line}: {len(row)} cells under {len(heading)} columns: quote the text")
        native_id = row[0].strip()
        where = f"{path}: line {line}, column {heading[0] or 'id'}"
        if not native_id:
            raise InputError(f"{where}: no id")
        if native_id in first_seen:
            raise InputError(f"{where}: {native_id} stands in line {first_seen[native_id]} already: ids must differ")
        first_seen[native_id] = line
        yield _record(native_id, {name: cell.strip() for name, cell in zip(heading[1:], row[1:], strict=False)})


def _record(native_id: str, cells: Mapping[str, str]) -> Record:
    doi, kind = cells.get("doi", ""), cells.get("entrytype", "")
    year = _YEAR.search(cells.get("year", ""))
    return Record(
        source=SOURCE,
        native_id=native_id,
        title=cells.get("title", ""),
        abstract=cells.get("abstract", ""),
        authors=parse_authors(cells.get("author", "")),
        year=int(year.group()) if year else None,
        journal=cells.get("journal", "") or cells.get("booktitle", ""),
        volume=_known(cells.get("volume", "")),
        issue=_known(cells.get("number", "")),
        pages=_known(cells.get("pages", "")),
        doi=normalise_doi(doi) if doi else "",
        pmid=cells.get("pmid", ""),
        registry_ids=registry_ids(cells.get("title", ""), cells.get("abstract", "")),
        publication_types=(kind,) if kind else (),
    )


def _known(cell: str) -> str:
    return "" if cell.upper() in {"UNKNOWN", "NA", "N/A", "NAN", "NONE", "NULL"} else cell


# "Adeli K.Lewis G. F.Segar L.": authors run together, each ending in an initial and a stop.
_RUN_TOGETHER: Final = re.compile(r"(?<=[A-Z]\.)(?=[^\W\d_][\w'’-]*[^\W\d_])")
_BETWEEN: Final = re.compile(r"\s*;\s*|\s+and\s+")
_INITIALS: Final = re.compile(r"(?:[A-Z]\.?[\s-]?){1,4}")


def parse_authors(text: str) -> tuple[Author, ...]:
    """Authors as reference managers print them: "Family, Given and Family, G.", "A B; C D", "Family G.Family G."."""
    text = " ".join(text.split())
    if not text or text.upper() in {"UNKNOWN", "ANONYMOUS", "[ANONYMOUS]", "NO AUTHORS LISTED"}:
        return ()
    parts = _BETWEEN.split(text)
    if len(parts) == 1 and "," not in text:
        parts = _RUN_TOGETHER.split(text)
    elif len(parts) == 1 and text.count(",") > 1:  # "Zuna RE, Wang SS, Schiffman M"
        parts = text.split(",")
    return tuple(author for part in parts if (author := _author(part.strip(" ,"))))


def _author(text: str) -> Author | None:
    """One name: the comma, or else the side on which the initials stand, tells the family name."""
    if not text or text.lower() in {"et al", "et al.", "others"}:
        return None
    if "," in text:
        family, given = text.split(",", 1)
        return Author(family.strip(), given.strip())
    words = text.split()
    ending = next((n for n in range(1, len(words)) if _INITIALS.fullmatch(" ".join(words[n:]))), 0)
    if ending:  # "Adeli K.", "O'Donnell C. P."
        return Author(" ".join(words[:ending]), " ".join(words[ending:]))
    if len(words) > 1 and _INITIALS.fullmatch(words[0]):  # "K. S. Cook"
        start = next((n for n, word in enumerate(words) if not _INITIALS.fullmatch(word)), len(words) - 1)
        return Author(" ".join(words[start:]), " ".join(words[:start]))
    return Author(words[0], " ".join(words[1:]))
