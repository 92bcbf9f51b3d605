"""What the page parsers share: a page, its meta tags, text, names, dates, and what a layout must hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from bs4 import BeautifulSoup, Tag

from db.errors import InputError
from db.identifiers import normalise_doi, registry_ids
from db.model import Author, Record
from harvest.pubmed_xml import one_line

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DEGREES: Final = re.compile(r",\s*(?:MD|PhD|MSc?|BSc?|MBBS|DO|RN|MPH|DPhil|FRCP\w*|Dr|Prof)\b.*$", re.I)
_BLOCKS: Final = ("p", "div", "h2", "h3", "h4", "li", "br", "section", "title")
# Browsers and SingleFile note in a comment where a page was saved from.
_SAVED_FROM: Final = re.compile(rb"<!--.{0,200}?(?:saved from url=\(\d+\)|url:\s*)(https?://[^\s>]+)", re.S | re.I)
LAYOUT: Final = "page_layout"  # in a Record's extra: the layout it was read by, and so that it is a page


class DriftError(InputError):
    """A page is of a known layout but lacks what such a page must hold: the site changed, or the page is not whole."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page as saved or fetched: its tree, where it is from as far as is known, and its DOI."""

    soup: BeautifulSoup
    url: str
    doi: str

    @property
    def host(self) -> str:
        """Lower case, without "www."; "" if the address is not known."""
        found = re.match(r"https?://([^/:?#]+)", self.url.lower())
        return found[1].removeprefix("www.") if found else ""


@dataclass(frozen=True, slots=True)
class Layout:
    """One way in which a society's abstracts are printed: how it is known, how it is read, what it must hold.

    `matches` looks at marks of the whole site (host, meta tags, platform), not at the tags that hold the fields: a tag
    that was renamed must end as drift, not as "no page of ours". `mandatory` are fields of Record.
    """

    name: str
    matches: Callable[[Page], bool]
    read: Callable[[Page], Record]
    mandatory: tuple[str, ...] = ("title", "abstract", "authors", "date", "native_id")

    def record(self, page: Page) -> Record:
        """The Record on the page; DriftError naming the page and every mandatory field that is not there."""
        found = self.read(page)
        missing = [field.replace("native_id", "DOI or id") for field in self.mandatory if not getattr(found, field)]
        if missing:
            where = page.url or page.doi or found.title[:80] or "a page without an address"
            raise DriftError(
                f"{one_line(where)}: read as layout {self.name}, it has no {', '.join(missing)}: if the page is whole "
                "in a browser, the site changed its layout: please report it; nothing was stored"
            )
        return found


def _soup(html: bytes) -> BeautifulSoup:
    """The page parsed; as UTF-8 where what it declares as its encoding is not even a name (lxml refuses it)."""
    try:
        return BeautifulSoup(html, "lxml")
    except ValueError:
        return BeautifulSoup(html.decode("utf-8", "replace"), "lxml")


def page_of(html: bytes, url: str = "") -> Page:
    """The page in `html`; its address is `url`, else what the page itself says."""
    soup = _soup(html)
    return Page(soup, url or _address(soup, html), doi_of(soup))


def doi_of(soup: BeautifulSoup) -> str:
    """The page's own DOI by its meta tags or by the tags that publishers print it in; not one of a reference."""
    for identifier in metas(soup, "dc.Identifier", "citation_doi", "wkhealth_doi", "publication_doi"):
        if doi := normalise_doi(identifier):
            return doi
    for selector in (
        "div.citation-doi a",
        "a.citation__doi__link",
        ".epub-doi",
        "a.doi",
        ".doi a",
        ".core-self-citation a",
    ):
        if doi := normalise_doi(text_of(soup.select_one(selector))):
            return doi
    return ""


def metas(soup: BeautifulSoup, *names: str) -> list[str]:
    """The contents of the meta tags named first in `names` that the page has; names in any case."""
    for name in names:
        named = re.compile(f"^{re.escape(name)}$", re.I)
        found = soup.find_all("meta", attrs={"name": named}) or soup.find_all("meta", attrs={"property": named})
        if values := [str(tag.get("content", "")).strip() for tag in found if tag.get("content")]:
            return values
    return []


def meta(soup: BeautifulSoup, *names: str) -> str:
    """The first of `metas`, or ""."""
    return next(iter(metas(soup, *names)), "")


def text_of(tag: Tag | None) -> str:
    """A tag's text on one line; "" for no tag."""
    return " ".join(tag.get_text(" ").split()) if tag else ""


def first_text(soup: BeautifulSoup | Tag, *selectors: str) -> str:
    """The text of the first selector that finds any."""
    return next((text for selector in selectors if (text := text_of(soup.select_one(selector)))), "")


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


def lines_in(html: str) -> str:
    """`lines_of` a piece of HTML."""
    return lines_of(BeautifulSoup(html, "lxml"))


def person(name: str, affiliation: str = "") -> Author:
    """An author printed as "Given Family, MD" or "Family, Given". Of an unmarked name the last word is the family's."""
    plain = " ".join(_DEGREES.sub("", name).split()).strip(" ,*;")
    if "," in plain:
        family, given = (part.strip() for part in plain.split(",", 1))
    else:
        given, _, family = plain.rpartition(" ")
    return Author(family, given, "", affiliation)


def people(names: Sequence[str]) -> tuple[Author, ...]:
    """`person` of each name that is not empty."""
    return tuple(person(name) for name in names if name.strip())


def iso_date(text: str) -> str:
    """ "November 5, 2021", "5 November 2021", "2021/11/05", "2021" as partial ISO 8601; "" if there is no year."""
    if found := re.search(r"\b((?:19|20)\d\d)[-/](\d{1,2})(?:[-/](\d{1,2}))?\b", text):
        return "-".join([found[1], *(f"{int(part):02}" for part in found.groups()[1:] if part)])
    year = re.search(r"\b(?:19|20)\d\d\b", text)
    month = re.search(rf"\b({'|'.join(_MONTHS)})[a-z]*\b\.?", text, re.I)
    day = re.search(r"\b(\d{1,2})(?:st|nd|rd|th)?\b", text)
    if not year:
        return ""
    if not month:
        return year[0]
    printed = f"{year[0]}-{_MONTHS.index(month[1].lower()) + 1:02}"
    return f"{printed}-{int(day[1]):02}" if day else printed


def meeting_abstract(
    source: str,
    layout: str,
    page: Page,
    native_id: str,
    title: str,
    abstract: str,
    *,
    authors: tuple[Author, ...],
    date: str,
    doi: str | None = None,
    journal: str = "",
    volume: str = "",
    issue: str = "",
    pages: str = "",
    registered: str = "",
    extra: dict[str, str] | None = None,
) -> Record:
    """The Record of a meeting abstract; registry ids are those of its title, its text and `registered`."""
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
        doi=page.doi if doi is None else doi,
        registry_ids=registry_ids(title, abstract, registered),
        publication_types=("Meeting Abstract",),
        url=page.url,
        extra={key: value for key, value in {**(extra or {}), LAYOUT: layout}.items() if value},
    )


def _address(soup: BeautifulSoup, html: bytes) -> str:
    canonical = soup.select_one("link[rel=canonical]")
    own = str(canonical.get("href", "")) if canonical else ""
    own = own or meta(soup, "og:url", "citation_public_url", "citation_abstract_html_url")
    if own.startswith("http"):
        return own
    saved = _SAVED_FROM.search(html[:4_096])
    return saved[1].decode("utf-8", "replace") if saved else ""
