"""PRISMA 2020 flow counts from one log. They balance at every moment, mid-work too, since each record has one box.

Arms: "databases" (databases and registers) and "other" (websites, organisations, citation searching, contacts). The
other arm keeps duplicates and screening too: a conference's abstracts are searched and screened like a database.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import Any

from db import data
from db.errors import IntegrityError

SIDES = ("databases", "other")
KNOWN = "already in the previous version"


@dataclass(frozen=True, slots=True)
class Arm:
    """One column of the diagram, in PRISMA's order; records down to `excluded`, reports from `sought` on."""

    identified: int = 0
    sources: dict[str, int] = field(default_factory=dict)
    duplicates: int = 0
    automation: int = 0
    other: int = 0
    previous: int = 0  # removed: already in the previous version
    screened: int = 0
    excluded: int = 0
    awaiting_screening: int = 0
    sought: int = 0
    not_retrieved: int = 0
    awaiting_retrieval: int = 0
    assessed: int = 0
    excluded_reports: dict[str, int] = field(default_factory=dict)
    awaiting_assessment: int = 0
    awaiting_translation: int = 0
    awaiting_classification: int = 0
    included: int = 0


@dataclass(frozen=True, slots=True)
class Flow:
    """All counts of the diagram. The previous version's own search counts are text: "not available" is not zero."""

    arms: dict[str, Arm]
    previous_studies: int
    previous_reports: int
    removed_since: int  # reports of the previous version excluded since
    new_studies: int
    new_reports: int  # new reports included, of new and of earlier studies
    new_reports_of_previous_studies: int
    awaiting_link: int
    total_studies: int
    total_reports: int
    previous_counts: dict[str, str]


def flow(connection: sqlite3.Connection) -> Flow:
    """The counts now, or as of a version (through its connection). IntegrityError names what does not balance."""
    counts: dict[tuple[str, str, str], int] = {(level, side, box): n for level, side, box, n in data.boxes(connection)}
    reasons = data.excluded_by_reason(connection)
    arms = {}
    for side in SIDES:
        sources = {source: n for (at, source), n in data.identified_by_side(connection).items() if at == side}
        arms[side] = _arm(side, counts, sources, {r: n for (at, r), n in reasons.items() if at == side})
    included = data.included(connection)
    before = {study for study, _, previous in included if previous}
    new = [(study, report) for study, report, previous in included if not previous]
    previous = data.previous_review(connection) or {}
    found = Flow(
        arms=arms,
        previous_studies=int(previous.get("studies", 0)),
        previous_reports=int(previous.get("reports", 0)),
        removed_since=int(previous.get("reports", 0)) - len({r for _, r, was in included if was}),
        new_studies=len({study for study, _ in new} - before),
        new_reports=len({report for _, report in new}),
        new_reports_of_previous_studies=len({report for study, report in new if study in before}),
        awaiting_link=len(data.unlinked(connection)),
        total_studies=len({study for study, _, _ in included}),
        total_reports=len({report for _, report, _ in included}),
        previous_counts={
            name: str(previous.get(name, "not available")) for name in ("identified", "screened", "excluded")
        },
    )
    faults = imbalances(found)
    if faults:
        raise IntegrityError(f"PRISMA counts do not balance: {'; '.join(faults)}: run `lsr verify`")
    return found


def imbalances(found: Flow) -> list[str]:
    """Every equation of the diagram that does not hold, in words; empty if all do."""
    faults = []
    for name, arm in found.arms.items():
        removed = arm.duplicates + arm.automation + arm.other + arm.previous
        equations = {
            "identified = removed + screened + awaiting": (
                arm.identified, removed + arm.screened + arm.awaiting_screening),
            "identified = sum of sources": (arm.identified, sum(arm.sources.values())),
            "screened = excluded + sought": (arm.screened, arm.excluded + arm.sought),
            "sought = not retrieved + awaiting + assessed": (
                arm.sought, arm.not_retrieved + arm.awaiting_retrieval + arm.assessed + arm.awaiting_assessment
                + arm.awaiting_translation + arm.awaiting_classification),
            "assessed = excluded + included": (arm.assessed, sum(arm.excluded_reports.values()) + arm.included),
        }  # fmt: skip
        faults += [f"{name}: {words}: {a} is not {b}" for words, (a, b) in equations.items() if a != b]
    included = sum(arm.included for arm in found.arms.values())
    if included != found.new_reports + found.awaiting_link:
        faults.append(f"{included} reports included by the arms, {found.new_reports} in the included set")
    if found.total_reports != found.previous_reports - found.removed_since + found.new_reports:
        faults.append("total reports are not previous - removed since + new")
    return faults


def _arm(side: str, counts: dict[tuple[str, str, str], int], sources: dict[str, int], reasons: dict[str, int]) -> Arm:
    def records(box: str) -> int:
        return counts.get(("record", side, box), 0)

    def reports(box: str) -> int:
        return counts.get(("report", side, box), 0)

    return Arm(
        identified=sum(n for (level, at, _), n in counts.items() if level == "record" and at == side),
        sources=sources,
        duplicates=records("duplicate"),
        automation=records("automation"),
        other=records("other"),
        previous=records(KNOWN),
        screened=records("excluded") + records("sought"),
        excluded=records("excluded"),
        awaiting_screening=records("awaiting screening"),
        sought=records("sought"),
        not_retrieved=reports("not retrieved"),
        awaiting_retrieval=reports("awaiting retrieval"),
        assessed=reports("included") + reports("excluded"),
        excluded_reports=dict(sorted(reasons.items())),
        awaiting_assessment=reports("awaiting assessment"),
        awaiting_translation=reports("awaiting translation"),
        awaiting_classification=reports("awaiting classification"),
        included=reports("included"),
    )


def plain(found: Flow) -> dict[str, Any]:
    """The counts as JSON values."""
    from dataclasses import asdict

    return asdict(found)
