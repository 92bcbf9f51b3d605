"""Delimited tables (comma, semicolon, tab, bar): the exports of databases, registers, screening tools and people."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import BinaryIO, Final

from db.errors import InputError
from harvest.files.columns import fields_of, is_heading, source_by_headings
from harvest.files.shape import Item, Unread
from harvest.files.table import HEADING_WITHIN, NO_HEADING, is_upright, items, upright_items
from harvest.files.text import head_text, lines

NAME: Final = "CSV, TSV or semicolon table"
_DELIMITERS: Final = ",;\t|"
# A cell may hold a whole abstract or a reference list, rarely more; beyond it a quotation mark was never closed.
LONGEST_CELL: Final = 1_000_000
_CUT: Final = "unexpected end of data"  # csv's words for a quotation mark that is open at the end
_Row = tuple[int, Sequence[str]]


def sniff(head: bytes) -> bool:
    """Whether one of the first lines is a heading with columns that we know."""
    text = head_text(head)
    if "<html" in text.lower() or "\0" in text or text.lstrip("\ufeff \r\n").startswith(("<", "%PDF", "{\\rtf")):
        return False
    first = text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")[:HEADING_WITHIN]
    return any(is_heading(next(csv.reader([line], delimiter=delimiter_of(line)), [])) for line in first)


def read(stream: BinaryIO) -> Iterator[Item]:
    """Each row of the table as a record, or its line and why it is none."""
    numbered = lines(stream)
    before: list[tuple[int, str]] = []
    for number, text in numbered:
        before.append((number, text))
        delimiter = delimiter_of(text)
        if is_heading(next(csv.reader([text], delimiter=delimiter), [])):
            break
        if len(before) == HEADING_WITHIN:
            raise InputError(NO_HEADING)
    else:
        raise InputError(NO_HEADING)

    def again() -> Iterator[tuple[int, str]]:
        yield before[-1]
        yield from numbered

    headings = next(csv.reader([before[-1][1]], delimiter=delimiter), [])
    # Web of Science quotes nothing in its tab-delimited table: a title may begin with a quotation mark.
    quoted = not (delimiter == "\t" and source_by_headings(headings) == "wos" and "UT" in headings)
    rows = _rows(again(), delimiter, quoted, len(headings))
    first = list(islice(rows, 3))
    yield from (upright_items if is_upright(first) else items)(chain(first, rows))


def delimiter_of(heading: str) -> str:
    """The delimiter that the heading uses most; a comma if it uses none."""
    return max(_DELIMITERS, key=heading.count)


def _rows(
    numbered: Iterable[tuple[int, str]], delimiter: str, quoted: bool, width: int, *, salvage: bool = False
) -> Iterator[_Row | Unread]:
    """Each row with the line on which it begins.

    A quotation mark that is opened and never closed joins the lines after it to its row, up to the next quotation
    mark or the end of the file. Such a row is named, and the lines after its first are read again (`salvage`):
    those with as many cells as the heading (`width`) are rows, the others are named too.
    """
    csv.field_size_limit(LONGEST_CELL)
    feed = _Held(numbered)
    reader = csv.reader(feed, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE)
    while True:
        feed.held = []
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            line = feed.held[0][0] if feed.held else 1
            raise InputError(f"line {line}: not a table ({error}): is a quotation mark not closed?") from error
        line = feed.held[0][0]
        if len(feed.held) > 1 and (broken := _broken(feed.held, delimiter)) and (broken == _CUT or len(row) != width):
            yield Unread(line, "a quotation mark is opened and never closed: not imported")
            yield from _rows(feed.held[1:], delimiter, quoted, width, salvage=True)
        elif salvage and any(row) and len(row) != width:
            yield Unread(line, "after a quotation mark that is never closed, and no whole row: not imported")
        else:
            yield line, row


class _Held:
    """Lines for csv.reader, those of the row in hand kept."""

    def __init__(self, numbered: Iterable[tuple[int, str]]) -> None:
        self._numbered = iter(numbered)
        self.held: list[tuple[int, str]] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        number, text = next(self._numbered)
        self.held.append((number, text))
        return f"{text}\n"


def _broken(held: list[tuple[int, str]], delimiter: str) -> str:
    """What a strict reading of a row's lines says is wrong with their quotation marks; "" if nothing is."""
    try:
        list(csv.reader((f"{text}\n" for _, text in held), delimiter=delimiter, strict=True))
    except csv.Error as error:
        return str(error)
    return ""


def has_own_ids(head: bytes) -> bool:
    """Whether the first line is a heading of an id, whatever its name, and then of a title among others."""
    line = head_text(head).lstrip("\ufeff").replace("\r", "\n").split("\n", 1)[0]
    headings = [cell.strip().lower() for cell in next(csv.reader([line], delimiter=delimiter_of(line)), [])]
    return "title" in headings[1:] and set(fields_of(headings[0])) <= {"label"}
