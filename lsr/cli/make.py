"""Making reviews: demo, init, verify."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lsr.cli.app import app
from lsr.cli.common import Folder, Json, opened, out, print_json, progress_bar, say


@app.command()
def demo(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="Where to make it; it is made anew each time.")
    ] = Path("demo-review"),
) -> None:
    """The whole loop on the shipped review, offline: search replies, reviewers and most new data are composed.

    Example: lsr demo /tmp/demo
    """
    from lsr.demo import run_demo

    with progress_bar() as progress:
        for line in run_demo(folder, progress):
            out(line)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The new review's folder.")],
    template: Annotated[str, typer.Option(help="Which template to start from.")] = "cd7-car-t",
) -> None:
    """A new review folder: a protocol to edit, and the published review that it continues.

    Example: lsr init my-review --template cd7-car-t
    """
    from lsr.workflow.folder import init as make

    make(folder, template)
    say(f"Made {folder}. Edit {folder / 'protocol.toml'} (people, registration), then: cd {folder} && lsr harvest")


@app.command()
def verify(review: Folder = Path(), as_json: Json = False) -> None:
    """Check that the review is what was written: ledger, tables, runs, archive, counts. Exit 1 names the first fault.

    Example: lsr verify --review my-review
    """
    from db.errors import IntegrityError
    from db.verify import verify as check

    with opened(review) as found, progress_bar() as progress:
        faults = check(found.review, lambda what: progress(what, 0, None))
    if as_json:
        print_json({"faults": faults})
    if faults:
        more = f" (and {len(faults) - 1} more; --json lists them)" if len(faults) > 1 else ""
        raise IntegrityError(f"{review}: {faults[0]}{more}: restore a backup and compare")
    say("Nothing wrong. A tail cut off after the newest published version could not be seen from here.")
