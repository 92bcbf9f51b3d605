"""The PRISMA 2020 flow diagram for updated reviews, as SVG with real text. Same counts, same bytes.

Layout of Page et al., BMJ 2021;372:n71, Figure 1 ("updated systematic reviews"), with three additions of this project:
dashed boxes for what still awaits people, a line for records of reports of the previous version, and boxes of removal
and screening in the arm of other methods too, since the abstracts of a conference are searched and screened as a
database is. A main box is as tall as the boxes beside it, so that each row reads as a subtraction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from analysis.escape import clean, text
from analysis.prisma import Flow
from analysis.prisma_boxes import (
    HEADS,
    NBSP,
    NO_REASONS,
    Box,
    Row,
    arms,
    description,
    included_boxes,
    previous_box,
    rows_of,
)  # fmt: skip

# All lengths are in px at 96 dpi; the page is 1047 px wide on A4 landscape with margins of 10 mm.
FONT, LINE, PAD = 12.0, 16.0, 8.0
MAIN, SIDE, PREVIOUS = 186.0, 200.0, 158.0
GAP, ROW_GAP, STACK_GAP = 26.0, 26.0, 10.0
PHASE, MARGIN, HEAD = 24.0, 12.0, 34.0
PHASE_MIN = 70.0  # "Included", standing upright
TITLE_FONT, CAPTION_FONT, CAPTION_LINE = 15.0, 11.0, 15.0
BOLD = 1.14  # DejaVu Sans Bold is 13% wider than the book weight

INK, EDGE, PAPER, FILL, HEAD_FILL, PHASE_FILL, WAITING = (
    "#1a1a1a", "#44546a", "#ffffff", "#f6f8fb", "#fbe6a2", "#cfe2f3", "#fff8e6",
)  # fmt: skip
FAMILY = "Arial, 'Liberation Sans', Helvetica, 'DejaVu Sans', sans-serif"
# Widths in hundredths of the font size of the characters from space to "~" in DejaVu Sans, the widest font that a
# browser falls back to: what fits in it fits in Arial, which is a tenth narrower.
_WIDTHS = (
    32, 40, 46, 84, 64, 95, 78, 27, 39, 39, 50, 84, 32, 36, 32, 34, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 34, 34, 84,
    84, 84, 53, 100, 68, 69, 70, 77, 63, 58, 77, 75, 30, 30, 66, 56, 86, 75, 79, 59, 79, 69, 63, 61, 73, 68, 99, 68, 61,
    68, 39, 34, 39, 84, 50, 50, 61, 63, 55, 63, 62, 35, 63, 63, 28, 28, 58, 28, 97, 63, 61, 63, 63, 39, 52, 39, 63, 59,
    82, 59, 59, 52, 64, 34, 64, 84,
)  # fmt: skip
_OTHER = 102  # any other character: as wide as a Chinese one


@dataclass(slots=True)
class _Drawing:
    boxes: list[Box] = field(default_factory=list)
    paths: list[list[tuple[float, float]]] = field(default_factory=list)  # arrows; the last point has the head
    heads: list[tuple[float, float, str]] = field(default_factory=list)  # x, width, words
    phases: list[tuple[float, float, str]] = field(default_factory=list)  # y, height, words


def prisma_svg(flow: Flow, *, title: str, caption: str, link: str = "", reasons: Mapping[str, str] = NO_REASONS) -> str:
    """Draw the counts. Each box links to "{link}#box-…"; `reasons` gives the words of the codes of exclusion."""
    width = _width(flow)
    drawing = _Drawing()
    heading = _wrap([title], width - 2 * MARGIN, TITLE_FONT, BOLD)
    top = MARGIN + TITLE_FONT * 1.4 * len(heading) + 8
    bottom = _lay_out(drawing, flow, reasons, top)
    small = _wrap([caption], width - 2 * MARGIN, CAPTION_FONT)
    height = bottom + 22 + CAPTION_LINE * len(small) + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(width)} {_n(height)}" width="{_n(width)}"'
        f' height="{_n(height)}" class="prisma" role="group" aria-labelledby="prisma-title prisma-desc"'
        f' font-family="{text(FAMILY)}" font-size="{_n(FONT)}" fill="{INK}">',
        f'<title id="prisma-title">{text(title)}</title>',
        f'<desc id="prisma-desc">{text(description(flow))}</desc>',
        f'<rect width="{_n(width)}" height="{_n(height)}" fill="{PAPER}"/>',
        *_text(heading, MARGIN, MARGIN, TITLE_FONT, TITLE_FONT * 1.4, ' font-weight="bold"'),
        *(_head_bar(*head, top) for head in drawing.heads),
        *(_phase_bar(*phase) for phase in drawing.phases),
        *(_arrow(path) for path in drawing.paths),
        *(_box(box, link) for box in drawing.boxes),
        *_text(small, MARGIN, bottom + 18, CAPTION_FONT, CAPTION_LINE, ""),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


# Places ----------------------------------------------------------------------------------------------------------


def _first_x(flow: Flow) -> float:
    """Where the first arm (or, without arms, the included box) begins."""
    return MARGIN + PHASE + GAP / 2 + (PREVIOUS + GAP if previous_box(flow) is not None else 0.0)


def _arm_width() -> float:
    return MAIN + GAP + SIDE


def _width(flow: Flow) -> float:
    columns = max(len(arms(flow)), 1)
    return _first_x(flow) + columns * _arm_width() + (columns - 1) * GAP + MARGIN


def _lay_out(drawing: _Drawing, flow: Flow, reasons: Mapping[str, str], top: float) -> float:
    """Place everything below `top`; returns the lower edge."""
    y = top + HEAD + ROW_GAP * 0.7
    columns = [(side, rows_of(side, flow.arms[side], reasons)) for side in arms(flow)]
    starts = [_first_x(flow) + i * (_arm_width() + GAP) for i in range(len(columns))]
    drawing.heads = [(x, _arm_width(), HEADS[side]) for x, (side, _) in zip(starts, columns, strict=True)]
    before = previous_box(flow)
    lowest = y
    if before is not None:
        x = MARGIN + PHASE + GAP / 2
        drawing.heads.insert(0, (x, PREVIOUS, "Previous studies"))
        before = _placed(before, x, y, PREVIOUS)
        drawing.boxes.append(before)
        lowest = before.bottom
    rows = [[found[i] for _, found in columns] for i in range(4)] if columns else []
    feet: list[Box] = []
    phase_top = y
    for i, row in enumerate(rows):
        height = max(_row_height(one) for one in row)
        mains = [_place_row(drawing, one, x, y, height) for one, x in zip(row, starts, strict=True)]
        for upper, lower in zip(feet, mains, strict=False):
            drawing.paths.append([(_middle(upper), upper.bottom), (_middle(lower), lower.y)])
        feet = mains
        if i == 0:
            drawing.phases.append((phase_top, height, "Identification"))
            phase_top = y + height + ROW_GAP
        y += height + ROW_GAP
    if rows:
        drawing.phases.append((phase_top, y - ROW_GAP - phase_top, "Screening"))
    y = max(y, lowest + ROW_GAP)
    return _lay_included(drawing, flow, before, feet, y)


def _lay_included(drawing: _Drawing, flow: Flow, before: Box | None, feet: Sequence[Box], y: float) -> float:
    """The included box under the first arm; below it the total, and beside that what awaits its study."""
    x = _first_x(flow)
    first, *below = included_boxes(flow)
    new = _placed(first, x, y, _arm_width())
    drawing.boxes.append(new)
    _join_feet(drawing, feet, new)
    low = new.bottom
    for box in below:
        left, width = (x, MAIN) if box.id == "box-total" else (x + MAIN + GAP, SIDE)
        placed = _placed(box, left, new.bottom + ROW_GAP, width)
        drawing.boxes.append(placed)
        drawing.paths.append([(_middle(placed), new.bottom), (_middle(placed), placed.y)])
        low = max(low, placed.bottom)
        if box.id == "box-total" and before is not None:
            level = placed.y + placed.height / 2
            drawing.paths.append([(_middle(before), before.bottom), (_middle(before), level), (placed.x, level)])
    low = max(low, y + PHASE_MIN)
    drawing.phases.append((y, low - y, "Included"))
    return low


def _join_feet(drawing: _Drawing, feet: Sequence[Box], included: Box) -> None:
    """From the last box of each arm into the included box: straight down, or down and in from the right."""
    for i, foot in enumerate(feet):
        x = _middle(foot)
        if i == 0:
            drawing.paths.append([(x, foot.bottom), (x, included.y)])
        else:
            level = included.y + included.height / 2
            drawing.paths.append([(x, foot.bottom), (x, level), (included.right, level)])


def _place_row(drawing: _Drawing, row: Row, x: float, y: float, height: float) -> Box:
    main = replace(_placed(row.main, x, y, MAIN), height=height)
    drawing.boxes.append(main)
    for box in row.side:
        placed = _placed(box, x + MAIN + GAP, y, SIDE)
        drawing.boxes.append(placed)
        level = placed.y + placed.height / 2
        drawing.paths.append([(main.right, level), (placed.x, level)])
        y = placed.bottom + STACK_GAP
    return main


def _placed(box: Box, x: float, y: float, width: float) -> Box:
    lines = _wrap(box.lines, width - 2 * PAD, FONT)
    return replace(box, lines=tuple(lines), x=x, y=y, width=width, height=len(lines) * LINE + 2 * PAD)


def _row_height(row: Row) -> float:
    main = _placed(row.main, 0, 0, MAIN).height
    stack = sum(_placed(box, 0, 0, SIDE).height for box in row.side) + STACK_GAP * (len(row.side) - 1)
    return max(main, stack)


def _middle(box: Box) -> float:
    return box.x + box.width / 2


# Text ------------------------------------------------------------------------------------------------------------


def text_width(words: str, size: float = FONT) -> float:
    """Width in px of `words`, generously: in the widest of the fonts that a browser may take."""
    hundredths = sum(_WIDTHS[ord(c) - 32] if " " <= c <= "~" else 32 if c == NBSP else _OTHER for c in words)
    return hundredths * size / 100


def _wrap(lines: Sequence[str], room: float, size: float, factor: float = 1.0) -> list[str]:
    """Each of `lines` broken at spaces (a no-break space is none); two leading spaces indent all that follows."""
    found = []
    for line in lines:
        indent = "  " if line.startswith("  ") else ""
        current = ""
        for word in _words(" ".join(clean(line).split(" ")), (room - text_width(indent, size)) / factor, size):
            longer = f"{current} {word}" if current else word
            if current and text_width(indent + longer, size) * factor > room:
                found.append(indent + current)
                current = word
            else:
                current = longer
        found.append(indent + current)
    return found


def _words(line: str, room: float, size: float) -> list[str]:
    """The words of a line; one that is wider than the room is cut."""
    words = []
    for word in line.replace("\n", " ").replace("\t", " ").split(" "):
        while text_width(word, size) > room:
            cut = next(i for i in range(len(word), 0, -1) if i == 1 or text_width(word[:i], size) <= room)
            words.append(word[:cut])
            word = word[cut:]
        if word:
            words.append(word)
    return words


# SVG -------------------------------------------------------------------------------------------------------------


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _text(lines: Sequence[str], x: float, y: float, size: float, step: float, style: str) -> list[str]:
    """Lines below `y`, left aligned at `x`."""
    found = []
    for i, line in enumerate(lines):
        indent = text_width("  ") if line.startswith("  ") else 0.0
        base = y + size * 0.95 + i * step
        font = "" if size == FONT else f' font-size="{_n(size)}"'
        found.append(f'<text x="{_n(x + indent)}" y="{_n(base)}"{font}{style}>{text(line.strip(" "))}</text>')
    return found


def _box(box: Box, link: str) -> str:
    dash = ' stroke-dasharray="5 4"' if box.waiting else ""
    fill = WAITING if box.waiting else FILL
    words = "\n".join(_text(box.lines, box.x + PAD, box.y + PAD, FONT, LINE, ""))
    return (
        f'<a href="{text(link)}#{text(box.id)}">\n<rect x="{_n(box.x)}" y="{_n(box.y)}" width="{_n(box.width)}"'
        f' height="{_n(box.height)}" fill="{fill}" stroke="{EDGE}"{dash}/>\n{words}\n</a>'
    )


def _head_bar(x: float, width: float, words: str, y: float) -> str:
    lines = _wrap([words], width - 2 * PAD, FONT, BOLD)
    start = y + (HEAD - len(lines) * LINE) / 2 + 2
    bar = f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(HEAD)}" rx="5" fill="{HEAD_FILL}"/>'
    return "\n".join([bar, *_text(lines, x + PAD, start, FONT, LINE, ' font-weight="bold"')])


def _phase_bar(y: float, height: float, words: str) -> str:
    middle = y + height / 2
    centre = MARGIN + PHASE / 2
    return (
        f'<rect x="{_n(MARGIN)}" y="{_n(y)}" width="{_n(PHASE)}" height="{_n(height)}" rx="5" fill="{PHASE_FILL}"/>\n'
        f'<text transform="translate({_n(centre + FONT * 0.35)} {_n(middle)}) rotate(-90)" text-anchor="middle"'
        f' font-weight="bold">{text(words)}</text>'
    )


def _arrow(path: Sequence[tuple[float, float]]) -> str:
    """A line through the points with a head at the last; the head is drawn, so that every viewer shows it."""
    (x0, y0), (x1, y1) = path[-2:]
    dx, dy = (x1 > x0) - (x1 < x0), (y1 > y0) - (y1 < y0)
    points = " ".join(f"{_n(x)},{_n(y)}" for x, y in path)
    back_x, back_y = x1 - 7 * dx, y1 - 7 * dy
    head = f"{_n(x1)},{_n(y1)} {_n(back_x + 4 * dy)},{_n(back_y + 4 * dx)} {_n(back_x - 4 * dy)},{_n(back_y - 4 * dx)}"
    return (
        f'<polyline points="{points}" fill="none" stroke="{EDGE}" stroke-width="1.2"/>\n'
        f'<polygon points="{head}" fill="{EDGE}"/>'
    )
