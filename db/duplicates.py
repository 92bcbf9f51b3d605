"""Pairs of records that may be one publication: what machines found of them, what people decided, what awaits an
answer; and what the workflow needs to know of the records around a pair."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from db.model import Record
from db.queries import ids_of, report_of
from db.records import from_json

NAME_LENGTH = 8  # hexadecimal digits of a pair's name: two of a thousand pairs meet in one once in 10,000 reviews
DECISIONS = ("same", "different", "undone")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two records: the machines' last word on them and the people's; "" where there is none."""

    a: str
    b: str
    found: str = ""  # proposed, joined, dropped (no longer found)
    score: float = 0.0
    evidence: str = ""
    since: int = 0  # the ledger's clock when the machines said so
    decided: str = ""  # same, different
    decider: str = ""
    why: str = ""
    one: str = ""  # the reports of `a` and `b`, in the queue only
    other: str = ""

    @property
    def name(self) -> str:
        """A short name, the same in every copy of the review."""
        return pair_name(self.a, self.b)


def pair_name(a: str, b: str) -> str:
    """The short name of the pair of two records, whichever comes first."""
    low, high = sorted((a, b))
    return hashlib.sha256(f"{low}\n{high}".encode()).hexdigest()[:NAME_LENGTH]


def queue(connection: sqlite3.Connection) -> list[Pair]:
    """The pairs that await a person's answer: one for each two reports, surest first."""
    rows = connection.execute(
        """SELECT a, b, found, score, evidence, since, decided, decider, why, one, other FROM v_pair_queue
        ORDER BY score DESC, a, b"""
    )
    return [Pair(*row) for row in rows]


def queue_length(connection: sqlite3.Connection) -> int:
    """How many pairs await a person's answer."""
    (count,) = connection.execute("SELECT count(*) FROM v_pair_queue").fetchone()
    return int(count)


def pairs(connection: sqlite3.Connection, records: Collection[str]) -> list[Pair]:
    """All pairs with at least one of the records, in the order of their ids (point queries, for few records)."""
    rows = connection.execute(
        """WITH wanted AS MATERIALIZED (SELECT value FROM json_each(?))
        SELECT p.a, p.b, p.state, p.score, p.evidence, e.author, e.clock FROM (
          SELECT * FROM pair WHERE a IN (SELECT value FROM wanted)
          UNION SELECT * FROM pair WHERE b IN (SELECT value FROM wanted)) p
        JOIN seen e ON e.n = p.n ORDER BY p.a, p.b, e.clock, e.hash""",
        (_listed(records),),
    )
    machine: dict[tuple[str, str], tuple[str, float, str, int]] = {}
    person: dict[tuple[str, str], tuple[str, str, str]] = {}
    for a, b, state, score, evidence, author, clock in rows:
        if state in DECISIONS:
            person[a, b] = ("", "", "") if state == "undone" else (state, author, evidence)
        else:
            machine[a, b] = (state, score, evidence, clock)
    found = []
    for two in sorted(machine.keys() | person.keys()):
        state, score, evidence, since = machine.get(two, ("", 0.0, "", 0))
        found.append(Pair(*two, state, score, evidence, since, *person.get(two, ("", "", ""))))
    return found


def neighbourhood(connection: sqlite3.Connection, seeds: Iterable[str]) -> set[str]:
    """The seeds, and every record that reports and known pairs connect with them, however far."""
    found: set[str] = set()
    near = set(seeds)
    while near:
        reports = {report_of(connection, record) for record in near}
        members = {record for report in reports for record in ids_of(connection, report)}
        # The name of a report need not be among its records where two copies of the review assigned in a circle.
        reached = near | members
        ends = {end for pair in pairs(connection, reached - found) for end in (pair.a, pair.b)}
        found |= reached
        near = ends - found
    return found & existing(connection, found)


def existing(connection: sqlite3.Connection, records: Collection[str]) -> set[str]:
    """Those of the ids that records of the review have."""
    rows = connection.execute("SELECT id FROM record WHERE id IN (SELECT value FROM json_each(?))", (_listed(records),))
    return {record for (record,) in rows}


def touched(connection: sqlite3.Connection, records: Collection[str]) -> set[str]:
    """Those of the records that something was said of already: assigned, or in a pair."""
    rows = connection.execute(
        """WITH wanted AS MATERIALIZED (SELECT value FROM json_each(?))
        SELECT value FROM wanted WHERE EXISTS (SELECT 1 FROM assign WHERE record = value OR report = value)
          OR EXISTS (SELECT 1 FROM pair WHERE a = value) OR EXISTS (SELECT 1 FROM pair WHERE b = value)""",
        (_listed(records),),
    )
    return {record for (record,) in rows}


def contents(connection: sqlite3.Connection, records: Collection[str], *, slim: bool = False) -> list[Record]:
    """What the sources printed last of these records, in the order of their ids; `slim` as in `from_json`."""
    rows = connection.execute(
        "SELECT body FROM v_content WHERE record IN (SELECT value FROM json_each(?)) ORDER BY record",
        (_listed(records),),
    )
    return [from_json(body, slim=slim) for (body,) in rows]


def assignments(connection: sqlite3.Connection, records: Collection[str]) -> dict[str, tuple[str, str, str]]:
    """{record: (report, author, evidence)} by the assignment in force, as view v_assign chooses it."""
    rows = connection.execute(
        """SELECT record, report, author, evidence FROM (
          SELECT a.record, a.report, a.evidence, e.author, row_number() OVER (PARTITION BY a.record
              ORDER BY e.author LIKE 'machine:%', e.clock DESC, e.hash DESC) k
          FROM assign a JOIN seen e ON e.n = a.n WHERE a.record IN (SELECT value FROM json_each(?)))
        WHERE k = 1""",
        (_listed(records),),
    )
    return {record: (report, author, evidence) for record, report, author, evidence in rows}


def former_assignments(connection: sqlite3.Connection, records: Collection[str]) -> dict[str, tuple[str, int, int]]:
    """{record: (report, since, until)} of the assignment before the one in force, by the ledger's clock. Records that a
    person assigned by hand are left out."""
    rows = connection.execute(
        """WITH told AS MATERIALIZED (
          SELECT a.record, a.report, coalesce(a.since, e.clock) since, e.clock, e.author, row_number() OVER (
            PARTITION BY a.record ORDER BY e.clock DESC, e.hash DESC) k
          FROM assign a JOIN seen e ON e.n = a.n WHERE a.record IN (SELECT value FROM json_each(?)))
        SELECT old.record, old.report, old.since, now.clock FROM told now JOIN told old ON old.record = now.record
        WHERE now.k = 1 AND old.k = 2
          AND now.record NOT IN (SELECT record FROM told WHERE author NOT LIKE 'machine:%')""",
        (_listed(records),),
    )
    return {record: (report, since, until) for record, report, since, until in rows}


def first_found(connection: sqlite3.Connection, records: Collection[str]) -> dict[str, int]:
    """{record: the ledger's clock when a search first found it}; records that were only retrieved are left out."""
    rows = connection.execute(
        """SELECT f.record, min(e.clock) FROM found f JOIN run u ON u.id = f.run JOIN seen e ON e.n = u.n
        WHERE u.arm <> 'retrieval' AND f.record IN (SELECT value FROM json_each(?)) GROUP BY f.record""",
        (_listed(records),),
    )
    return dict(rows.fetchall())


def worked_on(connection: sqlite3.Connection, records: Collection[str]) -> dict[str, int]:
    """{record: the ledger's clock of the last act of a person that names it}: votes, rulings, retrievals, links,
    reopenings, data, facts, trials. Whose they were, and what they said, is not told."""
    people = "e.author NOT LIKE 'machine:%'"
    acts = [
        f"SELECT t.{column} record, e.clock FROM {table} t JOIN seen e ON e.n = t.n"
        f" WHERE t.{column} IN (SELECT value FROM json_each(:wanted)) AND {people}"
        for table, column in (
            ("vote", "report"), ("resolution", "report"), ("retrieval", "report"), ("link", "report"),
            ("reopen", "subject"), ("datum", "report"), ("fact", "report"), ("trial_link", "report"),
        )
    ]  # fmt: skip
    query = f"SELECT record, max(clock) FROM ({' UNION ALL '.join(acts)}) GROUP BY record"
    return dict(connection.execute(query, {"wanted": _listed(records)}).fetchall())


def judged(connection: sqlite3.Connection) -> frozenset[str]:
    """The records that a vote or a resolution names, and the reports of the previous version as they were named."""
    rows = connection.execute(
        "SELECT report FROM vote UNION SELECT report FROM resolution UNION SELECT report FROM previous"
    )
    return frozenset(report for (report,) in rows)


def reopened_for(connection: sqlite3.Connection, stage: str, a: str, b: str) -> bool:
    """Whether a stage was opened before because these two records were found to be one."""
    row = connection.execute(
        """SELECT 1 FROM reopen o JOIN seen e ON e.n = o.n
        WHERE o.stage = ?1 AND (o.subject = ?2 AND o.other = ?3 OR o.subject = ?3 AND o.other = ?2) LIMIT 1""",
        (stage, a, b),
    ).fetchone()
    return row is not None


def boxes_of(connection: sqlite3.Connection, records: Collection[str]) -> dict[str, dict[str, str]]:
    """{record: its PRISMA box, its arm, the box of its report if that is sought, the reason}, without empty ones."""
    rows = connection.execute(
        "SELECT id, box, arm, report_box, reason FROM v_record WHERE id IN (SELECT value FROM json_each(?))",
        (_listed(records),),
    )
    names = ("box", "arm", "report_box", "reason")
    return {record: {n: v for n, v in zip(names, row, strict=True) if v} for record, *row in rows}


def decided_with(connection: sqlite3.Connection, a: str, b: str) -> list[tuple[str, str]]:
    """The pairs of the decision that is in force on a pair (a < b), where it is: to part a record from a report
    is one decision on several pairs."""
    last = """SELECT p.n FROM pair p JOIN seen e ON e.n = p.n WHERE p.a = {a} AND p.b = {b}
      AND p.state IN ('same', 'different', 'undone') ORDER BY e.clock DESC, e.hash DESC LIMIT 1"""
    rows = connection.execute(
        f"""SELECT q.a, q.b FROM pair q
        WHERE q.n = ({last.format(a=":a", b=":b")}) AND q.n = ({last.format(a="q.a", b="q.b")}) ORDER BY 1, 2""",
        {"a": a, "b": b},
    )
    return rows.fetchall()


def assigned_otherwise(connection: sqlite3.Connection, records: Collection[str], but: str) -> dict[str, str]:
    """{record: report} as a machine other than `but` assigned it last, whatever was said since."""
    rows = connection.execute(
        """SELECT record, report FROM (
          SELECT a.record, a.report, row_number() OVER (PARTITION BY a.record ORDER BY e.clock DESC, e.hash DESC) k
          FROM assign a JOIN seen e ON e.n = a.n
          WHERE e.author LIKE 'machine:%' AND e.author <> ? AND a.record IN (SELECT value FROM json_each(?)))
        WHERE k = 1 AND report <> record""",
        (but, _listed(records)),
    )
    return dict(rows.fetchall())


def said_before(connection: sqlite3.Connection, a: str, b: str) -> str:
    """What people had decided on a pair (a < b) before their last word: same, different, or ""."""
    rows = connection.execute(
        """SELECT p.state FROM pair p JOIN seen e ON e.n = p.n
        WHERE p.a = ? AND p.b = ? AND p.state IN ('same', 'different', 'undone') ORDER BY e.clock, e.hash""",
        (a, b),
    )
    words = [state for (state,) in rows]
    return words[-2] if len(words) > 1 and words[-2] != "undone" else ""


def said_different(connection: sqlite3.Connection, record: str, report: str) -> bool:
    """Whether a person decided that the record is none of this report's."""
    members = set(ids_of(connection, report))
    return any(
        pair.decided == "different" and {pair.a, pair.b} - {record} <= members for pair in pairs(connection, [record])
    )


def _listed(records: Iterable[str]) -> str:
    return json.dumps(sorted(records))


def pairs_named(connection: sqlite3.Connection, name: str) -> list[Pair]:
    """The pairs of this short name, whatever became of them."""
    rows = connection.execute("SELECT DISTINCT a, b FROM pair ORDER BY a, b")
    named = [(a, b) for a, b in rows if pair_name(a, b) == name]
    return [pair for a, b in named for pair in pairs(connection, [a]) if (pair.a, pair.b) == (a, b)]


def all_ids(connection: sqlite3.Connection) -> frozenset[str]:
    """The ids of all records."""
    return frozenset(record for (record,) in connection.execute("SELECT id FROM record"))
