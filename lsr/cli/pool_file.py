"""Pooling a table in a file, on its own: `lsr pool FILE`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lsr.cli.common import out, percent, print_json, say, table

if TYPE_CHECKING:
    from analysis.table import Table
    from analysis.table_pooling import Options

FileMeasure = Annotated[
    str | None,
    typer.Option(
        "--measure",
        metavar="NAME",
        help="With FILE: PR PLN PLO PAS PFT (proportions), RR OR RD AS PETO (two groups), GEN HR RR OR (effects; ratios"
        " with a confidence interval are given as ratios, with se or vi as logarithms).",
    ),
]
FileMethod = Annotated[
    str | None,
    typer.Option(
        "--method",
        metavar="NAME",
        help="With FILE: EE (common effect), DL REML ML PM HS SJ EB HE, for two groups MH and Peto, for logits GLMM.",
    ),
]
FileTest = Annotated[
    str | None, typer.Option("--test", metavar="z|knha|t", help="With FILE: normal, Knapp-Hartung; t is the GLMM's.")
]
FileLevel = Annotated[
    float | None, typer.Option("--level", metavar="0.95", help="With FILE: the level of the intervals.")
]
FilePrediction = Annotated[
    str | None,
    typer.Option("--prediction", metavar="z|t|riley", help="With FILE: normal, t with k - 1 df, or t with k - 2."),
]

HEADER = ("", "k", "x/n", "%", "95% CI", "prediction", "tau2", "I2")
SCALES = {"RR": "risk ratio", "OR": "odds ratio", "RD": "risk difference", "AS": "arcsine difference",
          "PETO": "Peto odds ratio", "HR": "hazard ratio", "GEN": "effect"}  # fmt: skip


def file_options(
    measure: str | None, method: str | None, test: str | None, level: float | None, prediction: str | None
) -> Options:
    """The options as asked for; a level may be given in percent, as in R."""
    from analysis.table_pooling import Options

    chosen = Options(measure=measure, method=method, test=test, prediction=prediction)
    if level is None:
        return chosen
    return replace(chosen, level=level / 100 if level > 1 else level)


def pool_file(file: Path, as_json: bool, options: Options) -> None:
    """Pool the rows of a table: proportions by both models where nothing was asked for, else by the choices made."""
    from analysis.table import read_any
    from analysis.table_pooling import Options, settle
    from analysis.table_report import report

    found = read_any(file, options.named_measure)
    if found.kind == "proportions" and options == Options():
        _both_models(file, found, as_json)
        return
    body = report(found, settle(found, options))
    if as_json:
        print_json({"file": file.name, **body})
        return
    _print(body)


def _both_models(file: Path, found: Table, as_json: bool) -> None:
    from analysis.estimation import plain
    from analysis.pooling import FTT_DL, GLMM_LOGIT, by_group
    from analysis.pooling import pool as fit
    from db.model import Row

    rows = [row for row in found.rows if isinstance(row, Row)]
    models = {model: plain(fit(rows, model)) for model in (GLMM_LOGIT, FTT_DL)}
    groups = {}
    if any(row.group for row in rows):
        groups = {group: plain(estimate) for group, estimate in by_group(rows, GLMM_LOGIT).items()}
    if as_json:
        print_json({"file": file.name, "k": len(rows), "models": models, "groups": groups})
        return
    out(table([line(name, body) for name, body in (models | groups).items()], HEADER))


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


def _print(body: dict[str, Any]) -> None:
    """The studies, the pool and the groups as one table; then tests, conventions and notes."""
    share = body["kind"] == "proportions"
    level = f"{body['level'] * 100:g}% CI"
    pools = {body["method"]: body["result"]} | {f"group {name}": part for name, part in body["groups"].items()}
    rows = [_study(study, share) for study in body["studies"]] + [_pool(*each, share) for each in pools.items()]
    header = ("", _counted(body), "%" if share else SCALES[body["measure"]], level, "weight %", "prediction")
    out(table(rows, header))
    for name, part in pools.items():
        out(f"{name}: {_heterogeneity(part, share) if part['pooled'] else 'not pooled: ' + part['reason']}")
    out("; ".join(body["conventions"]))
    for note in body["notes"]:
        say(note)


def _counted(body: dict[str, Any]) -> str:
    return {"proportions": "x/n", "two groups": "x/n, x/n"}.get(body["kind"], "")


def _study(study: dict[str, Any], share: bool) -> tuple[str, ...]:
    counts = f"{study['events']}/{study['total']}" if "events" in study else ""
    if "events1" in study:
        counts = f"{study['events1']}/{study['total1']}, {study['events2']}/{study['total2']}"
    weight = "" if study["weight"] is None else f"{study['weight']:.1f}"
    name = study["study"] + (f" ({study['group']})" if study["group"] else "")
    interval = _interval(study["effect_lb"], study["effect_ub"], share)
    return name, counts, _number(study["effect"], share), interval, weight, ""


def _pool(name: str, part: dict[str, Any], share: bool) -> tuple[str, ...]:
    if not part["pooled"]:
        return name, f"k={part['k']}", "not pooled", "", "", ""
    back = part["back"]
    prediction = "" if part["pi_lb"] is None else _interval(back["pi_lb"], back["pi_ub"], share)
    interval = _interval(back["ci_lb"], back["ci_ub"], share)
    return name, f"k={part['k']}", _number(back["estimate"], share), interval, "", prediction


def _heterogeneity(part: dict[str, Any], share: bool) -> str:
    tau2 = "" if part["tau2"] is None else f"tau2 {part['tau2']:.4g}, "
    p_value = "" if share or part["p_value"] is None else f"; no effect: p {part['p_value']:.4g}"
    tests = "".join(
        f"; {name} {test['statistic']:.3f}, df {test['df']}"
        + ("" if test["p_value"] is None else f", p {test['p_value']:.4g}")
        for name, test in part["tests"].items()
    )
    return f"{tau2}I2 {part['I2']:.1f}%, Q {part['Q']:.2f}, df {part['Q_df']}, p {part['Q_p']:.4g}{p_value}{tests}"


def _number(value: float | None, share: bool) -> str:
    if value is None:
        return "too large"
    return percent(value) if share else f"{value:.3g}" if 0 < abs(value) < 0.01 or abs(value) >= 1e5 else f"{value:.2f}"


def _interval(lower: float | None, upper: float | None, share: bool) -> str:
    words = "–" if lower is not None and lower >= 0 else " to "
    return words.join((_number(lower, share), _number(upper, share)))
