"""The reviewer's screen: full-screen, or plain; and how the order of its queue did on past decisions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lsr.cli.app import app
from lsr.cli.common import Folder, Json, Reviewer, opened, out, print_json, say

if TYPE_CHECKING:
    from lsr.workflow.folder import Open

StageOption = Annotated[Literal["title-abstract", "full-text"], typer.Option("--stage", help="The stage of screening.")]
OrderOption = Annotated[
    Literal["relevance", "date", "random"],
    typer.Option("--order", help="Likely relevant first, newest first, or by chance (the same at each start)."),
]


@app.command()
def screen(
    reviewer: Reviewer,
    stage: StageOption = "title-abstract",
    order: OrderOption = "relevance",
    plain: Annotated[
        bool, typer.Option("--plain", help="Line by line: for a dumb terminal or a screen reader.")
    ] = False,
    report: Annotated[
        bool, typer.Option("--ranking-report", help="How the order would have served past decisions; screens nothing.")
    ] = False,
    review: Folder = Path(),
    as_json: Json = False,
) -> None:
    """Screen what awaits your vote, one report after another. You see no one else's votes.

    Keys: i include, e exclude, u unsure, 1-9 exclude with that reason, s skip, z undo, [ ] back and on, n note,
    o open the DOI, / search, ? help, q leave. Other keys: [screen.keys] in the protocol, or your own screen.toml.

    Example: lsr screen --stage title-abstract --reviewer demo-a
    """
    with opened(review) as found:
        if report:
            _report(found, stage, reviewer, as_json)
            return
        _screen(found, stage, reviewer, order, plain)
        from lsr.workflow.refresh import refresh

        if refresh(found).pooled:
            say("The data changed: pooled again.")


def _screen(found: Open, stage: str, reviewer: str, order: str, plain: bool) -> None:
    from lsr.keys import keymap, user_keys
    from lsr.screens.session import Session

    keys = keymap(found.spec.screen.keys, user_keys())
    session = Session(found, stage, reviewer, order)  # type: ignore[arg-type]
    try:
        if plain or not (sys.stdin.isatty() and sys.stdout.isatty()):
            from lsr.screens.plain import screen as run_plain

            run_plain(session, keys)
        elif session.lineup.current is None:
            say(f"Nothing awaits your vote at {stage}.")
        else:
            from lsr.screens.app import ReviewerScreen

            ReviewerScreen(session, keys).run()
            say(f"{session.votes_given} votes; {session.lineup.left} of this queue left.")
        if lost := session.unsaved_notes():
            say(f"{lost} {'note was' if lost == 1 else 'notes were'} not kept: a note is kept with a vote.")
    finally:
        session.close()


def _report(found: Open, stage: str, reviewer: str, as_json: bool) -> None:
    """The model's recall on past decisions: told, and never used to stop."""
    from lsr.screens.ranking_report import ranking_report

    told = ranking_report(found, stage, reviewer)  # type: ignore[arg-type]
    print_json(told.as_json()) if as_json else out(told.as_text())
