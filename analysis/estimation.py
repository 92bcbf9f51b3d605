"""From rows to estimates, and estimates to plain JSON values and back: what the review stores and freezes."""

from __future__ import annotations

from typing import Any

from analysis.dataset import Dataset, plain_dataset
from analysis.declared_subgroups import declared_subgroups
from analysis.estimates import FTT_DL
from analysis.estimation_fit import fit, plain, restore
from analysis.pooling import available
from analysis.sensitivity import DENOMINATOR, LEAVE_ONE_OUT, UNKNOWN, chosen, declared, not_computed
from db.model import Row
from db.specs import ProtocolSpec, SynthesisSpec

__all__ = ["fit", "plain", "pool_all", "restore"]


def pool_all(found: list[Dataset], spec: ProtocolSpec) -> dict[str, Any]:
    """{outcome: its data, the primary estimate, and what the protocol declares beside it}, as plain JSON values.

    `included` is K. `sensitivity`: {model, "denominator D" or a choice of `analysis.sensitivity`: estimate}.
    `leave_one_out`: an estimate for each row left out, where declared. `subgroups`: see `declared_subgroups`.
    `not_computed`: {what is declared: why not}.
    """
    said = declared(spec.synthesis.sensitivity)
    models = dict.fromkeys([FTT_DL, *said.models] if spec.previous else said.models)  # the published review's own
    missing_models = {model: UNKNOWN for model in models if not available(model)}
    wanted = [model for model in models if model != spec.synthesis.model and available(model)]
    estimates: dict[str, Any] = {}
    for dataset in found:
        outcome = dataset.outcome
        if dataset.denominator != outcome.denominator:
            other = plain(fit(dataset.rows, spec.synthesis.model, spec.synthesis))
            estimates[outcome.id]["sensitivity"][f"{DENOMINATOR}{dataset.denominator}"] = other
            continue
        groups, no_groups = declared_subgroups(dataset, spec.subgroups, spec.synthesis)
        lacking = missing_models | not_computed(said, outcome, spec.outcomes) | no_groups
        body = plain_dataset(dataset) | {"label": outcome.label, "included": dataset.included, "subgroups": groups}
        estimates[outcome.id] = body | _analyses(dataset, wanted, said.choices, lacking, spec.synthesis)
    return estimates


def _analyses(
    dataset: Dataset, models: list[str], choices: tuple[str, ...], lacking: dict[str, str], synthesis: SynthesisSpec
) -> dict[str, Any]:
    fits: dict[tuple[str, tuple[Row, ...]], dict[str, Any]] = {}

    def once(rows: tuple[Row, ...], model: str = synthesis.model) -> dict[str, Any]:
        if (model, rows) not in fits:
            fits[model, rows] = plain(fit(rows, model, synthesis))
        return fits[model, rows]

    rows = dataset.rows
    body: dict[str, Any] = {"primary": once(rows), "leave_one_out": [], "not_computed": lacking}
    body["sensitivity"] = {model: once(rows, model) for model in models}
    for choice in choices:
        if choice == LEAVE_ONE_OUT:
            body["leave_one_out"] = [
                {"study": row.study, "label": row.label, "estimate": once((*rows[:i], *rows[i + 1 :]))}
                for i, row in enumerate(rows)
                if len(rows) > 1
            ]
        elif choice not in lacking:
            body["sensitivity"][choice] = once(chosen(dataset, choice))
    body["sensitivity"] |= {other.name: once(other.rows) for other in dataset.alternatives}
    return body
