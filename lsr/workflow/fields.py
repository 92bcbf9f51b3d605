"""Extraction of the data dictionary's fields: by two, blind to each other, as outcomes are (lsr.workflow.extract)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from curation.dictionary import number_of
from db import extraction, queries
from db.errors import DecisionError, InputError
from db.model import FieldValue
from db.specs import DictionarySpec, FieldSpec
from lsr.dictionary import FILE, read_dictionary
from lsr.workflow.extract import Entered
from lsr.workflow.extraction_checks import findings
from lsr.workflow.folder import Open
from lsr.workflow.items import check_uninvolved_in_study
from lsr.workflow.people import known_person


def dictionary_of(opened: Open) -> DictionarySpec:
    """The review's data dictionary. InputError if it has none, ProtocolError if it is wrong."""
    found = read_dictionary(opened.review.folder)
    if found is None:
        raise InputError(f"{opened.review.folder}: has no {FILE}: copy the one of the template, then edit it")
    return found


def store_fields(
    opened: Open, values: Sequence[FieldValue], dictionary: DictionarySpec, person: str, *, resolving: bool = False
) -> Entered:
    """Enter fields by an extractor, or an adjudicator's rulings on fields in conflict, all or none.

    Each entry names the dictionary in force by its SHA-256; its text is kept in the archive. DecisionError where the
    field has its required extractions, or is in no conflict to rule on.
    """
    known_person(opened, person, "adjudicator" if resolving else "extractor")
    review = opened.review
    entered = 0
    version = review.archive.put(dictionary.text.encode())
    with review.transaction():
        states = extraction.field_states(review.connection)
        for value in values:
            field = dictionary.field(value.field)
            if field is None:
                raise InputError(f"unknown field {value.field!r}: the dictionary has no such id")
            value = replace(value, report=queries.report_of(review.connection, value.report))
            check_uninvolved_in_study(opened, person, value.study)
            round = queries.current_round(review.connection, value.study, "extraction")
            if _said(opened, value, round, person, resolving=resolving):
                continue
            state = states.get((*(getattr(value, name) for name in extraction.CELL), round), "awaiting")
            _may_enter(opened, value, state, person, resolving=resolving)
            body = _body(value, field, opened.spec.numeric_tolerance) | {"round": round, "dictionary": version}
            review.append(person, "fact", body | {"origin": "resolved" if resolving else "extracted"})
            entered += 1
        conflicts = list(extraction.field_states(review.connection, "conflict"))
    return Entered(entered, len(values) - entered, len(conflicts))


def enter_field(opened: Open, value: FieldValue, person: str) -> Entered:
    """Enter one field by an extractor. DecisionError where a check refuses it, or asks and has no answer."""
    dictionary = dictionary_of(opened)
    _, found = findings(opened, person, (), [(1, value)], dictionary)
    if found:
        raise DecisionError("; ".join(finding.words() for finding in found))
    return store_fields(opened, [value], dictionary, person)


def field_differences(opened: Open, person: str) -> list[dict[str, Any]]:
    """Every value of every field in conflict, side by side: for the adjudicator only."""
    known_person(opened, person, "adjudicator")
    found = []
    for *cell, round in extraction.field_states(opened.review.connection, "conflict"):
        study, cohort, field, row, report = cell
        for value in extraction.given_fields(opened.review.connection, study):
            if [value[name] for name in ("cohort", "field", "row", "now", "round")] == [
                cohort,
                field,
                row,
                report,
                round,
            ]:
                value.pop("quotation")  # it stays in the review: no listing carries it away
                found.append({"study": study, "report": report, **value})
    return found


def _body(value: FieldValue, field: FieldSpec, protocols: float) -> dict[str, Any]:
    """`protocols`: the tolerance of every decimal whose own is not larger."""
    number = number_of(field, value.value)
    tolerance = 0.0 if number is None else max(field.tolerance, protocols)
    how = {"number": number, "tolerance": tolerance, "any_agrees": int(field.any_agrees)}
    return asdict(value) | how


def _said(opened: Open, value: FieldValue, round: str, person: str, *, resolving: bool) -> bool:
    """Whether this person has entered just this before: reading a sheet twice changes nothing."""
    wanted = asdict(value) | {"round": round, "origin": "resolved" if resolving else "extracted"}
    wanted["now"] = wanted.pop("report")
    wanted.pop("study")
    given = extraction.given_fields(opened.review.connection, value.study, person)
    return any(all(one[name] == said for name, said in wanted.items()) for one in given)


def _may_enter(opened: Open, value: FieldValue, state: str, person: str, *, resolving: bool) -> None:
    where = f"{value.study} {value.field}{f' ({value.row})' if value.row else ''}"
    if not resolving:
        if state != "awaiting":
            raise DecisionError(
                f"{where}: has its required extractions; to change it, reopen: "
                f"`lsr extract --study {value.study} --reviewer {person} --reopen WHY`"
            )
        return
    if state != "conflict":
        raise DecisionError(f"{where}: the extractors do not differ here: nothing to resolve")
    if any(one["field"] == value.field for one in extraction.given_fields(opened.review.connection, value.study, person)
           if one["origin"] == "extracted"):  # fmt: skip
        raise DecisionError(f"{person} extracted {where}: the adjudicator is never one of the two")
