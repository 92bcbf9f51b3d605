"""The sheet of outcomes: data as a table that people fill in, read back cell by cell.

A row is one cell of the data (study, cohort, outcome, timepoint, denominator) in one reading, from one report.
A row with neither events nor total nor status is not yet extracted. "none" is a report that says that none
occurred, "silent" (or NR) a report that does not say: neither is an empty cell.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args, get_type_hints

from curation.dictionary import ValueFault, read_value
from curation.tables import Sheet, Table, read_tables, refuse, rows_with, write_sheets
from db.model import Datum
from db.specs import FieldSpec, OutcomeSpec

COLUMNS: Final = (
    "study", "cohort", "outcome", "timepoint", "denominator", "reading", "role", "report", "status", "events",
    "total", "printed", "data_cut", "place", "quotation", "source_kind", "confidence", "why", "answer",
)  # fmt: skip
NAME: Final = "outcomes"
_HINTS: Final = get_type_hints(Datum)
_STATUSES: Final[tuple[str, ...]] = get_args(_HINTS["status"])
_CONFIDENCES: Final[tuple[str, ...]] = get_args(_HINTS["confidence"])
_ROLES: Final = ("primary", "alternative")  # "reproduction" comes with the published review's own data alone
SOURCE_KINDS: Final = (
    "primary-article", "primary-abstract", "preprint", "register", "supplement", "author", "figure-read",
    "secondary-review",
)  # fmt: skip
# What a blank cell means: the words of the sheets that the program writes, so that two people who leave it blank agree.
_DEFAULTS: Final = {
    "cohort": "all",
    "role": "primary",
    "reading": "as printed",
    "confidence": "sure",
    "source_kind": "primary-article",
}
_REQUIRED: Final = ("study", "outcome", "report", "events", "total")
_NOT_REPORTED: Final = {"nr": "silent", "not reported": "silent"}
_NOTES: Final = {
    "status": "reported; none (the report says that none occurred); silent (it does not say). Silence is never zero.",
    "printed": "The percentage as printed, without its sign: 88.5",
    "data_cut": "The report's data cut-off: YYYY-MM-DD, YYYY-MM or YYYY",
    "place": "Page, table, figure, line",
    "quotation": "The words as printed, at most 300 letters. Kept in the review, never published.",
    "answer": "If a check asked about this row: what you found. It is kept.",
}


def outcome_sheet(rows: Sequence[Datum]) -> Sheet:
    """`rows` as a sheet with all COLUMNS, with lists to choose from where words are fixed."""
    cells = [["" if (x := getattr(datum, column)) is None else str(x) for column in COLUMNS] for datum in rows]
    choices = {"status": _STATUSES, "confidence": _CONFIDENCES, "role": _ROLES, "source_kind": SOURCE_KINDS}
    widths = {"report": 26, "quotation": 40, "why": 30, "answer": 30}
    return Sheet(NAME, COLUMNS, cells, choices, notes=_NOTES, widths=widths)


def write_sheet(path: Path, rows: Sequence[Datum]) -> None:
    """Write `rows` as CSV (UTF-8 with a byte order mark: spreadsheets need it) or XLSX, whole or not at all.

    InputError if the file cannot be written.
    """
    write_sheets(path, [outcome_sheet(rows)])


def read_sheet(
    path: Path,
    *,
    outcomes: Sequence[OutcomeSpec],
    studies: Collection[str],
    reports: Mapping[str, Collection[str]],
) -> list[Datum]:
    """The one table of `path`, read by `read_outcomes`; InputError names the faults with row and column."""
    data, faults = read_outcomes(read_tables(path)[0], outcomes=outcomes, studies=studies, reports=reports)
    refuse(path, faults)
    return [datum for _, datum in data]


def read_outcomes(
    table: Table,
    *,
    outcomes: Sequence[OutcomeSpec],
    studies: Collection[str],
    reports: Mapping[str, Collection[str]],
) -> tuple[list[tuple[int, Datum]], list[str]]:
    """(row number, datum) of the extracted rows, checked against the protocol's `outcomes`, the review's `studies` and
    each study's `reports`; and every fault, with its row and column: a value that is unknown, not a count, or at odds
    with another. An empty denominator is the outcome's own. InputError if a column is missing.
    """
    lines = rows_with(table, _REQUIRED, COLUMNS)
    checker = _Checker({outcome.id: outcome for outcome in outcomes}, frozenset(studies), reports, [])
    data = [(number, datum) for number, cells in lines if (datum := checker.datum(number, cells)) is not None]
    checker.one_primary_per_cell(data)
    return data, checker.faults


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
        values["status"] = _NOT_REPORTED.get(values["status"].casefold(), values["status"]) or "reported"
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

    def _check_words(self, row: int, values: dict[str, Any]) -> None:
        fixed = (("status", _STATUSES), ("confidence", _CONFIDENCES), ("role", _ROLES))
        for column, allowed in fixed:
            value = values[column]
            if column == "role" and value == "reproduction":
                self._fault(row, column, "reproduction is for the published review's data: give primary or alternative")
            elif value not in allowed:
                self._fault(row, column, f'unknown {column} "{value}": give {", ".join(allowed)}')
        if values["role"] == "primary" and values["confidence"] == "guessed":
            self._fault(row, "confidence", "a guessed value is never the primary reading")
        if values["confidence"] == "derived" and not values["why"]:
            self._fault(row, "why", "a derived value needs its arithmetic")
        printed = values["printed"] = values["printed"].rstrip("% ")
        if printed and not _PERCENTAGE.fullmatch(printed):
            self._fault(row, "printed", f'"{printed[:40]}" is no percentage as printed, such as 88.5')
        if values["data_cut"] and not _is_date(values["data_cut"]):
            self._fault(row, "data_cut", f'"{values["data_cut"][:40]}" is no date: YYYY-MM-DD, YYYY-MM or YYYY')

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


_PERCENTAGE: Final = re.compile(r"(?:100(?:\.0+)?|\d{1,2}(?:\.\d+)?)")


def _is_date(text: str) -> bool:
    try:
        read_value(_DATE, text)
    except ValueFault:
        return False
    return True


_DATE: Final = FieldSpec("data_cut", "", "report", "date", "data cut-off")
