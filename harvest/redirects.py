"""Where a redirect may lead: to the source's own hosts, never down from https, never into a private network."""

from __future__ import annotations

import ipaddress
import socket
from typing import Final
from urllib.parse import urljoin, urlsplit

from db.errors import SourceError
from harvest.transport import Request

MAX_HOPS: Final = 5  # a DOI takes two or three; more is a loop
CODES: Final = (301, 302, 303, 307, 308)


def next_url(request: Request, current: str, status: int, location: str) -> str:
    """The address that a redirect from `current` leads to; SourceError if `request.manners` do not allow it.

    The error names hosts only: an address may hold a key.
    """
    where = f"{request.source}: {urlsplit(current).hostname} answered {status}"
    if not request.manners.hosts:
        raise SourceError(
            f"{where}, the service has moved: set base_url of the source in protocol.toml to its new address"
        )
    try:
        url = urljoin(current, location)
        parts = urlsplit(url)
    except ValueError:
        raise SourceError(f"{where} and points to what is no address: not followed") from None
    host = (parts.hostname or "").lower()
    if parts.scheme not in ("http", "https") or not _within(host, request.manners.hosts):
        raise SourceError(f"{where} and points to {host[:100] or 'nowhere'!r}, no host of this source: not followed")
    if urlsplit(current).scheme == "https" and parts.scheme != "https":
        raise SourceError(f"{where} and points to {host[:100]} without https: not followed")
    if not _public(host) and _public(urlsplit(request.base_url).hostname or ""):
        raise SourceError(f"{where} and points into a private network ({host[:100]}): not followed")
    return url


def _within(host: str, allowed: tuple[str, ...]) -> bool:
    """Whole labels count: "ncbi.nlm.nih.gov" is within "nih.gov", "evilnih.gov" is not."""
    return any(host == name or host.endswith(f".{name}") for name in allowed)


def _public(host: str) -> bool:
    """False if any address of `host` is private, loopback, link-local or reserved.

    A name that this machine cannot resolve counts as public: behind a proxy it is not this machine that asks.
    """
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        return True
    return all(ipaddress.ip_address(address.split("%")[0]).is_global for address in found)
