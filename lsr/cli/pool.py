"""Pooled estimates: `lsr pool`, of the review."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lsr.cli import pool_review
from lsr.cli.app import app
from lsr.cli.common import Folder, Json, opened
from lsr.cli.pool_file import (
    FileCumulative,
    FileGlmm,
    FileInfluence,
    FileLeaveOneOut,
    FileLevel,
    FileMeasure,
    FileMethod,
    FileModerators,
    FileOrder,
    FilePrediction,
    FileSmallStudy,
    FileSubgroups,
    FileTest,
    file_around,
    file_options,
    pool_file,
)


@app.command()
def pool(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="A table; no review needed. Its columns: study,events,total (,arm) · two groups study,events1,total1,"
            "events2,total2 (or ai,n1i,ci,n2i) · effects study,estimate,se (or yi,vi; estimate,ci_lb,ci_ub;"
            " hr,ci_lb,ci_ub; o_e,v). A column group is optional. With --multiverse: the outcome.",
        ),
    ] = None,
    explain: Annotated[
        str | None,
        typer.Option("--explain", metavar="OUTCOME", help="Every row of an outcome and where it comes from."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Pool again from the rows and compare with what is stored.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Pool again and keep the result, whatever is stored.")] = False,
    reproduce: Annotated[bool, typer.Option("--reproduce", help="Printed in the paper | recomputed | same?")] = False,
    measure: FileMeasure = None,
    method: FileMethod = None,
    glmm: FileGlmm = None,
    test: FileTest = None,
    level: FileLevel = None,
    prediction: FilePrediction = None,
    subgroups: FileSubgroups = None,
    moderator: FileModerators = None,
    leave_one_out: FileLeaveOneOut = False,
    cumulative: FileCumulative = False,
    order: FileOrder = None,
    influence: FileInfluence = False,
    small_study: FileSmallStudy = False,
    multiverse: Annotated[
        bool, typer.Option("--multiverse", help="The range over all readings and choices: of an outcome, or of each.")
    ] = False,
    seconds: Annotated[
        float, typer.Option("--seconds", min=0, help="With --multiverse: the time for each outcome.")
    ] = 60.0,
    history: Annotated[bool, typer.Option("--history", help="The estimates at each published version.")] = False,
    review: Folder = Path(),
    as_json: Json = False,
) -> None:
    """Pooled estimates: of the review, or of a table in a file.

    Without options proportions are pooled by the GLMM and, beside it, as the Freeman-Tukey transform by DL; two groups
    as odds ratios and effects as they are by REML. Names are those of R's metafor; docs/pooling.md explains each.

    Example: lsr pool table.csv --measure RR --method MH --leave-one-out --json
    """
    asked = {
        "--measure": measure, "--method": method, "--glmm": glmm, "--test": test, "--level": level,
        "--prediction": prediction, "--subgroups": subgroups, "--moderator": moderator,
        "--leave-one-out": leave_one_out, "--cumulative": cumulative, "--order": order, "--influence": influence,
        "--small-study": small_study,
    }  # fmt: skip
    if file is not None and not multiverse:
        if explain is not None or check or force or reproduce or history:
            raise typer.BadParameter("--explain, --check, --force, --reproduce and --history are of a review, not FILE")
        around = file_around(subgroups, moderator, leave_one_out, cumulative, order, influence, small_study)
        pool_file(file, as_json, file_options(measure, method, test, level, prediction, glmm), around)
        return
    given = [name for name, value in asked.items() if value not in (None, False, [])]
    if given:
        raise typer.BadParameter(f"{', '.join(given)}: only with FILE; a review is pooled as its protocol says")
    with opened(review) as found:
        if reproduce:
            pool_review.reproduction(found, as_json)
        elif explain is not None:
            pool_review.explained(found, explain, as_json)
        elif check:
            pool_review.check(found, as_json)
        elif multiverse:
            pool_review.multiverses(found, None if file is None else str(file), seconds, as_json)
        elif history:
            pool_review.history_of(found, as_json)
        else:
            pool_review.estimates(found, as_json, force=force)
