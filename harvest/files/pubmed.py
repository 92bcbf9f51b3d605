"""PubMed's XML in a file, as E-utilities and NLM's yearly files have it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final

from harvest.files import page
from harvest.files.shape import Item, Unread
from harvest.files.text import head_text
from harvest.pubmed_xml import Unnamed, parse_pubmed

NAME: Final = "PubMed XML (plain or .gz)"
_NO_PMID: Final = "a PubMed record without a PMID: not imported"


def sniff(head: bytes) -> bool:
    """Any XML that is nobody else's: PubMed's parser says what is wrong with it better than a sniffer could."""
    text = head_text(head).lstrip("\ufeff \t\r\n").lower()
    return text.startswith(("<?xml", "<pubmed", "<!doctype pubmed")) and not page.sniff(head)


def read(stream: BinaryIO) -> Iterator[Item]:
    """Each record and deletion of a PubMed file (`parse_pubmed`), or the line of a record without a PMID."""
    for item in parse_pubmed(stream):
        yield Unread(item.line, _NO_PMID) if isinstance(item, Unnamed) else item
