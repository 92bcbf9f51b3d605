"""Bringing records in: search or read, store, then dedupe and link what is new. All of a run or nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from platformdirs import user_cache_path

from db.errors import InputError
from db.model import Duplicate, Link, Record, SourceSpec
from db.records import RunNote, Stored, store_run
from db.review import Review
from harvest.live import Identity, LiveTransport
from harvest.source import get_source, known_sources
from harvest.transport import ReplayTransport, Reply, Transport
from lsr import __version__
from lsr.workflow.folder import Open
from lsr.workflow.settle import Progress, quiet, settle

Replies = Mapping[str, Sequence[tuple[str, int, str, str]]]  # request: (sha256, status, at, composed), in order


API_KEY, CONTACT = "NCBI_API_KEY", "LSR_CONTACT_EMAIL"


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
