"""What is pooled: for each outcome the rows, the studies that do not report it, and those held out.

One row a study: its cohort "all". Cohorts beside it (an arm, a dose level, a disease) enter no pool, since nothing in
the data says which of them are disjoint and make up the whole. No information is lost by that: arms that share their
study's random effect have the likelihood of their sum, so a study that reports by arm is extracted as that sum.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from db import data
from db.model import OutcomeSpec, ProtocolSpec, Row
from db.queries import Study
from db.queries import studies as all_studies

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


@dataclass(frozen=True, slots=True)
class Dataset:
    """One outcome at one denominator: `included` studies = rows + missing. `articles`: whose rows are an article's."""

    outcome: OutcomeSpec
    denominator: str
    rows: tuple[Row, ...]
    missing: tuple[Missing, ...]
    articles: tuple[str, ...] = ()
    facts: tuple[tuple[str, str, str], ...] = ()  # (field, study, value) of the fields that declared subgroups name

    @property
    def included(self) -> int:
        """K: all included studies, whether they report the outcome or not."""
        return len(self.rows) + len(self.missing)


@dataclass(frozen=True, slots=True)
class Source:
    """What the datasets are made of: the included studies, who is held out, and the value in force of each cell."""

    studies: tuple[Study, ...]
    held: dict[str, str]
    values: dict[tuple[str, str, str], data.Value]  # by outcome, denominator, study
    types: dict[str, tuple[str, ...]]  # a report's publication types
    facts: tuple[tuple[str, str, str], ...] = ()  # as in Dataset

    def value(self, outcome: OutcomeSpec, denominator: str, study: str) -> data.Value | None:
        """The value that counts; a sensitivity denominator takes the main one's where a study gives no other."""
        own = self.values.get((outcome.id, denominator, study))
        return own if own is not None and own.total else self.values.get((outcome.id, outcome.denominator, study))


def source(connection: sqlite3.Connection, fields: Sequence[str] = ()) -> Source:
    """Read all that datasets are made of; `fields` are those of facts."""
    pairs = data.included(connection)
    included = {study for study, _, _ in pairs}
    found = sorted((s for s in all_studies(connection) if s.study in included), key=lambda s: (s.label, s.study))
    unknown = included - {s.study for s in found}
    return Source(
        (*found, *(Study(study, study, None) for study in sorted(unknown))),
        data.held_out(connection),
        {(v.outcome, v.denominator, v.study): v for v in data.pool_values(connection)},
        data.publication_types(connection, {report for _, report, _ in pairs}),
        tuple(
            (fact.field, fact.study, fact.value)
            for fact in (data.facts(connection) if fields else ())
            if fact.field in fields and fact.status == "reported"
        ),
    )


def datasets(connection: sqlite3.Connection, spec: ProtocolSpec) -> list[Dataset]:
    """The pooled data of every proportion of the protocol, main denominator first, then the sensitivity ones.

    A sensitivity denominator takes the main one's value where a study gives no other (its patients are the same).
    """
    known = source(connection, [subgroup.id for subgroup in spec.subgroups])
    return [
        dataset(known, outcome, denominator)
        for outcome in spec.outcomes
        if outcome.measure == "proportion"
        for denominator in (outcome.denominator, *outcome.denominator_sensitivity)
    ]


def dataset(
    known: Source, outcome: OutcomeSpec, denominator: str, readings: Mapping[str, data.Value] = NO_READINGS
) -> Dataset:
    """One outcome over one denominator; `readings` replaces the value of a study by another reading of it."""
    rows, missing, articles = [], [], []
    for study in known.studies:
        value = readings.get(study.study) or known.value(outcome, denominator, study.study)
        if study.study in known.held:
            missing.append(Missing(study.study, study.label, "held-out", study.patients))
        elif value is None:
            missing.append(Missing(study.study, study.label, "not-extracted", study.patients))
        elif value.events is None or value.total is None:
            missing.append(Missing(study.study, study.label, value.status, study.patients))
        else:
            composed = value.source_kind == COMPOSED
            rows.append(Row(study.study, study.label, value.events, value.total, "", value.second_hand, composed))
            if _article(value, known.types.get(value.report, ())):
                articles.append(study.study)
    studies = {row.study for row in rows}
    facts = tuple(fact for fact in known.facts if fact[1] in studies)
    return Dataset(outcome, denominator, tuple(rows), tuple(missing), tuple(articles), facts)


def _article(value: data.Value, types: tuple[str, ...]) -> bool:
    """Whether the value is an article's: by what the extractors said, else by the report's publication types.

    A report whose type nobody printed is no article: "articles only" must be sure of each.
    """
    if value.source_kind.startswith("primary-"):
        return value.source_kind == "primary-article"
    short = ("abstract", "congress", "proceeding", "preprint", "conference", "meeting", "posted")
    return bool(types) and not any(word in kind.casefold() for kind in types for word in short)


def plain_dataset(dataset: Dataset) -> dict[str, Any]:
    """A dataset as JSON values."""
    return {
        "outcome": dataset.outcome.id,
        "denominator": dataset.denominator,
        "rows": [asdict(row) for row in dataset.rows],
        "missing": [asdict(missing) for missing in dataset.missing],
        "articles": list(dataset.articles),
        "facts": [list(fact) for fact in dataset.facts],
    }
