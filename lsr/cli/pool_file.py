"""Pooling a table in a file, on its own: `lsr pool FILE`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsr.cli.common import out, percent, print_json, table

if TYPE_CHECKING:
    pass


def pool_file(file: Path, as_json: bool) -> None:
    """Pool the rows of a table and print both models, and each group by itself."""
    from analysis.estimation import plain
    from analysis.pooling import FTT_DL, GLMM_LOGIT, by_group
    from analysis.pooling import pool as fit
    from analysis.table import read_table

    rows = read_table(file)
    models = {model: plain(fit(rows, model)) for model in (GLMM_LOGIT, FTT_DL)}
    groups = {}
    if any(row.group for row in rows):
        groups = {group: plain(estimate) for group, estimate in by_group(rows, GLMM_LOGIT).items()}
    if as_json:
        print_json({"file": file.name, "k": len(rows), "models": models, "groups": groups})
        return
    out(table([line(name, body) for name, body in (models | groups).items()], HEADER))


HEADER = ("", "k", "x/n", "%", "95% CI", "prediction", "tau2", "I2")


def line(name: str, body: dict[str, Any]) -> tuple[str, ...]:
    """The cells of one estimate, under HEADER."""
    counts = (str(body["k"]), f"{body['events']}/{body['total']}")
    if not body["pooled"]:
        return (name, *counts, "not pooled", body["reason"], "", "", "")
    interval = "{}–{}".format(*(percent(bound) for bound in body["proportion_ci"]))
    prediction = "{}–{}".format(*(percent(bound) for bound in body["proportion_pi"])) if body["proportion_pi"] else ""
    return (
        name,
        *counts,
        percent(body["proportion"]),
        interval,
        prediction,
        f"{body['tau2']:.3f}",
        f"{body['I2']:.1f}",
    )
