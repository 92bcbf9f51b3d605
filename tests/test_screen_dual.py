"""A whole dual review by keys: two reviewers, conflicts, undo, a reopened item; PRISMA balances after every key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.prisma import flow, imbalances
from db import queries
from db.records import RunNote, store_run
from lsr.screens.app import ReviewerScreen
from lsr.screens.session import Session
from lsr.workflow import judge
from lsr.workflow.folder import Open, open_review
from tests.scene import JUDGE, RECORDS, REPORTS, SEARCHED, A, B, C, searched, taken_back
from tests.screen_pilot import play

# A failing example is to be shown, however long the review in it prints.
pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
THIRTY = tuple(
    replace(RECORDS[0], native_id=f"92{n:02}", pmid=f"92{n:02}", title=f"Composed report number {n}") for n in range(30)
)


@pytest.fixture
def opened(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    with open_review(searched(tmp_path_factory, tmp_path / "review")) as found:
        yield found


def balanced(opened: Open) -> None:
    assert imbalances(flow(opened.review.connection)) == []


@pytest.mark.slow
def test_thirty_records_by_two_people_at_both_stages(
    opened: Open, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setattr(Session, "learn", lambda self: None)
    with opened.review.transaction():
        store_run(opened.review, RunNote("pubmed", "databases", "q", SEARCHED, None), THIRTY)
    connection = opened.review.connection

    def look(app: ReviewerScreen, session: Session) -> None:
        balanced(opened)

    total = len(THIRTY) + len(REPORTS)
    keys = {A: "ie3u1iezi[e" + "iesu4" * 9, B: "2iezui3[]i" + "ei5su" * 9}
    for who in (A, B):
        play(opened, keys[who], who, after=look)
        play(opened, "i" * total, who, after=look)
        assert queries.to_vote_on(connection, "title-abstract", who, 2) == []
    on = [r.id for r in THIRTY if queries.verdict_in_force(connection, r.id, "title-abstract") == "include"]
    assert 10 < len(on) < 30
    for report in on:
        judge.retrieve(opened, report, A, got=True)
    play(opened, "i5u" * 4 + "1" + "i" * len(on), A, stage="full-text", after=look)
    play(opened, "5iu" * 4 + "2z1" + "i" * len(on), B, stage="full-text", after=look)
    clashes = queries.conflicts(connection)
    assert clashes
    for report, stage in clashes:
        judge.resolve(opened, report, stage, JUDGE, "include")
        balanced(opened)
    assert queries.conflicts(connection) == []
    again = on[0]
    before = queries.verdict_in_force(connection, again, "full-text")
    judge.reopen(opened, again, "full-text", A, "a correction appeared")
    assert "Reopened: judge it anew" in play(opened, "", A, stage="full-text", after=look)
    play(opened, "5", A, stage="full-text", after=look)
    assert queries.verdict_in_force(connection, again, "full-text") == before
    play(opened, "5", B, stage="full-text", after=look)
    assert queries.verdict_in_force(connection, again, "full-text") == "exclude"


KEYS = st.sampled_from(["i", "e", "u", "1", "5", "s", "z", "[", "]", "n", "reopen", "retrieve", "resolve"])
TURNS = st.lists(
    st.tuples(st.sampled_from((A, B, C)), st.sampled_from(("title-abstract", "full-text")), st.lists(KEYS, max_size=4)),
    max_size=4,
)


@pytest.mark.slow
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(turns=TURNS)
def test_prisma_balances_after_every_key_of_any_history(opened: Open, turns: list[tuple[str, str, list[str]]]) -> None:
    """The same session that the screen drives, in any turn of three people, at both stages."""
    with taken_back(opened):
        for who, stage, keys in turns:
            session = Session(opened, stage, who)  # type: ignore[arg-type]
            for key in keys:
                press(opened, session, key)
                assert imbalances(flow(opened.review.connection)) == [], (who, stage, key)
                assert 0 <= session.lineup.left <= len(session.lineup.reports)


def press(opened: Open, session: Session, key: str) -> None:
    report = session.lineup.current or REPORTS[0]
    steps = {
        "i": lambda: session.vote("include"), "e": lambda: session.vote("exclude"), "u": lambda: session.vote("unsure"),
        "1": lambda: session.vote("exclude", 1), "5": lambda: session.vote("exclude", 5), "s": session.skip,
        "z": session.undo, "[": lambda: session.move(-1), "]": lambda: session.move(1), "n": lambda: session.note("x"),
    }  # fmt: skip
    if key in steps:
        assert isinstance(steps[key](), str)
        return
    try:
        if key == "reopen":
            judge.reopen(opened, report, session.stage, session.reviewer, "why")
        elif key == "retrieve":
            judge.retrieve(opened, report, session.reviewer, got=True)
        else:
            judge.resolve(opened, report, session.stage, JUDGE, "include")
    except queries.InputError:
        pass
    except judge.DecisionError:
        pass
