"""Options and output that the commands share. Output for programs on stdout, for people on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from lsr.workflow.folder import Open

Folder = Annotated[
    Path,
    typer.Option("--review", "-R", envvar="LSR_REVIEW", help="The review's folder.", show_default="the current folder"),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
Reviewer = Annotated[str, typer.Option("--reviewer", help="Your name, as the protocol has it.", envvar="LSR_REVIEWER")]
# A bar for anything that takes longer than this many seconds; the first update is held back that long.
PATIENCE = 2.0


@contextmanager
def opened(folder: Path) -> Iterator[Open]:
    """The review in the folder, opened with its protocol."""
    from lsr.workflow.folder import open_review

    with open_review(folder) as found:
        yield found


def out(text: str) -> None:
    """A line for programs, or the result that was asked for: stdout."""
    typer.echo(clean(text))


def say(text: str) -> None:
    """A line for people: stderr."""
    typer.echo(clean(text), err=True)


def print_json(value: Any) -> None:
    """A value as JSON on stdout, in ASCII: no control character of a record reaches a terminal."""
    typer.echo(json.dumps(value, indent=2, sort_keys=True))


# Spaces of other widths, which PubMed prints, become spaces; what only says where a line may break, and isolates, go.
_SPACES = dict.fromkeys((0x09, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000), " ")
_UNSEEN = dict.fromkeys((0xAD, *range(0x200B, 0x200E), 0x2060, *range(0x2066, 0x206A), 0xFEFF))
_PLAIN = {**_SPACES, **_UNSEEN}


def clean(text: str) -> str:
    """Text from outside, made harmless for a terminal: no control characters but line breaks, nothing that turns
    the direction of text."""
    text = text.translate(_PLAIN)
    return text if text.isprintable() else "".join(c if c.isprintable() or c == "\n" else "�" for c in text)


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int | None], None]]:
    """A callback (what, done, total) that draws a bar after two seconds, on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda what, done, total: None
        return
    import time

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    started, tasks = time.monotonic(), dict[str, Any]()

    def update(what: str, done: int, total: int | None) -> None:
        if time.monotonic() - started < PATIENCE:
            return
        if what not in tasks:
            bar.start()
            tasks[what] = bar.add_task(clean(what), total=total)
        bar.update(tasks[what], completed=done, total=total)

    try:
        yield update
    finally:
        bar.stop()


def percent(value: float | None, digits: int = 1) -> str:
    """A proportion as percent text, or a dash."""
    return "–" if value is None else f"{value * 100:.{digits}f}"


def table(rows: Sequence[tuple[str, ...]], header: tuple[str, ...]) -> str:
    """Columns aligned by width; numbers (last columns) are the caller's business."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [header, *rows]
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def pooled_again(found: Open) -> None:
    """Pool if what was written changed the data, before the command returns; and say so."""
    from lsr.workflow.refresh import refresh

    if refresh(found).pooled:
        say("The data changed: pooled again.")
