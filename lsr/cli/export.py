"""Files for other programs: `lsr export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lsr.cli.app import app
from lsr.cli.common import Folder, opened, say


@app.command()
def export(
    name: Annotated[str, typer.Argument(metavar="FORMAT", help="metafor (an R script) or stata (a do-file).")],
    to: Annotated[Path | None, typer.Option("--out", help="Write it here.", show_default="standard output")] = None,
    review: Folder = Path(),
) -> None:
    """The review's pooled data with a script that pools them again elsewhere and compares. No text of others.

    Example: lsr export metafor --out pooling.R
    """
    from db.errors import InputError
    from lsr.workflow.export import export as write

    with opened(review) as found:
        text = write(found, name)
    if to is None:
        typer.echo(text)
        return
    try:
        to.write_text(text + "\n", "utf-8")
    except OSError as error:
        raise InputError(f"{to}: cannot be written ({error.strerror}): choose another place") from error
    say(f"Wrote {to}")
