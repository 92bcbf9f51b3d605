"""The extraction sheet: data as a CSV table that people fill in, read back cell by cell.

A row is one cell of the data (study, cohort, outcome, timepoint, denominator) in one reading, from one report.
A row with neither events nor total nor status is not yet extracted. "none" is a report that says that none
occurred, "silent" a report that does not say: neither is an empty cell.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args, get_type_hints

from curation.csvfile import guarded, read_table, write_table
from db.errors import InputError
from db.model import Datum, OutcomeSpec

COLUMNS: Final = (
    "study", "cohort", "outcome", "timepoint", "denominator", "reading", "role", "report", "status", "events",
    "total", "place", "quotation", "source_kind", "confidence", "why",
)  # fmt: skip
FAULTS_SHOWN: Final = 5
_HINTS: Final = get_type_hints(Datum)
_STATUSES: Final[tuple[str, ...]] = get_args(_HINTS["status"])
_CONFIDENCES: Final[tuple[str, ...]] = get_args(_HINTS["confidence"])
_ROLES: Final = ("primary", "alternative")  # "reproduction" comes with the published review's own data alone
# What a blank cell means: the words of the sheets that the program writes, so that two people who leave it blank agree.
_DEFAULTS: Final = {
    "cohort": "all",
    "role": "primary",
    "reading": "as printed",
    "confidence": "sure",
    "source_kind": "primary-article",
}
_REQUIRED: Final = ("study", "outcome", "report", "events", "total")


def write_sheet(path: Path, rows: Sequence[Datum]) -> None:
    """Write `rows` as CSV with all COLUMNS, UTF-8 with a byte order mark (spreadsheets need it), whole or not at all.

    Cells that a spreadsheet would run as a formula get an apostrophe, which `read_sheet` takes off again.
    InputError if the file cannot be written.
    """
    cells = ((getattr(datum, column) for column in COLUMNS) for datum in rows)
    write_table(path, COLUMNS, [["" if x is None else guarded(str(x)) for x in row] for row in cells], mark=True)


def read_sheet(
    path: Path,
    *,
    outcomes: Sequence[OutcomeSpec],
    studies: Collection[str],
    reports: Mapping[str, Collection[str]],
) -> list[Datum]:
    """The sheet's extracted rows, checked against the protocol's `outcomes`, the review's `studies` and each
    study's `reports`.

    An empty denominator is the outcome's own. InputError names every fault with row and column (the first
    FAULTS_SHOWN of them in its text): a value that is unknown, not a count, or at odds with another.
    """
    checker = _Checker({outcome.id: outcome for outcome in outcomes}, frozenset(studies), reports, [])
    data = [
        (number, datum)
        for number, cells in read_table(path, _REQUIRED, COLUMNS)
        if (datum := checker.datum(number, cells)) is not None
    ]
    checker.one_primary_per_cell(data)
    if faults := checker.faults:
        more = f"; and {len(faults) - FAULTS_SHOWN} more" if len(faults) > FAULTS_SHOWN else ""
        raise InputError(f"{path}: {'; '.join(faults[:FAULTS_SHOWN])}{more}")
    return [datum for _, datum in data]


@dataclass
class _Checker:
    """Turns rows into data and collects what is wrong with them."""

    outcomes: Mapping[str, OutcomeSpec]
    studies: frozenset[str]
    reports: Mapping[str, Collection[str]]
    faults: list[str]

    def datum(self, row: int, cells: Mapping[str, str]) -> Datum | None:
        """The row's datum; None if it is not yet extracted or wrong (then its faults are noted)."""
        if not any(cells.get(column) for column in ("status", "events", "total")):
            return None
        before = len(self.faults)
        values: dict[str, Any] = {column: cells.get(column) or _DEFAULTS.get(column, "") for column in COLUMNS}
        for column in ("events", "total"):
            values[column] = self._count(row, column, cells.get(column, ""))
        values["status"] = values["status"] or "reported"
        self._check_names(row, values)
        self._check_words(row, values)
        if len(self.faults) == before:
            self._check_numbers(row, values)
        if len(self.faults) > before:
            return None
        values["denominator"] = values["denominator"] or self.outcomes[values["outcome"]].denominator
        return Datum(**values)

    def one_primary_per_cell(self, data: Iterable[tuple[int, Datum]]) -> None:
        """Note every second primary reading of a cell, and every reading given twice."""
        primary: dict[tuple[str, ...], int] = {}
        readings: dict[tuple[str, ...], int] = {}
        for row, datum in data:
            cell = (datum.study, datum.cohort, datum.outcome, datum.timepoint, datum.denominator)
            if datum.role == "primary" and (first := primary.setdefault(cell, row)) != row:
                self._fault(row, "role", f"row {first} is the primary reading of this cell already")
            elif (first := readings.setdefault((*cell, datum.reading), row)) != row:
                self._fault(row, "reading", f'"{datum.reading}" of this cell stands in row {first} already')

    def _fault(self, row: int, column: str, text: str) -> None:
        self.faults.append(f"row {row}, column {column}: {text}")

    def _count(self, row: int, column: str, text: str) -> int | None:
        if not text:
            return None
        if text.isascii() and text.isdigit():
            return int(text)
        self._fault(row, column, f'"{text[:40]}" is not a whole number of patients')
        return None

    def _check_names(self, row: int, values: Mapping[str, Any]) -> None:
        outcome, study, report = values["outcome"], values["study"], values["report"]
        if outcome not in self.outcomes:
            self._fault(row, "outcome", f'unknown outcome "{outcome}": the protocol has {", ".join(self.outcomes)}')
        if study not in self.studies:
            self._fault(row, "study", f'unknown study "{study}"')
        elif report not in self.reports.get(study, ()):
            self._fault(row, "report", f'"{report}" is no report of {study}')

    def _check_words(self, row: int, values: Mapping[str, Any]) -> None:
        for column, allowed in (("status", _STATUSES), ("confidence", _CONFIDENCES), ("role", _ROLES)):
            value = values[column]
            if column == "role" and value == "reproduction":
                self._fault(row, column, "reproduction is for the published review's data: give primary or alternative")
            elif value not in allowed:
                self._fault(row, column, f'unknown {column} "{value}": give {", ".join(allowed)}')
        if values["role"] == "primary" and values["confidence"] == "guessed":
            self._fault(row, "confidence", "a guessed value is never the primary reading")

    def _check_numbers(self, row: int, values: dict[str, Any]) -> None:
        status, events, total = values["status"], values["events"], values["total"]
        if status in ("silent", "not-in-source"):
            if events is not None or total is not None:
                self._fault(row, "status", f"{status} has no numbers: clear events and total, or change the status")
        elif total is None:
            self._fault(row, "total", f"{status} needs the number of patients")
        elif total == 0:
            self._fault(row, "total", "0 patients: a cohort has at least one")
        elif status == "none":
            if events:
                self._fault(row, "events", f'{events}, but the status says "none"')
            values["events"] = 0
        elif events is None:
            self._fault(row, "events", "reported needs the number of events")
        elif events > total:
            self._fault(row, "events", f"{events} of {total}: more events than patients")


def check_data(rows: Sequence[Datum], at_most: Iterable[tuple[str, str]] = ()) -> list[str]:
    """Checks across rows, each fault one line; nothing is refused here.

    `at_most` are pairs of outcome ids of which the first cannot have more events than the second (grade 3 and
    any grade; complete and overall response). Compared are primary readings of one study, cohort, time point
    and denominator with the same total; a pair whose totals differ cannot be compared.
    """
    primary = [datum for datum in rows if datum.role == "primary" and datum.events is not None]
    by_cell: dict[tuple[str, ...], Datum] = {}
    faults = []
    for datum in primary:
        cell = (datum.study, datum.cohort, datum.timepoint, datum.denominator, datum.outcome)
        if cell in by_cell:
            faults.append(f"{_named(datum)}: two primary readings")
        by_cell.setdefault(cell, datum)
        if datum.total is not None and (datum.events or 0) > datum.total:
            faults.append(f"{_named(datum)}: {datum.events} of {datum.total}: more events than patients")
    for part, whole in at_most:
        for (*place, outcome), datum in by_cell.items():
            other = by_cell.get((*place, whole)) if outcome == part else None
            if other and other.total == datum.total and (datum.events or 0) > (other.events or 0):
                faults.append(
                    f"{_named(datum)}: {datum.events}/{datum.total} is more than {whole} {other.events}/{other.total}"
                )
    return faults


def _named(datum: Datum) -> str:
    return " ".join(filter(None, (datum.study, datum.cohort, datum.outcome, datum.timepoint)))
