"""ASCO: meeting abstracts on the pages of the Journal of Clinical Oncology (ascopubs.org, Atypon)."""

from __future__ import annotations

import re

from bs4 import BeautifulSoup

from db.identifiers import normalise_doi
from db.model import Author, Record
from harvest.pages.common import address, iso_date, lines_of, meeting_abstract, meta, metas, person, text_of


def matches(soup: BeautifulSoup) -> bool:
    """A page of JCO, by its DOI or by the journal it names."""
    journal = meta(soup, "citation_journal_title", "dc.Source")
    return _doi(soup).startswith("10.1200/") or (journal == "Journal of Clinical Oncology" and bool(_doi(soup)))


def parse(soup: BeautifulSoup, url: str) -> Record:
    """One abstract. Its DOI, 10.1200/JCO.2023.41.16_suppl.e13545, spells volume, issue and abstract number."""
    doi = _doi(soup)
    place = re.search(r"/jco\.(\d{4})\.(\d+)\.(\d+_suppl)\.(\w+)$", doi)
    year, volume, issue, number = place.groups() if place else ("", "", "", "")
    return meeting_abstract(
        "asco",
        doi,
        text_of(soup.select_one("h1.citation__title")) or meta(soup, "dc.Title", "citation_title"),
        lines_of(soup.select_one("#abstract") or soup.select_one(".abstractSection")),
        authors=_authors(soup),
        date=iso_date(meta(soup, "dc.Date", "citation_publication_date")) or year,
        doi=doi,
        url=address(soup, url),
        journal=meta(soup, "citation_journal_title") or "Journal of Clinical Oncology",
        volume=volume,
        issue=issue,
        pages=number,
        extra={"affiliations": "; ".join(text_of(tag) for tag in soup.select("div[property=affiliation]"))},
    )


def _doi(soup: BeautifulSoup) -> str:
    for identifier in metas(soup, "dc.Identifier", "citation_doi"):
        if doi := normalise_doi(identifier):
            return doi
    return normalise_doi(text_of(soup.select_one("a.citation__doi__link")))


def _authors(soup: BeautifulSoup) -> tuple[Author, ...]:
    names = metas(soup, "dc.Creator", "citation_author")
    names = names or [text_of(tag) for tag in soup.select(".loa-accordion .author-name span")]
    return tuple(person(name) for name in names if name)
