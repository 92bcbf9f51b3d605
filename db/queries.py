"""Questions about reports, votes and links. Screens ask the indexed tables; status and pages ask the views."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

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
    for _ in range(8):  # as in v_report_of
        row = connection.execute(
            """SELECT a.report FROM assign a JOIN entry e ON e.n = a.n WHERE a.record = ?
            ORDER BY e.clock DESC, e.hash DESC LIMIT 1""",
            (record,),
        ).fetchone()
        if row is None or row[0] == record:
            return record
        record = row[0]
    return record


def ids_of(connection: sqlite3.Connection, report: str) -> list[str]:
    """The report's id, and the ids of records that are or were assigned to it: votes name any of them."""
    rows = connection.execute("SELECT DISTINCT record FROM assign WHERE report = ?", (report,)).fetchall()
    return [
        report,
        *(record for (record,) in rows if record != report and report_of(connection, record) == report),
    ]


def current_round(connection: sqlite3.Connection, subject: str, stage: str) -> str:
    """'' or the hash of the newest reopening of a report (or, for extraction, of a study)."""
    ids = ids_of(connection, subject)
    row = connection.execute(
        f"""SELECT o.round FROM reopen o JOIN entry e ON e.n = o.n WHERE o.subject IN ({marks(ids)}) AND o.stage = ?
        ORDER BY e.clock DESC, e.hash DESC LIMIT 1""",
        (*ids, stage),
    ).fetchone()
    return "" if row is None else str(row[0])


def votes(connection: sqlite3.Connection, report: str, stage: Stage, round: str) -> list[Vote]:
    """The last vote of each reviewer in a round, withdrawn ones left out. Callers keep reviewers blind."""
    ids = ids_of(connection, report)
    rows = connection.execute(
        f"""SELECT reviewer, verdict, reason, note FROM (SELECT v.*, row_number() OVER (
          PARTITION BY v.report, v.reviewer ORDER BY e.clock DESC, e.hash DESC) k
          FROM vote v JOIN entry e ON e.n = v.n WHERE v.report IN ({marks(ids)}) AND v.stage = ? AND v.round = ?)
        WHERE k = 1 AND verdict <> 'withdrawn' ORDER BY reviewer""",
        (*ids, stage, round),
    )
    return [Vote(*row) for row in rows]


def resolutions(connection: sqlite3.Connection, report: str, stage: Stage, round: str) -> list[str]:
    """Verdicts of the adjudicator in a round (more than one distinct only after a merge)."""
    ids = ids_of(connection, report)
    rows = connection.execute(
        f"SELECT DISTINCT verdict FROM resolution WHERE report IN ({marks(ids)}) AND stage = ? AND round = ?",
        (*ids, stage, round),
    )
    return [verdict for (verdict,) in rows]


def verdict_in_force(connection: sqlite3.Connection, report: str, stage: Stage) -> str | None:
    """include, exclude, or None before any round closed."""
    row = connection.execute("SELECT verdict FROM v_verdict WHERE report = ? AND stage = ?", (report, stage)).fetchone()
    return None if row is None else str(row[0])


def voted_at(connection: sqlite3.Connection, report: str, stage: Stage) -> bool:
    """Whether anybody ever voted on the report at a stage."""
    ids = ids_of(connection, report)
    query = f"SELECT 1 FROM vote WHERE report IN ({marks(ids)}) AND stage = ? LIMIT 1"
    return connection.execute(query, (*ids, stage)).fetchone() is not None


def retrieved(connection: sqlite3.Connection, report: str) -> bool | None:
    """Whether the full text was retrieved; None while nobody said."""
    row = connection.execute("SELECT got FROM v_retrieval WHERE report = ?", (report,)).fetchone()
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
        mine AS MATERIALIZED (SELECT report, round FROM v_vote WHERE stage = :stage AND reviewer = :reviewer),
        waiting AS (SELECT report FROM {view} WHERE box = :box UNION SELECT report FROM o WHERE round <> '')
        SELECT w.report FROM waiting w LEFT JOIN o ON o.report = w.report
        LEFT JOIN mine m ON m.report = w.report AND m.round = coalesce(o.round, '')
        WHERE m.report IS NULL AND coalesce(o.state, 'awaiting') = 'awaiting' AND coalesce(o.votes, 0) < :needed
        ORDER BY w.report""",
        {"stage": stage, "reviewer": reviewer, "box": box, "needed": votes_needed},
    )
    return [report for (report,) in rows]


def conflicts(connection: sqlite3.Connection) -> list[tuple[str, Stage]]:
    """Reports on which the required votes differ, with their stage."""
    return connection.execute("SELECT report, stage FROM v_open WHERE state = 'conflict' ORDER BY 1, 2").fetchall()


def record_of(connection: sqlite3.Connection, report: str) -> Record:
    """What was printed of a report: its own record's content, gaps filled from its other records."""
    ids = ids_of(connection, report)
    rows = connection.execute(f"SELECT record, body FROM v_content WHERE record IN ({marks(ids)})", ids).fetchall()
    bodies = dict(rows)
    merged: dict[str, object] = {}
    for record in ids:
        for key, value in json.loads(bodies.get(record, "{}")).items():
            merged.setdefault(key, value)
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
    """The reports of the review that this one continues."""
    return frozenset(report for (report,) in connection.execute("SELECT report FROM v_previous"))


def archived_replies(connection: sqlite3.Connection) -> dict[str, list[tuple[str, int, str, str]]]:
    """{request: its replies in order, as (sha256, status, at, composed)} of each source's last run: for a replay."""
    index: dict[str, list[tuple[str, int, str, str]]] = {}
    rows = connection.execute(
        """SELECT r.request, r.sha256, r.status, r.at, r.composed FROM reply r JOIN (
          SELECT u.n, row_number() OVER (PARTITION BY u.source ORDER BY e.clock DESC, e.hash DESC) k
          FROM run u JOIN entry e ON e.n = u.n) last ON last.n = r.n AND last.k = 1
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
        """SELECT u.id, u.source, u.arm, u.query, u.searched_at, u.replayed, u.composed, u.hits, u.new_records, u.log
        FROM run u JOIN seen e ON e.n = u.n ORDER BY e.clock, e.hash"""
    )
    for *fields, log in rows:
        run, source, arm, query, at, replayed, composed, hits, new = fields
        lines = tuple((str(name), str(text)) for name, text in json.loads(log))
        yield Run(run, source, arm, query, at, bool(replayed), composed, hits, new, lines)


def marks(values: list[str]) -> str:
    """As many question marks as values, for an IN list."""
    return ",".join("?" * len(values))
