"""Many requests at once: answers in order, the allowed pace used and never exceeded, one failure ends all."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from db.archive import Archive
from db.errors import SourceError
from harvest.live import Clock, Identity, Limits, LiveTransport
from harvest.pace import Pace
from harvest.transport import Manners, ReplayTransport, Reply, Request
from tests.servers.faults import switch
from tests.servers.frame import Answer, Asked, LoopbackServer

PACE = 10  # a second
QUICK = Manners(per_second=1_000.0, at_once=8, speaks="xml")
Connect = Callable[..., LiveTransport]


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Connect]:
    made: list[LiveTransport] = []

    def transport(limits: Limits = Limits(tries=2), clock: Clock = Clock()) -> LiveTransport:  # noqa: B008
        made.append(LiveTransport(Archive(tmp_path / "archive"), Identity("0.1"), clock, limits))
        return made[-1]

    yield transport
    for one in made:
        one.close()


def numbered(server: LoopbackServer, count: int, manners: Manners = QUICK) -> Iterator[Request]:
    for number in range(count):
        yield Request("pubmed", "POST", server.url, "x", (("n", str(number)),), manners)


def echo(asked: Asked) -> Answer:
    """The later a request, the sooner its reply."""
    number = int(asked.params["n"])
    return Answer(b"<n>%d</n>" % number, delay=0.05 * (3 - number % 4))


def bodies(replies: Iterator[Reply]) -> list[bytes]:
    return [reply.body for reply in replies]


def test_answers_come_in_the_order_of_the_requests(connect: Connect) -> None:
    with LoopbackServer(echo) as server:
        live = connect()
        replies = list(live.send_all(numbered(server, 40)))
    assert bodies(iter(replies)) == [b"<n>%d</n>" % number for number in range(40)]
    assert live.replies == tuple(replies)


def test_a_replay_gives_the_same_one_by_one(connect: Connect, tmp_path: Path) -> None:
    with LoopbackServer(echo) as server:
        first = list(connect().send_all(numbered(server, 12)))
        index = {reply.request_key: [(reply.sha256, reply.status, reply.at, "")] for reply in first}
        offline = ReplayTransport(index, Archive(tmp_path / "archive"))
        assert list(offline.send_all(numbered(server, 12))) == first == list(offline.replies)


def test_nothing_is_asked_before_an_answer_is_wanted(connect: Connect) -> None:
    with LoopbackServer(echo) as server:
        replies = connect().send_all(numbered(server, 3))
        assert server.asked == []
        assert bodies(replies) == [b"<n>0</n>", b"<n>1</n>", b"<n>2</n>"]
        assert list(connect().send_all([])) == []


@pytest.mark.parametrize("allowed", [1, 4])
def test_no_more_are_under_way_than_the_source_allows(connect: Connect, allowed: int) -> None:
    """Replies take 0.1 s, so that the first `allowed` requests arrive together, and the next after a reply."""
    with LoopbackServer(lambda asked: Answer(b"<ok/>", delay=0.1)) as server:
        list(connect().send_all(numbered(server, 12, Manners(per_second=1_000.0, at_once=allowed))))
    at = sorted(asked.at for asked in server.asked)
    assert all(at[later] - at[later - allowed] >= 0.1 for later in range(allowed, len(at)))


def test_one_failure_ends_all_and_leaves_nothing_under_way(connect: Connect) -> None:
    """Request 5 is refused for good while those before it are still under way: none but the first eight is sent."""

    def one_bad(asked: Asked) -> Answer:
        return Answer(b"", 502) if asked.params["n"] == "5" else Answer(b"<ok/>", delay=0.4)

    came: list[Reply] = []
    with LoopbackServer(one_bad) as server:
        live = connect(clock=Clock(sleep=lambda seconds: None))
        with pytest.raises(SourceError, match=r"answered 502 \(2 tries\)"):
            came.extend(live.send_all(numbered(server, 200)))
        asked = len(server.asked)
        assert came == []
        assert asked <= QUICK.at_once + 1
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("lsr-harvest")]
        time.sleep(0.1)
        assert len(server.asked) == asked
        assert live.send(next(numbered(server, 1))).body == b"<ok/>"


def test_who_wants_no_more_stops_the_rest(connect: Connect) -> None:
    with LoopbackServer(echo) as server:
        replies = connect().send_all(numbered(server, 500))
        next(replies)
        replies.close()  # type: ignore[attr-defined]
        asked = len(server.asked)
        assert asked <= 2 * QUICK.at_once + 1
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("lsr-harvest")]


@pytest.mark.parametrize("fault", ["reset", "cut_body", "cut_gzip", "server_error", "html_instead", "empty"])
def test_trouble_of_some_is_recovered_without_the_others_noticing(connect: Connect, fault: str) -> None:
    with LoopbackServer(echo, switches=[switch(fault, times=4)]) as server:
        live = connect(Limits(tries=6), Clock(sleep=lambda seconds: None))
        assert bodies(live.send_all(numbered(server, 20))) == [b"<n>%d</n>" % number for number in range(20)]
    assert len(server.asked) == 24


def test_who_already_waits_waits_for_a_rest_too(tmp_path: Path) -> None:
    """A thread has its moment reserved when another learns that the host wants rest."""
    for folder in (None, tmp_path / "pace"):
        pace, woke = Pace(Clock(), folder), []
        pace.wait("example.org", 0.2)
        start = time.monotonic()

        def wait(pace: Pace = pace, woke: list[float] = woke) -> None:
            pace.wait("example.org", 0.2)
            woke.append(time.monotonic())

        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.05)
        Pace(Clock(), folder).hold("example.org", 0.6) if folder else pace.hold("example.org", 0.6)
        thread.join()
        assert woke[0] - start >= 0.6


ASKER = """
import sys
from pathlib import Path
from db.archive import Archive
from harvest.live import Identity, LiveTransport
from harvest.transport import Manners, Request
folder, url, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
live = LiveTransport(Archive(folder / "archive"), Identity("0.1"), pace_folder=folder / "pace")
manners = Manners(per_second=float(sys.argv[4]), at_once=20)
print("ready", flush=True)
sys.stdin.readline()
for reply in live.send_all(Request("x", "POST", url, "x", (("n", str(n)),), manners) for n in range(count)):
    pass
"""


@pytest.mark.slow
@pytest.mark.parametrize(("processes", "each"), [(1, 45), (3, 15)])
def test_nine_tenths_of_the_pace_are_used_and_no_second_holds_more(tmp_path: Path, processes: int, each: int) -> None:
    """Replies take a second; by the server's clock, from when all processes are at work to when one runs out."""
    with LoopbackServer(lambda asked: Answer(b"<ok/>", delay=1.0)) as server:
        command = [sys.executable, "-c", ASKER, str(tmp_path), server.url, str(each), str(PACE)]
        asking = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(processes)
        ]
        for process in asking:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
        for process in asking:
            assert process.stdin
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in asking:
            process.communicate()
        at = sorted(asked.at for asked in server.asked)
    assert [process.returncode for process in asking] == [0] * processes
    assert len(at) == processes * each
    assert (len(at) - 1) / (at[-1] - at[0]) >= 0.9 * PACE
    assert max(bisect_left(at, moment + 1.0) - first for first, moment in enumerate(at)) <= PACE
