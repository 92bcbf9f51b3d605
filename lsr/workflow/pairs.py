"""People's decisions on duplicates: two reports are the same, are different; a record is none of a report's; undo.

Each is one entry by the person who decided. What follows from it (which record belongs to which report) is worked out
anew around the pair, in the same transaction, so undo restores what was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Literal

from curation.pairsheet import Decided, read_decisions, write_pairs
from db import duplicates as stored
from db import queries
from db.duplicates import Pair
from db.errors import DecisionError, InputError
from lsr.workflow.duplicates import Settled, candidates_around, settle_scope
from lsr.workflow.folder import Open
from lsr.workflow.people import known_person
from lsr.workflow.reports import record_of

Verdict = Literal["same", "different"]
# No command writes such an assignment; a script, or an older program, may have.
_BY_HAND = "a person assigned a record of it by hand, which stands"


@dataclass(frozen=True, slots=True)
class Answered:
    """A decision: the two records it names, and the reports that they belong to after it."""

    a: str
    b: str
    reports: tuple[str, ...]
    settled: Settled


def find_pair(opened: Open, words: Sequence[str]) -> tuple[str, str]:
    """The two records that a person means: by the name of a pair that is known, or by two references (record id, DOI
    or PMID). InputError if it is neither."""
    connection = opened.review.connection
    if len(words) == 2:
        a, b = (_record(opened, word) for word in words)
        if a == b:
            raise InputError(f"{words[0]} and {words[1]} are one record: name two")
        return a, b
    if len(words) != 1:
        raise InputError("name a pair (`lsr dedupe` lists them) or two records")
    queued = next((pair for pair in stored.queue(connection) if pair.name == words[0]), None)
    found = [queued] if queued else stored.pairs_named(connection, words[0])
    if not found:
        raise InputError(f"no pair {words[0]!r}: `lsr dedupe` lists those that await an answer; or name two records")
    return found[0].a, found[0].b


def decide(opened: Open, a: str, b: str, person: str, verdict: Verdict, why: str = "") -> Answered:
    """A person says that the reports of two records are one publication, or that they are not.

    DecisionError if they are one report already, or a person said the opposite: that is taken back first.
    """
    known_person(opened, person)
    connection = opened.review.connection
    with opened.review.transaction():
        one, other = queries.report_of(connection, a), queries.report_of(connection, b)
        if one == other:
            raise DecisionError(
                f"{a} and {b} are records of one report already, {one}"
                + (f": part one with `lsr dedupe {one} --part RECORD`" if verdict == "different" else "")
            )
        opposite = "different" if verdict == "same" else "same"
        said = next((pair for pair in _decided_between(opened, one, other) if pair.decided == opposite), None)
        if said is not None:
            raise DecisionError(
                f"{said.decider} said that {said.a} and {said.b} are {opposite}: take that back first: "
                f"`lsr dedupe {said.a} {said.b} --undo`"
            )
        sides = ([a], [b]) if verdict == "same" else (_members(opened, one), _members(opened, other))
        _enter(opened, person, verdict, list(product(*sides)), why)
        answer = _answered(opened, a, b)
        if verdict == "same" and len(answer.reports) > 1:
            raise DecisionError(f"{a} and {b}: {_BY_HAND}")
        return answer


def part(opened: Open, reference: str, record: str, person: str, why: str) -> Answered:
    """A person says that a record is none of a report's, whoever joined it: it is parted, and stays so until a person
    takes this back. DecisionError if the report has no other record; InputError without a reason."""
    known_person(opened, person)
    if not why.strip():
        raise InputError("a record is parted with a reason: --why WHY")
    connection = opened.review.connection
    with opened.review.transaction():
        report = queries.find_report(connection, reference)
        record = _record(opened, record)
        members = _members(opened, report)
        if record not in members:
            raise DecisionError(f"{record} is no record of {report}: it has {', '.join(members)}")
        others = [member for member in members if member != record]
        if not others:
            raise DecisionError(f"{report} has no other record: there is nothing to part")
        _enter(opened, person, "different", [(record, other) for other in others], why)
        answer = _answered(opened, record, others[0])
        if set(_members(opened, queries.report_of(connection, record))) & set(others):
            raise DecisionError(f"{record}: {_BY_HAND}")
        return answer


def undo(opened: Open, a: str, b: str, person: str, why: str = "") -> Answered:
    """Take back what people decided on two records, or between their two reports; what held before holds again.

    DecisionError if people decided nothing there.
    """
    known_person(opened, person)
    connection = opened.review.connection
    with opened.review.transaction():
        one, other = queries.report_of(connection, a), queries.report_of(connection, b)
        exactly = [p for p in stored.pairs(connection, [a]) if {p.a, p.b} == {a, b} and p.decided]
        decided = exactly if one == other else _decided_between(opened, one, other)
        if not decided:
            inside = [p for p in stored.pairs(connection, _members(opened, one)) if p.decided == "same"]
            hint = "; ".join(f"{p.decider}: {p.a} and {p.b} are the same" for p in inside if one == other)
            raise DecisionError(
                f"nobody decided on {a} and {b}: there is nothing to undo" + (f" ({hint})" if hint else "")
            )
        before: dict[str, list[tuple[str, str]]] = {}
        for two in {two for p in decided for two in stored.decided_with(connection, p.a, p.b)}:
            before.setdefault(stored.said_before(connection, *two) or "undone", []).append(two)
        for state, taken_back in sorted(before.items()):
            _enter(opened, person, state, taken_back, why)
        return _answered(opened, a, b)


def parted(opened: Open, reference: str, record: str) -> tuple[str, str]:
    """The record and one of those that a person parted it from, of the report named rather than of another: what
    `undo` takes back. DecisionError if nobody parted it."""
    connection = opened.review.connection
    record, report = _record(opened, record), queries.find_report(connection, reference)
    apart = [p for p in stored.pairs(connection, [record]) if p.decided == "different"]
    others = [p.b if p.a == record else p.a for p in apart]
    others.sort(key=lambda other: (queries.report_of(connection, other) != report, other))
    if not others:
        raise DecisionError(f"{record}: nobody parted it from a report: there is nothing to undo")
    return record, others[0]


def write_queue(opened: Open, path: Path) -> int:
    """The queue as a sheet to fill in; returns how many pairs it holds. Each side is its report at its richest."""
    connection = opened.review.connection
    queue = stored.queue(connection)
    write_pairs(
        path, ((p.a, p.b, record_of(connection, p.one), record_of(connection, p.other), p.evidence) for p in queue)
    )
    return len(queue)


def read_queue(opened: Open, path: Path, person: str) -> list[tuple[Decided, Answered]]:
    """Enter the decisions of a filled sheet: all or none. A row that says what holds already is passed over."""
    known_person(opened, person)
    connection = opened.review.connection
    answered = []
    with opened.review.transaction():
        for row in read_decisions(path, stored.all_ids(connection)):
            reports = {queries.report_of(connection, record) for record in (row.a, row.b)}
            said = {p.decided for p in _decided_between(opened, *reports)} if len(reports) == 2 else {"same"}
            if row.decision not in said:
                try:
                    answered.append((row, decide(opened, row.a, row.b, person, row.decision, f"sheet {path.name}")))
                except DecisionError as error:
                    raise DecisionError(f"{path}: row {row.row}: {error}") from error
    return answered


def _record(opened: Open, reference: str) -> str:
    connection = opened.review.connection
    return reference if stored.existing(connection, [reference]) else queries.find_report(connection, reference)


def _members(opened: Open, report: str) -> list[str]:
    return sorted(queries.ids_of(opened.review.connection, report))


def _decided_between(opened: Open, one: str, other: str) -> list[Pair]:
    ours, theirs = set(_members(opened, one)), set(_members(opened, other))
    return [
        pair for pair in stored.pairs(opened.review.connection, ours)
        if pair.decided and bool({pair.a, pair.b} & ours) and bool({pair.a, pair.b} & theirs)
    ]  # fmt: skip


def _enter(opened: Open, person: str, state: str, two: Sequence[tuple[str, str]], why: str) -> None:
    items = sorted([*sorted(pair), 0, why] for pair in two)
    opened.review.append(person, "pair", {"state": state, "items": items})


def _answered(opened: Open, a: str, b: str) -> Answered:
    settled = settle_scope(opened, candidates_around(opened, (a, b)))
    connection = opened.review.connection
    reports = dict.fromkeys(queries.report_of(connection, record) for record in (a, b))
    return Answered(a, b, tuple(reports), settled)
