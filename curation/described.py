"""A record brought to its comparable form, once; pairs of these are compared (curation.similarity)."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Final

from curation.kinds import PREPRINT_DOIS, kind_of
from curation.normalise import Name, Pages, name, numerals, pages, title_forms, volume
from curation.once import once
from curation.titles import TELLING_PART
from db.model import Record

# What addresses add to a DOI: "…/full", "….pdf".
_DOI_TAIL: Final = re.compile(r"/(?:full(?:/html|text)?|pdf|epdf|abstract|meta)$|\.(?:pdf|full|abstract)$")
# Versions of one article at servers that give each a DOI: "…v2", "…/v1"; F1000 and eLife's reviewed preprints ".2".
_VERSION_TAIL: Final = re.compile(r"[./]?v\d+$")
_NUMBERED_VERSIONS: Final = ("10.12688/", "10.7554/elife.")
_NUMBER_TAIL: Final = re.compile(r"\.\d$")
_MONTH_NAMES: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS: Final = {month: number for number, month in enumerate(_MONTH_NAMES, start=1)}
_SUPPLEMENT: Final = re.compile(r"\bs(?:up(?:pl(?:ement)?)?)?[\s._]*(\d+)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Described:
    """A record in comparable form."""

    record: Record
    title: str
    other_title: str
    names: tuple[Name, ...]
    pages: Pages | None
    volume: str
    kind: str  # "" for an ordinary article, or not known
    doi: str  # without version and what addresses add
    page: str  # the first page, without the letters that some sources leave out

    @once
    def numerals(self) -> frozenset[str]:
        return numerals(self.title)

    @once
    def words(self) -> tuple[str, ...]:
        return tuple(self.title.split())


def describe(record: Record) -> Described:
    """The comparable form of `record`."""
    kind = kind_of(record)
    title, other = title_forms(record.title, record.vernacular_title, kind)
    place = pages(record.pages) if record.pages else None
    return Described(
        record=record,
        title=title,
        other_title=other,
        names=tuple([name(author) for author in record.authors]),
        pages=place,
        volume=volume(record.volume) if record.volume else "",
        kind=kind,
        doi=_plain_doi(record.doi) if record.doi else "",
        page=place.bare_first if place else "",
    )


def _plain_doi(doi: str) -> str:
    """One form for the addresses and the versions of one thing; a Cochrane review's versions stay as they are."""
    if "&" in doi:
        doi = html.unescape(doi)
    if doi[-1] in "fltav0123456789":
        doi = _DOI_TAIL.sub("", doi)
        if doi.startswith(PREPRINT_DOIS):
            return _VERSION_TAIL.sub("", doi)
        if doi.startswith(_NUMBERED_VERSIONS):
            return _NUMBER_TAIL.sub("", doi)
    return doi


def title_within(one: Described, other: Described) -> bool:
    """Whether the shorter title begins or ends the longer one, at a word's end, with words enough to tell."""
    short, long = (one, other) if len(one.title) <= len(other.title) else (other, one)
    if not (long.title.startswith(short.title) or long.title.endswith(short.title)):
        return False
    fits = long.title.startswith(short.title + " ") or long.title.endswith(" " + short.title)
    return fits and len(short.words) >= TELLING_PART


def issue_form(text: str) -> str:
    """An issue as it is compared: "03" → "3", "May" → "5", "Suppl. 1" and "S1" → "s1"; else folded."""
    text = text.strip().lower()
    if text.isdigit():
        return text.lstrip("0") or "0"
    if text[:3] in _MONTHS and text.isalpha():
        return str(_MONTHS[text[:3]])
    return f"s{number}" if (number := supplement_of(text)) else text


def supplement_of(issue: str) -> str:
    """The supplement's number in a printed issue ("Suppl. 1", "S1"), or ""."""
    found = _SUPPLEMENT.search(issue)
    return found[1] if found else ""
