"""Reports that are new against the studies that are known: sure companions are linked, likely ones proposed."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from curation.link import Linker, StudyProfile
from db import queries
from db.model import Link, LinkState, Record
from db.registrations import registrations
from db.studies import append_link
from lsr.workflow.folder import Open
from lsr.workflow.reports import record_of

LINKER = "machine:link"


def link(opened: Open, new: Sequence[str], *, revise: bool = False) -> tuple[Link, ...]:
    """Reports → studies: sure companions of known studies are linked, likely ones proposed for people.

    What was proposed before and is sure now (a page gave the report its number) is linked; what a person refused or
    linked stands. `revise`: nobody has seen these reports yet, so what was sure before the registers were asked and is
    not any more becomes a proposal.
    """
    review, connection = opened.review, opened.review.connection
    fresh = {queries.report_of(connection, record) for record in new} - queries.previous_reports(connection)
    linker = linker_of(opened, without=fresh if revise else ())  # a report is no evidence for its own link
    settled = {(found.report, found.study): found.state for found in queries.links(connection)}
    made: list[Link] = []
    with review.transaction():
        for report in (record_of(connection, name) for name in sorted(fresh)):
            for found in linker.propose(report):
                if _is_news(found.state, settled.get((report.id, found.study)), revise=revise):
                    append_link(review, LINKER, found)
                    made.append(found)
            for trial in () if revise else report.registry_ids:
                body = {"trial": trial, "study": None, "report": report.id, "state": "linked"}
                review.append(LINKER, "trial_link", body)
    return tuple(made)


def _is_news(now: LinkState, before: LinkState | None, *, revise: bool) -> bool:
    """Whether a machine may enter `now` over what stands."""
    if before is None or (before == "proposed" and now == "linked"):
        return True
    return revise and before == "linked" and now == "proposed"


def linker_of(opened: Open, without: Collection[str] = ()) -> Linker:
    """The linker that knows all studies of the review, the protocol's products and what registers print of trials;
    `without` what these reports say."""
    return Linker(_profiles(opened, without), opened.spec.named_products, registrations(opened.review.connection))


def _profiles(opened: Open, without: Collection[str]) -> list[StudyProfile]:
    connection = opened.review.connection
    trials = queries.trials(connection)
    reports: dict[str, list[Record]] = {}
    for found in queries.links(connection, "linked"):
        if found.report not in without:
            reports.setdefault(found.study, []).append(record_of(connection, found.report))
    return [
        StudyProfile(s.study, s.label, trials.get(s.study, ()), tuple(reports.get(s.study, ())), s.patients)
        for s in queries.studies(connection)
    ]
