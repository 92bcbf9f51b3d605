"""The decisions sheet: what awaits one reviewer's vote, as a table to fill in; read back cell by cell.

A row with no verdict is not yet decided. `state` is a mark of where the item stood for this reviewer, by the round
and the own vote only: a row whose mark is not today's has changed since, and says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

from curation.tables import Sheet, harmless, read_tables, refuse, rows_with, write_sheets
from curation.verdicts import reasons_at
from db.canonical import canonical, sha256
from db.model import Record, Stage, Verdict
from db.specs import ProtocolSpec

COLUMNS: Final = ("report", "title", "authors", "year", "journal", "verdict", "reason", "note", "state")
REQUIRED: Final = ("report", "verdict", "reason", "note", "state")
VERDICTS: Final[tuple[str, ...]] = get_args(Verdict)
_WIDTHS: Final = {"report": 22, "title": 60, "authors": 30, "year": 8, "journal": 24, "verdict": 12, "reason": 24,
                  "note": 40, "state": 14}  # fmt: skip
_AUTHORS: Final = 6


@dataclass(frozen=True, slots=True)
class Decision:
    """One filled row: its number in the sheet, and what the reviewer says of the report."""

    row: int
    report: str
    verdict: Verdict
    reason: str
    note: str
    state: str


def mark(stage: Stage, round: str, reviewer: str, own: tuple[str, str, str] | None) -> str:
    """Where an item stands for a reviewer, as a short text: by its round and the own vote, and by nothing else."""
    return sha256(canonical(["lsr-sheet-1", stage, round, reviewer, list(own or ())]))[:12]


def write_decisions(path: Path, spec: ProtocolSpec, stage: Stage, rows: Sequence[tuple[str, Record, str]]) -> None:
    """Write (report, what was printed of it, its mark) as a sheet to fill in; no abstract leaves the folder.

    XLSX with drop-downs for verdict and reason, or CSV, by the name of the file. InputError if it cannot be written.
    """
    cells = ([report, *_printed(record), "", "", "", state] for report, record, state in rows)
    choices = {"verdict": VERDICTS, "reason": [reason.code for reason in reasons_at(spec, stage)]}
    lines = [[harmless(cell) for cell in row] for row in cells]
    write_sheets(path, [Sheet("decisions", COLUMNS, lines, choices, widths=_WIDTHS)])


def read_decisions(path: Path, spec: ProtocolSpec, stage: Stage) -> list[Decision]:
    """The filled rows, each cell checked. InputError names the faults with row and column: an unknown verdict or
    reason, a reason missing or where none belongs, a report twice."""
    found: list[Decision] = []
    faults: list[str] = []
    codes = [reason.code for reason in reasons_at(spec, stage)]
    for number, cells in rows_with(read_tables(path)[0], REQUIRED, COLUMNS):
        given = {name: cells.get(name, "") for name in REQUIRED}
        if not given["verdict"] and not given["reason"] and not given["note"]:
            continue
        wrong = _faults(given, codes, stage, {decision.report: decision.row for decision in found})
        faults += [f"row {number}, column {column}: {words}" for column, words in wrong]
        if not wrong:
            verdict: Verdict = given["verdict"].lower()  # type: ignore[assignment]
            found.append(Decision(number, given["report"], verdict, given["reason"], given["note"], given["state"]))
    refuse(path, faults)
    return found


def _faults(
    given: Mapping[str, str], codes: Sequence[str], stage: Stage, before: Mapping[str, int]
) -> list[tuple[str, str]]:
    """(column, what is wrong) of one row."""
    found = []
    verdict, reason, report = given["verdict"].lower(), given["reason"], given["report"]
    if not report:
        found.append(("report", "empty: the row says nothing of any report"))
    elif report in before:
        found.append(("report", f"{report} stands in row {before[report]} already"))
    if not verdict:
        found.append(("verdict", f"empty, but there is a reason or a note: give {', '.join(VERDICTS)}"))
    elif verdict not in VERDICTS:
        found.append(("verdict", f"{_shown(verdict)} is unknown: give {', '.join(VERDICTS)}"))
    elif reason and verdict != "exclude":
        found.append(("reason", f"a reason is for an exclusion only: clear it, or exclude (the verdict is {verdict})"))
    elif reason and reason not in codes:
        found.append(("reason", f"{_shown(reason)} is unknown at {stage}: the protocol has {', '.join(codes)}"))
    elif verdict == "exclude" and not reason and stage == "full-text":
        found.append(("reason", f"an exclusion at full text needs one of {', '.join(codes)}"))
    return found


def _shown(text: str) -> str:
    return f'"{harmless(text)[:40]}"'


def _printed(record: Record) -> list[str]:
    names = [author.collective or f"{author.family} {author.given}".strip() for author in record.authors]
    authors = ", ".join(names[:_AUTHORS]) + (" …" if len(names) > _AUTHORS else "")
    return [record.title or record.vernacular_title, authors, str(record.year or ""), record.journal]
