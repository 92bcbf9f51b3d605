"""What the rooms pass to each other: frozen values, no behaviour, no SQL.

Words are PRISMA 2020's and Cochrane's (README, "Words"). Counts are patients, dates are ISO 8601 text and may
be partial ("2021", "2021-05"), because that is all that many records print.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

Stage = Literal["title-abstract", "full-text"]
Verdict = Literal["include", "exclude", "unsure"]
LinkState = Literal["proposed", "linked", "refused"]
NO_EXTRA: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Author:
    """One author as printed. A group author has only `collective`."""

    family: str = ""
    given: str = ""  # given names or initials, as printed
    collective: str = ""
    affiliation: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """A link to another publication: a retraction, correction, expression of concern, update or comment.

    `kind` is PubMed's RefType ("RetractionIn", "ErratumIn", "ExpressionOfConcernIn", "UpdateIn", …).
    """

    kind: str
    pmid: str = ""
    doi: str = ""
    citation: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One hit in one source, as that source printed it; keyed (source, native_id)."""

    source: str
    native_id: str
    title: str = ""
    abstract: str = ""
    authors: tuple[Author, ...] = ()
    year: int | None = None
    date: str = ""
    journal: str = ""
    volume: str = ""
    issue: str = ""
    pages: str = ""
    doi: str = ""  # normalised: lower case, without resolver
    pmid: str = ""
    registry_ids: tuple[str, ...] = ()  # normalised, sorted: NCT…, ChiCTR…, ISRCTN…
    publication_types: tuple[str, ...] = ()
    language: str = ""  # ISO 639-2 as PubMed prints it
    vernacular_title: str = ""
    url: str = ""
    notices: tuple[Notice, ...] = ()
    composed: str = ""  # not empty: made up for a demonstration, and why; never shown as captured
    extra: Mapping[str, str] = field(default_factory=lambda: NO_EXTRA)  # what only one source has

    @property
    def id(self) -> str:
        """The record's key, "source:native id"."""
        return f"{self.source}:{self.native_id}"


@dataclass(frozen=True, slots=True)
class Link:
    """A judgement, or a proposal, that a report belongs to a study, with its evidence in words.

    `weighed` has the same words with what each weighs: above 0 for one study, below 0 against, 0 what bars a sure link.
    """

    report: str
    study: str
    state: LinkState
    evidence: tuple[str, ...] = ()
    score: float = 0.0
    weighed: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Two records found to be one publication, with the evidence in words."""

    record: str
    same_as: str
    evidence: tuple[str, ...]
    certain: bool
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Datum:
    """One value for study × cohort × outcome × time point × denominator × reading, from one report.

    `status` "reported" has events and total; "none" is a report that says that none occurred (events 0);
    "silent" is a report that does not say; "not-in-source" is a secondary source (a review's table) that does
    not say. The last two have neither events nor total: none of them is zero.
    """

    study: str
    cohort: str
    outcome: str
    timepoint: str
    denominator: str
    reading: str
    role: Literal["primary", "alternative", "reproduction"]
    report: str
    status: Literal["reported", "none", "silent", "not-in-source"]
    events: int | None = None
    total: int | None = None
    place: str = ""
    quotation: str = ""
    source_kind: str = "primary-article"
    confidence: Literal["sure", "derived", "guessed"] = "sure"
    why: str = ""
    data_cut: str = ""  # the report's data cut-off, ISO 8601
    printed: str = ""  # the percentage as printed, without its sign
    answer: str = ""  # to what a check asked of this value, by the extractor


FieldStatus = Literal["reported", "none", "silent", "not-in-source", "not-applicable", "unclear"]


@dataclass(frozen=True, slots=True)
class FieldValue:
    """One value of a field of the data dictionary, from one report, in its canonical form (curation.dictionary).

    `row` names what is spoken of where a field has several values (an outcome, a dose level, a patient), else "".
    "silent" is NR (not reported), "not-applicable" NA, "unclear" UNCLEAR: none of them has a value, none is zero.
    """

    study: str
    cohort: str
    field: str
    row: str
    report: str
    status: FieldStatus
    value: str = ""
    place: str = ""
    quotation: str = ""
    source_kind: str = "primary-article"
    confidence: Literal["sure", "derived", "guessed"] = "sure"
    why: str = ""
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a meta-analysis of proportions: `events` of `total` patients in one independent cohort."""

    study: str
    label: str
    events: int
    total: int
    group: str = ""
    second_hand: bool = False
    composed: bool = False
