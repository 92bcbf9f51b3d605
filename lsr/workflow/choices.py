"""What people choose between numbers: which of two overlapping studies counts, and which report of a study."""

from __future__ import annotations

from db import queries, studies
from db.errors import DecisionError, InputError
from db.model import Link
from db.studies import append_link
from lsr.workflow.extract import ALL, reports_of
from lsr.workflow.folder import Open
from lsr.workflow.people import known_person
from lsr.workflow.studies import append_study, known_study, own_label, report_joined

CERTAINTIES = ("certain", "probable", "possible", "none")


def report_overlap(
    opened: Open,
    a: str,
    b: str,
    person: str,
    certainty: str,
    patients: int | None = None,
    keep: str | None = None,
    why: str = "",
    *,
    ruling: bool = False,
) -> str:
    """The same patients may be in both studies, or are not ("none"); returns how the overlap stands now.

    `keep` by one person is a proposal; the same by a second decides; another by a second is a conflict, on which an
    adjudicator who chose neither rules (`ruling`). Who said it before says it anew: the last word of each counts.
    """
    known_person(opened, person)
    for study in (a, b):
        known_study(opened, study)
    if a == b:
        raise DecisionError(f"{a}: a study does not overlap with itself: name two studies")
    if certainty not in CERTAINTIES:
        raise DecisionError(f"{certainty!r} is no certainty of an overlap: it is one of {', '.join(CERTAINTIES)}")
    if keep not in (None, a, b) or (keep and certainty == "none"):
        raise DecisionError(f"--keep names {a} or {b}, of an overlap that there is")
    if patients is not None and patients < 1:
        raise InputError(f"{patients} patients in common: leave the number out where it is not known")
    first, second = sorted((a, b))
    body = {"a": first, "b": second, "certainty": certainty, "patients": patients, "keep": keep, "why": why,
            "ruling": int(ruling)}  # fmt: skip
    with opened.review.transaction():
        if ruling:
            _may_rule(opened, first, second, person)
        opened.review.append(person, "overlap", body)
        return overlap_state(opened, first, second)


def overlap_state(opened: Open, a: str, b: str) -> str:
    """decided, ruled, proposed, conflict, undecided; or none: no overlap."""
    first, second = sorted((a, b))
    found = (o.state for o in studies.overlaps(opened.review.connection) if (o.a, o.b) == (first, second))
    return next(found, "none")


def count_report(
    opened: Open,
    reference: str,
    study: str,
    outcome: str,
    person: str,
    why: str,
    cohort: str = ALL,
    *,
    undo: bool = False,
) -> str:
    """The report's data count for an outcome and cohort of a study, whatever the protocol's order says; or no longer.

    Returns the report's id. A report that gives no number of the outcome takes no other's place, chosen or not.
    """
    known_person(opened, person)
    _needs_reason(why)
    if outcome not in (known := [spec.id for spec in opened.spec.outcomes]):
        raise InputError(f"no outcome {outcome!r}: there are {', '.join(known)}")
    return _mark(opened, reference, study, person, "open" if undo else "counts", outcome, cohort or ALL, why)


def mark_subset(opened: Open, reference: str, study: str, person: str, why: str, *, undo: bool = False) -> str:
    """The report is of a part of the study's patients: it takes no other report's place by itself; or it is not."""
    known_person(opened, person)
    _needs_reason(why)
    return _mark(opened, reference, study, person, "whole" if undo else "subset", "", "", why)


def questions(opened: Open) -> list[dict[str, str]]:
    """Where a later report gives fewer events than an earlier one, and nobody has said yet which of them counts."""
    return [
        {"study": c.value.study, "outcome": c.value.outcome, "cohort": c.value.cohort,
         "denominator": c.value.denominator, "question": c.question}
        for c in studies.report_choices(opened.review.connection)
        if c.question
    ]  # fmt: skip


def _mark(opened: Open, reference: str, study: str, person: str, mark: str, outcome: str, cohort: str, why: str) -> str:
    review = opened.review
    with review.transaction():
        report = queries.find_report(review.connection, reference)
        known_study(opened, study)
        mine = reports_of(opened).get(study, [])
        if report not in mine:
            raise DecisionError(
                f"{report}: no included report of {study}: it has {', '.join(mine) or 'none'} (`lsr link --studies`)"
            )
        body = {"study": study, "report": report, "mark": mark, "outcome": outcome, "cohort": cohort, "why": why}
        review.append(person, "report_choice", body)
    return report


def _needs_reason(why: str) -> None:
    if not why.strip():
        raise InputError("which report's data count is chosen with a reason: --why WHY")


def _may_rule(opened: Open, a: str, b: str, person: str) -> None:
    known_person(opened, person, "adjudicator")
    said = [one for one in studies.overlap_said(opened.review.connection, a, b) if not one.ruling]
    if person in {one.author for one in said}:
        raise DecisionError(
            f"{person} has said something of {a} and {b}: the adjudicator is never one of those who did"
        )
    if len({one.keep for one in said if one.keep}) < 2 and len({one.certainty == "none" for one in said}) < 2:
        raise DecisionError(f"{a} and {b}: people do not differ on their overlap: nothing to resolve")


def overlapping(
    opened: Open,
    reference: str,
    study: str,
    person: str,
    certainty: str,
    patients: int | None = None,
    keep: str | None = None,
    why: str = "",
    *,
    ruling: bool = False,
) -> tuple[str, str]:
    """A report, or a study, has patients in common with `study`: (the study on its side, how the overlap stands).

    A report that is in no other study gets one of its own: two studies overlap, a report does not. It is then no report
    of `study`. `keep` may name the report: that is its study. A report in several studies: name the one that is meant.
    """
    known_person(opened, person)
    with opened.review.transaction():
        own = _study_of(opened, reference, known_study(opened, study), person, certainty)
        kept = own if keep is not None and keep in (reference, own) else keep
        return own, report_overlap(opened, own, study, person, certainty, patients, kept, why, ruling=ruling)


def _study_of(opened: Open, reference: str, study: str, person: str, certainty: str) -> str:
    connection = opened.review.connection
    if reference in queries.study_labels(connection):
        return reference
    report = queries.find_report(connection, reference)
    links = [f for f in queries.links(connection) if f.report == report]
    mine = sorted(f.study for f in links if f.state == "linked" and f.study != study)
    if len(mine) > 1:
        raise DecisionError(f"{report} is in {len(mine)} studies: name the one that overlaps: {', '.join(mine)}")
    if not mine and (certainty == "none" or report in queries.previous_reports(connection)):
        raise DecisionError(f"{report}: is in no study but {study}: there are no two studies to compare")
    if not mine:
        label = own_label(opened, queries.record_of(connection, report), report)
        mine = [append_study(opened, report, person, label, None, (f"its patients may be in {study} too",))]
    if report in queries.previous_reports(connection):
        return mine[0]  # the previous version put it in its study: that is undone by reopening it alone
    if certainty != "none" and any(f.study == study and f.state != "refused" for f in links):
        words = (f"patients in common, in a study of its own: {mine[0]}",)
        append_link(opened.review, person, Link(report, study, "refused", words))
        report_joined(opened, report)
    return mine[0]
