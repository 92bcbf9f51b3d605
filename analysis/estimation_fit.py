"""One model over the rows by the protocol's conventions, and an estimate as plain JSON values and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from analysis.estimates import NotPooled, Pooled, Quantile
from analysis.pooling import pool
from db.model import Row
from db.specs import SynthesisSpec


def fit(rows: Sequence[Row], model: str, synthesis: SynthesisSpec) -> Pooled | NotPooled:
    """One model over the rows, with the protocol's conventions. No row at all: nobody reports it."""
    if not rows:
        return NotPooled(0, 0, 0, (0.0, 1.0), "no included study reports it", model)
    ci: Quantile = "z" if synthesis.ci_method == "z" else "t"
    return pool(rows, model, level=synthesis.ci_level, ci=ci, min_studies=synthesis.min_studies)


def plain(estimate: Pooled | NotPooled) -> dict[str, Any]:
    """An estimate as JSON values, told apart by `pooled`."""
    return {"pooled": isinstance(estimate, Pooled), **asdict(estimate)}


def restore(body: dict[str, Any]) -> Pooled | NotPooled:
    """The estimate that `plain` wrote."""
    fields: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in body.items() if key != "pooled"
    }
    return Pooled(**fields) if body["pooled"] else NotPooled(**fields)
