"""Reports and studies: links, studies of their own, and what a report that joins an included study asks for.

A report of an included study that is included itself reopens the study's extraction, once for each report; undoing the
link, or excluding the report, withdraws that. Closed data stay in force all the while.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from db import queries, studies
from db.errors import DecisionError, InputError
from db.model import Link, Record
from db.studies import append_link
from lsr.workflow.folder import Open
from lsr.workflow.people import known_person
from lsr.workflow.reports import record_of

# Who stands in the ledger for the study made by itself when an included report has no likely study to belong to, and
# for the reopening that a report asks for.
LINKER = "machine:link"
OWN = "no known study is likely"


def decide_link(opened: Open, reference: str, study: str, person: str, *, accept: bool, why: str = "") -> Link:
    """A person says that a report belongs to a study, or does not; their word outranks the machine's."""
    known_person(opened, person)
    review = opened.review
    with review.transaction():
        connection = review.connection
        report = queries.find_report(connection, reference)
        known_study(opened, study)
        if not accept and report in queries.previous_reports(connection):
            raise DecisionError(
                f"{report}: the previous version put it in its study: reopen it at full text if it is not to count "
                f"(`lsr decide {report} --stage full-text --reviewer {person} --reopen WHY`)"
            )
        found = Link(report, study, "linked" if accept else "refused", (why,) if why else ())
        append_link(review, person, found)
        if accept:
            _leave_own_study(opened, report, study)
        else:
            _study_of_its_own(opened, report)
        report_joined(opened, report)
    return found


def new_study(opened: Open, reference: str, person: str, label: str, patients: int | None = None) -> str:
    """A study of its own for a report, which answers the proposals that are open for it; returns the study's id."""
    known_person(opened, person)
    with opened.review.transaction():
        report = queries.find_report(opened.review.connection, reference)
        study = append_study(opened, report, person, label, patients, ("a study of its own, said by a person",))
        for found in queries.links(opened.review.connection, "proposed"):
            if found.report == report:
                append_link(opened.review, person, Link(report, found.study, "refused", (f"it is {study}",)))
        report_joined(opened, report)
    return study


def known_study(opened: Open, study: str) -> str:
    """The study, if there is one of that id. InputError if not."""
    if study not in queries.study_labels(opened.review.connection):
        raise InputError(f"no study {study!r}: `lsr link --studies` lists them")
    return study


def judged(opened: Open, report: str, *, included: bool) -> None:
    """A report was judged at full text: an included one joins its studies, one of its own where none is likely; an
    excluded one asks for nothing any longer."""
    if included:
        _study_of_its_own(opened, report)
    report_joined(opened, report)


def report_joined(opened: Open, report: str) -> None:
    """Reopen, once, the extraction of each included study that the report joined; withdraw where it left one."""
    connection = opened.review.connection
    asked = dict(studies.caused(connection, report))
    joined = _joined(opened, report)
    for study in sorted(joined - asked.keys()):
        why = f"a later report joined the study: {report}"
        body = {"subject": study, "stage": "extraction", "why": why, "report": report}
        opened.review.append(LINKER, "reopen", body)
    for study in sorted(asked.keys() - joined):
        why = f"{report} is no included report of the study any longer"
        opened.review.append(LINKER, "reopen_withdrawal", {"round": asked[study], "why": why})


def reports_joined(opened: Open, reports: Iterable[str]) -> None:
    """The same for each of the reports: after the machine linked, or records were found to be one."""
    for report in sorted(set(reports)):
        report_joined(opened, report)


def study_label(family: str, year: int | None, taken: Collection[str], report: str) -> str:
    """ "Author year", as studies are cited, with a letter where that is taken; the report's id without an author."""
    base = f"{family} {year}" if family and year else f"{report} ({year})" if year else report
    letters = "abcdefghijklmnopqrstuvwxyz"[1:]
    return next((name for name in (base, *(f"{base}{x}" for x in letters)) if name not in taken), report)


def _joined(opened: Open, report: str) -> set[str]:
    """The studies that an included report came to later: another included report of theirs was there to begin with."""
    connection = opened.review.connection
    if report in queries.previous_reports(connection) or not _included(opened, report):
        return set()
    links = queries.links(connection, "linked")
    mine = {found.study for found in links if found.report == report}
    return {
        found.study
        for found in links
        if found.study in mine
        and found.report != report
        and _included(opened, found.report)
        and found.study not in dict(studies.caused(connection, found.report))
    }


def _included(opened: Open, report: str) -> bool:
    connection = opened.review.connection
    if report in queries.previous_reports(connection):
        return queries.verdict_in_force(connection, report, "full-text") != "exclude"
    if queries.verdict_in_force(connection, report, "title-abstract") != "include":
        return False
    read = queries.verdict_in_force(connection, report, "full-text") == "include"
    return read and bool(queries.retrieved(connection, report))


def _leave_own_study(opened: Open, report: str, study: str) -> None:
    """The study that the machine opened for want of another goes, once a person has named the right one: no data were
    entered for it, and no other report belongs to it."""
    own = study_id(report)
    connection = opened.review.connection
    links = [f for f in queries.links(connection, "linked") if f.study == own]
    made_by_machine = any(f.report == report and f.evidence == (OWN,) for f in links)
    if own != study and made_by_machine and len(links) == 1 and not studies.has_data(connection, own):
        append_link(opened.review, LINKER, Link(report, own, "refused", (f"a person put it in {study}",)))


def study_id(report: str) -> str:
    """The id of the study that a report is the first of."""
    return f"study:{report}"


def _study_of_its_own(opened: Open, report: str) -> None:
    connection = opened.review.connection
    if queries.verdict_in_force(connection, report, "full-text") != "include":
        return
    states = {found.state for found in queries.links(connection) if found.report == report}
    if states & {"linked", "proposed"}:
        return  # linked already, or a person has a proposal to answer first
    record = record_of(connection, report)
    label = own_label(opened, record, report)
    append_study(opened, report, LINKER, label, None, (OWN,))


def own_label(opened: Open, record: Record, report: str) -> str:
    """The label of a new study by its first report."""
    family = record.authors[0].family if record.authors else ""
    return study_label(family, record.year, queries.study_labels(opened.review.connection).values(), report)


def append_study(
    opened: Open, report: str, author: str, label: str, patients: int | None, evidence: tuple[str, ...]
) -> str:
    """Enter a study whose first report this is, with its trials; returns its id. Call it inside a transaction."""
    review = opened.review
    study = study_id(report)
    review.append(author, "study", {"study": study, "label": label, "patients": patients})
    append_link(review, author, Link(report, study, "linked", evidence))
    for trial in record_of(review.connection, report).registry_ids:
        body = {"trial": trial, "study": study, "report": None, "state": "linked"}
        review.append(author, "trial_link", body)
    return study
