"""One pace for all who ask a host: threads, processes, and those who come after a source asked for rest."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from harvest.pace import LONGEST_AHEAD, MARGIN, REAL_TIME, Clock, Pace

RATE = 20.0  # a second: fast enough for a test, slow enough to be told from none
ASKER = """
import sys, time
from pathlib import Path
from harvest.pace import REAL_TIME, Pace
pace = Pace(REAL_TIME, Path(sys.argv[1]))
for _ in range(int(sys.argv[2])):
    pace.wait("example.org", 1 / float(sys.argv[3]))
    print(time.time(), flush=True)
"""


class Frozen:
    """A clock that moves when someone sleeps; several paces may read it, as processes read the wall clock."""

    def __init__(self) -> None:
        self.time = 1_000.0

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    @property
    def clock(self) -> Clock:
        return Clock(monotonic=lambda: self.time, sleep=self.sleep, wall=lambda: self.time)


def test_threads_share_one_pace() -> None:
    pace = Pace(REAL_TIME)
    asked: list[float] = []

    def ask() -> None:
        for _ in range(5):
            pace.wait("example.org", 1 / RATE)
            asked.append(time.monotonic())

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _never_more_than(asked)


def test_processes_share_one_pace(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ASKER, str(tmp_path / "pace"), "8", str(RATE)]
    asking = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    asked = [float(line) for process in asking for line in process.communicate()[0].splitlines()]
    assert [process.returncode for process in asking] == [0] * 4
    assert len(asked) == 32
    _never_more_than(asked)


def test_two_hosts_do_not_wait_for_each_other(tmp_path: Path) -> None:
    frozen = Frozen()
    pace = Pace(frozen.clock, tmp_path)
    for host in ("a.example.org", "b.example.org"):
        pace.wait(host, 60.0)
    assert frozen.time == 1_000.0


def test_a_rest_that_the_source_asked_for_is_everyones(tmp_path: Path) -> None:
    frozen = Frozen()
    Pace(frozen.clock, tmp_path).hold("example.org", 30.0)
    Pace(frozen.clock, tmp_path).wait("example.org", 1.0)
    assert frozen.time == pytest.approx(1_030.0)


@pytest.mark.parametrize("state", ["", "soon", "nan", "1e300", str(1_000.0 + LONGEST_AHEAD + 1)])
def test_a_broken_file_or_a_clock_set_back_stops_nobody(tmp_path: Path, state: str) -> None:
    frozen = Frozen()
    Pace(frozen.clock, tmp_path).wait("example.org", 1.0)
    (file,) = tmp_path.glob("*.next")
    file.write_text(state)
    Pace(frozen.clock, tmp_path).wait("example.org", 1.0)
    assert frozen.time == 1_000.0


def test_where_nothing_can_be_written_the_process_keeps_its_own_pace(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    frozen = Frozen()
    pace = Pace(frozen.clock, tmp_path / "file" / "pace")
    pace.wait("example.org", 1.0)
    pace.wait("example.org", 1.0)
    assert frozen.time == pytest.approx(1_000.0 + MARGIN)


def _never_more_than(asked: list[float]) -> None:
    """No two moments are nearer than the pace allows, but for what a busy machine adds to a sleep."""
    times = sorted(asked)
    shortest_whole = (len(times) - 1) / RATE
    assert times[-1] - times[0] >= shortest_whole * 0.98
