"""Questions about searches: whole runs, failures that no later run repaired, what people accepted, known items."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from db.model import Notice
from db.queries import Run, marks

READ = "records read"  # the line of a run's log that says how many distinct records it read
FILE = "file "  # so begins what stands as the query of a run that read a file; the file's name follows
HARVESTER = "machine:harvest"  # who stands in the ledger for a search, as opposed to a file that a person gave


@dataclass(frozen=True, slots=True)
class Failure:
    """A search that was not whole, or that a person must look at; nothing of it was kept."""

    source: str
    at: str
    query: str
    why: str
    questions: tuple[tuple[str, str], ...]  # key, words


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A person's answer to a question of a failed search."""

    source: str
    question: str
    why: str
    person: str
    at: str


@dataclass(frozen=True, slots=True)
class Searched:
    """A whole search of a source by this program, with the digest of its list of ids in the archive."""

    run: str
    query: str
    hits: int
    replayed: bool
    composed: str
    ids_sha256: str
    log: tuple[tuple[str, str], ...]


def searches(connection: sqlite3.Connection, source: str) -> list[Searched]:
    """Every whole search of a source by this program, oldest first; files that people gave are none."""
    rows = connection.execute(
        """SELECT u.id, u.query, u.hits, u.replayed, u.composed, u.ids_sha256, u.log FROM run u JOIN seen e ON e.n = u.n
        WHERE u.source = ? AND e.author = ? ORDER BY e.clock, e.hash""",
        (source, HARVESTER),
    )
    return [
        Searched(run, query, hits, bool(replayed), composed, digest, _lines(log))
        for run, query, hits, replayed, composed, digest, log in rows
    ]


def records_read(run: Run) -> int:
    """How many distinct records a run read: new, updated, or seen again. A file's are its hits."""
    told = dict(run.log).get(READ, "")
    return int(told) if told.isdecimal() else max(run.hits, run.new_records + run.updated)


def open_failures(connection: sqlite3.Connection) -> dict[str, list[Failure]]:
    """{source: its failures since its last whole run, oldest first}; a source that is well is not there.

    Only a live search repairs: neither a replay nor a file says that the source can be searched again.
    """
    rows = connection.execute(
        """SELECT f.source, f.at, f.query, f.why, f.questions FROM failure f JOIN seen e ON e.n = f.n
        WHERE NOT EXISTS (SELECT 1 FROM run u JOIN seen d ON d.n = u.n WHERE u.source = f.source AND NOT u.replayed
          AND d.author = ? AND (d.clock, d.hash) > (e.clock, e.hash))
        ORDER BY e.clock, e.hash""",
        (HARVESTER,),
    )
    found: dict[str, list[Failure]] = {}
    for source, at, query, why, questions in rows:
        found.setdefault(source, []).append(Failure(source, at, query, why, _lines(questions)))
    return found


def accepted(connection: sqlite3.Connection, source: str) -> frozenset[str]:
    """The keys of all questions on a source that a person answered with yes."""
    rows = connection.execute(
        "SELECT DISTINCT a.question FROM acceptance a JOIN seen e ON e.n = a.n WHERE a.source = ?", (source,)
    )
    return frozenset(key for (key,) in rows)


def acceptances(connection: sqlite3.Connection) -> dict[str, list[Acceptance]]:
    """{source: what people accepted, oldest first}."""
    rows = connection.execute(
        """SELECT a.source, a.question, a.why, e.author, e.at FROM acceptance a JOIN seen e ON e.n = a.n
        ORDER BY e.clock, e.hash"""
    )
    found: dict[str, list[Acceptance]] = {}
    for source, *rest in rows:
        found.setdefault(source, []).append(Acceptance(source, *rest))
    return found


def held(connection: sqlite3.Connection, names: Iterable[str]) -> dict[str, frozenset[str]]:
    """{source: which of the DOIs and "pmid:…" any run of it ever brought a record with}."""
    wanted = sorted(set(names))
    rows = connection.execute(
        f"""SELECT DISTINCT r.source, c.doi, c.pmid FROM (
          SELECT sha256, body ->> '$.doi' doi, 'pmid:' || (body ->> '$.pmid') pmid FROM content) c
        JOIN found f ON f.sha256 = c.sha256 JOIN record r ON r.id = f.record
        WHERE c.doi IN ({marks(wanted)}) OR c.pmid IN ({marks(wanted)})""",
        (*wanted, *wanted),
    )
    found: dict[str, set[str]] = {}
    for source, doi, pmid in rows:
        found.setdefault(source, set()).update({doi, pmid} & set(wanted))
    return {source: frozenset(names) for source, names in found.items()}


def native_ids(connection: sqlite3.Connection, source: str) -> list[str]:
    """The ids, in the source's own words, of all its records that the review knows."""
    return [i for (i,) in connection.execute("SELECT native_id FROM record WHERE source = ? ORDER BY 1", (source,))]


def notices(connection: sqlite3.Connection, records: list[str], run: str) -> tuple[list[Notice], list[Notice]]:
    """(brought by the run, brought by any other run): the notices on records, with "Retracted Publication" as one."""
    here: list[Notice] = []
    before: list[Notice] = []
    rows = connection.execute(
        f"""SELECT f.run, c.body -> '$.notices', c.body -> '$.publication_types' FROM found f
        JOIN content c ON c.sha256 = f.sha256 WHERE f.record IN ({marks(records)}) ORDER BY f.record, f.run""",
        records,
    )
    for brought_by, told, types in rows:
        (here if brought_by == run else before).extend(_notices(told, types))
    return here, before


def notices_in_force(connection: sqlite3.Connection, records: list[str]) -> list[Notice]:
    """The notices that the sources print on records now."""
    rows = connection.execute(
        f"""SELECT body -> '$.notices', body -> '$.publication_types' FROM v_content
        WHERE record IN ({marks(records)}) ORDER BY record""",
        records,
    )
    return list(dict.fromkeys(notice for told, types in rows for notice in _notices(told, types)))


def _notices(told: str | None, types: str | None) -> list[Notice]:
    found = [Notice(**{"kind": ""} | notice) for notice in json.loads(told or "[]")]
    if "Retracted Publication" in json.loads(types or "[]") and not any("Retract" in n.kind for n in found):
        found.append(Notice("Retracted Publication"))
    return found


def _lines(text: str) -> tuple[tuple[str, str], ...]:
    return tuple((str(name), str(words)) for name, words in json.loads(text))


def began(connection: sqlite3.Connection) -> str:
    """When the review's first protocol was entered: the time (ISO 8601) from which its searches are due."""
    row = connection.execute("SELECT e.at FROM protocol p JOIN entry e ON e.n = p.n ORDER BY e.clock, e.hash LIMIT 1")
    return str(row.fetchone()[0])
