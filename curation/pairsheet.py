"""Two records side by side: what agrees, what contradicts; and the sheet of such pairs that people fill in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from rapidfuzz import fuzz

from curation.journals import journals_agree
from curation.kinds import kind_of
from curation.normalise import pages_agree
from curation.rules import contradictions
from curation.similarity import Comparison, describe, veto
from curation.tables import Sheet, read_tables, refuse, rows_with, write_sheets
from db.model import Record

FIELDS: Final = (
    "title", "authors", "year", "journal", "volume", "issue", "pages", "doi", "pmid", "registry_ids", "kind", "source",
)  # fmt: skip
COLUMNS: Final = ("a", "b", *(f"{name}_{side}" for name in FIELDS[:-1] for side in "ab"), "evidence", "decision")
REQUIRED: Final = ("a", "b", "decision")
DECISIONS: Final = ("same", "different")


@dataclass(frozen=True, slots=True)
class Line:
    """A field of two records: what each prints, and whether they agree (None: one is silent, or nobody can tell)."""

    field: str
    one: str
    other: str
    agree: bool | None


@dataclass(frozen=True, slots=True)
class Decided:
    """A row of a filled sheet."""

    row: int
    a: str
    b: str
    decision: Literal["same", "different"]


def side_by_side(one: Record, other: Record) -> list[Line]:
    """The fields that either record prints, with the rules' own eye for whether they agree."""
    pair = _compared(one, other)
    agree = {
        "title": pair.one.title == pair.other.title if pair.title is not None else None,
        "authors": pair.same_people,
        "year": None if pair.years_apart is None else pair.years_apart == 0,
        "journal": journals_agree(one.journal, other.journal) if one.journal and other.journal else None,
        "volume": pair.volume,
        "issue": pair.issue,
        "pages": pages_agree(pair.one.pages, pair.other.pages),
        "doi": pair.doi,
        "pmid": pair.pmid,
        "registry_ids": pair.trials,
        "kind": None if not pair.one.kind and not pair.other.kind else pair.one.kind == pair.other.kind,
    }
    lines = [Line(name, printed(one, name), printed(other, name), agree.get(name)) for name in FIELDS]
    return [line for line in lines if line.one or line.other]


def against(one: Record, other: Record) -> list[str]:
    """What speaks against two records being one publication, in words."""
    pair = _compared(one, other)
    forbidden = veto(pair.one, pair.other)
    trials = ["different trial numbers"] if pair.trials is False else []
    return [*([forbidden] if forbidden else []), *contradictions(pair), *trials]


def printed(record: Record, name: str) -> str:
    """A field of FIELDS as text."""
    if name == "authors":
        return "; ".join(a.collective or ", ".join(filter(None, (a.family, a.given))) for a in record.authors)
    if name == "kind":
        return kind_of(record)
    value = getattr(record, name)
    return "; ".join(value) if isinstance(value, tuple) else "" if value is None else str(value)


def write_pairs(path: Path, pairs: Iterable[tuple[str, str, Record, Record, str]]) -> None:
    """Write (id, id, record, record, evidence) as a sheet (CSV or XLSX) with an empty column `decision`.

    No cell is run by a spreadsheet. The file is replaced whole or not at all; InputError if it cannot be written.
    """
    rows = [
        [a, b, *(printed(record, name) for name in FIELDS[:-1] for record in (one, other)), evidence, ""]
        for a, b, one, other, evidence in pairs
    ]
    cells = [[" ".join(cell.split()) for cell in row] for row in rows]
    write_sheets(path, [Sheet("pairs", COLUMNS, cells, {"decision": ("same", "different")})])


def read_decisions(path: Path, known: Collection[str]) -> list[Decided]:
    """The rows that people decided in a sheet of `write_pairs`; rows without a decision are left out.

    InputError names the faults with row and column: an id that is not `known`, a
    decision that is neither same nor different, two decisions on one pair that differ.
    """
    faults: list[str] = []
    decided: dict[tuple[str, str], Decided] = {}
    for decision in _decisions(path, known, faults):
        a, b = sorted((decision.a, decision.b))
        before = decided.setdefault((a, b), decision)
        if before.decision != decision.decision:
            faults.append(f"row {decision.row}, column decision: row {before.row} says {before.decision} of this pair")
    refuse(path, faults)
    return list(decided.values())


def _decisions(path: Path, known: Collection[str], faults: list[str]) -> Iterator[Decided]:
    for row, cells in rows_with(read_tables(path)[0], REQUIRED, COLUMNS):
        said = cells.get("decision", "").lower()
        if not said:
            continue
        a, b = cells.get("a", ""), cells.get("b", "")
        unknown = next(
            (f'column {name}: no record "{i[:60]}"' for name, i in (("a", a), ("b", b)) if i not in known), ""
        )
        if unknown:
            faults.append(f"row {row}, {unknown}")
        elif a == b:
            faults.append(f"row {row}, column b: the same record as in column a")
        elif said == "same":
            yield Decided(row, a, b, "same")
        elif said == "different":
            yield Decided(row, a, b, "different")
        else:
            faults.append(f'row {row}, column decision: "{said[:40]}" is neither same nor different')


def _compared(one: Record, other: Record) -> Comparison:
    a, b = describe(one), describe(other)
    return Comparison(a, b, fuzz.ratio(a.title, b.title) if a.title and b.title else None)
