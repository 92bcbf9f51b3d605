"""What is pooled: for each outcome the rows, the studies that do not report it, and those held out."""

from __future__ import annotations

import sqlite3
from dataclasses import asdict, dataclass
from typing import Any

from db import data
from db.model import OutcomeSpec, ProtocolSpec, Row
from db.queries import study_labels

COMPOSED = "composed"  # source_kind of values made up for a demonstration


@dataclass(frozen=True, slots=True)
class Missing:
    """An included study that enters no pool of an outcome, and why: silence is never zero."""

    study: str
    label: str
    status: str  # silent, not-in-source, not-extracted, held-out


@dataclass(frozen=True, slots=True)
class Dataset:
    """One outcome at one denominator: `included` studies = rows + missing."""

    outcome: OutcomeSpec
    denominator: str
    rows: tuple[Row, ...]
    missing: tuple[Missing, ...]

    @property
    def included(self) -> int:
        return len(self.rows) + len(self.missing)


def datasets(connection: sqlite3.Connection, spec: ProtocolSpec) -> list[Dataset]:
    """The pooled data of every proportion of the protocol, main denominator first, then the sensitivity ones.

    A sensitivity denominator takes the main one's value where a study gives no other (its patients are the same).
    """
    labels = study_labels(connection)
    studies = sorted({study for study, _, _ in data.included(connection)}, key=lambda s: (labels.get(s, s), s))
    held = data.held_out(connection)
    by_cell = {(v.outcome, v.denominator, v.study): v for v in data.pool_values(connection)}
    found = []
    for outcome in spec.outcomes:
        if outcome.measure != "proportion":
            continue
        for denominator in (outcome.denominator, *outcome.denominator_sensitivity):
            values = {}
            for study in studies:
                main = by_cell.get((outcome.id, outcome.denominator, study))
                own = by_cell.get((outcome.id, denominator, study))
                values[study] = own if own is not None and own.total else main
            found.append(_dataset(outcome, denominator, studies, values, labels, held))
    return found


def _dataset(
    outcome: OutcomeSpec,
    denominator: str,
    studies: list[str],
    values: dict[str, data.Value | None],
    labels: dict[str, str],
    held: dict[str, str],
) -> Dataset:
    rows, missing = [], []
    for study in studies:
        value, label = values[study], labels.get(study, study)
        if study in held:
            missing.append(Missing(study, label, "held-out"))
        elif value is None:
            missing.append(Missing(study, label, "not-extracted"))
        elif value.events is None or value.total is None:
            missing.append(Missing(study, label, value.status))
        else:
            composed = value.source_kind == COMPOSED
            rows.append(Row(study, label, value.events, value.total, "", value.second_hand, composed))
    return Dataset(outcome, denominator, tuple(rows), tuple(missing))


def plain_dataset(dataset: Dataset) -> dict[str, Any]:
    """A dataset as JSON values."""
    return {
        "outcome": dataset.outcome.id,
        "denominator": dataset.denominator,
        "rows": [asdict(row) for row in dataset.rows],
        "missing": [asdict(missing) for missing in dataset.missing],
    }
