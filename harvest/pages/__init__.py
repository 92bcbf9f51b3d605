"""Conference abstract pages that a person saved: ASH (Blood), ASCO (JCO) and EHA (its library, HemaSphere).

Pages are never fetched here: the societies' terms forbid it without consent. Which society a page is from is told
from the page itself, so a file's name does not matter. Each society is one module with `matches` and `parse`;
the selectors are those that public tools for these sites use.
"""

from __future__ import annotations

from typing import Final, Protocol

from bs4 import BeautifulSoup

from db.errors import InputError, SourceError
from db.model import Record
from harvest.pages import asco, ash, eha


class _Society(Protocol):
    def matches(self, soup: BeautifulSoup) -> bool: ...

    def parse(self, soup: BeautifulSoup, url: str) -> Record: ...


_SOCIETIES: Final[dict[str, _Society]] = {"ash": ash, "asco": asco, "eha": eha}
# What stands in place of the page when a site suspects a robot; it is saved with status 200 (JabRef#11357).
_CHALLENGES: Final = ("just a moment", "unusual traffic", "verify you are human", "attention required! | cloudflare")


def detect(html: bytes) -> str:
    """The society a page is from ("ash", "asco", "eha"), or "" if it is none of theirs."""
    return _detect(_soup(html))


def parse_page(html: bytes, url: str | None = None) -> Record:
    """The Record of one saved abstract page.

    `url` is where it was saved from, if known. Raises SourceError if the page is a robot check in place of the
    abstract, InputError if it is no abstract page of the three societies or has no title.
    """
    soup = _soup(html)
    _refuse_challenge(soup)
    society = _detect(soup)
    if not society:
        raise InputError("no abstract page of ASH, ASCO or EHA: save the page of the abstract itself, as HTML")
    record = _SOCIETIES[society].parse(soup, url or "")
    if not record.title or not record.native_id:
        raise InputError(f"a page of {society.upper()} without a title or an identifier: save the abstract's own page")
    return record


def _soup(html: bytes) -> BeautifulSoup:
    return BeautifulSoup(html, "lxml")


def _detect(soup: BeautifulSoup) -> str:
    return next((name for name, module in _SOCIETIES.items() if module.matches(soup)), "")


def _refuse_challenge(soup: BeautifulSoup) -> None:
    title = soup.title.get_text() if soup.title else ""
    body = soup.body.get_text(" ", strip=True)[:2_000] if soup.body else ""
    short = f"{title} {body if len(body) < 1_500 else ''}".lower()
    if any(words in short for words in _CHALLENGES):
        raise SourceError("blocked: the site's robot check was saved in place of the abstract; open it and save again")
