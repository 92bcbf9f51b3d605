"""Pooling a table in a file, on its own: `lsr pool FILE`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lsr.cli.common import out, percent, print_json, say, table
from lsr.cli.pool_file_report import print_report

if TYPE_CHECKING:
    from analysis.table import Table
    from analysis.table_choice import Options
    from analysis.table_report import Around

FileMeasure = Annotated[
    str | None,
    typer.Option(
        "--measure",
        metavar="NAME",
        help="FILE: PR PLN PLO PAS PFT (proportions); RR OR RD AS PETO (two groups); GEN HR RR OR (effects).",
    ),
]
FileMethod = Annotated[
    str | None,
    typer.Option(
        "--method",
        metavar="NAME",
        help="FILE: EE DL REML ML PM HS SJ EB HE; MH Peto (two groups); GLMM; beta-binomial (proportions).",
    ),
]
FileGlmm = Annotated[
    str | None, typer.Option("--glmm", metavar="NAME", help="FILE, two groups: UM.FS (default) UM.RS CM.AL CM.EL.")
]
FileTest = Annotated[
    str | None, typer.Option("--test", metavar="NAME", help="FILE: z, knha (Knapp-Hartung), t (likelihoods).")
]
FileLevel = Annotated[float | None, typer.Option("--level", metavar="0.95", help="FILE: level of the intervals.")]
FilePrediction = Annotated[
    str | None, typer.Option("--prediction", metavar="NAME", help="FILE: z, t (k - 1 df), riley (k - 2 df).")
]
FileSubgroups = Annotated[
    str | None, typer.Option("--subgroups", metavar="TAU2", help="FILE: column group with separate or common tau2.")
]
FileModerators = Annotated[
    list[str] | None, typer.Option("--moderator", metavar="COLUMN", help="FILE: meta-regression; may be repeated.")
]
FileLeaveOneOut = Annotated[bool, typer.Option("--leave-one-out", help="FILE: the pool without each study.")]
FileCumulative = Annotated[bool, typer.Option("--cumulative", help="FILE: the pool with each study added.")]
FileOrder = Annotated[str | None, typer.Option("--order", metavar="COLUMN", help="FILE: added in this order.")]
FileInfluence = Annotated[bool, typer.Option("--influence", help="FILE: diagnostics of each study.")]
FileSmallStudy = Annotated[bool, typer.Option("--small-study", help="FILE: Egger, rank test, trim-and-fill.")]

# "%" is the median study's for a logit GLMM; "mean" is over studies, where tau2 > 0.
HEADER = ("", "k", "x/n", "%", "95% CI", "prediction", "mean", "tau2", "I2")


def file_options(
    measure: str | None,
    method: str | None,
    test: str | None,
    level: float | None,
    prediction: str | None,
    glmm: str | None = None,
) -> Options:
    """The options as asked for; a level may be given in percent, as in R."""
    from analysis.table_choice import Options

    chosen = Options(measure=measure, method=method, test=test, prediction=prediction, glmm=glmm)
    if level is None:
        return chosen
    return replace(chosen, level=level / 100 if level > 1 else level)


def file_around(
    subgroups: str | None,
    moderators: list[str] | None,
    leave_one_out: bool,
    cumulative: bool,
    order: str | None,
    influence: bool,
    small_study: bool,
) -> Around:
    """What was asked for around the pooled effect."""
    from analysis.table_report import Around

    if order is not None and not cumulative:
        raise typer.BadParameter("--order is the order of --cumulative: give both")
    return Around(
        subgroups=subgroups or "separate",
        moderators=tuple(moderators or ()),
        leave_one_out=leave_one_out,
        cumulative=cumulative,
        order=order or "",
        influence=influence,
        small_study=small_study,
    )


def pool_file(file: Path, as_json: bool, options: Options, around: Around) -> None:
    """Pool the rows of a table: proportions by both models where nothing was asked for, else by the choices made."""
    from analysis.table import read_any
    from analysis.table_choice import Options, settle
    from analysis.table_report import NOTHING_AROUND, report

    found = read_any(file, options.named_measure, also=around.columns)
    if found.kind == "proportions" and options == Options() and around == NOTHING_AROUND:
        _both_models(file, found, as_json)
        return
    body = report(found, settle(found, options), around)
    if as_json:
        print_json({"file": file.name, **body})
        return
    print_report(body)


def _both_models(file: Path, found: Table, as_json: bool) -> None:
    from analysis.estimates import by_study, shared_conventions
    from analysis.estimation import plain
    from analysis.intervals import DEFAULT_LEVEL
    from analysis.pooling import FTT_DL, GLMM_LOGIT, by_group
    from analysis.pooling import pool as fit
    from analysis.table_choice import Options, settle
    from analysis.table_pooling import as_pooled
    from analysis.table_report import study_intervals
    from db.model import Row

    rows = [row for row in found.rows if isinstance(row, Row)]
    summed = as_pooled(rows, settle(found, Options(method="DL")))
    models = {GLMM_LOGIT: plain(fit(rows)), FTT_DL: plain(fit([row for row in summed if isinstance(row, Row)], FTT_DL))}
    groups = {}
    if any(row.group for row in rows):
        groups = {group: plain(estimate) for group, estimate in by_group(rows, GLMM_LOGIT).items()}
    if as_json:
        studies = [
            {"study": row.study, "label": row.label, "group": row.group, "events": row.events, "total": row.total}
            | {"effect": row.events / row.total}
            | study_intervals(row, DEFAULT_LEVEL)
            for row in rows
        ]
        k = len(by_study(rows).x)
        print_json({"file": file.name, "k": k, "models": models, "groups": groups, "studies": studies})
        return
    out(table([line(name, body) for name, body in (models | groups).items()], HEADER))
    for name, body in models.items():
        said = shared_conventions([body])
        if said:
            say(f"{name}: " + "; ".join(said))


def line(name: str, body: dict[str, Any]) -> tuple[str, ...]:
    """The cells of one estimate, under HEADER."""
    counts = (str(body["k"]), f"{body['events']}/{body['total']}")
    if not body["pooled"]:
        exact = "exact {}–{}".format(*(percent(bound) for bound in body["proportion_ci"])) if body["total"] else ""
        return (name, *counts, "not pooled", exact, body["reason"], "", "", "")
    interval = "{}–{}".format(*(percent(bound) for bound in body["proportion_ci"]))
    prediction = "{}–{}".format(*(percent(bound) for bound in body["proportion_pi"])) if body["proportion_pi"] else ""
    return (
        name,
        *counts,
        percent(body["proportion"]),
        interval,
        prediction,
        "" if body["population_average"] is None else percent(body["population_average"]),
        f"{body['tau2']:.3f}",
        f"{body['I2']:.1f}",
    )
