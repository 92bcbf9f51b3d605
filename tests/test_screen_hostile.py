"""Whatever a source prints, the screen shows it as text: no escape, markup, direction or length gets through."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from db.model import Author, Record
from db.records import RunNote, store_run
from db.specs import ScreenSpec
from lsr.screens.app import ReviewerScreen
from lsr.screens.session import Session
from lsr.screens.text import cut, one_line, rows, wrapped
from lsr.screens.view import body_rows, panel
from lsr.workflow.folder import Open, open_review
from tests.conftest import Command
from tests.scene import RECORDS, SEARCHED, A, searched
from tests.screen_pilot import SMALL, play
from tests.screen_pilot import rows as terminal

ESCAPES = "\x1b[2J\x1b]0;owned\x07\x9b31m\x00\x08\r\x7f\u202eolleh\u202c"
MARKUP = "[bold red]not bold[/] [@click=app.exit]no link[/] [/] [b $x \\[ {x} </b> &amp;"
ARABIC, HEBREW = "علاج الخلايا التائية", "טיפול בתאי T ללוקמיה"
CASES = {
    "escape sequences": (ESCAPES, f"One {ESCAPES}\nTwo {ESCAPES}"),
    "markup": (MARKUP, MARKUP),
    "right to left": (f"{ARABIC}: {HEBREW}", f"{ARABIC} CD7 {HEBREW}. " * 20),
    "nothing": ("", ""),
    "spaces alone": (" \t\u00a0\u2003\n", "\n\n \n"),
    "100,000 characters": ("word " * 20_000, "A sentence of some words. " * 4_000),
    "100,000 characters without a space": ("x" * 100_000, "".join(f"界{n}" for n in range(18_000))),
    "marks on marks": ("e" + "\u0301" * 500, "Z\u0335\u0336\u0337" * 300),
}
SCREEN = ScreenSpec(("CD7",), ("mouse",))


@pytest.fixture
def opened(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    with open_review(searched(tmp_path_factory, tmp_path / "review")) as found:
        yield found


def bring(opened: Open, title: str, abstract: str, **more: object) -> Record:
    """A record that stands first in the queue."""
    record = replace(
        RECORDS[0], native_id="1", pmid="", title=title, abstract=abstract, journal=title[:200],
        authors=(Author(title[:200], title[:20]),) * 9, publication_types=(title[:200],), **more,
    )  # type: ignore[arg-type]  # fmt: skip
    with opened.review.transaction():
        store_run(opened.review, RunNote("pubmed", "databases", "q", SEARCHED, None), (record,))
    return record


def harmless(app: ReviewerScreen) -> None:
    frame = terminal(app)
    assert [cell_len(row) for row in frame] == [SMALL[0]] * SMALL[1]
    for row in frame:
        assert {c for c in row if not c.isprintable()} <= {"\u2068", "\u2069"}, row
        assert row.count("\u2068") == row.count("\u2069"), row
    assert frame[23].startswith(" I include E exclude")


@pytest.mark.parametrize("name", CASES)
def test_it_is_shown_harmlessly_and_can_be_voted_on(opened: Open, name: str) -> None:
    record = bring(opened, *CASES[name])
    frames: list[str] = []

    def look(app: ReviewerScreen, session: Session) -> None:
        harmless(app)
        frames.append("\n".join(terminal(app)))
        assert session.lineup.current == (record.id if len(frames) < 5 else RECORDS[0].id)

    play(opened, ["pagedown", "space", "up", "i"], after=look)
    if name == "markup":
        assert "[bold red]not bold[/] [@click=app.exit]no" in frames[0]
        assert "[b $x \\[ {x} </b> &amp;" in frames[0].replace("\n", " ")
    if name == "right to left":
        assert ARABIC in frames[0]
    if name == "nothing":
        assert "(no title)" in frames[0]
        assert "(no abstract)" in frames[0]
    if "100,000" in name:
        assert frames[1] != frames[0]  # it scrolls


def test_the_plain_screen_too(opened: Open, lsr: Command) -> None:
    for title, abstract in CASES.values():
        bring(opened, title, abstract)
        ran = lsr("screen", "--reviewer", A, "--plain", "--review", opened.review.folder, stdin="?\nq\n")
        assert ran.code == 0
        assert {c for c in ran.out + ran.err if not c.isprintable()} <= {"\n", "\u2068", "\u2069"}
        assert all(row.count("\u2068") == row.count("\u2069") for row in ran.out.splitlines())


TEXTS = st.text(st.sampled_from("ab CD7mouse-界\n\t\u05d0é\u0301[") | st.characters(), max_size=120)


@settings(max_examples=150, deadline=None)
@given(text=TEXTS, width=st.integers(1, 30))
def test_rows_lose_no_letter_and_fit(text: str, width: int) -> None:
    clean = one_line(text)
    made = wrapped(clean, width)
    assert "".join("".join(made).split()) == "".join(clean.split())
    assert all(cell_len(row) <= max(width, 2) for row in made)  # a sign of two cells does not fit one
    assert cell_len(cut(clean, width)) <= width
    assert all(a < b for a, b in rows(clean, width)) or not clean


@settings(max_examples=150, deadline=None)
@given(text=TEXTS, width=st.integers(2, 30))
def test_marking_terms_changes_no_row(text: str, width: int) -> None:
    from lsr.cli.common import clean

    text = clean(text)
    marked = ["".join(piece for piece, _ in row).strip("\u2068\u2069") for row in body_rows(text, SCREEN, width)]
    assert marked == wrapped(text, width)


@settings(max_examples=50, deadline=None)
@given(
    items=st.lists(st.text(min_size=1, max_size=90), max_size=12),
    width=st.integers(20, 50),
    height=st.integers(1, 40),
)
def test_the_panel_fits_and_names_every_reason_where_there_is_room(items: list[str], width: int, height: int) -> None:
    made = panel(items, items, width, height)
    assert len(made) <= height
    assert all(cell_len(row) <= width for row in made)
    if height >= 2 * max(len(items), 1) + 3:
        bare = [row.strip("\u2068\u2069").split() for row in made]  # right-to-left text stands in isolates
        begins = {words[0] for words in bare if words}  # a long word goes below its number
        assert {str(i) for i in range(1, len(items) + 1)} <= begins
