"""What votes amount to, and which votes the protocol allows: pure rules, the same for every screen and command."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final, Literal, get_args

from db.errors import DecisionError
from db.model import Stage, Verdict
from db.specs import PersonSpec, ProtocolSpec, ReasonSpec

Outcome = Literal["include", "exclude", "awaiting", "conflict"]
Rule = Literal["either", "agree"]
SCREENER: Final = "screener"
ADJUDICATOR: Final = "adjudicator"
_STAGES: Final[tuple[str, ...]] = get_args(Stage)
_VERDICTS: Final[tuple[str, ...]] = get_args(Verdict)


def rule_of(spec: ProtocolSpec, stage: Stage) -> Rule:
    """The rule at `stage`: the protocol's at title and abstract; at full text the reviewers must agree."""
    return spec.screening.title_abstract_rule if stage == "title-abstract" else "agree"


def verdict_of(votes: Sequence[Verdict], votes_needed: int, rule: Rule) -> Outcome:
    """What `votes` of one stage and round amount to.

    Fewer than `votes_needed`: "awaiting". Rule "either": one include or unsure carries the report on, only
    unanimous exclusion excludes. Rule "agree": unanimous include or exclude; anything else is a "conflict",
    unanimous doubt too.
    """
    if len(votes) < max(votes_needed, 1):
        return "awaiting"
    kinds = set(votes)
    if kinds == {"exclude"}:
        return "exclude"
    if rule == "either" or kinds == {"include"}:
        return "include"
    return "conflict"


def able(spec: ProtocolSpec, role: str, stage: str, on: str = "") -> tuple[PersonSpec, ...]:
    """Those whom the protocol gives a role at a stage, in its order; on the day `on` (ISO), or ever if that is ""."""
    return tuple(
        person
        for person in spec.persons
        if role in person.roles and stage in (person.stages or _STAGES) and (not on or serves(person, on))
    )


def serves(person: PersonSpec, on: str) -> bool:
    """Whether the person has joined by the day `on` (ISO) and has not left before it."""
    return (not person.since or person.since <= on) and (not person.until or on <= person.until)


def check_vote(spec: ProtocolSpec, reviewer: str, stage: str, verdict: str, reason: str, on: str = "") -> None:
    """Refuse a vote that the protocol does not allow; `reason` is "" for none, `on` is the day, "" leaves it open.

    DecisionError, one line: unknown stage or verdict, a reviewer whom the protocol does not name as a screener at that
    stage on that day, a reason that is unknown, belongs to the other stage or comes with an include, a full-text
    exclusion without one.
    """
    _check_role(spec, reviewer, SCREENER, stage, on)
    _check_judgement(spec, stage, verdict, reason)


def check_resolution(
    spec: ProtocolSpec, adjudicator: str, voters: Collection[str], stage: str, verdict: str, reason: str, on: str = ""
) -> None:
    """Refuse a resolution that the protocol does not allow: as `check_vote`, by an adjudicator, never one of
    `voters`, and never "unsure"."""
    check_adjudicator(spec, adjudicator, stage, on)
    if adjudicator in voters:
        raise DecisionError(f"{adjudicator} voted on this report: another adjudicator must resolve it")
    if verdict == "unsure":
        raise DecisionError("a resolution includes or excludes: unsure would leave the conflict open")
    _check_judgement(spec, stage, verdict, reason)


def check_adjudicator(spec: ProtocolSpec, name: str, stage: str, on: str = "") -> None:
    """DecisionError unless the protocol names the person as an adjudicator at `stage`, serving on the day `on`."""
    _check_role(spec, name, ADJUDICATOR, stage, on)


def first_reason(spec: ProtocolSpec, reasons: Iterable[str]) -> str:
    """Of the codes given, the one that stands first in the protocol (its order is the hierarchy); "" if none."""
    given = set(reasons)
    return next((known.code for known in spec.reasons if known.code in given), "")


def reasons_at(spec: ProtocolSpec, stage: Stage) -> tuple[ReasonSpec, ...]:
    """The reasons for exclusion that may be given at `stage`, in the protocol's order."""
    return tuple(reason for reason in spec.reasons if stage in reason.stages)


def _check_role(spec: ProtocolSpec, name: str, role: str, stage: str, on: str) -> None:
    known = {person.name: person for person in spec.persons if person.name}
    named = ", ".join(person.name for person in able(spec, role, stage, on)) or "nobody yet"
    if stage not in _STAGES:
        raise DecisionError(f'unknown stage "{stage}": give {" or ".join(_STAGES)}')
    if name not in known:
        raise DecisionError(f'unknown reviewer "{name}": the protocol names as {role}: {named}')
    person = known[name]
    if role not in person.roles:
        raise DecisionError(f"{name} has not the role {role}: the protocol names: {named}")
    if person.stages and stage not in person.stages:
        raise DecisionError(
            f"{name} is {role} at {', '.join(person.stages)} only: at {stage} the protocol names: {named}"
        )
    if on and not serves(person, on):
        when = f"begins on {person.since}" if person.since and on < person.since else f"left on {person.until}"
        raise DecisionError(f"{name} {when}: as {role} serve on {on}: {named}")


def _check_judgement(spec: ProtocolSpec, stage: str, verdict: str, reason: str) -> None:
    if verdict not in _VERDICTS:
        raise DecisionError(f'unknown verdict "{verdict}": give {", ".join(_VERDICTS)}')
    codes = ", ".join(each.code for each in spec.reasons if stage in each.stages) or "none"
    if reason and verdict != "exclude":
        raise DecisionError(f"a reason is for an exclusion only: leave {reason} out, or exclude")
    if reason and reason not in codes.split(", "):
        raise DecisionError(f'unknown reason "{reason}" at {stage}: the protocol has {codes}')
    if not reason and verdict == "exclude" and stage == "full-text":
        raise DecisionError(f"an exclusion at full text needs a reason: one of {codes}")
