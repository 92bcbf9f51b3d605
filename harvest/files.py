"""Files a person gives: what they are is told from their bytes, never from their names.

Readers stand in one table; a new format is one more line and one more function of a file.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, cast

from db.errors import InputError, SourceError
from db.model import Record
from harvest.pages import parse_page
from harvest.pubmed_xml import Deleted, one_line, parse_pubmed
from harvest.source import Progress

Item = Record | Deleted

_HEAD: Final = 4_096
# deflate cannot exceed 1032:1; NLM's yearly files unpack 6:1, XML of nothing but repetition about 60:1.
MAX_RATIO: Final = 200
RATIO_AFTER: Final = 16 << 20  # bytes unpacked before the ratio is judged: small files may be all repetition
MAX_UNPACKED: Final = 4 << 30  # the largest of NLM's yearly files unpacks to 0.4 GB
MAX_PAGE: Final = 32 << 20  # an abstract page with everything inline has 2 MB


@dataclass(frozen=True, slots=True)
class Format:
    """A format: its name for people, how its first bytes are known, and its reader."""

    name: str
    sniff: Callable[[bytes], bool]
    read: Callable[[BinaryIO], Iterator[Item]]


def read_file(path: Path, progress: Progress) -> Iterator[Item]:
    """The records and deletions in a file, in its order, in bounded memory.

    `progress` is called with bytes read and the file's size. Raises InputError, possibly after some items, for
    a missing, empty, cut or unknown file or a gzip bomb: a caller keeps nothing of a file that raised.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as raw:
            counted = _Counted(raw, size, progress)
            packed = raw.peek(2)[:2] == b"\x1f\x8b"
            stream = _Unpacked(counted) if packed else counted
            buffered = io.BufferedReader(stream, _HEAD * 16)
            yield from _format(buffered.peek(_HEAD)).read(cast(BinaryIO, buffered))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (InputError, SourceError) as error:
        raise type(error)(f"{path}: {error}") from error


def _format(head: bytes) -> Format:
    if not head:
        raise InputError("the file is empty")
    for known in FORMATS:
        if known.sniff(head):
            return known
    names = ", ".join(known.name for known in FORMATS)
    raise InputError(f"unknown format, it begins with {one_line(head[:40].decode('latin-1'))!r}: readable are {names}")


def _text_head(head: bytes) -> bytes:
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()


def _is_html(head: bytes) -> bool:
    text = _text_head(head)
    return text.startswith((b"<!doctype html", b"<html")) or (b"<html" in text and b"<pubmed" not in text)


def _is_xml(head: bytes) -> bool:
    """Any XML is given to PubMed's parser, which says what is wrong with it better than a sniffer could."""
    return _text_head(head).startswith((b"<?xml", b"<pubmed", b"<!doctype pubmed")) and not _is_html(head)


def _page(stream: BinaryIO) -> Iterator[Item]:
    html = stream.read(MAX_PAGE + 1)
    if len(html) > MAX_PAGE:
        raise InputError(f"a page of more than {MAX_PAGE >> 20} MB is no abstract page")
    yield parse_page(html)


FORMATS: Final = (
    Format("saved abstract page (ASH, ASCO, EHA)", _is_html, _page),
    Format("PubMed XML (plain or .gz)", _is_xml, parse_pubmed),
)


class _Counted(io.RawIOBase):
    """A raw file that reports how far it has been read."""

    def __init__(self, raw: BinaryIO, size: int, progress: Progress) -> None:
        self._raw, self._size, self._progress = raw, size, progress
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._raw.read(len(buffer))
        buffer[: len(data)] = data
        self.count += len(data)
        self._progress(self.count, self._size)
        return len(data)


class _Unpacked(io.RawIOBase):
    """A gzip file unpacked as it is read, refused when it is cut, broken or a bomb."""

    def __init__(self, packed: _Counted) -> None:
        self._packed = packed
        self._gzip = gzip.GzipFile(fileobj=cast(BinaryIO, io.BufferedReader(packed, _HEAD * 16)))
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            data = self._gzip.read1(len(buffer))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError(f"the gzip file is cut or broken ({error})") from error
        buffer[: len(data)] = data
        self._count += len(data)
        if self._count > MAX_UNPACKED or (self._count > RATIO_AFTER and self._count > MAX_RATIO * self._packed.count):
            raise InputError(
                f"a gzip bomb? {self._packed.count} bytes unpack to more than {self._count >> 20} MB; refused"
            )
        return len(data)
