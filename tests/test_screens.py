"""The plain screens, driven by keys as a person presses them; hostile titles stay text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from db import queries
from db.model import Author
from db.records import RunNote, store_run
from lsr.workflow import judge, studies
from lsr.workflow.folder import open_review
from tests.conftest import Command, Ran
from tests.scene import JUDGE, RECORDS, REPORTS, SEARCHED, A, B, searched, to_full_text, vote

ESC, BELL, CSI, OVERRIDE = "\x1b", "\x07", "\x9b", "\u202e"


@pytest.fixture
def folder(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return searched(tmp_path_factory, tmp_path / "review")


def votes(folder: Path, stage: str = "title-abstract", who: str = A) -> dict[str, tuple[str, str | None]]:
    with open_review(folder) as opened:
        found = {}
        for report in REPORTS:
            for vote in judge.item(opened, report, stage).votes:  # type: ignore[arg-type]
                if vote.reviewer == who:
                    found[report] = (vote.verdict, vote.reason)
        return found


def screen(lsr: Command, folder: Path, keys: str, *words: str, who: str = A) -> Ran:
    return lsr("screen", "--reviewer", who, *words, "--review", folder, stdin="".join(f"{key}\n" for key in keys))


def test_each_key_does_what_it_says(lsr: Command, folder: Path) -> None:
    ran = screen(lsr, folder, "iesu4q")
    assert ran.code == 0
    assert votes(folder) == {
        REPORTS[0]: ("include", None),
        REPORTS[1]: ("exclude", None),
        REPORTS[3]: ("unsure", None),
        REPORTS[4]: ("exclude", "X04_intervention"),
    }
    assert "4 votes; 4 of this queue left." in ran.err
    assert "[1 of 8 at title-abstract]" in ran.out


def test_what_is_shown(lsr: Command, folder: Path) -> None:
    ran = screen(lsr, folder, "q")
    shown = RECORDS[0]
    for words in (shown.title, "Family1 N", shown.journal, str(shown.year), shown.abstract, REPORTS[0]):
        assert words in ran.out
    for key, label in enumerate(("Not a primary", "Preclinical", "Population", "Intervention", "Outside", "Retr"), 1):
        assert f"  {key} {label}" in ran.out
    assert "Fewer than" not in ran.out  # a reason of full texts
    assert all(len(line) <= 80 for line in ran.out.splitlines())


def test_undo_walks_back_and_skipping_keeps_the_place(lsr: Command, folder: Path) -> None:
    ran = screen(lsr, folder, "zizisuzzq")
    assert ran.err.count("Nothing to undo.") == 1
    assert votes(folder) == {}
    assert "0 votes; 8 of this queue left." in ran.err
    screen(lsr, folder, "iezuq")
    assert votes(folder) == {REPORTS[0]: ("include", None), REPORTS[1]: ("unsure", None)}


def test_undo_stops_where_the_other_vote_is_in(lsr: Command, folder: Path) -> None:
    with open_review(folder) as opened:
        judge.vote(opened, REPORTS[0], "title-abstract", B, "include")
    ran = screen(lsr, folder, "izq")
    assert "--reopen WHY" in ran.err
    assert votes(folder) == {REPORTS[0]: ("include", None)}


def test_unknown_keys_change_nothing(lsr: Command, folder: Path) -> None:
    ran = lsr("screen", "--reviewer", A, "--review", folder, stdin="x\n0\n99\n²\nI\nq\n")
    for key in ("'x'", "'0'", "'99'", "'²'"):
        assert f"{key} is no key of this screen" in ran.err
    assert votes(folder) == {REPORTS[0]: ("include", None)}


@pytest.mark.parametrize("keys", ["", "i\n", "i\ne"])
def test_the_end_of_input_is_leaving(lsr: Command, folder: Path, keys: str) -> None:
    assert lsr("screen", "--reviewer", A, "--review", folder, stdin=keys).code == 0
    assert len(votes(folder)) == len(keys.split())


def test_it_resumes_where_one_left_off_and_ends_when_all_is_done(lsr: Command, folder: Path) -> None:
    screen(lsr, folder, "iiq")
    ran = screen(lsr, folder, "q")
    assert f"[1 of 6 at title-abstract]  {REPORTS[2]}" in ran.out
    screen(lsr, folder, "eeeeee")
    ran = screen(lsr, folder, "")
    assert (ran.code, ran.out) == (0, "")
    assert "0 votes; 0 of this queue left." in ran.err
    assert f"[1 of 8 at title-abstract]  {REPORTS[0]}" in screen(lsr, folder, "q", who=B).out


def test_full_texts_are_excluded_with_a_reason_only(lsr: Command, folder: Path) -> None:
    with open_review(folder) as opened:
        to_full_text(opened, REPORTS[0])
    ran = screen(lsr, folder, "e5", "--stage", "full-text")
    assert "needs a reason" in ran.err
    assert "  5 Fewer than 5 patients infused" in ran.out
    assert votes(folder, "full-text") == {REPORTS[0]: ("exclude", "X06_small_n")}


@pytest.mark.parametrize("who", ["nobody", JUDGE])
def test_who_is_no_screener_sees_nothing(lsr: Command, folder: Path, who: str) -> None:
    ran = screen(lsr, folder, "i", who=who)
    assert (ran.code, ran.out) == (1, "")
    assert "demo-a" in ran.err


def test_the_adjudicator_rules_with_both_votes_in_sight(lsr: Command, folder: Path) -> None:
    with open_review(folder) as opened:
        for report in REPORTS[:3]:
            to_full_text(opened, report)
            vote(opened, report, "full-text", "include", "exclude")
    ran = lsr("resolve", "--reviewer", JUDGE, "--review", folder, stdin="u\ns\ni\n5\n")
    assert ran.out.count("demo-a: include") == ran.out.count("demo-b: exclude X01_not_primary") == 3
    assert "'u' is no key of this screen" in ran.err
    with open_review(folder) as opened:
        assert queries.conflicts(opened.review.connection) == [(REPORTS[0], "full-text")]
        states = [judge.item(opened, report, "full-text").state for report in REPORTS[1:3]]
    assert states == ["include", "exclude"]
    assert lsr("resolve", "--reviewer", JUDGE, "--review", folder, stdin="q\n").code == 0
    assert lsr("resolve", "--reviewer", JUDGE, "--review", folder, stdin="").code == 0
    lsr("resolve", REPORTS[0], "exclude", "--reason", "X06_small_n", "--reviewer", JUDGE, "--review", folder)
    assert "No conflicts." in lsr("resolve", "--reviewer", JUDGE, "--review", folder).err
    assert lsr("resolve", REPORTS[0], "--reviewer", JUDGE, "--review", folder).code == 2


def test_hostile_text_never_reaches_the_terminal(lsr: Command, folder: Path) -> None:
    bad = f"{ESC}[2J{ESC}]0;owned{BELL}{CSI}31m{OVERRIDE}\x00\x08\r\x7fplain"
    record = replace(
        RECORDS[0], source="pubmed", native_id="1", pmid="", title=f"Title {bad}", abstract=f"One {bad}\nTwo {bad}",
        journal=bad, authors=(Author(f"Family{bad}", bad),), publication_types=(bad,), composed=bad,
    )  # fmt: skip
    with open_review(folder) as opened, opened.review.transaction():
        store_run(opened.review, RunNote("pubmed", "databases", "q", SEARCHED, None), (record,))
        label = studies.new_study(opened, record.id, A, f"Label {bad}")
    seen = [
        screen(lsr, folder, "q"),
        lsr("link", "--studies", "--review", folder),
        lsr("link", "--studies", "--json", "--review", folder),
        lsr("status", "--list", "--review", folder),
        lsr("decide", f"x{bad}", "include", "--reviewer", A, "--review", folder),
        lsr("decide", record.id, "include", "--reviewer", bad, "--review", folder),
        lsr("link", record.id, f"s{bad}", "--accept", "--reviewer", A, "--review", folder),
        lsr("extract", "--study", f"{label}{bad}", "--out", "x.csv", "--reviewer", A, "--review", folder),
    ]
    assert "pubmed:1" in seen[0].out
    assert "plain" in seen[0].out
    for ran in seen:
        assert {c for c in ran.out + ran.err if not c.isprintable()} <= {"\n"}, ran
