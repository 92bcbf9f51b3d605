"""Retractions, concerns, corrections and updates that a source prints on a report people have judged: a new one
reopens the report and warns, it does not decide."""

from __future__ import annotations

from dataclasses import dataclass

from db import data, queries, searches
from db.model import Notice, Stage
from db.records import Stored
from lsr.workflow.folder import Open

AUTHOR = "machine:notices"
# PubMed's RefTypes on the article concerned (pubmed DTD, CommentsCorrections), and what they mean for a reader.
GRAVE = {
    "RetractionIn": "retracted",
    "Retracted Publication": "retracted",
    "PartialRetractionIn": "retracted in part",
    "RetractedandRepublishedIn": "retracted and republished",
    "RetractionOf": "is itself the notice of a retraction",
    "ExpressionOfConcernIn": "an expression of concern",
}
REOPENING = GRAVE | {
    "ErratumIn": "corrected",
    "CorrectedandRepublishedIn": "corrected and republished",
    "UpdateIn": "updated",
}


@dataclass(frozen=True, slots=True)
class Noticed:
    """An included report with a grave notice on it."""

    report: str
    words: str


def reopen_noticed(opened: Open, stored: Stored) -> tuple[tuple[str, str], ...]:
    """Reopen the judged reports on which this run brought a notice that no run had brought before: (report, why).

    Whoever judged a report whose notice was there already judged it knowing; so each notice reopens once. A report
    that is open at its stage needs no reopening: a second round would hide the votes that it has.
    """
    connection = opened.review.connection
    reopened = []
    for report in sorted({queries.report_of(connection, record) for record in (*stored.new, *stored.changed)}):
        here, before = searches.notices(connection, queries.ids_of(connection, report), stored.run)
        fresh = [n for n in dict.fromkeys(here) if n.kind in REOPENING and _key(n) not in set(map(_key, before))]
        stage = _closed_stage(opened, report) if fresh else None
        if stage is not None:
            why = "; ".join(_words(notice) for notice in fresh)
            opened.review.append(AUTHOR, "reopen", {"subject": report, "stage": stage, "why": why})
            reopened.append((report, why))
    return tuple(reopened)


def grave(opened: Open) -> list[Noticed]:
    """The included reports that are retracted or under concern, each with what is printed on it."""
    connection = opened.review.connection
    found = []
    for report in sorted({report for _, report, _ in data.included(connection)}):
        notices = searches.notices_in_force(connection, queries.ids_of(connection, report))
        words = [_words(notice) for notice in notices if notice.kind in GRAVE]
        if words:
            found.append(Noticed(report, "; ".join(words)))
    return found


def _closed_stage(opened: Open, report: str) -> Stage | None:
    """The stage at which the report's last judgement is closed; None if it is being judged, or never was."""
    from lsr.workflow import (
        judge,
    )  # numpy by way of the comparison of records: a tenth of a second `lsr status` is spared

    full = judge.item(opened, report, "full-text")
    if full.state in ("include", "exclude"):
        return "full-text"
    if full.round or full.votes or full.state == "conflict":
        return None
    if report in queries.previous_reports(opened.review.connection):
        return "full-text"
    first = judge.item(opened, report, "title-abstract")
    return "title-abstract" if first.state == "exclude" else None  # included there: its full text is to be judged yet


def _key(notice: Notice) -> tuple[str, str]:
    """What makes two notices one: their kind and the publication they point at."""
    return notice.kind, notice.pmid or notice.doi or notice.citation


def _words(notice: Notice) -> str:
    where = f"PMID {notice.pmid}" if notice.pmid else notice.doi or notice.citation
    return f"{REOPENING[notice.kind]} ({' '.join(part for part in (notice.kind, where) if part)})"
