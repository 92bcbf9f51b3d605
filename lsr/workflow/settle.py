"""What is new is deduped, then linked: machines join what is certain and propose the rest."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from curation.clusters import clusters
from curation.dedupe import find_duplicates
from curation.link import Linker, StudyProfile
from db import queries
from db.model import Duplicate, Link, Record
from db.records import all_records
from db.review import Review
from lsr.workflow.folder import PREVIOUS, Open

Progress = Callable[[str, int, int | None], None]
DECIDED = 2.0  # above every score of the comparison: what was joined before is joined first
DEDUPER, LINKER = "machine:dedupe", "machine:link"


def quiet(what: str, done: int, total: int | None) -> None:
    """A progress callback that says nothing."""


def settle(
    opened: Open, new: Sequence[str], progress: Progress = quiet
) -> tuple[tuple[Duplicate, ...], tuple[Link, ...]]:
    """Dedupe, then link, the records that are new. Nothing new: nothing is done."""
    if not new:
        return (), ()
    duplicates = dedupe(opened, new, progress)
    return duplicates, link(opened, new)


def dedupe(opened: Open, new: Sequence[str], progress: Progress = quiet) -> tuple[Duplicate, ...]:
    """Records → reports: certain duplicates among or with the new records are joined, with their evidence."""
    review = opened.review
    held = list(all_records(review.connection, slim=True))
    report_of = {record.id: report for report, record in held}
    records = [record for _, record in held]
    found = find_duplicates(records, frozenset(new), lambda done, total: progress("comparing records", done, total))
    certain = [duplicate for duplicate in found if duplicate.certain]
    known = [Duplicate(r, report, ("decided before",), True, DECIDED) for r, report in report_of.items() if r != report]
    kept = clusters(records, [*known, *certain])
    evidence = {d.record: d.evidence for d in certain} | {d.same_as: d.evidence for d in certain}
    items = []
    for cluster in _members(kept).values():
        report = _report_id(cluster, report_of, frozenset(new))
        items += [
            [record, report, "; ".join(evidence.get(record, ("joined through another record",)))]
            for record in cluster
            if record != report and report_of[record] != report
        ]
    if items:
        with review.transaction():
            review.append(DEDUPER, "assign", {"items": sorted(items)})
    return tuple(Duplicate(record, report, (words,), True) for record, report, words in sorted(items))


def link(opened: Open, new: Sequence[str]) -> tuple[Link, ...]:
    """Reports → studies: sure companions of known studies are linked, likely ones proposed for people."""
    review, connection = opened.review, opened.review.connection
    linker = Linker(_profiles(opened), opened.spec.named_products)
    settled = {(found.report, found.study) for found in queries.links(connection)}
    fresh = {queries.report_of(connection, record) for record in new} - queries.previous_reports(connection)
    made: list[Link] = []
    with review.transaction():
        for report in _reports(opened, fresh):
            for found in linker.propose(report):
                if (report.id, found.study) not in settled:
                    append_link(review, LINKER, found)
                    made.append(found)
            for trial in report.registry_ids:
                body = {"trial": trial, "study": None, "report": report.id, "state": "linked"}
                review.append(LINKER, "trial_link", body)
    return tuple(made)


def append_link(review: Review, author: str, found: Link) -> None:
    """One link, proposal or refusal as an entry."""
    body = {"report": found.report, "study": found.study, "state": found.state, "evidence": list(found.evidence)}
    review.append(author, "link", body)


def _members(kept: Mapping[str, str]) -> dict[str, list[str]]:
    members: dict[str, list[str]] = {}
    for record, head in kept.items():
        members.setdefault(head, []).append(record)
    return {head: cluster for head, cluster in members.items() if len(cluster) > 1}


def _report_id(cluster: list[str], report_of: Mapping[str, str], new: frozenset[str]) -> str:
    """The report a cluster keeps: one of the previous version, else the one that was there first, else the least id."""
    reports = {report_of[record] for record in cluster}
    return min(reports, key=lambda report: (not report.startswith(f"{PREVIOUS}:"), report in new, report))


def _profiles(opened: Open) -> list[StudyProfile]:
    connection = opened.review.connection
    trials = queries.trials(connection)
    reports: dict[str, list[Record]] = {}
    for found in queries.links(connection, "linked"):
        reports.setdefault(found.study, []).append(queries.record_of(connection, found.report))
    return [
        StudyProfile(s.study, s.label, trials.get(s.study, ()), tuple(reports.get(s.study, ())), s.patients)
        for s in queries.studies(connection)
    ]


def _reports(opened: Open, wanted: Collection[str]) -> Iterator[Record]:
    """One record for each report, in the order of their ids. Only reports of several records are held in memory."""
    merged: dict[str, list[Record]] = {}
    several = queries.merged_reports(opened.review.connection)
    for report, record in all_records(opened.review.connection):
        if report in wanted and report in several:
            merged.setdefault(report, []).append(record)
        elif report in wanted:
            yield record
    yield from (_whole(report, merged[report]) for report in sorted(merged))


def _whole(report: str, records: Sequence[Record]) -> Record:
    """One record for the report: the fields of its first record, gaps filled from the others, registry ids of all."""
    first, *others = sorted(records, key=lambda record: record.id != report)
    gaps = {}
    for name in ("title", "abstract", "authors", "year", "doi", "pmid"):
        gaps[name] = next((value for r in (first, *others) if (value := getattr(r, name))), getattr(first, name))
    ids = sorted({trial for record in records for trial in record.registry_ids})
    source, _, native = report.partition(":")
    return replace(first, **gaps, registry_ids=tuple(ids), source=source, native_id=native)
