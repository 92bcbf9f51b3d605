"""From rows to estimates, and estimates to plain JSON values and back: what the review stores and freezes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from analysis.dataset import Dataset, plain_dataset
from analysis.estimates import FTT_DL, NotPooled, Pooled, Quantile
from analysis.pooling import pool
from db.model import ProtocolSpec, Row, SynthesisSpec


def pool_all(found: list[Dataset], spec: ProtocolSpec) -> dict[str, Any]:
    """{outcome: its data, the primary model's estimate, and the sensitivity analyses}, as plain JSON values."""
    synthesis = spec.synthesis
    estimates: dict[str, Any] = {}
    for dataset in found:
        outcome = dataset.outcome
        primary = plain(fit(dataset.rows, synthesis.model, synthesis))
        if dataset.denominator != outcome.denominator:
            estimates[outcome.id]["sensitivity"][f"denominator {dataset.denominator}"] = primary
            continue
        others = {FTT_DL} - {synthesis.model}  # the published review's own model beside ours
        sensitivity = {model: plain(fit(dataset.rows, model, synthesis)) for model in sorted(others)}
        data = plain_dataset(dataset) | {"label": outcome.label}
        estimates[outcome.id] = data | {"primary": primary, "sensitivity": sensitivity}
    return estimates


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
