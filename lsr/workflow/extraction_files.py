"""Extraction by files: sheets to fill in are written, filled ones are read, checked whole, and entered all or not."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from curation.fieldsheet import blank_fields, field_sheet, read_fields
from curation.sheet import outcome_sheet, read_outcomes
from curation.tables import XLSX, Sheet, Table, read_tables, refuse, write_sheets
from db import data
from db.errors import InputError
from db.model import Datum, FieldValue
from db.specs import DictionarySpec
from lsr.dictionary import read_dictionary
from lsr.workflow.extract import ALL, Entered, blank_rows, reports_of, store, study_reports
from lsr.workflow.extraction_checks import findings
from lsr.workflow.fields import dictionary_of, store_fields
from lsr.workflow.folder import Open
from lsr.workflow.people import known_person

OUTCOMES = "outcomes"


def write_blank(opened: Open, study: str, path: Path, sections: Collection[str] = ()) -> list[str]:
    """Write the study's empty sheets to `path`; returns the names of what it holds.

    A workbook (.xlsx) holds the outcomes and the fields of the dictionary, or of `sections` of it; a CSV file the
    outcomes, or the fields of `sections`. "outcomes" is a section of its own.
    """
    sheets: list[Sheet] = []
    dictionary = read_dictionary(opened.review.folder)
    _known_sections(sections, dictionary)
    wants_outcomes = not sections or OUTCOMES in sections
    if wants_outcomes:
        sheets.append(outcome_sheet(blank_rows(opened, study)))
    of_fields = [name for name in sections if name != OUTCOMES]
    if dictionary and (of_fields or (not sections and path.suffix.lower() == XLSX)):
        cohorts = sorted({ALL, *data.cohorts(opened.review.connection, study)}, key=lambda name: (name != ALL, name))
        outcomes = [outcome.id for outcome in opened.spec.outcomes]
        lines = blank_fields(dictionary, study, cohorts, study_reports(opened, study), outcomes, of_fields)
        sheets.append(field_sheet(lines))
    write_sheets(path, sheets)
    return [sheet.name for sheet in sheets]


def enter_file(opened: Open, path: Path, person: str, *, resolving: bool = False) -> Entered:
    """Read a filled sheet and enter it, whole or not at all. InputError names every fault with its row and column."""
    known_person(opened, person, "adjudicator" if resolving else "extractor")
    tables = [table for table in read_tables(path) if table.rows or {"field", "outcome"} & set(table.columns)]
    dictionary = dictionary_of(opened) if any("field" in table.columns for table in tables) else None
    rows: list[tuple[int, Datum]] = []
    fields: list[tuple[int, FieldValue]] = []
    faults: list[str] = []
    known = [table for table in tables if {"field", "outcome"} & set(table.columns)]
    if not known:
        raise InputError(f"{path}: no table of outcomes or fields: take one that `lsr extract --out` wrote")
    for table in known:
        if "field" in table.columns and dictionary:
            values, wrong = _fields(opened, table, dictionary)
            fields += values
        else:
            data_rows, wrong = _outcomes(opened, table)
            rows += data_rows
        faults += _placed(table, wrong, len(known))
    if not faults and not resolving:
        rules = dictionary or read_dictionary(opened.review.folder)
        of_outcomes, of_fields = findings(opened, person, rows, fields, rules)
        faults = [finding.words() for finding in (*of_outcomes, *of_fields)]
    refuse(path, faults)
    with opened.review.transaction():
        entered = store(opened, [datum for _, datum in rows], person, resolving=resolving)
        if dictionary is None:
            return entered
        return entered.and_(store_fields(opened, [v for _, v in fields], dictionary, person, resolving=resolving))


def _outcomes(opened: Open, table: Table) -> tuple[list[tuple[int, Datum]], list[str]]:
    reports = reports_of(opened)
    rows, faults = read_outcomes(table, outcomes=opened.spec.outcomes, studies=list(reports), reports=reports)
    return [(number, replace(row, cohort=row.cohort or ALL)) for number, row in rows], faults


def _fields(opened: Open, table: Table, dictionary: DictionarySpec) -> tuple[list[tuple[int, FieldValue]], list[str]]:
    outcomes = [outcome.id for outcome in opened.spec.outcomes]
    return read_fields(table, dictionary, reports=reports_of(opened), outcomes=outcomes)


def _placed(table: Table, faults: Sequence[str], tables: int) -> list[str]:
    """Faults with their tab, where a file has several."""
    tab = table.place.partition(", ")[2]
    return [f"{tab}: {fault}" if tab and tables > 1 else fault for fault in faults]


def _known_sections(sections: Collection[str], dictionary: DictionarySpec | None) -> None:
    there = [OUTCOMES, *(dictionary.sections if dictionary else ())]
    for name in sections:
        if name not in there:
            raise InputError(f"no section {name!r} in the dictionary: there are {', '.join(there)}")
