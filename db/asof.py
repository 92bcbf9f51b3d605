"""The state of a published version: the same views over a cut of the ledger by its heads. Nothing is written."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from db import schema
from db.errors import InputError
from db.review import FILE, Review


@contextmanager
def as_of(review: Review, heads: dict[str, list[Any]]) -> Iterator[sqlite3.Connection]:
    """A connection whose views see only the entries up to `heads` ({chain: [sequence, hash]})."""
    connection = sqlite3.connect(f"{(review.folder / FILE).resolve().as_uri()}?mode=ro", uri=True)
    try:
        connection.execute("CREATE TEMP TABLE cut (chain TEXT PRIMARY KEY, seq INTEGER NOT NULL)")
        connection.executemany("INSERT INTO cut VALUES (?, ?)", ((chain, head[0]) for chain, head in heads.items()))
        connection.execute(
            "CREATE TEMP VIEW seen AS SELECT e.* FROM main.entry e JOIN cut c ON c.chain = e.chain AND e.seq <= c.seq"
        )
        for statement in schema.statements(schema.temporary_views()):
            connection.execute(statement)
        yield connection
    finally:
        connection.close()


def heads_of(review: Review, number: str) -> dict[str, list[Any]]:
    """The heads that version `number` saw. InputError if there is no such version."""
    query = "SELECT heads FROM v_version WHERE number = ? ORDER BY clock DESC, hash DESC LIMIT 1"
    row = review.connection.execute(query, (number,)).fetchone()
    if row is None:
        known = ", ".join(n for (n,) in review.connection.execute("SELECT number FROM v_version ORDER BY clock, hash"))
        raise InputError(f"no version {number}: there are {known or 'none yet'}")
    heads: dict[str, list[Any]] = json.loads(row[0])
    return heads
