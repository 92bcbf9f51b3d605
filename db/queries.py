"""Questions about reports, votes and links. Screens ask the indexed tables; status and pages ask the views."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from db.errors import InputError
from db.identifiers import normalise_doi
from db.model import Link, Record, Stage
from db.records import from_json


@dataclass(frozen=True, slots=True)
class Vote:
    """One reviewer's last vote in a round."""

    reviewer: str
    verdict: str
    reason: str | None
    note: str


@dataclass(frozen=True, slots=True)
class Study:
    """One study: its id, the label people read, and its patients where known."""

    study: str
    label: str
    patients: int | None


@dataclass(frozen=True, slots=True)
class Run:
    """One line of the search log."""

    id: str
    source: str
    arm: str
    query: str
    searched_at: str
    replayed: bool
    composed: str
    hits: int
    new_records: int
    log: tuple[tuple[str, str], ...]
    updated: int = 0  # records known before that it brought with new content


def protocol_text(connection: sqlite3.Connection) -> str | None:
    """The protocol in force as people wrote it, or None before the first."""
    row = connection.execute("SELECT text FROM v_protocol").fetchone()
    return None if row is None else str(row[0])


def find_report(connection: sqlite3.Connection, reference: str) -> str:
    """The report that a person names by record id, DOI or PMID. InputError if none, or more than one."""
    if connection.execute("SELECT 1 FROM record WHERE id = ?", (reference,)).fetchone():
        return report_of(connection, reference)
    bare = reference.removeprefix("pmid:").removeprefix("doi:")
    field, value = ("pmid", bare) if bare.isdigit() else ("doi", normalise_doi(bare))
    rows = connection.execute("SELECT record FROM v_content WHERE body ->> ? = ?", (f"$.{field}", value)).fetchall()
    reports = sorted({report_of(connection, record) for (record,) in rows})
    if not reports:
        raise InputError(
            f"no report {reference!r}: name it by its id (pubmed:40445850), DOI or PMID; `lsr status --list` shows them"
        )
    if len(reports) > 1:
        raise InputError(f"{reference!r} names {len(reports)} reports: {', '.join(reports)}: use one of these ids")
    return reports[0]


def report_of(connection: sqlite3.Connection, record: str) -> str:
    """The report that a record belongs to now (point query on the indexed table)."""
    return _follow(connection, record)[0]


def ids_of(connection: sqlite3.Connection, report: str) -> list[str]:
    """The report's id, and the ids of the records that are assigned to it now: votes name any of them."""
    return list(_sides(connection, report))


def current_round(connection: sqlite3.Connection, subject: str, stage: str) -> str:
    """'' or the hash of the newest reopening of a report (or, for extraction, of a study)."""
    return _rounds(connection, ids_of(connection, subject), stage)[0]


def votes(connection: sqlite3.Connection, report: str, stage: Stage, round: str) -> list[Vote]:
    """The last vote of each reviewer in a round, withdrawn ones left out, as view v_vote has them: different votes on
    two reports found to be one are "unsure". Callers keep reviewers blind."""
    found = []
    for reviewer, said in sorted(_heard(connection, "vote", report, stage, round).items()):
        standing = [one for one in said if one[0] != "withdrawn"]
        verdicts = {verdict for verdict, _, _ in standing}
        reasons = sorted(reason for _, reason, _ in standing if reason is not None)
        note = min((note for _, _, note in standing), default="")
        if len(verdicts) == 1:
            found.append(Vote(reviewer, verdicts.pop(), reasons[0] if reasons else None, note))
        elif verdicts:
            found.append(Vote(reviewer, "unsure", None, note))
    return found


def resolutions(connection: sqlite3.Connection, report: str, stage: Stage, round: str) -> list[str]:
    """Verdicts of the adjudicators in a round (more than one distinct only after a merge)."""
    heard = _heard(connection, "resolution", report, stage, round)
    return sorted({verdict for said in heard.values() for verdict, _, _ in said})


def verdict_in_force(connection: sqlite3.Connection, report: str, stage: Stage) -> str | None:
    """include, exclude, or None before any round closed: what view v_verdict says, by point queries."""
    rule = connection.execute("SELECT votes_needed, title_abstract_rule, reasons_must_agree FROM v_protocol").fetchone()
    if rule is None:
        return None
    for round in _rounds(connection, ids_of(connection, report), stage):
        if ruled := resolutions(connection, report, stage, round):
            verdict = ruled[0] if len(ruled) == 1 else None
        else:
            either = stage == "title-abstract" and rule[1] == "either"
            verdict = _closed(votes(connection, report, stage, round), rule[0], either, bool(rule[2]))
        if verdict is not None:
            return verdict
    return None


def retrieved(connection: sqlite3.Connection, report: str) -> bool | None:
    """Whether the full text was retrieved; None while nobody said."""
    ids = ids_of(connection, report)
    row = connection.execute(
        f"""SELECT t.got FROM retrieval t JOIN seen e ON e.n = t.n WHERE t.report IN ({marks(ids)})
        ORDER BY e.clock DESC, e.hash DESC LIMIT 1""",
        ids,
    ).fetchone()
    return None if row is None else bool(row[0])


def to_vote_on(connection: sqlite3.Connection, stage: Stage, reviewer: str, votes_needed: int) -> list[str]:
    """Reports open at a stage that still want this reviewer's vote: not voted by them, not yet full, or reopened."""
    boxes = {
        "title-abstract": ("v_record", "awaiting screening"),
        "full-text": ("v_report", "awaiting assessment"),
    }
    view, box = boxes[stage]
    rows = connection.execute(
        f"""WITH o AS MATERIALIZED (SELECT report, round, state, votes FROM v_open WHERE stage = :stage),
        mine AS MATERIALIZED (SELECT report, round FROM v_vote WHERE stage = :stage AND reviewer = :reviewer)
        SELECT report FROM (SELECT report FROM {view} WHERE box = :box UNION SELECT report FROM o WHERE round <> '')
        WHERE report NOT IN (SELECT report FROM o WHERE state <> 'awaiting' OR votes >= :needed)
          AND report NOT IN (SELECT report FROM o WHERE (report, round) IN mine)
          AND (:stage <> 'full-text' OR report NOT IN (SELECT report FROM v_awaiting))
        ORDER BY report""",
        {"stage": stage, "reviewer": reviewer, "box": box, "needed": votes_needed},
    )
    return [report for (report,) in rows]


def conflicts(connection: sqlite3.Connection) -> list[tuple[str, Stage]]:
    """Reports on which the required votes differ, with their stage."""
    return connection.execute("SELECT report, stage FROM v_open WHERE state = 'conflict' ORDER BY 1, 2").fetchall()


def record_of(connection: sqlite3.Connection, report: str) -> Record:
    """What was printed of a report: its own record's content, gaps filled from its other records; registry ids of all.

    Records that were only retrieved (pages opened for the report's DOI) come last.
    """
    ids = ids_of(connection, report)
    rows = connection.execute(f"SELECT record, body FROM v_content WHERE record IN ({marks(ids)})", ids).fetchall()
    found = {record: json.loads(body) for record, body in rows}
    identified = _identified(connection, ids) if len(ids) > 1 else ids
    merged: dict[str, Any] = {}
    for record in sorted(ids, key=lambda record: record not in identified):  # stable: the report's own record first
        for key, value in found.get(record, {}).items():
            merged.setdefault(key, value)
    if trials := {trial for body in found.values() for trial in body.get("registry_ids", ())}:
        merged["registry_ids"] = sorted(trials)
    return from_json(json.dumps(merged))


def links(connection: sqlite3.Connection, state: str | None = None) -> list[Link]:
    """Reports and studies: what is linked, proposed, refused."""
    rows = connection.execute(
        "SELECT report, study, state, evidence FROM v_link WHERE ?1 IS NULL OR state = ?1 ORDER BY report, study",
        (state,),
    )
    return [Link(report, study, found, tuple(json.loads(evidence))) for report, study, found, evidence in rows]


def studies(connection: sqlite3.Connection) -> list[Study]:
    """All studies, in the order of their ids."""
    return [Study(*row) for row in connection.execute("SELECT study, label, patients FROM v_study ORDER BY study")]


def previous_reports(connection: sqlite3.Connection) -> frozenset[str]:
    """The reports of the review that this one continues, as they are named now."""
    rows = connection.execute("SELECT DISTINCT p.report FROM previous p JOIN seen e ON e.n = p.n").fetchall()
    return frozenset(report_of(connection, report) for (report,) in rows)


def merged_reports(connection: sqlite3.Connection) -> frozenset[str]:
    """The reports that have more than one record."""
    return frozenset(report for (report,) in connection.execute("SELECT DISTINCT report FROM v_report_of"))


def archived_replies(connection: sqlite3.Connection) -> dict[str, list[tuple[str, int, str, str]]]:
    """{request: its replies in order, as (sha256, status, at, composed)} of each source's last search: for a replay.

    An imported file is archived as a reply too, but nobody asks for it again.
    """
    index: dict[str, list[tuple[str, int, str, str]]] = {}
    rows = connection.execute(
        """SELECT r.request, r.sha256, r.status, r.at, r.composed FROM reply r JOIN (
          SELECT u.n, row_number() OVER (PARTITION BY u.source ORDER BY e.clock DESC, e.hash DESC) k
          FROM run u JOIN seen e ON e.n = u.n
          WHERE u.arm <> 'retrieval'
            AND NOT EXISTS (SELECT 1 FROM reply f WHERE f.n = u.n AND f.request LIKE 'FILE %')) last
        ON last.n = r.n AND last.k = 1
        ORDER BY r.n, r.k"""
    )
    for request, digest, status, at, composed in rows:
        index.setdefault(request, []).append((digest, status, at, composed))
    return index


def study_labels(connection: sqlite3.Connection) -> dict[str, str]:
    """{study: label} of all studies."""
    return dict(connection.execute("SELECT study, label FROM v_study ORDER BY study"))


def trials(connection: sqlite3.Connection) -> dict[str, tuple[str, ...]]:
    """{study: registry ids} of all studies that have any."""
    found: dict[str, list[str]] = {}
    for study, trial in connection.execute("SELECT study, trial FROM v_trial WHERE study IS NOT NULL ORDER BY 1, 2"):
        found.setdefault(study, []).append(trial)
    return {study: tuple(ids) for study, ids in found.items()}


def runs(connection: sqlite3.Connection) -> Iterator[Run]:
    """The search log, oldest first."""
    rows = connection.execute(
        """SELECT u.id, u.source, u.arm, u.query, u.searched_at, u.replayed, u.composed, u.hits, u.new_records,
          (SELECT count(*) FROM found f WHERE f.run = u.id) - u.new_records, u.log
        FROM run u JOIN seen e ON e.n = u.n ORDER BY e.clock, e.hash"""
    )
    for *fields, log in rows:
        run, source, arm, query, at, replayed, composed, hits, new, updated = fields
        lines = tuple((str(name), str(text)) for name, text in json.loads(log))
        yield Run(run, source, arm, query, at, bool(replayed), composed, hits, new, lines, updated)


def _identified(connection: sqlite3.Connection, ids: list[str]) -> frozenset[str]:
    """Those of the records that a search found."""
    rows = connection.execute(
        f"""SELECT f.record FROM found f JOIN run u ON u.id = f.run JOIN seen e ON e.n = u.n
        WHERE f.record IN ({marks(ids)}) AND u.arm <> 'retrieval'""",
        ids,
    )
    return frozenset(record for (record,) in rows)


def marks(values: list[str]) -> str:
    """As many question marks as values, for an IN list."""
    return ",".join("?" * len(values))


def _follow(connection: sqlite3.Connection, record: str) -> tuple[str, int]:
    """The report of a record, and the clock of the last assignment on the way there (0 if there is none)."""
    path, since = [record], 0
    while True:
        row = connection.execute(
            """SELECT a.report, coalesce(a.since, e.clock) FROM assign a JOIN seen e ON e.n = a.n WHERE a.record = ?
            ORDER BY e.author LIKE 'machine:%', e.clock DESC, e.hash DESC LIMIT 1""",
            (path[-1],),
        ).fetchone()
        if row is None or row[0] == path[-1]:
            return path[-1], since
        report, since = row[0], max(since, row[1])
        if report in path:  # assigned in a circle: one report, named by the least of its records
            return min(path[path.index(report) :]), since
        path.append(report)


def _sides(connection: sqlite3.Connection, report: str) -> dict[str, int]:
    """The report and the records that are assigned to it now, each with the clock since when: what votes on it name."""
    near, sides = [report], {report: 0}
    reached = {report}
    while near:
        rows = connection.execute("SELECT DISTINCT record FROM assign WHERE report = ? ORDER BY 1", (near.pop(),))
        for (record,) in rows.fetchall():
            if record not in reached:
                reached.add(record)
                near.append(record)
                head, since = _follow(connection, record)
                if head == report:
                    sides[record] = since
    return sides


def _rounds(connection: sqlite3.Connection, ids: list[str], stage: str) -> list[str]:
    """Every round of a report at a stage, the newest first; the first round of all is ''."""
    rows = connection.execute(
        f"""SELECT o.round, o.other FROM reopen o JOIN seen e ON e.n = o.n
        WHERE o.subject IN ({marks(ids)}) AND o.stage = ?
          AND o.n NOT IN (SELECT n FROM reopen_cause)  -- for one report's cells: it opens no round of the others
        ORDER BY e.clock DESC, e.hash DESC""",
        (*ids, stage),
    )
    return [*(round for round, other in rows if other is None or other in ids), ""]


def _heard(
    connection: sqlite3.Connection, table: Literal["vote", "resolution"], report: str, stage: Stage, round: str
) -> dict[str, list[tuple[str, str | None, str]]]:
    """{person: (verdict, reason, note) on each side of the report}, without what a later word on the whole replaced."""
    person = {"vote": "reviewer", "resolution": "adjudicator"}[table]
    sides = _sides(connection, report)
    named = marks(list(sides))
    rows = connection.execute(
        f"""SELECT report, {person}, clock, verdict, reason, note FROM (SELECT v.*, e.clock, row_number() OVER (
          PARTITION BY v.report, v.{person} ORDER BY e.clock DESC, e.hash DESC) k
          FROM {table} v JOIN seen e ON e.n = v.n WHERE v.report IN ({named}) AND v.stage = ? AND v.round = ?)
        WHERE k = 1""",
        (*sides, stage, round),
    ).fetchall()
    own = {who: clock for side, who, clock, *_ in rows if side == report}
    heard: dict[str, list[tuple[str, str | None, str]]] = {}
    for side, who, _, verdict, reason, note in rows:
        if side == report or own.get(who, 0) <= sides[side]:
            heard.setdefault(who, []).append((verdict, reason, note))
    return heard


def _closed(given: list[Vote], needed: int, either: bool, reasons_must_agree: bool) -> str | None:
    """include or exclude if the votes of a round close it: the rule of view v_round_verdict."""
    kinds = {vote.verdict for vote in given}
    if len(given) < needed:
        return None
    if kinds == {"exclude"}:
        return None if reasons_must_agree and len({vote.reason for vote in given}) > 1 else "exclude"
    return "include" if either or kinds == {"include"} else None
