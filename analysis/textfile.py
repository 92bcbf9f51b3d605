"""Small tables from text: comma, semicolon or tab; a byte order mark and quotes are understood.

Every fault is named with its line and column, and nothing is mended by guessing. What the columns mean is the
business of the module that asks (table, patients, guyot).
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from db.errors import InputError

DELIMITERS = (",", ";", "\t")
SHOWN_FAULTS = 5
SHOWN_CHARACTERS = 40


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns a table must have, those it may have, and its header in words for who got it wrong."""

    required: tuple[str, ...]
    optional: tuple[str, ...]
    hint: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table: the stripped cells of the columns asked for and present."""

    number: int
    cells: dict[str, str]


@dataclass(slots=True)
class Table:
    """Lines of a table as they are read, and the faults found on the way; the reader may add faults of its own."""

    name: str
    text: str
    columns: Columns
    max_rows: int
    present: tuple[str, ...] = ()  # known once the first line is read, or `check` was called
    faults: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[Line]:
        """Each line that is not blank; a line with too many or too few cells becomes a fault.

        InputError at once: a missing or doubled column, broken quotes, more than `max_rows` lines.
        """
        found = records(self.text, self.name, self.max_rows, self.faults)
        _, header = next(found, (1, []))
        places = _places(header, self.name, self.columns)
        self.present = tuple(places)
        for number, cells in found:
            yield Line(number, {column: cells[at].strip() for column, at in places.items()})

    def check(self) -> None:
        """InputError, one line with up to SHOWN_FAULTS faults, if there are any."""
        refuse(self.name, self.faults)


def open_table(source: Path | str, columns: Columns, max_rows: int, *, name: str = "") -> Table:
    """A table to read: a Path is read as UTF-8, a str is the text itself; `name` stands in the errors."""
    name = name or (str(source) if isinstance(source, Path) else "table")
    return Table(name, read_text(source, name) if isinstance(source, Path) else source, columns, max_rows)


def records(text: str, name: str, max_rows: int, faults: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of each line that is not blank, the header first.

    A line with more or fewer cells than the header is added to `faults` instead. InputError at once: broken quotes,
    more than `max_rows` lines below the header.
    """
    text = text.removeprefix("\ufeff")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter(text), strict=True)
    width = count = 0
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if count > max_rows:
                raise InputError(f"{name}: more than {max_rows:,} rows; is this the right file?")
            width = width or len(cells)
            count += 1
            if len(cells) == width:
                yield reader.line_num, cells
            else:
                faults.append(f"line {reader.line_num}: {len(cells)} cells where the header has {width}")
    except csv.Error as error:
        line = reader.line_num
        raise InputError(f"{name}: line {line}: not a readable table ({error}); check its quotes") from error


def refuse(name: str, faults: Sequence[str]) -> None:
    """InputError, one line with up to SHOWN_FAULTS of the `faults` of the table `name`, if there are any."""
    if faults:
        more = f"; and {len(faults) - SHOWN_FAULTS} more" if len(faults) > SHOWN_FAULTS else ""
        raise InputError(f"{name}: {'; '.join(faults[:SHOWN_FAULTS])}{more}")


def shown(cell: str) -> str:
    """A cell as an error shows it: on one line, and not too long."""
    cut = cell if len(cell) <= SHOWN_CHARACTERS else cell[:SHOWN_CHARACTERS] + "…"
    return repr(cut)


def delimiter(text: str) -> str:
    """The delimiter that the header uses most."""
    header = text.lstrip("\ufeff\r\n").split("\n", 1)[0]
    return max(DELIMITERS, key=header.count)


def decimal(cell: str) -> float | None:
    """A plain number from 0 up, such as 12.5 or 3e2; None for anything else (no sign, no comma, no infinity)."""
    if len(cell) > SHOWN_CHARACTERS or not re.fullmatch(r"([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", cell):
        return None
    value = float(cell)
    return value if math.isfinite(value) else None


def read_text(path: Path, name: str) -> str:
    """The text of a file in UTF-8; InputError if it cannot be read, naming the line that is not UTF-8."""
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror}); check the path") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InputError(f"{name}: line {line}: not UTF-8; save the table as UTF-8 and try again") from error
    except ValueError as error:  # a NUL in the path
        raise InputError(f"{name}: no path of a file; check it") from error


def _places(header: Sequence[str], name: str, columns: Columns) -> dict[str, int]:
    """Where each column asked for stands; InputError for a missing or doubled one."""
    names = [cell.strip().casefold() for cell in header]
    missing = [column for column in columns.required if column not in names]
    if missing:
        found = ", ".join(shown(cell) for cell in header[:8]) or "nothing"
        raise InputError(f"{name}: line 1: no column {' or '.join(missing)} (found: {found}); {columns.hint}")
    wanted = (*columns.required, *columns.optional)
    doubled = [column for column in wanted if names.count(column) > 1]
    if doubled:
        raise InputError(f"{name}: line 1: column {doubled[0]} stands there twice; keep one")
    return {column: names.index(column) for column in wanted if column in names}
