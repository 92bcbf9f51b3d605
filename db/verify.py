"""Is the review what was written? Shape, chains, published heads, typed tables, runs, archive, keys, violations.

What this cannot prove: that nothing after the newest published heads was cut off the end of a chain.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator

from db import ledger, schema
from db.canonical import sha256
from db.errors import IntegrityError
from db.records import digest_of_run
from db.review import Review


def verify(review: Review, progress: Callable[[str], None] = lambda what: None) -> list[str]:
    """Every fault found, in words; an empty list if there is none."""
    connection = review.connection
    checks: tuple[tuple[str, Callable[[], Iterator[str] | list[str]]], ...] = (
        ("shape of the file", lambda: _shape(connection)),
        ("chains and published heads", lambda: ledger.broken_chains(connection)),
        ("typed tables", lambda: _typed_tables(connection)),
        ("runs", lambda: _runs(connection)),
        ("contents", lambda: _contents(connection)),
        ("archive", lambda: _archive(review)),
        ("foreign keys", lambda: _foreign_keys(connection)),
        ("violations", lambda: _violations(connection)),
    )
    faults: list[str] = []
    for what, check in checks:
        progress(what)
        faults.extend(check())
    return faults


def _empty() -> sqlite3.Connection:
    fresh = sqlite3.connect(":memory:", isolation_level=None)
    schema.rebuild(fresh)
    return fresh


def _shape(connection: sqlite3.Connection) -> Iterator[str]:
    """A trigger that is gone lets history be changed; a view that differs shows another review."""
    fresh = _empty()
    wanted, found = schema.shape(fresh), schema.shape(connection)
    fresh.close()
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            how = (
                "is missing" if name not in found else "is not of this program" if name not in wanted else "was changed"
            )
            yield f"{name} in the file's shape {how}"


def _typed_tables(connection: sqlite3.Connection) -> Iterator[str]:
    """Fill the typed tables again from the entries, in memory, and compare row by row."""
    fresh = _empty()
    indexes = fresh.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
    for (name,) in indexes.fetchall():
        fresh.execute(f"DROP INDEX {name}")  # each costs time at every entry, and no comparison needs them
    fresh.execute("BEGIN")  # a transaction for each entry would take twice as long
    for row in connection.execute("SELECT * FROM entry ORDER BY n"):
        try:
            fresh.execute("INSERT INTO entry VALUES (?,?,?,?,?,?,?,?,?,?)", row)
        except sqlite3.Error as error:
            yield f"entry {row[3]} of {row[2]} ({row[8]}) cannot be entered again: {error}"
    for table in schema.TYPED_TABLES:
        columns = ", ".join(name for _, name, *_ in fresh.execute(f"PRAGMA table_info({table})"))
        query = f"SELECT {columns} FROM {table} ORDER BY {columns}"
        if connection.execute(query).fetchall() != fresh.execute(query).fetchall():
            yield f"table {table} is not what the ledger says"
    fresh.close()


def _runs(connection: sqlite3.Connection) -> Iterator[str]:
    for run, digest in connection.execute("SELECT id, records_sha256 FROM run ORDER BY n").fetchall():
        if digest_of_run(connection, run) != digest:
            yield f"the records of run {run} are not those it brought"


def _contents(connection: sqlite3.Connection) -> Iterator[str]:
    for digest, body in connection.execute("SELECT sha256, body FROM content"):
        if sha256(body) != digest:
            yield f"a record's content does not match its hash {digest[:12]}…"


def _archive(review: Review) -> Iterator[str]:
    wanted = review.connection.execute("SELECT sha256 FROM reply UNION SELECT ids_sha256 FROM run ORDER BY 1")
    for (digest,) in wanted.fetchall():
        try:
            review.archive.check(digest)
        except IntegrityError as error:
            yield str(error)


def _foreign_keys(connection: sqlite3.Connection) -> Iterator[str]:
    for table, _, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        yield f"a row of {table} points at a {parent} that is not there"


def _violations(connection: sqlite3.Connection) -> Iterator[str]:
    for what, subject in connection.execute("SELECT what, subject FROM v_violation ORDER BY 1, 2"):
        yield f"{what}: {subject}"
