"""On which line of a TOML text a key stands: tomllib keeps no positions, so headers and keys are counted."""

from __future__ import annotations

import re
from typing import Any

# Texts over several lines: what looks like a key or a header in them is none.
_LONG_TEXT = re.compile(r"\"\"\".*?\"\"\"|\'\'\'.*?\'\'\'", re.DOTALL)


def line_of(text: str, where: tuple[Any, ...]) -> int:
    """The line, from 1, of the key at `where` (names, and positions in arrays), or of the nearest table around it."""
    best, depth = 1, -1
    here: tuple[Any, ...] = ()
    table: tuple[Any, ...] = ()
    counts: dict[tuple[Any, ...], int] = {}
    for number, line in enumerate(_LONG_TEXT.sub(_blank, text).split("\n"), 1):
        if header := re.match(r"\s*(\[\[?)\s*([\w.\"'-]+)\s*\]", line):
            here = table = _place(header[2], header[1] == "[[", counts)
        elif key := re.match(r"\s*([\w.\"'-]+)\s*=", line):
            here = (*table, *_parts(key[1]))
        else:
            continue
        if where[: len(here)] == here and len(here) > depth:
            best, depth = number, len(here)
    return best


def _blank(found: re.Match[str]) -> str:
    return "\n" * found[0].count("\n")


def _parts(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in dotted.split(".")]


def _place(dotted: str, another: bool, counts: dict[tuple[Any, ...], int]) -> tuple[Any, ...]:
    """Where a header leads: its names, each array's followed by the number of its last table (`another`: a new one)."""
    parts = _parts(dotted)
    place: tuple[Any, ...] = ()
    for i, part in enumerate(parts, 1):
        place += (part,)
        if another and i == len(parts):
            counts[place] = counts.get(place, -1) + 1
        if place in counts:
            place += (counts[place],)
    return place
