"""A table in a file: proportions, two groups, or effects with their precision (`analysis.table_kinds`).

The kind is told by the columns; other columns are passed over. Comma, semicolon or tab; a byte order mark and quotes
are understood. Every fault is named with its line and column, and nothing is mended by guessing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from analysis.table_kinds import OTHER_NAMES, AnyRow, Kind, Layout, Line, layouts
from analysis.textfile import read_text, records, refuse, shown
from db.errors import InputError
from db.model import Row

MAX_ROWS = 1_000_000  # a million cohorts is no meta-analysis; what is longer is the wrong file


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a file, all of one kind, and the columns that told it."""

    kind: Kind
    columns: tuple[str, ...]
    measure: str  # the one asked for, else what such a table is pooled by
    rows: tuple[AnyRow, ...]
    also: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # further columns asked for: a cell for each row


def read_table(source: Path | str, *, name: str = "") -> tuple[Row, ...]:
    """The rows of a table of proportions, columns study, events, total and, if wanted, group; else as `read_any`."""
    return tuple(row for row in read_any(source, "PLO", name=name).rows if isinstance(row, Row))


def read_any(source: Path | str, measure: str = "", *, also: Sequence[str] = (), name: str = "") -> Table:
    """A table of any kind that `measure` allows: a Path is read as UTF-8, a str is the text itself.

    `also` names further columns to keep, such as a moderator's, in any case of letters; `name` stands in the errors.
    InputError, one line with up to SHOWN_FAULTS faults: a file that cannot be read or is not UTF-8, a missing or
    doubled column, an empty or doubled study (within its group and arm), a count that is no plain whole number, events
    beyond the total, a total of 0, what is no number, an interval without its estimate, no rows, more than MAX_ROWS.
    """
    name = name or (str(source) if isinstance(source, Path) else "table")
    text = read_text(source, name) if isinstance(source, Path) else source
    faults: list[str] = []
    found = list(_rows(records(text, name, MAX_ROWS, faults), measure, also, name, faults))
    refuse(name, faults)
    if not found:
        raise InputError(f"{name}: no rows below the header; give at least one study")
    layout = found[0][0]
    kept = {column: tuple(cells[column] for _, _, cells in found) for column in also}
    return Table(layout.kind, layout.required, measure or layout.default, tuple(row for _, row, _ in found), kept)


def _rows(
    lines: Iterator[tuple[int, list[str]]], measure: str, also: Sequence[str], name: str, faults: list[str]
) -> Iterator[tuple[Layout, AnyRow, dict[str, str]]]:
    """Sound rows, each with the layout of all and its further cells; what is wrong with others is added to `faults`."""
    _, header = next(lines, (1, []))
    layout, places = _recognised(header, measure, name)
    further = _further(header, also, name)
    seen: dict[tuple[str, str, str], int] = {}
    for number, cells in lines:
        line = Line(number, {column: cells[at].strip() for column, at in places.items()}, measure)
        row = layout.read(line)
        _check_study(line, seen)
        faults += line.faults
        if row is not None and not line.faults:
            yield layout, row, {column: cells[at].strip() for column, at in further.items()}


def _recognised(header: Sequence[str], measure: str, name: str) -> tuple[Layout, dict[str, int]]:
    """The layout of a header and where its columns stand; InputError for a missing or doubled column."""
    names = [cell.strip().casefold() for cell in header]
    wanted = layouts(measure)
    layout = next((one for one in wanted if not _missing(one, names)), None)
    if layout is None:
        _refuse_header(wanted, header, measure, name)
    places: dict[str, int] = {}
    for column in (*layout.required, *layout.optional):
        spelled = _spelled(column, names)
        if spelled and names.count(spelled) > 1:
            raise InputError(f"{name}: line 1: column {spelled} stands there twice; keep one")
        if spelled:
            places[column] = names.index(spelled)
    return layout, places


def _further(header: Sequence[str], also: Sequence[str], name: str) -> dict[str, int]:
    """Where each further column stands; InputError for one that is missing or doubled."""
    names = [cell.strip().casefold() for cell in header]
    for column in also:
        if names.count(column.strip().casefold()) != 1:
            what = "stands there twice; keep one" if column.strip().casefold() in names else "is not there"
            found = ", ".join(shown(cell) for cell in header[:8])
            raise InputError(f"{name}: line 1: column {shown(column)} {what} (found: {found})")
    return {column: names.index(column.strip().casefold()) for column in also}


def _refuse_header(wanted: Sequence[Layout], header: Sequence[str], measure: str, name: str) -> NoReturn:
    """Name what the nearest layout lacks, and where no measure was asked for, what other tables look like."""
    names = [cell.strip().casefold() for cell in header]

    def nearness(layout: Layout) -> tuple[int, int]:
        return len(layout.required) - len(_missing(layout, names)), -len(layout.required)

    nearest = max(wanted, key=nearness)
    found = ", ".join(shown(cell) for cell in header[:8]) or "nothing"
    others = "" if measure else "; or study,events1,total1,events2,total2 for two groups, study,estimate,se for effects"
    raise InputError(
        f"{name}: line 1: no column {' or '.join(_missing(nearest, names))} (found: {found});"
        f" the header must be {','.join(nearest.required)} with an optional group"
        + (others if nearest.kind == "proportions" else "")
    )


def _missing(layout: Layout, names: Sequence[str]) -> list[str]:
    return [column for column in layout.required if _spelled(column, names) is None]


def _spelled(column: str, names: Sequence[str]) -> str | None:
    """The name by which a header has the column: its own before others."""
    return next((name for name in (column, *OTHER_NAMES.get(column, ())) if name in names), None)


def _check_study(line: Line, seen: dict[tuple[str, str, str], int]) -> None:
    """A study stands once, or once in each group, or with a column `arm` once for each arm."""
    study, arm = line.cells["study"], line.cells.get("arm", "")
    key = line.cells.get("group", ""), study, arm
    if not study:
        line.fault("study", "empty")
    elif key in seen:
        what = f"{shown(study)}, arm {shown(arm)}" if arm else shown(study)
        line.fault("study", f"{what} stands on line {seen[key]} already; a patient must not count twice")
    else:
        seen[key] = line.number
