"""The sheet of fields: what the data dictionary asks of a report, a study, its cohorts and patients, one cell a row.

An empty value is "not yet extracted"; NR, NA and UNCLEAR are answers. Lines of a field that has several (by outcome,
dose level, patient) are told apart by `row`; people add lines as they need them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, get_args, get_type_hints

from curation.dictionary import WORDS, ValueFault, allowed, read_value
from curation.sheet import SOURCE_KINDS
from curation.tables import Sheet, Table, rows_with
from db.model import FieldValue
from db.specs import DictionarySpec, FieldSpec

COLUMNS: Final = (
    "study", "cohort", "report", "section", "field", "row", "asked", "value", "place", "quotation", "source_kind",
    "confidence", "why", "answer",
)  # fmt: skip
NAME: Final = "fields"
ALL: Final = "all"
LONGEST_QUOTATION: Final = 300  # the dictionary's limit: a quotation shows a number in its sentence, no more
_REQUIRED: Final = ("study", "report", "field", "value")
_CONFIDENCES: Final[tuple[str, ...]] = get_args(get_type_hints(FieldValue)["confidence"])
_ANSWERS: Final = tuple(WORDS.values())
_NOTES: Final = {
    "value": "The value, or NR (not reported), NA (not applicable), UNCLEAR. Empty: not yet extracted.",
    "row": "Of what, where a field has several values: an outcome, a dose level, a patient. Copy the line for another.",
    "quotation": "The words as printed, at most 300 letters. Kept in the review, never published.",
    "answer": "If a check asked about this row: what you found. It is kept.",
}


def blank_fields(
    dictionary: DictionarySpec,
    study: str,
    cohorts: Sequence[str],
    reports: Sequence[str],
    outcomes: Sequence[str],
    sections: Collection[str] = (),
) -> list[tuple[FieldSpec, FieldValue]]:
    """One line to fill for each field of `sections` (all but those on request, if none are named), report and cohort;
    a field by outcome has a line for each of `outcomes`. A study's own fields are asked once for each report."""
    wanted = sections or [name for name in dictionary.sections if name not in dictionary.on_request]
    lines = []
    for field in dictionary.fields:
        if field.section not in wanted:
            continue
        for report in reports:
            for cohort in cohorts if field.level in ("cohort", "patient") else [ALL]:
                for row in outcomes if field.rows == "outcome" else [""]:
                    nothing_yet: Any = ""  # no status: an empty line is no value
                    lines.append((field, FieldValue(study, cohort, field.id, row, report, nothing_yet)))
    return lines


def field_sheet(lines: Sequence[tuple[FieldSpec, FieldValue]]) -> Sheet:
    """`lines` as a sheet with all COLUMNS; the value's cell has a list where its words are fixed."""
    cells = [
        [
            value.study, value.cohort, value.report, field.section, field.id, value.row, _asked(field),
            WORDS.get(value.status, value.value), value.place, value.quotation,
            value.source_kind if value.status else "", value.confidence if value.status else "", value.why,
            value.answer,
        ]
        for field, value in lines
    ]  # fmt: skip
    lists = [(*_words(field), *_ANSWERS) if _words(field) else () for field, _ in lines]
    return Sheet(
        NAME, COLUMNS, cells,
        choices={"source_kind": SOURCE_KINDS, "confidence": _CONFIDENCES},
        row_choices=("value", lists), notes=_NOTES,
        widths={"report": 26, "asked": 50, "value": 24, "quotation": 40, "why": 30},
    )  # fmt: skip


def read_fields(
    table: Table,
    dictionary: DictionarySpec,
    *,
    reports: Mapping[str, Collection[str]],
    outcomes: Collection[str],
) -> tuple[list[tuple[int, FieldValue]], list[str]]:
    """(row number, value) of the answered lines, each in canonical form, and every fault with row and column.

    `reports`: each study's. InputError if a column is missing.
    """
    lines = rows_with(table, _REQUIRED, COLUMNS)
    found: list[tuple[int, FieldValue]] = []
    faults: list[str] = []
    first: dict[tuple[str, ...], int] = {}
    for number, cells in lines:
        if not cells.get("value"):
            if cells.get("quotation") or cells.get("answer"):
                faults.append(
                    f"row {number}, column value: is empty beside a quotation: write the value, NR, NA or UNCLEAR"
                )
            continue
        wrong, value = _line(cells, dictionary, reports, outcomes)
        if value is not None:
            cell = (value.study, value.cohort, value.report, value.field, value.row)
            if (before := first.setdefault(cell, number)) != number:
                wrong.append(("field", f"{value.field} of this report, cohort and row stands in row {before} already"))
        faults += [f"row {number}, column {column}: {text}" for column, text in wrong]
        if value is not None and not wrong:
            found.append((number, value))
    return found, faults


def _line(
    cells: Mapping[str, str],
    dictionary: DictionarySpec,
    reports: Mapping[str, Collection[str]],
    outcomes: Collection[str],
) -> tuple[list[tuple[str, str]], FieldValue | None]:
    """What is wrong with a line, by column, and its value if it has one at all."""
    study, report, name, row = (cells.get(key, "") for key in ("study", "report", "field", "row"))
    wrong = []
    if study not in reports:
        wrong.append(("study", f'unknown study "{study}"'))
    elif report not in reports[study]:
        wrong.append(("report", f'"{report}" is no report of {study}'))
    field = dictionary.field(name)
    if field is None:
        return [*wrong, ("field", f'unknown field "{name}": the dictionary has no such id')], None
    if field.rows and not row:
        wrong.append(("row", f"{name} has a line for each {field.rows}: name it"))
    elif not field.rows and row:
        wrong.append(("row", f"{name} has one value: leave row empty"))
    elif field.rows == "outcome" and row not in outcomes:
        wrong.append(("row", f'unknown outcome "{row}": the protocol has {", ".join(outcomes)}'))
    confidence = cells.get("confidence") or "sure"
    kind = cells.get("source_kind") or SOURCE_KINDS[0]
    for column, word, words in (("confidence", confidence, _CONFIDENCES), ("source_kind", kind, SOURCE_KINDS)):
        if word not in words:
            wrong.append((column, f'unknown {column} "{word}": give {", ".join(words)}'))
    quotation, why = cells.get("quotation", ""), cells.get("why", "")
    if len(quotation) > LONGEST_QUOTATION:
        wrong.append(("quotation", f"has {len(quotation)} letters: at most {LONGEST_QUOTATION}"))
    if confidence == "derived" and not why:
        wrong.append(("why", "a derived value needs its arithmetic"))
    try:
        status, text = read_value(field, cells["value"])
    except ValueFault as fault:
        return [*wrong, ("value", f"{name} {fault}")], None
    cohort = (cells.get("cohort") or ALL) if field.level in ("cohort", "patient") else ALL
    value = FieldValue(study, cohort, name, row, report, status, text, cells.get("place", ""), quotation, kind,
                       confidence, why, cells.get("answer", ""))  # type: ignore[arg-type]  # fmt: skip
    return wrong, value


def _words(field: FieldSpec) -> tuple[str, ...]:
    return {"choice": field.values, "yes-no": ("yes", "no")}.get(field.type, ())


def _asked(field: FieldSpec) -> str:
    by = f"; a line for each {field.rows}" if field.rows else ""
    return f"{field.label} ({allowed(field)}{by})"
