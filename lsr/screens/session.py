"""One reviewer's sitting at one stage: what is shown, what each key amounts to. It neither prints nor knows a terminal.

Each step that decides is on disk when it returns. Nothing that it shows or says depends on another's vote, but that
an item is closed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from analysis.escape import report_url
from curation.highlight import terms_in
from curation.ranking import shuffled, term_score, why_by_words
from curation.verdicts import check_vote, reasons_at
from db import queries, seat
from db.errors import DecisionError, ReviewError
from db.model import Record, Stage, Verdict
from db.seat import Companion, Order
from lsr.screens.child import Child, Ranked
from lsr.screens.lineup import Lineup
from lsr.screens.pace import Pace
from lsr.workflow import judge
from lsr.workflow.folder import Open

# Up to so many records the views answer at once; above, the queue begins with what is surely in it (db.seat).
SMALL = 5_000
FIRST = 300  # reports that are put in order by the protocol's terms before the first is shown: 30 ms
HISTORY = 200  # votes of earlier sittings that one press of undo looks through for an open item
RELEARN = 10  # decisions after which the order is learnt anew


@dataclass(frozen=True, slots=True)
class Shown:
    """All of one report that a reviewer sees."""

    record: Record
    report: str
    sources: tuple[str, ...]
    companions: tuple[Companion, ...]
    mine: queries.Vote | None  # the reviewer's own vote in the round
    note: str  # written, and not yet kept with a vote
    again: bool  # in a round that a reopening began
    why: str  # why it comes now


@dataclass(slots=True)
class _Cast:
    """A vote of this sitting, with what stood before it."""

    report: str
    before: queries.Vote | None


@dataclass(slots=True)
class _Counts:
    """The reviewer's own votes at the stage, and how many of them await another reviewer's."""

    voted: int = 0
    awaiting: int = 0


@dataclass(slots=True)
class _Learning:
    """The order: which, what it was learnt from, and the process that learns it."""

    order: Order
    words: dict[str, float] = field(default_factory=dict)
    since: int = 0  # decisions since it was last learnt
    child: Child | None = None


class Session:
    """A sitting. DecisionError at once if the protocol does not let the reviewer screen."""

    def __init__(
        self,
        opened: Open,
        stage: Stage,
        reviewer: str,
        order: Order = "relevance",
        clock: Callable[[], float] = time.monotonic,
        small: int = SMALL,
    ) -> None:
        check_vote(opened.spec, reviewer, stage, "unsure", "")  # an unknown reviewer is told before anything is shown
        self.opened, self.stage, self.reviewer = opened, stage, reviewer
        self.reasons = reasons_at(opened.spec, stage)
        self.screen = opened.spec.screen
        self.pace = Pace(clock)
        self.counts = _Counts()
        self.votes_given = 0
        self.pooling_due = False  # a full text was closed: the included set may have changed
        self._notes: dict[str, str] = {}
        self._cast: list[_Cast] = []
        self._walked_back: list[str] = []  # votes of earlier sittings that undo has met
        self._learning = _Learning(order)
        self._needed = opened.spec.screening.votes_needed
        connection = opened.review.connection
        self._whole = stage == "full-text" or seat.records_held(connection) <= small
        if self._whole:
            reports = seat.waiting(connection, stage, reviewer, self._needed)
        else:
            reports = seat.surely_waiting(connection, reviewer, self._needed)
        self.lineup = Lineup(self._first_order(reports))

    # What is shown ------------------------------------------------------------------------------------------------

    def shown(self) -> Shown | None:
        """The current report, by point queries; None where nothing is left."""
        report = self.lineup.current
        if report is None:
            return None
        connection = self.opened.review.connection
        record = queries.record_of(connection, report)
        round = queries.current_round(connection, report, self.stage)
        return Shown(
            record,
            report,
            tuple(dict.fromkeys(one.partition(":")[0] for one in queries.ids_of(connection, report))),
            tuple(seat.companions(connection, report)),
            seat.own_vote(connection, report, self.stage, round, self.reviewer),
            self._notes.get(report, ""),
            bool(round),
            self._why(record),
        )

    def count(self) -> None:
        """Read the counts of votes from the review; the screen is there before that."""
        counted = seat.own_counts(self.opened.review.connection, self.stage, self.reviewer, self._needed)
        self.counts = _Counts(*counted)

    def progress(self) -> str:
        """How far, how fast, and how many of one's votes await another reviewer's, in words."""
        seconds = self.pace.seconds
        parts = [f"{self.counts.voted} voted", f"{self.lineup.left} left"]
        if seconds is not None:
            parts.append(f"{seconds:.0f} s each")
        if self._needed > 1:
            parts.append(f"{self.counts.awaiting} await another")
        return " · ".join(parts)

    def place(self) -> tuple[int, int]:
        """Where in the queue the reader is, from 1, and how long it is."""
        total = len(self.lineup.reports)
        return min(self.lineup.position + 1, total), total

    def url(self) -> str:
        """The address of the current report's DOI or PMID; "" if it has none."""
        report = self.lineup.current
        if report is None:
            return ""
        record = queries.record_of(self.opened.review.connection, report)
        return report_url(record.doi, record.pmid, report)

    # What keys do ---------------------------------------------------------------------------------------------------

    def vote(self, verdict: Verdict, reason_number: int | None = None) -> str:
        """A vote on the current report, on disk when this returns; then the next report. What it says is for people."""
        report = self.lineup.current
        if report is None:
            return "Nothing awaits your vote."
        reason = None
        if reason_number is not None:
            if not 0 < reason_number <= len(self.reasons):
                return f"There is no reason {reason_number} at {self.stage}."
            reason = self.reasons[reason_number - 1].code
        connection = self.opened.review.connection
        round = queries.current_round(connection, report, self.stage)
        before = seat.own_vote(connection, report, self.stage, round, self.reviewer)
        note = self._notes.get(report, before.note if before else "")
        try:
            item = judge.vote(self.opened, report, self.stage, self.reviewer, verdict, reason, note)
        except ReviewError as error:
            return self._refused(report, error)
        self._notes.pop(report, None)
        self._cast.append(_Cast(report, before))
        self._counted(item, 1 if before is None else 0)
        self.votes_given += before is None
        self._learning.since += 1
        self.pace.decided()
        self.lineup.judged.add(report)
        self.lineup.advance()
        return f"Saved: {verdict}{f', {reason}' if reason else ''} · {report}"

    def undo(self) -> str:
        """Take back the last vote, of this sitting or an earlier one, and go to its report."""
        if not self._cast and not self._earlier():
            return "Nothing to undo."
        last = self._cast[-1]
        try:
            if last.before is None:
                item = judge.withdraw(self.opened, last.report, self.stage, self.reviewer)
                self._counted(item, -1)
                self.votes_given -= 1
                self.lineup.judged.discard(last.report)
            else:
                old = last.before
                judge.vote(self.opened, last.report, self.stage, self.reviewer, old.verdict, old.reason, old.note)  # type: ignore[arg-type]
        except ReviewError as error:
            self._walked_back.append(self._cast.pop().report)  # closed: the next press takes back the one before it
            return f"Not undone, this would be a reopening: {error}"
        self._cast.pop()
        self.lineup.go_to(last.report)
        return f"Undone: {last.report}" + (f" is {last.before.verdict} again" if last.before else "")

    def skip(self) -> str:
        """The next report; this one comes again after the others."""
        before = self.lineup.current
        self.lineup.advance()
        return "It is the only one left." if before == self.lineup.current else "Skipped: it comes again at the end."

    def move(self, step: int) -> str:
        """The report before or after in the queue, judged or not."""
        if self.lineup.move(step):
            return ""
        return "This is the first." if step < 0 else "This is the last."

    def note(self, text: str) -> str:
        """A note on the current report: kept with the vote, at once if there is one already."""
        report = self.lineup.current
        if report is None:
            return "Nothing awaits your vote."
        shown = self.shown()
        mine = shown.mine if shown else None
        if mine is None:
            self._notes[report] = text
            return "The note is kept with your vote on this report."
        try:
            judge.vote(self.opened, report, self.stage, self.reviewer, mine.verdict, mine.reason, text)  # type: ignore[arg-type]
        except ReviewError as error:
            return str(error)
        self._cast.append(_Cast(report, mine))
        return "Saved: the note."

    def unsaved_notes(self) -> int:
        """Notes on reports without a vote: they are not kept."""
        return sum(1 for note in self._notes.values() if note)

    def go_to_match(self, found: list[str], words: str) -> str:
        """From the reports that a search found, to the next of them in this queue."""
        inside = set(found)
        places = [i for i, report in enumerate(self.lineup.reports) if report in inside]
        if not places:
            return f"Nothing in this queue holds {words!r}."
        after = [place for place in places if place > self.lineup.position] or places
        self.lineup.go_to(self.lineup.reports[after[0]])
        return f"{words!r}: {places.index(after[0]) + 1} of {len(places)} in this queue; search again for the next."

    def search(self, words: str) -> str:
        """To the next report of the queue whose record holds the words."""
        return self.go_to_match(seat.matching(self.opened.review.connection, words), words)

    # The order ------------------------------------------------------------------------------------------------------

    def learn(self) -> None:
        """Begin to learn the order, in a process of its own, if there is something to learn and none is at it."""
        learning = self._learning
        connection = self.opened.review.connection
        if learning.child is not None:
            return
        if self._whole and learning.order != "relevance":
            return
        first = not learning.words and not learning.since
        if not first and learning.since < RELEARN:
            return
        few = seat.may_learn(connection, self.stage, self.reviewer, self._needed) < RELEARN
        if self._whole and few and len(self.lineup.reports) <= FIRST:
            return
        learning.since = 0
        learning.child = Child.rank(self.opened.review.folder, self.stage, self.reviewer, learning.order)

    def learned(self) -> str:
        """Take up the new order if it is there, for what was not shown yet; says so, or "" while there is none."""
        child = self._learning.child
        found = child.poll() if child else None
        if child is None or found is None:
            return ""
        self._learning.child = None
        if not isinstance(found, Ranked):
            return f"The order stays as it is: {found}"
        self._whole = True
        self._learning.words = found.words
        self.lineup.reorder(found.order)
        return f"What is ahead was put in order anew, from {found.learned} decisions." if found.learned else ""

    def close(self) -> None:
        """End the process that learns, if one is at it."""
        if self._learning.child is not None:
            self._learning.child.stop()
            self._learning.child = None

    def _first_order(self, reports: list[str]) -> list[str]:
        order = self._learning.order
        connection = self.opened.review.connection
        if order == "random":
            return shuffled(reports, f"{self.opened.spec.id}/{self.reviewer}/{self.stage}")
        if order == "date":
            return seat.in_order_of_date(connection, reports)
        head = reports[:FIRST]
        marks = self.screen.include_terms, self.screen.exclude_terms
        scores = {report: term_score(seat.text_of(connection, report), *marks) for report in head}
        return [*sorted(head, key=lambda report: -scores[report]), *reports[FIRST:]]

    def _why(self, record: Record) -> str:
        if self._learning.order != "relevance":
            return f"in order of {self._learning.order}" if self._learning.order == "date" else "in an order by chance"
        text = f"{record.title}\n{record.abstract}"
        if self._learning.words:
            words = why_by_words(text, self._learning.words)
            return f"likely relevant: {', '.join(words)}" if words else "nothing in it was met in what was included"
        terms, against = terms_in(text, self.screen.include_terms, self.screen.exclude_terms)
        told = [f"likely relevant: {', '.join(terms)}"] if terms else ["none of the protocol's terms"]
        return "; ".join([*told, *([f"but {', '.join(against)}"] if against else [])])

    # Helpers ----------------------------------------------------------------------------------------------------------

    def _counted(self, item: judge.Item, more: int) -> None:
        self.counts.voted += more
        if item.state == "awaiting":
            self.counts.awaiting += more
        elif self.stage == "full-text":
            self.pooling_due = True

    def _refused(self, report: str, error: ReviewError) -> str:
        if isinstance(error, DecisionError):
            item = judge.item(self.opened, report, self.stage)
            if item.state != "awaiting" and self.reviewer not in {vote.reviewer for vote in item.votes}:
                self.lineup.judged.add(report)  # others have closed it meanwhile
                self.lineup.advance()
                return f"{report}: has its required votes from others; yours was not needed."
        return str(error)

    def _earlier(self) -> bool:
        """Put the newest vote of an earlier sitting that is still open on the pile, if there is one."""
        connection = self.opened.review.connection
        for report in seat.own_history(connection, self.stage, self.reviewer, self._walked_back, HISTORY):
            self._walked_back.append(report)
            item = judge.item(self.opened, report, self.stage)
            if item.state == "awaiting" and self.reviewer in {vote.reviewer for vote in item.votes}:
                self._cast.append(_Cast(report, None))
                return True
        return False
