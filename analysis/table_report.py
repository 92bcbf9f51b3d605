"""What `lsr pool FILE` tells of a table: each study, the pool, each group, and what a reader should know of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from analysis.estimates import MIN_STUDIES_PREDICTION, critical_value
from analysis.generic import GenericRow
from analysis.intervals import clopper_pearson, wilson
from analysis.table import Table
from analysis.table_around import (
    added,
    grouped,
    heterogeneity,
    influences,
    json_numbers,
    left_out,
    regressed,
    small_study,
    weighted_method,
)
from analysis.table_choice import LIKELIHOODS, Choice, conventions
from analysis.table_kinds import AnyRow
from analysis.table_pooling import (
    TableNotPooled,
    TablePool,
    as_pooled,
    effects_of,
    has_arms,
    plain,
    pool_rows,
    to_back,
)
from analysis.two_groups import TwoGroupRow, tables_of
from db.errors import InputError
from db.model import Row


@dataclass(frozen=True, slots=True)
class Around:
    """What is wanted around the pooled effect; names of columns as the table was asked for them (`Table.also`)."""

    subgroups: str = "separate"  # or common: whose tau2 the groups have
    moderators: tuple[str, ...] = ()
    leave_one_out: bool = False
    cumulative: bool = False
    order: str = ""  # of the cumulative pools; "" for the order of the table
    influence: bool = False
    small_study: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The further columns that the table must have."""
        return tuple(dict.fromkeys((*self.moderators, *((self.order,) if self.order else ()))))


NOTHING_AROUND = Around()


def report(table: Table, choice: Choice, around: Around = NOTHING_AROUND) -> dict[str, Any]:
    """The whole result as plain JSON values; InputError where the method has no answer for the table.

    `groups` and `subgroups` are there where the table has groups, and the keys of `around` where it was asked for.
    """
    rows = as_pooled(table.rows, choice)
    found = pool_rows(rows, choice)
    groups, subgroups = grouped(rows, choice, around.subgroups)
    body = {
        "kind": choice.kind,
        "measure": choice.measure,
        "method": choice.method,
        "test": choice.test,
        "level": choice.level,
        "prediction": choice.prediction,
        "k": len({row.study for row in rows}) if choice.method in LIKELIHOODS else len(rows),
        "result": plain(found),
        "groups": groups,
        "studies": studies(rows, choice, found),
        "conventions": _conventions(choice, found, groups),
        "notes": notes(rows, choice, found) + _arms(table.rows, choice),
    }
    if choice.glmm:
        body["glmm"] = choice.glmm
    if isinstance(found, TablePool):
        body["heterogeneity"] = heterogeneity(rows, choice, found)
    if subgroups:
        body["subgroups"] = subgroups
    found_body: dict[str, Any] = json_numbers(body | _around(table, rows, choice, around))
    return found_body


def _conventions(choice: Choice, found: TablePool | TableNotPooled, groups: Mapping[str, Any]) -> list[str]:
    """Of the studies' own intervals, and of the pool's where there is one."""
    exact = [f"{choice.level:.0%} CI of a study: exact (Clopper-Pearson)"] if choice.kind == "proportions" else []
    pooled = isinstance(found, TablePool) or any(part["pooled"] for part in groups.values())
    return (conventions(choice, found.k - 1) if pooled else []) + exact


def _around(table: Table, rows: Sequence[AnyRow], choice: Choice, around: Around) -> dict[str, Any]:
    weighed = as_pooled(table.rows, replace(choice, method=weighted_method(choice)))
    body: dict[str, Any] = {}
    if around.moderators:
        cells = {name: _cell_each(weighed, table, name) for name in around.moderators}
        body["moderators"] = regressed(weighed, choice, cells)
    if around.leave_one_out:
        body["leave_one_out"] = left_out(rows, choice)
    if around.cumulative:
        pooled = weighed if has_arms(table.rows) else rows
        body["cumulative"] = added(pooled, choice, _cell_each(pooled, table, around.order) if around.order else ())
    if around.influence:
        body["influence"] = influences(weighed, choice)
    if around.small_study:
        body["small_study"] = small_study(weighed, choice)
    return body


def _cell_each(rows: Sequence[AnyRow], table: Table, column: str) -> list[str]:
    """A cell for each row; arms that were summed must agree on it, else InputError."""
    found: dict[tuple[str, str], str] = {}
    for row, cell in zip(table.rows, table.also[column], strict=True):
        if found.setdefault((row.group, row.study), cell) != cell:
            raise InputError(f"column {column}: the arms of study {row.study} differ; give the study one value")
    return [found[row.group, row.study] for row in rows]


def _arms(rows: Sequence[AnyRow], choice: Choice) -> list[str]:
    """What was made of arms, and of a study in several groups."""
    said = []
    if has_arms(rows):
        how = "share its random effect" if choice.method in LIKELIHOODS else "are summed before they are weighed"
        said.append(f"Arms of one study {how}; k counts studies.")
    places: dict[str, set[str]] = {}
    for row in rows:
        places.setdefault(row.study, set()).add(row.group)
    several = sum(len(groups) > 1 for groups in places.values())
    if several and choice.method not in LIKELIHOODS:
        said.append(f"{_count(several)} in several groups: {choice.method} takes the rows as independent studies.")
    return said


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
        body: dict[str, Any] = {
            "study": row.study,
            "group": row.group,
            "yi": yi,
            "vi": vi,
            "weight": weights[at] if weights else None,
        }
        interval: tuple[float | None, ...]
        if isinstance(row, Row):
            body |= {"label": row.label, "events": row.events, "total": row.total}
            body |= (both := study_intervals(row, choice.level))
            interval = (row.events / row.total, *both["clopper_pearson"])
        else:
            interval = tuple(to_back(value, rows, choice) for value in _wald(yi, vi, half))
            if isinstance(row, TwoGroupRow):
                body |= {name: getattr(row, name) for name in ("events1", "total1", "events2", "total2")}
        lines.append(body | dict(zip(("effect", "effect_lb", "effect_ub"), interval, strict=True)))
    return lines


def study_intervals(row: Row, level: float) -> dict[str, list[float]]:
    """The exact (Clopper-Pearson) and the score (Wilson) interval of a study's own proportion, by R's names."""
    ways = {"clopper_pearson": clopper_pearson, "wilson": wilson}
    return {name: [float(end) for end in way(row.events, row.total, level=level)] for name, way in ways.items()}


def notes(rows: Sequence[AnyRow], choice: Choice, found: TablePool | TableNotPooled) -> list[str]:
    """What happened to some rows that a reader would not expect, one sentence each."""
    said = []
    if choice.kind == "two groups":
        said += _zero_cells([row for row in rows if isinstance(row, TwoGroupRow)], choice)
    if choice.kind == "proportions" and choice.measure in ("PR", "PLN", "PLO") and choice.method not in LIKELIHOODS:
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
    if choice.method == "GLMM":
        said = [f"{_count(zero)} with a cell of 0: fitted as counted; each one's own effect is shown with 1/2 added."]
        kept = "left out, as metafor does (drop00): they tell nothing of a ratio"
    elif choice.method in ("MH", "Peto"):
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
