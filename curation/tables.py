"""Tables that people fill in with a spreadsheet: written as CSV or XLSX, read back as text by row number and column.

Row numbers are a spreadsheet's: the heading is row 1. No cell that the program writes runs as a formula, and no cell
that it reads may be one. Files are hostile: broken ones are one line of InputError.
"""

from __future__ import annotations

import csv
import datetime
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from curation.csvfile import delimiter_of, guarded, unguarded, write_table
from db.errors import InputError

if TYPE_CHECKING:
    from openpyxl.cell.cell import Cell, MergedCell

# Unpacked; a sheet of 100 studies takes two megabytes. A workbook can be packed a thousandfold.
MOST_BYTES: Final = 200_000_000
MOST_ROWS: Final = 200_000
XLSX: Final = ".xlsx"
FAULTS_SHOWN: Final = 5  # a line with more of them is not read
LONGEST_CELL: Final = 32_767  # characters in one cell (Microsoft, "Excel specifications and limits")


@dataclass(frozen=True)
class Table:
    """A table as read: `place` names file and tab for messages, `rows` are (row number, cells by column)."""

    place: str
    columns: tuple[str, ...]
    rows: tuple[tuple[int, dict[str, str]], ...]


@dataclass(frozen=True)
class Sheet:
    """A table to write. `choices`: the words a column's cell may hold (a list to choose from in a spreadsheet); by
    `row_choices` those of one column row by row. `notes` explain a column when its cell is chosen."""

    name: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    choices: Mapping[str, Sequence[str]] = field(default_factory=dict)
    row_choices: tuple[str, Sequence[Sequence[str]]] | None = None
    notes: Mapping[str, str] = field(default_factory=dict)
    widths: Mapping[str, int] = field(default_factory=dict)


def write_sheets(path: Path, sheets: Sequence[Sheet]) -> None:
    """Write an XLSX workbook with a tab for each sheet, or the only sheet as CSV; whole or not at all.

    InputError if it cannot be written, or if several sheets are to go into one CSV file.
    """
    if path.suffix.lower() == XLSX:
        from curation.workbook import write_workbook  # openpyxl: a third of a second that CSV does not need

        write_workbook(path, sheets)
    elif len(sheets) > 1:
        names = ", ".join(sheet.name for sheet in sheets)
        raise InputError(
            f"{path}: a CSV file holds one table, and there are {names}: name one of them, or a .xlsx file"
        )
    else:
        cells = [[guarded(cell) for cell in row] for row in sheets[0].rows]
        write_table(path, sheets[0].columns, cells, mark=True)


def read_tables(path: Path) -> list[Table]:
    """The tables of a CSV file (one) or an XLSX workbook (its visible tabs). InputError says what is wrong."""
    try:
        if path.suffix.lower() == XLSX or zipfile.is_zipfile(path):
            return _of_workbook(path)
        return [_of_csv(path)]
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def refuse(path: Path, faults: Sequence[str]) -> None:
    """InputError with the first FAULTS_SHOWN faults of a filled sheet, if there are any: nothing of it is entered."""
    if faults:
        more = f"; and {len(faults) - FAULTS_SHOWN} more" if len(faults) > FAULTS_SHOWN else ""
        raise InputError(f"{path}: nothing entered: {'; '.join(faults[:FAULTS_SHOWN])}{more}")


def harmless(text: str) -> str:
    """Text from outside on one line, without characters that no sheet can hold or show."""
    return "".join(c if c.isprintable() else "\ufffd" for c in " ".join(text.split()))[: LONGEST_CELL - 1]


def rows_with(table: Table, required: Sequence[str], columns: Sequence[str]) -> tuple[tuple[int, dict[str, str]], ...]:
    """The table's rows; InputError if it lacks one of the `required` of its `columns`."""
    missing = [column for column in required if column not in table.columns]
    if missing:
        raise InputError(f"{table.place}: row 1: no column {', '.join(missing)}: the columns are {', '.join(columns)}")
    if twice := [column for column in columns if table.columns.count(column) > 1]:
        raise InputError(f"{table.place}: row 1: column {', '.join(twice)} is there twice: keep one")
    return table.rows


def _of_csv(path: Path) -> Table:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8: save the sheet as CSV UTF-8") from error
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter_of(text))
    try:
        columns = tuple(column.strip().lower() for column in next(reader, []))
        rows = [
            (number, {name: unguarded(cell) for name, cell in zip(columns, row, strict=False)})
            for number, row in enumerate(reader, start=2)
            if any(cell.strip() for cell in row)
        ]
    except csv.Error as error:
        raise InputError(f"{path}: row {reader.line_num}: not a CSV table ({error})") from error
    return Table(str(path), columns, tuple(rows))


def _of_workbook(path: Path) -> list[Table]:
    from openpyxl import load_workbook

    try:
        with zipfile.ZipFile(path) as parts:
            size = sum(part.file_size for part in parts.infolist())
        if size > MOST_BYTES:
            raise InputError(f"{path}: {size // 1_000_000} MB unpacked: a sheet has at most {MOST_BYTES // 1_000_000}")
        book = load_workbook(path, read_only=True)  # lists and styles are not read: they take most of the time
        try:
            tabs = [tab for tab in book.worksheets if tab.sheet_state == "visible"]
            return [_of_tab(f"{path}, tab {tab.title}", tab.iter_rows(max_row=MOST_ROWS)) for tab in tabs]
        finally:
            book.close()
    except (InputError, OSError):
        raise
    except Exception as error:  # openpyxl and zipfile raise many kinds on a broken workbook
        raise InputError(
            f"{path}: no Excel workbook that can be read ({type(error).__name__}): save it again"
        ) from error


def _of_tab(place: str, rows: Iterable[tuple[Cell | MergedCell, ...]]) -> Table:
    found = iter(rows)
    columns = tuple(str(cell.value or "").strip().lower() for cell in next(found, ()))
    kept = []
    for number, row in enumerate(found, start=2):
        cells = {name: _text(cell, place, number, name) for name, cell in zip(columns, row, strict=False) if name}
        if any(cells.values()):
            kept.append((number, cells))
    return Table(place, columns, tuple(kept))


def _text(cell: Cell | MergedCell, place: str, number: int, column: str) -> str:
    """The cell as a person sees it: 12 for 12.0, a day for a date at midnight. A formula is refused."""
    value: Any = cell.value
    if cell.data_type == "f":
        raise InputError(f"{place}: row {number}, column {column}: holds a formula: put its value there")
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(" ")
    return str(value).strip()
