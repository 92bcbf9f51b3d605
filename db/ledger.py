"""The ledger: everything that happened, hash-chained, one chain for each author and copy of the review.

An entry's hash covers its chain, sequence, the previous hash, the Lamport clock, the time, the author, the kind and
the body, in the canonical text of db.canonical. Order is (clock, hash); wall time is only shown.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from db.canonical import canonical, sha256
from db.errors import DecisionError

TAG = "lsr-entry-1"  # the first member of what is hashed: another format of entry takes another tag


def entry_hash(chain: str, seq: int, prev: str, clock: int, at: str, author: str, kind: str, body: str) -> str:
    """The name of an entry. `body` is canonical JSON text, taken as it stands in the file."""
    return "sha256:" + sha256(canonical([TAG, chain, seq, prev, clock, at, author, kind, body]))


def append(connection: sqlite3.Connection, chain: str, at: str, author: str, kind: str, body: dict[str, Any]) -> str:
    """Write one entry at the end of its chain, after all that this file has seen; return its hash."""
    text = canonical(body)
    seq, prev = connection.execute(
        "SELECT seq, hash FROM entry WHERE chain = ? ORDER BY seq DESC LIMIT 1", (chain,)
    ).fetchone() or (0, "")
    (clock,) = connection.execute("SELECT coalesce(max(clock), 0) + 1 FROM entry").fetchone()
    name = entry_hash(chain, seq + 1, prev, clock, at, author, kind, text)
    try:
        connection.execute(
            "INSERT INTO entry (hash, chain, seq, prev, clock, at, author, kind, body) VALUES (?,?,?,?,?,?,?,?,?)",
            (name, chain, seq + 1, prev, clock, at, author, kind, text),
        )
    except sqlite3.IntegrityError as error:
        raise DecisionError(f"{kind} by {author} refused by the review: {error}") from error
    return name


def heads(connection: sqlite3.Connection) -> dict[str, list[Any]]:
    """{chain: [sequence, hash]} of the last entry of each chain: what this file has seen."""
    rows = connection.execute(
        """SELECT chain, seq, hash FROM entry
        JOIN (SELECT chain c, max(seq) s FROM entry GROUP BY chain) ON chain = c AND seq = s ORDER BY chain"""
    )
    return {chain: [seq, name] for chain, seq, name in rows}


def broken_chains(connection: sqlite3.Connection) -> list[str]:
    """What is wrong with the chains, in words; nothing when every hash and every link is right."""
    faults: list[str] = []
    last: dict[str, tuple[int, str, int]] = {}
    versions: list[tuple[str, str]] = []
    rows = connection.execute(
        "SELECT hash, chain, seq, prev, clock, at, author, kind, body FROM entry ORDER BY chain, seq"
    )
    for name, chain, seq, prev, clock, at, author, kind, body in rows:
        if entry_hash(chain, seq, prev, clock, at, author, kind, body) != name:
            faults.append(f"entry {seq} of {chain} ({kind}) does not match its hash")
        last_seq, last_name, last_clock = last.get(chain, (0, "", 0))
        if (seq - 1, prev) != (last_seq, last_name):
            faults.append(f"chain {chain} is broken before entry {seq}")
        if clock <= last_clock:
            faults.append(f"the clock of chain {chain} does not advance at entry {seq}")
        last[chain] = (seq, name, clock)
        if kind == "version":
            versions.append((f"entry {seq} of {chain}", body))
    for where, body in versions:
        faults += _missing_heads(connection, where, body)
    return faults


def _missing_heads(connection: sqlite3.Connection, where: str, body: str) -> list[str]:
    """Published heads that are not here: what a version saw was cut off the end of a chain."""
    try:
        version = json.loads(body)
        number, seen = version["number"], [(chain, *head) for chain, head in version["heads"].items()]
    except (ValueError, KeyError, TypeError, AttributeError):
        return [f"{where} (version) cannot be read"]
    known = "SELECT 1 FROM entry WHERE chain = ? AND seq = ? AND hash = ?"
    return [
        f"version {number} saw entry {seq} of {chain}, which is not here"
        for chain, seq, name in seen
        if not connection.execute(known, (chain, seq, name)).fetchone()
    ]
