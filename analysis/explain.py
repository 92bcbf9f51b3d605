"""Where every number of an outcome comes from: estimate → model → inputs → the rows they were taken from.

Quotations are never among it: they stay in the folder.
"""

from __future__ import annotations

import sqlite3
from dataclasses import asdict
from typing import Any

from analysis.dataset import COMPOSED
from analysis.estimates import MODEL_TITLES
from db import data, studies
from db.data import Cell, Value
from db.queries import study_labels
from db.specs import OutcomeSpec
from db.which_report import ALL, Candidate

TRACE = ("cohort", "timepoint", "denominator", "reading", "report", "place", "source_kind", "confidence", "why")
CONVENTIONS = ("ci_convention", "prediction_convention", "Q_test")


def explain(connection: sqlite3.Connection, outcome: OutcomeSpec, body: dict[str, Any]) -> dict[str, Any]:
    """The trace of `outcome` as JSON values; `body` is its part of the stored estimates (analysis.estimation).

    `rows` are the inputs of the primary estimate, each with the value it was taken from and who gave it; `other_values`
    those in force that feed no part of it, each with why; `missing` the included studies without a row, with why.
    """
    primary = body["primary"]
    conventions = {name: primary[name] for name in CONVENTIONS if name in primary}
    values = [
        v for v in data.pool_values(connection) if (v.outcome, v.denominator) == (outcome.id, outcome.denominator)
    ]
    cells = [cell for cell in data.cells(connection) if cell.outcome == outcome.id]
    people = data.closed_by(connection, outcome.id)
    used = {value.study: _cell(value, cells) for value in values}
    rows = [row | _trace(used.get(row["study"]), people) for row in body["rows"]]
    taken = {id(used[row["study"]]) for row in body["rows"] if used.get(row["study"]) is not None}
    labels = study_labels(connection)
    return {
        "outcome": outcome.id,
        "label": outcome.label,
        "denominator": outcome.denominator,
        "k": len(rows),
        "included": body["included"],
        "model": {"name": primary["model"], "title": MODEL_TITLES.get(primary["model"], ""), **conventions},
        "estimate": primary,
        "sensitivity": body["sensitivity"],
        "not_computed": body["not_computed"],
        "rows": rows,
        "missing": [
            m | ({} if m["status"] == "held-out" else _trace(used.get(m["study"]), people)) for m in body["missing"]
        ],
        "reports": _reports(connection, outcome, labels),
        "overlaps": _overlaps(connection, body, labels),
        "other_values": [
            _unused(cell, outcome, labels) | _trace(cell, people) for cell in cells if id(cell) not in taken
        ],
    }


def _reports(connection: sqlite3.Connection, outcome: OutcomeSpec, labels: dict[str, str]) -> list[dict[str, Any]]:
    """For each study which report counts for the outcome, by which rule, and which other reports gave what."""
    return [
        {
            "study": chosen.value.study,
            "label": labels.get(chosen.value.study, chosen.value.study),
            **_given(chosen.value),
            "rule": chosen.rule,
            "question": chosen.question,
            "others": [_given(other) | {"why": why} for other, why in chosen.others],
        }
        for chosen in studies.report_choices(connection)
        if (chosen.value.outcome, chosen.value.denominator) == (outcome.id, outcome.denominator)
        and chosen.value.cohort == ALL
    ]


def _given(value: Candidate) -> dict[str, Any]:
    names = ("report", "status", "events", "total", "timepoint", "reading", "second_hand", "printed", "data_cut")
    return {name: getattr(value, name) for name in names}


def _overlaps(connection: sqlite3.Connection, body: dict[str, Any], labels: dict[str, str]) -> list[dict[str, Any]]:
    """The overlaps of the studies that give the outcome, and the estimates under each choice of them."""
    here = {one["study"] for one in (*body["rows"], *body["missing"])}
    found = [o for o in studies.overlaps(connection) if o.a in here and o.b in here]
    said = [asdict(one) | {"labels": [labels.get(one.a, one.a), labels.get(one.b, one.b)]} for one in found]
    return [one | {"said": [dict(word) for word in one["said"]]} for one in said]


def _cell(value: Value, cells: list[Cell]) -> Cell | None:
    """The cell that a pooled value is: of several time points that agree in all else, the first (db.which_report)."""
    key = (value.study, value.denominator, value.report, value.reading, value.second_hand, value.events, value.total)
    found = [
        c for c in cells
        if (c.study, c.denominator, c.report, c.reading, c.second_hand, c.events, c.total) == key
        and (c.role, c.cohort) == ("primary", "all")
    ]  # fmt: skip
    return min(found, key=lambda cell: cell.timepoint, default=None)


def _trace(cell: Cell | None, people: list[dict[str, str]]) -> dict[str, Any]:
    """Where a cell stands and who gave it; nothing of a cell that there is not."""
    if cell is None:
        return {}
    found: dict[str, Any] = {name: getattr(cell, name) for name in TRACE}
    if cell.second_hand:
        return found | {"origin": "previous", "given_by": []}
    same = ("study", "cohort", "timepoint", "denominator", "reading", "report")
    mine = [p for p in people if all(p[name] == getattr(cell, name) for name in same)]
    given = [{"who": p["extractor"], "as": p["origin"]} for p in mine]
    return found | {"origin": mine[0]["state"] if mine else "", "given_by": given}


def _unused(cell: Cell, outcome: OutcomeSpec, labels: dict[str, str]) -> dict[str, Any]:
    names = ("study", "events", "total", "status", "role", "second_hand")
    said = {"label": labels.get(cell.study, cell.study), "not_used": _not_used(cell, outcome)}
    return {name: getattr(cell, name) for name in names} | said


def _not_used(cell: Cell, outcome: OutcomeSpec) -> str:
    """Why a value in force is no input of the primary estimate."""
    if cell.role == "reproduction":
        return "chosen to reproduce a printed figure: feeds the reproduction alone"
    if cell.role == "alternative":
        return "another reading: feeds the multiverse alone"
    if cell.denominator != outcome.denominator:
        return f"counted over {cell.denominator}: feeds that sensitivity analysis alone, or none"
    if cell.cohort != "all":
        return "a part of the study: nothing says which parts are disjoint and make up the whole"
    if cell.events is None:
        return "no numbers"
    return "another report's value stands before it (see reports), or the study is not included or held out"


def words(trace: dict[str, Any]) -> list[tuple[str, ...]]:
    """Lines for people: study, x/n, hand, how it was settled, report, reading, place, why. Header: HEADER."""
    lines = []
    for row in trace["rows"]:
        lines.append((row["label"], f"{row['events']}/{row['total']}", *_line(row)))
    for one in trace["missing"]:
        said = f"{one['status']}: {one['why']}" if one["status"] == "held-out" else one["status"]
        lines.append((one["label"], "–", said, *(_line(one)[1:] if "origin" in one else ("",) * 5)))
    return lines


HEADER = ("study", "x/n", "from", "settled", "report", "reading", "place", "why")


def _line(row: dict[str, Any]) -> tuple[str, ...]:
    composed = row.get("source_kind") == COMPOSED
    second = row.get("origin") == "previous"
    hand = "composed for the demonstration" if composed else "second-hand" if second else "first-hand"
    people = ", ".join(dict.fromkeys(p["who"] for p in row.get("given_by", ())))
    settled = "" if second else f"{row.get('origin', '')} ({people})"
    return hand, settled, *(row.get(name, "") for name in ("report", "reading", "place", "why"))


REPORTS_HEADER = ("study", "x/n", "report that counts", "because", "other reports")


def report_words(trace: dict[str, Any]) -> list[tuple[str, ...]]:
    """Lines for people: which report counts for each study that has several, and what the others gave."""
    return [
        (one["label"], _fraction(one), one["report"], "; ".join(filter(None, (one["rule"], one["question"]))),
         "; ".join(f"{other['report']} {_fraction(other)}: {other['why']}" for other in one["others"]))
        for one in trace["reports"]
        if one["others"]
    ]  # fmt: skip


def _fraction(one: dict[str, Any]) -> str:
    return str(one["status"]) if one["events"] is None else f"{one['events']}/{one['total']}"


OVERLAPS_HEADER = ("study", "overlaps with", "certainty", "patients", "state")


def overlap_words(trace: dict[str, Any]) -> list[tuple[str, ...]]:
    """Lines for people: the overlaps among the included studies, and whether two people have chosen."""
    return [(*one["labels"], one["certainty"], str(one["patients"] or ""), _state(one)) for one in trace["overlaps"]]


def _state(one: dict[str, Any]) -> str:
    if one["state"] in ("decided", "ruled"):
        return f"{one['state']}: {one['keep']} is pooled"
    return f"overlap not yet decided ({one['state']})"
