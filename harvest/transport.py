"""How a source is spoken to: politely, within bounds, and with every answer archived; or from the archive alone.

A transport is a seam of one method. LiveTransport goes to the network; ReplayTransport answers from what was
archived, by the same keys, so a replayed harvest runs the same code as a live one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    `per_second_with_key` the one with an API key.
    """

    identity: tuple[str, ...] = ()
    per_second: float = 1.0
    per_second_with_key: float = 1.0


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a source. `base_url` may differ between a live service, a mirror and a test's server."""

    source: str
    method: Literal["GET", "POST"]
    base_url: str
    path: str
    params: tuple[tuple[str, str], ...]
    manners: Manners = Manners()

    @property
    def url(self) -> str:
        return f"{self.base_url.rstrip('/')}/{self.path}"

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).netloc or self.base_url

    @property
    def key(self) -> str:
        """What was asked, without the host and without who asked: a reply can be replayed under it anywhere."""
        return f"{self.method} {self.path}?{urlencode(sorted(self.params))}"


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
