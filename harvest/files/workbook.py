"""Excel workbooks (.xlsx): the first sheet with a table, as values; formulas and macros are never run."""

from __future__ import annotations

import datetime
import tempfile
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import IO, Any, BinaryIO, Final

from db.errors import InputError
from harvest.files.columns import is_heading
from harvest.files.packed import is_bomb
from harvest.files.shape import Item, Unread
from harvest.files.table import HEADING_WITHIN, NO_HEADING, items
from harvest.pubmed_xml import one_line

NAME: Final = "Excel workbook (.xlsx)"
MAX_FILE: Final = 256 << 20
_IN_MEMORY: Final = 8 << 20
_CHUNK: Final = 1 << 20


def sniff(head: bytes) -> bool:
    """Whether it is a zip file; what is in it is looked at when it is read."""
    return head.startswith(b"PK\x03\x04")


def read(stream: BinaryIO) -> Iterator[Item]:
    """Each row of the first sheet with a table, or its row number and why it is no record; other sheets are named."""
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as copy:
        _copy(stream, copy)
        _check(copy)
        yield from items(_rows(copy))


def _copy(stream: BinaryIO, copy: IO[bytes]) -> None:
    """A workbook is a zip file, which is read from its end."""
    size = 0
    while chunk := stream.read(_CHUNK):
        size += len(chunk)
        if size > MAX_FILE:
            raise InputError(f"a workbook of more than {MAX_FILE >> 20} MB: save its sheet as CSV UTF-8")
        copy.write(chunk)


def _check(copy: IO[bytes]) -> None:
    copy.seek(0)
    try:
        with zipfile.ZipFile(copy) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise InputError(f"the workbook is cut or broken ({error}): save it again") from error
    if not any(member.filename == "xl/workbook.xml" for member in members):
        raise InputError("a zip file that is no Excel workbook: unpack it and import what is in it")
    packed, unpacked = sum(m.compress_size for m in members), sum(m.file_size for m in members)
    if is_bomb(packed, unpacked):
        raise InputError(f"a zip bomb? {packed} bytes unpack to {unpacked >> 20} MB; refused")
    copy.seek(0)


def _rows(copy: IO[bytes]) -> Iterator[tuple[int, Sequence[str]] | Unread]:
    import openpyxl

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # styles and extensions that openpyxl does not know: no data
            book = openpyxl.load_workbook(copy, read_only=True, data_only=True, keep_links=False)
            yield from _of_sheets({sheet.title: _of_sheet(sheet) for sheet in book.worksheets})
    except InputError:
        raise
    except Exception as error:  # openpyxl raises whatever its parts raise on a broken workbook
        raise InputError(
            f"the workbook cannot be read ({type(error).__name__}): save its sheet as CSV UTF-8"
        ) from error


def _of_sheets(
    sheets: Mapping[str, Iterator[tuple[int, Sequence[str]]]],
) -> Iterator[tuple[int, Sequence[str]] | Unread]:
    """The rows of the first sheet with a heading, and a word on each other sheet that holds anything.

    InputError: no sheet has a heading.
    """
    read, others = False, []
    for name, rows in sheets.items():
        first = list(islice(rows, 1 if read else HEADING_WITHIN))
        if not read and any(is_heading(cells) for _, cells in first):
            read = True
            yield from chain(first, rows)
        elif first:
            others.append((first[0][0], name))
    if not read:
        raise InputError(NO_HEADING)
    for line, name in others:
        yield Unread(
            line,
            f"sheet {one_line(name)!r} is not read, the table is on another: save it as a file of its own",
        )


def _of_sheet(sheet: Any) -> Iterator[tuple[int, Sequence[str]]]:
    for number, row in enumerate(sheet.iter_rows(values_only=True), start=1):
        cells = [_shown(value) for value in row]
        if any(cells):
            while not cells[-1]:
                cells.pop()
            yield number, cells


def _shown(value: Any) -> str:
    """A cell as text: whole numbers without a point, dates in ISO 8601; a formula's last computed value."""
    if value is None:
        return ""
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(" ")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else format(value, ".15g")
    return str(value)
