"""Text for a terminal's rows: harmless, cut into rows by the cells that it takes, right-to-left text kept to itself."""

from __future__ import annotations

import re

from rich.cells import cell_len

from lsr.cli.common import clean

# Letters that run from right to left: Hebrew, Arabic and their neighbours, presentation forms, historic scripts.
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001eeff]")
FIRST_STRONG, POP = "\u2068", "\u2069"  # Unicode's isolates: what stands between them orders nothing outside
_PIECE = re.compile(r"\n|[^\S\n]+|\S+")


def one_line(text: str) -> str:
    """Text from outside as one harmless line."""
    return " ".join(clean(text).split())


def isolated(row: str) -> str:
    """A row in which right-to-left text moves nothing that stands beside it, in terminals that order by direction."""
    return f"{FIRST_STRONG}{row}{POP}" if _RIGHT_TO_LEFT.search(row) else row


def cut(text: str, width: int) -> str:
    """The beginning of `text` in at most `width` cells, with an ellipsis if it goes on."""
    if cell_len(text[: width + 1]) <= width and len(text) <= width:
        return text
    kept = text[: _fitting(text, 0, len(text), width - 1)]
    return f"{kept.rstrip()}…" if width > 0 else ""


def rows(text: str, width: int) -> list[tuple[int, int]]:
    """Where the rows of a text begin and end, wrapped at spaces to `width` cells; longer words are broken."""
    found: list[tuple[int, int]] = []
    start = end = used = 0
    for piece in _PIECE.finditer(text):
        at, stop = piece.span()
        if piece[0] == "\n":
            found.append((start, end))
            start = end = stop
            used = 0
        elif piece[0].isspace():
            used += stop - at
        else:
            size = sum(map(cell_len, piece[0]))  # sign by sign, as they are counted where a long word is broken
            if used + size > width and end > start:
                found.append((start, end))
                start, used = at, 0
            if start == end:
                start, used = at, 0
            while size > width:
                broken = max(_fitting(text, at, stop, width), at + 1)
                found.append((at, broken))
                size -= sum(map(cell_len, text[at:broken]))
                at = start = broken
                used = 0
            end, used = stop, used + size
    if end > start or not found:
        found.append((start, end))
    return found


def wrapped(text: str, width: int, most: int | None = None) -> list[str]:
    """The rows of a text themselves; with `most`, no more than that, the last one ending in an ellipsis."""
    whole = [text[start:end] for start, end in rows(text, width)]
    if most is None or len(whole) <= most:
        return whole
    return [*whole[: most - 1], cut(f"{whole[most - 1]} {whole[most]}", width)]


def _fitting(text: str, start: int, stop: int, width: int) -> int:
    """Where the longest beginning of text[start:stop] ends that takes at most `width` cells."""
    used = 0
    for i in range(start, stop):
        used += cell_len(text[i])
        if used > width:
            return i
    return stop
