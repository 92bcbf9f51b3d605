"""The index of blocking keys: which records have a key. A cache: it may be emptied at any time and is filled again.

What a key is, curation says; here it is an integer. It is filled for the runs that it does not cover yet, before it is
asked, so that no writer of records needs to know of it. A record whose source prints new content gets that content's
keys as well; keys of what was printed before stay, and do no harm: the index tells what to look at, not what is alike.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import islice
from typing import Final

from db.model import Record
from db.records import from_json
from db.review import Review

SETTING: Final = "blocks"  # the row of table `setting`: version of the keys, last run covered, number of runs until it
# Values of one statement: SQLite's own limit was 999 until 2020.
MARKS: Final = 900
SORTED: Final = 1_000_000  # rows held in memory, 100 MB: those of some 80,000 records

Progress = Callable[[int, int], None]


def fill(
    review: Review,
    keys_of: Callable[[Record], Iterable[int]],
    version: int,
    progress: Progress = lambda done, total: None,
) -> int:
    """Bring the index up to date with all runs; returns the number of records whose keys were taken.

    The first time, or when `version` (of `keys_of`) is another than the stored one, these are all records.
    """
    connection = review.connection
    with review.transaction():
        covered = _covered(connection, version)
        if covered is None:
            forget(review)
        last, runs = connection.execute("SELECT coalesce(max(n), 0), count(*) FROM run").fetchone()
        if covered == last:
            return 0
        total, records = _to_take(connection, covered or 0)
        _store(connection, _rows(records, keys_of, total, progress))
        stored = f"{version} {last} {runs}"
        connection.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (SETTING, stored))
    return total


def forget(review: Review) -> None:
    """Empty the index; `fill` makes it anew."""
    with review.transaction():
        review.connection.execute("DELETE FROM block")
        review.connection.execute("DELETE FROM setting WHERE key = ?", (SETTING,))


def having(connection: sqlite3.Connection, keys: Collection[int]) -> set[str]:
    """Ids of the records that have one of these keys."""
    found: set[str] = set()
    for part in _parts(sorted(keys)):
        marks = ",".join("?" * len(part))
        found.update(
            record for (record,) in connection.execute(f"SELECT record FROM block WHERE key IN ({marks})", part)
        )
    return found


def load(connection: sqlite3.Connection, ids: Collection[str]) -> Iterator[Record]:
    """These records as their sources printed them last, slim (`db.records.from_json`), in the order of their ids."""
    for part in _parts(sorted(ids)):
        marks = ",".join("?" * len(part))
        rows = connection.execute(f"SELECT body FROM v_content WHERE record IN ({marks}) ORDER BY record", part)
        yield from (from_json(body, slim=True) for (body,) in rows)


def _covered(connection: sqlite3.Connection, version: int) -> int | None:
    """The last run that the index covers (0: none was there); None if it has to be made anew."""
    row = connection.execute("SELECT value FROM setting WHERE key = ?", (SETTING,)).fetchone()
    if row is None:
        return None
    stored, last, runs = map(int, row[0].split())
    (now,) = connection.execute("SELECT count(*) FROM run WHERE n <= ?", (last,)).fetchone()
    return last if stored == version and runs == now else None


def _to_take(connection: sqlite3.Connection, covered: int) -> tuple[int, Iterator[Record]]:
    """How many records the runs after `covered` brought, new or with new content, and these records."""
    since = "SELECT DISTINCT f.record FROM run u JOIN found f ON f.run = u.id WHERE u.n > ?"
    (total,) = connection.execute(f"SELECT count(*) FROM ({since})", (covered,)).fetchone()
    rows = connection.execute(f"SELECT body FROM v_content WHERE record IN ({since})", (covered,))
    return total, (from_json(body, slim=True) for (body,) in rows)


def _rows(
    records: Iterable[Record], keys_of: Callable[[Record], Iterable[int]], total: int, progress: Progress
) -> Iterator[tuple[int, str]]:
    for done, record in enumerate(records):
        if done % MARKS == 0:
            progress(done, total)
        yield from ((key, record.id) for key in keys_of(record))
    progress(total, total)


def _store(connection: sqlite3.Connection, rows: Iterator[tuple[int, str]]) -> None:
    """Sorted before they are written, SORTED at a time: in the order of the table they are written faster."""
    while part := sorted(islice(rows, SORTED)):
        connection.executemany("INSERT OR IGNORE INTO block VALUES (?, ?)", part)


def _parts(values: list[str] | list[int]) -> Iterator[list[str] | list[int]]:
    for at in range(0, len(values), MARKS):
        yield values[at : at + MARKS]
