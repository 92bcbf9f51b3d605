"""What changed between two frozen states: studies and reports in and out, estimates before → after, who moved them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from analysis.estimates import Pooled
from analysis.estimation import fit
from db.model import Row
from db.specs import ProtocolSpec

# Below a thousandth of a percentage point nothing moved: rounding of the stored figures is 1e-10.
MOVED = 1e-5


@dataclass(frozen=True, slots=True)
class Change:
    """One outcome's estimate before and after, as proportions; None where it was not pooled."""

    outcome: str
    label: str
    before: float | None
    after: float | None
    k_before: int
    k_after: int
    moved_by: str  # label of the study whose change moved it most, or ""
    moved: float | None  # what the estimate would not have moved without that study's change


def set_changes(before: dict[str, Any], after: dict[str, Any]) -> dict[str, list[str]]:
    """Studies and reports that came in and went out, by their labels and ids."""
    found = {}
    for what in ("studies", "reports"):
        old, new = before[what], after[what]
        found[f"{what} in"] = sorted(set(new) - set(old))
        found[f"{what} out"] = sorted(set(old) - set(new))
    return found


def estimate_changes(before: dict[str, Any], after: dict[str, Any], spec: ProtocolSpec) -> list[Change]:
    """Each outcome whose rows or estimate differ between two sets of estimates (see analysis.estimation.pool_all)."""
    found = []
    for outcome, new in after.items():
        old = before.get(outcome)
        if old is None or (old["rows"] == new["rows"] and old["primary"] == new["primary"]):
            continue
        moved_by, moved = _mover(_rows(old), _rows(new), spec)
        counts = (len(old["rows"]), len(new["rows"]))
        found.append(Change(outcome, new["label"], _proportion(old), _proportion(new), *counts, moved_by, moved))
    return found


def _mover(old: dict[str, Row], new: dict[str, Row], spec: ProtocolSpec) -> tuple[str, float | None]:
    """The changed study without whose change today's estimate would differ most: each is put back in turn."""
    now = _proportion_of(list(new.values()), spec)
    best: tuple[str, float | None] = ("", None)
    if now is None:
        return best
    for study in sorted(set(old) | set(new)):
        if old.get(study) == new.get(study):
            continue
        without = {key: row for key, row in new.items() if key != study}
        if study in old:
            without[study] = old[study]
        then = _proportion_of(list(without.values()), spec)
        if then is not None and (best[1] is None or abs(now - then) > abs(best[1])) and abs(now - then) > MOVED:
            best = ((new.get(study) or old[study]).label, now - then)
    return best


def _proportion_of(rows: list[Row], spec: ProtocolSpec) -> float | None:
    estimate = fit(rows, spec.synthesis.model, spec.synthesis)
    return estimate.proportion if isinstance(estimate, Pooled) else None


def _rows(body: dict[str, Any]) -> dict[str, Row]:
    return {row["study"]: Row(**row) for row in body["rows"]}


def _proportion(body: dict[str, Any]) -> float | None:
    proportion: float | None = body["primary"].get("proportion")
    return proportion
