"""ASH: meeting abstracts on the pages of Blood (ashpublications.org, Silverchair)."""

from __future__ import annotations

import re

from bs4 import BeautifulSoup

from db.identifiers import normalise_doi
from db.model import Author, Record
from harvest.pages.common import address, iso_date, lines_of, meeting_abstract, meta, metas, person, text_of


def matches(soup: BeautifulSoup) -> bool:
    """A Silverchair article of Blood, by DOI or, where an abstract has none yet, by the journal it names.

    Newer skins add classes, so one class only is asked for.
    """
    doi = _doi(soup)
    of_blood = doi.startswith("10.1182/") if doi else meta(soup, "citation_journal_title") == "Blood"
    return soup.select_one(".wi-article-title") is not None and of_blood


def parse(soup: BeautifulSoup, url: str) -> Record:
    """One abstract; without a DOI it is known by the article id of the site."""
    date = iso_date(text_of(soup.select_one("span.article-date")) or meta(soup, "citation_publication_date"))
    return meeting_abstract(
        "ash",
        _doi(soup) or _article_id(soup),
        text_of(soup.select_one("h1.wi-article-title")) or meta(soup, "citation_title"),
        lines_of(soup.select_one("section.abstract")),
        authors=_authors(soup),
        date=date,
        doi=_doi(soup),
        url=address(soup, url),
        journal=meta(soup, "citation_journal_title") or "Blood",
        volume=meta(soup, "citation_volume"),
        issue=meta(soup, "citation_issue"),
        pages=meta(soup, "citation_firstpage"),
        extra={
            "session": text_of(soup.select_one("span.article-client_type")),
            "keywords": "; ".join(text_of(tag) for tag in soup.select("div.content-metadata-topics a")),
        },
    )


def _doi(soup: BeautifulSoup) -> str:
    return normalise_doi(text_of(soup.select_one("div.citation-doi a"))) or normalise_doi(meta(soup, "citation_doi"))


def _article_id(soup: BeautifulSoup) -> str:
    tag = soup.select_one("[data-article-id], [data-resource-id]")
    return str(tag.get("data-article-id") or tag.get("data-resource-id") or "") if tag else ""


def _authors(soup: BeautifulSoup) -> tuple[Author, ...]:
    """Name cards carry the affiliations; without them the linked names, then the meta tags."""
    cards = soup.select("div.al-author-name")
    if cards:
        return tuple(
            person(
                text_of(card.select_one(".info-card-name") or card.select_one("a.linked-name")),
                "; ".join(_affiliation(text_of(place)) for place in card.select("div.aff")),
            )
            for card in cards
        )
    names = [text_of(tag) for tag in soup.select("a.linked-name")] or metas(soup, "citation_author")
    return tuple(person(name) for name in names)


def _affiliation(text: str) -> str:
    """ASH prints who introduced a non-member as part of the affiliation."""
    return re.sub(r"\s*\(Intr\. by[^)]*\)", "", text)
