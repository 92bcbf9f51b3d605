"""What the review says: status, pool, prisma, publish."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lsr.cli.app import app
from lsr.cli.common import Folder, Json, opened, out, percent, print_json, say, table

if TYPE_CHECKING:
    from lsr.workflow.folder import Open


@app.command()
def status(
    listing: Annotated[bool, typer.Option("--list", help="List every report with where it stands.")] = False,
    review: Folder = Path(),
    as_json: Json = False,
) -> None:
    """What awaits whom, how old each search is, what is included, and whether the figures are released.

    Example: lsr status --json
    """
    from db import data
    from lsr.workflow.status import status as ask

    with opened(review) as found:
        if listing:
            rows = data.listing(found.review.connection)
            if as_json:
                print_json(rows)
            else:
                shown = [(r["record"], r["report"], r["report_box"] or r["box"], r["reason"]) for r in rows]
                out(table(shown, ("record", "report", "stands at", "reason")))
            return
        answer = ask(found)
    if as_json:
        print_json({key: value for key, value in answer.items() if key != "lines"})
    else:
        out("\n".join(answer["lines"]))


@app.command()
def pool(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A table: study,events,total[,group]; no review needed.")
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
    review: Folder = Path(),
    as_json: Json = False,
) -> None:
    """Pooled estimates: of the review, or of a table in a file.

    Example: lsr pool table.csv --json
    """
    if file is not None:
        _pool_file(file, as_json)
        return
    with opened(review) as found:
        if reproduce:
            _reproduction(found, as_json)
        elif explain is not None:
            _explain(found, explain, as_json)
        elif check:
            _check(found, as_json)
        else:
            _estimates(found, as_json, force=force)


def _pool_file(file: Path, as_json: bool) -> None:
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
    out(table([_line(name, body) for name, body in (models | groups).items()], HEADER))


HEADER = ("", "k", "x/n", "%", "95% CI", "prediction", "tau2", "I2")


def _line(name: str, body: dict[str, Any]) -> tuple[str, ...]:
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


def _estimates(found: Open, as_json: bool, *, force: bool) -> None:
    from analysis.refresh import refresh

    now = refresh(found.review, found.spec, force=force)
    if as_json:
        print_json({"fingerprint": now.fingerprint, "estimates": now.estimates, "pooled_again": now.pooled})
        return
    rows = []
    for outcome in (spec.id for spec in found.spec.outcomes if spec.id in now.estimates):
        body = now.estimates[outcome]
        name, *rest = _line(outcome, body["primary"])
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


@app.command()
def prisma(
    review: Folder = Path(),
    as_json: Json = False,
    svg: Annotated[Path | None, typer.Option("--svg", help="Write the flow diagram here.")] = None,
) -> None:
    """PRISMA 2020 flow counts, and the diagram. They balance at every moment, or the command names what does not.

    Example: lsr prisma --svg flow.svg
    """
    from analysis.prisma import flow, plain

    with opened(review) as found:
        counts = flow(found.review.connection)
        if svg is not None:
            from analysis.prisma_diagram import prisma_svg

            reasons = {reason.code: reason.label for reason in found.spec.reasons}
            _write(svg, prisma_svg(counts, title=found.spec.title, caption="", reasons=reasons))
    if as_json:
        print_json(plain(counts))
        return
    rows = [
        ("previous version", "studies", str(counts.previous_studies)),
        ("", "reports", str(counts.previous_reports)),
    ]
    for name, arm in plain(counts)["arms"].items():
        if arm["identified"]:
            rows += [(name, key.replace("_", " "), str(value)) for key, value in arm.items() if isinstance(value, int)]
            rows += [("", f"  excluded: {code}", str(n)) for code, n in arm["excluded_reports"].items()]
    rows += [("new", "studies", str(counts.new_studies)), ("", "reports", str(counts.new_reports)),
             ("", "of them, of previous studies", str(counts.new_reports_of_previous_studies)),
             ("total", "studies", str(counts.total_studies)), ("", "reports", str(counts.total_reports))]  # fmt: skip
    out(table(rows, ("", "box", "n")))


def _write(path: Path, text: str) -> None:
    from db.errors import InputError

    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}): choose another place") from error
    say(f"Wrote {path}")


@app.command()
def publish(
    signed_by: Annotated[
        list[str], typer.Option("--signed-by", help="Who releases these figures; once for each person.")
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why this version.")],
    major: Annotated[bool, typer.Option("--major", help="A major version: 2.0 after 1.x.")] = False,
    review: Folder = Path(),
) -> None:
    """Sign and freeze a version, and write the site. Pooling is automatic; releasing figures is not.

    Example: lsr publish --signed-by demo-a --signed-by demo-b --reason "two new studies"
    """
    from lsr.workflow.pages import write_site
    from lsr.workflow.refresh import publish as freeze

    with opened(review) as found:
        version = freeze(found, signed_by, reason, major=major)
        site = write_site(found)
    out(f"version {version.number}: {site / 'index.html'}")
