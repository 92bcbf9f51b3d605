"""What is pooled: for each outcome the rows, the studies that do not report it, and those held out.

One row a study: its cohort "all". Cohorts beside it (an arm, a dose level, a disease) enter no pool, since nothing in
the data says which of them are disjoint and make up the whole. No information is lost by that: arms that share their
study's random effect have the likelihood of their sum, so a study that reports by arm is extracted as that sum.
Rows of studies that overlap are parted here, whatever else was chosen: this is the one gate to a pool.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from analysis.overlap import Overlaps, Ranked
from db import data
from db import studies as relations
from db.model import Row
from db.queries import Study
from db.queries import studies as all_studies
from db.specs import OutcomeSpec, ProtocolSpec
from db.which_report import is_article

COMPOSED = "composed"  # source_kind of values made up for a demonstration
ALL_PATIENTS = "infused"  # the denominator that counts every patient of a study: the schema's default
NO_READINGS: Mapping[str, data.Value] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Missing:
    """An included study that enters no pool of an outcome, and why: silence is never zero."""

    study: str
    label: str
    status: str  # silent, not-in-source, not-extracted, held-out
    patients: int | None = None
    why: str = ""  # of held-out: with whom its patients overlap, and who chose


@dataclass(frozen=True, slots=True)
class Alternative:
    """The rows under another choice of overlapping studies: `name` says which are kept."""

    name: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Dataset:
    """One outcome at one denominator: `included` studies = rows + missing. `articles`: whose rows are an article's."""

    outcome: OutcomeSpec
    denominator: str
    rows: tuple[Row, ...]
    missing: tuple[Missing, ...]
    articles: tuple[str, ...] = ()
    facts: tuple[tuple[str, str, str], ...] = ()  # (field, study, value) of the fields that declared subgroups name
    alternatives: tuple[Alternative, ...] = ()  # of overlaps alone

    @property
    def included(self) -> int:
        """K: all included studies, whether they report the outcome or not."""
        return len(self.rows) + len(self.missing)


@dataclass(frozen=True, slots=True)
class Source:
    """What the datasets are made of: the included studies, their overlaps, and the value in force of each cell."""

    studies: tuple[Study, ...]
    overlaps: Overlaps
    values: dict[tuple[str, str, str], data.Value]  # by outcome, denominator, study
    types: dict[str, tuple[str, ...]]  # a report's publication types
    facts: tuple[tuple[str, str, str], ...] = ()  # as in Dataset

    def value(self, outcome: OutcomeSpec, denominator: str, study: str) -> data.Value | None:
        """The value that counts; a sensitivity denominator takes the main one's where a study gives no other."""
        own = self.values.get((outcome.id, denominator, study))
        return own if own is not None and own.total else self.values.get((outcome.id, outcome.denominator, study))


def source(connection: sqlite3.Connection, spec: ProtocolSpec) -> Source:
    """Read all that datasets are made of."""
    fields = [subgroup.id for subgroup in spec.subgroups]
    pairs = data.included(connection)
    included = {study for study, _, _ in pairs}
    found = sorted((s for s in all_studies(connection) if s.study in included), key=lambda s: (s.label, s.study))
    unknown = included - {s.study for s in found}
    studies = (*found, *(Study(study, study, None) for study in sorted(unknown)))
    values = data.pool_values(connection)
    return Source(
        studies,
        overlaps_of(connection, spec, studies, values),
        {(v.outcome, v.denominator, v.study): v for v in values},
        data.publication_types(connection, {report for _, report, _ in pairs}),
        tuple(
            (fact.field, fact.study, fact.value)
            for fact in (data.facts(connection) if fields else ())
            if fact.field in fields and fact.status == "reported"
        ),
    )


def overlaps_of(
    connection: sqlite3.Connection, spec: ProtocolSpec, studies: Sequence[Study], values: Sequence[data.Value]
) -> Overlaps:
    """The review's overlaps, and what the protocol's rule asks of each study.

    A study's patients are those stated of it, or the largest total that is in force, whichever is more: of a report
    that pools several studies nobody may have stated them.
    """
    pairs = relations.overlaps(connection)
    if not pairs:
        return Overlaps()
    totals: dict[str, int] = {}
    for value in values:
        totals[value.study] = max(totals.get(value.study, 0), value.total or 0)
    dates, seen = relations.printed_dates(connection), relations.first_seen(connection)
    known = {
        s.study: Ranked(
            s.study, s.label, max(s.patients or 0, totals.get(s.study, 0)), *dates.get(s.study, ("", "")),
            seen.get(s.study, 0),
        )
        for s in studies
    }  # fmt: skip
    return Overlaps(tuple(pairs), spec.overlap, known)


def datasets(connection: sqlite3.Connection, spec: ProtocolSpec) -> list[Dataset]:
    """The pooled data of every proportion of the protocol, main denominator first, then the sensitivity ones.

    A sensitivity denominator takes the main one's value where a study gives no other (its patients are the same).
    """
    known = source(connection, spec)
    return [
        dataset(known, outcome, denominator)
        for outcome in spec.outcomes
        if outcome.measure == "proportion"
        for denominator in (outcome.denominator, *outcome.denominator_sensitivity)
    ]


def dataset(
    known: Source,
    outcome: OutcomeSpec,
    denominator: str,
    readings: Mapping[str, data.Value] = NO_READINGS,
    keep: Sequence[str] = (),
) -> Dataset:
    """One outcome over one denominator; `readings` replaces the value of a study by another reading of it, and `keep`
    names studies that stay before those they overlap with."""
    values = {
        s.study: readings.get(s.study) or known.value(outcome, denominator, s.study) for s in known.studies
    }  # fmt: skip
    rows = {s.study: row for s in known.studies if (row := _row(s, values[s.study])) is not None}
    held = known.overlaps.held_out(values, rows, keep)
    missing = []
    for study in known.studies:
        value = values[study.study]
        if study.study in held:
            missing.append(Missing(study.study, study.label, "held-out", study.patients, held[study.study]))
        elif value is None:
            missing.append(Missing(study.study, study.label, "not-extracted", study.patients))
        elif study.study not in rows:
            missing.append(Missing(study.study, study.label, value.status, study.patients))
    pooled = tuple(row for study, row in rows.items() if study not in held)
    given = {study: value for study, value in values.items() if value is not None}
    articles = tuple(
        r.study for r in pooled if _article(given[r.study], known.types.get(given[r.study].report, ()))
    )  # fmt: skip
    facts = tuple(fact for fact in known.facts if fact[1] in rows and fact[1] not in held)
    others = tuple(
        Alternative(name, tuple(row for study, row in rows.items() if study not in out))
        for name, out in known.overlaps.alternatives(values, rows)
    )
    return Dataset(outcome, denominator, pooled, tuple(missing), articles, facts, others)


def _row(study: Study, value: data.Value | None) -> Row | None:
    """A study's row, or None where nobody gives a number: silence is never zero."""
    if value is None or value.events is None or value.total is None:
        return None
    composed = value.source_kind == COMPOSED
    return Row(study.study, study.label, value.events, value.total, "", value.second_hand, composed)


def _article(value: data.Value, types: tuple[str, ...]) -> bool:
    return is_article(value.source_kind, types)


def plain_dataset(dataset: Dataset) -> dict[str, Any]:
    """A dataset as JSON values."""
    return {
        "outcome": dataset.outcome.id,
        "denominator": dataset.denominator,
        "rows": [asdict(row) for row in dataset.rows],
        "missing": [asdict(missing) for missing in dataset.missing],
        "articles": list(dataset.articles),
        "facts": [list(fact) for fact in dataset.facts],
        "alternatives": [asdict(alternative) for alternative in dataset.alternatives],
    }
