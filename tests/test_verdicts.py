"""What votes amount to and which ones are allowed."""

from __future__ import annotations

from itertools import product
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.verdicts import check_resolution, check_vote, first_reason, reasons_at, rule_of, verdict_of
from db.errors import DecisionError
from db.model import Stage, Verdict
from db.specs import PersonSpec, ProtocolSpec, ReasonSpec, ScreeningSpec, SynthesisSpec

BOTH: tuple[Stage, ...] = ("title-abstract", "full-text")
SPEC = ProtocolSpec(
    id="r",
    title="R",
    registration="",
    demonstration=False,
    previous=None,
    persons=(
        PersonSpec("ann", ("screener", "extractor")),
        PersonSpec("ben", ("screener",)),
        PersonSpec("eva", ("adjudicator", "screener")),
        PersonSpec("tom", ("statistician",)),
    ),
    sources=(),
    reasons=(
        ReasonSpec("R1", "Not primary", BOTH),
        ReasonSpec("R2", "Population", BOTH),
        ReasonSpec("R3", "Too few patients", ("full-text",)),
    ),
    outcomes=(),
    screening=ScreeningSpec(2, "either"),
    synthesis=SynthesisSpec("glmm", 0.95, "wald", "t", 3),
    extractors=2,
    release_needs=(),
    named_products=(),
    required_to_publish=(),
    search_stale_days=21,
    disclaimer="",
    locked=MappingProxyType({}),
    text="",
)
VERDICTS: tuple[Verdict, ...] = ("include", "exclude", "unsure")


@pytest.mark.parametrize(
    ("votes", "either", "agree"),
    [
        ("", "awaiting", "awaiting"),
        ("i", "awaiting", "awaiting"),
        ("ii", "include", "include"),
        ("ie", "include", "conflict"),
        ("iu", "include", "conflict"),
        ("uu", "include", "conflict"),
        ("ue", "include", "conflict"),
        ("ee", "exclude", "exclude"),
        ("eei", "include", "conflict"),
    ],
)
def test_verdict_of_two_votes(votes: str, either: str, agree: str) -> None:
    given_votes = [next(verdict for verdict in VERDICTS if verdict[0] == letter) for letter in votes]
    assert verdict_of(given_votes, 2, "either") == either
    assert verdict_of(given_votes, 2, "agree") == agree


@given(st.lists(st.sampled_from(VERDICTS), max_size=5), st.integers(1, 4), st.sampled_from(["either", "agree"]))
def test_verdict_does_not_depend_on_who_voted_first(votes: list[Verdict], needed: int, rule: Any) -> None:
    result = verdict_of(votes, needed, rule)
    assert result == verdict_of(votes[::-1], needed, rule)
    assert (result == "awaiting") == (len(votes) < needed)
    assert result != "exclude" or set(votes) == {"exclude"}


def test_no_report_is_decided_without_a_vote() -> None:
    assert verdict_of([], 0, "either") == "awaiting"


def test_full_text_needs_agreement_whatever_the_rule_for_abstracts() -> None:
    assert rule_of(SPEC, "title-abstract") == "either"
    assert rule_of(SPEC, "full-text") == "agree"


@pytest.mark.parametrize(
    ("stage", "verdict", "reason"),
    [
        ("title-abstract", "include", ""),
        ("title-abstract", "exclude", ""),
        ("title-abstract", "exclude", "R2"),
        ("full-text", "exclude", "R3"),
        ("full-text", "unsure", ""),
    ],
)
def test_allowed_votes(stage: str, verdict: str, reason: str) -> None:
    check_vote(SPEC, "ann", stage, verdict, reason)
    if verdict != "unsure":
        check_resolution(SPEC, "eva", ["ann", "ben"], stage, verdict, reason)


@pytest.mark.parametrize(
    ("reviewer", "stage", "verdict", "reason", "says"),
    [
        ("zoe", "full-text", "include", "", ["zoe", "ann, ben, eva"]),
        ("", "full-text", "include", "", ["unknown reviewer", "ann, ben, eva"]),
        ("tom", "full-text", "include", "", ["tom", "screener", "ann, ben, eva"]),
        ("ann", "abstract", "include", "", ["abstract", "title-abstract or full-text"]),
        ("ann", "full-text", "maybe", "", ["maybe", "include, exclude, unsure"]),
        ("ann", "full-text", "exclude", "", ["needs a reason", "R1, R2, R3"]),
        ("ann", "full-text", "exclude", "R9", ["R9", "R1, R2, R3"]),
        ("ann", "title-abstract", "exclude", "R3", ["R3", "has R1, R2"]),
        ("ann", "title-abstract", "include", "R1", ["R1", "exclusion only"]),
        ("ann", "title-abstract", "unsure", "R1", ["R1", "exclusion only"]),
    ],
)
def test_refused_votes(reviewer: str, stage: str, verdict: str, reason: str, says: list[str]) -> None:
    with pytest.raises(DecisionError) as refused:
        check_vote(SPEC, reviewer, stage, verdict, reason)
    text = str(refused.value)
    assert all(part in text for part in says), text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("adjudicator", "voters", "verdict", "says"),
    [
        ("eva", ["ann", "eva"], "include", "eva voted on this report"),
        ("ann", ["ben", "eva"], "include", "adjudicator: the protocol names: eva"),
        ("zoe", ["ann", "ben"], "include", "adjudicator: eva"),
        ("eva", ["ann", "ben"], "unsure", "unsure would leave the conflict open"),
    ],
)
def test_refused_resolutions(adjudicator: str, voters: list[str], verdict: str, says: str) -> None:
    with pytest.raises(DecisionError, match=says):
        check_resolution(SPEC, adjudicator, voters, "full-text", verdict, "")


def test_the_first_reason_is_the_protocols_first() -> None:
    for order in product(("R3", "R1", "R2"), repeat=2):
        assert first_reason(SPEC, order) == min(order)
    assert first_reason(SPEC, ["other"]) == ""
    assert [reason.code for reason in reasons_at(SPEC, "title-abstract")] == ["R1", "R2"]
