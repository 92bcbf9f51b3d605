"""What the boxes of the PRISMA flow diagram say: words and counts, before anything has a place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from analysis.prisma import SIDES, Arm, Flow

NBSP = "\u00a0"  # holds "(n = 21)" together
NO_REASONS: Mapping[str, str] = MappingProxyType({})
HEADS = {
    "databases": "Identification of new studies via databases and registers",
    "other": "Identification of new studies via other methods",
}


@dataclass(frozen=True, slots=True)
class Box:
    """One box: `id` is its anchor on the page of lists; each of `lines` wraps by itself. Lengths are set later."""

    id: str
    lines: tuple[str, ...]
    waiting: bool = False
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0
    height: float = 0.0

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height


@dataclass(frozen=True, slots=True)
class Row:
    """A main box and the boxes beside it, which are taken from it before the next row."""

    main: Box
    side: tuple[Box, ...]


def description(flow: Flow) -> str:
    """The diagram in words, for who does not see it."""
    said = []
    for side in arms(flow):
        arm = flow.arms[side]
        excluded = sum(arm.excluded_reports.values())
        said.append(
            f"{HEADS[side]}: {arm.identified} records identified, {_removed(arm)} removed before screening,"
            f" {arm.screened} screened, {arm.excluded} excluded, {arm.sought} reports sought, {arm.not_retrieved} not"
            f" retrieved, {arm.assessed} assessed, {excluded} excluded, {arm.included} included; awaiting screening"
            f" {arm.awaiting_screening}, retrieval {arm.awaiting_retrieval}, translation {arm.awaiting_translation},"
            f" classification {arm.awaiting_classification}, assessment {arm.awaiting_assessment}."
        )
    said.append(f"In total {flow.total_studies} studies in {flow.total_reports} reports.")
    return " ".join(said)


def arms(flow: Flow) -> list[str]:
    """The arms that are drawn: those that found anything."""
    return [side for side in SIDES if flow.arms[side].identified]


def rows_of(side: str, arm: Arm, reasons: Mapping[str, str] = NO_REASONS) -> list[Row]:
    """The boxes of an arm, row by row, without their places."""

    def box(name: str, *lines: str, waiting: bool = False) -> Box:
        return Box(f"box-{side}-{name}", lines, waiting)

    def awaits(name: str, words: str, n: int) -> list[Box]:
        return [box(name, _count(words, n), waiting=True)] if n else []

    sources = [_count(f"  {name}", n) for name, n in arm.sources.items()]
    excluded = [_count(f"  {_reason(code, reasons)}", n) for code, n in arm.excluded_reports.items()]
    return [
        Row(
            box("identified", _count("Records identified", arm.identified) + (", from:" if sources else ""), *sources),
            (
                box("removed", *_removed_lines(arm)),
                *awaits("awaiting-screening", "Awaiting screening", arm.awaiting_screening),
            ),
        ),
        Row(
            box("screened", _count("Records screened", arm.screened)),
            (box("excluded", _count("Records excluded by people", arm.excluded)),),
        ),
        Row(
            box("sought", _count("Reports sought for retrieval", arm.sought)),
            (
                box("not-retrieved", _count("Reports not retrieved", arm.not_retrieved)),
                *awaits("awaiting-retrieval", "Awaiting retrieval", arm.awaiting_retrieval),
                *awaits("awaiting-translation", "Awaiting translation", arm.awaiting_translation),
                *awaits("awaiting-classification", "Awaiting classification", arm.awaiting_classification),
                *awaits("awaiting-assessment", "Retrieved, awaiting assessment", arm.awaiting_assessment),
            ),
        ),
        Row(
            box("assessed", _count("Reports assessed for eligibility", arm.assessed)),
            (
                box(
                    "excluded-reports",
                    _count("Reports excluded", sum(arm.excluded_reports.values())) + (":" if excluded else ""),
                    *excluded,
                ),
            ),
        ),
    ]  # fmt: skip


def previous_box(flow: Flow) -> Box | None:
    """What the previous version had, and, as words, what it does not say of its own search."""
    if not flow.previous_studies and not flow.previous_reports:
        return None
    removed = [_count("Of these removed since: reports", flow.removed_since)] if flow.removed_since else []
    own: dict[str, list[str]] = {}
    for name, value in flow.previous_counts.items():
        own.setdefault(value, []).append(name)
    search = [f"Records {', '.join(names)} by its own search: {_glued(value)}" for value, names in own.items()]
    return Box(
        "box-previous",
        (
            _count("Studies included in the previous version", flow.previous_studies),
            _count("Reports of these studies", flow.previous_reports),
            *removed,
            *search,
        ),
    )


def included_boxes(flow: Flow) -> list[Box]:
    """New studies and reports; reports that await their study; and, if there was a previous version, the total."""
    of_known = flow.new_reports_of_previous_studies
    found = [
        Box(
            "box-new",
            (
                _count("New studies included in review", flow.new_studies),
                _count("New reports included", flow.new_reports),
                *([_count("  of which of studies of the previous version", of_known)] if of_known else []),
            ),
        )
    ]
    if flow.awaiting_link:
        found.append(
            Box("box-awaiting-link", (_count("Included reports, awaiting their study", flow.awaiting_link),), True)
        )
    if previous_box(flow) is not None:
        total = (
            _count("Total studies included in review", flow.total_studies),
            _count("Reports of included studies", flow.total_reports),
        )
        found.append(Box("box-total", total))
    return found


def _removed(arm: Arm) -> int:
    return arm.duplicates + arm.automation + arm.other + arm.previous


def _removed_lines(arm: Arm) -> list[str]:
    named = (
        ("already in the previous version", arm.previous, False),
        ("duplicate records", arm.duplicates, True),
        ("marked as ineligible by automation tools", arm.automation, True),
        ("for other reasons", arm.other, False),
    )
    lines = [_count(f"  {words}", n) for words, n, always in named if n or always]
    return [_count("Records removed before screening", _removed(arm)) + ":", *lines]


def _reason(code: str, reasons: Mapping[str, str]) -> str:
    return reasons.get(code, code) or "no reason given"


def _count(words: str, n: int) -> str:
    return f"{words} (n{NBSP}={NBSP}{n:,})"


def _glued(words: str) -> str:
    return words.replace(" ", NBSP)
