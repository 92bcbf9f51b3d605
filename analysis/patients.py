"""Patient-level times from a file: columns study, time, event and, if there, patient, group, transplant,
transplant_time, reconstructed.

Comma, semicolon or tab. Times are in the caller's unit from the caller's time zero (infusion, say), the same for the
whole file: the program cannot know it. Every fault is named with its line and column.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from analysis.survival import MAX_TIME
from analysis.textfile import SHOWN_FAULTS, Columns, Line, decimal, open_table, shown
from db.errors import InputError

COLUMNS: Final = Columns(
    required=("study", "time", "event"),
    optional=("patient", "group", "transplant", "transplant_time", "reconstructed"),
    hint="the header must be study,time,event with optional patient,group,transplant,transplant_time,reconstructed",
)
MAX_PATIENTS: Final = 1_000_000  # more than all trials of a field together; what is longer is the wrong file
YES_NO: Final = {"yes": True, "1": True, "no": False, "0": False}
# Three ways to say that the source does not tell; none of them is no.
UNKNOWN: Final = ("", "nr", "unclear")


@dataclass(frozen=True, slots=True)
class Patient:
    """One line: `event` True at `time` or else censored; None where the source does not say."""

    line: int
    study: str
    time: float
    event: bool
    group: str
    transplanted: bool | None
    transplant_time: float | None
    reconstructed: bool


@dataclass(frozen=True, slots=True)
class Patients:
    """All lines of a file, and which columns it has."""

    name: str
    rows: tuple[Patient, ...]
    columns: tuple[str, ...]

    @property
    def studies(self) -> tuple[str, ...]:
        """The studies in the order they appear."""
        return tuple(dict.fromkeys(row.study for row in self.rows))


def read_patients(source: Path | str, *, name: str = "") -> Patients:
    """The patients of a table: a Path is read as UTF-8, a str is the text itself; `name` stands in the errors.

    InputError, one line with up to textfile.SHOWN_FAULTS faults: a file that cannot be read, a missing or doubled
    column, a time that is no number from 0 up, an event other than 0 and 1, a patient who stands there twice, a
    transplant that is neither yes, no nor unknown (blank, NR, UNCLEAR), a time of a transplant that was not.
    """
    table = open_table(source, COLUMNS, MAX_PATIENTS, name=name)
    seen: dict[tuple[str, str], int] = {}
    found = (_patient(line, seen, table.faults) for line in table.lines())
    rows = tuple(patient for patient in found if patient)
    if "transplant_time" in table.present and "transplant" not in table.present:
        table.faults.insert(0, "line 1: transplant_time without a column transplant (yes, no or NR); add it")
    table.check()
    if not rows:
        raise InputError(f"{table.name}: no rows below the header; give at least one patient")
    return Patients(table.name, rows, table.present)


def groups(patients: Patients) -> list[str]:
    """Each patient's group; InputError naming the lines where there is none, or only one."""
    if "group" not in patients.columns:
        raise InputError(f"{patients.name}: no column group to compare by; add one")
    _refuse_lines(patients, [row.line for row in patients.rows if not row.group], "column group: empty")
    found = [row.group for row in patients.rows]
    if len(set(found)) < 2:
        raise InputError(f"{patients.name}: column group: only {shown(found[0])}; nothing to compare")
    return found


def transplant_times(patients: Patients) -> list[float | None]:
    """Each patient's time of transplant, None for those without; what landmark and Mantel-Byar need.

    InputError naming the lines where a transplant has no time, or where the source does not say whether there was one.
    """
    if "transplant" not in patients.columns or "transplant_time" not in patients.columns:
        raise InputError(f"{patients.name}: columns transplant and transplant_time are needed for this; add them")
    untimed = [row.line for row in patients.rows if row.transplanted and row.transplant_time is None]
    _refuse_lines(
        patients, untimed, "transplanted, but transplant_time is not given: without it no analysis is possible"
    )
    unknown = [row.line for row in patients.rows if row.transplanted is None]
    _refuse_lines(patients, unknown, "column transplant does not say yes or no; unknown is not no")
    return [row.transplant_time for row in patients.rows]


def _refuse_lines(patients: Patients, lines: list[int], what: str) -> None:
    if lines:
        listed = ", ".join(map(str, lines[:SHOWN_FAULTS]))
        more = f" and {len(lines) - SHOWN_FAULTS} more" if len(lines) > SHOWN_FAULTS else ""
        raise InputError(f"{patients.name}: line{'s' * (len(lines) > 1)} {listed}{more}: {what}")


def _patient(line: Line, seen: dict[tuple[str, str], int], faults: list[str]) -> Patient | None:
    """One patient, or None with the faults noted."""
    known, cells = len(faults), line.cells

    def fault(column: str, what: str) -> None:
        faults.append(f"line {line.number}, column {column}: {what}")

    time = _time(cells["time"])
    if time is None:
        fault("time", f"{shown(cells['time'])} is not a time, such as 12.5" if cells["time"] else "empty")
    if cells["event"] not in ("0", "1"):
        fault("event", f"{shown(cells['event'])} is neither 1 (it happened) nor 0 (censored)")
    if not cells["study"]:
        fault("study", "empty")
    reconstructed = cells.get("reconstructed", "").casefold()
    if reconstructed and reconstructed not in YES_NO:
        fault("reconstructed", f"{shown(reconstructed)} is neither yes nor no")
    key = (cells["study"], cells.get("patient", ""))
    if key[1] and seen.setdefault(key, line.number) != line.number:
        fault("patient", f"{shown(key[1])} stands on line {seen[key]} already; a patient must not count twice")
    transplanted, moved = _transplant(cells, fault)
    if len(faults) > known or time is None:
        return None
    return Patient(
        line.number, cells["study"], time, cells["event"] == "1", cells.get("group", ""), transplanted, moved,
        YES_NO.get(reconstructed, False),
    )  # fmt: skip


def _transplant(cells: dict[str, str], fault: Callable[[str, str], None]) -> tuple[bool | None, float | None]:
    """Whether and when; None for what the source does not say."""
    said, when = cells.get("transplant", "").casefold(), cells.get("transplant_time", "")
    if said not in YES_NO and said not in UNKNOWN:
        fault("transplant", f"{shown(said)} is neither yes, no nor NR")
    transplanted = YES_NO.get(said)
    if when.casefold() in UNKNOWN:
        return transplanted, None
    moved = _time(when)
    if moved is None:
        fault("transplant_time", f"{shown(when)} is not a time, such as 3.5")
    elif not transplanted and "transplant" in cells:
        fault("transplant_time", f"{shown(when)}, but column transplant does not say yes")
    return transplanted, moved


def _time(cell: str) -> float | None:
    time = decimal(cell)
    return time if time is not None and time <= MAX_TIME else None
