"""The estimates at each published version, as they were frozen: nothing is computed again.

Looks at accumulating data are not adjusted for: the Cochrane Handbook (chapter 22) advises against sequential methods
for standard updates, and a single-arm proportion has no null hypothesis to spend error on. The protocol has no key that
declares a comparison, so none is offered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from db.data import Version

NOTE = "Repeated looks at accumulating data; the intervals are not adjusted for that."


def history(versions: Sequence[Version]) -> list[dict[str, Any]]:
    """One line for each version and outcome, oldest version first, in proportions; None where nothing was pooled.

    `change` is this version's estimate less the last one's; `moved_by` the study whose change moved it most and `moved`
    by how much, as they were found when the version was frozen (analysis.changes).
    """
    lines: list[dict[str, Any]] = []
    before: dict[str, Any] = {}
    for version in versions:
        changes = {c["outcome"]: c for c in version.frozen.get("changes", {}).get("estimates", ())}
        estimates = version.frozen["estimates"]
        for outcome, body in estimates.items():
            lines.append(_line(version, outcome, body, before.get(outcome), changes.get(outcome, {})))
        before = estimates
    return lines


def _line(
    version: Version, outcome: str, body: dict[str, Any], last: dict[str, Any] | None, change: dict[str, Any]
) -> dict[str, Any]:
    primary = body["primary"]
    now, then = primary.get("proportion"), (last or {}).get("primary", {}).get("proportion")
    return {
        "version": version.number,
        "at": version.at,
        "outcome": outcome,
        "label": body["label"],
        "k": len(body["rows"]),
        "included": len(body["rows"]) + len(body["missing"]),
        "events": primary["events"],
        "total": primary["total"],
        "model": primary["model"],
        "estimate": now,
        "ci": primary["proportion_ci"] if primary["pooled"] else None,
        "exact": None if primary["pooled"] or not primary["total"] else primary["proportion_ci"],
        "prediction": primary.get("proportion_pi"),
        "reason": primary.get("reason", ""),
        "conventions": [primary[name] for name in ("ci_convention", "prediction_convention") if name in primary],
        "change": None if now is None or then is None else now - then,
        "moved_by": change.get("moved_by", ""),
        "moved": change.get("moved"),
    }
