"""Files of a digitised curve: points (time, survival) and numbers at risk (time, n); and patients written back."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Final

from analysis.guyot import READING_NOISE, Reconstruction
from analysis.textfile import Columns, Table, decimal, open_table, shown
from db.errors import InputError

POINTS: Final = Columns(("time", "survival"), (), "the header must be time,survival with survival from 0 to 1")
RISK: Final = Columns(("time", "n"), (), "the header must be time,n: the numbers at risk printed under the curve")
MAX_POINTS: Final = 100_000  # no figure has so many pixels across
WRITTEN: Final = ("study", "time", "event", "group", "reconstructed")


def read_points(source: Path | str, *, name: str = "") -> tuple[list[float], list[float]]:
    """Times and survivals of a curve's points, in the order of time.

    InputError naming line and column: a value that is no number, a survival outside 0 to 1 (percent), a time that
    goes back.
    """
    table = open_table(source, POINTS, MAX_POINTS, name=name)
    times: list[float] = []
    heights: list[float] = []
    for line in table.lines():
        time = _time(line.cells["time"], line.number, times, table, strictly=False)
        height = decimal(line.cells["survival"])
        if height is None or height > 1 + READING_NOISE:
            what = f"{shown(line.cells['survival'])} is not a survival from 0 to 1; divide percentages by 100"
            table.faults.append(f"line {line.number}, column survival: {what}")
        elif time is not None:
            times.append(time)
            heights.append(height)
    table.check()
    if not times:
        raise InputError(f"{table.name}: no points below the header")
    return times, heights


def read_risk(source: Path | str, *, name: str = "") -> tuple[list[float], list[int]]:
    """Times and numbers at risk, from time 0 on.

    InputError naming line and column: a value that is no number, a number that rises, times that do not.
    """
    table = open_table(source, RISK, MAX_POINTS, name=name)
    times: list[float] = []
    counts: list[int] = []
    for line in table.lines():
        time = _time(line.cells["time"], line.number, times, table, strictly=True)
        cell = line.cells["n"]
        if not (cell.isascii() and cell.isdigit() and len(cell) <= 10):
            table.faults.append(f"line {line.number}, column n: {shown(cell)} is not a whole number of patients")
        elif counts and int(cell) > counts[-1]:
            table.faults.append(f"line {line.number}, column n: {cell} at risk after {counts[-1]}: it cannot rise")
        elif time is not None:
            times.append(time)
            counts.append(int(cell))
    table.check()
    if not times:
        raise InputError(f"{table.name}: no numbers below the header")
    return times, counts


def patients_csv(found: Reconstruction, study: str, group: str = "") -> str:
    """The patients as a table that `patients.read_patients` reads, each marked as reconstructed."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(WRITTEN)
    for time, event in zip(found.time.tolist(), found.event.tolist(), strict=True):
        writer.writerow((study, repr(time), event, group, "yes"))
    return text.getvalue()


def _time(cell: str, number: int, before: list[float], table: Table, *, strictly: bool) -> float | None:
    """A time not before the one above it; None with the fault noted."""
    time = decimal(cell)
    if time is None:
        table.faults.append(f"line {number}, column time: {shown(cell)} is not a time, such as 12.5")
    elif before and (time < before[-1] or (strictly and time == before[-1])):
        table.faults.append(f"line {number}, column time: {time:g} after {before[-1]:g}: put them in the order of time")
        return None
    return time
