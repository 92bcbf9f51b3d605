"""A table of proportions from a file: columns study, events, total and, if wanted, group.

Other columns are passed over. Comma, semicolon or tab; a byte order mark and quotes are understood. Every fault
is named with its line and column, and nothing is mended by guessing.
"""

from __future__ import annotations

import re
from pathlib import Path

from analysis.textfile import Columns, open_table, shown
from db.errors import InputError
from db.model import Row

COLUMNS = Columns(
    required=("study", "events", "total"),
    optional=("group",),
    hint="the header must be study,events,total with an optional group",
)
MAX_ROWS = 1_000_000  # a million cohorts is no meta-analysis; what is longer is the wrong file
MAX_DIGITS = 10  # more patients than people


def read_table(source: Path | str, *, name: str = "") -> tuple[Row, ...]:
    """The rows of a table: a Path is read as UTF-8, a str is the text itself; `name` stands in the errors.

    InputError, one line with up to SHOWN_FAULTS faults (textfile): a file that cannot be read or is not UTF-8, a
    missing or doubled column, an empty or doubled study (within its group), a count that is no plain whole number,
    events beyond the total, a total of 0, no rows, more than MAX_ROWS.
    """
    table = open_table(source, COLUMNS, MAX_ROWS, name=name)
    seen: dict[tuple[str, str], int] = {}
    found = (_row(line.cells, line.number, seen, table.faults) for line in table.lines())
    rows = tuple(row for row in found if row)
    table.check()
    if not rows:
        raise InputError(f"{table.name}: no rows below the header; give at least one study")
    return rows


def _row(cells: dict[str, str], line: int, seen: dict[tuple[str, str], int], faults: list[str]) -> Row | None:
    """One row, or None with its faults noted."""
    known = len(faults)
    study, group = cells["study"], cells.get("group", "")
    events = _count(cells["events"], "events", line, faults)
    total = _count(cells["total"], "total", line, faults)
    if not study:
        faults.append(f"line {line}, column study: empty")
    elif (group, study) in seen:
        faults.append(
            f"line {line}, column study: {shown(study)} stands on line {seen[group, study]} already;"
            " a patient must not count twice"
        )
    else:
        seen[group, study] = line
    if total == 0:
        faults.append(f"line {line}, column total: 0 patients")
    elif total is not None and events is not None and events > total:
        faults.append(f"line {line}, column events: {events} events exceed the total of {total}")
    if len(faults) > known or events is None or total is None:
        return None
    return Row(study=study, label=study, events=events, total=total, group=group)


def _count(cell: str, column: str, line: int, faults: list[str]) -> int | None:
    if re.fullmatch(r"[0-9]+", cell) and len(cell) <= MAX_DIGITS:
        return int(cell)
    what = "empty" if not cell else f"{shown(cell)} is not a whole number of patients, such as 12"
    faults.append(f"line {line}, column {column}: {what}")
    return None
