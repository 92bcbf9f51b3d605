"""Votes by a sheet: what awaits a reviewer written out, and a filled sheet entered whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from curation.decisions import Decision, mark, read_decisions, write_decisions
from curation.tables import refuse
from curation.verdicts import check_vote
from db import queries
from db.errors import ReviewError
from db.model import Stage
from lsr.workflow import judge
from lsr.workflow.folder import Open
from lsr.workflow.items import Item, involvement, item, today


@dataclass(frozen=True, slots=True)
class Entered:
    """What a sheet amounted to, in rows."""

    entered: int
    unchanged: int


def write(opened: Open, path: Path, stage: Stage, reviewer: str) -> int:
    """Write the reports that await this reviewer's vote, but for own work; returns how many. DecisionError for who may
    not vote there."""
    check_vote(opened.spec, reviewer, stage, "unsure", "", today(opened))
    connection = opened.review.connection
    person = next(p for p in opened.spec.persons if p.name == reviewer)
    waiting = queries.to_vote_on(connection, stage, reviewer, opened.spec.screening.votes_needed)
    rows = [
        (report, queries.record_of(connection, report), _mark(item(opened, report, stage), reviewer))
        for report in waiting
        if involvement(opened, person, report) is None
    ]
    write_decisions(path, opened.spec, stage, rows)
    return len(rows)


def enter(opened: Open, path: Path, stage: Stage, reviewer: str) -> Entered:
    """Enter a filled sheet, whole or not at all; read again, it changes nothing.

    InputError names each row that is wrong, has changed since the sheet was written, or may not be voted on any more.
    """
    check_vote(opened.spec, reviewer, stage, "unsure", "", today(opened))
    decisions = read_decisions(path, opened.spec, stage)
    entered, faults = 0, list[str]()
    with opened.review.transaction():
        for decision in decisions:
            try:
                entered += _enter(opened, decision, stage, reviewer)
            except ReviewError as error:
                faults.append(f"row {decision.row}, column {_column(error)}: {error}")
        refuse(path, faults)
    return Entered(entered, len(decisions) - entered)


class _ChangedError(ReviewError):
    """The row's mark is not that of today."""


def _enter(opened: Open, decision: Decision, stage: Stage, reviewer: str) -> bool:
    """Whether a vote was entered: not where the reviewer has said just this before."""
    report = queries.find_report(opened.review.connection, decision.report)
    stands = item(opened, report, stage)
    if _own(stands, reviewer) == (decision.verdict, decision.reason, decision.note):
        return False
    if decision.state != _mark(stands, reviewer):
        raise _ChangedError(
            f"{report}: changed since the sheet was written (your own vote, or a reopening), or the sheet is of "
            "another reviewer or stage: write the sheet again"
        )
    judge.vote(opened, report, stage, reviewer, decision.verdict, decision.reason or None, decision.note)
    return True


def _column(error: ReviewError) -> str:
    return "state" if isinstance(error, _ChangedError) else "report"


def _own(stands: Item, reviewer: str) -> tuple[str, str, str] | None:
    own = next((vote for vote in stands.votes if vote.reviewer == reviewer), None)
    return None if own is None else (own.verdict, own.reason or "", own.note)


def _mark(stands: Item, reviewer: str) -> str:
    return mark(stands.stage, stands.round, reviewer, _own(stands, reviewer))
