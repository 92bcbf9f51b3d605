"""How each source stands: its last run as PRISMA-S asks, when it is due, what failed, which known items it found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from db import queries, searches
from db.queries import Run
from db.records import RETRIEVAL
from db.searches import Acceptance, Failure, records_read
from db.specs import SourceSpec
from harvest.watch import Known, known_items
from lsr.workflow.folder import PREVIOUS, Open
from lsr.workflow.search_log import QUERY_CHANGED, WITHDRAWN, WITHDRAWN_BY_FILE, hits_of, known_words


@dataclass(frozen=True, slots=True)
class SourceState:
    """One source of the protocol that is switched on, or one that was searched."""

    source: str
    run: Run | None  # the last one by the time of its search; None: never
    every_days: int
    overdue_since: str  # the day it was due; empty if it is not overdue
    failure: Failure | None  # the last one that no later run repaired
    known: Known | None  # None: no known item is expected in it, or it was never searched
    changed: tuple[str, ...]  # what runs of a changed query found, in words
    accepted: tuple[Acceptance, ...]  # what people accepted of its searches
    withdrawn: tuple[str, ...]  # ids that the review has and the source no longer

    @property
    def last(self) -> str:
        """When it last answered, or "never"."""
        return self.run.searched_at if self.run else "never"


@dataclass(frozen=True, slots=True)
class _Read:
    """What the ledger says of searches, read once; all by source."""

    runs: dict[str, list[Run]]
    specs: dict[str, SourceSpec]
    failures: dict[str, list[Failure]]
    accepted: dict[str, list[Acceptance]]
    held: dict[str, frozenset[str]]
    began: str  # when the first protocol was entered


def source_states(opened: Open) -> list[SourceState]:
    """Every source, in the protocol's order; those that only files named come last."""
    connection, spec = opened.review.connection, opened.spec
    runs: dict[str, list[Run]] = {source.id: [] for source in spec.sources if source.enabled}
    for run in queries.runs(connection):
        if run.source != PREVIOUS and run.arm != RETRIEVAL:  # opening a page is no search
            runs.setdefault(run.source, []).append(run)
    names = {name for i in spec.search.known_items for name in (*i.dois, *(f"pmid:{pmid}" for pmid in i.pmids))}
    read = _Read(
        runs=runs,
        specs={source.id: source for source in spec.sources},
        failures=searches.open_failures(connection),
        accepted=searches.acceptances(connection),
        held=searches.held(connection, names) if names else {},
        began=searches.began(connection),
    )
    return [_state(opened, source, read) for source in runs]


def _state(opened: Open, source: str, read: _Read) -> SourceState:
    runs, failures, spec = read.runs[source], read.failures.get(source, []), read.specs.get(source)
    # A replay keeps the time of the search it repeats, which is the one to tell of; in one second the later one.
    last = max(reversed(runs), key=lambda run: (run.searched_at, not run.replayed)) if runs else None
    every = (spec.every_days if spec else 0) or opened.spec.search_stale_days
    known = known_items(opened.spec.search.known_items, source, read.held.get(source, ())) if runs else None
    return SourceState(
        source=source,
        run=last,
        every_days=every,
        # Never searched, it is due from the day the review began, as those are that were searched on that day.
        overdue_since=overdue_since(last.searched_at if last else read.began, every, opened.review.clock()),
        failure=failures[-1] if failures else None,
        known=known if known and (known.found or known.missing) else None,
        changed=tuple(dict.fromkeys(f"{n}: {w}" for run in runs for n, w in run.log if n.startswith(QUERY_CHANGED))),
        accepted=tuple(read.accepted.get(source, ())),
        withdrawn=_withdrawn(opened, source, runs),
    )


def overdue_since(last: str, every_days: int, now: str) -> str:
    """The day a search was due that was last made at `last`; empty if that day is not over. Times are ISO 8601."""
    due = date.fromisoformat(last[:10]) + timedelta(days=every_days)
    return due.isoformat() if date.fromisoformat(now[:10]) > due else ""


def _withdrawn(opened: Open, source: str, runs: list[Run]) -> tuple[str, ...]:
    """What the source said it withdrew, of the records the review has; not what its last search found again."""
    review = opened.review
    told = {i for run in runs for name, ids in run.log if name in (WITHDRAWN, WITHDRAWN_BY_FILE) for i in ids.split()}
    if not told:
        return ()
    made = searches.searches(review.connection, source)
    found = hits_of(made[-1], review.archive) if made else set()
    return tuple(sorted(told.intersection(searches.native_ids(review.connection, source)) - found))


def plain(state: SourceState) -> dict[str, Any]:
    """A source as plain values, its last run's whole log with it: the items that PRISMA-S asks for."""
    known = {"found": list(state.known.found), "missing": list(state.known.missing)} if state.known else None
    return {
        "source": state.source,
        "last": state.last,
        "every_days": state.every_days,
        "overdue_since": state.overdue_since or None,
        "failure": _failure(state.failure),
        "known_items": known,
        "query_changed": list(state.changed),
        "accepted": [{"question": a.question, "why": a.why, "person": a.person, "at": a.at} for a in state.accepted],
        "withdrawn": list(state.withdrawn),
        "run": _run(state.run) if state.run else None,
    }


def _failure(failure: Failure | None) -> dict[str, Any] | None:
    if failure is None:
        return None
    asked = [{"question": key, "words": words} for key, words in failure.questions]
    return {"at": failure.at, "query": failure.query, "why": failure.why, "questions": asked}


def _run(run: Run) -> dict[str, Any]:
    read = records_read(run)
    return {
        "run": run.id, "arm": run.arm, "query": run.query, "searched_at": run.searched_at, "replayed": run.replayed,
        "composed": run.composed, "hits": run.hits, "fetched": read, "new": run.new_records, "updated": run.updated,
        "seen_again": read - run.new_records - run.updated, "log": [list(line) for line in run.log],
    }  # fmt: skip


def lines(states: list[SourceState]) -> list[str]:
    """The same for people: a line a source, and one more for whatever is amiss."""
    found = []
    for state in states:
        words = f"{state.source}: last searched {state.last[:10]}"
        if run := state.run:
            again = records_read(run) - run.new_records - run.updated
            words += f" ({run.hits} hits, {run.new_records} new, {run.updated} updated, {again} seen again)"
        words += f", due every {state.every_days} days"
        found.append(f"{words}, OVERDUE since {state.overdue_since}" if state.overdue_since else words)
        if failure := state.failure:
            found.append(f"  FAILED on {failure.at[:10]}: {failure.why}")
        if known := state.known:
            found.append(f"  known items: {known_words(known)}")
        found += [f"  {words}" for words in state.changed]
        if state.withdrawn:
            found.append(f"  withdrawn by the source: {' '.join(state.withdrawn)}")
    return found
