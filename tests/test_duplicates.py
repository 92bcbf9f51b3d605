"""Duplicates inside a review: batches, queue, decisions, undo; against the views, on random records and histories."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.clusters import cluster
from curation.dedupe import find_duplicates
from db import duplicates as stored
from db import queries
from db.asof import as_of
from db.errors import DecisionError, InputError
from db.ledger import heads
from db.model import Author, Record
from db.records import RunNote, store_run
from db.review import Review
from db.specs import ProtocolSpec
from db.verify import verify
from lsr.workflow.duplicates import Settled, dedupe, settle_all
from lsr.workflow.folder import Open
from lsr.workflow.pairs import decide, part, read_queue, undo, write_queue
from lsr.workflow.reports import kept_of
from tests.histories import PROTOCOL, STUDIES, History, append, assign, new_review, resolve, vote
from tests.made_up import records
from tests.test_clusters import partition

SEEDS = st.integers(0, 2**32 - 1)
FEW = settings(
    max_examples=max(settings().max_examples // 10, 5), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
PERSONS = tuple(SimpleNamespace(name=name) for name in ("ann", "bob", "dee"))
SPEC = cast(ProtocolSpec, SimpleNamespace(persons=PERSONS))
STATE = {
    "boxes": "SELECT id, arm, report, box, report_box, reason FROM v_record ORDER BY 1",
    "reports": "SELECT record, report FROM v_report_of WHERE record <> report ORDER BY 1",
    "included": "SELECT study, report, previous FROM v_included ORDER BY 1, 2, 3",
    "votes": "SELECT * FROM v_vote ORDER BY 1, 2, 3, 4",
    "verdicts": "SELECT report, stage, round, verdict, reason, votes FROM v_round_verdict ORDER BY 1, 2, 3",
    "open": "SELECT * FROM v_open ORDER BY 1, 2",
    "in force": "SELECT * FROM v_verdict ORDER BY 1, 2",
    "links": "SELECT report, study, state FROM v_link ORDER BY 1, 2",
    "queue": "SELECT a, b, one, other FROM v_pair_queue ORDER BY 1, 2",
    "violations": "SELECT * FROM v_violation ORDER BY 1, 2",
}


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("empty")
    new_review(folder).close()
    return folder


@contextmanager
def review_of(empty: Path) -> Iterator[Open]:
    with tempfile.TemporaryDirectory() as folder, new_review(Path(folder), empty) as review:
        append(review, "ed", "protocol", **PROTOCOL)
        yield Open(review, SPEC)


@pytest.fixture
def opened(empty: Path) -> Iterator[Open]:
    with review_of(empty) as found:
        yield found


def bring(opened: Open, found: Sequence[Record], arm: str = "databases") -> Settled:
    """A run that brings these records, deduped as the workflow does it."""
    with opened.review.transaction():
        run = store_run(opened.review, RunNote("a file", arm, "query", opened.review.clock(), None), found)
        return dedupe(opened, (*run.new, *run.changed))


def state(opened: Open) -> dict[str, list[Any]]:
    c = opened.review.connection
    shown = {name: c.execute(query).fetchall() for name, query in STATE.items()}
    reports = sorted({queries.report_of(c, record) for (record,) in c.execute("SELECT id FROM record")})
    return shown | {"kept": [(report, kept_of(c, report)) for report in reports]}


def reports(opened: Open) -> set[frozenset[str]]:
    c = opened.review.connection
    return partition({record: queries.report_of(c, record) for (record,) in c.execute("SELECT id FROM record")})


def waiting(opened: Open) -> set[frozenset[str]]:
    return {frozenset((pair.a, pair.b)) for pair in stored.queue(opened.review.connection)}


def said(review: Review) -> list[Any]:
    """The entries but for runs."""
    return review.connection.execute("SELECT hash FROM entry WHERE kind <> 'run' ORDER BY n").fetchall()


def article(source: str, **changes: Any) -> Record:
    """One article, as a source prints it."""
    whole = Record(
        source, "1", title="Infusion of engineered cells in adults with relapsed disease", year=2020, journal="Blood",
        authors=(Author("Adeli", "K"), Author("Lewis", "G")), volume="12", pages="100-110",
    )  # fmt: skip
    return replace(whole, **changes)


# A function of the records ------------------------------------------------------------------------------------------


@FEW
@given(SEEDS, st.integers(2, 14))
def test_order_batches_and_repetition_change_nothing(empty: Path, seed: int, size: int) -> None:
    """The partition and the queue, that is; which record names a report may depend on which was there first."""
    random, found = Random(seed), records(seed, size)
    with review_of(empty) as once:
        bring(once, found)
        expected = reports(once), waiting(once)
        assert expected[0] == partition(cluster(found, find_duplicates(found)).kept)
        before = said(once.review)
        bring(once, found)
        assert said(once.review) == before, "importing twice says nothing new"
    with review_of(empty) as weekly:
        random.shuffle(found)
        while found:
            count = random.randrange(1, 5)
            bring(weekly, [*found[:count], *random.sample(found[:count], 1)])
            found = found[count:]
        assert (reports(weekly), waiting(weekly)) == expected
        assert seed % 8 or verify(weekly.review) == []


@FEW
@given(SEEDS, st.integers(3, 10))
def test_decisions_hold_in_whatever_order_records_and_decisions_come(empty: Path, seed: int, size: int) -> None:
    """Random decisions between batches; then the reports are the function of all records and all decisions."""
    random, found = Random(seed), records(seed, size)
    with review_of(empty) as opened:
        c = opened.review.connection
        left = list(found)
        while left:
            count = random.randrange(1, 4)
            bring(opened, left[:count])
            left = left[count:]
            for _ in range(2):
                a, b = random.choice(found).id, random.choice(found).id
                if stored.existing(c, {a, b}) != {a, b}:
                    continue
                try:
                    match random.randrange(4):
                        case 0:
                            part(opened, a, b, "ann", "not the same trial")
                        case 1:
                            undo(opened, a, b, "bob")
                        case _:
                            decide(opened, a, b, "ann", random.choice(("same", "different")))
                except DecisionError:
                    pass
        known = stored.pairs(c, [record.id for record in found])
        made = cluster(
            found, find_duplicates(found), [(p.a, p.b) for p in known if p.decided == "same"],
            [(p.a, p.b) for p in known if p.decided == "different"],
        )  # fmt: skip
        assert reports(opened) == partition(made.kept)
        assert seed % 8 or verify(opened.review) == []
        before = said(opened.review)
        settle_all(opened)
        assert said(opened.review) == before, "worked out anew, nothing is to be said"


def test_the_name_of_a_report_is_its_first_record(opened: Open) -> None:
    """So the name depends on what came first; the previous version's record names it all the same."""
    c = opened.review.connection
    bring(opened, [article("pubmed", native_id="2")])
    bring(opened, [article("crossref"), article("pubmed")])
    assert {queries.report_of(c, record) for record in ("crossref:1", "pubmed:1")} == {"pubmed:2"}
    bring(opened, [article("previous")], "previous")
    assert {queries.report_of(c, record) for record in ("crossref:1", "pubmed:1", "pubmed:2")} == {"previous:1"}


CHAIN = (
    article("pubmed", doi="10.1/a"),
    article("crossref", title=f"{article('x').title}s"),
    article("embase", doi="10.1/c", pages="100-110", native_id="3"),
)


def test_a_new_record_may_part_what_a_machine_joined(opened: Open) -> None:
    one, link, other = CHAIN
    bring(opened, [one, link])
    assert reports(opened) == {frozenset({one.id, link.id})}
    settled = bring(opened, [replace(other, title=link.title)])
    assert reports(opened) == {frozenset({one.id}), frozenset({link.id, other.id})}, "a surer pair than the first"
    assert settled.parted == (one.id,), "the report keeps the name of the record that was there first and stayed"
    assert waiting(opened) == {frozenset({one.id, link.id})}


def acts() -> dict[str, tuple[str, dict[str, Any]]]:
    cell = {"study": STUDIES[0], "cohort": "all", "outcome": "cr", "timepoint": "", "denominator": "infused",
            "reading": "as printed", "role": "primary", "round": "", "origin": "extracted", "status": "silent",
            "events": None, "total": None, "place": "", "quotation": "", "source_kind": "primary-article",
            "confidence": "sure", "why": "", "report": "pubmed:1"}  # fmt: skip
    judgement = {"report": "pubmed:1", "stage": "title-abstract", "round": "", "verdict": "include", "reason": None,
                 "note": ""}  # fmt: skip
    return {
        "vote": ("vote", judgement),
        "resolution": ("resolution", judgement),
        "retrieval": ("retrieval", {"report": "pubmed:1", "got": 1, "route": "", "sha256": ""}),
        "link": ("link", {"report": "pubmed:1", "study": STUDIES[0], "state": "refused", "evidence": []}),
        "reopen": ("reopen", {"subject": "pubmed:1", "stage": "title-abstract", "why": "a correction"}),
        "datum": ("datum", cell),
        "fact": ("fact", {"study": STUDIES[0], "cohort": "all", "field": "doses", "status": "silent", "value": "",
                          "report": "pubmed:1", "place": "", "source_kind": "primary-article"}),
        "trial": ("trial_link", {"trial": "NCT00000001", "study": None, "report": "pubmed:1", "state": "linked"}),
    }  # fmt: skip


@pytest.mark.parametrize("act", acts())
def test_what_people_worked_on_stands_and_the_pair_goes_to_the_queue(opened: Open, act: str) -> None:
    one, link, other = CHAIN
    append(opened.review, "machine:previous", "study", study=STUDIES[0], label="One", patients=None)
    bring(opened, [one, link])
    kind, body = acts()[act]
    append(opened.review, "ann", kind, **body)
    bring(opened, [replace(other, title=link.title)])
    assert reports(opened) == {frozenset({one.id, link.id}), frozenset({other.id})}
    assert waiting(opened) == {frozenset({link.id, other.id})}


def test_what_people_did_before_the_merge_does_not_hold_it(opened: Open) -> None:
    one, link, other = CHAIN
    bring(opened, [one])
    vote(opened.review, "ann", one.id, "include")
    bring(opened, [link])
    bring(opened, [replace(other, title=link.title)])
    assert reports(opened) == {frozenset({one.id}), frozenset({link.id, other.id})}


def test_new_content_of_a_known_record_is_compared_again(opened: Open) -> None:
    bring(opened, [article("pubmed"), article("crossref", title="Something else about another matter", pages="7")])
    assert len(reports(opened)) == 2
    bring(opened, [article("crossref")])
    assert len(reports(opened)) == 1
    bring(opened, [article("crossref", doi="10.1/a"), article("pubmed", doi="10.1/b")])
    assert len(reports(opened)) == 2, "two DOIs now"
    assert waiting(opened) == {frozenset({"crossref:1", "pubmed:1"})}
    bring(opened, [article("crossref", title="Something else about another matter", pages="7", authors=())])
    assert waiting(opened) == set(), "a proposal that nothing suggests any more"


def test_a_page_opened_for_a_report_stays_with_it_whatever_its_title(opened: Open) -> None:
    page = Record("ash", "9", title="Another title altogether, of a page", abstract="a text")
    bring(opened, [article("pubmed")])
    store_run(opened.review, RunNote("ash", "retrieval", "", opened.review.clock(), None), [page])
    assign(opened.review, "machine:retrieval", ("ash:9", "pubmed:1"))
    bring(opened, [article("crossref")])
    assert reports(opened) == {frozenset({"pubmed:1", "crossref:1", "ash:9"})}
    part(opened, "pubmed:1", "ash:9", "ann", "the page of another abstract")
    assert reports(opened) == {frozenset({"pubmed:1", "crossref:1"}), frozenset({"ash:9"})}
    assert stored.said_different(opened.review.connection, "ash:9", "pubmed:1")


# The queue, and what people decide ----------------------------------------------------------------------------------

DOUBT = (article("pubmed", doi="10.1/a"), article("crossref", doi="10.1/b"))


def test_a_pair_in_doubt_waits_in_the_queue_until_a_person_answers(opened: Open) -> None:
    c = opened.review.connection
    bring(opened, DOUBT)
    (pair,) = stored.queue(c)
    assert (pair.a, pair.b, pair.found, {pair.one, pair.other}) == (
        "crossref:1", "pubmed:1", "proposed", {"crossref:1", "pubmed:1"},
    )  # fmt: skip
    assert "different DOIs" in pair.evidence
    assert stored.queue_length(c) == 1
    then = heads(c)
    answer = decide(opened, pair.a, pair.b, "ann", "same", "the publisher printed two")
    assert answer.reports == ("pubmed:1",) or answer.reports == ("crossref:1",)
    assert stored.queue(c) == []
    with as_of(opened.review, then) as before:
        assert [p.name for p in stored.queue(before)] == [pair.name]
    assert verify(opened.review) == []


def test_a_machine_decides_nothing_and_a_person_finds_nothing(opened: Open) -> None:
    bring(opened, DOUBT)
    items = [["crossref:1", "pubmed:1", 1, ""]]
    for state in ("same", "different", "undone"):
        with pytest.raises(DecisionError, match="machines find duplicates, people decide"):
            append(opened.review, "machine:dedupe", "pair", state=state, items=items)
    for state in ("joined", "proposed", "dropped"):
        with pytest.raises(DecisionError, match="machines find duplicates, people decide"):
            append(opened.review, "ann", "pair", state=state, items=items)
    with pytest.raises(DecisionError, match="unknown person 'eve'"):
        decide(opened, "crossref:1", "pubmed:1", "eve", "same")


def test_what_was_said_to_differ_is_asked_no_more_and_joined_by_no_chain(opened: Open) -> None:
    bring(opened, DOUBT)
    decide(opened, "pubmed:1", "crossref:1", "ann", "different")
    assert waiting(opened) == set()
    bring(opened, [article("embase", doi="10.1/b"), article("embase", native_id="2", doi="10.1/a")])
    assert reports(opened) == {frozenset({"crossref:1", "embase:1"}), frozenset({"pubmed:1", "embase:2"})}
    assert waiting(opened) == set(), "the reports of the two were decided on"
    with pytest.raises(DecisionError, match=r"ann said that .* different: take that back first"):
        decide(opened, "embase:1", "embase:2", "bob", "same")
    undo(opened, "embase:1", "embase:2", "bob")
    assert len(waiting(opened)) == 1


def test_a_machine_does_not_join_again_what_a_person_parted(opened: Open) -> None:
    bring(opened, [article("pubmed"), article("crossref"), article("embase")])
    assert len(reports(opened)) == 1
    with pytest.raises(InputError, match="parted with a reason"):
        part(opened, "pubmed:1", "embase:1", "ann", " ")
    part(opened, "pubmed:1", "embase:1", "ann", "another trial")
    parted = {frozenset({"pubmed:1", "crossref:1"}), frozenset({"embase:1"})}
    assert (reports(opened), waiting(opened)) == (parted, set())
    bring(opened, [article("scopus", title="A study of something else", pages="1", authors=())])
    settle_all(opened)
    assert reports(opened) >= parted
    undo(opened, "embase:1", "pubmed:1", "bob")
    assert frozenset({"pubmed:1", "crossref:1", "embase:1"}) in reports(opened)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("decide", "pubmed:1", "crossref:1", "same"), "one report already"),
        (("decide", "pubmed:1", "crossref:1", "different"), "part one with"),
        (("undo", "pubmed:1", "crossref:1"), "nobody decided"),
        (("part", "embase:9", "embase:9"), "no other record"),
        (("part", "pubmed:1", "embase:9"), "no record of"),
    ],
)
def test_what_cannot_be_decided_says_why(opened: Open, words: tuple[str, ...], why: str) -> None:
    bring(opened, [article("pubmed"), article("crossref"), Record("embase", "9", title="Another thing")])
    before = said(opened.review)
    what, a, b, *verdict = words
    steps = {
        "decide": lambda: decide(opened, a, b, "ann", cast(Any, verdict[0])),
        "undo": lambda: undo(opened, a, b, "ann"),
        "part": lambda: part(opened, a, b, "ann", "why not"),
    }
    with pytest.raises(DecisionError, match=why):
        steps[what]()
    assert said(opened.review) == before


def test_a_parted_pair_that_a_person_had_joined_is_joined_again_by_undo(opened: Open) -> None:
    bring(opened, DOUBT)
    decide(opened, "pubmed:1", "crossref:1", "ann", "same")
    before = state(opened)
    part(opened, "pubmed:1", "crossref:1", "bob", "no")
    assert len(reports(opened)) == 2
    undo(opened, "pubmed:1", "crossref:1", "bob")
    assert state(opened) == before


def test_decisions_of_two_copies_that_contradict_are_asked_about(opened: Open) -> None:
    """As a merge of copies brings them: no command enters both."""
    bring(opened, DOUBT)
    append(opened.review, "ann", "pair", state="same", items=[["crossref:1", "pubmed:1", 0, ""]])
    bring(opened, [article("embase", doi="10.1/c", native_id="2")])
    append(opened.review, "ann", "pair", state="same", items=[["crossref:1", "embase:2", 0, ""]])
    append(opened.review, "bob", "pair", state="different", items=[["embase:2", "pubmed:1", 0, ""]])
    settle_all(opened)
    assert frozenset({"pubmed:1"}) in reports(opened)
    (pair,) = stored.queue(opened.review.connection)
    assert (pair.decided, pair.decider) == ("same", "ann")


# Undo restores exactly ----------------------------------------------------------------------------------------------


def made_history(empty_review: Open, seed: int) -> None:
    """Votes, rulings, links, pages and joins at random, over records that resemble each other; then settled."""
    History(empty_review.review, seed).begin().play(25)
    c = empty_review.review.connection
    found = records(seed, 8)
    bring(empty_review, found)
    random = Random(seed)
    there = sorted({queries.report_of(c, record.id) for record in found})
    for who in ("ann", "bob"):
        for report in there:
            if random.random() < 0.7:
                vote(empty_review.review, who, report, random.choice(("include", "exclude")))
    settle_all(empty_review)


@FEW
@given(SEEDS)
def test_a_merge_and_its_undoing_leave_what_was(empty: Path, seed: int) -> None:
    random = Random(seed)
    with review_of(empty) as opened:
        made_history(opened, seed)
        c = opened.review.connection
        there = sorted({queries.report_of(c, record) for record in stored.all_ids(c)})
        one, other = random.sample(there, 2)
        before = state(opened)
        try:
            decide(opened, one, other, "ann", "same")
        except DecisionError:
            return
        assert queries.report_of(c, one) == queries.report_of(c, other)
        undo(opened, one, other, "bob")
        assert state(opened) == before
        assert seed % 8 or verify(opened.review) == []


@FEW
@given(SEEDS)
def test_a_parting_and_its_undoing_leave_what_was(empty: Path, seed: int) -> None:
    random = Random(seed)
    with review_of(empty) as opened:
        made_history(opened, seed)
        c = opened.review.connection
        groups = [sorted(group) for group in sorted(reports(opened), key=sorted) if len(group) > 1]
        if not groups:
            return
        group = random.choice(groups)
        record = random.choice(group)
        before = state(opened)
        try:
            part(opened, record, record, "ann", "another trial")
        except DecisionError:
            return  # assigned by hand in this history
        assert len({queries.report_of(c, member) for member in group}) > 1
        undo(opened, record, next(other for other in group if other != record), "bob")
        assert state(opened) == before


@pytest.mark.parametrize("parted", ["pubmed:1", "crossref:1", "embase:1"])
def test_what_was_voted_on_the_whole_is_the_last_word_again_after_undo(opened: Open, parted: str) -> None:
    """Unless somebody voted on a part meanwhile: then both are heard, as of any two reports that become one."""
    c = opened.review.connection
    for source in ("pubmed", "crossref", "embase"):
        record = article(source, title="Something else" if source == "pubmed" else article("x").title, authors=())
        bring(opened, [record])
        vote(opened.review, "ann", record.id, "exclude")
    bring(opened, [article("pubmed"), article("crossref"), article("embase")])
    vote(opened.review, "ann", "pubmed:1", "include")
    heard = queries.votes(c, "pubmed:1", "title-abstract", "")
    assert [vote.verdict for vote in heard] == ["include"]
    before = state(opened)
    other = "pubmed:1" if parted != "pubmed:1" else "embase:1"
    part(opened, parted, parted, "bob", "another trial")
    undo(opened, parted, other, "bob")
    assert state(opened) == before
    part(opened, parted, parted, "bob", "another trial")
    vote(opened.review, "ann", parted, "exclude")
    undo(opened, parted, other, "bob")
    if parted != "pubmed:1":
        assert [vote.verdict for vote in queries.votes(c, "pubmed:1", "title-abstract", "")] == ["unsure"]


# Verdicts that meet -------------------------------------------------------------------------------------------------


def closed(opened: Open, report: str, verdict: str) -> None:
    for who in ("ann", "bob"):
        vote(opened.review, who, report, verdict, reason="X01" if verdict == "exclude" else None)


def test_two_reports_with_different_closed_verdicts_reopen_when_they_are_found_to_be_one(opened: Open) -> None:
    c = opened.review.connection
    bring(opened, DOUBT)
    closed(opened, "pubmed:1", "include")
    closed(opened, "crossref:1", "exclude")
    before = state(opened)
    answer = decide(opened, "pubmed:1", "crossref:1", "dee", "same")
    ((report, stage, why),) = answer.settled.reopened
    assert (stage, "their verdicts differ" in why) == ("title-abstract", True)
    (author,) = c.execute("SELECT author FROM entry WHERE kind = 'reopen'").fetchone()
    assert author == "machine:dedupe"
    round = queries.current_round(c, report, "title-abstract")
    assert round
    assert c.execute("SELECT report, round, state FROM v_open").fetchall() == [(report, round, "awaiting")]
    assert queries.to_vote_on(c, "title-abstract", "ann", 2) == [report]
    vote(opened.review, "ann", report, "include", round=round)
    undo(opened, "pubmed:1", "crossref:1", "dee")
    assert state(opened)["verdicts"] == before["verdicts"], "the round was opened for the merge, and went with it"
    for side in ("pubmed:1", "crossref:1"):  # somebody works on them meanwhile: it is no mere coming back
        append(opened.review, "ann", "retrieval", report=side, got=1, route="", sha256="")
    again = decide(opened, "pubmed:1", "crossref:1", "dee", "same")
    assert again.settled.reopened == ()
    assert queries.current_round(c, report, "title-abstract") == round, "and comes back with it: no second one"
    assert verify(opened.review) == []


def test_equal_verdicts_stand_and_a_ruling_counts_as_a_verdict(opened: Open) -> None:
    bring(opened, DOUBT)
    for report in ("pubmed:1", "crossref:1"):
        closed(opened, report, "include")
    assert decide(opened, "pubmed:1", "crossref:1", "dee", "same").settled.reopened == ()
    assert (
        dict(opened.review.connection.execute("SELECT report, state FROM v_open").fetchall()).popitem()[1] == "include"
    )


def test_rulings_that_differ_reopen(opened: Open) -> None:
    bring(opened, DOUBT)
    for report, ruling in (("pubmed:1", "include"), ("crossref:1", "exclude")):
        vote(opened.review, "ann", report, "include")
        vote(opened.review, "bob", report, "exclude")
        resolve(opened.review, "dee", report, ruling)
    assert len(decide(opened, "pubmed:1", "crossref:1", "ann", "same").settled.reopened) == 1


def test_an_excluded_record_of_a_report_of_the_previous_version_reopens_it(opened: Open) -> None:
    c = opened.review.connection
    append(opened.review, "machine:previous", "study", study=STUDIES[0], label="One", patients=None)
    bring(opened, [article("previous", doi="10.1/a")], "previous")
    append(opened.review, "machine:previous", "previous", review={}, items=[["previous:1", STUDIES[0]]])
    bring(opened, [article("crossref", doi="10.1/b")])
    closed(opened, "crossref:1", "exclude")
    answer = decide(opened, "previous:1", "crossref:1", "dee", "same")
    assert [(report, stage) for report, stage, _ in answer.settled.reopened] == [("previous:1", "title-abstract")]
    assert c.execute("SELECT study, report FROM v_included").fetchall() == [(STUDIES[0], "previous:1")]


def test_a_machines_merge_reopens_as_well(opened: Open) -> None:
    bring(opened, DOUBT)
    closed(opened, "pubmed:1", "include")
    closed(opened, "crossref:1", "exclude")
    settled = bring(opened, [replace(record, pmid="77") for record in DOUBT])
    assert len(settled.reopened) == 1
    assert len(reports(opened)) == 1


# The sheet ----------------------------------------------------------------------------------------------------------


def test_a_filled_queue_is_entered_whole_or_not_at_all(opened: Open, tmp_path: Path) -> None:
    bring(opened, [*DOUBT, article("pubmed", native_id="3", title="Late effects among survivors of a transplant, again",
                                   pages="1-9", doi="10.1/x"),
                   article("crossref", native_id="3", title="Late effects among survivors of a transplant, again",
                           pages="1-9", doi="10.1/y")])  # fmt: skip
    path = tmp_path / "queue.csv"
    assert write_queue(opened, path) == len(waiting(opened)) == 2
    heading, *rows = path.read_text("utf-8-sig").splitlines()
    assert heading.endswith(",evidence,decision")
    before = said(opened.review)
    path.write_text("\n".join([heading, f"{rows[0]}same", f"{rows[1]}perhaps"]))
    with pytest.raises(InputError, match='row 3, column decision: "perhaps" is neither same nor different'):
        read_queue(opened, path, "ann")
    assert said(opened.review) == before
    path.write_text("\n".join([heading, f"{rows[0]}Same", f"{rows[1]}different"]))
    assert [row.decision for row, _ in read_queue(opened, path, "ann")] == ["same", "different"]
    assert waiting(opened) == set()
    after = said(opened.review)
    assert read_queue(opened, path, "ann") == []
    assert said(opened.review) == after
