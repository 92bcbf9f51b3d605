"""Cells of sheets that people fill in: CSV and Excel (.xlsx), as text; a cell is never run as a formula."""

from __future__ import annotations

import csv
import io
import os
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from curation.csvfile import delimiter_of, write_table
from db.errors import InputError

if TYPE_CHECKING:
    from openpyxl import Workbook

# A spreadsheet runs a cell that begins with one of these (OWASP, "CSV injection"); an apostrophe makes it text.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_CELL_LIMIT: Final = 32_767  # characters in one cell of Excel (Microsoft, "Excel specifications and limits")
_MAX_UNPACKED: Final = 128 << 20  # a sheet of 100,000 rows takes some 30 MB; more is no sheet that a person filled in


def guarded(text: str) -> str:
    """The text as a spreadsheet shows it and never runs it; `unguarded` gives it back."""
    return f"'{text}" if text.startswith((*_FORMULA, "'")) else text


def unguarded(text: str) -> str:
    """The text of a cell without the apostrophe of `guarded`, and without space around it."""
    text = text.strip()
    return text[1:] if text.startswith("'") and text[1:].startswith((*_FORMULA, "'")) else text


def harmless(text: str) -> str:
    """Text from outside on one line, without characters that no sheet can hold or show."""
    return "".join(c if c.isprintable() else "\ufffd" for c in " ".join(text.split()))[: _CELL_LIMIT - 1]


def is_workbook(path: Path) -> bool:
    """Whether the name says that the file is an Excel workbook."""
    return path.suffix.lower() == ".xlsx"


def write_cells(
    path: Path,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    choices: Mapping[str, Sequence[str]],
    widths: Mapping[str, int],
) -> None:
    """Write a table as XLSX or CSV, by the name of the file, whole or not at all.

    In a workbook the columns of `choices` have drop-downs, and `widths` (in characters) are set. InputError if the
    file cannot be written.
    """
    if not is_workbook(path):
        write_table(path, columns, ([guarded(cell) for cell in row] for row in rows), mark=True)
        return
    book = _workbook(columns, list(rows), choices, widths)
    temporary = path.with_name(f".new-{os.getpid()}-{path.name}")
    try:
        try:
            book.save(temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}): choose another place") from error


def read_cells(path: Path, required: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Row numbers as a spreadsheet shows them (the heading is row 1) and the row's cells by column; empty rows left
    out. InputError for a file that cannot be read, and for missing or repeated columns."""
    rows = _workbook_rows(path) if is_workbook(path) else _csv_rows(path)
    heading = next(rows, (1, []))[1]
    columns = [column.strip().lower() for column in heading]
    missing = [column for column in required if column not in columns]
    if missing:
        raise InputError(f"{path}: row 1: no column {', '.join(missing)}: the columns are {', '.join(required)}")
    if twice := [column for column in required if columns.count(column) > 1]:
        raise InputError(f"{path}: row 1: column {', '.join(twice)} is there twice: keep one")
    for number, row in rows:
        if any(cell.strip() for cell in row):
            yield number, {name: unguarded(cell) for name, cell in zip(columns, row, strict=False)}


def _csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8: save the sheet as CSV UTF-8") from error
    table = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter_of(text))
    try:
        yield from enumerate(table, start=1)
    except csv.Error as error:
        raise InputError(f"{path}: row {table.line_num}: not a CSV table ({error})") from error


def _workbook_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    import openpyxl

    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > _MAX_UNPACKED:
                raise InputError(f"{path}: unpacks to more than {_MAX_UNPACKED >> 20} MB: no sheet of decisions")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # styles and extensions that openpyxl does not know: no data
            # Formulas come as their text: nothing in a sheet is computed, here or elsewhere.
            book = openpyxl.load_workbook(path, read_only=True, data_only=False, keep_links=False)
        try:
            rows = [[_text(value) for value in row] for row in book.worksheets[0].iter_rows(values_only=True)]
        finally:
            book.close()
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except Exception as error:  # openpyxl raises whatever its parts raise on a broken workbook
        raise InputError(f"{path}: the workbook cannot be read ({type(error).__name__}): save it again") from error
    yield from enumerate(rows, start=1)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _workbook(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    choices: Mapping[str, Sequence[str]],
    widths: Mapping[str, int],
) -> Workbook:
    import openpyxl
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title, sheet.freeze_panes = "sheet", "A2"
    for y, row in enumerate((columns, *rows), start=1):
        for x, text in enumerate(row, start=1):
            cell = sheet.cell(y, x)
            cell.value = text or None
            if text:
                cell.data_type = "s"  # text, whatever it begins with: openpyxl takes "=…" for a formula
            cell.alignment = Alignment(wrap_text=True, vertical="top")
            if y == 1:
                cell.font = Font(bold=True)
    for x, name in enumerate(columns, start=1):
        sheet.column_dimensions[get_column_letter(x)].width = widths.get(name, 14)
    lists = book.create_sheet("choices")
    for place, (name, allowed) in enumerate(choices.items(), start=1):
        lists.cell(1, place, name)
        for y, choice in enumerate(allowed, start=2):
            lists.cell(y, place, choice).data_type = "s"
        _drop_down(book, columns.index(name) + 1, place, len(allowed), len(rows))
    return book


def _drop_down(book: Workbook, column: int, place: int, count: int, rows: int) -> None:
    """Values from a column of the sheet "choices": a list inside the rule may have 255 characters only."""
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    if not rows or not count:
        return
    source, target = get_column_letter(place), get_column_letter(column)
    rule = DataValidation(type="list", formula1=f"choices!${source}$2:${source}${count + 1}", allow_blank=True)
    rule.showErrorMessage, rule.errorTitle, rule.error = True, "Not one of the choices", "Choose from the list."
    rule.add(f"{target}2:{target}{rows + 1}")
    sheet = book.worksheets[0]
    sheet.add_data_validation(rule)
