"""PubMed's XML in a file, as E-utilities and NLM's yearly files have it."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO, Final, cast

from db.model import Record
from harvest.files import page
from harvest.files.shape import Item, Unread
from harvest.files.text import head_text
from harvest.pubmed_xml import parse_pubmed

NAME: Final = "PubMed XML (plain or .gz)"
_BEGIN: Final = re.compile(rb"<Pubmed(?:Book)?Article[\s/>]")
_LONGEST: Final = len(b"<PubmedBookArticle>")
_NO_PMID: Final = "a PubMed record without a PMID: not imported"


def sniff(head: bytes) -> bool:
    """Any XML that is nobody else's: PubMed's parser says what is wrong with it better than a sniffer could."""
    text = head_text(head).lstrip("\ufeff \t\r\n").lower()
    return text.startswith(("<?xml", "<pubmed", "<!doctype pubmed")) and not page.sniff(head)


def read(stream: BinaryIO) -> Iterator[Item]:
    """Each record and deletion of a PubMed file (`parse_pubmed`), or the line of a record whose PMID is no number."""
    lined = _Lined(stream)
    for item in parse_pubmed(cast(BinaryIO, lined)):
        if not isinstance(item, Record):
            yield item
            continue
        line = lined.begun.popleft() if lined.begun else 1  # an encoding that is not of bytes (UTF-16) shows none
        yield item if item.pmid.isdecimal() else Unread(line, _NO_PMID)


class _Lined:
    """A stream that notes the lines on which its records begin: the parser is not given all the lines."""

    def __init__(self, stream: BinaryIO) -> None:
        self.begun: deque[int] = deque()
        self._stream = stream
        self._line = 1
        self._rest = b""

    def read(self, size: int) -> bytes:
        chunk = self._stream.read(size)
        text, counted, end = self._rest + chunk, 0, 0
        for found in _BEGIN.finditer(text):
            self._line += text.count(b"\n", counted, found.start())
            self.begun.append(self._line)
            counted, end = found.start(), found.end()
        end = max(end, len(text) - _LONGEST)  # a tag may be split between two chunks
        self._line += text.count(b"\n", counted, end)
        self._rest = text[end:]
        return chunk
