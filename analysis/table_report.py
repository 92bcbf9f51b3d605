"""What `lsr pool FILE` tells of a table: each study, the pool, each group, and what a reader should know of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from analysis.estimates import MIN_STUDIES_PREDICTION, critical_value
from analysis.generic import GenericRow
from analysis.intervals import clopper_pearson
from analysis.table import Table
from analysis.table_kinds import AnyRow
from analysis.table_pooling import (
    Choice,
    TableNotPooled,
    TablePool,
    conventions,
    effects_of,
    plain,
    pool_groups,
    pool_rows,
    to_back,
)
from analysis.two_groups import TwoGroupRow, tables_of
from db.model import Row


def report(table: Table, choice: Choice) -> dict[str, Any]:
    """The whole result as plain JSON values; InputError where the method has no answer for the table."""
    found = pool_rows(table.rows, choice)
    return {
        "kind": choice.kind,
        "measure": choice.measure,
        "method": choice.method,
        "test": choice.test,
        "level": choice.level,
        "prediction": choice.prediction,
        "k": len(table.rows),
        "result": plain(found),
        "groups": {name: plain(part) for name, part in pool_groups(table.rows, choice).items()},
        "studies": studies(table.rows, choice, found),
        "conventions": conventions(choice, len(table.rows) - 1),
        "notes": notes(table.rows, choice, found),
    }


def studies(rows: Sequence[AnyRow], choice: Choice, found: TablePool | TableNotPooled) -> list[dict[str, Any]]:
    """Each row with its own effect: yi and vi on the scale of the measure, `effect` and its interval as people read it.

    A proportion's is events / total with the exact interval: a back-transformed one can differ from what was seen
    (validation/metafor/README.md). The others' interval is normal, from vi.
    """
    effects = effects_of(rows, choice)
    weights = found.weights if isinstance(found, TablePool) else None
    half = critical_value(choice.level, "z", 1)
    lines: list[dict[str, Any]] = []
    for at, row in enumerate(rows):
        yi, vi = float(effects.yi[at]), float(effects.vi[at])
        body = {"study": row.study, "group": row.group, "yi": yi, "vi": vi, "weight": weights[at] if weights else None}
        interval: tuple[float | None, ...]
        if isinstance(row, Row):
            lower, upper = clopper_pearson(row.events, row.total, level=choice.level)
            interval = row.events / row.total, float(lower), float(upper)
            body |= {"events": row.events, "total": row.total}
        else:
            interval = tuple(to_back(value, rows, choice) for value in _wald(yi, vi, half))
            if isinstance(row, TwoGroupRow):
                body |= {name: getattr(row, name) for name in ("events1", "total1", "events2", "total2")}
        lines.append(body | dict(zip(("effect", "effect_lb", "effect_ub"), interval, strict=True)))
    return lines


def notes(rows: Sequence[AnyRow], choice: Choice, found: TablePool | TableNotPooled) -> list[str]:
    """What happened to some rows that a reader would not expect, one sentence each."""
    said = []
    if choice.kind == "two groups":
        said += _zero_cells([row for row in rows if isinstance(row, TwoGroupRow)], choice)
    if choice.kind == "proportions" and choice.measure in ("PR", "PLN", "PLO") and choice.method != "GLMM":
        ends = sum(isinstance(row, Row) and row.events in (0, row.total) for row in rows)
        if ends:
            said.append(f"{_count(ends)} without events or without non-events: 1/2 was added to both counts of each.")
    if choice.measure == "PFT":
        said.append(
            "The back-transformation of the double arcsine takes the harmonic mean of the totals and can mislead"
            " (Schwarzer 2019, 10.1002/jrsm.1348): prefer GLMM."
        )
    off = [row.study for row in rows if isinstance(row, GenericRow) and row.lopsided]
    if off:
        said.append(
            f"Off the middle of their interval: {', '.join(off)}. Is it a ratio (--measure HR), another level"
            " (column ci_level), or no Wald interval?"
        )
    if isinstance(found, TablePool) and found.pi_lb is not None and found.k < MIN_STUDIES_PREDICTION:
        said.append(
            f"A prediction interval from fewer than {MIN_STUDIES_PREDICTION} studies is too uncertain to rely on"
            " (IntHout 2016, BMJ Open 6:e010247)."
        )
    if isinstance(found, TablePool) and found.se == 0:
        said.append("All effects are equal: the Knapp-Hartung interval has no width and says nothing of the precision.")
    return said


def _zero_cells(rows: Sequence[TwoGroupRow], choice: Choice) -> list[str]:
    found = tables_of(rows)
    double = int(found.double_zero.sum())
    zero = int(found.zero_cell.sum())
    if not zero or choice.measure == "AS":
        return []
    if choice.method in ("MH", "Peto"):
        said = [f"{_count(zero)} with a cell of 0: pooled as counted; each one's own effect is shown with 1/2 added."]
        kept = "counts in the estimate, not in Q" if choice.measure == "RD" else "tells nothing of a ratio"
    else:
        said = [f"{_count(zero)} with a cell of 0: 1/2 was added to all four cells of each."]
        kept = "kept, as metafor does; the Cochrane Handbook (10.4.4) leaves such studies out of ratios"
    if double and (choice.method in ("MH", "Peto") or choice.measure != "RD"):
        said.append(f"{double} of these without events, or without non-events, in both groups: {kept}.")
    return said


def _count(studies: int) -> str:
    return "1 study" if studies == 1 else f"{studies} studies"


def _wald(yi: float, vi: float, half: float) -> tuple[float, float, float]:
    reach = half * float(np.sqrt(vi))
    return yi, yi - reach, yi + reach
