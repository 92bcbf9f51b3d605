"""The search log by source, as PRISMA-S asks: every run, what failed since, when the next one is due."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.pages.site import PREVIOUS_ARM, Site
from db.queries import Run
from db.searches import FILE, Acceptance, Failure, records_read
from db.specs import SourceSpec


@dataclass(frozen=True, slots=True)
class Row:
    """One run, with what its numbers amount to."""

    run: Run
    fetched: int
    again: int
    how: str


@dataclass(frozen=True, slots=True)
class Source:
    """A source of the protocol, or one that was searched; `failure` is the last that no later run repaired."""

    id: str
    spec: SourceSpec | None
    rows: tuple[Row, ...]
    queries: tuple[str, ...]
    failure: Failure | None
    accepted: tuple[Acceptance, ...]
    due_days: int


def due_days(site: Site, source: str) -> int:
    """How many days after its last search a source is overdue: its own cadence, else the protocol's for all."""
    spec = next((spec for spec in site.spec.sources if spec.id == source), None)
    return (spec.every_days if spec else 0) or site.spec.search_stale_days


def search_log(site: Site) -> list[Source]:
    """Every source, in the protocol's order; the previous version's loading last."""
    named = {source.id: source for source in site.spec.sources}
    order = [*named, *dict.fromkeys(run.source for run in site.runs if run.source not in named)]
    return [_source(site, source, named.get(source)) for source in order]


def _source(site: Site, source: str, spec: SourceSpec | None) -> Source:
    runs = [run for run in site.runs if run.source == source]
    queries = tuple(dict.fromkeys(run.query for run in runs))
    rows = tuple(_row(run) for run in runs)
    accepted = tuple(site.acceptances.get(source, ()))
    return Source(source, spec, rows, queries, site.failures.get(source), accepted, due_days(site, source))


def _row(run: Run) -> Row:
    fetched = records_read(run)
    return Row(run, fetched, fetched - run.new_records - run.updated, _how(run))


def _how(run: Run) -> str:
    if run.arm == PREVIOUS_ARM:
        return "loaded with the review"
    if run.replayed:
        return "replayed from the archive"
    if run.composed:
        return "bundled replies"
    return "by file" if run.query.startswith(FILE) else "live"
