"""A report, and a study with its reports, in the form in which evidence is weighed: read from their texts once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from curation.evidence.intervention import codes_in, diseases_in, doses_in, sources_in
from curation.evidence.patients import Counted, accrual_in, cutoff_in
from curation.evidence.people import centres_in, cities_in
from curation.evidence.statements import cited_in, follow_up_in, is_correction, is_no_report, is_pooled, names_of
from curation.evidence.titles import title_terms
from curation.evidence.trials import CrossRegistrations
from curation.normalise import Name, fold, name
from curation.phases import phases_in
from curation.samplesize import patients_in
from db.model import Record

Registrations = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class StudyProfile:
    """A study as far as linking needs it; `patients` is the largest number reported so far."""

    id: str
    label: str
    registry_ids: tuple[str, ...]
    reports: tuple[Record, ...]
    patients: int | None


@dataclass(frozen=True)
class Subject:
    """A report in comparable form."""

    report: Record
    trials: Mapping[str, tuple[str, ...]]
    names: tuple[Name, ...]
    title: frozenset[str]
    products: frozenset[str]
    codes: frozenset[str]
    sources: frozenset[str]
    diseases: frozenset[str]
    doses: frozenset[str]
    centres: frozenset[str]
    places: str  # its affiliations, folded
    counted: Counted
    cited: dict[str, str]
    own_names: tuple[str, ...]
    pooled: bool
    follow_up: str
    no_report: bool
    correction: bool


@dataclass(frozen=True)
class KnownStudy:
    """A study in comparable form: what its reports and its trials' registrations say together."""

    profile: StudyProfile
    trials: Mapping[str, tuple[str, ...]]
    reports: tuple[Subject, ...]
    report_ids: frozenset[str]
    products: frozenset[str]
    codes: frozenset[str]
    sources: frozenset[str]
    diseases: frozenset[str]
    doses: frozenset[str]
    centres: frozenset[str]
    cities: frozenset[str]
    counted: Counted
    registrations: tuple[Mapping[str, str], ...]
    names: frozenset[str]  # DOIs and PMIDs of its reports
    cited_by_register: frozenset[str]  # "pmid:…"


def subject_of(report: Record, products: Mapping[str, str], crossed: CrossRegistrations) -> Subject:
    """`products` are {folded name: as the protocol prints it}."""
    text = f"{report.title}\n{report.abstract}"
    words = f" {fold(text)} "
    affiliations = [author.affiliation for author in report.authors if author.affiliation]
    named = frozenset(product for key, product in products.items() if f" {key} " in words)
    return Subject(
        report,
        crossed.trials(report.registry_ids),
        tuple(each for author in report.authors if (each := name(author)).initial),
        title_terms(report.title),
        named,
        codes_in(text) - {fold(product) for product in named},
        sources_in(report.title, report.abstract),
        diseases_in(report.title),
        doses_in(report.abstract),
        centres_in(affiliations),
        f" {fold(' '.join(affiliations))} " if affiliations else "",
        Counted(
            patients_in(text),
            report.year,
            accrual_in(report.abstract),
            cutoff_in(report.abstract),
            phases_in(report.title),
        ),
        cited_in(report),
        names_of(report.doi, report.pmid),
        is_pooled(text),
        follow_up_in(text),
        is_no_report(report),
        is_correction(report),
    )


def known_study(
    study: StudyProfile, products: Mapping[str, str], crossed: CrossRegistrations, registrations: Registrations
) -> KnownStudy:
    """The study with all that its reports say, and what the registers print of its trials."""
    reports = tuple(subject_of(report, products, crossed) for report in study.reports)
    trials = crossed.trials(study.registry_ids)
    facts = tuple(registrations[n] for trial in trials for n in trials[trial] if n in registrations)
    printed = f" {fold(' '.join(each.get('products', '') for each in facts))} "
    named = frozenset(product for key, product in products.items() if f" {key} " in printed)
    pmids = (pmid for each in facts for pmid in each.get("results_pmids", "").split("; ") if pmid)
    return KnownStudy(
        study,
        trials,
        reports,
        frozenset(report.id for report in study.reports),
        _all(each.products for each in reports) | named,
        _all(each.codes for each in reports) | _all(codes_in(each.get("products", "")) for each in facts),
        _all(each.sources for each in reports),
        _all(each.diseases for each in reports),
        _all(each.doses for each in reports),
        _all(each.centres for each in reports),
        cities_in(each.get("cities", "") for each in facts),
        _counted(study, reports),
        facts,
        frozenset(key for each in reports for key in each.own_names),
        frozenset(f"pmid:{pmid}" for pmid in pmids),
    )


def _counted(study: StudyProfile, reports: Sequence[Subject]) -> Counted:
    """The largest number and latest year; the period of accrual and cut-off of the report that goes furthest."""
    numbers = [each.counted.patients for each in reports if each.counted.patients is not None]
    return Counted(
        study.patients if study.patients is not None else max(numbers, default=None),
        max((each.counted.year for each in reports if each.counted.year), default=None),
        max((p for each in reports if (p := each.counted.accrual)), default=None, key=lambda p: (p.end, -p.start)),
        max((each.counted.cutoff for each in reports if each.counted.cutoff), default=None),
        _all(each.counted.phases for each in reports),
    )  # fmt: skip


def _all(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset[str]().union(*sets)
