"""The first page: how the review stands, when each source was searched, the estimates, and what changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from analysis.changes import estimate_changes, set_changes
from analysis.pages.searchlog import due_days
from analysis.pages.site import Site
from analysis.pages.words import many
from analysis.prisma import plain
from db.specs import OutcomeSpec


@dataclass(frozen=True, slots=True)
class Badge:
    """One line of the status: `kind` is "good", "wait" or "bad"."""

    kind: str
    words: str


@dataclass(frozen=True, slots=True)
class Search:
    """A source and its last search; `at` is empty if it was never searched."""

    source: str
    platform: str
    at: str
    days: int | None
    state: str


@dataclass(frozen=True, slots=True)
class Summary:
    """One outcome of the table: its data and the primary estimate, as plain values."""

    outcome: OutcomeSpec
    estimate: dict[str, Any]
    reporting: int
    included: int
    second_hand: int
    composed: int


def searches(site: Site) -> list[Search]:
    """Each source of the protocol, and each other that was searched, with its last search and how old that is."""
    last: dict[str, str] = {}
    for run in site.searches:
        last[run.source] = max(run.searched_at, last.get(run.source, ""))
    named = {source.id: source for source in site.spec.sources}
    found = []
    for source in [*named, *sorted(set(last) - set(named))]:
        spec, at = named.get(source), last.get(source, "")
        days = _days(at, site.now)
        if not at:
            state = "not yet searched" if spec is None or spec.enabled else "switched off in the protocol"
        else:
            state = "overdue" if days is not None and days > due_days(site, source) else "up to date"
        found.append(Search(source, spec.platform if spec else "", at, days, state))
    return found


def _days(at: str, now: str) -> int | None:
    if not at or not now:
        return None
    return (date.fromisoformat(now[:10]) - date.fromisoformat(at[:10])).days


def waiting(site: Site) -> dict[str, int]:
    """What awaits people, as counts; never whose vote."""
    arms = site.flow.arms.values()
    return {
        "screening": sum(arm.awaiting_screening for arm in arms),
        "retrieval": sum(arm.awaiting_retrieval for arm in arms),
        "assessment": sum(arm.awaiting_assessment for arm in arms),
        "link": site.flow.awaiting_link,
        "extraction": len(awaiting_extraction(site)),
    }


def awaiting_extraction(site: Site) -> frozenset[str]:
    """Included studies with a primary outcome nobody has extracted, or with cells that are not closed."""
    missing = {
        entry["study"]
        for body in site.estimates.values()
        for entry in body["missing"]
        if entry["status"] == "not-extracted"
    }
    return frozenset(missing) | site.open_cells


def badges(site: Site) -> list[Badge]:
    """How the review stands; one badge "up to date" if nothing is amiss."""
    found = []
    listed = searches(site)
    never = [s.source for s in listed if s.state == "not yet searched"]
    overdue = [f"{s.source} ({s.days} days)" for s in listed if s.state == "overdue"]
    if site.failures:
        failed = [f"{source} ({failure.at[:10]})" for source, failure in site.failures.items()]
        found.append(Badge("bad", f"Search failed: {', '.join(failed)}"))
    if overdue:
        found.append(Badge("bad", f"Search overdue: {', '.join(overdue)}"))
    if never:
        found.append(Badge("bad" if len(never) == len(listed) else "wait", f"Not yet searched: {', '.join(never)}"))
    counts = waiting(site)
    if n := counts["screening"] + counts["retrieval"] + counts["assessment"]:
        found.append(Badge("wait", f"Awaiting screening: {many(n, 'record or report', 'records or reports')}"))
    if n := counts["link"]:
        found.append(Badge("wait", f"Awaiting their study: {many(n, 'included report')}"))
    if n := counts["extraction"]:
        found.append(Badge("wait", f"Awaiting extraction: {many(n, 'study', 'studies')}"))
    if site.last is None:
        found.append(Badge("wait", "Draft: no version has been published"))
    elif differs(site):
        found.append(Badge("wait", f"The draft differs from version {site.last.number}"))
    return found or [Badge("good", "Up to date")]


def differs(site: Site) -> bool:
    """Whether the included set or the figures are not those of the last version."""
    return site.last is None or not site.released or site.last.frozen["reports"] != site.state()["reports"]


def summaries(site: Site) -> tuple[list[Summary], list[Summary]]:
    """(outcomes with a role or an estimate printed by the previous review, the others)."""
    printed = {line.outcome for line in site.reproduction if line.statistic == "estimate"}
    first: list[Summary] = []
    others: list[Summary] = []
    for outcome in site.proportions:
        (first if outcome.role or outcome.id in printed else others).append(summary(site, outcome))
    return first, others


def summary(site: Site, outcome: OutcomeSpec) -> Summary:
    """One line of the table of results."""
    body = site.estimates[outcome.id]
    rows = body["rows"]
    return Summary(
        outcome=outcome,
        estimate=body["primary"],
        reporting=len(rows),
        included=len(rows) + len(body["missing"]),
        second_hand=sum(row["second_hand"] for row in rows),
        composed=sum(row["composed"] for row in rows),
    )


def changes(site: Site) -> dict[str, Any] | None:
    """What changed: since the last version if today's state is a draft, else in the last version; None without one."""
    if site.last is None:
        return None
    if not differs(site):
        frozen = site.last.frozen.get("changes")
        return None if frozen is None else {**frozen, "until": site.last.number, "draft": False}
    before, after = site.last.frozen, site.state()
    found = estimate_changes(before["estimates"], after["estimates"], site.spec)
    return {
        "since": site.last.number,
        "until": "",
        "draft": True,
        "sets": set_changes(before, after),
        "estimates": [{name: getattr(change, name) for name in change.__slots__} for change in found],
    }


def new_since(site: Site) -> dict[str, int]:
    """Records identified and reports and studies included since the last version (without one: since the start)."""
    counts = plain(site.flow)
    before: dict[str, Any] = site.last.frozen["counts"] if site.last else {}
    identified = sum(arm["identified"] for arm in counts["arms"].values())
    known = sum(arm["identified"] for arm in before["arms"].values()) if before else 0
    return {
        "records": identified - known,
        "reports": counts["total_reports"] - (before["total_reports"] if before else counts["previous_reports"]),
        "studies": counts["total_studies"] - (before["total_studies"] if before else counts["previous_studies"]),
    }
