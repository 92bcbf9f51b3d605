"""Abstract pages, opened by DOI where the protocol records a permission: one page a DOI, never a crawl.

Slowly (one request in 5 s for a host, or what its robots.txt asks), with an honest name and a contact, within the
society's own hosts, each page once. Where a site shows a robot check or refuses, it is asked for nothing more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote, urlsplit

from db.errors import InputError, SourceError
from db.model import Record
from db.specs import SourceSpec
from harvest.exchange import Limits
from harvest.pages import SOCIETIES, BlockedError, parse_page
from harvest.robots import RefusedError, Robots
from harvest.transport import Manners, Reply, Request, Transport

RESOLVER: Final = "https://doi.org"
SECONDS: Final = 5.0  # between two requests to a host: a page a DOI is a few dozen pages a year, there is no hurry
# Longer than this between two pages is as good as a no, and beyond what the pace file keeps (harvest.pace).
LONGEST: Final = 240.0
# One try a page: a page that did not come is for a person. An abstract page with all its scripts has some 2 MB.
LIMITS: Final = Limits(size=8 << 20, tries=1, whole=60.0)
_MANNERS: Final = Manners()
_REFUSED: Final = (401, 403, 429, 451, 503)


@dataclass(frozen=True, slots=True)
class Opened:
    """One DOI's page: its record, or in words why there is none. `reply` is the page, if one came."""

    doi: str
    record: Record | None = None
    reply: Reply | None = None
    trouble: str = ""


class _SlowerError(Exception):
    """The host wants more time between requests than was thought: the request is made again, slower."""


def open_pages(spec: SourceSpec, dois: Sequence[str], transport: Transport, contact: str) -> Iterator[Opened]:
    """The page of each DOI, in order; after a site has blocked or refused one, the others are not asked for.

    InputError, before any request, if `spec` has no permission or there is no `contact` (an e-mail address).
    """
    if not spec.page_fetch:
        raise InputError(f"{spec.id}: page_fetch is off in the protocol: open the pages by hand and import them")
    if "@" not in contact:
        raise InputError(
            f"{spec.id}: no contact address, so no page was asked for: set LSR_CONTACT_EMAIL to your e-mail address"
        )
    opener = _Opener(spec, transport)
    stopped = ""
    for doi in dois:
        if stopped:
            yield Opened(doi, trouble=f"not asked: {stopped}")
            continue
        opened = opener.open(doi)
        if opener.unwelcome:
            stopped = f"the site had refused the page of {doi}"
        yield opened


def page_request(spec: SourceSpec, doi: str, manners: Manners = _MANNERS) -> Request:
    """The request for a DOI's page; its key tells later runs that the page was asked for."""
    return Request(spec.id, "GET", spec.base_url or RESOLVER, quote(doi, safe="/"), (), manners)


def read_page(doi: str, body: bytes) -> Record:
    """The record of the page that came for `doi`. SourceError or InputError, naming the DOI, if it is not its page."""
    record = parse_page(body)
    if record.doi != doi:
        raise InputError(f"https://doi.org/{doi}: the page is of {record.doi or 'no DOI'}: not stored")
    return replace(record, url=record.url or f"https://doi.org/{doi}")


class _Opener:
    """What one run knows of a society's sites: their rules, their pace, whether they want this program."""

    def __init__(self, spec: SourceSpec, transport: Transport) -> None:
        own = urlsplit(spec.base_url or RESOLVER).hostname or ""
        self._spec = spec
        self._transport = transport
        self._seconds = SECONDS
        self._manners = Manners(hosts=(*SOCIETIES[spec.id].hosts, own), per_second=1 / SECONDS)
        self._robots = Robots(spec.id, transport, self._manners)
        self.unwelcome = False

    def open(self, doi: str) -> Opened:
        try:
            reply = self._ask(doi)
        except SourceError as error:
            return Opened(doi, trouble=self._trouble(error))
        if reply.status != 200:
            self.unwelcome = reply.status in _REFUSED
            words = "refused the page, a person may open it" if self.unwelcome else "has no page for it"
            return Opened(doi, trouble=f"the site answered {reply.status}: it {words}")
        try:
            return Opened(doi, read_page(doi, reply.body), reply)
        except BlockedError as error:
            self.unwelcome = True
            return Opened(doi, trouble=str(error))
        except (SourceError, InputError) as error:
            return Opened(doi, None, reply, str(error))

    def _trouble(self, error: SourceError) -> str:
        self.unwelcome = self.unwelcome or "refused for now" in str(error)
        return str(error)

    def _ask(self, doi: str) -> Reply:
        for _ in range(len(SOCIETIES[self._spec.id].hosts) + 1):  # each host may slow the run down once
            try:
                manners = replace(self._manners, per_second=1 / self._seconds, enter=self._enter)
                return self._transport.send(page_request(self._spec, doi, manners))
            except _SlowerError:
                continue
        raise RefusedError(f"{self._spec.id}: its hosts ask for ever more time between requests")

    def _enter(self, url: str) -> None:
        """Before each address on the way: its host's rules, and its pace if that is slower than the run's."""
        delay = self._robots.enter(url)
        if delay > LONGEST:
            host = urlsplit(url).hostname
            raise RefusedError(
                f"{self._spec.id}: robots.txt of {host} asks for {delay:.0f} s between requests: too slow"
            )
        if delay > self._seconds:
            self._seconds = delay
            raise _SlowerError
