"""Printed in the paper | recomputed | same? — for every figure that the published review's own table can give.

Fed only by readings marked "reproduction". No estimate of this review comes from here, and nothing here from one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from analysis.estimates import FTT_DL, Pooled
from analysis.pooling import pool
from db import data
from db.model import Row
from db.queries import studies, study_labels

POOLED: dict[str, Callable[[Pooled], float]] = {
    "estimate": lambda p: p.proportion * 100,
    "ci_lb": lambda p: p.proportion_ci[0] * 100,
    "ci_ub": lambda p: p.proportion_ci[1] * 100,
    "i2": lambda p: p.I2,
    "p": lambda p: p.Q_p,
    "events": lambda p: float(p.events),
    "total": lambda p: float(p.total),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One printed figure beside ours. `recomputed` is None where the data cannot give it, and `reason` says why."""

    key: str
    outcome: str
    statistic: str
    unit: str
    printed: str
    where: str
    recomputed: float | None
    same: bool | None
    reason: str


def reproduction_table(connection: sqlite3.Connection) -> list[Line]:
    """Every printed figure of the review that this one continues; empty if it continues none."""
    previous = data.previous_review(connection)
    if previous is None:
        return []
    pooled = reproduced(connection)
    sums = _sums(connection)
    return [_line(printed, pooled, sums) for printed in previous.get("printed", [])]


def reproduced(connection: sqlite3.Connection) -> dict[str, Pooled]:
    """{outcome: the paper's own method over the readings that reproduce it}."""
    labels = study_labels(connection)
    rows: dict[str, list[Row]] = {}
    for value in data.reproduction_values(connection):
        if value.events is not None and value.total is not None:
            label = labels.get(value.study, value.study)
            rows.setdefault(value.outcome, []).append(Row(value.study, label, value.events, value.total))
    fits = {outcome: pool(found, FTT_DL) for outcome, found in rows.items()}
    return {outcome: fit for outcome, fit in fits.items() if isinstance(fit, Pooled)}


def _sums(connection: sqlite3.Connection) -> dict[str, float]:
    """Sums over the previous version's studies: their number, their patients, and every fact that is a count."""
    previous = {study for study, _, was in data.included(connection) if was}
    patients = sum(study.patients or 0 for study in studies(connection) if study.study in previous)
    sums = {"study": float(len(previous)), "patients": float(patients)}
    for fact in data.facts(connection, second_hand_only=True):
        if fact.study in previous and fact.value.isdecimal():
            sums[fact.field] = sums.get(fact.field, 0.0) + int(fact.value)
    return sums


def _line(printed: dict[str, str], pooled: dict[str, Pooled], sums: dict[str, float]) -> Line:
    outcome, statistic = printed["outcome"], printed["statistic"]
    value: float | None = None
    # "cr.estimate" is of the outcome as a whole; "cr.t_lineage.events" is of a part of it, which needs its own data.
    if outcome in pooled and statistic in POOLED and printed["key"].count(".") == 1:
        value = POOLED[statistic](pooled[outcome])
    elif statistic in ("sum", "count") and printed["reproducible"] == "yes":
        value = sums.get(outcome)
    return Line(
        key=printed["key"],
        outcome=outcome,
        statistic=statistic,
        unit=printed["unit"],
        printed=printed["printed"],
        where=printed["where"],
        recomputed=value,
        same=None if value is None else rounds_to(value, printed["printed"]),
        reason=printed["reason"],
    )


def rounds_to(value: float, printed: str) -> bool:
    """Whether `value` is `printed` at the digits that `printed` has (half to even or half up: either is common)."""
    target = Decimal(printed)
    exact = Decimal(repr(value))
    return target in (exact.quantize(target, ROUND_HALF_EVEN), exact.quantize(target, "ROUND_HALF_UP"))
