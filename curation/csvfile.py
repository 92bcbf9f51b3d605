"""CSV tables as rooms write and read them: whole or not at all, any of the usual delimiters."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from db.errors import InputError

_DELIMITERS: Final = ",;\t|"
# A spreadsheet runs a cell that begins with one of these (OWASP, "CSV injection"); an apostrophe makes it text.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def guarded(text: str) -> str:
    """`text` as a cell that no spreadsheet runs; `unguarded` gives it back."""
    return f"'{text}" if text.startswith((*_FORMULA, "'")) else text


def unguarded(text: str) -> str:
    """A cell's text, without the apostrophe that `guarded` put before it and without spaces around."""
    text = text.strip()
    return text[1:] if text.startswith("'") and text[1:].startswith((*_FORMULA, "'")) else text


def delimiter_of(text: str) -> str:
    """The delimiter that the heading (the first line of `text`) uses most; a comma if it uses none."""
    return max(_DELIMITERS, key=text.split("\n", 1)[0].count)


def write_table(path: Path, heading: Sequence[str], rows: Iterable[Sequence[str]], *, mark: bool = False) -> None:
    """Write `rows` under `heading` as CSV in UTF-8, with a byte order mark if `mark` (spreadsheets need it).

    The file is replaced whole or not at all; InputError if it cannot be written.
    """
    temporary = path.with_name(f".new-{os.getpid()}-{path.name}")
    try:
        try:
            with temporary.open("w", encoding="utf-8-sig" if mark else "utf-8", newline="") as stream:
                writer = csv.writer(stream, lineterminator="\n")
                writer.writerow(heading)
                writer.writerows(rows)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}): choose another place") from error


def read_table(path: Path, required: Sequence[str], columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a sheet that people filled in: (number as a spreadsheet shows it, {column: cell}); empty rows are
    left out. The heading is row 1, its columns may stand in any order.

    InputError: the file cannot be read, is not UTF-8, is no table, or lacks one of the `required` columns.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8: save the sheet as CSV UTF-8") from error
    table = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter_of(text))
    try:
        found = [column.strip().lower() for column in next(table, [])]
        missing = [column for column in required if column not in found]
        if missing:
            raise InputError(f"{path}: row 1: no column {', '.join(missing)}: the columns are {', '.join(columns)}")
        for number, row in enumerate(table, start=2):
            if any(cell.strip() for cell in row):
                yield number, {name: unguarded(cell) for name, cell in zip(found, row, strict=False)}
    except csv.Error as error:
        raise InputError(f"{path}: row {table.line_num}: not a CSV table ({error})") from error
