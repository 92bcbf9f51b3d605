"""The application that the commands register with."""

from __future__ import annotations

from typing import Annotated

import typer

from lsr import __version__

app = typer.Typer(
    name="lsr",
    help="A living systematic review: search, screen, extract, pool and publish, every week.\n\n"
    "Start with `lsr demo`, or `lsr init my-review --template cd7-car-t`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(show: bool) -> None:
    if show:
        typer.echo(f"lsr {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass
