"""What the page parsers share: meta tags, text, names, dates."""

from __future__ import annotations

import re
from typing import Final

from bs4 import BeautifulSoup, Tag

from db.identifiers import normalise_doi, registry_ids
from db.model import Author, Record

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DEGREES: Final = re.compile(r",\s*(?:MD|PhD|MSc?|BSc?|MBBS|DO|RN|MPH|DPhil|FRCP\w*|Dr|Prof)\b.*$", re.I)
_BLOCKS: Final = ("p", "div", "h2", "h3", "h4", "li", "br", "section", "title")


def metas(soup: BeautifulSoup, *names: str) -> list[str]:
    """The contents of the meta tags named first in `names` that the page has; names in any case."""
    for name in names:
        found = soup.find_all("meta", attrs={"name": re.compile(f"^{re.escape(name)}$", re.I)})
        if values := [str(tag.get("content", "")).strip() for tag in found if tag.get("content")]:
            return values
    return []


def meta(soup: BeautifulSoup, *names: str) -> str:
    """The first of `metas`, or ""."""
    return next(iter(metas(soup, *names)), "")


def address(soup: BeautifulSoup, url: str) -> str:
    """The page's own address: as given, else its canonical link."""
    canonical = soup.select_one("link[rel=canonical]")
    return url or (str(canonical.get("href", "")) if canonical else "") or meta(soup, "og:url")


def text_of(tag: Tag | None) -> str:
    """A tag's text on one line; "" for no tag."""
    return " ".join(tag.get_text(" ").split()) if tag else ""


def lines_of(tag: Tag | None) -> str:
    """A tag's text, a line for each of its blocks: "Methods: …" starts a line, <sup> does not."""
    if tag is None:
        return ""
    copy = BeautifulSoup(str(tag), "lxml")
    for block in copy.find_all(_BLOCKS):
        block.insert_before("\n")
        block.insert_after("\n")
    lines = (" ".join(line.split()) for line in copy.get_text().split("\n"))
    return "\n".join(line for line in lines if line)


def person(name: str, affiliation: str = "") -> Author:
    """An author printed as "Given Family, MD" or "Family, Given". Of an unmarked name the last word is the family's."""
    plain = " ".join(_DEGREES.sub("", name).split()).strip(" ,*")
    if "," in plain:
        family, given = (part.strip() for part in plain.split(",", 1))
    else:
        given, _, family = plain.rpartition(" ")
    return Author(family, given, "", affiliation)


def iso_date(text: str) -> str:
    """ "November 5, 2021", "5 November 2021", "2021/11/05", "2021" as partial ISO 8601; "" if there is no year."""
    if found := re.search(r"\b((?:19|20)\d\d)[-/](\d{1,2})(?:[-/](\d{1,2}))?\b", text):
        return "-".join([found[1], *(f"{int(part):02}" for part in found.groups()[1:] if part)])
    year = re.search(r"\b(?:19|20)\d\d\b", text)
    month = re.search(r"\b([A-Za-z]{3})[a-z]*\b\.?", text)
    day = re.search(r"\b(\d{1,2})(?:st|nd|rd|th)?\b", text)
    if not year:
        return ""
    if not month or month[1].lower() not in _MONTHS:
        return year[0]
    printed = f"{year[0]}-{_MONTHS.index(month[1].lower()) + 1:02}"
    return f"{printed}-{int(day[1]):02}" if day else printed


def meeting_abstract(
    source: str,
    native_id: str,
    title: str,
    abstract: str,
    *,
    authors: tuple[Author, ...],
    date: str,
    doi: str,
    url: str,
    journal: str = "",
    volume: str = "",
    issue: str = "",
    pages: str = "",
    extra: dict[str, str] | None = None,
) -> Record:
    """The Record of a meeting abstract, with what follows from its text."""
    return Record(
        source=source,
        native_id=native_id,
        title=title,
        abstract=abstract,
        authors=authors,
        year=int(date[:4]) if date else None,
        date=date,
        journal=journal,
        volume=volume,
        issue=issue,
        pages=pages,
        doi=normalise_doi(doi),
        registry_ids=registry_ids(f"{title}\n{abstract}"),
        publication_types=("Meeting Abstract",),
        url=url,
        extra={key: value for key, value in (extra or {}).items() if value},
    )
