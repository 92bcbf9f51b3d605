"""The screen as it looks, kept in tests/snapshots as text. LSR_SNAPSHOTS=write makes them anew: then look at them."""

from __future__ import annotations

import html
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from db.model import Author, Record
from db.records import RunNote, store_run
from lsr.demo import demo_protocol, demo_template
from lsr.workflow import folder as folders
from lsr.workflow.folder import Open, open_review
from lsr.workflow.settle import settle
from tests.scene import A
from tests.screen_pilot import LARGE, SMALL, play

TITLE = "lsr screen: a made-up record"
KEPT = Path(__file__).parent / "snapshots"
# Made up for these pictures: no such report exists.
MADE_UP = Record(
    "pubmed", "99000001", "An invented phase 1 trial of donor-derived CD7 CAR-T cells in relapsed or refractory T-ALL",
    "BACKGROUND: This report is made up to show the screen; nobody was treated. METHODS: Twelve imagined patients "
    "with relapsed or refractory T-ALL were to be infused with anti-CD7 CAR-T cells in a phase 1 design. Work in "
    "a xenograft mouse model had gone before. RESULTS: Since no trial took place there is no complete remission "
    "to count, and no cytokine release syndrome. The sentences that follow only make the text long enough to "
    "scroll. A screen must keep its regions where they are, however long an abstract is. The criteria and the "
    "reasons stand beside it all the time. A key decides, the vote is on disk, and the next record stands there. "
    "CONCLUSIONS: Layouts should not jump.",
    (Author("Example", "A"), Author("Sample", "B"), Author(collective="The Invented Study Group")), 2026,
    journal="Journal of Invented Trials", doi="10.5555/invented.1", pmid="99000001", language="eng",
    publication_types=("Journal Article", "Clinical Trial, Phase I"), registry_ids=("NCT99999999",),
    composed="made up for a picture",
)  # fmt: skip
OTHERS = tuple(
    replace(MADE_UP, native_id=f"9900010{n}", pmid=f"9900010{n}", doi=f"10.5555/other.{n}", title=title, abstract="",
            registry_ids=())
    for n, title in enumerate(("An invented review", "Invented mice", "Something invented and else"))
)  # fmt: skip


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    folder = tmp_path / "review"
    folders.init(folder, demo_template(), protocol_text=lambda _: demo_protocol())
    with open_review(folder) as found:
        with found.review.transaction():
            note = RunNote("pubmed", "databases", "q", "2026-11-16T06:00:00Z", None)
            settle(found, store_run(found.review, note, (MADE_UP, *OTHERS)).new)
        yield found


SCENES = {
    "first": [], "voted": ["i", "4"], "back": ["u", "left"], "note": ["n", *"why"], "help": ["?"],
    "scrolled": ["pagedown"], "end": list("iiii"),
}  # fmt: skip


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])
@pytest.mark.parametrize("name", SCENES)
def test_it_looks_as_it_did(opened: Open, name: str, size: tuple[int, int]) -> None:
    path = KEPT / f"screen-{name}-{size[0]}x{size[1]}.txt"
    shown = play(opened, SCENES[name], A, size=size)
    if os.environ.get("LSR_SNAPSHOTS") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(shown, "utf-8")
    assert shown == path.read_text("utf-8")


def test_the_picture_in_the_docs_shows_the_made_up_record_and_loads_nothing(opened: Open) -> None:
    path = Path(__file__).parents[1] / "docs" / "screen.svg"
    if os.environ.get("LSR_SNAPSHOTS") == "write":
        pictures: list[str] = []
        play(opened, "", A, size=LARGE, after=lambda app, session: pictures.append(app.export_screenshot(title=TITLE)))
        svg = re.sub(r"@font-face \{.*?\}\s*|<!-- .*? -->\s*", "", pictures[0], flags=re.DOTALL)
        path.write_text(svg, "utf-8")
    svg = path.read_text("utf-8")
    assert "https://" not in svg
    words = html.unescape(re.sub(r"<[^>]*>", " ", svg)).replace("\u00a0", " ")
    for told in (TITLE, "An invented phase 1 trial", "EXCLUDE WITH REASON", "made up for a picture"):
        assert told in words
