"""One file, whatever it is, as records, deletions and rows that are neither."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Final, cast

from db.canonical import sha256
from db.errors import InputError, SourceError
from db.model import Record
from harvest.files import bibtex, delimited, endnote, medline, page, pubmed, registers, ris, workbook, wos
from harvest.files.packed import BUFFER, Counted, Unpacked
from harvest.files.shape import Format, Item, Unread
from harvest.pubmed_xml import one_line
from harvest.source import Progress

_HEAD: Final = 8_192
_OLD_EXCEL: Final = b"\xd0\xcf\x11\xe0"

# The order matters: what is told surely stands before what is told by its columns alone.
FORMATS: Final = (
    Format(page.NAME, page.sniff, page.read, keyed=True),
    Format(registers.ICTRP, registers.sniff_ictrp, registers.read_ictrp),
    Format(registers.ISRCTN, registers.sniff_isrctn, registers.read_isrctn),
    Format(endnote.NAME, endnote.sniff, endnote.read),
    Format(pubmed.NAME, pubmed.sniff, pubmed.read, may_be_empty=True, keyed=True),
    Format(workbook.NAME, workbook.sniff, workbook.read),
    Format(medline.NAME, medline.sniff, medline.read, keyed=True),
    Format(ris.NAME, ris.sniff, ris.read),
    Format(wos.NAME, wos.sniff, wos.read),
    Format(bibtex.NAME, bibtex.sniff, bibtex.read),
    Format(delimited.NAME, delimited.sniff, delimited.read),
)


def read_file(path: Path, progress: Progress) -> Iterator[Item]:
    """The records and deletions in a file, and the rows that became neither, in its order, in bounded memory.

    `progress` is called with bytes read and the file's size. Raises InputError, possibly after some items, for
    a missing, empty, cut or unknown file, a bomb, or one in which nothing is readable: a caller keeps nothing of
    a file that raised. Different rows with one native id are told apart by "#2", "#3" … after it.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as raw:
            counted = Counted(raw, size, progress)
            packed = raw.peek(2)[:2] == b"\x1f\x8b"
            stream = Unpacked(counted) if packed else counted
            buffered = io.BufferedReader(stream, BUFFER)
            known = format_of(buffered.peek(_HEAD)[:BUFFER])
            items = known.read(cast(BinaryIO, buffered))
            yield from _checked(known, items if known.keyed else _told_apart(items))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (InputError, SourceError) as error:
        raise type(error)(f"{path}: {error}") from error


def format_of(head: bytes) -> Format:
    """The format of a file that begins with `head`. InputError: empty, or none that is readable."""
    if not head.strip():
        raise InputError("the file is empty")
    if head.startswith(_OLD_EXCEL):
        raise InputError("an Excel file of the old kind (.xls): save it as .xlsx or CSV UTF-8")
    for known in FORMATS:
        if known.sniff(head):
            return known
    names = ", ".join(known.name for known in FORMATS)
    begins = one_line(head[:40].decode("latin-1"))
    raise InputError(
        f"unknown format, it begins with {begins!r}: readable are {names} whose heading names a title column"
    )


def _checked(known: Format, items: Iterator[Item]) -> Iterator[Item]:
    """The items; InputError at the end if not one of them is a record or a deletion."""
    readable, first = known.may_be_empty, None
    for item in items:
        if isinstance(item, Unread):
            first = first or item
        else:
            readable = True
        yield item
    if not readable and first is None:
        raise InputError(f"{known.name} without a single record")
    if not readable and first is not None:
        raise InputError(f"nothing in it can be imported; line {first.line}: {first.why}")


def _told_apart(items: Iterator[Item]) -> Iterator[Item]:
    """Rows that differ but share a native id, each with an id of its own; a row exactly alike keeps its id.

    A DOI may be misprinted, or a title stand twice (two meetings' abstracts): neither row may replace the other.
    PubMed's own numbers are exempt: there a second row is the same record again.
    """
    seen: dict[str, list[bytes]] = {}
    for item in items:
        if not isinstance(item, Record) or item.source == "pubmed":
            yield item
            continue
        content = bytes.fromhex(sha256(repr(item)))[:12]
        met = seen.setdefault(item.native_id, [])
        if content not in met:
            met.append(content)
        order = met.index(content)
        yield replace(item, native_id=f"{item.native_id}#{order + 1}") if order else item


def has_own_ids(path: Path) -> bool:
    """Whether the file is a table whose first column is its own id, none of a record's fields, and that has a title.

    InputError if it cannot be read.
    """
    try:
        with path.open("rb") as raw:
            head = raw.read(_HEAD)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    return not any(f.sniff(head) for f in FORMATS if f.read is not delimited.read) and delimited.has_own_ids(head)
