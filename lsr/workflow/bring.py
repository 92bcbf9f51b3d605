"""Bringing records in: search or read, store, then dedupe and link what is new. All of a run or nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path

from platformdirs import user_cache_path

from curation.clusters import clusters
from curation.dedupe import find_duplicates
from curation.link import Linker, StudyProfile
from db import queries
from db.errors import InputError
from db.model import Duplicate, Link, Record, SourceSpec
from db.records import RunNote, Stored, all_records, store_run
from db.review import Review
from harvest.files import read_file
from harvest.live import Identity, LiveTransport
from harvest.pubmed_xml import Deleted
from harvest.source import get_source, known_sources
from harvest.transport import ReplayTransport, Reply, Transport
from lsr import __version__
from lsr.workflow.folder import PREVIOUS, Open

Replies = Mapping[str, Sequence[tuple[str, int, str, str]]]  # request: (sha256, status, at, composed), in order
Progress = Callable[[str, int, int | None], None]
DECIDED = 2.0  # above every score of the comparison: what was joined before is joined first
DEDUPER, LINKER = "machine:dedupe", "machine:link"
API_KEY, CONTACT = "NCBI_API_KEY", "LSR_CONTACT_EMAIL"


def quiet(what: str, done: int, total: int | None) -> None:
    """A progress callback that says nothing."""


@dataclass(frozen=True, slots=True)
class Brought:
    """What came in and what became of it."""

    runs: tuple[Stored, ...] = ()
    duplicates: tuple[Duplicate, ...] = ()
    links: tuple[Link, ...] = ()
    not_searched: tuple[str, ...] = ()  # enabled in the protocol, but searched by hand or by file
    deleted: tuple[str, ...] = ()

    @property
    def new(self) -> tuple[str, ...]:
        return tuple(record for run in self.runs for record in run.new)


def harvest(
    opened: Open, sources: Sequence[str] = (), *, replies: Replies | None = None, progress: Progress = quiet
) -> Brought:
    """Search the named sources, or every enabled one this program can search. SourceError leaves the review as it was.

    With `replies`, they answer instead of the network (see `db.queries.archived_replies`, `load_replies`).
    """
    review, spec = opened.review, opened.spec
    wanted = _wanted(spec.sources, sources)
    searchable = [source for source in wanted if source.id in known_sources()]
    if sources and len(searchable) < len(wanted):
        by_hand = next(source.id for source in wanted if source not in searchable)
        raise InputError(f"{by_hand} is searched by hand: import its file with `lsr import FILE --source {by_hand}`")
    found = [_search(review, source, replies, progress) for source in searchable]
    with review.transaction():
        runs = tuple(store_run(review, note, records) for note, records in found)
        duplicates, links = settle(opened, [record for run in runs for record in run.new], progress)
    left = tuple(source.id for source in wanted if source not in searchable)
    return Brought(runs, duplicates, links, left)


def import_files(
    opened: Open,
    paths: Sequence[Path],
    *,
    source: str | None = None,
    at: str = "",
    composed: str = "",
    progress: Progress = quiet,
) -> Brought:
    """Read files, each as one run; then dedupe and link what is new. A bad file changes nothing at all.

    `at` is when the search behind the files was made; without it, now.
    """
    review = opened.review
    runs: list[Stored] = []
    deleted: list[str] = []
    with review.transaction():
        for path in paths:
            stored, gone = _import_file(opened, path, source, at or review.clock(), composed, progress)
            runs.append(stored)
            deleted += gone
        duplicates, links = settle(opened, [record for run in runs for record in run.new], progress)
    return Brought(tuple(runs), duplicates, links, (), tuple(deleted))


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


def load_replies(review: Review, folder: Path) -> dict[str, list[tuple[str, int, str, str]]]:
    """Put a bundle of replies (index.json and its files) in the archive; returns what a replay answers from."""
    index: dict[str, list[tuple[str, int, str, str]]] = {}
    for line in json.loads((folder / "index.json").read_text("utf-8")):
        digest = review.archive.put((folder / line["file"]).read_bytes())
        index.setdefault(line["request"], []).append((digest, line["status"], line["at"], line["composed"]))
    return index


def _wanted(known: Sequence[SourceSpec], names: Sequence[str]) -> list[SourceSpec]:
    by_id = {source.id: source for source in known}
    for name in names:
        if name not in by_id:
            raise InputError(f"no source {name!r} in the protocol: there are {', '.join(by_id)}")
        if not by_id[name].enabled:
            raise InputError(f"{name} is switched off in the protocol: set enabled = true in its [[search.source]]")
    return [by_id[name] for name in names] if names else [source for source in known if source.enabled]


def _search(
    review: Review, source: SourceSpec, archived: Replies | None, progress: Progress
) -> tuple[RunNote, tuple[Record, ...]]:
    with _transport(review, archived) as transport:
        found = get_source(source.id).search(source, transport, lambda done, total: progress(source.id, done, total))
        replies: Sequence[Reply] = transport.replies
    composed = next((reply.composed for reply in replies if reply.composed), "")
    note = RunNote(
        source=source.id, arm=source.arm, query=source.query,
        searched_at=max((reply.at for reply in replies), default=review.clock()),
        hits=found.hits, replayed=archived is not None, composed=composed, ids=found.native_ids, log=found.log,
        replies=tuple((r.request_key, r.sha256, r.status, r.at, r.composed) for r in replies),
    )  # fmt: skip
    records = tuple(replace(record, composed=composed) for record in found.records) if composed else found.records
    return note, records


@contextmanager
def _transport(review: Review, archived: Replies | None) -> Iterator[Transport]:
    """The archive's replies, or the network with the keys that the environment holds."""
    if archived is not None:
        yield ReplayTransport(archived, review.archive)
        return
    keys = {"pubmed": os.environ[API_KEY]} if os.environ.get(API_KEY) else {}
    identity = Identity(__version__, os.environ.get(CONTACT, ""), api_keys=keys)
    with closing(LiveTransport(review.archive, identity, pace_folder=user_cache_path("lsr") / "pace")) as live:
        yield live


def _import_file(
    opened: Open, path: Path, source: str | None, at: str, composed: str, progress: Progress
) -> tuple[Stored, list[str]]:
    review = opened.review
    deleted: list[str] = []

    def records() -> Iterator[Record]:
        for item in read_file(path, lambda done, total: progress(path.name, done, total)):
            if isinstance(item, Deleted):
                deleted.append(item.pmid)
            else:
                yield replace(item, source=source or item.source, composed=composed)

    stream = records()
    first = list(islice(stream, 1))
    name = source or (first[0].source if first else "file")
    arms = {spec.id: spec.arm for spec in opened.spec.sources}
    digest = review.archive.put_file(path)
    note = RunNote(
        source=name, arm=arms.get(name, "databases"), query=f"file {path.name}", searched_at=at, hits=None,
        author="machine:import", composed=composed, replies=((f"FILE {path.name}", digest, 200, at, composed),),
    )  # fmt: skip

    def deletions() -> tuple[tuple[str, str], ...]:
        return (("deleted citations", " ".join(sorted(deleted))),) if deleted else ()

    return store_run(review, note, chain(first, stream), deletions), deleted


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
