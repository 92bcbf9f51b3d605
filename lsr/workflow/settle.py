"""What is new is deduped, then linked: machines join what is certain and propose the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from curation.clusters import clusters
from curation.dedupe import find_duplicates
from db.model import Duplicate, Link
from db.records import all_records
from lsr.workflow.folder import PREVIOUS, Open
from lsr.workflow.linking import link

Progress = Callable[[str, int, int | None], None]
DECIDED = 2.0  # above every score of the comparison: what was joined before is joined first
DEDUPER = "machine:dedupe"


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


def _members(kept: Mapping[str, str]) -> dict[str, list[str]]:
    members: dict[str, list[str]] = {}
    for record, head in kept.items():
        members.setdefault(head, []).append(record)
    return {head: cluster for head, cluster in members.items() if len(cluster) > 1}


def _report_id(cluster: list[str], report_of: Mapping[str, str], new: frozenset[str]) -> str:
    """The report a cluster keeps: one of the previous version, else the one that was there first, else the least id."""
    reports = {report_of[record] for record in cluster}
    return min(reports, key=lambda report: (not report.startswith(f"{PREVIOUS}:"), report in new, report))
