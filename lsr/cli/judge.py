"""Decisions of people: screen, decide, resolve."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lsr.cli.app import app
from lsr.cli.common import Folder, Reviewer, opened, out, pooled_again

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
        pooled_again(found)


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
    from lsr.screens.conflicts import adjudicate
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
        pooled_again(found)


@contextmanager
def _pooled(found: Open) -> Iterator[None]:
    """Pool at the end of a session, an interrupted one too: what was decided before is in force."""
    try:
        yield
    except KeyboardInterrupt:
        pooled_again(found)
        raise
    pooled_again(found)
