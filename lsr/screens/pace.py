"""How long a record takes this reviewer, pauses left out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from statistics import median

# Longer than any abstract is read (36-79 s each, by published counts): the reader was away.
PAUSE_SECONDS = 300.0
LAST = 50  # decisions that the pace is taken of


class Pace:
    """Seconds for each decision, the median of the last ones."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last = clock()
        self._took: deque[float] = deque(maxlen=LAST)

    def decided(self) -> None:
        """A decision was made now."""
        now = self._clock()
        if now - self._last <= PAUSE_SECONDS:
            self._took.append(now - self._last)
        self._last = now

    @property
    def seconds(self) -> float | None:
        """The median, or None before the first decision."""
        return median(self._took) if self._took else None
