"""The views against a model in plain Python, on random histories; and each rule of the verdicts by itself."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.prisma import flow, imbalances
from db import data, queries, screening
from db.model import Stage
from db.review import Review
from db.verify import verify
from tests.histories import (
    PROTOCOL,
    REVIEWERS,
    STAGES,
    STUDIES,
    History,
    append,
    assign,
    bring,
    include,
    new_review,
    resolve,
    vote,
)
from tests.plain_model import read_model

SEEDS = st.integers(0, 2**32 - 1)
STEPS = st.integers(1, 70)
PATIENT = settings(
    max_examples=settings().max_examples // 8, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an empty review, to copy from."""
    folder = tmp_path_factory.mktemp("empty")
    new_review(folder).close()
    return folder


@contextmanager
def history(empty: Path, seed: int, steps: int) -> Iterator[History]:
    with tempfile.TemporaryDirectory() as folder, new_review(Path(folder), empty) as review:
        yield History(review, seed).begin().play(steps)


@pytest.fixture
def review(tmp_path: Path, empty: Path) -> Iterator[Review]:
    """A review with a protocol of two votes, and four records."""
    with new_review(tmp_path / "review", empty) as found:
        append(found, "ed", "protocol", **PROTOCOL)
        bring(found, "pubmed", "databases", ["1", "2", "3"])
        bring(found, "web", "websites", ["1"])
        yield found


def rows(review: Review, query: str, *values: object) -> list[Any]:
    return review.connection.execute(query, values).fetchall()


def boxes(review: Review) -> dict[str, str]:
    return dict(rows(review, "SELECT id, box FROM v_record"))


def state(review: Review, report: str, stage: str = STAGES[0]) -> str:
    found = rows(review, "SELECT state FROM v_open WHERE report = ? AND stage = ?", report, stage)
    return found[0][0] if found else "no votes"


# Random histories ------------------------------------------------------------------------------------------------


@PATIENT
@given(SEEDS, STEPS)
def test_every_record_has_one_box_and_the_sums_balance(empty: Path, seed: int, steps: int) -> None:
    with history(empty, seed, steps) as played:
        review, model = played.review, played.model()
        listed = rows(review, "SELECT id, report, box, report_box FROM v_record")
        assert Counter(record for record, *_ in listed) == Counter(model.arm.keys())
        assert {record: box for record, _, box, _ in listed} == {record: model.box(record) for record in model.arm}
        assert {record: report for record, report, *_ in listed} == {r: model.head(r) for r in model.arm}
        sought = rows(review, "SELECT report, box FROM v_report")
        assert Counter(report for report, _ in sought) == Counter(r for _, r, box, _ in listed if box == "sought")
        assert dict(sought) == {report: model.report_box(report) for report, _ in sought}
        assert imbalances(flow(review.connection)) == []
        assert {(study, report) for study, report, _ in data.included(review.connection)} == model.included()
        assert rows(review, "SELECT * FROM v_violation") == []


@PATIENT
@given(SEEDS, STEPS)
def test_verdicts_are_what_the_plain_model_says(empty: Path, seed: int, steps: int) -> None:
    with history(empty, seed, steps) as played:
        review, model = played.review, played.model()
        items = [(report, stage) for report in model.members for stage in STAGES]
        judged = {row[:3]: row[3] for row in rows(review, "SELECT report, stage, round, verdict FROM v_round_verdict")}
        for report, stage in items:
            rounds = model.rounds(report, stage)
            assert {r for of, at, r in judged if (of, at) == (report, stage)} | {""} == set(rounds)
            for round in rounds:
                assert judged.get((report, stage, round), "awaiting") == model.state(report, stage, round)
        stands = {
            (report, stage): found for report, stage, found in rows(review, "SELECT report, stage, state FROM v_open")
        }
        in_force = {
            (report, stage): (verdict, round)
            for report, stage, verdict, round in rows(review, "SELECT report, stage, verdict, round FROM v_verdict")
        }
        for item in items:
            assert stands.get(item, "awaiting") == model.state(*item, model.rounds(*item)[0])
            assert in_force.get(item) == model.in_force(*item)


@PATIENT
@given(SEEDS, STEPS)
def test_point_queries_agree_with_the_views(empty: Path, seed: int, steps: int) -> None:
    with history(empty, seed, steps) as played:
        c, model = played.review.connection, played.model()
        report_of = dict(c.execute("SELECT record, report FROM v_report_of").fetchall())
        assert queries.previous_reports(c) == {report for (report,) in c.execute("SELECT report FROM v_previous")}
        got = dict(c.execute("SELECT report, got FROM v_retrieval").fetchall())
        waits = screening.waiting(c)
        for record in model.arm:
            assert queries.report_of(c, record) == report_of.get(record, record)
            assert queries.find_report(c, record) == report_of.get(record, record)
        for report in model.members:
            assert set(queries.ids_of(c, report)) >= model.members[report]
            assert queries.retrieved(c, report) == (bool(got[report]) if report in got else None)
            assert screening.awaits(c, report) == waits.get(report, ("",))[0] == model.waits(report)
            for stage in STAGES:
                _point_queries_of_a_stage(played.review, report, cast(Stage, stage))


def _point_queries_of_a_stage(review: Review, report: str, stage: Stage) -> None:
    c = review.connection
    newest = rows(review, "SELECT round FROM v_open WHERE report = ? AND stage = ?", report, stage)
    assert queries.current_round(c, report, stage) == (newest[0][0] if newest else "")
    verdict = rows(review, "SELECT verdict FROM v_verdict WHERE report = ? AND stage = ?", report, stage)
    assert queries.verdict_in_force(c, report, stage) == (verdict[0][0] if verdict else None)
    for round in read_model(c).rounds(report, stage):
        where = "WHERE report = ? AND stage = ? AND round = ?"
        votes = rows(
            review, f"SELECT reviewer, verdict, reason, note FROM v_vote {where} ORDER BY 1", report, stage, round
        )
        assert [(v.reviewer, v.verdict, v.reason, v.note) for v in queries.votes(c, report, stage, round)] == votes
        ruled = rows(review, f"SELECT verdicts FROM v_resolution {where}", report, stage, round)
        assert len(queries.resolutions(c, report, stage, round)) == (ruled[0][0] if ruled else 0)


@PATIENT
@given(SEEDS, STEPS)
def test_the_queue_holds_what_a_reviewer_may_vote_on(empty: Path, seed: int, steps: int) -> None:
    with history(empty, seed, steps) as played:
        model = played.model()
        needed = model.protocol["votes_needed"]
        for stage in STAGES:
            at_stage = {
                model.head(record) for record in model.arm
                if model.box(record) == ("awaiting screening" if stage == "title-abstract" else "sought")
                and (stage == "title-abstract" or model.report_box(model.head(record)) == "awaiting assessment")
            }  # fmt: skip
            for who in REVIEWERS:
                wanted = set()
                for report in model.members:
                    round = model.rounds(report, stage)[0]
                    votes = model.votes(report, stage, round)
                    open_to = model.state(report, stage, round) == "awaiting" and len(votes) < needed
                    waits = stage == "full-text" and model.waits(report)
                    if (report in at_stage or round) and open_to and who not in votes and not waits:
                        wanted.add(report)
                found = queries.to_vote_on(played.review.connection, cast(Stage, stage), who, needed)
                assert found == sorted(wanted)


@PATIENT
@given(SEEDS, STEPS)
def test_typed_tables_are_what_the_ledger_says(empty: Path, seed: int, steps: int) -> None:
    with history(empty, seed, steps) as played:
        assert verify(played.review) == []


def test_histories_reach_what_they_should(empty: Path) -> None:
    """The random histories would prove nothing if they never got to the boxes and verdicts that matter."""
    seen: set[str] = set()
    for seed in range(40):
        with history(empty, seed, 70) as played:
            listed = rows(played.review, "SELECT box, report_box FROM v_record")
            seen |= {box for pair in listed for box in pair if box}
            seen |= {found for (found,) in rows(played.review, "SELECT state FROM v_open")}
            model = played.model()
            seen |= {"chain" for report, _ in model.assigned.values() if report in model.assigned}
            seen |= {"circle" for record in model.assigned if model.head(record) == record}
    assert seen >= {
        "previous version", "already in the previous version", "automation", "other", "duplicate", "awaiting screening",
        "excluded", "sought", "not retrieved", "awaiting retrieval", "awaiting assessment", "included", "awaiting",
        "awaiting translation", "awaiting classification",
        "include", "exclude", "conflict", "chain", "circle",
    }  # fmt: skip


# Each rule by itself ---------------------------------------------------------------------------------------------


def test_a_closed_verdict_stays_in_force_until_a_newer_round_closes(review: Review) -> None:
    vote(review, "ann", "pubmed:1", "include")
    vote(review, "bob", "pubmed:1", "include")
    round = append(review, "ann", "reopen", subject="pubmed:1", stage="title-abstract", why="a retraction")
    assert (state(review, "pubmed:1"), boxes(review)["pubmed:1"]) == ("awaiting", "sought")
    vote(review, "ann", "pubmed:1", "exclude", round=round)
    vote(review, "bob", "pubmed:1", "include", round=round)
    assert (state(review, "pubmed:1"), boxes(review)["pubmed:1"]) == ("conflict", "sought")
    resolve(review, "dee", "pubmed:1", "exclude", round=round)
    assert (state(review, "pubmed:1"), boxes(review)["pubmed:1"]) == ("exclude", "excluded")


def test_votes_count_in_the_round_they_name(review: Review) -> None:
    round = append(review, "ann", "reopen", subject="pubmed:1", stage="title-abstract", why="a correction")
    vote(review, "ann", "pubmed:1", "exclude")  # given blind to the reopening, as in another copy
    vote(review, "bob", "pubmed:1", "exclude", round=round)
    assert state(review, "pubmed:1") == "awaiting"
    assert boxes(review)["pubmed:1"] == "awaiting screening"


def test_a_later_vote_replaces_the_earlier_of_its_round(review: Review) -> None:
    for verdict in ("include", "unsure", "exclude"):
        vote(review, "ann", "pubmed:1", verdict)
    assert state(review, "pubmed:1") == "awaiting"
    vote(review, "bob", "pubmed:1", "exclude")
    assert state(review, "pubmed:1") == "exclude"


def test_equal_votes_on_both_sides_of_a_merge_stand(review: Review) -> None:
    for report in ("pubmed:1", "web:1"):
        for who in ("ann", "bob"):
            vote(review, who, report, "include")
    assign(review, "machine:dedupe", ("web:1", "pubmed:1"))
    assert state(review, "pubmed:1") == "include"
    assert (boxes(review)["pubmed:1"], boxes(review)["web:1"]) == ("sought", "duplicate")


def test_differing_votes_on_both_sides_of_a_merge_are_a_conflict(review: Review) -> None:
    for who in ("ann", "bob"):
        vote(review, who, "pubmed:1", "include")
        vote(review, who, "web:1", "exclude")
    assign(review, "machine:dedupe", ("web:1", "pubmed:1"))
    assert state(review, "pubmed:1") == "conflict"
    assert boxes(review)["pubmed:1"] == "awaiting screening"
    resolve(review, "dee", "pubmed:1", "include")
    assert boxes(review)["pubmed:1"] == "sought"


def test_one_reviewer_on_both_sides_counts_once(review: Review) -> None:
    vote(review, "ann", "pubmed:1", "include")
    vote(review, "ann", "web:1", "exclude")
    assign(review, "machine:dedupe", ("web:1", "pubmed:1"))
    assert rows(review, "SELECT state, votes FROM v_open WHERE report = 'pubmed:1'") == [("awaiting", 1)]
    vote(review, "bob", "pubmed:1", "include")
    assert state(review, "pubmed:1") == "conflict", "she is unsure, as long as she does not say more"
    vote(review, "ann", "pubmed:1", "include")  # knowing both: it replaces what she said of each
    assert state(review, "pubmed:1") == "include"


def test_a_ruling_on_the_whole_replaces_those_on_its_sides(review: Review) -> None:
    for report, ruling in (("pubmed:1", "include"), ("web:1", "exclude")):
        vote(review, "ann", report, "include")
        vote(review, "bob", report, "exclude")
        resolve(review, "dee", report, ruling)
    assign(review, "machine:dedupe", ("web:1", "pubmed:1"))
    assert state(review, "pubmed:1") == "conflict"
    resolve(review, "dee", "pubmed:1", "include")
    assert state(review, "pubmed:1") == "include"
    assert queries.resolutions(review.connection, "pubmed:1", "title-abstract", "") == ["include"]


def test_a_ruling_stays_where_it_was_given_when_records_are_parted_again(review: Review) -> None:
    vote(review, "ann", "web:1", "include")
    vote(review, "bob", "web:1", "exclude")
    assign(review, "machine:dedupe", ("web:1", "pubmed:1"))
    resolve(review, "dee", "pubmed:1", "exclude")
    assign(review, "ann", ("web:1", "web:1"))
    assert (state(review, "pubmed:1"), state(review, "web:1")) == ("exclude", "conflict")
    assert queries.verdict_in_force(review.connection, "pubmed:1", "title-abstract") == "exclude"


def test_two_adjudicators_who_differ_are_a_conflict(review: Review) -> None:
    vote(review, "ann", "pubmed:1", "include")
    vote(review, "bob", "pubmed:1", "exclude")
    resolve(review, "dee", "pubmed:1", "include")
    resolve(review, "eve", "pubmed:1", "exclude")
    assert state(review, "pubmed:1") == "conflict"


@pytest.mark.parametrize(("kind", "body"), [
    ("assign", {"items": [["web:1", "pubmed:1", "same DOI"]]}),
    ("removal", {"record": "web:1", "why": "automation"}),
    ("link", {"report": "web:1", "study": STUDIES[0], "state": "linked", "evidence": []}),
])  # fmt: skip
def test_a_machine_does_not_undo_what_a_person_said(review: Review, kind: str, body: dict[str, Any]) -> None:
    undo = {
        "assign": {"items": [["web:1", "web:1", "another trial"]]},
        "removal": {"record": "web:1", "why": "restored"},
        "link": {"report": "web:1", "study": STUDIES[0], "state": "refused", "evidence": []},
    }
    append(review, "machine:previous", "study", study=STUDIES[0], label="One", patients=None)
    append(review, "machine:some", kind, **body)
    assert boxes(review)["web:1"] != "awaiting screening" or kind == "link"
    append(review, "ann", kind, **undo[kind])
    append(review, "machine:some", kind, **body)
    assert boxes(review)["web:1"] == "awaiting screening"
    assert queries.report_of(review.connection, "web:1") == "web:1"
    assert queries.links(review.connection, "linked") == []


def test_an_amended_list_of_reasons_leaves_old_exclusions_their_reason(review: Review) -> None:
    include(review, "pubmed:1", STUDIES[0])
    round = append(review, "ann", "reopen", subject="pubmed:1", stage="full-text", why="again")
    for who, reason in (("ann", "X02"), ("bob", "X03")):
        vote(review, who, "pubmed:1", "exclude", "full-text", round, reason)
    assert rows(review, "SELECT box, reason FROM v_report") == [("excluded", "X02")]
    append(review, "ed", "protocol", **(PROTOCOL | {"reasons": ["X03", "X02"]}))
    assert rows(review, "SELECT box, reason FROM v_report") == [("excluded", "X03")]
    append(review, "ed", "protocol", **(PROTOCOL | {"reasons": ["X01"]}))
    assert rows(review, "SELECT box, reason FROM v_report") == [("excluded", "X02")]
    assert rows(review, "SELECT * FROM v_violation") == []


def test_votes_on_a_duplicate_found_later_do_not_exclude_a_report_of_the_previous_version(review: Review) -> None:
    append(review, "machine:previous", "study", study=STUDIES[0], label="One", patients=None)
    bring(review, "previous", "previous", ["a"])
    append(review, "machine:previous", "previous", review={}, items=[["previous:a", STUDIES[0]]])
    for who in ("ann", "bob"):
        vote(review, who, "pubmed:1", "exclude")
    assign(review, "machine:dedupe", ("pubmed:1", "previous:a"))
    assert data.included(review.connection) == [(STUDIES[0], "previous:a", True)]
    round = append(review, "ann", "reopen", subject="previous:a", stage="full-text", why="a retraction")
    for who in ("ann", "bob"):
        vote(review, who, "previous:a", "exclude", "full-text", round)
    assert data.included(review.connection) == []


def test_what_is_wrong_is_named(review: Review) -> None:
    """v_violation finds what no command writes."""
    vote(review, "ann", "pubmed:9", "include")
    resolve(review, "bob", "pubmed:1", "include")
    vote(review, "bob", "pubmed:1", "include")
    append(review, "ann", "link", report="pubmed:1", study="study:none", state="linked", evidence=[])
    assign(review, "ann", ("pubmed:1", "pubmed:77"))
    with review.transaction():
        for i in range(40):
            review.append("ann", "assign", {"items": [[f"x:{i}", f"x:{i + 1}", ""]]})
    named = {what for what, _ in rows(review, "SELECT what, subject FROM v_violation")}
    assert named == {
        "judgement of a report that is not there", "resolution by one of the voters",
        "judgement of a study that is not there", "report named by no record",
        "record assigned through more than 32 others",
    }  # fmt: skip


def test_no_view_scans_one_subquery_for_each_row_of_another(review: Review) -> None:
    """What made the boxes of 20,000 records take 20 s: the plan does not depend on how many rows there are."""
    for (view,) in rows(review, "SELECT name FROM sqlite_master WHERE type = 'view'"):
        plan = rows(review, f"EXPLAIN QUERY PLAN SELECT * FROM {view}")
        assert [step for *_, step in plan if step.startswith("SCAN") and "LEFT-JOIN" in step] == [], view
