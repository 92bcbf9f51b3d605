"""Files that people give: import."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from lsr.cli.app import app
from lsr.cli.bring import report
from lsr.cli.common import Folder, Json, opened, progress_bar, say

if TYPE_CHECKING:
    from lsr.workflow.files import NotImported

_SHOWN: Final = 5  # rows that were not imported are named on the screen up to here; all of them in the run's log
_READABLE: Final = (
    "RIS, MEDLINE/NBIB, PubMed XML (.gz or not), BibTeX, EndNote XML, Web of Science text, CSV, TSV, semicolon tables "
    "and Excel (.xlsx) of Embase, Ovid, Scopus, Web of Science, ProQuest, PubMed, Zotero, Rayyan, Covidence or your "
    "own, registers (ICTRP with ChiCTR, ISRCTN, ClinicalTrials.gov), or a saved abstract page of ASH, ASCO or EHA. "
    "What a file is is told from its content."
)


@app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help=_READABLE)],
    source: Annotated[
        str | None,
        typer.Option("--source", help="Name of the source, as the protocol has it, if the file does not tell."),
    ] = None,
    date: Annotated[
        str,
        typer.Option("--date", metavar="YYYY-MM-DD", help="When the search behind the file was made, if not today."),
    ] = "",
    review: Folder = Path(),
    as_json: Json = False,
) -> None:
    """Read records from files; then dedupe and link what is new. A bad file changes nothing.

    Every row is imported, or named with its line.

    Example: lsr import embase.ris --date 2026-11-20
    """
    from lsr.workflow.files import import_files

    if date and not _is_past_day(date):
        raise typer.BadParameter(f"--date takes a day that has begun, as YYYY-MM-DD: {date} is none")
    if source is not None and not re.fullmatch(r"[a-z0-9][a-z0-9-]*", source):
        raise typer.BadParameter("--source takes a name of lower-case letters, digits and hyphens, such as embase")
    at = f"{date}T00:00:00Z" if date else ""
    with opened(review) as found, progress_bar() as progress:
        brought = import_files(found, files, source=source, at=at, progress=progress)
        lost = [asdict(row) for row in brought.not_imported]
        report(found, brought, as_json, not_imported=lost, repeated=brought.repeated)
    name_rows(brought.not_imported)
    if brought.repeated:
        say(f"{brought.repeated} rows are a record of their own file once more: stored once, named in the run's log.")


def _is_past_day(text: str) -> bool:
    """Whether `text` is a day in ISO 8601 that has begun somewhere on Earth (up to 14 hours before UTC's)."""
    try:
        day = datetime.date.fromisoformat(text)
    except ValueError:
        return False
    latest = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=14)
    return len(text) == len("YYYY-MM-DD") and day <= latest.date()


def name_rows(rows: Sequence[NotImported]) -> None:
    """The first rows that were not imported, with their lines, and how many there are."""
    for row in rows[:_SHOWN]:
        say(f"{row.file} line {row.line}: {row.why}")
    if rows:
        rest = "" if len(rows) <= _SHOWN else f", the first {_SHOWN} are named above"
        say(f"{len(rows)} rows not imported, or not whole{rest}.")
