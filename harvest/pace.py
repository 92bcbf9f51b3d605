"""The pace that a host allows, held by all threads and all processes of one user on one machine.

Each host has a small file that says when it may next be asked. A caller reserves that moment under the file's
lock, writes the one after it, lets go of the lock and sleeps until its own: nobody waits for another's reply.
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
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self, host: str, interval: float) -> None:
        """Sleep until `host` may be asked again; requests of everyone are at least `interval` seconds apart."""
        delay = self._reserve(host, interval * MARGIN, 0.0)
        if delay > 0:
            self.clock.sleep(delay)

    def hold(self, host: str, seconds: float) -> None:
        """Let nobody ask `host` for `seconds`: it said so itself."""
        self._reserve(host, 0.0, seconds)

    def _reserve(self, host: str, interval: float, not_before: float) -> float:
        """Seconds until the reserved moment; the next one is `interval` later."""
        with self._lock:
            now = self.clock.monotonic()
            delay = max(0.0, not_before, self._free.get(host, now) - now)
            if self.folder is not None:
                delay = self._reserve_for_all(self.folder, host, interval, delay)
            self._free[host] = now + delay + interval
            return delay

    def _reserve_for_all(self, folder: Path, host: str, interval: float, delay: float) -> float:
        name = hashlib.sha256(host.encode()).hexdigest()[:16]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(folder / f"{name}.lock", timeout=LOCK_SECONDS):
                state = folder / f"{name}.next"
                now = self.clock.wall()
                ahead = _read(state) - now
                if 0 < ahead < LONGEST_AHEAD:
                    delay = max(delay, ahead)
                state.write_text(repr(now + delay + interval), "ascii")
        except (OSError, Timeout) as error:
            _log.warning("the pace of %s is kept within this process only: %s", host, error)
        return delay


def _read(state: Path) -> float:
    try:
        return float(state.read_text("ascii"))
    except (FileNotFoundError, ValueError):
        return 0.0
