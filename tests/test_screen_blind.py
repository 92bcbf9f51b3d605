"""Nothing on one reviewer's screen, nor the order of the queue, differs whatever another said in an open round."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db import seat
from db.records import RunNote, store_run
from lsr.screens import child
from lsr.screens.session import Session
from lsr.workflow import judge
from lsr.workflow.folder import Open, open_review
from tests.scene import RECORDS, REPORTS, SEARCHED, A, B, C, searched, taken_back, vote
from tests.screen_pilot import play, seen

# A failing example is to be shown, however long the review in it prints.
pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
VERDICTS = st.sampled_from(("include", "exclude", "unsure"))
MORE = tuple(
    replace(RECORDS[0], native_id=f"91{n:02}", pmid=f"91{n:02}", title=title, abstract=f"{title}. " * 3)
    for n, title in enumerate(["cells infused in patients", "mice given a drug"] * 8)
)
CLOSED, OPEN = [r.id for r in MORE[:12]], [r.id for r in MORE[12:]]


@pytest.fixture
def opened(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """Twelve closed items to learn from, and a dozen open ones."""
    with open_review(searched(tmp_path_factory, tmp_path / "review")) as found:
        with found.review.transaction():
            store_run(found.review, RunNote("pubmed", "databases", "q", SEARCHED, None), MORE)
            for i, report in enumerate(CLOSED):
                vote(found, report, "title-abstract", *(["exclude" if i % 2 else "include"] * 2))
        yield found


def cast(opened: Open, who: str, said: list[str]) -> None:
    for report, verdict in zip([*REPORTS, *OPEN], said, strict=True):
        reason = "X01_not_primary" if verdict == "exclude" else None
        judge.vote(opened, report, "title-abstract", who, verdict, reason, f"I say {verdict}")  # type: ignore[arg-type]


def sitting(opened: Open, keys: list[str]) -> list[str]:
    """Every frame of B's sitting."""
    frames: list[str] = []
    play(opened, keys, B, after=lambda app, session: frames.append(seen(app)))
    return frames


def test_nothing_on_the_second_screen_differs_whatever_the_first_said(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through votes that close items too, searches, notes, undoing. The order has tests of its own, below."""
    monkeypatch.setattr(Session, "learn", lambda self: None)
    keys = ["i", "3", "z", "[", "n", "x", "enter", "]", "/", "o", "f", "enter", "e", "?", "q"]
    frames = []
    for n in range(3):
        with taken_back(opened):
            cast(opened, A, [("include", "exclude", "unsure")[(n + i * (n % 2)) % 3] for i in range(12)])
            frames.append(sitting(opened, keys))
    assert frames[0] == frames[1] == frames[2]


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=st.lists(VERDICTS, min_size=12, max_size=12))
def test_the_order_is_the_same_before_and_after_anothers_open_votes(opened: Open, said: list[str]) -> None:
    def order() -> tuple[list[str], dict[str, float], int]:
        found = child.rank(opened, "title-abstract", B, "relevance")
        return list(found.order), found.words, found.learned

    with taken_back(opened):
        before = order()
        assert before[2] > len(CLOSED)  # it has learnt: from the closed ones, and the previous version's
        cast(opened, A, said)
        assert order() == before


def test_what_is_learnt_from_is_own_and_closed_and_nothing_else(opened: Open) -> None:
    connection = opened.review.connection

    def learnt(who: str) -> dict[str, bool]:
        known = seat.labels(connection, "title-abstract", who)
        return {report: known[report] for report in known if not report.startswith("previous:")}

    closed = {report: i % 2 == 0 for i, report in enumerate(CLOSED)}
    assert learnt(A) == learnt(B) == closed
    cast(opened, A, ["include"] * 6 + ["exclude"] * 5 + ["unsure"])
    own = dict.fromkeys([*REPORTS[:6]], True) | dict.fromkeys([*REPORTS[6:], *OPEN[:3]], False)
    assert learnt(A) == closed | own
    assert learnt(B) == closed
    judge.reopen(opened, CLOSED[0], "title-abstract", A, "a correction")
    judge.vote(opened, CLOSED[0], "title-abstract", A, "exclude")  # open again: the closed word stands
    assert learnt(B) == closed
    judge.vote(opened, REPORTS[0], "title-abstract", B, "exclude")  # closed now: one include carries it on
    assert learnt(C) == closed | {REPORTS[0]: True}


def test_the_quick_queue_is_part_of_the_whole_one(opened: Open) -> None:
    connection = opened.review.connection
    cast(opened, A, ["include", "exclude"] * 6)
    judge.withdraw(opened, REPORTS[0], "title-abstract", A)
    judge.reopen(opened, CLOSED[3], "title-abstract", A, "a correction")
    for who in (A, B, C):
        whole = seat.waiting(connection, "title-abstract", who, 2)
        quick = seat.surely_waiting(connection, who, 2)
        assert set(quick) <= set(whole)
        assert len(quick) == len(set(quick))
    assert set(seat.surely_waiting(connection, B, 2)) == {*REPORTS, *OPEN}
    assert CLOSED[3] in seat.waiting(connection, "title-abstract", B, 2)
