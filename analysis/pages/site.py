"""What the pages show, read once: a frozen picture of the review. Everything later is a pure function of it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from analysis.dataset import COMPOSED
from analysis.escape import clean, file_names
from analysis.overlap import held_out_of
from analysis.prisma import Flow, flow
from analysis.refresh import Refreshed
from analysis.reproduction import Line, reproduction_table
from db import data, queries
from db.canonical import canonical
from db.model import Record
from db.queries import Run, Study
from db.records import all_records
from db.searches import Acceptance, Failure, acceptances, open_failures
from db.specs import OutcomeSpec, ProtocolSpec

PREVIOUS_ARM = "previous"
SHORT = 60  # characters of a title that stands for its authors in a table


@dataclass(frozen=True, slots=True)
class Report:
    """One publication as its records print it; no abstract."""

    id: str
    title: str
    cited: str  # authors, journal, year
    authored: bool
    doi: str
    pmid: str
    composed: str  # not empty: none of its records was captured

    @property
    def short(self) -> str:
        """How a table names it: as cited, or by the start of its title where no author is known."""
        if self.authored:
            return self.cited
        title = self.title if len(self.title) <= SHORT else f"{self.title[:SHORT].rstrip()}…"
        return f"{title} ({self.cited})" if self.cited else title


@dataclass(frozen=True, slots=True)
class Site:
    """All that the pages need. Ids are those of the review; `names` gives the file name of a study or outcome."""

    spec: ProtocolSpec
    now: str
    fingerprint: str
    estimates: dict[str, Any]
    flow: Flow
    included: tuple[tuple[str, str, bool], ...]
    studies: dict[str, Study]
    names: dict[str, str]
    trials: dict[str, tuple[str, ...]]
    reports: dict[str, Report]
    records: dict[str, Record]
    listing: tuple[dict[str, str], ...]
    values: tuple[data.Value, ...]
    cells: tuple[data.Cell, ...]
    facts: tuple[data.Fact, ...]
    held: dict[str, str]
    open_cells: frozenset[str]  # studies with cells that await an extractor or the adjudicator
    reopened: tuple[tuple[str, str, str], ...]
    previous_reports: frozenset[str]
    previous: dict[str, Any]
    reproduction: tuple[Line, ...]
    runs: tuple[Run, ...]
    acceptances: dict[str, list[Acceptance]]  # by source: what people accepted of searches that asked
    failures: dict[str, Failure]  # by source: its last failed search that no later one repaired
    versions: tuple[data.Version, ...]
    signers: dict[str, list[str]]

    @property
    def demonstration(self) -> bool:
        """Whether anything in the review is made up, or the protocol says that it is a demonstration."""
        return (
            self.spec.demonstration
            or any(record.composed for record in self.records.values())
            or any(cell.source_kind == COMPOSED for cell in self.cells)
        )

    @property
    def last(self) -> data.Version | None:
        return self.versions[-1] if self.versions else None

    @property
    def released(self) -> bool:
        """Whether today's figures are those of the last version."""
        return self.last is not None and self.last.frozen["fingerprint"] == self.fingerprint

    @property
    def proportions(self) -> list[OutcomeSpec]:
        return [outcome for outcome in self.spec.outcomes if outcome.id in self.estimates]

    @property
    def searches(self) -> list[Run]:
        """The runs that searched: not the loading of the previous version."""
        return [run for run in self.runs if run.arm != PREVIOUS_ARM]

    def label(self, study: str) -> str:
        return self.studies[study].label if study in self.studies else study

    def outcome_label(self, outcome: str) -> str:
        return next((spec.label for spec in self.spec.outcomes if spec.id == outcome), outcome)

    def state(self) -> dict[str, Any]:
        """The included set and the estimates as a version freezes them."""
        return {
            "studies": sorted({self.label(study) for study, _, _ in self.included}),
            "reports": sorted({report for _, report, _ in self.included}),
            "estimates": self.estimates,
        }


def gather(connection: sqlite3.Connection, spec: ProtocolSpec, refreshed: Refreshed, now: str) -> Site:
    """Read the review once. Figures go through the canonical form, so that fresh and stored ones are one text."""
    records: dict[str, Record] = {}
    by_report: dict[str, list[Record]] = {}
    for report, record in all_records(connection, slim=True):
        records[record.id] = record
        by_report.setdefault(report, []).append(record)
    studies = {study.study: study for study in queries.studies(connection)}
    states = data.extraction_states(connection)
    return Site(
        spec=spec,
        now=now,
        fingerprint=refreshed.fingerprint,
        estimates=json.loads(canonical(refreshed.estimates)),
        flow=flow(connection),
        included=tuple(data.included(connection)),
        studies=studies,
        names=file_names(studies) | file_names(outcome.id for outcome in spec.outcomes),
        trials=queries.trials(connection),
        reports={report: _report(report, found) for report, found in by_report.items()},
        records=records,
        listing=tuple(data.listing(connection)),
        values=tuple(data.pool_values(connection)),
        cells=tuple(data.cells(connection)),
        facts=tuple(data.facts(connection)),
        held=held_out_of(refreshed.estimates),
        open_cells=frozenset(s["study"] for s in states if s["state"] in ("awaiting", "conflict")),
        reopened=tuple(data.reopened(connection)),
        previous_reports=queries.previous_reports(connection),
        previous=data.previous_review(connection) or {},
        reproduction=tuple(reproduction_table(connection)),
        runs=tuple(queries.runs(connection)),
        acceptances=acceptances(connection),
        failures={source: failed[-1] for source, failed in open_failures(connection).items()},
        versions=tuple(data.versions(connection)),
        signers=data.signers(connection),
    )


def _report(report: str, records: list[Record]) -> Report:
    """The first record's own words, gaps filled from the others."""
    ordered = sorted(records, key=lambda record: (record.id != report, record.id))

    def first(values: Iterable[str]) -> str:
        return next((value for value in values if value), "")

    composed = [record.composed for record in ordered]
    authored = [record for record in ordered if record.authors]
    return Report(
        id=report,
        title=first(record.title for record in ordered) or "(no title)",
        cited=first(cited(record) for record in (*authored, *ordered)),
        authored=bool(authored),
        doi=first(record.doi for record in ordered),
        pmid=first(record.pmid for record in ordered),
        composed=composed[0] if all(composed) else "",
    )


def cited(record: Record) -> str:
    """First author, journal and year, as a reference list would."""
    names = [author.family or author.collective for author in record.authors]
    names = [clean(name) for name in names if name]
    who = "" if not names else names[0] if len(names) == 1 else f"{names[0]} et al."
    year = str(record.year) if record.year else record.date
    return ". ".join(part.rstrip(".") for part in (who, record.journal, year) if part)
