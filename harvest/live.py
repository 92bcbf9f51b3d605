"""The network transport: paced, bounded in time and size, patient with passing trouble, and never leaking a key.

What is archived: every answer that a source module gets to judge, refused ones too (a 400 with the source's
words, XML that breaks off): a replay must take the same path. Trouble on the way (429, 5xx, a reply cut short, a
page of HTML from a service that speaks XML) is not archived: nothing would ever replay it, and NCBI's 429
repeats the caller's API key.
"""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC
from itertools import islice
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import requests

from db.archive import Archive
from db.errors import SourceError
from harvest.exchange import BoundedAdapter, Exchanged, TroubleError, exchange, judge
from harvest.exchange import Limits as Limits
from harvest.pace import REAL_TIME, Clock, Pace
from harvest.redirects import CODES, MAX_HOPS, next_url
from harvest.transport import Reply, Request

_ADVICE: Final = "check the network and run the same command again; nothing was changed"
# Replies that wait for their turn while a slow one holds the line: as many again as are under way.
_AHEAD: Final = 2
_CONNECTIONS: Final = 32  # kept open to one host; more than any source's `at_once`
_LIMITS: Final = Limits()
_Ask = Callable[[Request, threading.Event], Reply]


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

    def headers(self, request: Request, url: str) -> dict[str, str]:
        """The header with the key, if the source wants it there: to its own host and to no other."""
        key = self.api_keys.get(request.source, "")
        own = urlsplit(url).netloc.lower() == request.host.lower()
        return {request.manners.key_header: key} if request.manners.key_header and key and own else {}


class LiveTransport:
    """Sends requests over the network and archives the answers. Processes with one `pace_folder` share one pace."""

    def __init__(
        self,
        archive: Archive,
        identity: Identity,
        clock: Clock = REAL_TIME,
        limits: Limits = _LIMITS,
        *,
        pace_folder: Path | None = None,
    ) -> None:
        self._archive = archive
        self._identity = identity
        self._clock = clock
        self._limits = limits
        self._session = requests.Session()  # its connections and cookies are locked; its settings stay as set here
        self._session.headers.update({"User-Agent": identity.user_agent, "Accept-Encoding": "gzip"})
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, BoundedAdapter(limits.whole, _CONNECTIONS))
        self._pace = Pace(clock, pace_folder)
        self._replies: list[Reply] = []

    @property
    def replies(self) -> tuple[Reply, ...]:
        return tuple(self._replies)

    def close(self) -> None:
        self._session.close()

    def send(self, request: Request) -> Reply:
        """The final answer; SourceError, in one line, when the source gave none in `limits.tries` tries."""
        reply = self._reply(request, threading.Event())
        self._replies.append(reply)
        return reply

    def send_all(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """The answers in the order of the requests, up to `manners.at_once` of the first one under way together.

        When this ends, by an error or because the caller wants no more, no request is under way any longer.
        """
        rest = iter(requests)
        first = next(rest, None)
        if first is None:
            return
        at_once = max(1, first.manners.at_once)
        batch = _Batch(self._reply, at_once)
        try:
            batch.start([first, *islice(rest, at_once * _AHEAD - 1)])
            while batch.waiting:
                reply = batch.next()
                batch.start(islice(rest, 1))
                self._replies.append(reply)
                yield reply
        finally:
            batch.close()

    def _reply(self, request: Request, stop: threading.Event) -> Reply:
        try:
            came = self._answer(request, stop)
        except SourceError as error:  # it may name what the source said, a redirect's address for one
            raise SourceError(self._without_secrets(str(error).encode()).decode()) from None
        body = self._without_secrets(came.body)
        at = self._clock.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return Reply(request.key, came.status, body, self._archive.put(body), at)

    def _answer(self, request: Request, stop: threading.Event) -> Exchanged:
        for attempt in range(1, self._limits.tries + 1):
            try:
                return self._try(request, stop)
            except TroubleError as trouble:
                what, wait, everyone = str(trouble), trouble.wait, trouble.everyone
            if wait is not None and wait > self._limits.longest_wait:
                raise SourceError(
                    f"{request.source}: {request.host} {what} and asks to wait {wait:.0f} s: "
                    "run the same command again after that; nothing was changed"
                )
            pause = wait if wait is not None else self._backoff(attempt)
            if everyone:
                self._pace.hold(request.host.lower(), pause)
            if attempt < self._limits.tries and not stop.is_set():
                self._clock.sleep(pause)
        raise SourceError(f"{request.source}: {request.host} {what} ({self._limits.tries} tries): {_ADVICE}")

    def _interval(self, request: Request) -> float:
        keyed = "api_key" in self._identity.params(request)
        manners = request.manners
        return 1.0 / (manners.per_second_with_key if keyed else manners.per_second)

    def _backoff(self, attempt: int) -> float:
        """Exponential with jitter: half to all of 1, 2, 4, 8 s."""
        longest = min(self._limits.first_wait * 2 ** (attempt - 1), self._limits.longest_wait)
        return float(longest * random.uniform(0.5, 1.0))

    def _try(self, request: Request, stop: threading.Event) -> Exchanged:
        """One try: an exchange, and one more for each redirect that the source's manners allow."""
        method, url = request.method, request.url
        values = dict(request.params) | self._identity.params(request)
        for _ in range(1 + MAX_HOPS):
            if request.manners.enter is not None:
                request.manners.enter(url)
            self._pace.wait(urlsplit(url).netloc.lower(), self._interval(request))
            if stop.is_set():
                raise _StoppedError
            content = request.content if method == "POST" else ""
            headers = self._identity.headers(request, url)
            came = exchange(self._session, method, url, values, self._limits, self._clock, content, headers)
            judge(came, request.manners, self._clock.now())
            if not (300 <= came.status < 400):
                return came
            if came.status not in CODES or not came.location:
                raise SourceError(f"{request.source}: {request.host} answered {came.status} and does not say where to")
            url = next_url(request, url, came.status, came.location)
            if came.status == 303:
                method = "GET"
            if method == "GET":
                values = {}  # the new address is complete
        raise SourceError(f"{request.source}: {request.host} redirects more than {MAX_HOPS} times: not followed")

    def _without_secrets(self, body: bytes) -> bytes:
        """No source is known to echo a key in a good answer; should one, neither archive nor error may keep it."""
        for secret in self._identity.api_keys.values():
            if secret:
                body = body.replace(secret.encode(), b"***")
        return body


class _StoppedError(Exception):
    """Another request of the batch failed, or the caller left: this one is not sent."""


class _Batch:
    """Requests under way in threads, handed back in their order; the first failure stops the others."""

    def __init__(self, reply: _Ask, at_once: int) -> None:
        self._reply = reply
        self._pool = ThreadPoolExecutor(at_once, "lsr-harvest")
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._lock = threading.Lock()
        self.waiting: deque[Future[Reply]] = deque()

    def start(self, requests: Iterable[Request]) -> None:
        for request in requests:
            self.waiting.append(self._pool.submit(self._ask, request))

    def next(self) -> Reply:
        """The next reply in order; the first failure of any, as soon as it is known."""
        try:
            reply = self.waiting.popleft().result()
        except Exception:
            if self._failure is not None:
                raise self._failure from None
            raise
        if self._failure is not None:
            raise self._failure
        return reply

    def close(self) -> None:
        self._stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _ask(self, request: Request) -> Reply:
        try:
            if self._stop.is_set():
                raise _StoppedError
            return self._reply(request, self._stop)
        except BaseException as error:
            with self._lock:
                if self._failure is None and not isinstance(error, _StoppedError):
                    self._failure = error
            self._stop.set()
            raise
