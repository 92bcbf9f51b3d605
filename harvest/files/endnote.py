"""EndNote's XML export, which Zotero and others write too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final

from lxml import etree

from harvest.files.draft import item_of
from harvest.files.shape import Item
from harvest.files.text import head_text
from harvest.files.xml import elements, text_of

NAME: Final = "EndNote XML"
_PATHS: Final = {
    "title": "titles/title", "abstract": "abstract", "author": "contributors/authors/author", "year": "dates/year",
    "date": "dates/pub-dates/date", "journal": "periodical/full-title", "second": "titles/secondary-title",
    "journal_abbreviation": "periodical/abbr-1", "volume": "volume", "issue": "number", "pages": "pages",
    "doi": "electronic-resource-num", "accession": "accession-num", "database": "remote-database-name",
    "provider": "remote-database-provider", "notes": "notes", "language": "language", "issn": "isbn",
    "keywords": "keywords/keyword", "url": "urls/related-urls/url", "vernacular_title": "orig-pub",
    "work": "work-type", "research": "research-notes", "pmcid": "custom2",
}  # fmt: skip


def sniff(head: bytes) -> bool:
    """Whether the root holds EndNote's <records>."""
    text = head_text(head)
    return "<records" in text and "<record" in text.replace("<records", "") and "<html" not in text.lower()


def read(stream: BinaryIO) -> Iterator[Item]:
    """Each record of the file, or its line and why it is none."""
    for line, element in elements(stream, "record", NAME):
        yield item_of(_fields(element), line)


def _fields(element: etree._Element) -> dict[str, list[str]]:
    fields = {name: [text_of(found) for found in element.findall(path)] for name, path in _PATHS.items()}
    fields["journal"] = fields["journal"] or fields["second"]
    fields["database"] += fields["provider"]
    fields["notes"] += fields["research"]
    fields["pmcid"] = [text for text in fields["pmcid"] if text.strip().upper().startswith("PMC")]
    kinds = [str(kind.get("name", "")) for kind in element.findall("ref-type")]
    fields["type"] = [text for text in fields["work"] if text.strip()] or kinds
    return fields
