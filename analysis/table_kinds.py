"""The kinds of table that `analysis.table` reads: their columns, by what other names these go, and their rows.

Other names are those of metafor (ai, n1i, ci, n2i, yi, vi, sei), of meta (event.e, n.e, event.c, n.c, TE, seTE) and of
their help pages (e.t, n.t, e.c, n.c).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from math import isfinite
from typing import Final, Literal

from analysis.effects import Effects, GenericMeasure
from analysis.generic import (
    RATIOS,
    GenericRow,
    from_intervals,
    from_standard_errors,
    from_variances,
    log_hazard_ratio,
    lopsided,
)
from analysis.intervals import DEFAULT_LEVEL
from analysis.textfile import shown
from analysis.two_groups import TwoGroupRow
from db.errors import InputError
from db.model import Row

Kind = Literal["proportions", "two groups", "generic"]
AnyRow = Row | TwoGroupRow | GenericRow

MAX_DIGITS = 10  # more patients than people
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)

MEASURES: Final[dict[Kind, tuple[str, ...]]] = {
    "proportions": ("PR", "PLN", "PLO", "PAS", "PFT"),
    "two groups": ("RR", "OR", "RD", "AS", "PETO"),
    "generic": ("GEN", "HR", "RR", "OR"),
}

DEFAULT_MEASURE: Final[dict[Kind, str]] = {"proportions": "PLO", "two groups": "OR", "generic": "GEN"}

OTHER_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "study": ("slab", "studlab"),
    "events": ("xi",),
    "total": ("ni", "n"),
    "events1": ("ai", "e.t", "event.e", "e1"),
    "total1": ("n1i", "n.t", "n.e", "n1"),
    "events2": ("ci", "e.c", "event.c", "e2"),
    "total2": ("n2i", "n.c", "n2"),
    "estimate": ("yi", "te"),
    "se": ("sei", "sete"),
    "variance": ("vi",),
    "ci_lb": ("ci.lb", "lower"),
    "ci_ub": ("ci.ub", "upper"),
    "log_hr": ("loghr",),
    "o_e": ("o-e", "ome"),
}


@dataclass(slots=True)
class Line:
    """One line being read: its cells by column, the measure asked for, and what was found wrong with it."""

    number: int
    cells: dict[str, str]
    measure: str
    faults: list[str] = field(default_factory=list)

    def fault(self, column: str, what: str) -> None:
        """Note what is wrong in a column."""
        self.faults.append(f"line {self.number}, column {column}: {what}")

    def count(self, column: str) -> int | None:
        """A whole number of patients."""
        cell = self.cells[column]
        if re.fullmatch(r"[0-9]+", cell) and len(cell) <= MAX_DIGITS:
            return int(cell)
        what = "empty" if not cell else f"{shown(cell)} is not a whole number of patients, such as 12"
        self.fault(column, what)
        return None

    def real(self, column: str) -> float | None:
        """A number, with a decimal point."""
        cell = self.cells[column].replace("\N{MINUS SIGN}", "-")  # as papers print it
        if NUMBER.fullmatch(cell) and isfinite(float(cell)):
            return float(cell)
        what = "empty" if not cell else f"{shown(cell)} is not a number with a decimal point, such as -0.25"
        self.fault(column, what)
        return None


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of one kind of table, and how a line of it becomes a row: None if the line has faults."""

    kind: Kind
    required: tuple[str, ...]
    read: Callable[[Line], AnyRow | None]
    optional: tuple[str, ...] = ("group",)
    measures: tuple[str, ...] = ()  # where it allows fewer than its kind
    ratio_first: bool = False  # ratios printed with an interval need no one to say that they are logarithms

    @property
    def default(self) -> str:
        """The measure to pool by where none is asked for."""
        return self.measures[0] if self.measures else DEFAULT_MEASURE[self.kind]

    def allows(self, measure: str) -> bool:
        """Whether a table of this layout can be pooled by `measure`; "" stands for none asked for."""
        return not measure or measure in (self.measures or MEASURES[self.kind])


def layouts(measure: str) -> list[Layout]:
    """The layouts to look for, in order, when `measure` is asked for ("" for none)."""
    fit = [layout for layout in LAYOUTS if layout.allows(measure)]
    if measure not in RATIOS:
        return fit
    return sorted(fit, key=lambda layout: 0 if layout.kind != "generic" else 1 if layout.ratio_first else 2)


def _group_counts(line: Line, events: str, total: str) -> tuple[int, int] | None:
    x, n = line.count(events), line.count(total)
    if n == 0:
        line.fault(total, "0 patients")
    elif n is not None and x is not None and x > n:
        line.fault(events, f"{x} events exceed the total of {n}")
    return None if x is None or n is None or line.faults else (x, n)


def _proportion(line: Line) -> Row | None:
    found = _group_counts(line, "events", "total")
    if found is None:
        return None
    study, arm = line.cells["study"], line.cells.get("arm", "")
    label = f"{study}, {arm}" if arm else study
    return Row(study=study, label=label, events=found[0], total=found[1], group=line.cells.get("group", ""))


def _two_groups(line: Line) -> TwoGroupRow | None:
    first, second = _group_counts(line, "events1", "total1"), _group_counts(line, "events2", "total2")
    if first is None or second is None:
        return None
    return TwoGroupRow(line.cells["study"], *first, *second, group=line.cells.get("group", ""))


def _by_se(line: Line) -> GenericRow | None:
    return _generic(line, ("estimate", "se"), lambda yi, se: from_standard_errors(yi, se))


def _by_log_hr(line: Line) -> GenericRow | None:
    return _generic(line, ("log_hr", "se"), lambda yi, se: from_standard_errors(yi, se))


def _by_variance(line: Line) -> GenericRow | None:
    return _generic(line, ("estimate", "variance"), lambda yi, vi: from_variances(yi, vi))


def _by_o_e(line: Line) -> GenericRow | None:
    return _generic(line, ("o_e", "v"), lambda o_e, v: log_hazard_ratio(o_e, v))


def _by_interval(line: Line) -> GenericRow | None:
    return _interval(line, "estimate", _generic_measure(line.measure))


def _by_hr(line: Line) -> GenericRow | None:
    return _interval(line, "hr", "HR")


def _generic_measure(measure: str) -> GenericMeasure:
    return next((ratio for ratio in RATIOS if ratio == measure), "GEN")


def _interval(line: Line, estimate: str, measure: GenericMeasure) -> GenericRow | None:
    level = _level(line)
    off = False

    def convert(yi: float, lower: float, upper: float) -> Effects:
        nonlocal off
        effects = from_intervals(yi, lower, upper, measure=measure, level=level)
        off = bool(lopsided(effects, lower, upper))
        return effects

    row = _generic(line, (estimate, "ci_lb", "ci_ub"), convert)
    return row and GenericRow(row.study, row.yi, row.vi, row.group, off)


def _level(line: Line) -> float:
    """The level of a row's interval: 95% unless the column ci_level says otherwise, in percent or as a share."""
    if not line.cells.get("ci_level"):
        return DEFAULT_LEVEL
    level = line.real("ci_level")
    if level is None:
        return DEFAULT_LEVEL
    return level / 100 if level > 1 else level


def _generic(line: Line, names: tuple[str, ...], convert: Callable[..., Effects]) -> GenericRow | None:
    """A row from the numbers in the columns `names`; what cannot be converted is a fault of the line."""
    numbers = [line.real(name) for name in names]
    if line.faults:
        return None
    try:
        effects = convert(*numbers)
    except InputError as error:
        line.fault(names[0], str(error).removeprefix("study 1 "))
        return None
    return GenericRow(line.cells["study"], float(effects.yi[0]), float(effects.vi[0]), line.cells.get("group", ""))


LAYOUTS: Final = (
    Layout("two groups", ("study", "events1", "total1", "events2", "total2"), _two_groups),
    Layout("proportions", ("study", "events", "total"), _proportion, ("group", "arm")),
    Layout("generic", ("study", "log_hr", "se"), _by_log_hr, measures=("HR",)),
    Layout("generic", ("study", "o_e", "v"), _by_o_e, measures=("HR",)),
    Layout("generic", ("study", "hr", "ci_lb", "ci_ub"), _by_hr, ("group", "ci_level"), ("HR",), ratio_first=True),
    Layout("generic", ("study", "estimate", "se"), _by_se),
    Layout("generic", ("study", "estimate", "variance"), _by_variance),
    Layout("generic", ("study", "estimate", "ci_lb", "ci_ub"), _by_interval, ("group", "ci_level"), ratio_first=True),
)
"""In the order of preference where a table has the columns of several."""
