"""Bringing records in: search, ask what a person must look at, store, then dedupe and link what is new. All of a
source's run or nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from platformdirs import user_cache_path

from db.archive import Archive
from db.errors import InputError, IntegrityError, ReviewError, SourceError
from db.model import Duplicate, Link, Record
from db.records import RunNote, Stored, store_run
from db.review import Review
from db.searches import HARVESTER, Failure, Searched, accepted, held, native_ids, searches
from db.specs import SourceSpec
from harvest.live import Identity, Limits, LiveTransport
from harvest.source import Harvest, Source, api_keys, get_source, known_sources
from harvest.transport import ReplayTransport, Reply, Transport
from harvest.watch import Earlier, Known, Question, known_items, questions
from lsr import __version__
from lsr.workflow.folder import Open
from lsr.workflow.linking import link
from lsr.workflow.notices import reopen_noticed
from lsr.workflow.search_log import BUILD, BUILD_NOT_ASKED, REFRESHED, WITHDRAWN, changed_query, log_of, withdrawn
from lsr.workflow.settle import Progress, quiet, settle
from lsr.workflow.trials import REGISTER, look_up_trials

Replies = Mapping[str, Sequence[tuple[str, int, str, str]]]  # request: (sha256, status, at, composed), in order


CONTACT = "LSR_CONTACT_EMAIL"
ASK_WITHDRAWN_EVERY = 4  # runs: about once a month


_TUPLES = ("runs", "duplicates", "links", "not_searched", "deleted", "failed", "reopened")
Refresh = Callable[[SourceSpec, Sequence[str], Transport, Callable[[int, int | None], None]], Harvest]
"""What a source's module may offer beside `search`: known records asked for again, by their native ids."""


@dataclass(frozen=True, slots=True)
class Brought:
    """What came in and what became of it."""

    runs: tuple[Stored, ...] = ()
    duplicates: tuple[Duplicate, ...] = ()
    links: tuple[Link, ...] = ()
    not_searched: tuple[str, ...] = ()  # enabled in the protocol, but searched by hand or by file
    deleted: tuple[str, ...] = ()
    failed: tuple[Failure, ...] = ()
    reopened: tuple[tuple[str, str], ...] = ()  # report, why: a source printed a new notice on it
    refreshed: Mapping[str, int] = field(default_factory=dict)  # run: known records asked for again

    def and_(self, other: Brought) -> Brought:
        """Both, in order."""
        joined = {name: (*getattr(self, name), *getattr(other, name)) for name in _TUPLES}
        return Brought(**joined, refreshed={**self.refreshed, **other.refreshed})

    @property
    def new(self) -> tuple[str, ...]:
        return tuple(record for run in self.runs for record in run.new)


class UnansweredError(SourceError):
    """The search ran to its end, but shows what a person must look at before it counts."""

    def __init__(self, source: str, questions: Sequence[Question]) -> None:
        self.questions = tuple((question.key, question.words) for question in questions)
        many = f"{len(questions)} questions" if len(questions) > 1 else "a question"
        super().__init__(
            f"{source}: {many} for a person: {'; '.join(words for _, words in self.questions)}: if all is well, "
            f"`lsr harvest --accept {source} --reviewer NAME --why WHY`, then search again; nothing was kept"
        )


def harvest(
    opened: Open, sources: Sequence[str] = (), *, replies: Replies | None = None, progress: Progress = quiet
) -> Brought:
    """Search the named sources, or every enabled one this program can search; each source's run stands for itself.

    A source that fails leaves nothing of its run, moves nothing, is entered as a failure and is in `failed`; the
    others are searched all the same. With `replies`, they answer instead of the network (see
    `db.queries.archived_replies`, `load_replies`); a replay that fails says nothing of the source and is not entered.
    """
    wanted = _wanted(opened.spec.sources, sources)
    searchable = [source for source in wanted if source.id in known_sources()]
    if sources and len(searchable) < len(wanted):
        by_hand = next(source.id for source in wanted if source not in searchable)
        raise InputError(f"{by_hand} is searched by hand: import its file with `lsr import FILE --source {by_hand}`")
    if replies is not None and not sources:  # a replay is of what was searched once, not of all that could be
        searchable = [source for source in searchable if searches(opened.review.connection, source.id)]
    left = tuple(source.id for source in wanted if source not in searchable)
    brought = Brought(not_searched=left)
    for source in searchable:
        try:
            brought = brought.and_(_bring(opened, source, replies, progress))
        except (SourceError, InputError, IntegrityError) as error:
            failed = (_fail(opened, source, error, replayed=replies is not None),)
            brought = brought.and_(Brought(failed=failed))
    register = next((source for source in searchable if source.id == REGISTER), None)
    if register is not None and replies is None and register.id not in {failure.source for failure in brought.failed}:
        brought = brought.and_(_look_up(opened, register, brought.new, progress))
    return brought


def _look_up(opened: Open, register: SourceSpec, new: Sequence[str], progress: Progress) -> Brought:
    """What the register prints of every trial that a record names, then the `new` records linked again by it; its
    failure is the register's."""
    try:
        with _transport(opened.review, None) as transport:
            tell = lambda done, total: progress(register.id, done, total)  # noqa: E731
            learned = look_up_trials(opened.review, register, transport, tell)
    except SourceError as error:
        return Brought(failed=(_fail(opened, register, error, replayed=False),))
    return Brought(links=link(opened, new, revise=True)) if learned and new else Brought()


def _bring(opened: Open, source: SourceSpec, archived: Replies | None, progress: Progress) -> Brought:
    """One source's run, whole: searched, found in order, and stored in one transaction; or an error, and nothing."""
    note, records, found, again = _search(opened, source, archived, progress)
    with opened.review.transaction():
        stored = store_run(opened.review, note, records)
        duplicates, links = settle(opened, stored.new, progress, stored.changed)
        reopened = reopen_noticed(opened, stored)
    refreshed = {stored.run: len(again.records)} if again else {}
    deleted = tuple(withdrawn(found, again))
    return Brought((stored,), duplicates, links, (), deleted, (), reopened, refreshed)


def _fail(opened: Open, source: SourceSpec, error: ReviewError, *, replayed: bool) -> Failure:
    questions = error.questions if isinstance(error, UnansweredError) else ()
    why = " ".join(str(error).split())
    why = why if why.startswith(f"{source.id}:") else f"{source.id}: {why}"
    failure = Failure(source.id, opened.review.clock(), source.query, why, questions)
    if not replayed:
        body = {
            "source": failure.source, "at": failure.at, "query": failure.query, "why": failure.why,
            "questions": [list(question) for question in questions],
        }  # fmt: skip
        with opened.review.transaction():
            opened.review.append(HARVESTER, "failure", body)
    return failure


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
    opened: Open, source: SourceSpec, archived: Replies | None, progress: Progress
) -> tuple[RunNote, tuple[Record, ...], Harvest, Harvest | None]:
    """The run, its records (the search's, then the refreshed ones), what the search brought, and the refresh."""
    review, search = opened.review, opened.spec.search
    earlier = searches(review.connection, source.id)
    with _transport(review, archived) as transport:
        module = get_source(source.id)
        tell = lambda done, total: progress(source.id, done, total)  # noqa: E731
        found = module.search(source, transport, tell)
        known = _known(opened, source, found)
        _ask(opened, source, found, earlier, known)
        ids = _to_refresh(review, source, found, earlier, replayed=archived is not None)
        refresh: Refresh | None = getattr(module, "refresh", None)
        again = refresh(source, ids, transport, tell) if refresh and ids else None
        found = _with_build(module, source, found, transport, earlier, replayed=archived is not None)
        replies: Sequence[Reply] = transport.replies
    composed = next((reply.composed for reply in replies if reply.composed), "")
    changed = changed_query(source, search, found, earlier, review.archive)
    seen = [*found.native_ids, *(again.native_ids if again else ())]
    note = RunNote(
        source=source.id, arm=source.arm, query=source.query,
        searched_at=max((reply.at for reply in replies), default=review.clock()), hits=found.hits, author=HARVESTER,
        replayed=archived is not None, composed=composed, ids=tuple(dict.fromkeys(seen)),
        replies=tuple((r.request_key, r.sha256, r.status, r.at, r.composed) for r in replies),
        log=log_of(source, found, again, ids, known, changed),
    )  # fmt: skip
    records = (*found.records, *(again.records if again else ()))
    return note, tuple(replace(r, composed=composed) for r in records) if composed else records, found, again


def _known(opened: Open, source: SourceSpec, found: Harvest) -> Known:
    """The known items that the source should hold: a record with its DOI or PMID, in this run or an earlier one."""
    items = [item for item in opened.spec.search.known_items if source.id in item.expected_in]
    names = [name for item in items for name in (*item.dois, *(f"pmid:{pmid}" for pmid in item.pmids))]
    before = held(opened.review.connection, names).get(source.id, frozenset()) if names else frozenset()
    now = {name for record in found.records for name in (record.doi, f"pmid:{record.pmid}")}
    return known_items(items, source.id, before | now)


def _ask(opened: Open, source: SourceSpec, found: Harvest, earlier: Sequence[Searched], known: Known) -> None:
    """UnansweredError if the run shows what no person has accepted. A replay is no further run to compare with."""
    runs = [Earlier(s.run, s.query, s.hits, s.log) for s in earlier if not s.replayed or s.composed]
    answered = accepted(opened.review.connection, source.id)
    asked = questions(
        found, source, runs, answered, max_jump=opened.spec.search.max_jump, missing=known.missing
    )  # fmt: skip
    if asked:
        raise UnansweredError(source.id, asked)


def _to_refresh(
    review: Review, source: SourceSpec, found: Harvest, earlier: Sequence[Searched], *, replayed: bool
) -> tuple[str, ...]:
    """The known ids of the source that its search did not find; a replay asks for those that the run asked for.

    Those that the source said it withdrew are asked for again every fourth run only. NLM gives a deleted PMID to no
    other record, and one that came back is found by the search; the fourth run mends what a source said wrongly.
    """
    if replayed:
        return tuple(dict(earlier[-1].log).get(REFRESHED, "").split()) if earlier else ()
    gone = {native for run in earlier[1 - ASK_WITHDRAWN_EVERY :] for native in dict(run.log).get(WITHDRAWN, "").split()}
    left_out = gone.union(found.native_ids)
    return tuple(native for native in native_ids(review.connection, source.id) if native not in left_out)


def _with_build(
    module: Source, source: SourceSpec, found: Harvest, transport: Transport, earlier: Sequence[Searched], *,
    replayed: bool,
) -> Harvest:  # fmt: skip
    """`found`, with the state of the database in its log, if the source can tell: one request from the second run on.

    A first search makes the fewest requests there can be (DESIGN.md), and no source's replies to it say their state.
    A replay asks for it if the run that it repeats did.
    """
    build: Callable[[SourceSpec, Transport], str] | None = getattr(module, "database_build", None)
    if build is None:
        return found
    asked = earlier and not (replayed and dict(earlier[-1].log).get(BUILD) == BUILD_NOT_ASKED)
    words = build(source, transport) if asked else BUILD_NOT_ASKED
    return replace(found, log=(*found.log, (BUILD, words)))


@contextmanager
def _transport(review: Review, archived: Replies | None) -> Iterator[Transport]:
    """The archive's replies, or the network with the keys that the environment holds."""
    if archived is not None:
        yield ReplayTransport(archived, review.archive)
        return
    with network(review.archive) as live:
        yield live


@contextmanager
def network(archive: Archive, limits: Limits | None = None) -> Iterator[Transport]:
    """The network, with the keys and the contact that the environment holds; what comes goes to `archive`."""
    identity = Identity(__version__, os.environ.get(CONTACT, ""), api_keys=api_keys(os.environ))
    make = partial(LiveTransport, archive, identity, pace_folder=user_cache_path("lsr") / "pace")
    with closing(make(limits=limits) if limits else make()) as live:
        yield live
