"""What people may decide, in what order, and what follows from it: the promises of screening."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.dataset import datasets
from analysis.prisma import flow, imbalances
from curation.verdicts import verdict_of
from db import data, queries
from db.errors import DecisionError, InputError
from db.model import Link
from db.verify import verify
from lsr.workflow import choices, judge, studies
from lsr.workflow.folder import Open, open_review
from lsr.workflow.linking import append_link
from tests.scene import (
    BOTH,
    JUDGE,
    KNOWN,
    KNOWN_STUDY,
    REPORTS,
    A,
    B,
    C,
    include,
    searched,
    studies_of,
    taken_back,
    to_full_text,
    vote,
)  # fmt: skip

# A failing example is to be shown, however long the review in it prints.
pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
FIRST, SECOND, *_ = REPORTS
TA: Final = "title-abstract"
FT: Final = "full-text"
REASON = "X01_not_primary"


@pytest.fixture
def found(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    with open_review(searched(tmp_path_factory, tmp_path / "review")) as opened:
        yield opened


def balanced(opened: Open) -> None:
    counts = flow(opened.review.connection)
    assert imbalances(counts) == []


def box(opened: Open, report: str) -> str:
    row = next(row for row in data.listing(opened.review.connection) if row["record"] == report)
    return row["report_box"] or row["box"]


def in_pool(opened: Open, study: str) -> set[str]:
    found = datasets(opened.review.connection, opened.spec)
    return {d.outcome.id for d in found for row in d.rows if row.study == study}


# Votes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("votes", "state", "where"),
    [
        (("include", "exclude"), "include", "awaiting retrieval"),
        (("unsure", "exclude"), "include", "awaiting retrieval"),
        (("unsure", "unsure"), "include", "awaiting retrieval"),
        (("exclude", "exclude"), "exclude", "excluded"),
        (("exclude",), "awaiting", "awaiting screening"),
    ],
)
def test_either_carries_a_title_on(found: Open, votes: tuple[str, ...], state: str, where: str) -> None:
    assert vote(found, FIRST, TA, *votes).state == state
    assert box(found, FIRST) == where
    balanced(found)


@pytest.mark.parametrize(
    ("votes", "state", "where"),
    [
        (("include", "include"), "include", "included"),
        (("exclude", "exclude"), "exclude", "excluded"),
        (("include", "exclude"), "conflict", "awaiting assessment"),
        (("include", "unsure"), "conflict", "awaiting assessment"),
        (("unsure", "unsure"), "conflict", "awaiting assessment"),
        (("include",), "awaiting", "awaiting assessment"),
    ],
)
def test_full_texts_must_agree(found: Open, votes: tuple[str, ...], state: str, where: str) -> None:
    to_full_text(found, FIRST)
    assert vote(found, FIRST, FT, *votes).state == state
    assert box(found, FIRST) == where
    balanced(found)


KEYS = st.tuples(st.sampled_from((A, B, C)), st.sampled_from(("include", "exclude", "unsure", "undo")))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(KEYS, max_size=9))
def test_whatever_people_press_the_rules_and_the_counts_hold(found: Open, presses: list[tuple[str, str]]) -> None:
    """A model of one item beside the program: who may press what, and what it amounts to."""
    held: dict[str, str] = {}
    with taken_back(found):
        for who, key in presses:
            if len(held) == 2 or (key == "undo" and who not in held):
                with pytest.raises(DecisionError):
                    press(found, who, key)
                continue
            press(found, who, key)
            held = {name: v for name, v in held.items() if name != who} | ({} if key == "undo" else {who: key})
        stands = judge.item(found, FIRST, TA)
        assert stands.state == verdict_of(list(held.values()), 2, "either")  # type: ignore[arg-type]
        assert {vote.reviewer: vote.verdict for vote in stands.votes} == held
        assert imbalances(flow(found.review.connection)) == []


def press(found: Open, who: str, key: str) -> None:
    if key == "undo":
        judge.withdraw(found, FIRST, TA, who)
    else:
        judge.vote(found, FIRST, TA, who, key, REASON if key == "exclude" else None)  # type: ignore[arg-type]


def test_undo_is_free_until_the_votes_are_in_then_it_is_a_reopening(found: Open) -> None:
    vote(found, FIRST, TA, "exclude")
    assert judge.withdraw(found, FIRST, TA, A).votes == ()
    vote(found, FIRST, TA, "unsure")
    judge.vote(found, FIRST, TA, A, "exclude", REASON)  # a change of mind is a vote again
    judge.vote(found, FIRST, TA, B, "exclude", REASON)
    for who, key in ((A, "undo"), (A, "include"), (C, "include")):
        with pytest.raises(DecisionError, match=f"decide {FIRST} --stage {TA} --reviewer {who} --reopen WHY"):
            press(found, who, key)
    assert box(found, FIRST) == "excluded"
    kept = found.review.connection.execute("SELECT count(*) FROM vote").fetchone()
    assert kept == (5,)  # each press is a row; none was overwritten


def test_nobody_takes_back_a_vote_they_do_not_have(found: Open) -> None:
    vote(found, FIRST, TA, "include")
    with pytest.raises(DecisionError, match="demo-b has no vote"):
        judge.withdraw(found, FIRST, TA, B)


def test_a_record_names_its_report_by_id_pmid_or_with_a_prefix(found: Open) -> None:
    assert judge.vote(found, "9001", TA, A, "include").report == FIRST
    assert judge.vote(found, "pmid:9001", TA, B, "include").report == FIRST


# Full text -------------------------------------------------------------------------------------------------------


def test_full_text_needs_the_stage_before_and_the_text(found: Open) -> None:
    with pytest.raises(DecisionError, match="not closed with include"):
        judge.vote(found, FIRST, FT, A, "include")
    vote(found, FIRST, TA, "include", "include")
    with pytest.raises(DecisionError, match="--retrieved"):
        judge.vote(found, FIRST, FT, A, "include")
    judge.retrieve(found, FIRST, A, got=False, route="library")
    assert box(found, FIRST) == "not retrieved"
    with pytest.raises(DecisionError, match="--retrieved"):
        judge.vote(found, FIRST, FT, A, "include")
    judge.retrieve(found, FIRST, A, got=True, route="author")
    assert vote(found, FIRST, FT, "include", "include").state == "include"
    balanced(found)


def test_a_reopening_is_no_way_round_the_stages(found: Open) -> None:
    with pytest.raises(DecisionError, match="nothing to reopen"):
        judge.reopen(found, FIRST, FT, A, "in a hurry")
    vote(found, FIRST, TA, "exclude")
    with pytest.raises(DecisionError, match="nothing to reopen"):
        judge.reopen(found, FIRST, TA, B, "to be rid of the other's vote")
    assert judge.item(found, FIRST, TA).round == ""


def test_what_was_read_cannot_become_not_retrieved(found: Open) -> None:
    include(found, FIRST)
    before = data.included(found.review.connection)
    with pytest.raises(DecisionError, match="judged at full text"):
        judge.retrieve(found, FIRST, B, got=False)
    assert data.included(found.review.connection) == before


def test_the_hash_of_the_file_is_kept(found: Open, tmp_path: Path) -> None:
    (tmp_path / "text.pdf").write_bytes(b"%PDF")
    judge.retrieve(found, FIRST, A, got=True, route="open access", file=tmp_path / "text.pdf")
    row = found.review.connection.execute("SELECT route, sha256 FROM retrieval").fetchone()
    assert row == ("open access", hashlib.sha256(b"%PDF").hexdigest())
    with pytest.raises(InputError, match=r"none\.pdf"):
        judge.retrieve(found, FIRST, A, got=True, file=tmp_path / "none.pdf")


# Conflicts -------------------------------------------------------------------------------------------------------


def test_a_conflict_is_for_an_adjudicator_who_did_not_vote(found: Open) -> None:
    to_full_text(found, FIRST)
    with pytest.raises(DecisionError, match="no conflict"):
        judge.resolve(found, FIRST, FT, JUDGE, "include")
    judge.vote(found, FIRST, FT, A, "include")
    judge.vote(found, FIRST, FT, BOTH, "exclude", REASON)
    assert queries.conflicts(found.review.connection) == [(FIRST, FT)]
    with pytest.raises(DecisionError, match="another adjudicator"):
        judge.resolve(found, FIRST, FT, BOTH, "include")
    with pytest.raises(DecisionError, match="role adjudicator"):
        judge.resolve(found, FIRST, FT, B, "include")
    with pytest.raises(DecisionError, match="unsure"):
        judge.resolve(found, FIRST, FT, JUDGE, "unsure")
    with pytest.raises(DecisionError, match="needs a reason"):
        judge.resolve(found, FIRST, FT, JUDGE, "exclude")
    assert judge.resolve(found, FIRST, FT, JUDGE, "exclude", REASON, "read it twice").state == "exclude"
    with pytest.raises(DecisionError, match="no conflict"):
        judge.resolve(found, FIRST, FT, JUDGE, "include")
    assert box(found, FIRST) == "excluded"
    balanced(found)
    assert verify(found.review) == []


def test_a_conflict_may_be_reopened_by_who_erred(found: Open) -> None:
    to_full_text(found, FIRST)
    vote(found, FIRST, FT, "include", "exclude")
    judge.reopen(found, FIRST, FT, B, "read the wrong paper")
    assert not queries.conflicts(found.review.connection)
    assert vote(found, FIRST, FT, "include", "include").state == "include"


# Reopening -------------------------------------------------------------------------------------------------------


def test_a_closed_verdict_stays_in_force_until_the_new_round_closes(found: Open) -> None:
    include(found, FIRST)
    (study,) = studies_of(found, FIRST)
    judge.reopen(found, FIRST, FT, A, "a correction appeared")
    assert box(found, FIRST) == "included"
    with pytest.raises(DecisionError, match="nothing to reopen"):
        judge.reopen(found, FIRST, FT, B, "again")
    vote(found, FIRST, FT, "exclude")
    assert box(found, FIRST) == "included"
    assert (study, FIRST, False) in data.included(found.review.connection)
    vote(found, FIRST, FT, "exclude", "exclude")
    assert box(found, FIRST) == "excluded"
    assert (study, FIRST, False) not in data.included(found.review.connection)
    balanced(found)
    with pytest.raises(InputError, match="needs its reason"):
        judge.reopen(found, FIRST, FT, A, "  ")


def test_a_reopened_title_takes_the_report_out_again(found: Open) -> None:
    include(found, FIRST)
    judge.reopen(found, FIRST, TA, A, "wrong population after all")
    assert box(found, FIRST) == "included"
    vote(found, FIRST, TA, "exclude", "exclude")
    assert box(found, FIRST) == "excluded"
    assert FIRST not in {report for _, report, _ in data.included(found.review.connection)}
    balanced(found)


def test_a_retracted_report_of_the_previous_version_leaves_set_and_pool(found: Open) -> None:
    connection = found.review.connection
    report = queries.find_report(connection, KNOWN)
    with pytest.raises(DecisionError, match="reopen"):
        judge.vote(found, KNOWN, TA, A, "exclude", REASON)
    assert in_pool(found, KNOWN_STUDY)
    judge.reopen(found, KNOWN, FT, A, "retracted")
    assert queries.to_vote_on(connection, FT, A, 2) == [report]
    for who in (A, B):
        assert in_pool(found, KNOWN_STUDY)
        judge.vote(found, KNOWN, FT, who, "exclude", "X10_retracted")
    assert KNOWN_STUDY not in {study for study, _, _ in data.included(connection)}
    assert not in_pool(found, KNOWN_STUDY)
    counts = flow(connection)
    assert (counts.removed_since, counts.total_reports, counts.total_studies) == (1, 13, 12)
    assert (counts.previous_reports, counts.previous_studies) == (14, 13)
    balanced(found)
    judge.reopen(found, KNOWN, FT, A, "the retraction was of another paper")
    vote(found, KNOWN, FT, "include", "include")
    assert in_pool(found, KNOWN_STUDY)
    assert flow(connection).removed_since == 0
    assert verify(found.review) == []


# Studies ---------------------------------------------------------------------------------------------------------


def test_an_included_report_gets_a_study_where_none_is_likely(found: Open) -> None:
    include(found, FIRST)
    (study,) = studies_of(found, FIRST)
    assert queries.study_labels(found.review.connection)[study] == "Family1 2019"
    assert flow(found.review.connection).new_studies == 1


def test_a_proposal_waits_for_a_person_and_its_refusal_opens_a_study(found: Open) -> None:
    other = "study:hu-2022"
    with found.review.transaction():
        for study in (KNOWN_STUDY, other):
            append_link(found.review, "machine:link", Link(FIRST, study, "proposed", ("same registry number",)))
    include(found, FIRST)
    assert studies_of(found, FIRST) == []
    assert data.unlinked(found.review.connection) == [FIRST]
    balanced(found)
    studies.decide_link(found, FIRST, other, A, accept=False, why="another centre")
    assert studies_of(found, FIRST) == []
    studies.decide_link(found, FIRST, KNOWN_STUDY, A, accept=False)
    assert studies_of(found, FIRST) == [f"study:{FIRST}"]
    assert data.unlinked(found.review.connection) == []
    balanced(found)


def test_an_accepted_proposal_makes_a_companion(found: Open) -> None:
    with found.review.transaction():
        append_link(found.review, "machine:link", Link(FIRST, KNOWN_STUDY, "proposed", ("same registry number",)))
    include(found, FIRST)
    studies.decide_link(found, FIRST, KNOWN_STUDY, B, accept=True)
    counts = flow(found.review.connection)
    assert (counts.new_studies, counts.new_reports, counts.new_reports_of_previous_studies) == (0, 1, 1)
    balanced(found)


def test_refusing_before_inclusion_opens_no_study(found: Open) -> None:
    studies.decide_link(found, FIRST, KNOWN_STUDY, A, accept=False)
    assert studies_of(found, FIRST) == []
    include(found, FIRST)
    assert studies_of(found, FIRST) == [f"study:{FIRST}"]


def test_labels_are_told_apart() -> None:
    assert studies.study_label("Hu", 2022, ["Hu 2022"], "x:1") == "Hu 2022b"
    assert studies.study_label("Hu", 2022, ["Hu 2022", "Hu 2022b"], "x:1") == "Hu 2022c"
    assert studies.study_label("", 2022, [], "x:1") == "x:1 (2022)"
    assert studies.study_label("Hu", None, [], "x:1") == "x:1"


def test_overlapping_patients_count_once_until_people_chose(found: Open) -> None:
    hu, tan = "study:hu-2022", "study:tan-2022"
    both = in_pool(found, hu) & in_pool(found, tan)
    assert both
    choices.report_overlap(found, tan, hu, A, "probable")
    assert not in_pool(found, hu) & in_pool(found, tan)
    held = tan if both <= in_pool(found, hu) else hu
    kept = hu if held == tan else tan
    missing = {m.status for d in datasets(found.review.connection, found.spec) for m in d.missing if m.study == held}
    assert missing == {"held-out"}
    choices.report_overlap(found, hu, tan, A, "probable", keep=held)
    assert both <= in_pool(found, kept), "one person proposes"
    choices.report_overlap(found, hu, tan, B, "probable", keep=held)
    assert both <= in_pool(found, held)
    assert not in_pool(found, hu) & in_pool(found, tan)
    choices.report_overlap(found, hu, tan, B, "none")
    assert not in_pool(found, hu) & in_pool(found, tan), "whoever said that there is an overlap has to take it back"
    choices.report_overlap(found, hu, tan, A, "none")
    assert both <= in_pool(found, hu) & in_pool(found, tan)
    balanced(found)
    for a, b, certainty in ((hu, hu, "certain"), (hu, tan, "perhaps")):
        with pytest.raises(DecisionError):
            choices.report_overlap(found, a, b, A, certainty)
    with pytest.raises(InputError, match="no study"):
        choices.report_overlap(found, hu, "study:none", A, "certain")


def test_only_people_of_the_protocol_decide(found: Open) -> None:
    for step in (
        lambda: judge.vote(found, FIRST, TA, "nobody", "include"),
        lambda: judge.reopen(found, KNOWN, FT, "nobody", "why"),
        lambda: judge.retrieve(found, FIRST, "nobody", got=True),
        lambda: studies.new_study(found, FIRST, "nobody", "A label"),
        lambda: studies.decide_link(found, FIRST, KNOWN_STUDY, "machine:link", accept=True),
        lambda: choices.report_overlap(found, KNOWN_STUDY, "study:hu-2022", "nobody", "certain"),
    ):
        with pytest.raises(DecisionError, match="unknown"):
            step()
