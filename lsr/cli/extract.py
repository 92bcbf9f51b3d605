"""Extraction: sheets out and in, a form in the terminal, differences, reopening."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lsr.cli.app import app
from lsr.cli.common import Folder, Json, Reviewer, opened, out, pooled_again, print_json, table

if TYPE_CHECKING:
    from lsr.workflow.folder import Open


@app.command()
def extract(
    reviewer: Reviewer,
    study: Annotated[str | None, typer.Option("--study", help="An included study, by id (lsr link --studies).")] = None,
    to: Annotated[
        Path | None, typer.Option("--out", help="Write the study's empty sheets here: .xlsx holds all, .csv one.")
    ] = None,
    section: Annotated[
        list[str] | None,
        typer.Option("--section", help="A section of dictionary.toml, or outcomes; may be given again."),
    ] = None,
    sheet: Annotated[Path | None, typer.Option("--sheet", help="Read a filled sheet (.xlsx or .csv).")] = None,
    form: Annotated[bool, typer.Option("--form", help="Ask field by field in the terminal.")] = False,
    differences: Annotated[
        bool, typer.Option("--differences", help="Show the adjudicator where extractors differ.")
    ] = False,
    resolving: Annotated[bool, typer.Option("--resolve", help="The sheet holds the adjudicator's rulings.")] = False,
    reopen: Annotated[
        str | None, typer.Option("--reopen", metavar="WHY", help="Open a new round for the study.")
    ] = None,
    review: Folder = Path(),
    as_json: Json = False,
) -> None:
    """Extract outcomes and the dictionary's fields, two people blind to each other; an adjudicator settles differences.

    Sheets are checked cell by cell and entered whole or not at all; a form checks each answer and keeps it at once.

    Example: lsr extract --study study:ghobadi-2023 --out sheet.xlsx --reviewer demo-a
    """
    if sum([sheet is not None, differences, to is not None, form, reopen is not None]) != 1:
        raise typer.BadParameter("say one: --out FILE, --sheet FILE, --form, --differences or --reopen WHY")
    if study is None and (to is not None or form or reopen is not None):
        raise typer.BadParameter("say which study: --study S (lsr link --studies lists them)")
    with opened(review) as found:
        if sheet is not None:
            _enter(found, sheet, reviewer, resolving=resolving, as_json=as_json)
        elif differences:
            _show_differences(found, reviewer, as_json)
        elif study is not None and to is not None:
            _write(found, study, to, reviewer, section or [], as_json)
        elif study is not None and reopen is not None:
            _reopen(found, study, reviewer, reopen, as_json)
        elif study is not None:
            from lsr.screens.form import fill

            fill(found, study, reviewer, section or [])
        pooled_again(found)


def _enter(found: Open, sheet: Path, reviewer: str, *, resolving: bool, as_json: bool) -> None:
    from lsr.workflow.extraction_files import enter_file

    done = enter_file(found, sheet, reviewer, resolving=resolving)
    words = f"{done.entered} values entered, {done.unchanged} unchanged; cells in conflict: {done.conflicts}"
    told = {"entered": done.entered, "unchanged": done.unchanged, "conflicts": done.conflicts}
    print_json(told) if as_json else out(words)


def _write(found: Open, study: str, to: Path, reviewer: str, sections: list[str], as_json: bool) -> None:
    from lsr.workflow.extraction_files import write_blank
    from lsr.workflow.people import known_person

    known_person(found, reviewer, "extractor", "adjudicator")
    held = write_blank(found, study, to, sections)
    words = f"Wrote {to}: {' and '.join(held)}; a line left empty is not yet extracted, NR is an answer"
    print_json({"wrote": str(to), "sheets": held}) if as_json else out(words)


def _reopen(found: Open, study: str, reviewer: str, why: str, as_json: bool) -> None:
    from lsr.workflow.extract import reopen_study

    reopen_study(found, study, reviewer, why)
    words = f"{study}: extraction reopened; its closed data stay in force until the new round closes"
    print_json({"reopened": study}) if as_json else out(words)


def _show_differences(found: Open, reviewer: str, as_json: bool) -> None:
    from lsr.workflow.extract import differences
    from lsr.workflow.fields import field_differences

    outcomes, fields = differences(found, reviewer), field_differences(found, reviewer)
    if as_json:
        print_json({"outcomes": outcomes, "fields": fields})
        return
    if outcomes:
        header = ("study", "outcome", "reading", "extractor", "status", "x/n", "place")
        out(table([_outcome_line(value) for value in outcomes], header))
    if fields:
        header = ("study", "cohort", "field", "row", "extractor", "value", "place")
        out(table([_field_line(value) for value in fields], header))
    if not outcomes and not fields:
        out("The extractors do not differ anywhere.")


def _outcome_line(value: dict[str, Any]) -> tuple[str, ...]:
    numbers = f"{value['events']}/{value['total']}" if value["total"] else ""
    names = ("study", "outcome", "reading", "extractor", "status")
    return (*(str(value[name]) for name in names), numbers, str(value["place"]))


def _field_line(value: dict[str, Any]) -> tuple[str, ...]:
    from curation.dictionary import WORDS

    said = WORDS.get(value["status"], value["value"])
    names = ("study", "cohort", "field", "row", "extractor")
    return (*(str(value[name]) for name in names), said, value["place"])
