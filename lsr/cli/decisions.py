"""Votes by a sheet, for those who script or prefer a spreadsheet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lsr.cli.app import app
from lsr.cli.common import Folder, Json, Reviewer, opened, out, pooled_again, print_json
from lsr.cli.judge import StageOption


@app.command()
def decisions(
    reviewer: Reviewer,
    stage: StageOption = "title-abstract",
    to: Annotated[
        Path | None, typer.Option("--out", help="Write what awaits your vote here: .xlsx with drop-downs, or .csv.")
    ] = None,
    sheet: Annotated[Path | None, typer.Option("--sheet", help="Read a filled sheet, .xlsx or .csv.")] = None,
    review: Folder = Path(),
    as_json: Json = False,
) -> None:
    """Vote by a sheet: write what awaits your vote, fill in verdict, reason and note, read it back whole.

    A row left blank is not yet decided. Read twice, a sheet changes nothing. You see no one else's votes.

    Example: lsr decisions --stage full-text --reviewer demo-a --out sheet.xlsx
    """
    from lsr.workflow import decisions as work

    if (to is None) == (sheet is None):
        raise typer.BadParameter("say --out FILE to write a sheet, or --sheet FILE to read one")
    with opened(review) as found:
        if to is not None:
            rows = work.write(found, to, stage, reviewer)
            words = f"Wrote {to}: {rows} reports; fill verdict, reason and note; a row left blank is not yet decided"
            print_json({"wrote": str(to), "rows": rows}) if as_json else out(words)
        elif sheet is not None:
            done = work.enter(found, sheet, stage, reviewer)
            words = f"{done.entered} votes entered, {done.unchanged} unchanged"
            told = {"entered": done.entered, "unchanged": done.unchanged}
            print_json(told) if as_json else out(words)
        pooled_again(found)
