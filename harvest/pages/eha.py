"""EHA: abstracts in its library (library.ehaweb.org) and in HemaSphere (LWW to 2023, Wiley since)."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from db.identifiers import normalise_doi
from db.model import Author, Record
from harvest.abstract_dois import society_of
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

HOSTS: Final = ("library.ehaweb.org", "journals.lww.com", "onlinelibrary.wiley.com", "hemaspherejournal.com")
_CONF: Final = re.compile(r"\bconf[\"']?\s*[:=]\s*(?=\{)")
_OLDER: Final = ("div.text-init", "div.desc-text-all")
_LIBRARY: Final = "library.ehaweb.org"
# The library's abstracts are those of HemaSphere's supplement, where each has an article number for pages: the
# number of the abstract is no page, and would contradict it.
_JOURNAL: Final = "HemaSphere"


def _library(page: Page) -> Record:
    """The `conf` object in the page's script. Its description is labelled text."""
    conf = _conf(page)
    text = lines_in(str(conf.get("description") or ""))
    return _labelled_record(
        page,
        "eha/library",
        lines_in(str(conf.get("name") or "")).replace("\n", " "),
        text,
        authors=_conf_authors(conf),
        date=iso_date(str(conf.get("c_date") or "")),
        identifier=str(conf.get("c_id") or ""),
    )


def _older_library(page: Page) -> Record:
    """The older layout: the text in a block, the authors in tooltips."""
    soup = page.soup
    block = next((tag for selector in _OLDER if (tag := soup.select_one(selector))), None)
    return _labelled_record(
        page,
        "eha/library-older",
        first_text(soup, "h1") or meta(soup, "og:title", "title"),
        lines_of(block),
        authors=people([text_of(tag) for tag in soup.select("div.mwc-tooltip")]),
        date="",
        identifier="",
    )


def _labelled_record(
    page: Page, layout: str, title: str, text: str, *, authors: tuple[Author, ...], date: str, identifier: str
) -> Record:
    number, session, abstract, keywords = _labelled(text)
    date = date or next(iter(re.findall(r"/eha/(\d{4})/", page.url)), "")
    doi = page.doi or normalise_doi(text)
    identifier = identifier or next(iter(re.findall(r"/eha/\d{4}/[^/]+/(\d+)", page.url)), "")
    return meeting_abstract(
        "eha", layout, page, identifier or doi or (f"{date[:4]}-{number}" if number else ""), title, abstract,
        authors=authors, date=date, doi=doi, journal=_JOURNAL, registered=text,
        extra={"abstract_number": number, "session": session, "keywords": keywords},
    )  # fmt: skip


def _conf(page: Page) -> dict[str, Any]:
    """The `conf` object that the page's script holds; {} if there is none or it is no JSON."""
    for script in page.soup.find_all("script"):
        text = script.get_text()
        for found in _CONF.finditer(text):
            try:
                conf, _ = json.JSONDecoder(strict=False).raw_decode(text, found.end())
            except (ValueError, RecursionError):
                continue
            if isinstance(conf, dict):
                return conf
    return {}


def _labelled(text: str) -> tuple[str, str, str, str]:
    """(number, session, abstract from "Background" on, keywords) of "Abstract: S240 / Type: … / Background …"."""
    number = re.search(r"^Abstract:?\s*([A-Z]{1,3}\d{2,5})\b", text, re.M | re.I)
    session = re.search(r"^Session title:[ \t]*(.+)$", text, re.M | re.I)
    start = re.search(r"^(?:Background|Introduction|Aims)\b", text, re.M | re.I)
    end = re.search(r"^Keywords?(?:\(s\))?\s*:?\s*(.*)\Z", text, re.M | re.I | re.S)
    body = text[start.start() if start else 0 : end.start() if end else len(text)]
    keywords = " ".join(end[1].split()) if end else ""
    return number[1] if number else "", session[1].strip() if session else "", body.strip(), keywords


def _conf_authors(conf: dict[str, Any]) -> tuple[Author, ...]:
    people = conf.get("co_authors") or ()
    return tuple(
        Author(str(one.get("lastname", "")), str(one.get("firstname", "")), "", str(one.get("affiliation") or ""))
        for one in (people.values() if isinstance(people, dict) else people if isinstance(people, list) else ())
        if isinstance(one, dict)
    )


def _lww(page: Page) -> Record:
    """HemaSphere to 2023 at journals.lww.com: meta tags wkhealth_* in place of citation_*."""
    return _hemasphere(page, "eha/lww", "wkhealth", "#article-abstract-content1")


def _wiley(page: Page) -> Record:
    """HemaSphere from 2024 at Wiley Online Library: meta tags citation_*."""
    body = "section.article-section__abstract, .article-section__content"
    return _hemasphere(page, "eha/wiley", "citation", body, ".citation__title")


def _hemasphere(page: Page, layout: str, prefix: str, body: str, heading: str = "h1") -> Record:
    soup = page.soup

    def named(*fields: str) -> str:
        return meta(soup, *(f"{prefix}_{field}" for field in fields))

    title = named("title") or first_text(soup, heading)
    number = re.match(r"([A-Z]{1,3}\d{2,5}):?\s+(.*)", title)
    return meeting_abstract(
        "eha",
        layout,
        page,
        page.doi,
        title,
        lines_of(soup.select_one(body)),
        authors=_named_authors(page, prefix),
        date=iso_date(named("publication_date", "date", "online_date")),
        journal=named("journal_title") or _JOURNAL,
        volume=named("volume"),
        issue=named("issue"),
        pages=named("firstpage"),
        extra={"abstract_number": number[1] if number else "", "session": first_text(soup, ".ej-article-section")},
    )


def _named_authors(page: Page, prefix: str) -> tuple[Author, ...]:
    """Each author's tag is followed by tags with the affiliations; LWW also has all names in one."""
    found: list[Author] = []
    for tag in page.soup.find_all("meta", attrs={"name": re.compile(rf"^{prefix}_author", re.I)}):
        name, content = str(tag.get("name", "")).lower(), str(tag.get("content", "")).strip()
        if name == f"{prefix}_author" and content:
            found.append(person(content))
        elif name == f"{prefix}_author_institution" and found and content:
            last = found.pop()
            place = f"{last.affiliation}; {content}" if last.affiliation else content
            found.append(Author(last.family, last.given, "", place))
    return tuple(found) or people(
        [name for entry in metas(page.soup, f"{prefix}_authors") for name in entry.split(";")]
    )


def _is_older(page: Page) -> bool:
    return any(page.soup.select_one(selector) for selector in _OLDER) and not _conf(page)


def _is_library(page: Page) -> bool:
    return page.host == _LIBRARY or (not page.host and bool(_conf(page)))


def _names_hemasphere(page: Page, prefix: str) -> bool:
    return _JOURNAL.lower() in meta(page.soup, f"{prefix}_journal_title").lower()


def _is_lww(page: Page) -> bool:
    """LWW and Wiley print many journals: the DOI or the journal's name says that it is HemaSphere."""
    ours = society_of(page.doi) == "eha" or "/hemasphere/" in page.url.lower()
    return (page.host == "journals.lww.com" and ours) or _names_hemasphere(page, "wkhealth")


def _is_wiley(page: Page) -> bool:
    ours = page.host.endswith("wiley.com") and society_of(page.doi) == "eha"
    return ours or _names_hemasphere(page, "citation")


LAYOUTS: Final = (
    Layout("eha/library-older", lambda page: page.host in ("", _LIBRARY) and _is_older(page), _older_library),
    Layout("eha/library", _is_library, _library),
    Layout("eha/lww", _is_lww, _lww),
    Layout("eha/wiley", _is_wiley, _wiley),
)
