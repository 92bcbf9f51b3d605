"""The lists behind the numbers of status: what awaits what, and states that are no exclusion reasons."""

from __future__ import annotations

from collections.abc import Callable

from db import data, queries, screening, studies
from db.errors import InputError
from lsr.workflow.folder import Open

Rows = list[dict[str, str]]
# Lists of reports by their box in the PRISMA diagram; the records' boxes carry the same words.
BOXES = (
    "awaiting-screening", "awaiting-retrieval", "not-retrieved", "awaiting-translation", "awaiting-classification",
    "awaiting-assessment", "excluded", "included",
)  # fmt: skip


def names() -> tuple[str, ...]:
    """What lists there are."""
    return (*BOXES, *_LISTS)


def rows(opened: Open, name: str) -> Rows:
    """One list, each row with the same keys. InputError for a list that there is not."""
    if name in BOXES:
        return _in_box(opened, name.replace("-", " "))
    if name not in _LISTS:
        raise InputError(f"no list {name!r}: there are {', '.join(names())}")
    return _LISTS[name](opened)


def _in_box(opened: Open, box: str) -> Rows:
    connection = opened.review.connection
    waits = screening.waiting(connection)
    sought = {text.report: text for text in screening.full_texts(connection)}
    found = []
    for row in data.listing(connection):
        if (row["report_box"] or row["box"]) != box:
            continue
        report, detail = row["report"], row["reason"]
        if box in ("awaiting translation", "awaiting classification"):
            detail = waits[report][1]
        elif box == "not retrieved":
            detail = " · ".join(part for part in (sought[report].why, sought[report].route) if part)
        found.append({"report": report, "title": _title(opened, report), "detail": detail})
    return found


def _retrieved(opened: Open) -> Rows:
    return [
        {
            "report": text.report, "file": text.file, "sha256": text.sha256, "route": text.route,
            "licence": text.licence, "supplement": text.supplement, "language": text.language,
        }
        for text in screening.full_texts(opened.review.connection)
        if text.got
    ]  # fmt: skip


def _contacted(opened: Open) -> Rows:
    return [
        {"report": c.report, "asked_on": c.asked_on, "about": c.about, "answer": c.answer, "person": c.person}
        for c in screening.contacts(opened.review.connection)
    ]


def _overlap(opened: Open) -> Rows:
    labels = queries.study_labels(opened.review.connection)
    return [
        {"study": labels.get(one.a, one.a), "overlaps_with": labels.get(one.b, one.b), "certainty": one.certainty,
         "kept": labels.get(one.keep or "", one.keep or ""), "state": one.state}
        for one in studies.overlaps(opened.review.connection)
    ]  # fmt: skip


def _not_reported(opened: Open) -> Rows:
    labels = queries.study_labels(opened.review.connection)
    silent = {
        (value.study, value.outcome, value.report, value.status)
        for value in data.pool_values(opened.review.connection)
        if value.status in ("silent", "not-in-source")
    }
    return [
        {"study": labels.get(study, study), "outcome": outcome, "report": report, "status": status}
        for study, outcome, report, status in sorted(silent)
    ]


def _title(opened: Open, report: str) -> str:
    return queries.record_of(opened.review.connection, report).title


_LISTS: dict[str, Callable[[Open], Rows]] = {
    "retrieved": _retrieved,
    "contacted": _contacted,
    "overlap": _overlap,
    "outcome-not-reported": _not_reported,
}
