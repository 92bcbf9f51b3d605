"""The queue of one sitting: ids in memory, a place in it, and what is ahead, which alone a new order may rearrange."""

from __future__ import annotations

from collections.abc import Iterable


class Lineup:
    """Reports in the order in which they are shown. What was shown keeps its place: nothing jumps under a reader."""

    def __init__(self, reports: Iterable[str]) -> None:
        self.reports = list(reports)
        self.position = 0
        self.seen = 1  # how many from the beginning have been shown
        self.judged: set[str] = set()  # voted on in this sitting, or found closed: not to be shown again unasked

    @property
    def current(self) -> str | None:
        """The report that is shown; None where nothing is left."""
        return self.reports[self.position] if self.position < len(self.reports) else None

    @property
    def left(self) -> int:
        """How many await a vote."""
        return len(self.reports) - len(self.judged)

    def advance(self) -> None:
        """To the next report that awaits a vote: onwards, then those that were skipped; to the end if there is none."""
        after = range(self.position + 1, len(self.reports))
        before = range(min(self.position + 1, len(self.reports)))
        for place in (*after, *before) if self.left else ():
            if self.reports[place] not in self.judged:
                return self._go(place)
        self._go(len(self.reports))

    def move(self, step: int) -> bool:
        """To the neighbour, judged or not. False at either end."""
        place = self.position + step
        if not 0 <= place < len(self.reports):
            return False
        self._go(place)
        return True

    def go_to(self, report: str) -> None:
        """To this report; one from an earlier sitting takes its place here first."""
        if report not in self.reports:
            self.reports.insert(min(self.position, len(self.reports)), report)
        self._go(self.reports.index(report))

    def reorder(self, order: Iterable[str]) -> None:
        """What was not shown yet takes this order; reports that it does not name follow, new ones join."""
        at = min(self.seen, len(self.reports))
        shown = set(self.reports[:at])
        left = {report: report for report in self.reports[at:]}  # its strings are kept: those that come are dropped
        ahead = [left.pop(report, report) for report in order if report not in shown]
        self.reports[at:] = [*ahead, *left]
        self.seen = at if self.position < at else at + 1  # where all had been done, the first that came is shown now

    def _go(self, place: int) -> None:
        self.position = place
        self.seen = max(self.seen, place + 1)
