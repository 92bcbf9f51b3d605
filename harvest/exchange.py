"""One exchange with a host: bounded in time and size, and its whole body or nothing.

requests and urllib3 take a cut gzip stream for a whole one, and a body without a stated length for whole where the
connection ends (both measured); so the bytes are read, counted and unpacked here. Facts about what sources do
wrong are from the issue threads named beside each constant.
"""

from __future__ import annotations

import re
import socket
import threading
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from harvest.pace import Clock
from harvest.transport import Manners

_CHUNK: Final = 1 << 16
_RETRIED: Final = (408, 429, 500, 502, 503, 504)
# NCBI says "too many" in a body like this, sometimes with status 200 (biocommons/bioutils#16).
_RATE_BODY: Final = b"API rate limit exceeded"
_HTML: Final = re.compile(rb"\s*(<!--.*?-->\s*)*(<!doctype\s+html|<html)", re.I | re.S)
_BEGINS: Final = {"xml": re.compile(rb"(\xef\xbb\xbf)?\s*<"), "json": re.compile(rb"(\xef\xbb\xbf)?\s*[\[{]")}
# An error reply is short; a phrase of trouble further on, or in a longer body, is a record's own words.
_SHORT: Final = 4_000


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one request; seconds, bytes, tries."""

    connect: float = 10.0
    read: float = 60.0  # without a byte; E-utilities takes up to half a minute for a page of 200
    whole: float = 300.0  # a reply that drips never reaches the read timeout (measured: 3 s timeout, 9.5 s)
    size: int = 256 << 20  # the largest page seen, 200 records with references, has 6 MB
    tries: int = 5  # with the waits below: about half a minute of a source's trouble is sat out
    first_wait: float = 1.0
    longest_wait: float = 120.0  # a Retry-After beyond this is for the next run, not for someone at a keyboard


class TroubleError(Exception):
    """One try failed in a way that another may not.

    `wait` is what the source asked for, in seconds; `everyone` says that the host wants rest from all callers.
    """

    def __init__(self, what: str, wait: float | None = None, *, everyone: bool = False) -> None:
        super().__init__(what)
        self.wait = wait
        self.everyone = everyone


@dataclass(frozen=True, slots=True)
class Exchanged:
    """What came back, unpacked. `location` is where a redirect points."""

    status: int
    body: bytes
    location: str
    retry_after: str


class BoundedAdapter(HTTPAdapter):
    """Connections that hang up on a host whose status line and headers have not come whole in `seconds`.

    The read timeout does not see to that: it starts anew with every byte.
    """

    def __init__(self, seconds: float, connections: int) -> None:
        self._seconds = seconds
        super().__init__(pool_maxsize=connections)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        seconds = self._seconds

        class Plain(HTTPConnection):
            def getresponse(self) -> Any:
                with _hang_up_after(seconds, self):
                    return super().getresponse()

        class Secure(HTTPSConnection):
            def getresponse(self) -> Any:
                with _hang_up_after(seconds, self):
                    return super().getresponse()

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}


@contextmanager
def _hang_up_after(seconds: float, connection: HTTPConnection) -> Iterator[None]:
    fired = threading.Event()

    def hang_up() -> None:
        fired.set()
        with suppress(OSError, AttributeError):
            connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
    if fired.is_set():  # what came by then would pass for a reply with fewer headers
        raise TimeoutError


def exchange(
    session: requests.Session,
    method: str,
    url: str,
    values: dict[str, str],
    limits: Limits,
    clock: Clock,
    content: str = "",
    headers: Mapping[str, str] | None = None,
) -> Exchanged:
    """Ask once, following nothing. TroubleError for all that keeps the whole body from arriving.

    `content` is a JSON body in place of a form, `headers` go with this request alone.

    No exception of the library leaves here, and no text of one: they hold the whole URL, keys included.
    """
    deadline = clock.monotonic() + limits.whole
    try:
        with session.request(
            method,
            url,
            params=values if method == "GET" or content else None,
            data=content.encode() if content else values if method == "POST" else None,
            headers={**(headers or {}), **({"Content-Type": "application/json"} if content else {})},
            timeout=(limits.connect, limits.read),
            allow_redirects=False,
            stream=True,
        ) as response:
            received = _read(response, deadline, limits, clock)
            body = _decoded(response, received, limits.size)
            came = response.headers
            return Exchanged(response.status_code, body, came.get("Location", ""), came.get("Retry-After", ""))
    except requests.Timeout:
        raise TroubleError("did not answer in time") from None
    except requests.exceptions.SSLError:
        raise TroubleError("has no certificate that this machine trusts, or broke TLS off") from None
    except (requests.RequestException, HTTPError, OSError) as error:
        raise TroubleError(f"could not be reached or broke off ({type(error).__name__})") from None


def judge(came: Exchanged, manners: Manners, now: datetime) -> None:
    """TroubleError if the reply is no answer but passing trouble, whatever its status says.

    A reply with another status than 200 is the source's to judge (a 400 may hold its words), and so is a body
    of the right kind. A page of HTML from a service that speaks XML or JSON is neither.
    """
    head = came.body[:_SHORT]
    if came.status in _RETRIED or _RATE_BODY in head[:500]:
        refused = came.status < 500
        wait = retry_after(came.retry_after, now)
        what = "refused for now, too many requests" if refused else f"answered {came.status}"
        raise TroubleError(what, wait, everyone=refused or wait is not None)
    if came.status != 200:
        return
    if len(came.body) <= _SHORT and any(phrase in head for phrase in manners.unwell):
        raise TroubleError("answered that it is unwell")
    if manners.speaks and not came.body.strip():
        raise TroubleError("answered with nothing")
    if (begins := _BEGINS.get(manners.speaks)) and (_HTML.match(head) or not begins.match(head)):
        page = "a page of HTML" if _HTML.match(head) else "something else"
        raise TroubleError(f"sent {page} in place of {manners.speaks.upper()}")


def _read(response: requests.Response, deadline: float, limits: Limits, clock: Clock) -> bytes:
    """The bytes as sent, each read bounded by the timeout, the whole by the deadline and the size cap."""
    received = bytearray()
    while chunk := response.raw.read1(_CHUNK, decode_content=False):
        received += chunk
        if len(received) > limits.size:
            raise TroubleError(f"sent more than {limits.size >> 20} MB")
        if clock.monotonic() > deadline:
            raise TroubleError(f"did not finish its reply in {limits.whole:.0f} s")
    stated = response.headers.get("Content-Length", "")
    if stated.isdecimal() and int(stated) != len(received):
        raise TroubleError(f"sent {len(received)} of {stated} bytes")
    if response.status_code == 200 and not (received or stated or "Transfer-Encoding" in response.headers):
        raise TroubleError("broke off before its body")  # the headers of a reply cut there look whole
    return bytes(received)


def _decoded(response: requests.Response, received: bytes, cap: int) -> bytes:
    """The body unpacked, its end proven by gzip's own trailer."""
    encoding = response.headers.get("Content-Encoding", "identity").lower()
    if encoding == "identity":
        return received
    if encoding not in ("gzip", "x-gzip"):
        raise TroubleError(f"answered in an encoding it was not asked for ({encoding[:20]})")
    unpacker = zlib.decompressobj(wbits=31)
    try:
        body = unpacker.decompress(received, cap)
    except zlib.error:
        raise TroubleError("sent broken gzip") from None
    if not unpacker.eof:
        raise TroubleError("sent a cut or oversized gzip body")
    return body


def retry_after(text: str, now: datetime) -> float | None:
    """Seconds from a Retry-After header: a number or an HTTP date; None if absent or junk ("soon")."""
    if text.strip().isdecimal():
        return float(text)
    try:
        then = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    aware = then if then.tzinfo else then.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())
