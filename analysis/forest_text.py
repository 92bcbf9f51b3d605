"""Text of a forest plot before it is drawn: its width, where a line breaks, where a label is cut.

To be called inside forest's settings: the width is that of the font they name.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, takewhile

from analysis.forest_lines import COMPOSED_MARK

LONGEST_LABEL = 100  # letters: more do not fit a plot's widest label, and measuring them takes time
SLACK = 0.97  # text is set up to 2 % wider on a screen's pixel grid than it measures
# Measured words that are kept: the plots of a site say the same ones, some 1,500 with a hundred studies.
REMEMBERED = 4096


def plain(words: str) -> str:
    """`words` without control and other invisible characters, which no SVG may hold."""
    return "".join(" " if unicodedata.category(letter).startswith("C") else letter for letter in words)


@lru_cache(maxsize=REMEMBERED)
def width(words: str, size: float, bold: bool = False) -> float:
    """Width of `words` in inches, in the font that is drawn with. Measuring is most of a plot's time."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family="sans-serif", size=size, weight="bold" if bold else "normal")
    measured = text_to_path.get_text_width_height_descent(plain(words), font, ismath=False)
    return float(measured[0]) / 72 / SLACK


def shortened(words: str, room: float, size: float) -> str:
    """`words`, cut with an ellipsis where they would run into the next column; the mark at the end is kept."""
    if len(words) <= LONGEST_LABEL and width(words, size) <= room:
        return words
    mark = COMPOSED_MARK if words.endswith(COMPOSED_MARK) else ""
    kept = words.removesuffix(mark)[:LONGEST_LABEL]
    too_long = bisect(range(1, len(kept) + 1), room, key=lambda length: width(f"{kept[:length]}…{mark}", size))
    return f"{kept[:too_long].rstrip()}…{mark}"


def wrap(words: str, room: float, size: float, *, bold: bool = False) -> list[str]:
    """`words` in lines no wider than `room` inches, each with as many words as it can hold, and at least one."""
    left, lines = words.split(), []
    while left:
        count = _guess(left, room, size, bold)
        while count < len(left) and width(" ".join(left[: count + 1]), size, bold) <= room:
            count += 1
        while count > 1 and width(" ".join(left[:count]), size, bold) > room:
            count -= 1
        lines.append(" ".join(left[:count]))
        left = left[count:]
    return lines or [""]


def _guess(words: Sequence[str], room: float, size: float, bold: bool) -> int:
    """How many of `words` a line holds by the sum of their widths: one or two off, for letters lean on each other."""
    space = width("n n", size, bold) - width("nn", size, bold)
    ends = accumulate(width(word, size, bold) + space for word in words)
    return max(1, sum(1 for _ in takewhile(lambda end: end - space <= room, ends)))
