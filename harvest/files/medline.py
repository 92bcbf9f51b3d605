"""MEDLINE's tagged format, as PubMed writes it (.nbib, .txt): a record at a time through Biopython's Bio.Medline.

https://www.nlm.nih.gov/bsd/mms/medlineelements.html lists the tags.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Final

from db.identifiers import normalise_doi
from db.model import Author, Notice, Record
from harvest.files.draft import item_of, plain
from harvest.files.names import author_of
from harvest.files.shape import Item, Unread
from harvest.files.text import head_text, lines

NAME: Final = "MEDLINE / NBIB (PubMed)"
_START: Final = re.compile(r"^PMID- ?\d", re.M)
_FIELDS: Final = {
    "TI": "title", "BTI": "title", "AB": "abstract", "DP": "date", "JT": "journal", "TA": "journal_abbreviation",
    "VI": "volume", "IP": "issue", "PG": "pages", "PMID": "pmid", "SI": "registry", "PT": "type", "LA": "language",
    "OT": "keywords", "TT": "vernacular_title", "IS": "issn", "PMC": "pmcid", "GN": "notes",
}  # fmt: skip
# PubMed's RefType for each tag that links to another publication.
_NOTICES: Final = {
    "RIN": "RetractionIn", "ROF": "RetractionOf", "EIN": "ErratumIn", "EFR": "ErratumFor", "UIN": "UpdateIn",
    "UOF": "UpdateOf", "CIN": "CommentIn", "CON": "CommentOn", "ECI": "ExpressionOfConcernIn",
    "ECF": "ExpressionOfConcernFor", "RPI": "RepublishedIn", "RPF": "RepublishedFrom",
    "CRI": "CorrectedandRepublishedIn", "CRF": "CorrectedandRepublishedFrom",
}  # fmt: skip


def sniff(head: bytes) -> bool:
    """Whether a line among the first is a PMID tag."""
    return bool(_START.search(head_text(head)))


def read(stream: BinaryIO) -> Iterator[Item]:
    """Each record of the file, or its line and why it is none."""
    for line, block in _blocks(lines(stream)):
        yield _item(line, block)


def _blocks(numbered: Iterator[tuple[int, str]]) -> Iterator[tuple[int, list[str]]]:
    """The lines of each record: it begins with its PMID, whether or not a blank line stands before it."""
    block: list[str] = []
    begun = 0
    for number, text in numbered:
        if text.startswith("PMID-"):
            if block:
                yield begun, block
            block, begun = [], number
        if text.strip() and begun and re.match(r"[A-Z]{2,4} *- ?|      ", text):
            block.append(f"{text}\n")
    if block:
        yield begun, block


def _item(line: int, block: list[str]) -> Item:
    from Bio import Medline  # type: ignore[import-untyped,unused-ignore]

    try:
        tags: Mapping[str, Any] = Medline.read(block)  # type: ignore[no-untyped-call]
    except (ValueError, KeyError, IndexError) as error:
        return Unread(line, f"not a MEDLINE record ({error}): not imported")
    fields = {name: _texts(tags.get(tag)) for tag, name in _FIELDS.items() if tags.get(tag)}
    fields["doi"] = [text for tag in ("LID", "AID") for text in _texts(tags.get(tag)) for text in _dois(text)]
    if tags.get("MH"):
        fields["keywords"] = fields.get("keywords", []) or []
    item = item_of(fields, line, source="pubmed", authors=_people(tags))
    if isinstance(item, Unread):
        return item
    return _with_links(item, tags)


def _with_links(record: Record, tags: Mapping[str, Any]) -> Record:
    from dataclasses import replace

    notices = tuple(_notice(kind, text) for tag, kind in _NOTICES.items() for text in _texts(tags.get(tag)))
    extra = dict(record.extra)
    for tag, name in (("MH", "mesh"), ("STAT", "status")):
        if words := [plain(text) for text in _texts(tags.get(tag))]:
            extra[name] = "; ".join(words)
    url = record.url or f"https://pubmed.ncbi.nlm.nih.gov/{record.pmid}/"
    return replace(record, notices=notices, extra=extra, url=url)


def _texts(value: object) -> list[str]:
    """Bio.Medline gives a text, or a list of them where a tag may repeat."""
    if value is None:
        return []
    return [str(part) for part in value] if isinstance(value, list) else [str(value)]


def _dois(text: str) -> list[str]:
    """The DOIs of "10.1/x [doi] S0006(21)1 [pii]": Bio.Medline joins what repeats."""
    return [doi for part in re.findall(r"(\S+) \[doi\]", text) if (doi := normalise_doi(part))]


def _people(tags: Mapping[str, Any]) -> tuple[Author, ...]:
    names = _texts(tags.get("FAU")) or _texts(tags.get("AU"))
    people = [author for name in names if (author := author_of(name))]
    return (*people, *(Author(collective=plain(name)) for name in _texts(tags.get("CN"))))


def _notice(kind: str, text: str) -> Notice:
    pmid = re.search(r"PMID: ?(\d{1,8})", text)
    return Notice(kind, pmid[1] if pmid else "", normalise_doi(text), plain(re.sub(r"PMID: ?\d+", "", text)))
