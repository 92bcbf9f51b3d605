"""The network transport: paced, bounded in time and size, patient with passing trouble, and never leaking a key.

What is archived: every answer that a source module gets to judge, refused ones too (a 400 that says the
history has expired, a page of HTML with status 200): a replay must take the same path. Trouble on the way
(429, 5xx, a reply cut short) is not archived: nothing would ever replay it, and NCBI's 429 repeats the caller's
API key. Facts about what sources do wrong are from the issue threads named beside each constant.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

import requests
from urllib3.exceptions import HTTPError

from db.archive import Archive
from db.errors import SourceError
from harvest.pace import REAL_TIME, Clock, Pace
from harvest.transport import Reply, Request

_CHUNK: Final = 1 << 16
_RETRIED: Final = (408, 429, 500, 502, 503, 504)
# NCBI says "too many" in a body like this, sometimes with status 200 (biocommons/bioutils#16).
_RATE_BODY: Final = b"API rate limit exceeded"
_ADVICE: Final = "check the network and run the same command again; nothing was changed"


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


@dataclass(frozen=True, slots=True)
class Identity:
    """Who calls. `api_keys` are by source id, from the environment; they go nowhere but into requests."""

    version: str
    email: str = ""
    tool: str = "lsr"
    api_keys: Mapping[str, str] = field(default_factory=dict)

    @property
    def user_agent(self) -> str:
        contact = f"; mailto:{self.email}" if self.email else ""
        return f"{self.tool}/{self.version} (living systematic review{contact})"

    def params(self, request: Request) -> dict[str, str]:
        """The identity parameters that the source wants and that are known."""
        known = {
            "tool": self.tool,
            "email": self.email,
            "mailto": self.email,
            "api_key": self.api_keys.get(request.source, ""),
        }
        return {name: known[name] for name in request.manners.identity if known[name]}


class _TroubleError(Exception):
    """One try failed in a way that another may not. `wait` is what the source asked for, in seconds."""

    def __init__(self, what: str, wait: float | None = None) -> None:
        super().__init__(what)
        self.wait = wait


class LiveTransport:
    """Sends requests over the network and archives the answers. Processes with one `pace_folder` share one pace."""

    def __init__(
        self,
        archive: Archive,
        identity: Identity,
        clock: Clock = REAL_TIME,
        limits: Limits = Limits(),
        *,
        pace_folder: Path | None = None,
    ) -> None:
        self._archive = archive
        self._identity = identity
        self._clock = clock
        self._limits = limits
        self._session = requests.Session()
        self._session.headers.update({"User-Agent": identity.user_agent, "Accept-Encoding": "gzip"})
        self._pace = Pace(clock, pace_folder)
        self._replies: list[Reply] = []

    @property
    def replies(self) -> tuple[Reply, ...]:
        return tuple(self._replies)

    def close(self) -> None:
        self._session.close()

    def send(self, request: Request) -> Reply:
        """The final answer; SourceError, in one line, when the source gave none in `limits.tries` tries."""
        status, body = self._answer(request)
        body = self._without_secrets(body)
        at = self._clock.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        reply = Reply(request.key, status, body, self._archive.put(body), at)
        self._replies.append(reply)
        return reply

    def _answer(self, request: Request) -> tuple[int, bytes]:
        for attempt in range(1, self._limits.tries + 1):
            self._pace.wait(request.host, self._interval(request))
            try:
                return self._try(request)
            except _TroubleError as trouble:
                what, wait = str(trouble), trouble.wait
            if wait is not None and wait > self._limits.longest_wait:
                raise SourceError(
                    f"{request.source}: {request.host} {what} and asks to wait {wait:.0f} s: "
                    "run the same command again after that; nothing was changed"
                )
            if wait is not None:
                self._pace.hold(request.host, wait)
            if attempt < self._limits.tries:
                self._clock.sleep(wait if wait is not None else self._backoff(attempt))
        raise SourceError(f"{request.source}: {request.host} {what} ({self._limits.tries} tries): {_ADVICE}")

    def _interval(self, request: Request) -> float:
        keyed = "api_key" in self._identity.params(request)
        manners = request.manners
        return 1.0 / (manners.per_second_with_key if keyed else manners.per_second)

    def _backoff(self, attempt: int) -> float:
        """Exponential with jitter: half to all of 1, 2, 4, 8 s."""
        longest = min(self._limits.first_wait * 2 ** (attempt - 1), self._limits.longest_wait)
        return float(longest * random.uniform(0.5, 1.0))

    def _try(self, request: Request) -> tuple[int, bytes]:
        """One exchange. No exception of the library leaves here: their texts hold the whole URL."""
        deadline = self._clock.monotonic() + self._limits.whole
        values = dict(request.params) | self._identity.params(request)
        try:
            with self._session.request(
                request.method,
                request.url,
                params=values if request.method == "GET" else None,
                data=values if request.method == "POST" else None,
                timeout=(self._limits.connect, self._limits.read),
                allow_redirects=False,
                stream=True,
            ) as response:
                body = _decoded(response, self._read(response, deadline), self._limits.size)
        except requests.Timeout:
            raise _TroubleError("did not answer in time") from None
        except (requests.RequestException, HTTPError, OSError) as error:
            raise _TroubleError(f"could not be reached or broke off ({type(error).__name__})") from None
        self._judge(request, response, body)
        return response.status_code, body

    def _read(self, response: requests.Response, deadline: float) -> bytes:
        """The bytes as sent, each read bounded by the deadline and the whole by the size cap."""
        received = bytearray()
        while chunk := response.raw.read1(_CHUNK, decode_content=False):
            received += chunk
            if len(received) > self._limits.size:
                raise _TroubleError(f"sent more than {self._limits.size >> 20} MB")
            if self._clock.monotonic() > deadline:
                raise _TroubleError(f"did not finish its reply in {self._limits.whole:.0f} s")
        stated = response.headers.get("Content-Length", "")
        if stated.isdecimal() and int(stated) != len(received):
            raise _TroubleError(f"sent {len(received)} of {stated} bytes")
        return bytes(received)

    def _judge(self, request: Request, response: requests.Response, body: bytes) -> None:
        status = response.status_code
        if status in _RETRIED or _RATE_BODY in body[:500]:
            wait = _retry_after(response.headers.get("Retry-After", ""), self._clock.now())
            raise _TroubleError("refused for now, too many requests" if status < 500 else f"answered {status}", wait)
        if 300 <= status < 400:
            raise SourceError(
                f"{request.source}: {request.host} answered {status}, the service has moved: "
                "set base_url of the source in protocol.toml to its new address"
            )

    def _without_secrets(self, body: bytes) -> bytes:
        """No source is known to echo a key in a good answer; should one, the archive must not keep it."""
        for secret in self._identity.api_keys.values():
            if secret:
                body = body.replace(secret.encode(), b"***")
        return body


def _decoded(response: requests.Response, received: bytes, cap: int) -> bytes:
    """The body unpacked here, because requests takes a cut gzip stream for a whole one (measured)."""
    encoding = response.headers.get("Content-Encoding", "identity").lower()
    if encoding == "identity":
        return received
    if encoding not in ("gzip", "x-gzip"):
        raise _TroubleError(f"answered in an encoding it was not asked for ({encoding[:20]})")
    unpacker = zlib.decompressobj(wbits=31)
    try:
        body = unpacker.decompress(received, cap)
    except zlib.error:
        raise _TroubleError("sent broken gzip") from None
    if not unpacker.eof:
        raise _TroubleError("sent a cut or oversized gzip body")
    return body


def _retry_after(text: str, now: datetime) -> float | None:
    """Seconds from a Retry-After header: a number or an HTTP date; None if absent or junk ("soon")."""
    if text.strip().isdecimal():
        return float(text)
    try:
        then = parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = then if then.tzinfo else then.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())
