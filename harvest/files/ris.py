"""RIS as Embase, Ovid, Scopus, Web of Science, ProQuest, PubMed through EndNote, Zotero, Rayyan, Citavi … write it.

Read line by line, in bounded memory, since real files keep the format loosely: a record may lack its ER or its
TY, a value may go on over lines, tags are set off by tabs or one blank, numbers stand before records and links
after them. rispy supplies the names of the types (`harvest.files.draft`); its parser raises on what is dirty, holds
the file whole and knows no lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from harvest.files.draft import item_of
from harvest.files.shape import Item, Unread
from harvest.files.text import head_text, lines

NAME: Final = "RIS"
_CUT: Final = "the file ends inside this record: imported as far as it goes"
_START: Final = re.compile(r"^[^\S\n]*TY(?:[ \t]{2,3}|[ \t])-", re.M)
_TAG: Final = re.compile(r"([A-Z][A-Z0-9])(?:([ \t]{2,3})-[ \t]?|[ \t]-(?:[ \t]|$))(.*)", re.S)

_FIELDS: Final = {
    "TI": "title", "T1": "title", "AB": "abstract", "N2": "abstract", "AU": "author", "A1": "author",
    "PY": "year", "Y1": "year", "DA": "date", "T2": "journal", "JF": "journal", "JO": "short", "JA": "short",
    "J2": "short", "JI": "short", "J1": "short", "J9": "short", "NL": "short", "VL": "volume", "IS": "issue",
    "SP": "start_page", "EP": "end_page", "C7": "article_number", "DO": "doi", "LA": "language", "KW": "keywords",
    "N1": "notes", "UR": "url", "L2": "url", "LK": "link", "L3": "link", "M3": "type", "DB": "database",
    "DP": "provider", "WE": "database", "AN": "accession", "U2": "accession", "ID": "label", "C5": "custom5",
    "PM": "pmid", "SN": "issn", "OP": "vernacular_title", "TT": "vernacular_title", "C2": "pmcid", "BT": "journal",
    "ST": "short_title", "CT": "title", "M1": "misc", "U3": "notes", "CN": "registry", "KY": "keywords", "PT": "type",
    "US": "url",
}  # fmt: skip
# Tags of a publication: after an ER they begin a record whose TY is missing; others belong to the one before.
_BEGIN: Final = frozenset({"TI", "T1", "AU", "A1", "AB", "N2"})
_CLASS: Final = re.compile(r"\[\d+\]$")  # Ovid prints PsycInfo's subject classes where others print the type
_DOI: Final = re.compile(
    r"(?:doi:\s*|https?://(?:dx\.)?doi\.org/)?10\.\d{4,9}/", re.I
)  # dialects print it under M3 or L3
_OVID_NUMBER: Final = re.compile(r"ovid\S*[?&]AN=([\w.-]+)", re.I)
_PLACE: Final = re.compile(r"\d{1,5}")  # the record's place in its export, which Ovid's numbers are all longer than
_Tagged = list[tuple[str, list[str]]]


def sniff(head: bytes) -> bool:
    """Whether a line among the first is a TY tag."""
    return bool(_START.search(head_text(head)))


def read(stream: BinaryIO) -> Iterator[Item]:
    """Each record of a RIS file, or its line and why it is none.

    After a last record without its ER comes its line as well, unless other records lack theirs too.
    """
    for line, tags, cut in _records(lines(stream)):
        item = _item(line, tags)
        yield item
        if cut and not isinstance(item, Unread):
            yield Unread(line, _CUT)


def _records(numbered: Iterator[tuple[int, str]]) -> Iterator[tuple[int, _Tagged, bool]]:
    """The line, the tags, and whether the file breaks off in it, of each record."""
    tags: _Tagged = []
    begun, ended, always_ended = 0, True, True
    for number, text in numbered:
        found = _TAG.match(text.lstrip("\ufeff"))
        tag = found[1] if found and (found[2] or found[1] in _FIELDS or found[1] in ("TY", "ER")) else ""
        value = found[3] if found else ""
        if tag == "TY" or (ended and tag in _BEGIN):
            if tags:
                always_ended = always_ended and ended
                yield begun, tags, False
            tags, begun, ended = [(tag, [value])], number, False
        elif tag == "ER":
            ended = True
        elif tag and tags:
            tags.append((tag, [value]))
        elif not tag and tags and not ended and text.strip():
            tags[-1][1].append(text)
    if tags:
        yield begun, tags, always_ended and not ended


def _item(line: int, tags: _Tagged) -> Item:
    fields: dict[str, list[str]] = {}
    kind = ""
    for tag, parts in tags:
        value = "\n".join(parts).strip()
        if tag == "TY":
            kind = value.upper()
        elif value and (name := _FIELDS.get(tag)):
            fields.setdefault(name, []).append(value)
    _settle(fields, kind)
    item = item_of(fields, line)
    if isinstance(item, Unread) and len(tags) == 1:
        return Unread(line, "an empty record: not imported")
    return item


def _settle(fields: dict[str, list[str]], kind: str) -> None:
    """What a tag means beside others: dialects use the same tags for different things."""
    shorts = fields.pop("short", [])
    if shorts and not fields.get("journal"):
        fields["journal"] = [max(shorts, key=len)]
    if shorts:
        fields["journal_abbreviation"] = [min(shorts, key=len)]
    provider = fields.get("provider", [])
    if provider and not fields.get("database"):
        fields["database"] = provider
    fields["url"] = [url for text in fields.get("url", []) for url in text.split("\n")]
    short_title = fields.pop("short_title", [])
    if short_title and not fields.get("title"):
        fields["title"] = short_title
    if _is_ovid(fields) and "accession" not in fields:
        addressed = [found[1] for url in fields["url"] if (found := _OVID_NUMBER.search(url))]
        fields["accession"] = addressed[:1] or [text for text in fields.get("label", []) if not _PLACE.fullmatch(text)]
    if not fields.get("issue") and re.fullmatch(r"\d{1,4}(?:-\d{1,4})?", misc := "".join(fields.get("misc", []))):
        fields["issue"] = [misc]
    kinds = fields.get("type", [])
    fields["type"] = [text for text in kinds if not _CLASS.search(text) and not _DOI.match(text)] or [kind]
    if not fields.get("doi"):
        links = [text for text in fields.get("link", []) if "doi" in text.lower() or _DOI.match(text)]
        fields["doi"] = [*links, *(text for text in kinds if _DOI.match(text))]
    if any("embase" in text.lower() for text in (*fields.get("database", []), *fields["url"])):
        fields["pmid"] = [*fields.get("pmid", []), *fields.get("custom5", [])]  # elsewhere C5 is anything
    fields["pmcid"] = [text for text in fields.get("pmcid", []) if text.strip().upper().startswith("PMC")]


def _is_ovid(fields: dict[str, list[str]]) -> bool:
    """Ovid prints its accession number under ID; elsewhere ID numbers the entries of somebody's library."""
    told = (*fields.get("url", []), *fields.get("provider", []), *fields.get("database", []))
    return any("ovid" in text.lower() for text in told)
