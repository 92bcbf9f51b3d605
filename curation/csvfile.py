"""CSV tables as rooms write and read them: whole or not at all, any of the usual delimiters."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from db.errors import InputError

_DELIMITERS: Final = ",;\t|"
# A spreadsheet runs a cell that begins with one of these (OWASP, "CSV injection"); an apostrophe makes it text.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def guarded(text: str) -> str:
    """`text` as a cell that no spreadsheet runs; `unguarded` gives it back."""
    return f"'{text}" if text.startswith((*_FORMULA, "'")) else text


def unguarded(text: str) -> str:
    """A cell's text, without the apostrophe that `guarded` put before it and without spaces around."""
    text = text.strip()
    return text[1:] if text.startswith("'") and text[1:].startswith((*_FORMULA, "'")) else text


def delimiter_of(text: str) -> str:
    """The delimiter that the heading (the first line of `text`) uses most; a comma if it uses none."""
    return max(_DELIMITERS, key=text.split("\n", 1)[0].count)


def write_table(path: Path, heading: Sequence[str], rows: Iterable[Sequence[str]], *, mark: bool = False) -> None:
    """Write `rows` under `heading` as CSV in UTF-8, with a byte order mark if `mark` (spreadsheets need it).

    The file is replaced whole or not at all; InputError if it cannot be written.
    """
    temporary = path.with_name(f".new-{os.getpid()}-{path.name}")
    try:
        try:
            with temporary.open("w", encoding="utf-8-sig" if mark else "utf-8", newline="") as stream:
                writer = csv.writer(stream, lineterminator="\n")
                writer.writerow(heading)
                writer.writerows(rows)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}): choose another place") from error
