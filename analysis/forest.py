"""The forest plot of proportions, as SVG with real text or as PNG. Same input, same bytes.

matplotlib is imported only inside functions (0.5 s) and never through pyplot: no global figure, no display.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal
from xml.sax.saxutils import escape

from analysis.estimates import NotPooled, Pooled
from analysis.forest_lines import Line, description, notes, study_lines, summary_lines
from analysis.forest_text import LONGEST_LABEL, plain, shortened, width, wrap
from db.model import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito's colours, told apart by the colour-blind; shapes differ as well.
BLUE, GREEN, VERMILLION, BLACK, GREY = "#0072B2", "#009E73", "#D55E00", "#000000", "#595959"
# Inches, y downwards from the top edge.
MARGIN, ROW, GAP = 0.25, 0.245, 0.28
PLOT = 3.6  # width of 0 to 100
LABEL_MIN, LABEL_MAX = 1.6, 3.4
COUNT, WEIGHT = 0.55, 0.7  # widths of right-aligned columns
NUMBERS = (0.5, 0.55, 0.47)  # estimate, "[lower,", "upper]": each aligned on its decimal
TITLE_SIZE, TEXT_SIZE, NOTE_SIZE = 11.0, 9.0, 7.5  # points
NOTE_ROW = 0.155
CAP_HEIGHT = 0.73  # of the font's size: what is centred on a line are the capitals, whatever hangs below
INDENT = 0.12
LARGEST_MARKER, SMALLEST_MARKER = 130.0, 14.0  # points squared; below the smallest a marker is not seen
PNG_DPI = 200
BOLD = ("group", "pooled", "sum")
Side = Literal["left", "center", "right"]
SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "forest",
    "path.simplify": False,
    "text.parse_math": False,
    "font.family": ["sans-serif"],
}


def forest_svg(
    rows: Sequence[Row],
    pooled: Pooled | NotPooled,
    *,
    title: str,
    denominator: str,
    reporting: tuple[int, int],
    footnotes: Sequence[str] = (),
    also: Sequence[Pooled] = (),
) -> str:
    """Draw `rows` and what was `pooled` from them; `also` are other models' estimates of the same rows.

    `denominator` names whom n counts ("patients infused"); `reporting` is (studies reporting, studies included).
    ValueError if there are no rows or `pooled` has weights for other rows.
    """
    buffer = io.StringIO()
    with _settings():
        figure = _draw(rows, pooled, title, denominator, reporting, footnotes, also)
        metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
        figure.savefig(buffer, format="svg", metadata=metadata)
    return _with_description(buffer.getvalue(), title, description(rows, pooled, denominator))


def forest_png(
    rows: Sequence[Row],
    pooled: Pooled | NotPooled,
    *,
    title: str,
    denominator: str,
    reporting: tuple[int, int],
    footnotes: Sequence[str] = (),
    also: Sequence[Pooled] = (),
) -> bytes:
    """As `forest_svg`, as PNG at PNG_DPI."""
    buffer = io.BytesIO()
    with _settings():
        figure = _draw(rows, pooled, title, denominator, reporting, footnotes, also)
        figure.savefig(buffer, format="png", dpi=PNG_DPI, metadata={"Software": None})
    return buffer.getvalue()


@contextmanager
def _settings() -> Iterator[None]:
    """matplotlib's own defaults and ours, whatever the user's matplotlibrc says.

    A letter that the font lacks (a Chinese name, say) is a box in the PNG and itself in the SVG: no warning.
    """
    from matplotlib import style

    with style.context(["default", SETTINGS]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def _with_description(svg: str, title: str, words: str) -> str:
    """The SVG with <title> and <desc> that screen readers read out."""
    named = f"<title>{escape(plain(title))}</title>\n <desc>{escape(plain(words))}</desc>\n"
    return re.sub(r"(<svg [^>]*)>\n", lambda found: f'{found[1]} role="img">\n {named}', svg, count=1)


class _Layout:
    """Where the columns stand (inches from the left), for these labels and with or without weights."""

    def __init__(self, lines: Sequence[Line], weighted: bool) -> None:
        widest = max(
            width(line.label[:LONGEST_LABEL], TEXT_SIZE, line.kind in BOLD) for line in lines if line.kind != "text"
        )
        self.label = MARGIN
        self.label_width = min(max(widest + INDENT, LABEL_MIN), LABEL_MAX)
        self.events = MARGIN + self.label_width + COUNT
        self.total = self.events + COUNT
        self.zero = self.total + GAP
        self.hundred = self.zero + PLOT
        self.weight = self.hundred + (GAP / 2 + WEIGHT if weighted else 0.0)
        self.numbers = [self.weight + GAP / 2 + sum(NUMBERS[: i + 1]) for i in range(len(NUMBERS))]
        self.width = self.numbers[-1] + MARGIN

    def at(self, percent: float) -> float:
        return self.zero + PLOT * percent / 100


def _draw(
    rows: Sequence[Row],
    pooled: Pooled | NotPooled,
    title: str,
    denominator: str,
    reporting: tuple[int, int],
    footnotes: Sequence[str],
    also: Sequence[Pooled],
) -> Figure:
    if not rows:
        raise ValueError("a forest plot needs at least one row")
    studies, summary = study_lines(rows, pooled), summary_lines(pooled, also)
    layout = _Layout([*studies, *summary], isinstance(pooled, Pooled) and pooled.weights is not None)
    k, included = reporting
    subtitle = f"n: {denominator} · {k} of {included} included studies report this outcome"
    room = layout.width - 2 * MARGIN
    heads = [(part, TITLE_SIZE, True) for part in wrap(title, room, TITLE_SIZE, bold=True)]
    heads += [(part, TEXT_SIZE, False) for part in wrap(subtitle, room, TEXT_SIZE)]
    small = wrap(" ".join([*notes(rows, pooled, also), *footnotes]), room, NOTE_SIZE)
    top = MARGIN + ROW * (len(heads) + 0.4)
    first = top + ROW * 1.3
    axis = first + ROW * (len(studies) + len(summary) + 0.4)
    below = axis + 0.62
    figure, axes = _canvas(layout.width, below + NOTE_ROW * len(small) + MARGIN * 0.6)
    for i, (part, size, bold) in enumerate(heads):
        _say(axes, MARGIN, MARGIN + ROW * i, part, size=size, bold=bold)
    _column_heads(axes, layout, top, f"{_level_of(pooled)} CI")
    _axis(axes, layout, axis, denominator)
    for i, line in enumerate([*studies, *summary]):
        y = first + ROW * (i + (0.2 if i >= len(studies) else 0))
        _line(axes, layout, line, y)
        if line.kind == "pooled" and line.centre is not None:  # the estimate, carried up through the studies
            x = layout.at(line.centre)
            axes.plot([x, x], [top + ROW * 0.6, y], ls=(0, (1, 2)), lw=0.9, color=GREY, zorder=1)
    for i, part in enumerate(small):
        _say(axes, MARGIN, below + NOTE_ROW * i, part, size=NOTE_SIZE, color=GREY)
    return figure


def _level_of(pooled: Pooled | NotPooled) -> str:
    return f"{pooled.level:.0%}" if isinstance(pooled, Pooled) else "95%"


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure with one plain axes whose units are inches, y downwards."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    return figure, axes


def _column_heads(axes: Axes, layout: _Layout, y: float, interval: str) -> None:
    _say(axes, layout.label, y, "Study", bold=True)
    heads = [(layout.events, "Events"), (layout.total, "n"), (layout.numbers[-1], f"% [{interval}]")]
    if layout.weight > layout.hundred:
        heads.append((layout.weight, "Weight %"))
    for x, words in heads:
        _say(axes, x, y, words, side="right", bold=True)
    rule = y + ROW * 0.6
    axes.plot([MARGIN, layout.width - MARGIN], [rule, rule], lw=0.8, color=BLACK)


def _axis(axes: Axes, layout: _Layout, y: float, denominator: str) -> None:
    axes.plot([layout.zero, layout.hundred], [y, y], lw=0.9, color=BLACK, solid_capstyle="butt")
    for percent in range(0, 101, 20):
        x = layout.at(percent)
        axes.plot([x, x], [y, y + 0.05], lw=0.9, color=BLACK)
        _say(axes, x, y + 0.15, str(percent), side="center")
    _say(axes, layout.at(50), y + 0.35, f"% of {denominator}", side="center")


def _line(axes: Axes, layout: _Layout, line: Line, y: float) -> None:
    if line.kind == "text":
        _say(axes, layout.label, y, line.label, size=NOTE_SIZE, color=GREY)
        return
    bold = line.kind in BOLD
    indent = INDENT if line.kind in ("study", "second-hand") else 0.0
    label = shortened(line.label, layout.label_width - indent, TEXT_SIZE)
    _say(axes, layout.label + indent, y, label, bold=bold)
    cells = [(layout.events, line.events), (layout.total, line.total), (layout.weight, line.weight)]
    for x, words in [*cells, *zip(layout.numbers, line.numbers, strict=True)]:
        if words:
            _say(axes, x, y, words, side="right", bold=bold)
    _mark(axes, layout, line, y)


def _mark(axes: Axes, layout: _Layout, line: Line, y: float) -> None:
    """Interval and marker of a study, diamond of a pool, bar of a prediction interval; nothing for a sum."""
    low, high = layout.at(line.low), layout.at(line.high)
    if line.kind == "prediction":
        axes.plot([low, high], [y, y], lw=3.2, color=VERMILLION, solid_capstyle="butt", zorder=3)
        for x in (low, high):
            axes.plot([x, x], [y - 0.06, y + 0.06], lw=1.4, color=VERMILLION, zorder=3)
        return
    if line.centre is None:
        return
    centre = layout.at(line.centre)
    if line.kind in ("pooled", "also"):
        face = VERMILLION if line.kind == "pooled" else "white"
        corners_x, corners_y = [low, centre, high, centre], [y, y - 0.08, y, y + 0.08]
        axes.fill(corners_x, corners_y, facecolor=face, edgecolor=VERMILLION, lw=1.0, zorder=4)
        return
    axes.plot([low, high], [y, y], lw=1.2, color=BLACK, solid_capstyle="butt", zorder=2)
    area = max(LARGEST_MARKER * line.share, SMALLEST_MARKER)
    marker, colour = ("o", GREEN) if line.kind == "second-hand" else ("s", BLUE)
    axes.scatter([centre], [y], s=area, marker=marker, color=colour, linewidths=0, zorder=3, clip_on=False)


def _say(
    axes: Axes,
    x: float,
    y: float,
    words: str,
    *,
    size: float = TEXT_SIZE,
    side: Side = "left",
    bold: bool = False,
    color: str = BLACK,
) -> None:
    """Text whose capitals are centred on `y`; every line has one baseline, whatever its letters."""
    baseline = y + CAP_HEIGHT * size / 72 / 2
    weight = "bold" if bold else "normal"
    axes.text(x, baseline, plain(words), size=size, weight=weight, ha=side, va="baseline", color=color)
