"""The order of the queue: terms, the learnt model, its recall on past decisions; and that it never excludes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.highlight import marked, spans, terms_in
from curation.ranking import (
    MIN_EACH,
    TERMS_COUNT_AS,
    combined,
    fit,
    recall_of_order,
    recall_on_past,
    replay,
    shuffled,
    term_score,
    why_by_words,
)
from db import queries, seat
from lsr.screens import child
from lsr.screens.lineup import Lineup
from lsr.screens.session import Session
from lsr.workflow.folder import Open, open_review
from tests.conftest import Command
from tests.scene import REPORTS, A, B, searched, vote

INCLUDE, EXCLUDE = ("CD7", "CD7CA*", "CAR-T", "T-ALL", "phase 1"), ("mouse", "xenograft*", "CD70 cells")
RELEVANT = [f"patients infused with engineered cells, cohort {n}, remission" for n in range(8)]
OTHERS = [f"mice and assays in a laboratory, batch {n}, binding" for n in range(12)]


def test_terms_are_whole_words_hyphens_are_spaces_and_a_star_goes_on() -> None:
    text = "Anti-CD7 CAR\u2011T (car t) cells, not CD70; CD7CAR, xenografts; T\nALL is not tall; PHASE 1"
    found = [(text[s.start : s.end], s.kind, s.term) for s in spans(text, INCLUDE, EXCLUDE)]
    assert found == [
        ("CD7", "include", "CD7"), ("CAR\u2011T", "include", "CAR-T"), ("car t", "include", "CAR-T"),
        ("CD7CAR", "include", "CD7CA*"), ("xenografts", "exclude", "xenograft*"), ("T\nALL", "include", "T-ALL"),
        ("PHASE 1", "include", "phase 1"),
    ]  # fmt: skip
    assert terms_in(text, INCLUDE, EXCLUDE) == (("CD7", "CD7CA", "CAR-T", "T-ALL", "phase 1"), ("xenograft",))
    assert term_score(text, INCLUDE, EXCLUDE) == 4
    assert marked("CD7 in a mouse", INCLUDE, EXCLUDE) == "[+CD7+] in a [-mouse-]"
    assert spans("anything", (), ()) == spans("anything", ("*", " - "), ("",)) == []


@settings(max_examples=200, deadline=None)
@given(text=st.text(), terms=st.lists(st.text(max_size=8), max_size=5))
def test_any_term_in_any_text_leaves_the_text_as_it_was(text: str, terms: list[str]) -> None:
    found = spans(text, terms, [f"{term}*" for term in terms])
    assert all(0 <= s.start < s.end <= len(text) for s in found)
    assert all(a.end <= b.start for a, b in pairwise(found))


def test_a_model_learns_and_says_by_which_words() -> None:
    model = fit(RELEVANT + OTHERS, [True] * 8 + [False] * 12)
    assert model is not None
    new = ["engineered cells for patients", "an assay of mice", ""]
    scores = model.scores(new)
    assert scores[0] > max(scores[1:])
    told = why_by_words(new[0], model.words)
    assert {"patients"} <= {word for pair in told for word in pair.split()}
    assert not any("mice" in word for word in model.words)
    assert why_by_words("nothing known", model.words) == ()


def test_too_few_decisions_make_no_model() -> None:
    labels = [True] * (MIN_EACH - 1) + [False] * 12
    assert fit(RELEVANT[: MIN_EACH - 1] + OTHERS, labels) is None
    assert fit(["", " "] * 10, [True, False] * 10) is None  # no word in any
    assert recall_on_past(RELEVANT[: MIN_EACH - 1] + OTHERS, labels) is None


def test_recall_and_work_saved_are_as_published() -> None:
    """WSS@95 is the share left unread at 95% recall, less the 5% that chance would have saved (Cohen et al. 2006)."""
    best = recall_of_order([True] * 10 + [False] * 90)
    assert (best.read_for_goal, best.at[0]) == (10, (0.1, 1.0))
    assert best.wss == pytest.approx(0.85)
    worst = recall_of_order([False] * 90 + [True] * 10)
    assert (worst.read_for_goal, worst.at) == (100, ((0.1, 0.0), (0.2, 0.0), (0.5, 0.0)))
    assert worst.wss == pytest.approx(-0.05)
    past = recall_on_past(RELEVANT + OTHERS, [True] * 8 + [False] * 12)
    assert past is not None
    assert past.read_for_goal == 8


def test_a_replay_reads_every_text_once() -> None:
    labels = [True] * 8 + [False] * 12
    for seed in range(3):
        assert sorted(replay(RELEVANT + OTHERS, labels, seed)) == list(range(20))


@given(reports=st.sets(st.text(max_size=5), max_size=20), gone=st.sets(st.text(max_size=5)))
def test_an_order_by_chance_stays_when_reports_leave(reports: set[str], gone: set[str]) -> None:
    whole = shuffled(reports, "seed")
    assert sorted(whole) == sorted(reports)
    assert shuffled(reports - gone, "seed") == [report for report in whole if report not in gone]


@given(st.lists(st.integers(0, 9)), st.data())
def test_a_new_order_excludes_nothing_and_moves_nothing_that_was_shown(moves: list[int], data: st.DataObject) -> None:
    lineup = Lineup([f"r{n}" for n in range(9)])
    for move in moves:
        lineup.judged |= {lineup.current} if move % 2 and lineup.current else set()
        lineup.advance() if move < 7 else lineup.move(8 - move)
    shown, current = lineup.reports[: lineup.seen], lineup.current
    order = data.draw(st.lists(st.sampled_from([f"r{n}" for n in range(12)]), unique=True))
    lineup.reorder(order)
    assert {f"r{n}" for n in range(9)} | set(order) == set(lineup.reports)
    assert len(lineup.reports) == len(set(lineup.reports))
    assert lineup.reports[: len(shown)] == shown
    assert lineup.current == current or current is None


def test_two_orders_are_one_by_their_places_and_the_terms_count_as_so_many_decisions() -> None:
    terms, learnt = [3.0, 2.0, 1.0], [-9.0, 0.0, 0.5]
    assert order_of(combined(terms, learnt, relevant=0)) == [0, 1, 2]
    assert order_of(combined(terms, learnt, relevant=10**6)) == [2, 1, 0]
    even = combined(terms, learnt, relevant=TERMS_COUNT_AS)
    assert even == pytest.approx([0.5, 0.5, 0.5])
    assert combined([1.0, 1.0], [2.0, 2.0], relevant=5) == [0.5, 0.5]  # ties stand in one place


def order_of(scores: list[float]) -> list[int]:
    return sorted(range(len(scores)), key=lambda i: -scores[i])


# On a review ------------------------------------------------------------------------------------------------------


@pytest.fixture
def opened(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    with open_review(searched(tmp_path_factory, tmp_path / "review")) as found:
        yield found


def test_without_scikit_learn_the_terms_order_on(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sklearn", "sklearn.svm", "sklearn.feature_extraction", "sklearn.feature_extraction.text"):
        monkeypatch.setitem(sys.modules, name, None)
    for report in REPORTS[:6]:
        vote(opened, report, "title-abstract", "exclude", "exclude")
    found = child.rank(opened, "title-abstract", A, "relevance")
    assert (list(found.order), found.words, found.learned) == (list(REPORTS[6:]), {}, 0)


def test_with_it_the_queue_is_learnt_in_a_process_of_its_own(opened: Open) -> None:
    for report in REPORTS[:6]:
        vote(opened, report, "title-abstract", "exclude", "exclude")
    at_work = child.Child.rank(opened.review.folder, "title-abstract", A, "relevance")
    at_work.wait()
    found = at_work.poll()
    assert isinstance(found, child.Ranked)
    order = list(found.order)
    assert set(order) == set(REPORTS[6:])
    assert found.learned >= 20  # the previous version's reports and the six
    # The protocol's terms, where it has some, stay in the order beside what is learnt.
    title = queries.record_of(opened.review.connection, order[-1]).title
    terms = replace(opened.spec.screen, include_terms=(title,))
    with_terms = child.rank(Open(opened.review, replace(opened.spec, screen=terms)), "title-abstract", A, "relevance")
    assert list(with_terms.order).index(order[-1]) < len(order) - 1
    at_work = child.Child.rank(opened.review.folder, "title-abstract", A, "relevance")
    at_work.stop()
    at_work = child.Child.rank(opened.review.folder / "absent", "title-abstract", A, "relevance")
    at_work.wait()
    assert "no review here" in str(at_work.poll())


def test_each_order_is_kept_after_a_pause(opened: Open) -> None:
    def order(name: seat.Order, who: str = A) -> list[str]:
        return Session(opened, "title-abstract", who, name).lineup.reports

    by_chance = order("random")
    assert by_chance != order("random", B)
    assert sorted(by_chance) == sorted(REPORTS)
    years = {report: 2018 + n % 7 for n, report in enumerate(REPORTS, 1)}
    assert order("date") == sorted(REPORTS, key=lambda report: (-years[report], report))
    vote(opened, by_chance[0], "title-abstract", "include")
    assert order("random") == by_chance[1:]


def test_the_report_tells_recall_and_that_nothing_stops(opened: Open, lsr: Command) -> None:
    words = ("screen", "--ranking-report", "--reviewer", A, "--review", opened.review.folder)
    ran = lsr(*words)
    assert "Too few to judge the order by" in ran.out
    for report in REPORTS:
        vote(opened, report, "title-abstract", "exclude", "exclude")
    ran = lsr(*words)
    assert "8 excluded" in ran.out
    assert "WSS@95" in ran.out
    assert "says nothing of when to stop" in ran.out
    assert '"read_for_goal"' in lsr(*words, "--json").out
    assert lsr("screen", "--ranking-report", "--reviewer", "nobody", "--review", opened.review.folder).code == 1
