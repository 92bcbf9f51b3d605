"""What registers print of the trials that reports name: facts for linking, kept once for each change."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping

from db.review import Review

Facts = Mapping[str, str]


def store_registrations(review: Review, author: str, source: str, found: Iterable[tuple[str, Facts]]) -> int:
    """Enter what a register prints of each trial (trial number, facts) where it is new or changed; how many were."""
    with review.transaction():  # around the comparison too: another process may be storing the same
        known = registrations(review.connection)
        changed = [(trial, dict(facts)) for trial, facts in found if dict(facts) != known.get(trial)]
        for trial, facts in sorted(changed):
            review.append(author, "registration", {"trial": trial, "source": source, "facts": facts})
    return len(changed)


def registrations(connection: sqlite3.Connection) -> dict[str, dict[str, str]]:
    """{trial: what its register printed last}."""
    rows = connection.execute("SELECT trial, facts FROM v_registration ORDER BY trial")
    return {trial: json.loads(facts) for trial, facts in rows}


def trials_named(connection: sqlite3.Connection) -> list[str]:
    """Every trial number that a record of the review names, sorted."""
    rows = connection.execute(
        """SELECT DISTINCT number.value FROM v_content c, json_each(c.body, '$.registry_ids') number
        ORDER BY 1"""
    )
    return [trial for (trial,) in rows]
