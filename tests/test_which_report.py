"""Which report's data count: never silence over a number, a part over the whole, or fewer events unasked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db import data, queries, studies
from db.errors import DecisionError, InputError
from db.review import Review
from db.which_report import RANKS, Candidate, Word, choose, choose_all, earlier
from lsr.workflow import choices, extract, judge
from lsr.workflow import studies as work
from lsr.workflow.folder import Open, open_review
from lsr.workflow.status import status
from tests.conftest import Command
from tests.histories import PROTOCOL, STUDIES, append, bring, datum, include, new_review
from tests.scene import KNOWN, KNOWN_STUDY, REPORTS, A, B, C, searched, vote
from tests.scene import include as include_report

S = STUDIES[0]
ABSTRACT, PAPER, LATER = "pubmed:1", "pubmed:2", "pubmed:3"
KINDS = {ABSTRACT: "primary-abstract", PAPER: "primary-article", LATER: "primary-abstract"}


def one(report: str, events: int | None, total: int | None = 10, printed: str = "2021", **other: object) -> Candidate:
    status = "silent" if events is None else "reported"
    made = Candidate("cr", "infused", S, "all", status, events, total if events is not None else None, report, "",
                     "as printed", False, KINDS.get(report, "primary-article"), printed)  # fmt: skip
    return replace(made, **other)  # type: ignore[arg-type]


def counts(*cell: Candidate, prefer: tuple[str, ...] = (), word: Word | None = None) -> str:
    return choose(cell, prefer, word, {}).value.report


def test_the_protocols_order_decides() -> None:
    early, late = one("a", 5, 20, "2021", source_kind="primary-article"), one("b", 9, 20, "2023", source_kind="x")
    assert counts(early, late) == "b"
    assert counts(early, late, prefer=("article",)) == "a"
    assert counts(early, replace(late, events=5, total=19, printed="2020"), prefer=("latest-report", "article")) == "a"
    cut = replace(early, data_cut="2024-01")
    assert counts(cut, late, prefer=("latest-data-cut",)) == "a"
    assert counts(cut, late, prefer=("largest-total", "latest-report")) == "b"
    told = choose((early, late), ("largest-total", "article"), None, {})
    assert told.rule == "article: an article before an abstract or preprint"
    assert [(other.report, why) for other, why in told.others] == [("b", "stands behind by the rule")]


def test_silence_and_a_part_take_no_ones_place() -> None:
    whole = one("a", 15, 20, "2021")
    assert counts(whole, one("b", None, None, "2023"), prefer=("latest-report",)) == "a"
    part = one("b", 12, 13, "2023")
    assert counts(whole, part, prefer=("latest-report",)) == "a"
    told = choose((whole, part), ("latest-report",), None, {})
    assert told.others[0][1] == "13 patients, 20 in an earlier report (a)"
    marked = {"b": Word(S, "b", "subset", "", "", "RP2D only", "ann")}
    assert choose((whole, one("b", 19, 30, "2023")), (), None, marked).value.report == "a"
    assert choose((one("b", 19, 30, "2023"),), (), None, marked).value.report == "b", "better a part than nothing"


def test_fewer_events_later_are_asked_and_a_person_answers() -> None:
    before, after = one("a", 15, 20, "2021"), one("b", 12, 20, "2023")
    told = choose((before, after), ("latest-report",), None, {})
    assert told.value.report == "a"
    assert told.question == "b gives 12/20, fewer events than the earlier a (15/20)"
    for report in ("a", "b"):
        word = Word(S, report, "counts", "cr", "all", "the definition changed", "ann")
        told = choose((before, after), ("latest-report",), word, {})
        assert (told.value.report, told.question) == (report, "")
        assert told.rule == "ann chose it: the definition changed"
    assert not choose((before, replace(after, timepoint="day 28")), (), None, {}).question
    second = replace(before, second_hand=True)
    assert choose((second, after), (), None, {}).value.report == "b", "a table's number gives way to a report's own"


def test_dates_are_compared_as_far_as_both_are_known() -> None:
    for a, b, older in (
        ("2021", "2022", True),
        ("2021", "2021-05", False),
        ("", "2021", False),
        ("2021-04", "2021-05", 1),
    ):
        assert earlier(one("a", 1, printed=a), one("b", 1, printed=b)) == bool(older)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_whatever_the_reports_no_datum_is_lost_or_taken_silently(seed: int, size: int) -> None:
    random = Random(seed)
    cell = [
        one(f"r{i}", random.choice((None, *range(6))), random.randrange(6, 9),
            random.choice(("", "2020", "2021", "2021-05", "2022")), second_hand=random.random() < 0.2,
            source_kind=random.choice(("primary-article", "primary-abstract")),
            data_cut=random.choice(("", "", "2022-01")))
        for i in range(size)
    ]  # fmt: skip
    prefer = tuple(random.sample(sorted(RANKS), random.randrange(len(RANKS) + 1)))
    word = random.choice((None, Word(S, random.choice(cell).report, "counts", "cr", "all", "", "ann")))
    told = choose(cell, prefer, word, {})
    value = told.value
    assert {value, *(other for other, _ in told.others)} == set(cell), "every report is told of"
    assert all(why for _, why in told.others)
    assert told.rule
    assert choose(random.sample(cell, size), prefer, word, {}) == told, "the order of entry does not matter"
    numbers = [c for c in cell if c.events is not None]
    assert (value.events is not None) == bool(numbers), "silence never blanks a number"
    if word is not None and any(c.report == word.report for c in numbers):
        assert value.report == word.report
        return
    assert not [e for e in numbers if earlier(e, value) and (e.total or 0) > (value.total or 0)], "a part for the whole"
    same = [e for e in numbers if e.second_hand == value.second_hand and earlier(e, value)]
    larger = {e.report for e in numbers for x in numbers if earlier(x, e) and (x.total or 0) > (e.total or 0)}
    assert not [e for e in same if e.report not in larger and (e.events or 0) > (value.events or 0)], "fewer, unasked"


# In a review -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reports")
    with new_review(folder) as review:
        append(review, "ed", "protocol", **(PROTOCOL | {"reports": ["latest-data-cut", "article"]}))
        for report, date in ((ABSTRACT, "2020-12"), (PAPER, "2022"), (LATER, "2024-06")):
            bring(review, "pubmed", "databases", [report.partition(":")[2]], date=date)
            include(review, report, S)
    return folder


@pytest.fixture
def review(tmp_path: Path, empty: Path) -> Iterator[Review]:
    with new_review(tmp_path / "here", empty) as found:
        yield found


def enter(review: Review, report: str, events: int | None, total: int | None = 10, **other: object) -> None:
    status = {"status": "silent", "total": None} if events is None else {"total": total}
    for who in ("ann", "bob"):
        datum(review, who, events, report=report, source_kind=KINDS[report], **(status | other))


def in_pool(review: Review) -> dict[str, tuple[str, int | None]]:
    return {v.outcome: (v.report, v.events) for v in data.pool_values(review.connection)}


def test_the_choice_is_made_for_each_outcome_and_cohort(review: Review) -> None:
    enter(review, ABSTRACT, 7)
    enter(review, PAPER, 8)
    enter(review, ABSTRACT, 4, outcome="crs")
    enter(review, PAPER, None, outcome="crs")
    enter(review, PAPER, 3, 5, cohort="dose level 2")
    assert in_pool(review) == {"cr": (PAPER, 8), "crs": (ABSTRACT, 4)}
    cut = {"study": S, "cohort": "all", "field": "data_cut", "status": "reported", "place": "", "source_kind": ""}
    append(review, "ann", "fact", **cut, value="2023-01", report=ABSTRACT)
    assert in_pool(review)["cr"] == (ABSTRACT, 7)
    chosen = {(c.value.cohort, c.value.outcome): c for c in studies.report_choices(review.connection)}
    assert chosen["all", "cr"].rule == "latest-data-cut: its data are the latest"
    assert chosen["dose level 2", "cr"].value.report == PAPER


def test_a_persons_word_is_an_entry_and_is_undone_by_another(review: Review) -> None:
    enter(review, ABSTRACT, 7)
    enter(review, PAPER, 8)
    choice = {"study": S, "outcome": "cr", "cohort": "all", "why": "the paper counts another cohort"}
    append(review, "ann", "report_choice", **choice, report=ABSTRACT, mark="counts")
    assert in_pool(review) == {"cr": (ABSTRACT, 7)}
    append(review, "bob", "report_choice", **choice, report=ABSTRACT, mark="open")
    assert in_pool(review) == {"cr": (PAPER, 8)}
    part = {"study": S, "outcome": "", "cohort": "", "why": "RP2D only"}
    append(review, "ann", "report_choice", **part, report=PAPER, mark="subset")
    assert in_pool(review) == {"cr": (ABSTRACT, 7)}
    append(review, "ann", "report_choice", **part, report=PAPER, mark="whole")
    assert in_pool(review) == {"cr": (PAPER, 8)}
    with pytest.raises(DecisionError, match="a machine does not choose"):
        append(review, "machine:link", "report_choice", **choice, report=PAPER, mark="counts")


@settings(max_examples=settings().max_examples // 12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32 - 1), st.integers(1, 10))
def test_random_histories_of_several_reports(
    empty: Path, tmp_path_factory: pytest.TempPathFactory, seed: int, steps: int
) -> None:
    """What is pooled is what the rules say of the last values, in whatever order they were entered."""
    random = Random(seed)
    last: dict[str, Candidate] = {}
    with new_review(tmp_path_factory.mktemp("r"), empty) as review, review.transaction():
        words: list[Word] = []
        for _ in range(steps):
            report = random.choice(sorted(KINDS))
            if random.random() < 0.2:
                words = [Word(S, report, "counts", "cr", "all", "w", "ann")]
                append(review, "ann", "report_choice", study=S, report=report, mark="counts", outcome="cr",
                       cohort="all", why="w")  # fmt: skip
                continue
            events, total = random.choice((None, 1, 2, 3)), random.randrange(8, 11)
            enter(review, report, events, total)
            printed = {ABSTRACT: "2020-12", PAPER: "2022", LATER: "2024-06"}[report]
            last[report] = one(report, events, total, printed, source_kind=KINDS[report])
        told = choose_all(last.values(), ("latest-data-cut", "article"), words)
        assert [(c.value.report, c.value.events) for c in told] == [*in_pool(review).values()]
        assert [c.question for c in studies.report_choices(review.connection)] == [c.question for c in told]


# Reopening ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def found(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    folder = searched(tmp_path_factory, tmp_path / "review")
    with open_review(folder) as opened:
        yield opened


def asked(opened: Open) -> list[tuple[str, str]]:
    return [(one.study, one.report) for one in studies.reopenings(opened.review.connection)]


def test_a_report_that_joins_an_included_study_reopens_it_once(found: Open) -> None:
    new = REPORTS[0]
    work.decide_link(found, new, KNOWN_STUDY, A, accept=True)
    assert asked(found) == [], "not included yet"
    assert status(found)["lines"][0] == f"new reports of included studies: {new} of {KNOWN_STUDY}"
    before = {v.study: v for v in data.pool_values(found.review.connection)}
    include_report(found, new)
    assert asked(found) == [(KNOWN_STUDY, new)]
    assert status(found)["lines"][0].startswith(f"reopened for extraction: {KNOWN_STUDY}: a later report joined")
    assert {v.study: v for v in data.pool_values(found.review.connection)} == before, "closed data stay in force"
    work.decide_link(found, new, KNOWN_STUDY, B, accept=True)
    judge.reopen(found, new, "full-text", A, "a correction")
    vote(found, new, "full-text", "include", "include")
    assert found.review.connection.execute("SELECT count(*) FROM reopen_cause").fetchone() == (1,)
    sheet = extract.blank_rows(found, KNOWN_STUDY)
    proportions = {spec.id for spec in found.spec.outcomes if spec.measure == "proportion"}
    assert {row.outcome for row in sheet if row.report == new} == proportions
    assert queries.current_round(found.review.connection, KNOWN_STUDY, "extraction") == "", (
        "no half-done work is hidden"
    )


def test_the_reopening_is_answered_by_the_reports_data(found: Open) -> None:
    new = REPORTS[0]
    work.decide_link(found, new, KNOWN_STUDY, A, accept=True)
    include_report(found, new)
    rows = [r for r in extract.blank_rows(found, KNOWN_STUDY) if r.report == new]
    silent = [replace(row, status="silent", place="p. 1") for row in rows]
    extract.enter(found, silent, A)
    assert asked(found) == [(KNOWN_STUDY, new)]
    extract.enter(found, silent, B)
    assert asked(found) == []


@pytest.mark.parametrize("how", ["refused", "excluded"])
def test_undoing_the_link_withdraws_what_was_asked(found: Open, how: str) -> None:
    new = REPORTS[0]
    include_report(found, new)
    own = f"study:{new}"
    work.decide_link(found, new, KNOWN_STUDY, A, accept=True)
    assert asked(found) == [(KNOWN_STUDY, new)]
    linked = {f.study for f in queries.links(found.review.connection, "linked") if f.report == new}
    assert linked == {KNOWN_STUDY}, "the study made for want of another is gone"
    if how == "refused":
        work.decide_link(found, new, KNOWN_STUDY, B, accept=False)
        linked = {f.study for f in queries.links(found.review.connection, "linked") if f.report == new}
        assert linked == {own}
    else:
        judge.reopen(found, new, "full-text", A, "not the product")
        vote(found, new, "full-text", "exclude", "exclude")
    assert asked(found) == []
    assert found.review.connection.execute("SELECT count(*) FROM reopen_withdrawal").fetchone() == (1,)
    assert found.review.connection.execute("SELECT count(*) FROM reopen_cause").fetchone() == (1,), "nothing is deleted"
    if how == "refused":
        work.decide_link(found, new, KNOWN_STUDY, B, accept=True)
        assert asked(found) == [(KNOWN_STUDY, new)], "joined again, asked again"


def test_companions_are_counted_as_reports(found: Open) -> None:
    new = REPORTS[0]
    work.decide_link(found, new, KNOWN_STUDY, A, accept=True)
    include_report(found, new)
    mine = [c for c in studies.companions(found.review.connection) if c.study == KNOWN_STUDY]
    assert [(c.main, c.previous, c.study_previous) for c in mine] == [(True, True, True), (False, False, True)]
    assert mine[1].report == new


def test_a_choice_needs_a_reason_a_report_of_the_study_and_a_known_outcome(found: Open) -> None:
    with pytest.raises(InputError, match="--why"):
        choices.count_report(found, KNOWN, KNOWN_STUDY, "cr", A, " ")
    with pytest.raises(InputError, match="no outcome"):
        choices.count_report(found, KNOWN, KNOWN_STUDY, "crr", A, "w")
    with pytest.raises(DecisionError, match="no included report"):
        choices.mark_subset(found, REPORTS[0], KNOWN_STUDY, C, "w")
    with pytest.raises(DecisionError, match="unknown person"):
        choices.mark_subset(found, KNOWN, KNOWN_STUDY, "nobody", "w")


def test_every_choice_is_explained(lsr: Command, demo_folder: Path) -> None:
    told = json.loads(lsr("pool", "--explain", "cr", "--json", "-R", demo_folder).out)
    assert {one["study"] for one in told["reports"]} >= {row["study"] for row in told["rows"]}
    assert all(one["rule"] for one in told["reports"])
    several = [one for one in told["reports"] if one["others"]]
    assert several
    words = lsr("pool", "--explain", "cr", "-R", demo_folder).out
    assert "report that counts" in words
    for one_ in several:
        assert one_["rule"] in words
