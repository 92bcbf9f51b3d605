"""The live transport against every way a source is known to misbehave; and replay from the archive."""

from __future__ import annotations

import gzip
import hashlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from db.archive import Archive
from db.errors import SourceError
from harvest.live import Clock, Identity, Limits, LiveTransport
from harvest.pace import MARGIN
from harvest.transport import Manners, ReplayTransport, Request
from tests.servers.frame import Answer, LoopbackServer

BODY = b"<ok>" + b"x" * 3_000 + b"</ok>"
KEY = "s3cret-0123456789"
MANNERS = Manners(("tool", "email", "api_key"), per_second=3.0, per_second_with_key=10.0)
THREE_TRIES = Limits(tries=3)
NOW = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)


class Sleeper:
    """A clock on which sleeping takes no time, yet time passes."""

    def __init__(self) -> None:
        self.naps: list[float] = []
        self.time = 0.0

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.time += seconds

    @property
    def clock(self) -> Clock:
        return Clock(monotonic=lambda: self.time, sleep=self.sleep, now=lambda: NOW)


@pytest.fixture
def sleeper() -> Sleeper:
    return Sleeper()


Connect = Callable[..., LiveTransport]


@pytest.fixture
def connect(tmp_path: Path, sleeper: Sleeper) -> Iterator[Connect]:
    made: list[LiveTransport] = []

    def transport(clock: Clock | None = None, limits: Limits = THREE_TRIES, key: str = "") -> LiveTransport:
        identity = Identity("0.1", "team@example.org", api_keys={"pubmed": key})
        made.append(LiveTransport(Archive(tmp_path / "archive"), identity, clock or sleeper.clock, limits))
        return made[-1]

    yield transport
    for one in made:
        one.close()


def request_to(server: LoopbackServer, *params: tuple[str, str]) -> Request:
    return Request("pubmed", "POST", server.url, "efetch.fcgi", params or (("db", "pubmed"),), MANNERS)


def right(asked: object) -> Answer:
    return Answer(BODY)


def archived(folder: Path) -> list[bytes]:
    return [gzip.decompress(path.read_bytes()) for path in sorted((folder / "archive").glob("*.gz"))]


def test_a_reply_is_archived_and_says_when(connect: Connect, tmp_path: Path) -> None:
    with LoopbackServer(right) as server:
        transport = connect()
        reply = transport.send(request_to(server))
    assert (reply.status, reply.body, reply.at) == (200, BODY, "2026-11-22T16:00:00Z")
    assert reply.sha256 == hashlib.sha256(BODY).hexdigest()
    assert transport.replies == (reply,)
    assert archived(tmp_path) == [BODY]


def test_the_caller_is_honest_and_named(connect: Connect) -> None:
    with LoopbackServer(right) as server:
        connect(key=KEY).send(request_to(server))
    asked = server.asked[0]
    assert asked.headers["User-Agent"] == "lsr/0.1 (living systematic review; mailto:team@example.org)"
    assert asked.params == {"db": "pubmed", "tool": "lsr", "email": "team@example.org", "api_key": KEY}


def test_a_key_names_what_was_asked_not_where_or_by_whom() -> None:
    here = Request("pubmed", "POST", "http://127.0.0.1:1/eutils/", "x.fcgi", (("b", "2 3"), ("a", "1")), MANNERS)
    there = replace(here, base_url="https://example.org/other", params=(("a", "1"), ("b", "2 3")))
    assert here.key == there.key == "POST x.fcgi?a=1&b=2+3"
    assert here.url == "http://127.0.0.1:1/eutils/x.fcgi"


@pytest.mark.parametrize(("key", "gap"), [("", 1 / 3), (KEY, 1 / 10)])
def test_pace_is_kept_before_every_request(connect: Connect, sleeper: Sleeper, key: str, gap: float) -> None:
    with LoopbackServer(right) as server:
        transport = connect(key=key)
        for _ in range(4):
            transport.send(request_to(server))
    assert sleeper.naps == pytest.approx([gap * MARGIN] * 3)


PASSING = {
    "429 without Retry-After": Answer(b'{"error":"API rate limit exceeded","count":"5","limit":"3"}', 429),
    "rate limit with status 200": Answer(b'{"error":"API rate limit exceeded","api-key":"x"}', 200),
    "500": Answer(b"<html>WWW Error 500 Diagnostic</html>", 500),
    "502": Answer(b"", 502),
    "connection dropped at once": Answer(drop=True),
    "body cut": Answer(BODY, cut=500),
    "headers cut": Answer(cut_head=True),
    "chunks cut": Answer(BODY, chunked=True, cut=500),
    "gzip cut though Content-Length agrees": Answer(BODY).gzipped(cut=12),
    "not gzip at all": Answer(BODY, headers={"Content-Encoding": "gzip"}),
    "encoding not asked for": Answer(BODY, headers={"Content-Encoding": "br"}),
    "Retry-After junk": Answer(b"", 503, headers={"Retry-After": "soon"}),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
def test_passing_trouble_is_tried_again_and_leaves_no_trace(
    connect: Connect, sleeper: Sleeper, tmp_path: Path, fault: Answer
) -> None:
    with LoopbackServer(right, script=[fault]) as server:
        assert connect().send(request_to(server)).body == BODY
    assert len(server.asked) == 2
    assert 0.5 <= sleeper.naps[0] <= 1.0
    assert archived(tmp_path) == [BODY]


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
def test_lasting_trouble_ends_in_one_clear_line(connect: Connect, tmp_path: Path, fault: Answer) -> None:
    with LoopbackServer(right, script=[fault] * 9) as server, pytest.raises(SourceError) as failure:
        connect(key=KEY).send(request_to(server))
    line = str(failure.value)
    assert len(server.asked) == 3
    assert "\n" not in line
    assert line.startswith("pubmed: 127.0.0.1:")
    assert line.endswith("check the network and run the same command again; nothing was changed")
    assert archived(tmp_path) == []


def test_whole_gzip_is_unpacked(connect: Connect) -> None:
    with LoopbackServer(lambda asked: Answer(BODY).gzipped()) as server:
        assert connect().send(request_to(server)).body == BODY


def test_backoff_doubles(connect: Connect, sleeper: Sleeper) -> None:
    with LoopbackServer(lambda asked: Answer(b"", 500)) as server, pytest.raises(SourceError):
        connect(limits=Limits(tries=5)).send(request_to(server))
    for nap, longest in zip(sleeper.naps, (1, 2, 4, 8), strict=True):
        assert longest / 2 <= nap <= longest


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("Sun, 22 Nov 2026 16:00:09 GMT", 9.0), ("Sun, 22 Nov 2026 15:00:00 GMT", 0.0)]
)
def test_retry_after_is_obeyed(connect: Connect, sleeper: Sleeper, header: str, seconds: float) -> None:
    with LoopbackServer(right, script=[Answer(b"", 429, headers={"Retry-After": header})]) as server:
        connect().send(request_to(server))
    assert sleeper.naps[0] == seconds


def test_a_wait_of_a_day_is_left_to_the_next_run(connect: Connect, sleeper: Sleeper) -> None:
    fault = Answer(b"", 429, headers={"Retry-After": "86400"})
    with LoopbackServer(right, script=[fault]) as server, pytest.raises(SourceError, match="asks to wait 86400 s"):
        connect().send(request_to(server))
    assert (len(server.asked), sleeper.naps) == (1, [])


def test_a_drip_feed_meets_its_deadline(connect: Connect) -> None:
    limits = Limits(tries=1, whole=0.1, read=5.0)
    server = LoopbackServer(lambda asked: Answer(BODY, drip=0.02))
    with server, pytest.raises(SourceError, match="did not finish its reply"):
        connect(Clock(sleep=lambda seconds: None), limits).send(request_to(server))


def test_silence_meets_the_read_timeout(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        request = Request("pubmed", "GET", url, "x", (), MANNERS)
        with pytest.raises(SourceError, match="did not answer in time"):
            connect(limits=Limits(tries=1, read=0.1)).send(request)


def test_no_network_is_one_line_without_the_key(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(SourceError) as failure:
        connect(key=KEY).send(Request("pubmed", "GET", url, "x", (("term", "t"),), MANNERS))
    assert KEY not in repr(failure.value)
    assert failure.value.__cause__ is None
    assert "could not be reached" in str(failure.value)


def test_a_body_beyond_the_cap_is_refused(connect: Connect) -> None:
    with LoopbackServer(right) as server, pytest.raises(SourceError, match="more than 0 MB"):
        connect(limits=Limits(tries=1, size=1_000)).send(request_to(server))


def test_a_gzip_body_beyond_the_cap_is_refused(connect: Connect) -> None:
    server = LoopbackServer(lambda asked: Answer(b"0" * 500_000).gzipped())
    with server, pytest.raises(SourceError, match="oversized"):
        connect(limits=Limits(tries=1, size=100_000)).send(request_to(server))


def test_a_redirect_is_not_followed_with_the_key(connect: Connect) -> None:
    moved = Answer(b"", 301, headers={"Location": "http://127.0.0.1:9/elsewhere"})
    with LoopbackServer(right, script=[moved]) as server, pytest.raises(SourceError, match="set base_url"):
        connect(key=KEY).send(request_to(server))
    assert len(server.asked) == 1


def test_a_refusal_is_handed_to_the_source_and_archived(connect: Connect, tmp_path: Path) -> None:
    with LoopbackServer(lambda asked: Answer(b"<ERROR>no</ERROR>", 400)) as server:
        assert connect().send(request_to(server)).status == 400
    assert archived(tmp_path) == [b"<ERROR>no</ERROR>"]


def test_the_key_is_nowhere_but_in_the_request(connect: Connect, tmp_path: Path) -> None:
    with LoopbackServer(lambda asked: Answer(f"you are {asked.params['api_key']}".encode())) as server:
        reply = connect(key=KEY).send(request_to(server))
    assert reply.body == b"you are ***"
    assert archived(tmp_path) == [b"you are ***"]
    assert KEY not in repr(reply)


def test_replay_serves_in_order_and_repeats_the_last(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    request = Request("pubmed", "POST", "http://one", "x", (("a", "1"),))
    entries = [(archive.put(body), 200, f"2026-11-0{day}T00:00:00Z", "why") for day, body in ((1, b"1"), (2, b"2"))]
    transport = ReplayTransport({request.key: entries}, archive)
    replies = [transport.send(replace(request, base_url="http://two")) for _ in range(3)]
    assert [reply.body for reply in replies] == [b"1", b"2", b"2"]
    assert (replies[0].at, replies[0].composed) == ("2026-11-01T00:00:00Z", "why")
    assert transport.replies == tuple(replies)


def test_replay_names_a_missing_request(tmp_path: Path) -> None:
    transport = ReplayTransport({}, Archive(tmp_path))
    with pytest.raises(SourceError, match=r"POST x\?a=1"):
        transport.send(Request("pubmed", "POST", "http://one", "x", (("a", "1"),)))
