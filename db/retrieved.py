"""Pages opened for DOIs that a search found: which reports want one, what was opened before, whose it is."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from db.model import Record
from db.queries import ids_of, marks, report_of
from db.records import to_json


@dataclass(frozen=True, slots=True)
class Wanting:
    """A report with a society's DOI that lacks its abstract or a registry id.

    `since` is the ledger's clock when a search last brought something new of it.
    """

    report: str
    doi: str
    title: str
    abstract: bool
    registry_id: bool
    since: int


@dataclass(frozen=True, slots=True)
class PageReply:
    """The archived page of an earlier run: the archive's name of it, and the ledger's clock then."""

    sha256: str
    at: str
    clock: int


def wanting(connection: sqlite3.Connection, prefixes: Sequence[str]) -> list[Wanting]:
    """Reports that a search found, with a DOI that begins with one of `prefixes`, that lack abstract or registry id.

    Those that people excluded, or that were removed, want nothing any more.
    """
    dois = [(r, doi) for prefix in prefixes for r, doi in _with_doi(connection, prefix)]
    if not dois:
        return []
    open_ones = connection.execute(
        """SELECT DISTINCT report FROM v_record WHERE box IN ('awaiting screening', 'already in the previous version')
        OR (box = 'sought' AND report_box <> 'excluded')"""
    ).fetchall()
    relevant = {report for (report,) in open_ones}
    found: dict[str, Wanting] = {}
    for record, doi in dois:
        report = report_of(connection, record)
        if report in relevant and report not in found:
            has = _wanting(connection, report, doi)
            if not (has.abstract and has.registry_id):
                found[report] = has
    return sorted(found.values(), key=lambda one: one.doi)


def reports_with_doi(connection: sqlite3.Connection, doi: str, page: str) -> list[str]:
    """The reports that have this DOI by a record that is neither the page itself nor only retrieved."""
    rows = connection.execute(
        """SELECT DISTINCT f.record FROM found f JOIN run u ON u.id = f.run JOIN seen e ON e.n = u.n
        WHERE f.sha256 IN (SELECT sha256 FROM content WHERE body ->> '$.doi' = ?)
          AND f.record <> ? AND u.arm <> 'retrieval'""",
        (doi, page),
    )
    return sorted({report_of(connection, record) for (record,) in rows}) if doi else []


def identified(connection: sqlite3.Connection, record: str) -> bool:
    """Whether a search found the record, or a person entered it as found."""
    query = "SELECT 1 FROM found f JOIN run u ON u.id = f.run WHERE f.record = ? AND u.arm <> 'retrieval' LIMIT 1"
    return connection.execute(query, (record,)).fetchone() is not None


def has_content(connection: sqlite3.Connection, record: Record) -> bool:
    """Whether this is, to the byte, what the review has last of the record."""
    row = connection.execute("SELECT body FROM v_content WHERE record = ?", (record.id,)).fetchone()
    return row is not None and row[0] == to_json(record)


def pages_opened(connection: sqlite3.Connection) -> dict[str, PageReply]:
    """{request: the last archived page that was fetched by it}."""
    rows = connection.execute(
        """SELECT r.request, r.sha256, r.at, e.clock FROM reply r JOIN run u ON u.n = r.n JOIN seen e ON e.n = u.n
        WHERE u.arm = 'retrieval' ORDER BY e.clock, e.hash"""
    )
    return {request: PageReply(*rest) for request, *rest in rows}


def page_troubles(connection: sqlite3.Connection, label: str) -> dict[str, str]:
    """{DOI: why its page was not read} by the last retrieval run that tried, from log lines named `label`."""
    rows = connection.execute(
        "SELECT u.log FROM run u JOIN seen e ON e.n = u.n WHERE u.arm = 'retrieval' ORDER BY e.clock, e.hash"
    )
    found = {}
    for (log,) in rows:
        for name, text in json.loads(log):
            if name == label:
                doi, _, why = text.partition(": ")
                found[doi] = why
    return found


def _with_doi(connection: sqlite3.Connection, prefix: str) -> list[tuple[str, str]]:
    """(record, DOI), by the index on DOIs; the bound after a prefix is the prefix with its last character raised."""
    above = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    rows = connection.execute(
        """WITH c AS MATERIALIZED (
          SELECT sha256, body ->> '$.doi' doi FROM content WHERE body ->> '$.doi' >= ? AND body ->> '$.doi' < ?)
        SELECT DISTINCT f.record, c.doi FROM c JOIN found f ON f.sha256 = c.sha256
        JOIN run u ON u.id = f.run JOIN seen e ON e.n = u.n
        WHERE u.arm NOT IN ('retrieval', 'previous') ORDER BY 1""",
        (prefix, above),
    )
    return rows.fetchall()


def _wanting(connection: sqlite3.Connection, report: str, doi: str) -> Wanting:
    ids = ids_of(connection, report)
    rows = connection.execute(
        f"""SELECT body ->> '$.title', body ->> '$.abstract' IS NOT NULL, body ->> '$.registry_ids' IS NOT NULL
        FROM v_content WHERE record IN ({marks(ids)})""",
        ids,
    ).fetchall()
    (since,) = connection.execute(
        f"""SELECT max(e.clock) FROM found f JOIN run u ON u.id = f.run JOIN seen e ON e.n = u.n
        WHERE f.record IN ({marks(ids)}) AND u.arm <> 'retrieval'""",
        ids,
    ).fetchone()
    title = next((title for title, *_ in rows if title), "")
    return Wanting(report, doi, title, any(row[1] for row in rows), any(row[2] for row in rows), since or 0)


def pages_read(connection: sqlite3.Connection, society: str) -> dict[str, int]:
    """{DOI: the ledger's clock when a page of it was last read} of all pages of a society, fetched or imported."""
    rows = connection.execute(
        """SELECT c.body ->> '$.doi', max(e.clock) FROM record r JOIN found f ON f.record = r.id
        JOIN content c ON c.sha256 = f.sha256 JOIN run u ON u.id = f.run JOIN seen e ON e.n = u.n
        WHERE r.source = ? AND c.body ->> '$.extra.page_layout' IS NOT NULL GROUP BY 1""",
        (society,),
    )
    return {doi: clock for doi, clock in rows if doi}
