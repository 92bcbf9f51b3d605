"""Extraction of outcomes: two extractors, blind to each other; differences go to the adjudicator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from db import data, queries
from db.errors import DecisionError, InputError
from db.model import Datum
from lsr.workflow.extraction_checks import findings
from lsr.workflow.folder import Open
from lsr.workflow.items import check_uninvolved_in_study
from lsr.workflow.people import known_person

ALL = "all"  # the cohort of all infused patients: the one that is pooled (view v_candidate)
CELL = ("study", "cohort", "outcome", "timepoint", "denominator", "reading", "report")
ROLES = ("extractor", "adjudicator")


@dataclass(frozen=True, slots=True)
class Entered:
    """What a sheet amounted to, in cells."""

    entered: int
    unchanged: int
    conflicts: int  # cells of the review, not of this sheet alone, on which extractors differ

    def and_(self, other: Entered) -> Entered:
        """Both."""
        return Entered(self.entered + other.entered, self.unchanged + other.unchanged, self.conflicts + other.conflicts)


def blank_rows(opened: Open, study: str) -> list[Datum]:
    """One row to fill for each proportion of the protocol and each report of the study."""
    nothing_yet: Any = ""  # not a status: a row left so is not yet extracted, which no value in the review can be
    return [
        Datum(study, ALL, outcome.id, "", outcome.denominator, "as printed", "primary", report, nothing_yet)
        for report in study_reports(opened, study)
        for outcome in opened.spec.outcomes
        if outcome.measure == "proportion"
    ]


def reports_of(opened: Open) -> dict[str, list[str]]:
    """{study: its included reports}."""
    found: dict[str, list[str]] = {}
    for study, report, _ in data.included(opened.review.connection):
        found.setdefault(study, []).append(report)
    return found


def study_reports(opened: Open, study: str) -> list[str]:
    """The included reports of a study; InputError if there is no such included study."""
    reports = reports_of(opened)
    if study not in reports:
        known = ", ".join(sorted(reports)) or "none yet"
        raise InputError(f"no included study {study!r} to extract: there are {known}")
    return reports[study]


def enter(opened: Open, rows: Sequence[Datum], person: str, *, resolving: bool = False) -> Entered:
    """Enter values by an extractor, or an adjudicator's rulings on cells in conflict.

    DecisionError where a check refuses a value, or asks about one that has no answer (curation.checks).
    """
    if not resolving:
        known_person(opened, person, "extractor")
        found, _ = findings(opened, person, list(enumerate(rows, 1)), (), None)
        if found:
            raise DecisionError("; ".join(finding.words() for finding in found))
    return store(opened, rows, person, resolving=resolving)


def store(opened: Open, rows: Sequence[Datum], person: str, *, resolving: bool = False) -> Entered:
    """As `enter`, of values that the checks have passed."""
    known_person(opened, person, "adjudicator" if resolving else "extractor")
    review = opened.review
    entered = 0
    with review.transaction():
        states = _states(opened)
        for row in rows:
            row = replace(row, report=queries.report_of(review.connection, row.report))
            check_uninvolved_in_study(opened, person, row.study)
            round = queries.current_round(review.connection, row.study, "extraction")
            key = tuple(getattr(row, name) for name in CELL)
            origin = "resolved" if resolving else "extracted"
            if _same(opened, row, round, person, origin):
                continue
            if resolving:
                _may_resolve(opened, row, states.get((*key, round)), person)
            elif states.get((*key, round), "awaiting") != "awaiting":
                raise DecisionError(
                    f"{row.study} {row.outcome} ({row.reading}): has its required extractions; to change it, reopen: "
                    f"`lsr extract --study {row.study} --reviewer {person} --reopen WHY`"
                )
            review.append(person, "datum", {**asdict(row), "round": round, "origin": origin})
            entered += 1
        _one_primary(opened, rows, person)
        conflicts = sum(state == "conflict" for state in _states(opened).values())
    return Entered(entered, len(rows) - entered, conflicts)


def reopen_study(opened: Open, study: str, person: str, why: str) -> None:
    """A new round of extraction for a study; its closed data stay in force until the new round closes."""
    known_person(opened, person, "extractor", "adjudicator")
    if not why.strip():
        raise InputError("a reopening needs its reason: --reopen WHY")
    if study not in reports_of(opened):
        raise InputError(f"no included study {study!r}")
    with opened.review.transaction():
        opened.review.append(person, "reopen", {"subject": study, "stage": "extraction", "why": why})


def differences(opened: Open, person: str) -> list[dict[str, Any]]:
    """Every value of every cell in conflict, side by side: for the adjudicator only."""
    known_person(opened, person, "adjudicator")
    connection = opened.review.connection
    found = []
    for state in data.extraction_states(connection):
        if state["state"] != "conflict":
            continue
        for value in data.extracted(connection, state["study"], state["outcome"]):
            same = ("cohort", "timepoint", "denominator", "reading", "round")
            if all(value[name] == state[name] for name in same) and value["now"] == state["report"]:
                value.pop("quotation")  # it stays in the review: no listing carries it away
                found.append({"study": state["study"], "outcome": state["outcome"], "report": state["report"], **value})
    return found


def _states(opened: Open) -> dict[tuple[str, ...], str]:
    states = data.extraction_states(opened.review.connection)
    return {(*(state[name] for name in CELL), state["round"]): state["state"] for state in states}


def _same(opened: Open, row: Datum, round: str, person: str, origin: str) -> bool:
    """Whether this person has entered just this before: reading a sheet twice changes nothing."""
    for value in data.extracted(opened.review.connection, row.study, row.outcome):
        said = {"extractor": person, "round": round, "now": row.report, "origin": origin}
        own = all(value[name] == word for name, word in said.items())
        cell = ("cohort", "timepoint", "denominator", "reading", "status", "events", "total", "role", "place",
                "quotation", "source_kind", "confidence", "why", "data_cut", "printed", "answer")  # fmt: skip
        if own and all(value[name] == getattr(row, name) for name in cell):
            return True
    return False


def _one_primary(opened: Open, rows: Sequence[Datum], person: str) -> None:
    """Refuse a second primary reading of a cell, given in another sheet than the first. Only one's own values are
    looked at: a refusal that knew the other extractor's would betray them."""
    for study, outcome in sorted({(row.study, row.outcome) for row in rows}):
        readings: dict[tuple[str, ...], str] = {}
        for value in data.extracted(opened.review.connection, study, outcome):
            if value["extractor"] == person and value["role"] == "primary":
                cell = tuple(value[name] for name in ("cohort", "timepoint", "denominator", "now", "round", "origin"))
                first = readings.setdefault(cell, value["reading"])
                if first != value["reading"]:
                    raise DecisionError(
                        f"{study} {outcome}: {first!r} and {value['reading']!r} cannot both be the primary reading of "
                        "one cell: give one of them the role alternative"
                    )


def _may_resolve(opened: Open, row: Datum, state: str | None, person: str) -> None:
    if state != "conflict":
        raise DecisionError(
            f"{row.study} {row.outcome} ({row.reading}): the extractors do not differ here: nothing to resolve"
        )
    values = data.extracted(opened.review.connection, row.study, row.outcome)
    if person in {value["extractor"] for value in values if value["origin"] == "extracted"}:
        raise DecisionError(f"{person} extracted {row.study} {row.outcome}: the adjudicator is never one of the two")
