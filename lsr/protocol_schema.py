"""The shape of protocol.toml: one class a table, typed where the program acts on a key."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from db.identifiers import normalise_doi

ROLES = (
    "screener",
    "extractor",
    "rob",
    "adjudicator",
    "statistician",
    "information-specialist",
    "clinician",
    "guarantor",
)
ARMS = ("databases", "registers", "websites", "organisations", "citation", "contacts")


class Section(BaseModel):
    """A table of the protocol: typed keys are checked, prose keys are let through."""

    model_config = ConfigDict(extra="allow", strict=True)


class PreviousVersion(Section):
    """[review.previous_version]: the published review that this one continues."""

    doi: str
    registration: str
    studies: int = Field(ge=0)
    reports: int = Field(ge=0)
    patients: int = Field(ge=0)
    search_to: str


class Person(Section):
    """[[review.person]]: somebody with roles."""

    name: str = Field(min_length=1)
    roles: list[Literal[ROLES]] = Field(default=[])  # type: ignore[valid-type]
    stages: list[Literal["title-abstract", "full-text"]] = []
    since: str = Field(default="", alias="from", pattern=r"^(\d{4}-\d\d-\d\d)?$")
    until: str = Field(default="", pattern=r"^(\d{4}-\d\d-\d\d)?$")
    author_names: list[str] = []
    involved_in_studies: list[str] = []
    namesake_in: list[str] = []

    @field_validator("until")
    @classmethod
    def _after(cls, until: str, others: ValidationInfo) -> str:
        if until and until < str(others.data.get("since", "")):
            raise ValueError("is before the day in `from`")
        return until

    @field_validator("name")
    @classmethod
    def _plain_name(cls, name: str) -> str:
        if "@" in name or name.startswith("machine:") or not name.isprintable():
            raise ValueError("a name has no '@', no line break and does not begin with 'machine:'")
        return name


class ReviewSection(Section):
    """[review]: what the review is, and who answers for it."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: str = Field(min_length=1)
    registration: str = ""
    demonstration: bool = False
    previous_version: PreviousVersion | None = None
    guarantor: str = ""
    funding: str = ""
    person: list[Person] = []


class Permission(Section):
    """permission of a [[search.source]]: who allowed its pages to be fetched, when, for what, and the letter's hash."""

    granted_by: str = ""
    date: str = Field(default="", pattern=r"^(\d{4}-\d\d-\d\d)?$")
    scope: str = ""
    file_sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")

    def missing(self) -> list[str]:
        """The fields that are not filled."""
        return [name for name in ("granted_by", "date", "scope", "file_sha256") if not getattr(self, name).strip()]


class Source(Section):
    """[[search.source]]: a place searched, and how."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    kind: str
    prisma_arm: str
    platform: str = ""
    query: str = ""
    containers: list[str] = []
    base_url: str = Field(default="", pattern=r"^(https?://\S+)?$")
    enabled: bool = True
    page_fetch: Literal["on", "off"] = "off"
    permission: Permission = Permission()
    cadence: str = ""
    every_days: int = Field(default=0, ge=0, le=3660)
    limitation: str = ""
    named_products: list[str] = []

    @field_validator("prisma_arm")
    @classmethod
    def _known_arm(cls, arm: str) -> str:
        if arm.removeprefix("other:") not in ARMS:
            raise ValueError(f"must be one of {', '.join(ARMS)} (or other:…)")
        return arm


class Search(Section):
    """[search]"""

    date_from: str = Field(default="", pattern=r"^(\d{4}(-\d\d(-\d\d)?)?)?$")
    max_jump: float = Field(default=0.5, gt=0, strict=False)
    press_reviewer: str = ""
    press_date: str = Field(default="", pattern=r"^(\d{4}(-\d\d(-\d\d)?)?)?$")
    press_outcome: Literal["", "no revision", "revision suggested", "revision required"] = ""
    source: list[Source] = Field(min_length=1)


class KnownItem(Section):
    """[[known_item]]: reports that a search must find, and in which sources."""

    expected_in: list[str] = Field(min_length=1)
    dois: list[str] = []
    pmids: list[str] = []

    @field_validator("dois")
    @classmethod
    def _dois(cls, dois: list[str]) -> list[str]:
        for doi in dois:
            if not normalise_doi(doi):
                raise ValueError(f"{doi!r} is no DOI")
        return dois

    @field_validator("pmids")
    @classmethod
    def _pmids(cls, pmids: list[str]) -> list[str]:
        for pmid in pmids:
            if not pmid.isdecimal():
                raise ValueError(f"{pmid!r} is no PMID: digits only")
        return pmids


class Reason(Section):
    """[[exclusion_reason]]: their order is their hierarchy."""

    code: str = Field(pattern=r"^\w+$")
    label: str
    stages: list[Literal["title-abstract", "full-text"]] = Field(min_length=1)


class Outcome(Section):
    """[[outcome]]: what is extracted, and over whom it is counted."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_]*$")
    label: str
    measure: Literal["proportion", "km"]
    denominator: str = "infused"
    denominator_sensitivity: list[str] = []
    role: str = ""


class Subgroup(Section):
    """[[subgroup]]: its id is the field of the facts that say in which level a study stands."""

    id: str = Field(min_length=1)
    levels: list[str] = Field(min_length=1)
    level: Literal["study", "arm", "patient"] = "study"


class Screening(Section):
    """[screening]"""

    reviewers_per_item: int = Field(ge=1, le=9)
    title_abstract_rule: Literal["either", "agree"] = "agree"
    reasons_must_agree: bool = False


class Screen(Section):
    """[screen]: what the reviewer's screen marks and shows, and which keys it takes; lsr.screens.keys checks these."""

    include_terms: list[str] = []
    exclude_terms: list[str] = []
    criteria: list[str] = []
    keys: dict[str, str | list[str]] = {}


class Extraction(Section):
    """[extraction]"""

    extractors: int = Field(ge=1, le=9)
    numeric_tolerance: float = Field(default=0.0, ge=0)  # decimals of two extractors that differ by no more agree


class Synthesis(Section):
    """[synthesis]: the model choices, all of them in the fingerprint.

    `sensitivity` is in the protocol's own words: analysis.sensitivity says which of them the program computes.
    """

    model: Literal["glmm-logit", "ftt-dl"]
    ci: float = Field(default=95, gt=50, lt=100, strict=False)
    ci_method: Literal["t", "z"] = "t"
    prediction: Literal["t(k-1)"] = "t(k-1)"
    min_studies: int = Field(default=3, ge=2)
    sensitivity: list[str] = []


class Overlap(Section):
    """[overlap]: studies with patients in common, while no two people have chosen which of them counts."""

    keep: Literal["larger", "later", "first", "ask"] = "ask"
    hold_from: Literal["certain", "probable", "possible"] = "probable"


class Reports(Section):
    """[reports]: which report's data count where several reports of one study give an outcome."""

    prefer: list[Literal["largest-total", "latest-data-cut", "article", "latest-report"]] = []


class Living(Section):
    """[living]: who releases, and when a search is overdue."""

    release_needs: list[Literal[ROLES]] = []  # type: ignore[valid-type]
    status_if_search_older_than_days: int = Field(default=21, ge=1)


class Site(Section):
    """[site]"""

    disclaimer: str = ""


class Amendment(Section):
    """[[amendment]]: what allows a locked key to change."""

    date: str
    who: str
    item: str
    reason: str
    results_known: bool


class Protocol(Section):
    """The whole file."""

    schema_: Literal[1] = Field(alias="schema")
    review: ReviewSection
    search: Search
    known_item: list[KnownItem] = []
    exclusion_reason: list[Reason] = Field(min_length=1)
    screening: Screening
    screen: Screen = Screen()
    extraction: Extraction
    outcome: list[Outcome] = Field(min_length=1)
    subgroup: list[Subgroup] = []
    synthesis: Synthesis
    overlap: Overlap = Overlap()
    reports: Reports = Reports()
    living: Living = Living()
    site: Site = Site()
    locked: list[str] = []
    amendment: list[Amendment] = []
