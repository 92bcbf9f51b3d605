"""`lsr link`: two reports side by side, every decision by option and by key, lists for programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from db import queries, studies
from db.model import Author, Link, Record
from db.records import RunNote, store_run
from db.studies import append_link
from lsr.workflow.folder import open_review
from tests.conftest import Command, Ran
from tests.scene import KNOWN, KNOWN_STUDY, REPORTS, SEARCHED, A, B, searched
from tests.scene import include as include_report

NEW, OTHER = REPORTS[0], "study:hu-2022"
Link_ = Callable[..., Ran]


@pytest.fixture
def folder(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = searched(tmp_path_factory, tmp_path / "review")
    with open_review(made) as opened, opened.review.transaction():
        for study in (KNOWN_STUDY, OTHER):
            append_link(opened.review, "machine:link", Link(NEW, study, "proposed", ("2 authors in common",)))
    return made


@pytest.fixture
def link(lsr: Command, folder: Path) -> Link_:
    def run(*words: str, who: str | None = A, stdin: str | None = None) -> Ran:
        return lsr("link", *words, *(("--reviewer", who) if who else ()), "-R", folder, stdin=stdin)

    return run


def told(ran: Ran) -> Any:
    assert ran.code == 0, ran
    return json.loads(ran.out)


def state(folder: Path) -> dict[tuple[str, str], str]:
    with open_review(folder) as opened:
        return {(k.report, k.study): k.state for k in queries.links(opened.review.connection) if k.report == NEW}


def overlap(folder: Path) -> list[tuple[str, str, str, int | None, str]]:
    with open_review(folder) as opened:
        return [(o.a, o.b, o.certainty, o.patients, o.state) for o in studies.overlaps(opened.review.connection)]


def test_side_by_side_with_what_speaks_for_and_against(folder: Path, link: Link_) -> None:
    with open_review(folder) as opened:
        main_id = queries.find_report(opened.review.connection, KNOWN)
        main = queries.record_of(opened.review.connection, main_id)
        new = Record("pubmed", "77", "A later report of 40 patients treated with WU-CART-007", "",
                     (*main.authors[:1], Author("Zhou", "Q", affiliation="Peking University, Beijing")), 2025,
                     registry_ids=("NCT00000001",))  # fmt: skip
        with opened.review.transaction():
            store_run(opened.review, RunNote("pubmed", "databases", "q", SEARCHED, None), [new])
    ran = link(new.id, KNOWN_STUDY)
    assert ran.code == 0
    for words in (new.title[:20], main.title[:20], "NCT00000001", "40", "later", "WU-CART-007", KNOWN_STUDY):
        assert words in ran.out, words
    (pair,) = told(link(new.id, KNOWN_STUDY, "--json"))
    facts = {fact["name"]: fact for fact in pair["facts"]}
    assert (facts["trials"]["says"], facts["trials"]["speaks"]) == ("differ", -1)
    assert facts["patients"]["left"] == "40"
    assert pair["main"] == main_id
    assert pair["link"] is None
    assert pair["included"]


def test_without_a_study_each_proposal_is_shown(link: Link_) -> None:
    shown = told(link(NEW, "--json"))
    assert [(pair["study"], pair["link"]["evidence"]) for pair in shown] == [
        (KNOWN_STUDY, ["2 authors in common"]), (OTHER, ["2 authors in common"])
    ]  # fmt: skip
    assert "proposed: 2 authors in common" in link(NEW).out
    assert "no study is proposed" in link(REPORTS[1]).err
    assert len(told(link("--json"))) == 2


def test_one_report_may_belong_to_several_studies(folder: Path, link: Link_) -> None:
    for study in (KNOWN_STUDY, OTHER):
        assert link(NEW, study, "--accept").code == 0
    assert state(folder) == {(NEW, KNOWN_STUDY): "linked", (NEW, OTHER): "linked"}
    assert link(NEW, OTHER, "--refuse", "--why", "another product").code == 0
    assert state(folder) == {(NEW, KNOWN_STUDY): "linked", (NEW, OTHER): "refused"}


def test_a_new_study_answers_the_proposals(folder: Path, link: Link_) -> None:
    assert told(link(NEW, "--new", "Family 2019", "--json")) == {"study": f"study:{NEW}"}
    assert set(state(folder).values()) == {"linked", "refused"}
    assert link().out == "Nothing is proposed.\n"


def test_overlap_opens_a_study_and_two_people_choose(folder: Path, link: Link_) -> None:
    own = f"study:{NEW}"
    said = told(link(NEW, KNOWN_STUDY, "--overlap", "probable", "--patients", "12", "--keep", KNOWN_STUDY, "--json"))
    assert said == {"studies": [own, KNOWN_STUDY], "certainty": "probable", "state": "proposed"}
    assert state(folder) == {(NEW, KNOWN_STUDY): "refused", (NEW, OTHER): "proposed", (NEW, own): "linked"}
    ran = link(own, KNOWN_STUDY, "--overlap", "certain", "--keep", KNOWN_STUDY, who=B)
    assert "certain overlap; two people chose which is pooled" in ran.out
    assert overlap(folder) == [(KNOWN_STUDY, own, "certain", 12, "decided")]
    assert [o["keep"] for o in told(link("--overlaps", "--json"))] == [KNOWN_STUDY]
    assert f"{B}: certain, keep {KNOWN_STUDY}" in link("--overlaps").out
    for who in (A, B):
        ran = link(NEW, KNOWN_STUDY, "--overlap", "none", who=who)
    assert "no overlap" in ran.out
    assert overlap(folder) == []


def test_data_and_subset(folder: Path, link: Link_) -> None:
    of = ("--study", KNOWN_STUDY)
    ran = link("--data", KNOWN, *of, "--outcome", "cr", "--why", "the full report")
    assert ran.code == 0
    assert "counts for cr of study:ghobadi-2023 (all)" in ran.out
    assert told(link("--subset", KNOWN, *of, "--why", "RP2D", "--json"))["subset"] is True
    assert told(link("--subset", KNOWN, *of, "--why", "RP2D", "--undo", "--json"))["subset"] is False
    with open_review(folder) as opened:
        words = studies.report_words(opened.review.connection)
    assert [(w.mark, w.outcome, w.person) for w in words] == [("counts", "cr", A)]
    assert link("--data", KNOWN, *of, "--outcome", "cr", "--why", "w", "--undo").code == 0
    assert link("--data", KNOWN, *of, "--outcome", "cr").code == 1
    assert link("--data", KNOWN, *of).code == 2


@pytest.mark.parametrize("words", [
    (NEW, "--accept"), (NEW, KNOWN_STUDY, "--accept", "--refuse"), ("--new", "X"), (NEW, "--overlap", "certain"),
    (NEW, KNOWN_STUDY, "--overlap", "perhaps"), ("--studies", "--overlaps"),
])  # fmt: skip
def test_wrong_usage_is_exit_2(link: Link_, words: tuple[str, ...]) -> None:
    ran = link(*words)
    assert (ran.code, ran.out) == (2, "")


@pytest.mark.parametrize(("keys", "after", "words"), [
    ("a\nsame centre\nq\n", {KNOWN_STUDY: "linked", OTHER: "proposed"}, "1 answered; 1 proposed links left."),
    ("r\n\nr\n\n", {KNOWN_STUDY: "refused", OTHER: "refused"}, "2 answered; 0 proposed links left."),
    ("s\nx\na\n\n", {KNOWN_STUDY: "proposed", OTHER: "linked"}, "'x' is no key of this screen."),
    ("n\nFamily 2019\n", {KNOWN_STUDY: "refused", OTHER: "refused", f"study:{NEW}": "linked"}, "1 answered; 0"),
    ("o\n2\n7\n2\none centre\nq\n", {KNOWN_STUDY: "refused", OTHER: "proposed", f"study:{NEW}": "linked"}, "1 ans"),
    ("o\n9\nq\n", {KNOWN_STUDY: "proposed", OTHER: "proposed"}, "nothing was entered"),
    ("o\n1\nmany\nq\n", {KNOWN_STUDY: "proposed", OTHER: "proposed"}, "is no number of patients"),
    ("", {KNOWN_STUDY: "proposed", OTHER: "proposed"}, "0 answered"),
])  # fmt: skip
def test_the_walk(folder: Path, link: Link_, keys: str, after: dict[str, str], words: str) -> None:
    ran = link("--walk", stdin=keys)
    assert ran.code == 0, ran
    assert {study: state for (_, study), state in state(folder).items()} == after
    assert words in ran.err
    if "o\n2" in keys:
        assert overlap(folder) == [(KNOWN_STUDY, f"study:{NEW}", "probable", 7, "proposed")]


def test_a_person_outranks_the_machine_whenever_it_spoke(folder: Path, link: Link_) -> None:
    assert link(NEW, KNOWN_STUDY, "--refuse").code == 0
    with open_review(folder) as opened, opened.review.transaction():
        append_link(opened.review, "machine:link", Link(NEW, KNOWN_STUDY, "linked", ("same trial",)))
    assert state(folder)[NEW, KNOWN_STUDY] == "refused"


def test_status_names_the_new_report_first(lsr: Command, folder: Path) -> None:
    out = lsr("status", "-R", folder).out.splitlines()
    assert out[0] == f"new reports of included studies: {NEW} perhaps of {KNOWN_STUDY} (lsr link)"
    with open_review(folder) as opened:
        include_report(opened, NEW)
    told = json.loads(lsr("status", "--json", "-R", folder).out)
    assert {(one["study"], one["state"]) for one in told["new_reports"]} == {
        (KNOWN_STUDY, "proposed"),
        (OTHER, "proposed"),
    }
