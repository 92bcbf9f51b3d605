"""How a source is spoken to: politely, within bounds, and with every answer archived; or from the archive alone.

A transport is a seam of two methods, one request or many. LiveTransport goes to the network; ReplayTransport answers
from what was archived, by the same keys, so a replayed harvest runs the same code as a live one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol
from urllib.parse import urlencode, urlsplit

from db.archive import Archive
from db.errors import SourceError


@dataclass(frozen=True, slots=True)
class Manners:
    """What a source asks of its callers.

    `identity` names the parameters that say who calls ("tool", "email", "mailto", "api_key"); LiveTransport fills
    in their values, so a Request, its key and the archive never hold one. `per_second` is the pace allowed,
    `per_second_with_key` the one with an API key; `at_once` is how many requests may be under way together.

    `hosts` are where a redirect may lead, each with all below it ("nih.gov" holds "ncbi.nlm.nih.gov"); none: none
    is followed. `speaks` is the language of every answer, if it has only one: a page of HTML, or nothing, in its
    place is asked for again. `unwell` are words by which a short answer of status 200 says that the service is ill.
    """

    identity: tuple[str, ...] = ()
    per_second: float = 1.0
    per_second_with_key: float = 1.0
    at_once: int = 1
    hosts: tuple[str, ...] = ()
    speaks: Literal["", "xml", "json", "html"] = ""
    unwell: tuple[bytes, ...] = ()
    key_header: str = ""  # the header that carries the API key, where a source wants it there
    enter: Callable[[str], None] | None = None  # is told every address before it is asked; may refuse with SourceError


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a source. `base_url` may differ between a live service, a mirror and a test's server."""

    source: str
    method: Literal["GET", "POST"]
    base_url: str
    path: str
    params: tuple[tuple[str, str], ...]
    manners: Manners = Manners()
    content: str = ""  # a JSON body of a POST; its params then go into the address

    @property
    def url(self) -> str:
        return f"{self.base_url.rstrip('/')}/{self.path}"

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).netloc or self.base_url

    @property
    def key(self) -> str:
        """What was asked, without the host and without who asked: a reply can be replayed under it anywhere."""
        content = f" {self.content}" if self.content else ""
        return f"{self.method} {self.path}?{urlencode(sorted(self.params))}{content}"


@dataclass(frozen=True, slots=True)
class Reply:
    """A source's final answer, as archived. `composed` is not empty if it was made up for a demonstration."""

    request_key: str
    status: int
    body: bytes
    sha256: str
    at: str  # ISO 8601, UTC
    composed: str = ""


class Transport(Protocol):
    """Something that answers requests."""

    def send(self, request: Request) -> Reply:
        """The final answer; SourceError if there is none."""
        ...

    def send_all(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """The answers in the order of the requests, which go to one source; the first failure is raised, and ends all.

        Nothing is asked before the first answer is wanted.
        """
        ...

    @property
    def replies(self) -> tuple[Reply, ...]:
        """Every answer so far, in order, for the run's log."""
        ...


Archived = tuple[str, int, str, str]
"""One archived reply: (sha256, status, at, composed)."""


class ReplayTransport:
    """Answers from the archive. Replies to the same key come in their order; the last one repeats."""

    def __init__(self, index: Mapping[str, Sequence[Archived]], archive: Archive) -> None:
        self._index = index
        self._archive = archive
        self._served: dict[str, int] = {}
        self._replies: list[Reply] = []

    @property
    def replies(self) -> tuple[Reply, ...]:
        return tuple(self._replies)

    def send(self, request: Request) -> Reply:
        """The archived reply; SourceError if this was never asked, IntegrityError if its bytes are gone."""
        known = self._index.get(request.key)
        if not known:
            raise SourceError(
                f"{request.source}: the archive holds no reply to this request ({request.key[:200]}): "
                "the protocol's search changed since; harvest live instead"
            )
        turn = self._served.get(request.key, 0)
        self._served[request.key] = turn + 1
        digest, status, at, composed = known[min(turn, len(known) - 1)]
        reply = Reply(request.key, status, self._archive.get(digest), digest, at, composed)
        self._replies.append(reply)
        return reply

    def send_all(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """The archived replies, one after the other."""
        return map(self.send, requests)
