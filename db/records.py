"""Records on their way in and out: what a run brought, what was new, and a digest over all of it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any

from db.canonical import canonical, sha256
from db.model import Author, Notice, Record
from db.review import Review

# A line of progress every so many records keeps the bar's own cost below a thousandth of the parsing.
STEP = 500
RETRIEVAL = "retrieval"  # the arm of runs that open pages of known DOIs: they identify nothing
MAX_DIGITS = 10  # a longer version number is not one, and would not fit SQLite's integers


@dataclass(frozen=True, slots=True)
class RunNote:
    """What is known of a run before its records are stored; see table `run` for the columns."""

    source: str
    arm: str
    query: str
    searched_at: str
    hits: int | None  # None: as many as there are records
    author: str = "machine:harvest"
    replayed: bool = False
    composed: str = ""
    ids: tuple[str, ...] | None = None  # every native id seen, if the source told more than the records
    replies: tuple[tuple[str, str, int, str, str], ...] = ()  # request, sha256, status, at, composed
    log: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Stored:
    """What a run amounted to, in records: seen, new to the review, known with new content, known as they were."""

    run: str
    seen: int
    new: tuple[str, ...]
    changed: tuple[str, ...]
    source: str = ""
    hits: int = 0
    again: int = 0


def store_run(
    review: Review,
    note: RunNote,
    records: Iterable[Record],
    log: Callable[[], tuple[tuple[str, str], ...]] = tuple,
    progress: Callable[[int], None] = lambda done: None,
) -> Stored:
    """Store all of a run or nothing. A record met again is a sighting; only new content of it is kept.

    `log` is asked for further lines once the records are read, since a file tells its deletions on the way.
    Memory is bounded: records go through a temporary table, where the highest PubMed version of an id wins.
    """
    connection = review.connection
    with review.transaction():
        seen = _stage(connection, records, progress)
        run = _run_name(review, note.source)
        new, changed = _move(connection, run, note.arm)
        (distinct,) = connection.execute("SELECT count(*) FROM temp.incoming").fetchone()
        hits = seen if note.hits is None else note.hits
        if (ids := note.ids) is None:
            ids = tuple(i for (i,) in connection.execute("SELECT native_id FROM temp.incoming"))
        body = {
            "id": run, "source": note.source, "arm": note.arm, "query": note.query, "searched_at": note.searched_at,
            "replayed": int(note.replayed), "composed": note.composed,
            "hits": hits, "new_records": len(new),
            "records_sha256": digest_of_run(connection, run),
            "ids_sha256": review.archive.put("\n".join(sorted(ids)).encode()),
            "log": [list(line) for line in (*note.log, *log())],
            "replies": [list(reply) for reply in note.replies],
        }  # fmt: skip
        review.append(note.author, "run", body)
        connection.execute("DROP TABLE temp.incoming")
    return Stored(run, seen, new, changed, note.source, hits, distinct - len(new) - len(changed))


def digest_of_run(connection: sqlite3.Connection, run: str) -> str:
    """SHA-256 over (record, content) of all that a run brought, in order: what its entry vouches for."""
    rows = connection.execute("SELECT record, sha256 FROM found WHERE run = ? ORDER BY record", (run,))
    return sha256("".join(f"{record}\t{content}\n" for record, content in rows))


def to_json(record: Record) -> str:
    """The record as canonical JSON; empty fields are left out, so a field added later changes no hash."""
    body = _filled(record)
    body["authors"] = [_filled(author) for author in record.authors]
    body["notices"] = [_filled(notice) for notice in record.notices]
    body["extra"] = dict(record.extra)
    return canonical({key: value for key, value in body.items() if value})


def from_json(text: str, *, slim: bool = False) -> Record:
    """The record that `to_json` wrote; `slim`, for thousands held in memory: without abstract, affiliations, extra."""
    body: dict[str, Any] = json.loads(text)
    if slim:
        body = {key: value for key, value in body.items() if key not in ("abstract", "extra")}
        body["authors"] = [author | {"affiliation": ""} for author in body.get("authors", ())]
    body["authors"] = tuple(Author(**author) for author in body.get("authors", ()))
    body["notices"] = tuple(Notice(**{"kind": ""} | notice) for notice in body.get("notices", ()))
    for name in ("registry_ids", "publication_types"):
        body[name] = tuple(body.get(name, ()))
    return Record(**{key: value for key, value in body.items() if key in _FIELDS})


def all_records(connection: sqlite3.Connection, *, slim: bool = False) -> Iterator[tuple[str, Record]]:
    """(current report, record) of every record, in the order of their keys."""
    rows = connection.execute(
        """SELECT coalesce(r.report, c.record), c.body FROM v_content c LEFT JOIN v_report_of r ON r.record = c.record
        ORDER BY c.record"""
    )
    return ((report, from_json(body, slim=slim)) for report, body in rows)


def records_of_source(connection: sqlite3.Connection, source: str) -> Iterator[Record]:
    """The records that a source brought, as it printed them last, in the order of their keys."""
    rows = connection.execute(
        "SELECT c.body FROM v_content c JOIN record r ON r.id = c.record WHERE r.source = ? ORDER BY c.record",
        (source,),
    )
    return (from_json(body) for (body,) in rows)


_FIELDS = frozenset(field.name for field in fields(Record))


def _filled(value: Record | Author | Notice) -> dict[str, Any]:
    """The fields that hold something. Not dataclasses.asdict: it copies deeply, at ten times the cost."""
    return {field.name: found for field in fields(value) if (found := getattr(value, field.name))}


def _stage(connection: sqlite3.Connection, records: Iterable[Record], progress: Callable[[int], None]) -> int:
    connection.execute("DROP TABLE IF EXISTS temp.incoming")
    connection.execute(
        """CREATE TEMP TABLE incoming (record TEXT PRIMARY KEY, source TEXT, native_id TEXT, version INTEGER,
        sha256 TEXT, body TEXT)"""
    )
    seen = 0
    for record in records:
        body = to_json(record)
        connection.execute(
            """INSERT INTO temp.incoming VALUES (?,?,?,?,?,?) ON CONFLICT (record) DO UPDATE SET
            version = excluded.version, sha256 = excluded.sha256, body = excluded.body
            WHERE excluded.version >= version""",
            (record.id, record.source, record.native_id, _version(record), sha256(body), body),
        )
        seen += 1
        if seen % STEP == 0:
            progress(seen)
    progress(seen)
    return seen


def _version(record: Record) -> int:
    """PubMed's version of a record; what is no number of a sane length counts as the first."""
    text = record.extra.get("version", "")
    return int(text) if text.isdecimal() and len(text) < MAX_DIGITS else 1


def _run_name(review: Review, source: str) -> str:
    (count,) = review.connection.execute("SELECT count(*) FROM run").fetchone()
    return f"{source}-{count + 1}-{review.copy()}"


def _move(connection: sqlite3.Connection, run: str, arm: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """From the temporary table into record, content and found; returns the ids that are new, and changed.

    A record that was only retrieved so far is new to the first run that finds it by a search.
    """
    known = "SELECT id FROM record"
    if arm != RETRIEVAL:
        known = f"SELECT f.record FROM found f JOIN run u ON u.id = f.run WHERE u.arm <> '{RETRIEVAL}'"
    last = """(SELECT f.sha256 FROM found f JOIN run u ON u.id = f.run JOIN entry e ON e.n = u.n
        WHERE f.record = i.record ORDER BY e.clock DESC, e.hash DESC LIMIT 1)"""
    new = [i for (i,) in connection.execute(
        f"SELECT record FROM temp.incoming i WHERE record NOT IN ({known}) ORDER BY record"
    )]  # fmt: skip
    changed = [i for (i,) in connection.execute(
        f"""SELECT record FROM temp.incoming i WHERE record IN ({known}) AND sha256 <> {last}
        ORDER BY record"""
    )]  # fmt: skip
    connection.execute("CREATE TEMP TABLE moving (record TEXT PRIMARY KEY)")
    connection.executemany("INSERT INTO temp.moving VALUES (?)", ((i,) for i in (*new, *changed)))
    incoming = "temp.incoming JOIN temp.moving USING (record)"
    connection.execute(f"INSERT OR IGNORE INTO record SELECT record, source, native_id FROM {incoming}")
    connection.execute(f"INSERT OR IGNORE INTO content SELECT sha256, body FROM {incoming}")
    connection.execute(f"INSERT INTO found SELECT record, ?, sha256 FROM {incoming}", (run,))
    connection.execute("DROP TABLE temp.moving")
    return tuple(new), tuple(changed)
