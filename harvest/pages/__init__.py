"""Conference abstract pages: ASH (Blood, Confex), ASCO (JCO, its meeting sites) and EHA (its library, HemaSphere).

Saved by a person or fetched with permission, a page is read by the same parser. Which society and layout a page is
of is told from the page itself, so a file's name does not matter. Each society is one module with its layouts and
the hosts that serve them. Selectors are those that public tools for these
sites use; none was tried on a live page (docs/live-checks.md lists them).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from db.errors import InputError, SourceError
from db.model import Record
from harvest.pages import asco, ash, eha
from harvest.pages.common import LAYOUT, DriftError, Layout, Page, page_of

__all__ = ["LAYOUT", "SOCIETIES", "BlockedError", "DriftError", "Society", "detect", "parse_page"]

# What stands in place of the page when a site suspects a robot; it is saved with status 200 (JabRef#11357).
_CHALLENGES: Final = (
    "just a moment", "unusual traffic", "verify you are human", "attention required! | cloudflare", "access denied",
    "are you a robot", "checking your browser",
)  # fmt: skip


class BlockedError(SourceError):
    """The site's robot check came in place of the page."""


@dataclass(frozen=True, slots=True)
class Society:
    """A society whose abstracts have pages: the hosts they are on, and their layouts."""

    id: str
    hosts: tuple[str, ...]
    layouts: tuple[Layout, ...]


SOCIETIES: Final[Mapping[str, Society]] = MappingProxyType(
    {
        "ash": Society("ash", ash.HOSTS, ash.LAYOUTS),
        "asco": Society("asco", asco.HOSTS, asco.LAYOUTS),
        "eha": Society("eha", eha.HOSTS, eha.LAYOUTS),
    }
)


def detect(html: bytes) -> str:
    """The society a page is from ("ash", "asco", "eha"), or "" if it is none of theirs."""
    return _detect(page_of(html))[0]


def parse_page(html: bytes, url: str | None = None) -> Record:
    """The Record of one abstract page; its `extra` names the layout it was read by.

    `url` is where it is from, if known. Raises BlockedError if the page is a robot check in place of the abstract,
    DriftError (naming the page and the fields) if the layout is known but a mandatory field is not there, InputError
    if it is no abstract page of the three societies.
    """
    page = page_of(html, url or "")
    _refuse_challenge(page)
    _, layout = _detect(page)
    if layout is None:
        raise InputError("no abstract page of ASH, ASCO or EHA: save the page of the abstract itself, as HTML")
    return layout.record(page)


def _detect(page: Page) -> tuple[str, Layout | None]:
    for name, society in SOCIETIES.items():
        for layout in society.layouts:
            if layout.matches(page):
                return name, layout
    return "", None


def _refuse_challenge(page: Page) -> None:
    title = page.soup.title.get_text() if page.soup.title else ""
    body = page.soup.body.get_text(" ", strip=True)[:2_000] if page.soup.body else ""
    short = f"{title} {body if len(body) < 1_500 else ''}".lower()
    if any(words in short for words in _CHALLENGES):
        where = f"{page.url}: " if page.url else ""
        raise BlockedError(
            f"{where}blocked: the site's robot check came in place of the abstract: open the page in a browser, save "
            "it as HTML and `lsr import` it"
        )
