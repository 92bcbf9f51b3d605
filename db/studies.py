"""Questions about studies and their reports: overlap, which report's data count, reopenings, companions."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, fields

from db import queries
from db.model import Link
from db.review import Review
from db.which_report import Candidate, Chosen, Word, choose_all


@dataclass(frozen=True, slots=True)
class Said:
    """One person's last word on an overlap (the machine's, while no person spoke)."""

    author: str
    certainty: str
    patients: int | None
    keep: str | None
    why: str
    ruling: bool


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two studies with patients in common, `a` < `b`, as view v_overlap has it.

    `keep` is the study that two people, or the adjudicator, chose; `state` is decided, ruled, proposed (one person
    chose), conflict (two chose differently) or undecided.
    """

    a: str
    b: str
    certainty: str  # certain, probable, possible
    patients: int | None
    keep: str | None
    state: str
    said: tuple[Said, ...] = ()


@dataclass(frozen=True, slots=True)
class Reopening:
    """A study reopened for the data of one report. `lacking`: how many outcomes that the study has values of have none
    that is closed from this report; at least 1 while nothing of it is closed."""

    round: str
    study: str
    report: str
    why: str
    lacking: int


@dataclass(frozen=True, slots=True)
class Companion:
    """A report of an included study. `main`: the study's first one; `previous`: of the previous version."""

    study: str
    report: str
    main: bool
    previous: bool
    study_previous: bool


def overlaps(connection: sqlite3.Connection) -> list[Overlap]:
    """Every overlap in force, with who said what."""
    said: dict[tuple[str, str], list[Said]] = {}
    words = (
        "SELECT a, b, author, certainty, patients, keep, why, ruling FROM v_overlap_said ORDER BY a, b, ruling, author"
    )
    for a, b, author, certainty, patients, keep, why, ruling in connection.execute(words):
        said.setdefault((a, b), []).append(Said(author, certainty, patients, keep, why, bool(ruling)))
    rows = connection.execute("SELECT a, b, certainty, patients, keep, state FROM v_overlap ORDER BY a, b")
    return [
        Overlap(a, b, certainty, patients, keep, state, tuple(said[a, b]))
        for a, b, certainty, patients, keep, state in rows
    ]


def overlap_said(connection: sqlite3.Connection, a: str, b: str) -> list[Said]:
    """The last words on a pair, those that say "none" among them."""
    rows = connection.execute(
        """SELECT author, certainty, patients, keep, why, ruling FROM v_overlap_said WHERE a = ? AND b = ?
        ORDER BY ruling, author""",
        (a, b),
    )
    return [
        Said(author, certainty, patients, keep, why, bool(ruling))
        for author, certainty, patients, keep, why, ruling in rows
    ]


def first_seen(connection: sqlite3.Connection) -> dict[str, int]:
    """{study: the clock at which it came into the review}."""
    rows = connection.execute("SELECT s.study, min(e.clock) FROM study s JOIN seen e ON e.n = s.n GROUP BY s.study")
    return dict(rows.fetchall())


def printed_dates(connection: sqlite3.Connection) -> dict[str, tuple[str, str]]:
    """{included study: the earliest and the latest date printed on its reports}; "" where none is printed."""
    rows = connection.execute(
        """SELECT study, coalesce(min(nullif(printed, '')), ''), coalesce(max(printed), '') FROM (
          SELECT i.study, (SELECT coalesce(c.body ->> '$.date', CAST(c.body ->> '$.year' AS TEXT)) FROM v_content c
            WHERE c.record = i.report) printed FROM v_included i)
        GROUP BY study"""
    )
    return {study: (first, last) for study, first, last in rows}


# Which report's data count ------------------------------------------------------------------------------------------


def candidates(connection: sqlite3.Connection) -> list[Candidate]:
    """The primary values in force of the included studies' reports, of all cohorts."""
    rows = connection.execute(
        """SELECT outcome, denominator, study, cohort, status, events, total, report, timepoint, reading, second_hand,
        source_kind, printed, data_cut, types FROM v_candidate"""
    )
    names = [field.name for field in fields(Candidate)]
    found = (dict(zip(names, row, strict=True)) for row in rows)
    return [
        Candidate(**r | {"second_hand": bool(r["second_hand"]), "types": tuple(json.loads(r["types"]))}) for r in found
    ]


def report_words(connection: sqlite3.Connection) -> list[Word]:
    """People's last words on which report counts, and on which reports are of a part of the patients."""
    rows = connection.execute(
        "SELECT study, report, mark, outcome, cohort, why, author FROM v_report_choice ORDER BY 1, 4, 5, 2"
    )
    return [Word(*row) for row in rows]


def report_rule(connection: sqlite3.Connection) -> tuple[str, ...]:
    """[reports] prefer of the protocol in force; empty where it says nothing."""
    rows = connection.execute(
        "SELECT r.rule FROM protocol_report_rule r JOIN v_protocol p ON p.n = r.n ORDER BY r.rank"
    )
    return tuple(rule for (rule,) in rows)


def report_choices(connection: sqlite3.Connection) -> list[Chosen]:
    """For each included study, cohort, outcome and denominator the value that counts, and why."""
    return choose_all(candidates(connection), report_rule(connection), report_words(connection))


# Reports that join a study ------------------------------------------------------------------------------------------


def caused(connection: sqlite3.Connection, report: str) -> list[tuple[str, str]]:
    """(study, round) of the reopenings for a report that nobody withdrew (point queries)."""
    ids = queries.ids_of(connection, report)
    rows = connection.execute(
        f"""SELECT c.study, c.round FROM reopen_cause c JOIN seen e ON e.n = c.n
        WHERE c.report IN ({queries.marks(ids)}) AND NOT EXISTS (
          SELECT 1 FROM reopen_withdrawal w JOIN seen d ON d.n = w.n WHERE w.round = c.round)
        ORDER BY e.clock""",
        ids,
    )
    return rows.fetchall()


def has_data(connection: sqlite3.Connection, study: str) -> bool:
    """Whether anybody ever entered a value for a study."""
    query = "SELECT 1 FROM datum d JOIN seen e ON e.n = d.n WHERE d.study = ? LIMIT 1"
    return connection.execute(query, (study,)).fetchone() is not None


def reopenings(connection: sqlite3.Connection) -> list[Reopening]:
    """Studies that wait for the data of a report: it is included, not all is closed, and nobody withdrew it."""
    if connection.execute("SELECT 1 FROM reopen_cause LIMIT 1").fetchone() is None:
        return []  # most reviews at most times: the views below are of the whole review
    rows = connection.execute(
        """WITH cause AS MATERIALIZED (SELECT * FROM v_reopen_cause),
        closed AS MATERIALIZED (SELECT DISTINCT study, report, outcome FROM v_cell_state
          WHERE state IN ('agreed', 'resolved') AND study IN (SELECT study FROM cause)),
        wanted AS MATERIALIZED (SELECT DISTINCT study, outcome FROM v_value WHERE study IN (SELECT study FROM cause)),
        included AS MATERIALIZED (SELECT study, report FROM v_included WHERE study IN (SELECT study FROM cause)),
        open AS (SELECT c.*, (SELECT count(*) FROM wanted w WHERE w.study = c.study
            AND (c.study, c.report, w.outcome) NOT IN (SELECT study, report, outcome FROM closed))
          + ((c.study, c.report) NOT IN (SELECT study, report FROM closed)) lacking
          FROM cause c WHERE (c.study, c.report) IN included)
        SELECT round, study, report, why, lacking FROM open WHERE lacking > 0 ORDER BY clock"""
    )
    return [Reopening(*row) for row in rows]


def new_reports(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
    """(report, study, linked or proposed): reports found for included studies that nobody has judged to the end."""
    found = connection.execute(
        """WITH here AS MATERIALIZED (SELECT study, report FROM v_included)
        SELECT l.report, l.study, l.state FROM v_link l
        WHERE l.state IN ('linked', 'proposed') AND l.study IN (SELECT study FROM here WHERE report <> l.report)
          AND (l.report, l.study) NOT IN (SELECT report, study FROM here)
        ORDER BY l.state, l.report, l.study"""
    ).fetchall()
    if not found:
        return []  # in most weeks: where each record stands need not be worked out
    rows = connection.execute(
        """SELECT report, max(coalesce(report_box, '') = 'included') FROM v_record WHERE box = 'awaiting screening'
        OR report_box IN ('awaiting retrieval', 'awaiting assessment', 'included') GROUP BY report"""
    )
    waits = dict(rows.fetchall())
    return [one for one in found if one[0] in waits and (one[2] == "proposed" or not waits[one[0]])]


def companions(connection: sqlite3.Connection) -> list[Companion]:
    """The reports of every included study, as PRISMA counts reports: the study's first report first.

    Those with `study_previous` and not `previous` are the new reports of previously included studies.
    """
    rows = connection.execute(
        """SELECT study, report, k = 1, previous, max(previous) OVER (PARTITION BY study) FROM (
          SELECT study, report, previous, row_number() OVER (PARTITION BY study
            ORDER BY previous DESC, printed = '', printed, report) k
          FROM (SELECT i.study, i.report, max(i.previous) previous, coalesce((
              SELECT coalesce(c.body ->> '$.date', CAST(c.body ->> '$.year' AS TEXT)) FROM v_content c
              WHERE c.record = i.report), '') printed FROM v_included i GROUP BY i.study, i.report))
        ORDER BY study, k"""
    )
    return [Companion(study, report, *map(bool, flags)) for study, report, *flags in rows]


def append_link(review: Review, author: str, found: Link) -> None:
    """One link, proposal or refusal as an entry."""
    body = {"report": found.report, "study": found.study, "state": found.state, "evidence": list(found.evidence)}
    review.append(author, "link", body)
