"""robots.txt (RFC 9309), asked for once a host and run, and obeyed before every address of that host.

A host whose robots.txt cannot be read is not asked for anything else. Only 404 and 410 mean that there are no rules;
RFC 9309 would also let a 401 or 403 pass, but who refuses its rules hardly wants to be read by a program.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from protego import Protego

from db.errors import SourceError
from harvest.transport import Manners, Request, Transport

AGENT: Final = "lsr"  # the product token of this program's User-Agent, by which robots.txt may name it
NO_RULES: Final = (404, 410)
_LARGEST: Final = 500 << 10  # RFC 9309, 2.5: a crawler reads at least 500 KiB
_MARKUP: Final = re.compile(rb"\s*(\xef\xbb\xbf)?\s*<")


class RefusedError(SourceError):
    """The site's robots.txt does not allow an address, or could not be read."""


class Robots:
    """The rules of the hosts that one run meets. Asks through `transport` in the name of `source`."""

    def __init__(self, source: str, transport: Transport, manners: Manners) -> None:
        self._source = source
        self._transport = transport
        self._manners = manners  # of the request for robots.txt itself: pace, and where it may be redirected to
        self._rules: dict[str, Protego | str] = {}

    def enter(self, url: str) -> float:
        """Seconds that the host wants between requests (0: it does not say); RefusedError if `url` is not allowed."""
        rules = self._of(url)
        if isinstance(rules, str):
            raise RefusedError(rules)
        if not rules.can_fetch(url, AGENT):
            raise RefusedError(f"{self._source}: robots.txt of {urlsplit(url).hostname} does not allow this page")
        return float(rules.crawl_delay(AGENT) or 0.0)

    def _of(self, url: str) -> Protego | str:
        parts = urlsplit(url)
        site = f"{parts.scheme}://{parts.netloc}"
        if site not in self._rules:
            self._rules[site] = self._ask(site)
        return self._rules[site]

    def _ask(self, site: str) -> Protego | str:
        unread = f"{self._source}: robots.txt of {urlsplit(site).hostname} could not be read"
        try:
            reply = self._transport.send(Request(self._source, "GET", site, "robots.txt", (), self._manners))
        except SourceError as error:
            return f"{unread} ({error})"
        if reply.status in NO_RULES:
            return Protego.parse("")
        if reply.status != 200:
            return f"{unread} (status {reply.status})"
        if _MARKUP.match(reply.body):
            return f"{unread} (a page of HTML came in its place)"
        return Protego.parse(reply.body[:_LARGEST].decode("utf-8", "replace"))
