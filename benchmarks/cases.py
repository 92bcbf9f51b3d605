"""Effects to pool, with what R said of them: the oracle's sets of proportions, or the six that the project pins.

Each set of counts gives five measures, each of them one case for every method; and one case for the GLMM.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ORACLE = Path(__file__).parents[2] / "shared/data/oracle"
PINNED = next((Path(__file__).parents[1] / "validation").rglob("pinned.json"))
CLOSED = ("EE", "DL", "HS", "SJ", "HE")
ITERATED = ("REML", "ML", "PM", "EB")
GLMM = "GLMM"


@dataclass(frozen=True, slots=True)
class Case:
    """One fit: `first` and `second` are yi and vi of `measure`, or events and totals for the GLMM.

    `expected` is R's (estimate, tau2), None where R was not asked or refused.
    """

    name: str
    measure: str
    method: str
    first: tuple[float, ...]
    second: tuple[float, ...]
    expected: tuple[float, float] | None


def cases(methods: tuple[str, ...], folder: Path = ORACLE) -> list[Case]:
    """All cases of `methods`, in the order of the sets."""
    return [
        case for name, found in _sets(folder).items() for method in methods for case in _of_set(name, found, method)
    ]


def _sets(folder: Path) -> dict[str, dict[str, Any]]:
    paths = sorted([*folder.glob("prop_*.json"), *folder.glob("edge_prop_*.json")])
    if paths:
        return {path.stem: json.loads(path.read_text("utf-8")) for path in paths}
    pinned: dict[str, dict[str, Any]] = json.loads(PINNED.read_text("utf-8"))["sets"]
    return pinned


def _of_set(name: str, found: dict[str, Any], method: str) -> list[Case]:
    if method == GLMM:
        events, total = found["input"]["events"], found["input"]["total"]
        return [Case(name, "PLO", GLMM, tuple(events), tuple(total), _answer(found.get("glmm_logit")))]
    return [
        Case(name, label, method, tuple(m["yi"]), tuple(m["vi"]), _answer(m["fits"].get(f"{method}_z")))
        for label, m in found["measures"].items()
    ]


def _answer(fit: dict[str, Any] | None) -> tuple[float, float] | None:
    if not fit or fit.get("estimate") is None:
        return None
    return float(fit["estimate"]), float(fit["tau2"] or 0.0)
