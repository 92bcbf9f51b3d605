"""ASH: abstracts on the pages of Blood (ashpublications.org, Silverchair) and in its meeting programme (Confex)."""

from __future__ import annotations

import re
from typing import Final

from bs4 import Tag

from db.model import Author, Record
from harvest.pages.common import (
    Layout,
    Page,
    first_text,
    iso_date,
    lines_of,
    meeting_abstract,
    meta,
    metas,
    people,
    person,
    text_of,
)

# The same page stands on all three (seen in links); a redirect between them is no other site.
HOSTS: Final = ("ashpublications.org", "ashpublications.net", "ashpublications.com", "ash.confex.com")
_CONFEX: Final = re.compile(r"ash\.confex\.com/ash/(\d{4})/webprogram[^/]*/Paper(\d+)\.html", re.I)
_SKIN: Final = ".wi-article-title, .widget-ArticleTopInfo, .al-authors-list, [data-article-id], [data-resource-id]"


def _silverchair(page: Page) -> Record:
    """One abstract; without a DOI it is known by the article id of the site."""
    soup = page.soup
    return meeting_abstract(
        "ash",
        "ash/silverchair",
        page,
        page.doi or _article_id(page),
        first_text(soup, "h1.wi-article-title", "h1.article-title-main", "h1.at-articleTitle"),
        lines_of(soup.select_one("section.abstract")),
        authors=_authors(page),
        date=iso_date(first_text(soup, "span.article-date", ".ww-citation-date-wrap .citation-date"))
        or iso_date(meta(soup, "citation_publication_date")),
        journal=meta(soup, "citation_journal_title") or "Blood",
        volume=meta(soup, "citation_volume"),
        issue=meta(soup, "citation_issue"),
        pages=meta(soup, "citation_firstpage"),
        extra={
            "session": text_of(soup.select_one("span.article-client_type")),
            "abstract_number": meta(soup, "citation_firstpage"),  # a supplement's page is the abstract's number
            "keywords": "; ".join(text_of(tag) for tag in soup.select("div.content-metadata-topics a")),
        },
    )


def _article_id(page: Page) -> str:
    tag = page.soup.select_one("[data-article-id], [data-resource-id], .citation-download-wrap input[name=resourceId]")
    return str(tag.get("data-article-id") or tag.get("data-resource-id") or tag.get("value") or "") if tag else ""


def _authors(page: Page) -> tuple[Author, ...]:
    """Name cards carry the affiliations; without them the linked names, then the meta tags."""
    if cards := page.soup.select("div.al-author-name"):
        return tuple(person(_name(card), _affiliation(card)) for card in cards if _name(card))
    names = [text_of(tag) for tag in page.soup.select("a.linked-name")] or metas(page.soup, "citation_author")
    return people(names)


def _name(card: Tag) -> str:
    return text_of(card.select_one(".info-card-name") or card.select_one("a.linked-name"))


def _affiliation(card: Tag) -> str:
    """ASH prints who introduced a non-member as part of the affiliation."""
    places = (re.sub(r"\s*\(Intr\. by[^)]*\)", "", text_of(place)) for place in card.select("div.aff"))
    return "; ".join(place for place in places if place)


def _is_silverchair(page: Page) -> bool:
    """A page of Blood on Silverchair: by its host; or, saved without an address, by its DOI or journal and its skin."""
    if page.doi and not page.doi.startswith("10.1182/"):
        return False
    if page.host:
        return page.host.endswith(HOSTS) and page.host != "ash.confex.com"
    of_blood = bool(page.doi) or meta(page.soup, "citation_journal_title") == "Blood"
    return of_blood and page.soup.select_one(_SKIN) is not None


def _confex(page: Page) -> Record:
    """A page PaperNNNNNN.html. Its number is the end of the DOI (seen: Paper168993 and 10.1182/blood-2022-168993)."""
    soup = page.soup
    found = _CONFEX.search(page.url)
    year, number = found.groups() if found else ("", "")
    doi = page.doi or (f"10.1182/blood-{year}-{number}" if found else "")
    heading = first_text(soup, "h2.subtitle", "h1.subtitle", "h2.title", "h1")
    printed = re.match(r"(\d{1,5})\s+(.*)", heading)
    return meeting_abstract(
        "ash",
        "ash/confex",
        page,
        doi,
        printed[2] if printed else heading,
        lines_of(soup.select_one("section.abstract, div.abstract, div.itemcontent .abstract")),
        authors=_confex_authors(page),
        date=iso_date(first_text(soup, ".datetime", ".date")) or year,
        doi=doi,
        journal="Blood",
        pages=printed[1] if printed else "",
        extra={
            "session": first_text(soup, ".session a", ".session").removeprefix("Session: "),
            "abstract_number": printed[1] if printed else "",
        },
    )


def _confex_authors(page: Page) -> tuple[Author, ...]:
    """ "Min Zhang, MD¹*, …" with the numbers of the affiliations that follow, each after its number."""
    block = page.soup.select_one(".paperauthors, .authors")
    if block is None:
        return people(metas(page.soup, "citation_author"))
    places = {
        text_of(tag.select_one("sup")): _after_number(tag) for tag in page.soup.select(".affiliations p, .affils p")
    }
    found = []
    for tag in block.select(".name, b, a.author"):
        marks = tag.find_next_sibling("sup")
        numbers = re.findall(r"\d+", text_of(marks)) if isinstance(marks, Tag) else []
        name = text_of(tag)
        found.append(person(name, "; ".join(places[n] for n in numbers if n in places)))
    return tuple(found)


def _after_number(tag: Tag) -> str:
    return re.sub(r"^\d+\s*", "", text_of(tag))


LAYOUTS: Final = (
    Layout("ash/confex", lambda page: page.host == "ash.confex.com", _confex),
    Layout("ash/silverchair", _is_silverchair, _silverchair),
)
