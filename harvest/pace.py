"""The pace that a host allows, held by all threads and all processes of one user on one machine.

Each host has a small file that says when it may next be asked, and until when it wants rest. A caller reserves that
moment under the file's lock, writes the one after it, lets go of the lock and sleeps until its own: nobody waits for
another's reply. Who wakes and finds that the host has asked for rest meanwhile, queues again behind it.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

# Slots are this much further apart than the limit says: a caller may wake some milliseconds late and the next on
# time, and the source counts arrivals. At 3 a second four slots then span 1.05 s; 95 % of the pace remains.
MARGIN: Final = 1.05
# A reservation further ahead than this is no queue but a clock that was set back, or a broken file: ignored.
LONGEST_AHEAD: Final = 300.0
# Reserving takes under a millisecond; a lock held this long is a process that was stopped in the middle.
LOCK_SECONDS: Final = 10.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Clock:
    """Time, so that tests need not wait. `wall` is what processes share: seconds since the epoch."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    wall: Callable[[], float] = time.time


REAL_TIME: Final = Clock()


@dataclass(slots=True)
class Pace:
    """When each host may next be asked. Without a `folder`, or where it cannot be written, within this process."""

    clock: Clock
    folder: Path | None = None
    _free: dict[str, float] = field(default_factory=dict)  # by this process, on its monotonic clock
    _held: dict[str, float] = field(default_factory=dict)  # the end of the rest a host asked for, on the same clock
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self, host: str, interval: float) -> None:
        """Sleep until `host` may be asked again; requests of everyone are at least `interval` seconds apart."""
        while True:
            delay, rest = self._reserve(host, interval * MARGIN, 0.0)
            if delay <= 0:
                return
            self.clock.sleep(delay)
            if self._rest(host) <= rest:
                return

    def hold(self, host: str, seconds: float) -> None:
        """Let nobody ask `host` for `seconds`: it said so itself. Those who wait already wait longer."""
        self._reserve(host, 0.0, seconds)

    def _reserve(self, host: str, interval: float, rest: float) -> tuple[float, float]:
        """Seconds until the reserved moment, and the end of the host's rest that was known then.

        The next moment is `interval` later, and none comes before `rest` seconds are over.
        """
        with self._lock:
            now = self.clock.monotonic()
            delay = max(0.0, rest, self._free.get(host, now) - now)
            if rest:
                self._held[host] = max(now + rest, self._held.get(host, 0.0))
            held = self._held.get(host, 0.0)
            if self.folder is not None:
                delay, held = self._reserve_for_all(self.folder, host, interval, delay, rest)
            self._free[host] = now + delay + interval
            return delay, held

    def _reserve_for_all(
        self, folder: Path, host: str, interval: float, delay: float, rest: float
    ) -> tuple[float, float]:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            state = _state(folder, host)
            with FileLock(state.with_suffix(".lock"), timeout=LOCK_SECONDS):
                now = self.clock.wall()
                free, held = _read(state, now)
                delay = max(delay, free - now)
                held = max(held, now + rest) if rest else held
                state.write_text(f"{now + delay + interval!r} {held!r}", "ascii")
                return delay, held
        except (OSError, Timeout) as error:
            _log.warning("the pace of %s is kept within this process only: %s", host, error)
        return delay, self._held.get(host, 0.0)

    def _rest(self, host: str) -> float:
        """When the rest that `host` asked for ends, on the clock that `_reserve` tells it by."""
        if self.folder is not None:
            try:
                return _read(_state(self.folder, host), self.clock.wall())[1]
            except OSError:
                pass
        return self._held.get(host, 0.0)


def _state(folder: Path, host: str) -> Path:
    return folder / f"{hashlib.sha256(host.encode()).hexdigest()[:16]}.next"


def _read(state: Path, now: float) -> tuple[float, float]:
    """When the host may next be asked and when its rest ends, both 0 where that is long ahead or unreadable."""
    try:
        values = [float(word) for word in state.read_text("ascii").split()]
    except (FileNotFoundError, ValueError):
        return 0.0, 0.0
    free, held, *_ = (value if 0 < value - now < LONGEST_AHEAD else 0.0 for value in (*values, 0.0, 0.0))
    return free, held
