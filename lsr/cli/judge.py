"""Decisions of people: screen, decide, resolve, extract."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lsr.cli.app import app
from lsr.cli.common import Folder, Json, Reviewer, opened, out, print_json, say, table

if TYPE_CHECKING:
    from lsr.workflow.folder import Open

StageName = Literal["title-abstract", "full-text"]
StageOption = Annotated[StageName, typer.Option("--stage", help="The stage of screening.")]


@app.command()
def decide(
    report: Annotated[str, typer.Argument(metavar="REPORT", help="A report, by id, DOI or PMID.")],
    reviewer: Reviewer,
    verdict: Annotated[
        Literal["include", "exclude", "unsure"] | None,
        typer.Argument(metavar="[VERDICT]", help="include, exclude or unsure."),
    ] = None,
    stage: StageOption = "title-abstract",
    reason: Annotated[
        str | None, typer.Option("--reason", help="A code of the protocol; full-text exclusion needs one.")
    ] = None,
    note: Annotated[str, typer.Option("--note", help="A note for the adjudicator.")] = "",
    undo: Annotated[
        bool, typer.Option("--undo", help="Take your vote back (until the required votes are in).")
    ] = False,
    reopen: Annotated[
        str | None, typer.Option("--reopen", metavar="WHY", help="Open a new round, with the reason.")
    ] = None,
    retrieved: Annotated[bool, typer.Option("--retrieved", help="The full text was retrieved.")] = False,
    not_retrieved: Annotated[bool, typer.Option("--not-retrieved", help="It could not be; say --why.")] = False,
    file: Annotated[
        Path | None, typer.Option("--file", help="The full text: copied into fulltext/, its SHA-256 kept.")
    ] = None,
    route: Annotated[str, typer.Option("--route", help="How it was sought: open access, library, author.")] = "",
    licence: Annotated[str, typer.Option("--licence", help="The full text's licence, as printed.")] = "",
    supplement: Annotated[
        bool | None, typer.Option("--supplement/--no-supplement", help="Whether the supplement is there too.")
    ] = None,
    language: Annotated[str, typer.Option("--language", help="The full text's language.")] = "",
    awaiting: Annotated[
        Literal["translation", "classification", "nothing"] | None,
        typer.Option("--awaiting", help="What the full text waits for; say --why. nothing: it has come."),
    ] = None,
    why: Annotated[str, typer.Option("--why", help="Why it was not retrieved, or what it waits for.")] = "",
    contacted: Annotated[
        str | None, typer.Option("--contacted", metavar="DATE", help="The authors were asked on this day.")
    ] = None,
    about: Annotated[str, typer.Option("--about", help="What the authors were asked.")] = "",
    answer: Annotated[str, typer.Option("--answer", help="What they answered.")] = "",
    review: Folder = Path(),
) -> None:
    """One decision on one report: a vote, its undoing, a reopening, or what became of its full text.

    Example: lsr decide pubmed:37314354 exclude --stage full-text --reason X06_small_n --reviewer demo-a
    """
    from lsr.workflow import fulltext, judge

    asked = [verdict is not None, undo, reopen is not None, retrieved, not_retrieved, awaiting is not None,
             contacted is not None]  # fmt: skip
    if sum(asked) != 1:
        raise typer.BadParameter(
            "say one thing: VERDICT, --undo, --reopen WHY, --retrieved, --not-retrieved, --awaiting or --contacted"
        )
    if not_retrieved and not why.strip():
        raise typer.BadParameter("say why it could not be retrieved: --why WHY")
    with opened(review) as found:
        if verdict is not None:
            item = judge.vote(found, report, stage, reviewer, verdict, reason, note)
            out(_standing(item.report, stage, item.state))
        elif undo:
            out(f"{judge.withdraw(found, report, stage, reviewer).report}: your vote is taken back")
        elif reopen is not None:
            judge.reopen(found, report, stage, reviewer, reopen)
            out(f"{report}: reopened at {stage}; its closed verdict stays in force until the new round closes")
        elif awaiting is not None:
            fulltext.wait(found, report, reviewer, awaiting, why)
            out(f"{report}: awaits {awaiting}")
        elif contacted is not None:
            fulltext.contact(found, report, reviewer, contacted, about, answer)
            out(f"{report}: authors asked on {contacted}{'; their answer is kept' if answer else ''}")
        else:
            fulltext.retrieve(
                found, report, reviewer, got=retrieved, route=route, file=file, licence=licence,
                supplement=supplement, language=language, why=why,
            )  # fmt: skip
            out(f"{report}: {'retrieved' if retrieved else 'not retrieved'}")
        pool(found)


def _standing(report: str, stage: str, state: str) -> str:
    """Where an item stands after one's own vote. A conflict is told; who voted what is the adjudicator's to see."""
    words = {"awaiting": "awaits another vote", "conflict": "goes to the adjudicator"}
    return f"{report}: {words.get(state, f'closed at {stage}: {state}')}"


@app.command()
def resolve(
    reviewer: Reviewer,
    report: Annotated[
        str | None, typer.Argument(metavar="[REPORT]", help="A report in conflict; without, one after another.")
    ] = None,
    verdict: Annotated[
        Literal["include", "exclude"] | None, typer.Argument(metavar="[VERDICT]", help="include or exclude.")
    ] = None,
    stage: StageOption = "full-text",
    reason: Annotated[str | None, typer.Option("--reason", help="A code of the protocol.")] = None,
    note: Annotated[str, typer.Option("--note", help="Why.")] = "",
    review: Folder = Path(),
) -> None:
    """Rule on conflicts, as the adjudicator; shows both votes, reasons and notes side by side.

    Keys: i include, e exclude, 1-9 exclude with that reason, n note, s or ] next, [ back, q leave.

    Example: lsr resolve 10.1016/j.jct.2022.11.013 exclude --reason X07_no_outcome --reviewer demo-adjudicator
    """
    from lsr.cli.adjudicate import adjudicate
    from lsr.workflow import judge

    if (report is None) != (verdict is None):
        raise typer.BadParameter("say REPORT and VERDICT, or neither of them to see the conflicts one after another")
    with opened(review) as found:
        if report is None or verdict is None:
            with _pooled(found):
                adjudicate(found, reviewer)
            return
        item = judge.resolve(found, report, stage, reviewer, verdict, reason, note)
        out(_standing(item.report, stage, item.state))
        pool(found)


@app.command()
def extract(
    reviewer: Reviewer,
    study: Annotated[str | None, typer.Option("--study", help="An included study, by id (lsr link --studies).")] = None,
    to: Annotated[Path | None, typer.Option("--out", help="Write the study's empty sheet (CSV) here.")] = None,
    sheet: Annotated[Path | None, typer.Option("--sheet", help="Read a filled sheet.")] = None,
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
    """Extract outcome data by sheets: two extractors, blind to each other; the adjudicator settles differences.

    Example: lsr extract --study study:ghobadi-2023 --out sheet.csv --reviewer demo-a
    """
    from curation.sheet import write_sheet
    from lsr.workflow import extract as work

    with opened(review) as found:
        if sheet is not None:
            done = work.enter_sheet(found, sheet, reviewer, resolving=resolving)
            words = f"{done.entered} values entered, {done.unchanged} unchanged; cells in conflict: {done.conflicts}"
            told = {"entered": done.entered, "unchanged": done.unchanged, "conflicts": done.conflicts}
            print_json(told) if as_json else out(words)
        elif differences:
            _show_differences(work.differences(found, reviewer), as_json)
        elif study is not None and reopen is not None:
            work.reopen_study(found, study, reviewer, reopen)
            words = f"{study}: extraction reopened; its closed data stay in force until the new round closes"
            print_json({"reopened": study}) if as_json else out(words)
        elif study is not None and to is not None:
            write_sheet(to, work.blank_rows(found, study))
            words = f"Wrote {to}: fill status, events, total and place; a row left blank is not yet extracted"
            print_json({"wrote": str(to)}) if as_json else out(words)
        else:
            raise typer.BadParameter("say --study S --out FILE, --sheet FILE, --study S --reopen WHY, or --differences")
        pool(found)


def _show_differences(values: list[dict[str, object]], as_json: bool) -> None:
    if as_json:
        print_json(values)
        return
    rows = [
        (str(v["study"]), str(v["outcome"]), str(v["reading"]), str(v["extractor"]), str(v["status"]),
         f"{v['events']}/{v['total']}" if v["total"] else "", str(v["place"]))
        for v in values
    ]  # fmt: skip
    header = ("study", "outcome", "reading", "extractor", "status", "x/n", "place")
    out(table(rows, header) if rows else "The extractors do not differ anywhere.")


@contextmanager
def _pooled(found: Open) -> Iterator[None]:
    """Pool at the end of a session, an interrupted one too: what was decided before is in force."""
    try:
        yield
    except KeyboardInterrupt:
        pool(found)
        raise
    pool(found)


def pool(found: Open) -> None:
    """Pool again if what was decided changed the included set or its data, and say so."""
    from lsr.workflow.refresh import refresh

    if refresh(found).pooled:
        say("The data changed: pooled again.")
