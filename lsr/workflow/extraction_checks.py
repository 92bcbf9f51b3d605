"""What checks of an extraction may know: the extractor's own values, closed ones, registers, printed dates."""

from __future__ import annotations

from collections.abc import Sequence

from curation.checks import INFUSED, Finding, Known, Rules, check_fields, check_outcomes
from db import data, extraction, queries
from db.model import Datum, FieldValue
from db.specs import DictionarySpec
from lsr.workflow.folder import Open

Numbered = Sequence[tuple[int, Datum]]
NumberedFields = Sequence[tuple[int, FieldValue]]


def findings(
    opened: Open, person: str, rows: Numbered, fields: NumberedFields, dictionary: DictionarySpec | None
) -> tuple[list[Finding], list[Finding]]:
    """What the checks find in an extractor's outcomes and in the fields; answered questions are left out."""
    studies = sorted({datum.study for _, datum in rows} | {value.study for _, value in fields})
    known = _known(opened, person, studies, fields)
    rules = Rules(dictionary.at_most, dictionary.sums, dictionary.requires) if dictionary else Rules()
    outcomes = check_outcomes(rows, known, rules)
    return outcomes, check_fields(fields, known, rules, [datum for _, datum in rows])


def _known(opened: Open, person: str, studies: Sequence[str], fields: NumberedFields) -> Known:
    connection = opened.review.connection
    rounds = {study: queries.current_round(connection, study, "extraction") for study in studies}
    own = [d for study in studies for d in extraction.own_data(connection, study, person, rounds[study])]
    said = [v for study in studies for v in extraction.own_fields(connection, study, person, rounds[study])]
    given = [value for _, value in fields]
    now = {(v.study, v.cohort, v.field, v.row, v.report) for v in given}  # the sheet replaces what was said before
    said = [v for v in said if (v.study, v.cohort, v.field, v.row, v.report) not in now]
    closed = [_datum(cell) for cell in data.cells(connection)]
    of_report = {(v.study, v.cohort, v.report) for v in (*said, *given) if v.field == INFUSED}
    infused = [
        v for v in extraction.closed_fields(connection, INFUSED) if (v.study, v.cohort, v.report) not in of_report
    ]
    reports = {datum.report for datum in (*own, *closed)} | {value.report for value in (*said, *given)}
    return Known(
        data=(*own, *closed),
        fields=(*said, *given, *infused),
        patients={study.study: study.patients for study in queries.studies(connection) if study.patients is not None},
        enrolment=extraction.enrolments(connection),
        dates=extraction.printed_dates(connection, reports),
    )


def _datum(cell: data.Cell) -> Datum:
    """A value in force as a datum. A reading that reproduces is none of a report's values."""
    return Datum(
        cell.study, cell.cohort, cell.outcome, cell.timepoint, cell.denominator, cell.reading,
        cell.role, cell.report, cell.status, cell.events, cell.total, source_kind=cell.source_kind,  # type: ignore[arg-type]
    )  # fmt: skip
