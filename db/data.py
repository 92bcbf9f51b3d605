"""Questions about extracted data, included studies, estimates and versions."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from db import studies
from db.canonical import canonical
from db.which_report import ALL


@dataclass(frozen=True, slots=True)
class Value:
    """A value in force, as view v_value gives it; counts are patients."""

    outcome: str
    denominator: str
    study: str
    status: str
    events: int | None
    total: int | None
    report: str
    reading: str
    second_hand: bool
    source_kind: str


@dataclass(frozen=True, slots=True)
class Cell:
    """A value in force with all that is known of it, for a study's page and the extraction sheet."""

    study: str
    cohort: str
    outcome: str
    timepoint: str
    denominator: str
    reading: str
    report: str
    role: str
    status: str
    events: int | None
    total: int | None
    place: str
    source_kind: str
    confidence: str
    why: str
    second_hand: bool


@dataclass(frozen=True, slots=True)
class Fact:
    """What is said of a study in words."""

    study: str
    field: str
    status: str
    value: str
    report: str
    place: str
    source_kind: str
    cohort: str = "all"
    row: str = ""


@dataclass(frozen=True, slots=True)
class Version:
    """A published, frozen state."""

    number: str
    reason: str
    at: str
    author: str
    heads: dict[str, list[Any]]
    frozen: dict[str, Any]


def pool_values(connection: sqlite3.Connection) -> list[Value]:
    """One value for each included study, outcome and denominator that any report or Table gives."""
    chosen = (c.value for c in studies.report_choices(connection) if c.value.cohort == ALL)
    values = [Value(**{field.name: getattr(value, field.name) for field in fields(Value)}) for value in chosen]
    return sorted(values, key=lambda value: (value.outcome, value.denominator, value.study))


def reproduction_values(connection: sqlite3.Connection) -> list[Value]:
    """The readings chosen because they reproduce the published review's figures. They feed no estimate."""
    rows = connection.execute(
        """SELECT outcome, denominator, study, status, events, total, report, reading, second_hand, source_kind
        FROM v_value WHERE role = 'reproduction' ORDER BY outcome, study"""
    )
    return [Value(**_named(Value, row)) for row in rows]


def alternative_values(connection: sqlite3.Connection) -> list[Value]:
    """The other readings of included studies' cells, of cohort "all". Readings that reproduce are not among them."""
    rows = connection.execute(
        """SELECT outcome, denominator, study, status, events, total, report, reading, second_hand, source_kind
        FROM v_value WHERE role = 'alternative' AND cohort = 'all'
          AND (study, report) IN (SELECT study, report FROM v_included)
        ORDER BY outcome, denominator, study, reading, report, timepoint"""
    )
    return [Value(**_named(Value, row)) for row in rows]


def publication_types(connection: sqlite3.Connection, reports: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """{report: its publication types as printed} of the reports named."""
    rows = connection.execute(
        """SELECT c.record, c.body ->> '$.publication_types' FROM v_content c
        WHERE c.record IN (SELECT value FROM json_each(?)) ORDER BY c.record""",
        (json.dumps(sorted(reports)),),
    )
    return {report: tuple(json.loads(types or "[]")) for report, types in rows}


def closed_by(connection: sqlite3.Connection, outcome: str) -> list[dict[str, str]]:
    """Who gave the first-hand values in force of an outcome: one line for each cell, extractor and way (origin).

    Closed cells only, so that nothing shows of another's extraction before both are in. `state`: agreed or resolved.
    """
    columns = ("study", "cohort", "timepoint", "denominator", "reading", "report", "state", "extractor", "origin")
    rows = connection.execute(
        """WITH closed AS MATERIALIZED (
          SELECT *, row_number() OVER (PARTITION BY study, cohort, timepoint, denominator, reading, report
            ORDER BY rank DESC, round DESC) k FROM v_cell_state WHERE outcome = ? AND state IN ('agreed', 'resolved'))
        SELECT c.study, c.cohort, c.timepoint, c.denominator, c.reading, c.report, c.state, d.extractor, d.origin
        FROM closed c JOIN v_datum d ON d.study = c.study AND d.cohort = c.cohort AND d.outcome = c.outcome
          AND d.timepoint = c.timepoint AND d.denominator = c.denominator AND d.reading = c.reading
          AND d.now = c.report AND d.round = c.round
        WHERE c.k = 1 AND d.origin <> 'previous' ORDER BY 1, 2, 3, 4, 5, 6, 9, 8""",
        (outcome,),
    )
    return [dict(zip(columns, row, strict=True)) for row in rows]


def cells(connection: sqlite3.Connection) -> list[Cell]:
    """Every value in force, readings and cohorts included."""
    rows = connection.execute(
        """SELECT study, cohort, outcome, timepoint, denominator, reading, report, role, status, events, total, place,
        source_kind, confidence, why, second_hand FROM v_value
        ORDER BY study, outcome, cohort, timepoint, denominator, role DESC, reading, report, second_hand"""
    )
    return [Cell(**_named(Cell, row)) for row in rows]


def facts(connection: sqlite3.Connection, *, second_hand_only: bool = False) -> list[Fact]:
    """The value in force of each study, cohort, field and row: words before silence, first hand before second, then
    the report entered last. `second_hand_only`: what the previous review said, whatever was extracted since."""
    rows = connection.execute(
        """SELECT study, field, status, value, report, place, source_kind, cohort, row FROM (
          SELECT f.*, row_number() OVER (PARTITION BY f.study, f.cohort, f.field, f.row
              ORDER BY f.status NOT IN ('reported', 'none'), f.second_hand, f.clock DESC, f.hash DESC) k,
            min(f.clock) OVER (PARTITION BY f.field) first
          FROM v_fact f WHERE f.second_hand OR NOT ?)
        WHERE k = 1 ORDER BY study, first, field, cohort, row""",
        (second_hand_only,),
    )
    return [Fact(*row) for row in rows]


def cohorts(connection: sqlite3.Connection, study: str) -> list[str]:
    """The cohorts that anybody named in a study."""
    rows = connection.execute(
        "SELECT DISTINCT c.cohort FROM cohort c JOIN seen e ON e.n = c.n WHERE c.study = ? ORDER BY 1", (study,)
    )
    return [cohort for (cohort,) in rows]


def included(connection: sqlite3.Connection) -> list[tuple[str, str, bool]]:
    """(study, report, whether of the previous version) of the included set."""
    rows = connection.execute("SELECT study, report, max(previous) FROM v_included GROUP BY 1, 2 ORDER BY 1, 2")
    return [(study, report, bool(previous)) for study, report, previous in rows]


def extraction_states(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    """Cells that two people extract: agreed, resolved, awaiting the second extractor, or in conflict."""
    columns = ("study", "cohort", "outcome", "timepoint", "denominator", "reading", "report", "round", "state")
    rows = connection.execute(f"SELECT {', '.join(columns)} FROM v_cell_state ORDER BY 1, 2, 3, 4, 5, 6, 7, 8")
    return [dict(zip(columns, row, strict=True)) for row in rows]


def extracted(connection: sqlite3.Connection, study: str, outcome: str) -> list[dict[str, Any]]:
    """Each extractor's last values for a study and outcome: for the adjudicator of closed cells only."""
    columns = ("cohort", "timepoint", "denominator", "reading", "now", "round", "extractor", "origin", "status",
               "events", "total", "role", "place", "quotation", "source_kind", "confidence", "why", "data_cut",
               "printed", "answer")  # fmt: skip
    rows = connection.execute(
        f"SELECT {', '.join(columns)} FROM v_datum WHERE study = ? AND outcome = ? AND origin <> 'previous'"
        " ORDER BY cohort, timepoint, denominator, reading, now, round, extractor",
        (study, outcome),
    )
    return [dict(zip(columns, row, strict=True)) for row in rows]


def previous_review(connection: sqlite3.Connection) -> dict[str, Any] | None:
    """What the review that this one continues says of itself, its printed figures included; None if there is none."""
    row = connection.execute(
        "SELECT r.body FROM previous_review r JOIN seen e ON e.n = r.n ORDER BY e.clock, e.hash LIMIT 1"
    ).fetchone()
    return None if row is None else json.loads(row[0])


def stored_estimates(connection: sqlite3.Connection, fingerprint: str) -> dict[str, Any] | None:
    """The estimates of a fingerprint, if they were computed before."""
    row = connection.execute("SELECT body FROM estimate WHERE fingerprint = ?", (fingerprint,)).fetchone()
    return None if row is None else json.loads(row[0])


def store_estimates(connection: sqlite3.Connection, fingerprint: str, body: dict[str, Any]) -> None:
    """Keep estimates; a second computation of the same fingerprint replaces the first."""
    connection.execute("INSERT OR REPLACE INTO estimate VALUES (?, ?)", (fingerprint, canonical(body)))


def versions(connection: sqlite3.Connection) -> list[Version]:
    """All versions, oldest first."""
    rows = connection.execute("SELECT number, reason, at, author, heads, frozen FROM v_version ORDER BY clock, hash")
    versions = (_named(Version, row) for row in rows)
    return [Version(**v | {name: json.loads(v[name]) for name in ("heads", "frozen")}) for v in versions]


def boxes(connection: sqlite3.Connection) -> list[tuple[str, str, str, int]]:
    """(level, side, box, n): level "record" or "report", side "databases", "other" or "previous"."""
    rows = connection.execute(
        """WITH r AS MATERIALIZED (SELECT side, box, report_box FROM v_record)
        SELECT 'record', side, box, count(*) FROM r GROUP BY 2, 3
        UNION ALL SELECT 'report', side, report_box, count(*) FROM r WHERE box = 'sought' GROUP BY 2, 3
        ORDER BY 1, 2, 3"""
    )
    return rows.fetchall()


def identified_by_side(connection: sqlite3.Connection) -> dict[tuple[str, str], int]:
    """{(side, source): records identified}, by the run that found them first, whatever arm the protocol names now."""
    rows = connection.execute(
        """SELECT iif(f.arm IN ('databases', 'registers'), 'databases', 'other') side, r.source, count(*)
        FROM v_first_run f JOIN record r ON r.id = f.record WHERE f.arm <> 'previous' GROUP BY 1, 2 ORDER BY 1, 2"""
    )
    return {(side, source): n for side, source, n in rows}


def excluded_by_reason(connection: sqlite3.Connection) -> dict[tuple[str, str], int]:
    """{(side, reason): reports} of the reports excluded at full text."""
    rows = connection.execute("SELECT side, reason, count(*) FROM v_report WHERE box = 'excluded' GROUP BY 1, 2")
    return {(side, reason): n for side, reason, n in rows}


def listing(connection: sqlite3.Connection) -> list[dict[str, str]]:
    """Every record with its box, and its report's box and reason where it was sought: the lists behind the numbers."""
    rows = connection.execute(
        """SELECT id, report, arm, side, box, coalesce(report_box, ''), coalesce(reason, '') FROM v_record
        ORDER BY id"""
    )
    columns = ("record", "report", "arm", "side", "box", "report_box", "reason")
    return [dict(zip(columns, row, strict=True)) for row in rows]


def unlinked(connection: sqlite3.Connection) -> list[str]:
    """Included reports that no person has yet put in a study."""
    return [report for (report,) in connection.execute("SELECT report FROM v_unlinked ORDER BY 1")]


def _named(kind: type[Value] | type[Cell] | type[Version], row: Iterable[Any]) -> dict[str, Any]:
    """A row by the names of a dataclass's fields; SQLite's 0 and 1 as booleans."""
    values = dict(zip((field.name for field in fields(kind)), row, strict=True))
    return values | {name: bool(values[name]) for name in ("second_hand",) if name in values}


def signers(connection: sqlite3.Connection) -> dict[str, list[str]]:
    """{version number: who signed it}."""
    rows = connection.execute("SELECT v.number, e.body -> '$.signed_by' FROM version v JOIN seen e ON e.n = v.n")
    return {number: json.loads(names or "[]") for number, names in rows}


def reopened(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
    """(report or study, stage, why) of open rounds: closed verdicts and closed data stay in force meanwhile."""
    rows = connection.execute(
        """SELECT o.subject, o.stage, o.why FROM reopen o JOIN seen e ON e.n = o.n
        WHERE o.stage = 'extraction' AND o.round NOT IN (SELECT round FROM reopen_cause) AND NOT EXISTS (
            SELECT 1 FROM v_cell_state c WHERE c.round = o.round AND c.state IN ('agreed', 'resolved'))
          AND NOT EXISTS (SELECT 1 FROM reopen p JOIN seen f ON f.n = p.n WHERE p.subject = o.subject
            AND p.stage = o.stage AND (f.clock, f.hash) > (e.clock, e.hash))
          OR o.round IN (SELECT round FROM v_open WHERE state NOT IN ('include', 'exclude'))
        ORDER BY 1, 2, e.clock"""
    )
    return [*rows.fetchall(), *((one.study, "extraction", one.why) for one in studies.reopenings(connection))]
