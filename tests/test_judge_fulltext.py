"""What becomes of a full text: retrieved or not, waiting, authors asked. The boxes balance at each of these."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from analysis.prisma import flow, imbalances
from db import data, queries, screening
from db.errors import DecisionError, InputError
from db.verify import verify
from lsr.workflow import fulltext, judge, lists
from lsr.workflow.folder import Open, open_review
from lsr.workflow.pages import write_site
from tests.conftest import Command
from tests.scene import REPORTS, A, B, include, searched, to_full_text, vote

FT: Final = "full-text"
FIRST, SECOND, *_ = REPORTS
NOW = "2026-11-20T08:00:00Z"


@pytest.fixture
def found(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    folder = searched(tmp_path_factory, tmp_path / "review")
    with open_review(folder, clock=lambda: NOW) as opened:
        yield opened


def box(opened: Open, report: str) -> str:
    row = next(row for row in data.listing(opened.review.connection) if row["record"] == report)
    assert imbalances(flow(opened.review.connection)) == []
    return row["report_box"] or row["box"]


def test_the_file_is_kept_under_its_hash(found: Open, tmp_path: Path) -> None:
    (tmp_path / "Ghobadi 2023.PDF").write_bytes(b"%PDF")
    judge.retrieve(
        found, FIRST, A, got=True, route="library", file=tmp_path / "Ghobadi 2023.PDF", licence="CC BY 4.0",
        supplement=False, language="zh",
    )  # fmt: skip
    (text,) = screening.full_texts(found.review.connection)
    digest = hashlib.sha256(b"%PDF").hexdigest()
    assert text == screening.FullText(
        FIRST, True, "library", digest, f"fulltext/{digest}.pdf", "CC BY 4.0", "no", "zh", ""
    )  # fmt: skip
    assert (found.review.folder / text.file).read_bytes() == b"%PDF"
    own = found.review.folder / "fulltext" / "by hand.pdf"
    own.write_bytes(b"%PDF 2")
    judge.retrieve(found, SECOND, A, got=True, file=own)
    assert screening.full_texts(found.review.connection)[1].file == "fulltext/by hand.pdf"
    assert len(list((found.review.folder / "fulltext").iterdir())) == 2


def test_a_file_that_is_none_is_refused(found: Open, tmp_path: Path) -> None:
    (tmp_path / "empty.pdf").touch()
    for path, words in ((tmp_path / "none.pdf", "cannot be read"), (tmp_path, "cannot be read"),
                        (tmp_path / "empty.pdf", "is empty")):  # fmt: skip
        with pytest.raises(InputError, match=words):
            judge.retrieve(found, FIRST, A, got=True, file=path)
    with pytest.raises(InputError, match="has no file"):
        judge.retrieve(found, FIRST, A, got=False, file=tmp_path / "empty.pdf")
    assert screening.full_texts(found.review.connection) == []


def test_one_open_vote_does_not_show_when_a_text_is_said_not_to_be_retrieved(found: Open) -> None:
    to_full_text(found, FIRST)
    judge.vote(found, FIRST, FT, A, "include")
    judge.retrieve(found, FIRST, B, got=False, why="the library has another issue")
    assert box(found, FIRST) == "not retrieved"
    judge.retrieve(found, FIRST, B, got=True)
    assert judge.vote(found, FIRST, FT, B, "include").state == "include"
    with pytest.raises(DecisionError, match="judged at full text"):
        judge.retrieve(found, FIRST, B, got=False)


@pytest.mark.parametrize("what", ["translation", "classification"])
def test_a_text_waits_and_nobody_votes_meanwhile(found: Open, what: str) -> None:
    to_full_text(found, FIRST)
    judge.vote(found, FIRST, FT, A, "include")
    fulltext.wait(found, FIRST, A, what, "in Chinese; a reader is asked")  # type: ignore[arg-type]
    assert box(found, FIRST) == f"awaiting {what}"
    counts = flow(found.review.connection).arms["databases"]
    assert (counts.awaiting_translation, counts.awaiting_classification) == (
        (1, 0) if what == "translation" else (0, 1)
    )
    assert queries.to_vote_on(found.review.connection, FT, B, 2) == []
    with pytest.raises(DecisionError, match=f"awaits {what}: .* --awaiting nothing"):
        judge.vote(found, FIRST, FT, B, "include")
    judge.withdraw(found, FIRST, FT, A)
    fulltext.wait(found, FIRST, B, "nothing")
    assert box(found, FIRST) == "awaiting assessment"
    with pytest.raises(DecisionError, match="waits for nothing"):
        fulltext.wait(found, FIRST, B, "nothing")
    assert vote(found, FIRST, FT, "include", "include").state == "include"
    assert verify(found.review) == []


def test_classification_may_wait_without_the_text(found: Open) -> None:
    vote(found, FIRST, "title-abstract", "include", "include")
    fulltext.wait(found, FIRST, A, "classification", "an abstract only; authors asked")
    assert box(found, FIRST) == "awaiting classification"
    judge.retrieve(found, FIRST, A, got=False, why="not published")
    assert box(found, FIRST) == "awaiting classification"
    fulltext.wait(found, FIRST, A, "nothing")
    assert box(found, FIRST) == "not retrieved"


def test_who_may_wait(found: Open) -> None:
    with pytest.raises(DecisionError, match="not at full text"):
        fulltext.wait(found, FIRST, A, "translation", "in Chinese")
    with pytest.raises(InputError, match="--why WHY"):
        fulltext.wait(found, FIRST, A, "translation", " ")
    include(found, FIRST)
    with pytest.raises(DecisionError, match="required votes"):
        fulltext.wait(found, FIRST, A, "translation", "in Chinese")
    judge.reopen(found, FIRST, FT, A, "a longer text appeared")
    fulltext.wait(found, FIRST, A, "translation", "in Chinese")
    assert box(found, FIRST) == "included"  # what is in force stays in force
    assert queries.to_vote_on(found.review.connection, FT, A, 2) == []
    with pytest.raises(DecisionError, match="unknown person"):
        fulltext.wait(found, FIRST, "nobody", "nothing")


def test_authors_are_asked_and_answer(found: Open) -> None:
    fulltext.contact(found, FIRST, A, "2026-11-01", "patients of both trials?")
    fulltext.contact(found, FIRST, A, "2026-11-10", "reminder")
    fulltext.contact(found, FIRST, B, "2026-11-01", "patients of both trials?", "three of them")
    asked = screening.contacts(found.review.connection)
    assert [(c.asked_on, c.answer) for c in asked] == [("2026-11-01", "three of them"), ("2026-11-10", "")]
    (kept,) = found.review.connection.execute("SELECT count(*) FROM contact").fetchone()
    assert kept == 3
    for day, about in (("soon", "x"), ("2026-13-01", "x"), ("2026-11-21", "x"), ("2026-11-01", " ")):
        with pytest.raises(InputError):
            fulltext.contact(found, FIRST, A, day, about)
    assert verify(found.review) == []


def test_the_commands_and_the_lists(found: Open, lsr: Command, tmp_path: Path) -> None:
    at = ("--reviewer", A, "--review", found.review.folder)
    for report in REPORTS[:4]:
        vote(found, report, "title-abstract", "include", "include")
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    said = (
        (FIRST, "--retrieved", "--file", tmp_path / "a.pdf", "--route", "library", "--supplement", "--language", "en"),
        (SECOND, "--not-retrieved", "--why", "no library holds it"),
        (REPORTS[2], "--awaiting", "translation", "--why", "in Chinese"),
        (REPORTS[2], "--contacted", "2020-01-02", "--about", "an English version"),
    )
    for words in said:
        ran = lsr("decide", *words, *at)
        assert ran.code == 0, ran
    shown = {name: json.loads(lsr("status", "--only", name, "--json", *at[2:]).out) for name in lists.names()}
    assert [row["report"] for row in shown["awaiting-retrieval"]] == [REPORTS[3]]
    assert [(row["report"], row["detail"]) for row in shown["not-retrieved"]] == [(SECOND, "no library holds it")]
    assert [(row["report"], row["detail"]) for row in shown["awaiting-translation"]] == [(REPORTS[2], "in Chinese")]
    assert [(row["report"], row["supplement"]) for row in shown["retrieved"]] == [(FIRST, "yes")]
    assert [(row["about"], row["answer"]) for row in shown["contacted"]] == [("an English version", "")]
    assert {row["status"] for row in shown["outcome-not-reported"]} <= {"silent", "not-in-source"}
    assert shown["outcome-not-reported"]
    assert "in Chinese" in lsr("status", "--only", "awaiting-translation", *at[2:]).out
    assert "1 full texts await translation" in lsr("status", *at[2:]).out
    assert lsr("status", "--only", "none", *at[2:]).code == 1
    assert lsr("decide", SECOND, "--not-retrieved", *at).code == 2
    assert lsr("decide", SECOND, "--retrieved", "--awaiting", "nothing", *at).code == 2
    diagram = lsr("prisma", "--svg", tmp_path / "flow.svg", *at[2:])
    assert "awaiting translation" in diagram.out
    assert "Awaiting translation" in (tmp_path / "flow.svg").read_text("utf-8").replace("\u00a0", " ")


def test_nothing_of_the_full_texts_is_on_a_page(found: Open, tmp_path: Path) -> None:
    to_full_text(found, FIRST)
    (tmp_path / "a.pdf").write_bytes(b"%PDF-secret")
    judge.retrieve(found, FIRST, A, got=True, file=tmp_path / "a.pdf", route="by a friend")
    fulltext.wait(found, FIRST, A, "classification", "I wonder")
    fulltext.contact(found, FIRST, A, "2026-11-01", "whose patients?")
    site = write_site(found)
    digest = hashlib.sha256(b"%PDF-secret").hexdigest()
    for page in site.rglob("*"):
        text = page.read_bytes() if page.is_file() else b""
        assert not any(words.encode() in text for words in (digest, "whose patients", "%PDF", "I wonder")), page
