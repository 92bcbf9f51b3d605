"""What the protocol and the data dictionary say, checked and typed: what the rooms get instead of TOML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from db.model import Stage


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """A place to search, as the protocol states it."""

    id: str
    kind: str
    arm: str
    platform: str = ""
    query: str = ""
    containers: tuple[str, ...] = ()
    base_url: str = ""
    date_from: str = ""
    enabled: bool = True
    page_fetch: bool = False
    cadence: str = ""
    limitation: str = ""
    every_days: int = 0  # how often it is to be searched; 0: the protocol does not say


@dataclass(frozen=True, slots=True)
class KnownItemSpec:
    """Reports that a good search finds, and the sources that hold them: a miss there fails the run."""

    expected_in: tuple[str, ...]
    dois: tuple[str, ...] = ()  # normalised
    pmids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PressSpec:
    """The peer review of the search strategy (PRESS 2015); empty until it was done."""

    reviewer: str = ""
    date: str = ""
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class SearchSpec:
    """What holds for the searches as a whole."""

    max_jump: float = 0.5  # share of the median of earlier hits by which a run may differ before a person is asked
    press: PressSpec = field(default_factory=PressSpec)
    known_items: tuple[KnownItemSpec, ...] = ()
    amended: frozenset[str] = frozenset()  # keys that an [[amendment]] names


@dataclass(frozen=True, slots=True)
class ReasonSpec:
    """A reason for exclusion. The protocol's order is the hierarchy: the first that applies counts."""

    code: str
    label: str
    stages: tuple[Stage, ...]


@dataclass(frozen=True, slots=True)
class OutcomeSpec:
    """An outcome of the protocol and the denominator its estimand names."""

    id: str
    label: str
    measure: str
    denominator: str
    role: str = ""
    denominator_sensitivity: tuple[str, ...] = ()


FieldType = Literal["text", "integer", "decimal", "yes-no", "choice", "choices", "list", "date"]
FieldLevel = Literal["report", "study", "cohort", "patient"]


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """A field of the data dictionary. `rows`: what its rows are named by, "" if it has one value."""

    id: str
    section: str
    level: FieldLevel
    type: FieldType
    label: str
    values: tuple[str, ...] = ()
    unit: str = ""
    rows: str = ""
    standard: str = ""
    any_agrees: bool = False  # words that two people never put alike: both are kept, neither is a conflict
    tolerance: float = 0.0  # decimals that differ by no more agree


@dataclass(frozen=True, slots=True)
class AtMostRule:
    """`part` is among `whole` (grade 3 and any grade): its events are no more, of the same patients."""

    part: str
    whole: str


@dataclass(frozen=True, slots=True)
class SumRule:
    """The fields whose rows are outcomes add up to the outcome's events (grades 1 to 5)."""

    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RequiresRule:
    """`field` with this `value` needs an answer in `needs`; NR is one."""

    field: str
    value: str
    needs: str


@dataclass(frozen=True, slots=True)
class DictionarySpec:
    """The data dictionary of a review; `on_request` are sections that no sheet holds unless asked for."""

    version: str
    sections: Mapping[str, str]  # id: label, in order
    on_request: frozenset[str]
    fields: tuple[FieldSpec, ...]
    text: str
    at_most: tuple[AtMostRule, ...] = ()
    sums: tuple[SumRule, ...] = ()
    requires: tuple[RequiresRule, ...] = ()

    def field(self, name: str) -> FieldSpec | None:
        """The field of that id."""
        return next((field for field in self.fields if field.id == name), None)


@dataclass(frozen=True, slots=True)
class PersonSpec:
    """Someone with roles in the review.

    `stages` limits screening and adjudicating to these (empty: both); `since` and `until` are the first and the last
    day (ISO, empty: open). Who authored or ran a study may not judge it: `author_names` as papers print them,
    `involved_in` study ids; `namesake_in` names reports (id, DOI or PMID) whose author only bears the same name.
    """

    name: str
    roles: tuple[str, ...]
    stages: tuple[Stage, ...] = ()
    since: str = ""
    until: str = ""
    author_names: tuple[str, ...] = ()
    involved_in: tuple[str, ...] = ()
    namesake_in: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SynthesisSpec:
    """Model choices: all of them are part of the fingerprint. `sensitivity` is in the protocol's own words."""

    model: str
    ci_level: float
    ci_method: str
    prediction: str
    min_studies: int
    sensitivity: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OverlapSpec:
    """Which of two studies with patients in common is pooled while no two people chose, and from which certainty on.

    `keep`: the study with more patients ("larger"), with the latest report ("later"), with the earliest ("first"), or
    nobody's choice yet ("ask": the one that came into the review first stays, as long as people have not chosen).
    """

    keep: Literal["larger", "later", "first", "ask"] = "ask"
    hold_from: Literal["certain", "probable", "possible"] = "probable"


@dataclass(frozen=True, slots=True)
class SubgroupSpec:
    """A subgroup of the protocol: its levels, and whose they are (the study's, its arms', its patients')."""

    id: str
    levels: tuple[str, ...]
    level: str


@dataclass(frozen=True, slots=True)
class ScreeningSpec:
    """How many votes an item needs and what they amount to."""

    votes_needed: int
    title_abstract_rule: Literal["either", "agree"]
    reasons_must_agree: bool = False


@dataclass(frozen=True, slots=True)
class ScreenSpec:
    """What the reviewer's screen shows and which keys it takes: terms to mark, criteria in short, keys by action."""

    include_terms: tuple[str, ...] = ()
    exclude_terms: tuple[str, ...] = ()
    criteria: tuple[str, ...] = ()
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class PreviousVersionSpec:
    """The published review that this one continues (PRISMA's previous version)."""

    doi: str
    registration: str
    studies: int
    reports: int
    patients: int
    search_to: str


@dataclass(frozen=True, slots=True)
class ProtocolSpec:
    """The protocol in force, checked and typed; `text` is the file as people wrote it."""

    id: str
    title: str
    registration: str
    demonstration: bool
    previous: PreviousVersionSpec | None
    persons: tuple[PersonSpec, ...]
    sources: tuple[SourceSpec, ...]
    reasons: tuple[ReasonSpec, ...]
    outcomes: tuple[OutcomeSpec, ...]
    screening: ScreeningSpec
    synthesis: SynthesisSpec
    extractors: int
    release_needs: tuple[str, ...]
    named_products: tuple[str, ...]  # product names and aliases: evidence when reports are linked
    required_to_publish: tuple[str, ...]  # keys that are still empty and must not be
    search_stale_days: int
    disclaimer: str
    locked: Mapping[str, str]  # dotted key -> canonical JSON of its value
    text: str
    search: SearchSpec = field(default_factory=SearchSpec)
    subgroups: tuple[SubgroupSpec, ...] = ()
    overlap: OverlapSpec = field(default_factory=OverlapSpec)
    reports_prefer: tuple[str, ...] = ()  # which report's data count, in order: db.which_report; empty: its default
    screen: ScreenSpec = field(default_factory=ScreenSpec)
    numeric_tolerance: float = 0.0  # of decimals, where the dictionary's field has no larger one
