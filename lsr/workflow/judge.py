"""Decisions of people on reports: votes, resolutions, reopenings. Nothing is ever overwritten."""

from __future__ import annotations

from curation.verdicts import check_adjudicator, check_resolution, check_vote
from db import queries, screening
from db.errors import DecisionError, InputError
from db.model import Stage, Verdict
from lsr.workflow import studies
from lsr.workflow.folder import Open
from lsr.workflow.fulltext import retrieve
from lsr.workflow.items import Item, check_uninvolved, item, today
from lsr.workflow.people import known_person

__all__ = ["Item", "item", "known_person", "reopen", "resolve", "retrieve", "vote", "withdraw"]


def vote(
    opened: Open,
    reference: str,
    stage: Stage,
    reviewer: str,
    verdict: Verdict,
    reason: str | None = None,
    note: str = "",
) -> Item:
    """One reviewer's vote, or the change of it while the item is open. DecisionError says why it cannot be."""
    review = opened.review
    check_vote(opened.spec, reviewer, stage, verdict, reason or "", today(opened))
    with review.transaction():
        report = queries.find_report(review.connection, reference)
        check_uninvolved(opened, reviewer, report)
        found = _open_item(opened, report, stage, reviewer)
        _at_stage(opened, found)
        body = {"report": found.report, "stage": stage, "round": found.round, "verdict": verdict, "reason": reason,
                "note": note}  # fmt: skip
        review.append(reviewer, "vote", body)
        return _closed(opened, found)


def withdraw(opened: Open, reference: str, stage: Stage, reviewer: str) -> Item:
    """Undo one's vote; free until the required votes are in, for those who have left as well."""
    with opened.review.transaction():
        report = queries.find_report(opened.review.connection, reference)
        found = _open_item(opened, report, stage, reviewer)  # whatever the text waits for: taking back needs no text
        if reviewer not in {v.reviewer for v in found.votes}:
            raise DecisionError(f"{found.report}: {reviewer} has no vote at {stage} to take back")
        body = {"report": found.report, "stage": stage, "round": found.round, "verdict": "withdrawn", "reason": None,
                "note": ""}  # fmt: skip
        opened.review.append(reviewer, "vote", body)
        return item(opened, found.report, stage)


def resolve(
    opened: Open,
    reference: str,
    stage: Stage,
    adjudicator: str,
    verdict: Verdict,
    reason: str | None = None,
    note: str = "",
) -> Item:
    """A third person's ruling on a conflict: of any adjudicator who serves today, did not vote on it and had no part
    in its study. DecisionError says why it cannot be."""
    review = opened.review
    check_adjudicator(opened.spec, adjudicator, stage, today(opened))  # before anything is said of the item
    with review.transaction():
        found = item(opened, queries.find_report(review.connection, reference), stage)
        voters = [v.reviewer for v in found.votes]
        # First who, then whether: a voter is told the same, in conflict or not.
        check_resolution(opened.spec, adjudicator, voters, stage, verdict, reason or "", today(opened))
        check_uninvolved(opened, adjudicator, found.report)
        if found.state != "conflict":
            raise DecisionError(
                f"{found.report}: no conflict at {stage} (it stands at {found.state}): nothing to resolve"
            )
        body = {"report": found.report, "stage": stage, "round": found.round, "verdict": verdict, "reason": reason,
                "note": note}  # fmt: skip
        review.append(adjudicator, "resolution", body)
        return _closed(opened, found)


def reopen(opened: Open, reference: str, stage: Stage, person: str, why: str) -> None:
    """A new round for a report at a stage; the closed verdict stays in force until the new round closes.

    Only a round that has its required votes is reopened, or a report of the previous version: an open round takes
    votes and their undoing, and a second one would hide the votes that it has.
    """
    known_person(opened, person)
    if not why.strip():
        raise InputError("a reopening needs its reason: --reopen WHY")
    with opened.review.transaction():
        connection = opened.review.connection
        report = queries.find_report(connection, reference)
        found = item(opened, report, stage)
        closed_before = not found.round and report in queries.previous_reports(connection)
        if found.state == "awaiting" and not closed_before:
            raise DecisionError(f"{report}: is open at {stage}, or not there yet: there is nothing to reopen")
        opened.review.append(person, "reopen", {"subject": report, "stage": stage, "why": why})


def _open_item(opened: Open, report: str, stage: Stage, reviewer: str) -> Item:
    """The item, if this reviewer may still vote on it."""
    found = item(opened, report, stage)
    voters = {v.reviewer for v in found.votes}
    if found.state != "awaiting" or (reviewer not in voters and len(voters) >= opened.spec.screening.votes_needed):
        raise DecisionError(
            f"{found.report}: has its required votes at {stage}: a change is a reopening: "
            f"`lsr decide {found.report} --stage {stage} --reviewer {reviewer} --reopen WHY`"
        )
    return found


def _at_stage(opened: Open, found: Item) -> None:
    connection = opened.review.connection
    if found.stage == "title-abstract":
        if not found.round and found.report in queries.previous_reports(connection):
            raise DecisionError(f"{found.report}: is in the previous version: reopen it first, with a reason")
        return
    if waits := screening.awaits(connection, found.report):
        raise DecisionError(
            f"{found.report}: awaits {waits}: `lsr decide {found.report} --awaiting nothing` when it has come"
        )
    if found.round:
        return
    if queries.verdict_in_force(connection, found.report, "title-abstract") != "include":
        raise DecisionError(f"{found.report}: not at full text: title and abstract are not closed with include")
    if not queries.retrieved(connection, found.report):
        raise DecisionError(f"{found.report}: its full text was not retrieved: `lsr decide {found.report} --retrieved`")


def _closed(opened: Open, before: Item) -> Item:
    """The item after a write; a report judged at full text joins or leaves its studies."""
    after = item(opened, before.report, before.stage)
    if after.stage == "full-text" and after.state in ("include", "exclude"):
        studies.judged(opened, after.report, included=after.state == "include")
    return after
