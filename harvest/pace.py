"""The pace that a host allows, held by all threads and all processes of one user on one machine.

Each host has a small file that says when it may next be asked, until when it wants rest, and when it was asked
last. A caller reserves its moment under the file's lock, lets go of the lock and sleeps until then: nobody waits for
another's reply. A machine that is busy wakes it late, and the next on time; so it looks again before it goes, and
waits if that would crowd a second, or if the host has asked for rest meanwhile.
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

# Moments are this much further apart than the limit says: the source counts arrivals, and a request may take some
# milliseconds more to arrive than the next one. At 3 a second four moments then span 1.05 s; 95 % of the pace remains.
MARGIN: Final = 1.05
# As many requests as a second allows never leave within less than this: just under MARGIN, so that it binds only
# where someone woke late.
_CROWD: Final = 1.045
# A reservation further ahead than this is no queue but a clock that was set back, or a broken file: ignored.
LONGEST_AHEAD: Final = 300.0
# Reserving takes under a millisecond; a lock held this long is a process that was stopped in the middle.
LOCK_SECONDS: Final = 10.0
_POLL: Final = 0.002  # how often a lock that is taken is tried again; filelock's own 0.05 s would make callers late
_KEPT: Final = 32  # moments remembered of a host; more than any source allows in a second
# How often a caller looks again. Each time but the first is somebody's late waking or a new rest: it ends long before.
_LOOKS: Final = 20

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
class _Host:
    """What is known of one host, in seconds on one clock: the next free moment, the end of its rest, the last ones."""

    free: float = 0.0
    rest: float = 0.0
    asked: list[float] = field(default_factory=list)

    def reserve(self, now: float, interval: float) -> float:
        """Seconds until the next free moment, which is then taken."""
        moment = max(now, self.free, self.rest)
        self.free = moment + interval * MARGIN
        return moment - now

    def enter(self, now: float, interval: float) -> float:
        """0, and the host counts as asked now; or the seconds until it is worth another look."""
        if now < self.rest:
            return self.reserve(now, interval)
        most = max(1, round(1 / interval))
        crowded_until = self.asked[-most] + most * interval * _CROWD if len(self.asked) >= most else 0.0
        if now < crowded_until:
            return crowded_until - now
        self.asked = [*self.asked, now][-_KEPT:]
        return 0.0

    def hold(self, now: float, seconds: float) -> float:
        """Nobody asks for `seconds`."""
        self.rest = max(self.rest, now + seconds)
        return 0.0

    def to_text(self) -> str:
        return " ".join(map(repr, (self.free, self.rest, *self.asked)))

    @classmethod
    def from_text(cls, text: str, now: float) -> _Host:
        """What a file says; as if it were empty where it is broken or a clock was set back since."""
        try:
            free, rest, *asked = (float(word) for word in text.split())
        except ValueError:
            return cls()
        free, rest = (moment if 0 < moment - now < LONGEST_AHEAD else 0.0 for moment in (free, rest))
        return cls(free, rest, [moment for moment in asked if moment <= now])


@dataclass(slots=True)
class Pace:
    """When each host may next be asked. Without a `folder`, or where it cannot be written, within this process."""

    clock: Clock
    folder: Path | None = None
    _hosts: dict[str, _Host] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self, host: str, interval: float) -> None:
        """Sleep until `host` may be asked again; requests of everyone are at least `interval` seconds apart."""
        delay = self._change(host, lambda known, now: known.reserve(now, interval))
        for _ in range(_LOOKS):
            if delay > 0:
                self.clock.sleep(delay)
            delay = self._change(host, lambda known, now: known.enter(now, interval))
            if delay <= 0:
                return

    def hold(self, host: str, seconds: float) -> None:
        """Let nobody ask `host` for `seconds`: it said so itself. Those who wait already wait longer."""
        self._change(host, lambda known, now: known.hold(now, seconds))

    def _change(self, host: str, change: Callable[[_Host, float], float]) -> float:
        """Apply `change` to what is known of `host`, alone among threads and processes."""
        with self._lock:
            if self.folder is not None:
                try:
                    return self._change_for_all(self.folder, host, change)
                except (OSError, Timeout) as error:
                    _log.warning("the pace of %s is kept within this process only: %s", host, error)
            return change(self._hosts.setdefault(host, _Host()), self.clock.monotonic())

    def _change_for_all(self, folder: Path, host: str, change: Callable[[_Host, float], float]) -> float:
        folder.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(host.encode()).hexdigest()[:16]
        with FileLock(folder / f"{name}.lock").acquire(LOCK_SECONDS, _POLL):
            state = folder / f"{name}.next"
            now = self.clock.wall()
            try:
                known = _Host.from_text(state.read_text("ascii"), now)
            except (FileNotFoundError, UnicodeDecodeError):
                known = _Host()
            result = change(known, now)
            state.write_text(known.to_text(), "ascii")
            return result
