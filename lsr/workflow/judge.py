"""Decisions of people on reports: votes, resolutions, reopenings, retrievals. Nothing is ever overwritten."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from curation.verdicts import check_resolution, check_vote, rule_of, verdict_of
from db import queries
from db.errors import DecisionError, InputError
from db.model import Stage, Verdict
from lsr.workflow import studies
from lsr.workflow.folder import Open
from lsr.workflow.people import known_person


@dataclass(frozen=True, slots=True)
class Item:
    """Where a report stands at a stage, in its newest round."""

    report: str
    stage: Stage
    round: str
    votes: tuple[queries.Vote, ...]
    state: str  # awaiting, include, exclude or conflict


def item(opened: Open, report: str, stage: Stage) -> Item:
    """The newest round of a report at a stage, with all its votes: for the rules, never shown to a reviewer."""
    connection, spec = opened.review.connection, opened.spec
    round = queries.current_round(connection, report, stage)
    votes = tuple(queries.votes(connection, report, stage, round))
    ruled = queries.resolutions(connection, report, stage, round)
    if ruled:
        state = ruled[0] if len(ruled) == 1 else "conflict"
    else:
        verdicts: list[Verdict] = [vote.verdict for vote in votes]  # type: ignore[misc]
        state = verdict_of(verdicts, spec.screening.votes_needed, rule_of(spec, stage))
        reasons = {vote.reason for vote in votes}
        if state == "exclude" and spec.screening.reasons_must_agree and len(reasons) > 1:
            state = "conflict"
    return Item(report, stage, round, votes, state)


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
    check_vote(opened.spec, reviewer, stage, verdict, reason or "")
    with review.transaction():
        found = _open_item(opened, reference, stage, reviewer)
        body = {"report": found.report, "stage": stage, "round": found.round, "verdict": verdict, "reason": reason,
                "note": note}  # fmt: skip
        review.append(reviewer, "vote", body)
        return _closed(opened, found)


def withdraw(opened: Open, reference: str, stage: Stage, reviewer: str) -> Item:
    """Undo one's vote; free until the required votes are in."""
    with opened.review.transaction():
        found = _open_item(opened, reference, stage, reviewer)
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
    """A third person's ruling on a conflict."""
    review = opened.review
    with review.transaction():
        found = item(opened, queries.find_report(review.connection, reference), stage)
        if found.state != "conflict":
            raise DecisionError(
                f"{found.report}: no conflict at {stage} (it stands at {found.state}): nothing to resolve"
            )
        voters = [v.reviewer for v in found.votes]
        check_resolution(opened.spec, adjudicator, voters, stage, verdict, reason or "")
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


def retrieve(
    opened: Open, reference: str, person: str, *, got: bool, route: str = "", file: Path | None = None
) -> None:
    """Whether the full text was got, by which route, and the hash of the file people keep in fulltext/.

    DecisionError where somebody judged the full text: what was read cannot become "not retrieved" behind the verdict.
    """
    known_person(opened, person)
    review = opened.review
    with review.transaction():
        report = queries.find_report(review.connection, reference)
        if not got and queries.voted_at(review.connection, report, "full-text"):
            raise DecisionError(f"{report}: was judged at full text, so it was retrieved: reopen it to judge anew")
        digest = ""
        if file is not None:
            import hashlib

            try:
                digest = hashlib.sha256(file.read_bytes()).hexdigest()
            except OSError as error:
                raise InputError(f"{file}: cannot be read ({error.strerror})") from error
        body = {"report": report, "got": int(got), "route": route, "sha256": digest}
        review.append(person, "retrieval", body)


def _open_item(opened: Open, reference: str, stage: Stage, reviewer: str) -> Item:
    """The item, if this reviewer may still vote on it."""
    connection = opened.review.connection
    found = item(opened, queries.find_report(connection, reference), stage)
    _at_stage(opened, found)
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
