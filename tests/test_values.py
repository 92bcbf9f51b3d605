"""Extraction: which values are in force and which one is pooled; against a plain model, and rule by rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db import data
from db.review import Review
from tests.histories import PROTOCOL, STUDIES, append, assign, bring, datum, include, new_review

CELL = ("study", "cohort", "outcome", "timepoint", "denominator", "reading", "report")


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two included reports of one study, and one of another."""
    folder = tmp_path_factory.mktemp("empty")
    with new_review(folder) as review:
        append(review, "ed", "protocol", **PROTOCOL)
        for i in ("1", "2", "3"):
            bring(review, "pubmed", "databases", [i], date={"1": "2021-03", "2": "2020", "3": "2022"}[i])
        include(review, "pubmed:1", STUDIES[0])
        include(review, "pubmed:2", STUDIES[0])
        include(review, "pubmed:3", STUDIES[1])
    return folder


@pytest.fixture
def review(tmp_path: Path, empty: Path) -> Iterator[Review]:
    with new_review(tmp_path / "review", empty) as found:
        yield found


def states(review: Review) -> list[str]:
    return [found["state"] for found in data.extraction_states(review.connection)]


def pooled(review: Review) -> list[tuple[str, str, int | None, int | None]]:
    return [(v.outcome, v.report, v.events, v.total) for v in data.pool_values(review.connection)]


def in_force(review: Review) -> list[tuple[int | None, int | None]]:
    return [(cell.events, cell.total) for cell in data.cells(review.connection)]


def by_both(review: Review, events: int | None = 5, total: int | None = 10, **other: Any) -> None:
    for who in ("ann", "bob"):
        datum(review, who, events, total, **other)


def test_two_extractors_who_agree_close_a_cell(review: Review) -> None:
    datum(review, "ann")
    assert (states(review), in_force(review), pooled(review)) == (["awaiting"], [], [])
    datum(review, "bob")
    assert (states(review), in_force(review)) == (["agreed"], [(5, 10)])
    assert pooled(review) == [("cr", "pubmed:1", 5, 10)]


def test_one_extractor_twice_is_not_two(review: Review) -> None:
    datum(review, "ann", 4)
    datum(review, "ann", 5)
    assert states(review) == ["awaiting"]
    datum(review, "bob", 5)
    assert in_force(review) == [(5, 10)]


@pytest.mark.parametrize("other", [
    {"events": 6}, {"total": 11}, {"role": "alternative"}, {"status": "silent", "events": None, "total": None},
])  # fmt: skip
def test_a_difference_is_a_conflict_and_out_of_force_until_resolved(review: Review, other: dict[str, Any]) -> None:
    datum(review, "ann")
    datum(review, "bob", **other)
    assert (states(review), in_force(review), pooled(review)) == (["conflict"], [], [])
    datum(review, "dee", 7, 12, origin="resolved")
    assert (states(review), in_force(review)) == (["resolved"], [(7, 12)])
    datum(review, "dee", 8, 12, origin="resolved")
    assert in_force(review) == [(8, 12)], "an adjudicator's later ruling replaces the earlier"


def test_two_adjudicators_who_differ_are_a_conflict_again(review: Review) -> None:
    datum(review, "ann", 5)
    datum(review, "bob", 6)
    datum(review, "dee", 5, origin="resolved")
    datum(review, "eve", 6, origin="resolved")
    assert (states(review), in_force(review)) == (["conflict"], [])
    datum(review, "eve", 5, origin="resolved")
    assert in_force(review) == [(5, 10)]


def test_a_value_taken_back_reopens_the_cell(review: Review) -> None:
    by_both(review)
    datum(review, "bob", None, None, status="withdrawn")
    assert (states(review), in_force(review)) == (["awaiting"], [])


def test_second_hand_gives_way_to_first_hand_of_the_same_report(review: Review) -> None:
    datum(review, "machine:previous", 9, 10, origin="previous", source_kind="secondary-review")
    assert pooled(review) == [("cr", "pubmed:1", 9, 10)]
    assert data.pool_values(review.connection)[0].second_hand
    by_both(review)
    assert pooled(review) == [("cr", "pubmed:1", 5, 10)]


def test_first_hand_silence_replaces_a_second_hand_number_of_its_report_only(review: Review) -> None:
    datum(review, "machine:previous", 9, 10, origin="previous")
    by_both(review, None, None, status="silent")
    assert pooled(review) == [("cr", "pubmed:1", None, None)]
    datum(review, "machine:previous", 8, 10, origin="previous", report="pubmed:2")
    assert pooled(review) == [("cr", "pubmed:2", 8, 10)]


@pytest.mark.parametrize("status", ["silent", "not-in-source"])
def test_silence_is_never_a_number(review: Review, status: str) -> None:
    origin = "previous" if status == "not-in-source" else "extracted"
    for who in ("machine:previous",) if origin == "previous" else ("ann", "bob"):
        datum(review, who, None, None, status=status, origin=origin)
    (value,) = data.pool_values(review.connection)
    assert (value.status, value.events, value.total) == (status, None, None)


def test_none_is_zero_of_all(review: Review) -> None:
    by_both(review, 0, 10, status="none")
    assert pooled(review) == [("cr", "pubmed:1", 0, 10)]


def test_other_cohorts_are_kept_but_not_pooled(review: Review) -> None:
    by_both(review, 8, 11, cohort="dose level 3")
    assert (in_force(review), pooled(review)) == ([(8, 11)], [])


def test_readings_for_reproduction_and_alternatives_are_not_pooled(review: Review) -> None:
    datum(review, "machine:previous", 7, 10, origin="previous", role="reproduction", reading="as pooled in print")
    by_both(review, 6, 10, role="alternative", reading="per text")
    assert pooled(review) == []
    assert [v.events for v in data.reproduction_values(review.connection)] == [7]
    by_both(review)
    assert pooled(review) == [("cr", "pubmed:1", 5, 10)]


def test_a_reopened_cell_stays_in_force_until_the_new_round_closes(review: Review) -> None:
    by_both(review)
    round = append(review, "ann", "reopen", subject=STUDIES[0], stage="extraction", why="a later report")
    assert pooled(review) == [("cr", "pubmed:1", 5, 10)]
    datum(review, "ann", 6, round=round)
    assert pooled(review) == [("cr", "pubmed:1", 5, 10)]
    datum(review, "bob", 7, round=round)
    assert pooled(review) == [("cr", "pubmed:1", 5, 10)]
    datum(review, "dee", 7, round=round, origin="resolved")
    assert pooled(review) == [("cr", "pubmed:1", 7, 10)]


def test_among_reports_the_largest_total_then_the_later_by_its_date(review: Review) -> None:
    by_both(review, 6, 10, report="pubmed:1")
    by_both(review, 5, 10, report="pubmed:2")
    assert pooled(review) == [("cr", "pubmed:1", 6, 10)], "2021-03 is later than 2020, whatever the ids"
    by_both(review, 6, 11, report="pubmed:2")
    assert pooled(review) == [("cr", "pubmed:2", 6, 11)]


def test_data_of_a_report_that_is_not_included_are_not_pooled(review: Review) -> None:
    by_both(review, study=STUDIES[1])  # pubmed:1 is no report of this study
    assert pooled(review) == []
    by_both(review, report="pubmed:3", study=STUDIES[1])
    append(review, "ann", "link", report="pubmed:3", study=STUDIES[1], state="refused", evidence=[])
    assert pooled(review) == []


def test_extractions_of_two_reports_found_to_be_one_must_agree(review: Review) -> None:
    by_both(review, 5, 10)
    by_both(review, 6, 10, report="pubmed:2")
    assign(review, "machine:dedupe", ("pubmed:2", "pubmed:1"))
    assert (states(review), in_force(review)) == (["conflict"], [])
    datum(review, "ann", 7)
    datum(review, "bob", 7)
    assert (states(review), in_force(review)) == (["agreed"], [(7, 10)]), "what both say knowing of the merge counts"


# Random extractions against a plain model --------------------------------------------------------------------------


@dataclass
class Given:
    """What was entered, in order."""

    who: str
    origin: str
    round: str
    value: tuple[str, int | None, int | None, str]  # status, events, total, role


def plain_state(entered: list[Given], round: str) -> tuple[str, tuple[Any, ...] | None]:
    """The state of a cell in a round, and its value if closed."""
    last: dict[tuple[str, str], tuple[Any, ...]] = {}
    for one in entered:
        if one.round == round and one.origin != "previous":
            last[one.origin, one.who] = one.value
    values = {key: value for key, value in last.items() if value[0] != "withdrawn"}
    rulings = {value for (origin, _), value in values.items() if origin == "resolved"}
    said = [value for (origin, _), value in values.items() if origin == "extracted"]
    if rulings:
        return ("resolved", rulings.pop()) if len(rulings) == 1 else ("conflict", None)
    if len(said) < PROTOCOL["extractors"]:
        return ("awaiting" if said else "empty", None)
    return ("agreed", said[0]) if len(set(said)) == 1 else ("conflict", None)


@settings(max_examples=settings().max_examples // 4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_cells_are_what_a_plain_model_says(
    empty: Path, tmp_path_factory: pytest.TempPathFactory, seed: int, steps: int
) -> None:
    random = Random(seed)
    cells = [(report, cohort) for report in ("pubmed:1", "pubmed:2") for cohort in ("all", "dose level 3")]
    entered: dict[tuple[str, str], list[Given]] = {cell: [] for cell in cells}
    rounds = [""]
    with new_review(tmp_path_factory.mktemp("review"), empty) as review, review.transaction():
        for _ in range(steps):
            if random.random() < 0.05:
                rounds.append(append(review, "ann", "reopen", subject=STUDIES[0], stage="extraction", why="again"))
                continue
            cell = random.choice(cells)
            who, origin = random.choice(
                [("ann", "extracted"), ("bob", "extracted"), ("ann", "extracted"), ("bob", "extracted"),
                 ("dee", "resolved"), ("eve", "resolved"), ("machine:previous", "previous")]
            )  # fmt: skip
            status = random.choice(["reported"] * 5 + ["silent", "withdrawn", "none"])
            number = {"reported": (random.randrange(2), 10), "none": (0, 10)}.get(status, (None, None))
            one = Given(
                who, origin, "" if origin == "previous" else random.choice(rounds[-2:]), (status, *number, "primary")
            )
            entered[cell].append(one)
            datum(review, who, *number, report=cell[0], cohort=cell[1], origin=origin, round=one.round, status=status)
        _compare(review, entered, rounds)


def _compare(review: Review, entered: dict[tuple[str, str], list[Given]], rounds: list[str]) -> None:
    found = {(s["report"], s["cohort"], s["round"]): s["state"] for s in data.extraction_states(review.connection)}
    shown: dict[tuple[str, str, bool], tuple[Any, ...]] = {}
    for value in data.cells(review.connection):
        shown[value.report, value.cohort, value.second_hand] = (value.status, value.events, value.total, value.role)
    wanted = {}
    for (report, cohort), given_here in entered.items():
        for round in rounds:
            state, value_of_round = plain_state(given_here, round)
            assert found.get((report, cohort, round), "empty") == state
            if value_of_round is not None:
                wanted[report, cohort, False] = value_of_round  # the newest closed round is the last one here
        second = [one.value for one in given_here if one.origin == "previous"]
        if second and second[-1][0] != "withdrawn":
            wanted[report, cohort, True] = second[-1]
    assert shown == wanted
    assert pooled(review) == _plain_row(wanted)


def _plain_row(wanted: dict[tuple[str, str, bool], tuple[Any, ...]]) -> list[tuple[str, str, int | None, int | None]]:
    """At most one value of the study: numbers, then first hand, then the larger total, then the later report.

    pubmed:1 is the later one: of the same hand it does not take the place of more events by itself.
    """
    offered = []
    for (report, cohort, second), (_, events, total, _) in wanted.items():
        if cohort == "all" and not (second and (report, "all", False) in wanted):
            offered.append((events is not None, not second, total or 0, report == "pubmed:1", (report, events, total)))
    if not offered:
        return []
    _, first_hand, *_, (report, events, total) = max(offered)
    more = [one for number, hand, *_, one in offered if number and hand == first_hand and one[1] > (events or 0)]
    return [("cr", *(more[0] if report == "pubmed:1" and events is not None and more else (report, events, total)))]
