"""Bytes as lines of text, in bounded memory: the encoding is told from the bytes.

A byte order mark decides; UTF-16 without one is known by its zero bytes. Everything else is tried as UTF-8 line
by line, and a line that is not UTF-8 is read in the file's older encoding: files joined from several exports
hold both. The older encoding is cp1252 where accents are few (Western exports of reference managers), and
otherwise what charset-normalizer finds among those that the databases' exports are met in.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from db.errors import InputError

_CHUNK: Final = 1 << 16
# A line may hold a whole abstract or a reference list; the longest of a Scopus export have some 20,000 bytes.
MAX_LINE: Final = 8 << 20
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
_LEGACY: Final = ["cp1252", "cp1250", "cp1251", "cp1253", "gb18030", "big5", "shift_jis", "euc_jp", "euc_kr"]
# European text has accents in under a tenth of its bytes, Cyrillic, Greek and East Asian text in most of them.
_MANY_ACCENTS: Final = 0.25
_SAMPLE: Final = 1 << 15


def lines(stream: BinaryIO) -> Iterator[tuple[int, str]]:
    """Every line with its number, from 1, without its end (LF, CRLF or CR) and without NUL characters.

    InputError: a line of more than 8 MB, which no table and no tagged file has.
    """
    legacy, number, rest = "", 0, b""
    for chunk in _utf8(stream):
        parts = (rest + chunk).splitlines(keepends=True)
        rest = parts.pop() if parts and not parts[-1].endswith(b"\n") else b""
        if len(rest) > MAX_LINE:
            raise InputError(f"line {number + len(parts) + 1}: more than {MAX_LINE >> 20} MB without a line end")
        for index, raw in enumerate(parts):
            number += 1
            try:
                text = raw.decode()
            except UnicodeDecodeError:
                legacy = legacy or _guess(b"".join(parts[index:])[:_SAMPLE])
                text = raw.decode(legacy, "replace")
            yield number, text.rstrip("\r\n").replace("\0", "")
    if rest:
        for raw in rest.splitlines():
            number += 1
            yield number, _last(raw, legacy).replace("\0", "")


def head_text(head: bytes) -> str:
    """The first bytes of a file as text good enough to know its format by."""
    mark, encoding = _marked(head)
    return head[mark:].decode(encoding or "latin-1", "replace")


def _last(raw: bytes, legacy: str) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode(legacy or _guess(raw), "replace")


def _marked(head: bytes) -> tuple[int, str]:
    """(length of the byte order mark, encoding), or (0, "") if nothing tells."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return len(mark), encoding
    even, odd = head[:512:2].count(0), head[1:512:2].count(0)
    half = min(len(head), 512) // 2
    if half > 1 and max(even, odd) > 0.6 * half and min(even, odd) < 0.1 * half:
        return 0, "utf-16-be" if even > odd else "utf-16-le"
    return 0, ""


def _utf8(stream: BinaryIO) -> Iterator[bytes]:
    """The stream's bytes without their mark, UTF-16 and UTF-32 brought to UTF-8."""
    first = stream.read(_CHUNK)
    mark, encoding = _marked(first)
    if encoding in ("", "utf-8"):
        yield first[mark:]
        while chunk := stream.read(_CHUNK):
            yield chunk
        return
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    yield decoder.decode(first[mark:]).encode("utf-8", "replace")
    while chunk := stream.read(_CHUNK):
        yield decoder.decode(chunk).encode("utf-8", "replace")
    yield decoder.decode(b"", final=True).encode("utf-8", "replace")


def _guess(sample: bytes) -> str:
    """The encoding of bytes that are not UTF-8."""
    high = len(re.findall(rb"[\x80-\xff]", sample))
    if high < _MANY_ACCENTS * len(re.sub(rb"[\s\d]", b"", sample)):
        return "cp1252"
    from charset_normalizer import from_bytes

    best = from_bytes(sample, cp_isolation=_LEGACY).best()
    return best.encoding if best else "cp1252"
