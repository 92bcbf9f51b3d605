"""EHA: abstracts in its library (library.ehaweb.org) and in HemaSphere (LWW to 2023, Wiley since)."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from bs4 import BeautifulSoup

from db.identifiers import normalise_doi
from db.model import Author, Record
from harvest.pages.common import address, iso_date, lines_of, meeting_abstract, meta, metas, person, text_of

_CONF: Final = re.compile(r"\bconf[\"']?\s*[:=]\s*(?=\{)")
_META: Final = ("wkhealth", "citation")  # LWW's prefix of the meta names, and everyone else's
_BODY: Final = ("#article-abstract-content1", "section.article-section__abstract", ".article-section__content")


def matches(soup: BeautifulSoup) -> bool:
    """A page of the library, or of HemaSphere at either of its publishers."""
    return _is_library(soup) or "hemasphere" in _named(soup, "journal_title").lower()


def parse(soup: BeautifulSoup, url: str) -> Record:
    """One abstract, by the layout of the page it is on."""
    return _library(soup, url) if _is_library(soup) else _hemasphere(soup, url)


def _is_library(soup: BeautifulSoup) -> bool:
    own = address(soup, "")
    return "library.ehaweb.org" in own or bool(_conf(soup)) or soup.select_one("div.text-init") is not None


def _conf(soup: BeautifulSoup) -> dict[str, Any]:
    """The `conf` object that the page's script holds; {} if there is none or it is no JSON."""
    for script in soup.find_all("script"):
        text = script.get_text()
        for found in _CONF.finditer(text):
            try:
                conf, _ = json.JSONDecoder(strict=False).raw_decode(text, found.end())
            except ValueError:
                continue
            if isinstance(conf, dict) and "description" in conf:
                return conf
    return {}


def _library(soup: BeautifulSoup, url: str) -> Record:
    """A library page: the `conf` object, or in the older layout the text block. Both hold labelled text."""
    conf = _conf(soup)
    block = soup.select_one("div.text-init") or soup.select_one("div.desc-text-all")
    text = lines_of(BeautifulSoup(str(conf["description"]), "lxml")) if conf else lines_of(block)
    number, abstract, keywords = _labelled(text)
    own = address(soup, url)
    title = str(conf.get("name", "")) or text_of(soup.select_one("h1")) or meta(soup, "og:title", "title")
    date = iso_date(str(conf.get("c_date", ""))) or next(iter(re.findall(r"/eha/(\d{4})/", own)), "")
    doi = normalise_doi(text)
    identifier = str(conf.get("c_id", "")) or next(iter(re.findall(r"/eha/\d{4}/[^/]+/(\d+)", own)), "")
    return meeting_abstract(
        "eha",
        identifier or doi or (f"{date[:4]}-{number}" if number else ""),
        " ".join(BeautifulSoup(title, "lxml").get_text().split()),
        abstract,
        authors=_conf_authors(conf) or tuple(person(text_of(tag)) for tag in soup.select("div.mwc-tooltip")),
        date=date,
        doi=doi,
        url=own,
        # The library's abstracts are those of HemaSphere's supplement, where each has an article number for pages: the
        # number of the abstract is no page, and would contradict it.
        journal="HemaSphere",
        extra={"abstract_number": number, "keywords": keywords},
    )


def _labelled(text: str) -> tuple[str, str, str]:
    """(abstract number, abstract from "Background" on, keywords) of "Abstract: S240 / Type: … / Background …"."""
    number = re.search(r"^Abstract:?\s*([A-Z]{1,3}\d{2,5})\b", text, re.M | re.I)
    start = re.search(r"^(?:Background|Introduction|Aims)\b", text, re.M | re.I)
    end = re.search(r"^Keywords?(?:\(s\))?\s*:?\s*(.*)\Z", text, re.M | re.I | re.S)
    body = text[start.start() if start else 0 : end.start() if end else len(text)]
    return number[1] if number else "", body.strip(), " ".join(end[1].split()) if end else ""


def _conf_authors(conf: dict[str, Any]) -> tuple[Author, ...]:
    people = conf.get("co_authors") or ()
    return tuple(
        Author(str(one.get("lastname", "")), str(one.get("firstname", "")), "", str(one.get("affiliation") or ""))
        for one in (people.values() if isinstance(people, dict) else people)
        if isinstance(one, dict)
    )


def _named(soup: BeautifulSoup, field: str) -> str:
    return meta(soup, *(f"{prefix}_{field}" for prefix in _META))


def _hemasphere(soup: BeautifulSoup, url: str) -> Record:
    doi = normalise_doi(_named(soup, "doi"))
    date = iso_date(_named(soup, "publication_date") or _named(soup, "date") or _named(soup, "online_date"))
    names = metas(soup, *(f"{prefix}_author" for prefix in _META)) or metas(soup, "wkhealth_authors")
    body = next((tag for selector in _BODY if (tag := soup.select_one(selector))), None)
    return meeting_abstract(
        "eha",
        doi,
        _named(soup, "title") or text_of(soup.select_one(".citation__title")),
        lines_of(body),
        authors=tuple(person(name) for entry in names for name in entry.split(";") if name.strip()),
        date=date,
        doi=doi,
        url=address(soup, url),
        journal=_named(soup, "journal_title"),
        volume=_named(soup, "volume"),
        issue=_named(soup, "issue"),
        pages=_named(soup, "firstpage"),
    )
