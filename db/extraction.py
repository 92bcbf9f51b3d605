"""Questions about fields of the data dictionary as extracted, and about what checks of extractions need."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Any

from db.model import Datum, FieldValue

CELL = ("study", "cohort", "field", "row", "report")
_GIVEN = ("study", "cohort", "field", "row", "now", "status", "value", "place", "quotation", "source_kind",
          "confidence", "why", "answer")  # fmt: skip
_DATUM = ("study", "cohort", "outcome", "timepoint", "denominator", "reading", "role", "now", "status", "events",
          "total", "place", "quotation", "source_kind", "confidence", "why", "data_cut", "printed",
          "answer")  # fmt: skip


def field_states(connection: sqlite3.Connection, state: str | None = None) -> dict[tuple[str, ...], str]:
    """{(*CELL, round): agreed, resolved, awaiting or conflict} of every field that somebody extracted."""
    rows = connection.execute(
        """SELECT study, cohort, field, row, report, round, state FROM v_fact_state WHERE ? IN (state, '')
        ORDER BY 1, 2, 3, 4, 5, 6""",
        (state or "",),
    )
    return {tuple(cell): stands for *cell, stands in rows}


def given_fields(connection: sqlite3.Connection, study: str, person: str | None = None) -> list[dict[str, Any]]:
    """Each person's last values of a study's fields, with round and origin; `person`: only this one's.

    Without a person it is for the adjudicator of cells in conflict only.
    """
    columns = (*_GIVEN, "round", "origin", "extractor")
    rows = connection.execute(
        f"""SELECT {", ".join(columns)} FROM v_fact_given
        WHERE study = ? AND origin <> 'previous' AND ? IN (extractor, '')
        ORDER BY cohort, field, row, now, round, extractor""",
        (study, person or ""),
    )
    return [dict(zip(columns, row, strict=True)) for row in rows]


def own_fields(connection: sqlite3.Connection, study: str, person: str, round: str) -> list[FieldValue]:
    """What one extractor entered of a study's fields in a round."""
    given = given_fields(connection, study, person)
    return [
        FieldValue(**{("report" if name == "now" else name): value[name] for name in _GIVEN})
        for value in given
        if value["round"] == round and value["origin"] == "extracted"
    ]


def own_data(connection: sqlite3.Connection, study: str, person: str, round: str) -> list[Datum]:
    """What one extractor entered of a study's outcomes in a round."""
    rows = connection.execute(
        f"""SELECT {", ".join(_DATUM)} FROM v_datum
        WHERE study = ? AND extractor = ? AND round = ? AND origin = 'extracted'
        ORDER BY outcome, cohort, timepoint, denominator, reading, now""",
        (study, person, round),
    )
    names = ["report" if name == "now" else name for name in _DATUM]
    return [Datum(**dict(zip(names, row, strict=True))) for row in rows]


def closed_fields(connection: sqlite3.Connection, field: str) -> list[FieldValue]:
    """The first-hand values in force of one field, of all studies."""
    rows = connection.execute(
        """SELECT study, cohort, field, row, report, status, value FROM v_fact
        WHERE field = ? AND NOT second_hand ORDER BY 1, 2, 4, 5""",
        (field,),
    )
    return [FieldValue(*row) for row in rows]


def enrolments(connection: sqlite3.Connection) -> dict[str, int]:
    """{study: patients enrolled by the registers}, of studies whose trials all say a number that was counted.

    A planned number ("estimated") is no count to compare with.
    """
    rows = connection.execute(
        """SELECT t.study, g.facts FROM v_trial t JOIN v_registration g ON g.trial = t.trial
        WHERE t.study IS NOT NULL ORDER BY 1, t.trial"""
    )
    counts: dict[str, list[str]] = {}
    for study, text in rows:
        facts = json.loads(text)
        counted = facts.get("enrolment_type", "actual") == "actual"
        counts.setdefault(study, []).append(str(facts.get("enrolment", "")) if counted else "")
    return {study: sum(map(int, numbers)) for study, numbers in counts.items() if all(n.isdecimal() for n in numbers)}


def printed_dates(connection: sqlite3.Connection, reports: Iterable[str]) -> dict[str, str]:
    """{report: its printed date, or its year} of the reports named."""
    rows = connection.execute(
        """SELECT c.record, coalesce(c.body ->> '$.date', CAST(c.body ->> '$.year' AS TEXT), '') FROM v_content c
        WHERE c.record IN (SELECT value FROM json_each(?))""",
        (json.dumps(sorted(reports)),),
    )
    return dict(rows.fetchall())
