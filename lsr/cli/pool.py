"""Pooled estimates: `lsr pool`, of the review."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lsr.cli.app import app
from lsr.cli.common import Folder, Json, opened, out, print_json, say, table
from lsr.cli.pool_file import (
    HEADER,
    FileLevel,
    FileMeasure,
    FileMethod,
    FilePrediction,
    FileTest,
    file_options,
    line,
    pool_file,
)

if TYPE_CHECKING:
    from lsr.workflow.folder import Open


@app.command()
def pool(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="A table; no review needed. Its columns: study,events,total · or for two groups study,events1,total1,"
            "events2,total2 (or ai,n1i,ci,n2i) · or for effects study,estimate,se (or yi,vi; estimate,ci_lb,ci_ub;"
            " hr,ci_lb,ci_ub; o_e,v). A column group is optional.",
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
    test: FileTest = None,
    level: FileLevel = None,
    prediction: FilePrediction = None,
    review: Folder = Path(),
    as_json: Json = False,
) -> None:
    """Pooled estimates: of the review, or of a table in a file.

    Without options proportions are pooled by the GLMM and, beside it, as the Freeman-Tukey transform by DL; two groups
    as odds ratios and effects as they are by REML. Names are those of R's metafor.

    Example: lsr pool table.csv --measure RR --method MH --json
    """
    asked = {"--measure": measure, "--method": method, "--test": test, "--level": level, "--prediction": prediction}
    if file is not None:
        if explain is not None or check or force or reproduce:
            raise typer.BadParameter("--explain, --check, --force and --reproduce are of a review, not of FILE")
        pool_file(file, as_json, file_options(measure, method, test, level, prediction))
        return
    if any(value is not None for value in asked.values()):
        given = ", ".join(name for name, value in asked.items() if value is not None)
        raise typer.BadParameter(f"{given}: only with FILE; a review is pooled as its protocol says")
    with opened(review) as found:
        if reproduce:
            _reproduction(found, as_json)
        elif explain is not None:
            _explain(found, explain, as_json)
        elif check:
            _check(found, as_json)
        else:
            _estimates(found, as_json, force=force)


def _estimates(found: Open, as_json: bool, *, force: bool) -> None:
    from analysis.refresh import refresh

    now = refresh(found.review, found.spec, force=force)
    if as_json:
        print_json({"fingerprint": now.fingerprint, "estimates": now.estimates, "pooled_again": now.pooled})
        return
    rows = []
    for outcome in (spec.id for spec in found.spec.outcomes if spec.id in now.estimates):
        body = now.estimates[outcome]
        name, *rest = line(outcome, body["primary"])
        rows.append((name, f"{len(body['rows'])} of {len(body['rows']) + len(body['missing'])}", *rest[1:]))
    out(table(rows, ("outcome", "k of K", *HEADER[2:])))
    if any(row["second_hand"] for body in now.estimates.values() for row in body["rows"]):
        say("Some rows are second-hand, from the previous review's table: lsr pool --explain OUTCOME")
    if any(row["composed"] for body in now.estimates.values() for row in body["rows"]):
        say("Some rows are composed for the demonstration: these estimates are no findings.")


def _explain(found: Open, outcome: str, as_json: bool) -> None:
    from db.errors import InputError
    from lsr.workflow.refresh import refresh

    estimates = refresh(found).estimates
    if outcome not in estimates:
        raise InputError(f"no outcome {outcome!r}: there are {', '.join(estimates)}")
    body = estimates[outcome]
    if as_json:
        print_json(body)
        return
    rows = [
        (row["label"], f"{row['events']}/{row['total']}",
         "composed for the demonstration" if row["composed"] else "second-hand" if row["second_hand"] else "first-hand")
        for row in body["rows"]
    ]  # fmt: skip
    rows += [(missing["label"], "–", missing["status"]) for missing in body["missing"]]
    out(table(rows, ("study", "x/n", "from")))


def _check(found: Open, as_json: bool) -> None:
    from analysis.dataset import datasets
    from analysis.estimation import pool_all
    from db.canonical import canonical
    from db.errors import IntegrityError
    from lsr.workflow.refresh import refresh

    stored = refresh(found)
    again = pool_all(datasets(found.review.connection, found.spec), found.spec)
    if canonical(again) != canonical(stored.estimates):
        raise IntegrityError("stored estimates are not what the rows give now: run `lsr pool --force`")
    words = f"The stored estimates are what the rows give ({stored.fingerprint[:12]})."
    print_json({"fingerprint": stored.fingerprint, "same": True}) if as_json else out(words)


def _reproduction(found: Open, as_json: bool) -> None:
    from dataclasses import asdict

    from analysis.reproduction import reproduction_table

    lines = reproduction_table(found.review.connection)
    if as_json:
        print_json([asdict(line) for line in lines])
        return
    words = {True: "yes", False: "NO", None: "cannot be"}
    rows = [
        (
            line.key,
            line.printed,
            "" if line.recomputed is None else f"{line.recomputed:.4g}",
            words[line.same],
            line.reason,
        )
        for line in lines
    ]
    out(table(rows, ("figure", "printed in the paper", "recomputed", "same?", "why not")))
