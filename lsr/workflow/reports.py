"""A report as people are shown it: the richest record, and all that is known of how it came to be one."""

from __future__ import annotations

import sqlite3
from typing import Any

from curation.kept import Kept, richest
from db import duplicates as stored
from db import queries
from db.model import Record
from lsr.workflow.folder import Open


def record_of(connection: sqlite3.Connection, report: str) -> Record:
    """What sources print of a report, the best of each field: what reviewers read."""
    return kept_of(connection, report).record


def kept_of(connection: sqlite3.Connection, report: str) -> Kept:
    """The richest record of a report with the origin of its fields."""
    return richest(stored.contents(connection, queries.ids_of(connection, report)), report)


def describe(opened: Open, reference: str) -> dict[str, Any]:
    """Plain values of a report, for `lsr show`: records, merges with evidence, links, origins, boxes. No vote."""
    connection = opened.review.connection
    report = queries.find_report(connection, reference)
    ids = sorted(queries.ids_of(connection, report))
    records = stored.contents(connection, ids)
    kept = richest(records, report)
    pairs = stored.pairs(connection, ids)
    boxes = stored.boxes_of(connection, ids)
    inside = [pair for pair in pairs if pair.a in ids and pair.b in ids]
    labels = queries.study_labels(connection)
    return {
        "report": report,
        "fields": _plain(kept.record),
        "origin": {name: list(origin) for name, origin in kept.origin.items()},
        "contradicting": {name: [list(one) for one in told] for name, told in kept.contradicting.items()},
        "records": [
            {"id": record.id, "title": record.title} | boxes.get(record.id, {"box": "page opened for a known report"})
            for record in records
        ],
        "merges": [
            {"record": record, "into": into, "evidence": evidence, "by": author}
            for record, (into, author, evidence) in sorted(stored.assignments(connection, ids).items())
            if into != record
        ],
        "pairs": [
            {"pair": pair.name, "a": pair.a, "b": pair.b, "found": pair.found, "evidence": pair.evidence,
             "decided": pair.decided, "by": pair.decider, "why": pair.why}
            for pair in inside
        ],
        "parted_from": [
            {"record": pair.a if pair.a in ids else pair.b, "from": pair.b if pair.a in ids else pair.a,
             "by": pair.decider, "why": pair.why}
            for pair in pairs if pair.decided == "different" and pair not in inside
        ],
        "proposed": [
            {"pair": pair.name, "a": pair.a, "b": pair.b, "evidence": pair.evidence}
            for pair in stored.queue(connection) if report in (pair.one, pair.other)
        ],
        "links": [
            {"study": link.study, "label": labels.get(link.study, ""), "state": link.state,
             "evidence": list(link.evidence)}
            for link in queries.links(connection) if link.report == report
        ],
    }  # fmt: skip


def _plain(record: Record) -> dict[str, Any]:
    names = ("title", "vernacular_title", "year", "date", "journal", "volume", "issue", "pages", "doi", "pmid",
             "language", "url", "composed", "abstract")  # fmt: skip
    fields = {name: getattr(record, name) for name in names if getattr(record, name)}
    lists = {
        "authors": [author.collective or f"{author.family} {author.given}".strip() for author in record.authors],
        "registry_ids": list(record.registry_ids),
        "publication_types": list(record.publication_types),
        "notices": [f"{notice.kind} {notice.pmid or notice.doi or notice.citation}" for notice in record.notices],
    }
    return fields | {name: found for name, found in lists.items() if found}
