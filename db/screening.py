"""Questions of screening: the votes of closed rounds, full texts and what they wait for, the lists behind status."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from db.model import Record, Stage
from db.queries import ids_of, marks
from db.records import from_json


@dataclass(frozen=True, slots=True)
class ClosedVote:
    """A vote in a round that is closed; `number` counts the rounds of the report at that stage from 1."""

    report: str
    stage: Stage
    number: int
    reviewer: str
    verdict: str


@dataclass(frozen=True, slots=True)
class FullText:
    """What is known of a report's full text, by the last word on it."""

    report: str
    got: bool
    route: str
    sha256: str
    file: str
    licence: str
    supplement: str
    language: str
    why: str


@dataclass(frozen=True, slots=True)
class Contact:
    """A question to a report's authors; `answer` is empty while there is none."""

    report: str
    asked_on: str
    about: str
    answer: str
    person: str


def closed_votes(connection: sqlite3.Connection) -> list[ClosedVote]:
    """Every vote of every closed round, before adjudication; nothing of a round that is open or in conflict."""
    rows = connection.execute(
        """WITH closed AS MATERIALIZED (
          SELECT report, stage, round, verdict, row_number() OVER (PARTITION BY report, stage ORDER BY rank) number
          FROM v_round_verdict)
        SELECT c.report, c.stage, c.number, v.reviewer, v.verdict FROM closed c
        JOIN v_vote v ON v.report = c.report AND v.stage = c.stage AND v.round = c.round
        WHERE c.verdict IN ('include', 'exclude') ORDER BY c.report, c.stage, c.number, v.reviewer"""
    )
    return [ClosedVote(*row) for row in rows]


def conflicts_by_stage(connection: sqlite3.Connection) -> dict[str, int]:
    """{stage: items whose votes differ and await the adjudicator}."""
    return dict(connection.execute("SELECT stage, count(*) FROM v_open WHERE state = 'conflict' GROUP BY stage"))


def printed(connection: sqlite3.Connection, report: str) -> list[Record]:
    """What each record of a report prints of it: one may name all authors, another the first alone."""
    ids = ids_of(connection, report)
    rows = connection.execute(f"SELECT body FROM v_content WHERE record IN ({marks(ids)}) ORDER BY record", ids)
    return [from_json(body) for (body,) in rows]


def linked_reports(connection: sqlite3.Connection, report: str) -> dict[str, list[str]]:
    """{study: its reports} of each study that a report is linked to now; by point queries."""
    ids = ids_of(connection, report)
    rows = connection.execute(f"SELECT DISTINCT study FROM link WHERE report IN ({marks(ids)}) ORDER BY 1", ids)
    named = [study for (study,) in rows]
    if not named:
        return {}
    found: dict[str, list[str]] = {}
    for study, other in connection.execute(
        f"SELECT study, report FROM v_link WHERE state = 'linked' AND study IN ({marks(named)}) ORDER BY 1, 2", named
    ):
        found.setdefault(study, []).append(other)
    return {study: reports for study, reports in found.items() if report in reports}


def reports_of(connection: sqlite3.Connection, study: str) -> list[str]:
    """The reports that are linked to a study."""
    rows = connection.execute("SELECT report FROM v_link WHERE state = 'linked' AND study = ? ORDER BY 1", (study,))
    return [report for (report,) in rows]


def awaits(connection: sqlite3.Connection, report: str) -> str:
    """What the full text waits for before it can be judged: translation, classification, or "" for nothing."""
    ids = ids_of(connection, report)
    row = connection.execute(
        f"""SELECT a.what FROM awaiting a JOIN seen e ON e.n = a.n WHERE a.report IN ({marks(ids)})
        ORDER BY e.clock DESC, e.hash DESC LIMIT 1""",
        ids,
    ).fetchone()
    return "" if row is None or row[0] == "nothing" else str(row[0])


def waiting(connection: sqlite3.Connection) -> dict[str, tuple[str, str]]:
    """{report: (what it waits for, why)}."""
    rows = connection.execute("SELECT report, what, why FROM v_awaiting ORDER BY report")
    return {report: (what, why) for report, what, why in rows}


def full_texts(connection: sqlite3.Connection) -> list[FullText]:
    """The last word on each full text that people sought."""
    rows = connection.execute(
        "SELECT report, got, route, sha256, file, licence, supplement, language, why FROM v_retrieval ORDER BY report"
    )
    return [FullText(report, bool(got), *rest) for report, got, *rest in rows]


def contacts(connection: sqlite3.Connection) -> list[Contact]:
    """Every question to authors, oldest first, with the last answer."""
    rows = connection.execute("SELECT report, asked_on, about, answer, author FROM v_contact ORDER BY 2, 1, 3")
    return [Contact(*row) for row in rows]
