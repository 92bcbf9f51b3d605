"""PubMed's XML in a file, as E-utilities and NLM's yearly files have it."""

from __future__ import annotations

from typing import Final

from harvest.files import page
from harvest.files.text import head_text
from harvest.pubmed_xml import parse_pubmed

NAME: Final = "PubMed XML (plain or .gz)"
read = parse_pubmed


def sniff(head: bytes) -> bool:
    """Any XML that is nobody else's: PubMed's parser says what is wrong with it better than a sniffer could."""
    text = head_text(head).lstrip("\ufeff \t\r\n").lower()
    return text.startswith(("<?xml", "<pubmed", "<!doctype pubmed")) and not page.sniff(head)
