"""ASCO: meeting abstracts on the pages of JCO (ascopubs.org, Atypon) and, as saved, of its meeting sites."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from db.identifiers import normalise_doi
from db.model import Author, Record
from harvest.abstract_dois import JCO_SUPPLEMENT
from harvest.pages.common import (
    Layout,
    Page,
    first_text,
    iso_date,
    lines_in,
    lines_of,
    meeting_abstract,
    meta,
    metas,
    people,
    person,
    text_of,
)

HOSTS: Final = ("ascopubs.org", "asco.org")
_TITLE: Final = ("h1.citation__title", "h1[property=name]", "h1.core-title")
_ABSTRACT: Final = ("#abstract", ".abstractSection", "section#abstracts")
JOURNAL: Final = "Journal of Clinical Oncology"


def _atypon(page: Page) -> Record:
    """One abstract. Its DOI, 10.1200/JCO.2023.41.16_suppl.e13545, spells volume, issue and abstract number."""
    soup = page.soup
    body = next((tag for selector in _ABSTRACT if (tag := soup.select_one(selector))), None)
    places = [text_of(tag) for tag in soup.select("div[property=affiliation]")]
    return _record(
        page,
        "asco/atypon",
        first_text(soup, *_TITLE),
        lines_of(body),
        authors=_authors(page),
        date=iso_date(meta(soup, "dc.Date", "citation_publication_date")),
        extra={
            "affiliations": "; ".join(dict.fromkeys(places)),
            "session": first_text(soup, ".citation__section", ".toc__section"),
        },
    )


def _authors(page: Page) -> tuple[Author, ...]:
    """Newer pages hold each author's affiliation beside the name; older ones the names alone."""
    blocks = page.soup.select("[property=author]")
    named = [
        (text_of(b.select_one("[property=name]")) or _spelt(b), text_of(b.select_one("[property=affiliation]")))
        for b in blocks
    ]
    if any(name for name, _ in named):
        return tuple(person(name, place) for name, place in named if name)
    names = metas(page.soup, "dc.Creator", "citation_author")
    return people(names or [text_of(tag) for tag in page.soup.select(".loa-accordion .author-name")])


def _spelt(block: Any) -> str:
    return " ".join(text_of(tag) for tag in block.select("[property=givenName], [property=familyName]"))


def _meeting(page: Page) -> Record:
    """A page of meetings.asco.org: its script holds the abstract as the society's API gives it, with the registry id
    in a field of its own (field names are those of the API's session query)."""
    found = next(_objects(page), {})
    place = str(found.get("authorInstitutionsString") or "")
    return _record(
        page,
        "asco/meetings",
        lines_in(str(found.get("abstractTitle") or "")),
        lines_in(str(found.get("fullBody") or "")),
        authors=people(str(found.get("abstractAuthorsString") or "").replace(";", ",").split(",")),
        date=iso_date(str(found.get("journalCitation") or "")) or iso_date(str(found.get("date") or "")),
        doi=normalise_doi(str(found.get("doi") or "")) or page.doi,
        registered=str(found.get("clinicalTrialRegistryNumber") or ""),
        number=str(found.get("abstractNumber") or ""),
        extra={"affiliations": place, "session": str(found.get("sessionTitle") or "")},
    )


def _objects(page: Page) -> Iterator[dict[str, Any]]:
    """Every JSON object in the page's scripts that holds an abstract."""
    for script in page.soup.find_all("script"):
        text = script.get_text().strip()
        if "abstractTitle" not in text:
            continue
        try:
            tree, _ = json.JSONDecoder(strict=False).raw_decode(text, text.index("{"))
        except (ValueError, RecursionError):
            continue
        yield from _with_abstract(tree)


def _with_abstract(tree: Any) -> Iterator[dict[str, Any]]:
    """By a stack of one's own: how deep a page nests is not in our hands."""
    left = [tree]
    while left:
        at = left.pop()
        if isinstance(at, dict):
            if "abstractTitle" in at:
                yield at
            left.extend(reversed(list(at.values())))
        elif isinstance(at, list):
            left.extend(reversed(at))


def _ace(page: Page) -> Record:
    """A page ace.asco.org/content/{DOI without slash}/journal/JCO: the DOI is in its address, the rest in meta tags."""
    soup = page.soup
    spelt = re.search(r"/content/(10\.1200)/?(jco[^/?#]+)", page.url, re.I)
    doi = page.doi or (normalise_doi(f"{spelt[1]}/{spelt[2]}") if spelt else "")
    return _record(
        page,
        "asco/ace",
        meta(soup, "citation_title", "dc.Title") or first_text(soup, "h1"),
        lines_of(soup.select_one("#abstract, .abstract, article .content-body")),
        authors=people(metas(soup, "citation_author", "dc.Creator") or first_text(soup, ".authors").split(";")),
        date=iso_date(meta(soup, "citation_publication_date", "dc.Date")),
        doi=doi,
    )


def _record(
    page: Page,
    layout: str,
    title: str,
    abstract: str,
    *,
    authors: tuple[Author, ...],
    date: str,
    doi: str | None = None,
    registered: str = "",
    number: str = "",
    extra: dict[str, str] | None = None,
) -> Record:
    doi = page.doi if doi is None else doi
    spelt = JCO_SUPPLEMENT.search(doi)
    year, volume, issue, own = spelt.groups() if spelt else ("", "", "", "")
    return meeting_abstract(
        "asco", layout, page, doi, title, abstract, authors=authors, date=date or year, doi=doi,
        journal=meta(page.soup, "citation_journal_title") or JOURNAL, volume=volume, issue=issue, pages=own or number,
        registered=registered, extra={"abstract_number": own or number, **(extra or {})},
    )  # fmt: skip


def _is_atypon(page: Page) -> bool:
    """A page of JCO: by its host, or, saved without an address, by its DOI or the journal it names."""
    if page.host:
        return page.host == "ascopubs.org"
    journal = meta(page.soup, "citation_journal_title", "dc.Source")
    return page.doi.startswith("10.1200/") or (journal == JOURNAL and bool(page.doi))


LAYOUTS: Final = (
    Layout("asco/ace", lambda page: page.host == "ace.asco.org", _ace),
    Layout("asco/meetings", lambda page: page.host.endswith("asco.org"), _meeting),
    Layout("asco/atypon", _is_atypon, _atypon),
)
