"""A table of proportions from a file: columns study, events, total and, if wanted, group.

Other columns are passed over. Comma, semicolon or tab; a byte order mark and quotes are understood. Every fault
is named with its line and column, and nothing is mended by guessing.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from db.errors import InputError
from db.model import Row

REQUIRED = ("study", "events", "total")
DELIMITERS = (",", ";", "\t")
MAX_ROWS = 1_000_000  # a million cohorts is no meta-analysis; what is longer is the wrong file
MAX_DIGITS = 10  # more patients than people
SHOWN_FAULTS = 5
SHOWN_CHARACTERS = 40


def read_table(source: Path | str, *, name: str = "") -> tuple[Row, ...]:
    """The rows of a table: a Path is read as UTF-8, a str is the text itself; `name` stands in the errors.

    InputError, one line with up to SHOWN_FAULTS faults: a file that cannot be read or is not UTF-8, a missing or
    doubled column, an empty or doubled study (within its group), a count that is no plain whole number, events
    beyond the total, a total of 0, no rows, more than MAX_ROWS.
    """
    name = name or (str(source) if isinstance(source, Path) else "table")
    text = _read(source, name) if isinstance(source, Path) else source
    lines = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=_delimiter(text), strict=True)
    faults: list[str] = []
    try:
        rows = tuple(_rows(lines, name, faults))
    except csv.Error as error:
        raise InputError(f"{name}: line {lines.line_num}: not a readable table ({error}); check its quotes") from error
    if faults:
        raise InputError(_summary(name, faults))
    if not rows:
        raise InputError(f"{name}: no rows below the header; give at least one study")
    return rows


def _read(path: Path, name: str) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror}); check the path") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InputError(f"{name}: line {line}: not UTF-8; save the table as UTF-8 and try again") from error


def _delimiter(text: str) -> str:
    """The delimiter that the header uses most."""
    header = text.lstrip("\ufeff\r\n").split("\n", 1)[0]
    return max(DELIMITERS, key=header.count)


def _rows(lines: Iterator[list[str]], name: str, faults: list[str]) -> Iterator[Row]:
    """Sound rows of the table; what is wrong with the others is added to `faults`."""
    header = next((cells for cells in lines if any(cell.strip() for cell in cells)), [])
    places = _columns(header, name)
    seen: dict[tuple[str, str], int] = {}
    count = 0
    for cells in lines:
        if not any(cell.strip() for cell in cells):
            continue
        count += 1
        if count > MAX_ROWS:
            raise InputError(f"{name}: more than {MAX_ROWS:,} rows; is this the right file?")
        line: int = lines.line_num  # type: ignore[attr-defined]  # csv's reader has it, Iterator does not say so
        if len(cells) != len(header):
            faults.append(f"line {line}: {len(cells)} cells where the header has {len(header)}")
            continue
        row = _row({column: cells[at].strip() for column, at in places.items()}, line, seen, faults)
        if row:
            yield row


def _columns(header: Sequence[str], name: str) -> dict[str, int]:
    """Where each column we read stands; InputError for a missing or doubled one."""
    names = [cell.strip().casefold() for cell in header]
    missing = [column for column in REQUIRED if column not in names]
    if missing:
        found = ", ".join(_shown(cell) for cell in header[:8]) or "nothing"
        raise InputError(
            f"{name}: line 1: no column {' or '.join(missing)} (found: {found});"
            " the header must be study,events,total with an optional group"
        )
    wanted = (*REQUIRED, "group")
    doubled = [column for column in wanted if names.count(column) > 1]
    if doubled:
        raise InputError(f"{name}: line 1: column {doubled[0]} stands there twice; keep one")
    return {column: names.index(column) for column in wanted if column in names}


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
            f"line {line}, column study: {_shown(study)} stands on line {seen[group, study]} already;"
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
    what = "empty" if not cell else f"{_shown(cell)} is not a whole number of patients, such as 12"
    faults.append(f"line {line}, column {column}: {what}")
    return None


def _shown(cell: str) -> str:
    """A cell as an error shows it: on one line, and not too long."""
    cut = cell if len(cell) <= SHOWN_CHARACTERS else cell[:SHOWN_CHARACTERS] + "…"
    return repr(cut)


def _summary(name: str, faults: list[str]) -> str:
    shown = "; ".join(faults[:SHOWN_FAULTS])
    more = f"; and {len(faults) - SHOWN_FAULTS} more" if len(faults) > SHOWN_FAULTS else ""
    return f"{name}: {shown}{more}"
