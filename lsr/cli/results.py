"""What the review says: status, prisma, publish."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lsr.cli.app import app
from lsr.cli.common import Folder, Json, opened, out, print_json, say, table

if TYPE_CHECKING:
    pass


@app.command()
def status(
    listing: Annotated[bool, typer.Option("--list", help="List every report with where it stands.")] = False,
    only: Annotated[
        str | None, typer.Option("--only", metavar="NAME", help="One list: awaiting-retrieval, contacted, overlap …")
    ] = None,
    review: Folder = Path(),
    as_json: Json = False,
) -> None:
    """What awaits whom, how old each search is, what is included, and whether the figures are released.

    Example: lsr status --json
    """
    from db import data
    from lsr.workflow import lists
    from lsr.workflow.status import status as ask

    with opened(review) as found:
        if only is not None:
            _show_list(lists.rows(found, only), as_json)
            return
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


def _show_list(rows: list[dict[str, str]], as_json: bool) -> None:
    if as_json:
        print_json(rows)
    else:
        shown = [tuple(row.values()) for row in rows]
        out(table(shown, tuple(word.replace("_", " ") for word in rows[0])) if rows else "The list is empty.")


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
