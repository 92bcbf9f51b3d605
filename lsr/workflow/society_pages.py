"""The societies' abstract pages: which DOIs want one, fetched where the protocol permits it, joined to their reports.

Opening a page for a known DOI is retrieval: it identifies nothing, stands in no box of PRISMA, and gives the report
that was found already its abstract and registry ids. A page of an unknown DOI that a person saved is another thing:
it was first found at the society's own site.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from db import retrieved
from db.duplicates import said_different
from db.errors import InputError, SourceError
from db.model import Record
from db.queries import report_of
from db.records import RETRIEVAL, RunNote, Stored, store_run
from db.retrieved import Wanting
from db.specs import SourceSpec
from harvest.abstract_dois import society_of
from harvest.page_fetch import LIMITS, Opened, open_pages, page_request, read_page
from harvest.pages import LAYOUT
from lsr.workflow.bring import CONTACT, network
from lsr.workflow.folder import Open
from lsr.workflow.linking import link
from lsr.workflow.settle import Progress, quiet
from lsr.workflow.wanted_pages import TROUBLE, read_before, wanted_pages

AUTHOR = "machine:retrieval"


@dataclass(frozen=True, slots=True)
class Fetched:
    """What the pages of one run amounted to."""

    asked: int = 0
    joined: tuple[str, ...] = ()  # reports that got a page
    trouble: tuple[tuple[str, str], ...] = ()  # DOI, why its page was not read
    refused: tuple[str, ...] = ()  # why a society's pages were not asked for at all


def fetch_pages(opened: Open, progress: Progress = quiet) -> Fetched:
    """Ask for the wanted pages of every society whose `page_fetch` the protocol has on; each page once.

    Without a permitted society no transport is made and nothing is asked. Interrupted, it keeps the pages that came.
    """
    total = Fetched()
    wanted = wanted_pages(opened)
    for spec in opened.spec.sources:
        if spec.enabled and spec.page_fetch and wanted.get(spec.id):
            total = _and(total, _fetch_society(opened, spec, wanted[spec.id], progress))
    return total


def reread_pages(opened: Open) -> Fetched:
    """Every archived page read again, with no request; what a newer parser reads otherwise is stored."""
    connection = opened.review.connection
    total = Fetched()
    for spec in opened.spec.sources:
        came = []
        for request, page in retrieved.pages_opened(connection).items():
            doi = unquote(request.removeprefix("GET ").removesuffix("?"))
            if society_of(doi) == spec.id:
                came.append(_reread(opened, doi, page.sha256))
        news = [one for one in came if one.record and not retrieved.has_content(connection, one.record)]
        told = tuple((one.doi, one.trouble) for one in came if one.trouble)
        total = _and(total, _and(_store(opened, spec, news), Fetched(trouble=told)))
    return total


def arm_of_file(opened: Open, records: Sequence[Record], arm: str) -> str:
    """The arm of an imported file: retrieval if it is one page of a DOI that another source already brought."""
    page = records[0] if len(records) == 1 else None
    if page is None or LAYOUT not in page.extra:
        return arm
    known = retrieved.reports_with_doi(opened.review.connection, page.doi, page.id)
    return RETRIEVAL if known else arm


def join_pages(opened: Open, records: Iterable[Record]) -> tuple[str, ...]:
    """Join retrieved pages to the reports that have their DOI; returns these. A person's word on a page stands."""
    connection = opened.review.connection
    items = []
    for page in records:
        known = retrieved.reports_with_doi(connection, page.doi, page.id)
        free = not retrieved.identified(connection, page.id) and report_of(connection, page.id) == page.id
        if known and free and not said_different(connection, page.id, known[0]):
            items.append([page.id, known[0], f"the page opened for DOI {page.doi}"])
    if items:
        with opened.review.transaction():
            opened.review.append(AUTHOR, "assign", {"items": sorted(items)})
    return tuple(sorted({report for _, report, _ in items}))


def _fetch_society(opened: Open, spec: SourceSpec, wanted: Sequence[Wanting], progress: Progress) -> Fetched:
    before = retrieved.pages_opened(opened.review.connection)
    read = read_before(opened, spec.id, wanted)
    to_ask, came = [], list[Opened]()
    for one in wanted:
        page = before.get(page_request(spec, one.doi).key)
        if page is None or page.clock < one.since:
            to_ask.append(one.doi)
        elif one.doi not in read:  # it came, and was not understood: a newer version of the parser may
            came.append(_reread(opened, one.doi, page.sha256))
    refused: tuple[str, ...] = ()
    asked = 0
    if to_ask:
        try:
            with network(opened.review.archive, LIMITS) as transport:
                for page_opened in open_pages(spec, to_ask, transport, os.environ.get(CONTACT, "")):
                    came.append(page_opened)
                    asked += 1
                    progress(f"{spec.id}: pages", asked, len(to_ask))
        except InputError as error:
            refused = (str(error),)
        except BaseException:
            _store(opened, spec, came)
            raise
    return _and(_store(opened, spec, came), Fetched(asked, (), (), refused))


def _reread(opened: Open, doi: str, sha256: str) -> Opened:
    try:
        return Opened(doi, read_page(doi, opened.review.archive.get(sha256)))
    except (SourceError, InputError) as error:
        return Opened(doi, trouble=str(error))


def _store(opened: Open, spec: SourceSpec, came: Sequence[Opened]) -> Fetched:
    """One run of the arm retrieval: its pages as records, joined to their reports; the rest said in its log."""
    records = [one.record for one in came if one.record]
    trouble = tuple((one.doi, one.trouble) for one in came if one.trouble)
    replies = [one.reply for one in came if one.reply]
    if not records and not replies and trouble == _told(opened, trouble):
        return Fetched(trouble=trouble)
    review = opened.review
    at = max((reply.at for reply in replies), default=review.clock())
    note = RunNote(
        spec.id, RETRIEVAL, "pages of DOIs that searches had found", at, len(records), author=AUTHOR,
        replies=tuple((r.request_key, r.sha256, r.status, r.at, r.composed) for r in replies),
        log=(("pages asked for", str(len(came))), *((TROUBLE, f"{doi}: {why}") for doi, why in trouble)),
    )  # fmt: skip
    with review.transaction():
        stored = store_run(review, note, records)
        joined = join_pages(opened, records)
        link(opened, (*stored.new, *stored.changed))
    return Fetched(0, joined, trouble)


def _told(opened: Open, trouble: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Those troubles that the log holds already: the same news is not entered every week."""
    known = retrieved.page_troubles(opened.review.connection, TROUBLE)
    return tuple((doi, why) for doi, why in trouble if known.get(doi) == why)


def _and(one: Fetched, other: Fetched) -> Fetched:
    return Fetched(
        one.asked + other.asked, (*one.joined, *other.joined), (*one.trouble, *other.trouble),
        (*one.refused, *other.refused),
    )  # fmt: skip


def join_imported(opened: Open, arm: str, stored: Stored, records: Sequence[Record]) -> None:
    """After an import of that arm: join a retrieved page, and link its report anew if the page changed."""
    if arm == RETRIEVAL:
        join_pages(opened, records)
        link(opened, stored.changed)
