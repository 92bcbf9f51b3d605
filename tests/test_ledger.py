"""The ledger: nothing changes, each author and copy has a chain, a machine does not decide."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from db import ledger, schema
from db.canonical import canonical, sha256
from db.errors import DecisionError, ReviewFolderError
from db.review import FILE, Review
from tests.histories import PROTOCOL, STUDIES, append, assign, bring, datum, include, new_review, resolve, vote


@pytest.fixture
def review(tmp_path: Path) -> Iterator[Review]:
    with new_review(tmp_path / "review") as found:
        append(found, "ed", "protocol", **PROTOCOL)
        bring(found, "pubmed", "databases", ["1", "2"])
        yield found


def one_of_everything(review: Review) -> None:
    """At least one row in every table."""
    include(review, "pubmed:1", STUDIES[0])
    include(review, "pubmed:2", STUDIES[1])
    datum(review, "ann")
    study = {"study": STUDIES[0]}
    cell = {"field": "doses", "status": "reported", "value": "1", "report": "pubmed:1", "place": "p. 1"}
    append(review, "ann", "fact", **study, cohort="all", **cell, source_kind="primary-article")
    append(review, "ann", "cohort", **study, cohort="all", label="All infused", role="all", patients=10)
    append(review, "ann", "trial_link", **study, trial="NCT00000001", report=None, state="linked")
    append(review, "ann", "overlap", a=STUDIES[0], b=STUDIES[1], certainty="possible", patients=None, keep=None)
    append(review, "ann", "protocol", **(PROTOCOL | {"reports": ["article"]}))
    choice = {"report": "pubmed:1", "mark": "counts", "outcome": "cr", "cohort": "all", "why": "the longer follow-up"}
    append(review, "ann", "report_choice", **study, **choice)
    asked = append(review, "machine:link", "reopen", subject=STUDIES[0], stage="extraction", why="w", report="pubmed:2")
    append(review, "ann", "reopen_withdrawal", round=asked, why="refused")
    append(review, "ann", "removal", record="pubmed:2", why="other")
    append(review, "ann", "reopen", subject="pubmed:1", stage="full-text", why="a correction")
    resolve(review, "dee", "pubmed:1", "include")
    assign(review, "machine:dedupe", ("pubmed:2", "pubmed:1"))
    append(review, "machine:previous", "previous", review={}, items=[["pubmed:1", STUDIES[0]]])
    replies = [["GET /search", "0" * 64, 200, "2026-01-05", ""]]
    run = {"id": "by hand", "source": "web", "arm": "websites", "query": "", "searched_at": "2026-01-05", "replayed": 0,
           "composed": "", "hits": 0, "new_records": 0, "records_sha256": "", "ids_sha256": "", "log": []}  # fmt: skip
    append(review, "ann", "run", **run, replies=replies)
    append(
        review, "machine:harvest", "failure", source="web", at="2026-01-05", query="q", why="cut", questions=["jump"]
    )
    append(review, "ann", "acceptance", source="web", question="jump", why="looked at it")
    append(review, "machine:harvest", "registration", trial="NCT00000001", source="ctgov", facts={"title": "A trial"})
    append(review, "machine:dedupe", "pair", state="proposed", items=[["pubmed:1", "pubmed:2", 0.9, "titles alike"]])
    append(review, "ann", "awaiting", report="pubmed:1", what="translation", why="in Chinese")
    append(review, "ann", "contact", report="pubmed:1", asked_on="2026-01-05", about="which patients?", answer="")
    append(review, "ann", "version", number="1.0", reason="first", heads=ledger.heads(review.connection), frozen={})


def tables(review: Review) -> list[str]:
    rows = review.connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '*sqlite_*'"
    )
    return [name for (name,) in rows if name not in schema.CHANGEABLE]


def test_every_table_refuses_update_and_delete(review: Review) -> None:
    one_of_everything(review)
    assert set(schema.TYPED_TABLES) | {"entry", "record", "content", "found"} == set(tables(review))
    for table in tables(review):
        column, *_ = [name for _, name, *_ in review.connection.execute(f"PRAGMA table_info({table})")]
        assert review.connection.execute(f"SELECT count(*) FROM {table}").fetchone() > (0,), f"no row in {table} to try"
        for statement in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"):
            with pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only"):
                review.connection.execute(statement)


def test_replacing_a_row_is_refused_too(review: Review) -> None:
    """INSERT OR REPLACE deletes without a DELETE trigger unless recursive_triggers is on."""
    one_of_everything(review)
    for table in tables(review):
        with pytest.raises(sqlite3.IntegrityError):
            review.connection.execute(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")


def test_what_may_be_dropped_can_be_changed(review: Review) -> None:
    review.connection.execute("INSERT INTO estimate VALUES ('f', '{}')")
    for table in schema.CHANGEABLE:
        review.connection.execute(f"DELETE FROM {table}")


@pytest.mark.parametrize("author", ["machine:dedupe", "MACHINE:dedupe"])
def test_a_machine_does_not_decide(review: Review, author: str) -> None:
    append(review, "machine:previous", "study", study=STUDIES[0], label="One", patients=None)
    with pytest.raises(DecisionError, match="a machine does not decide"):
        vote(review, author, "pubmed:1", "exclude")
    with pytest.raises(DecisionError, match="a machine does not decide"):
        resolve(review, author, "pubmed:1", "exclude")
    with pytest.raises(DecisionError, match="a machine does not decide"):
        append(review, author, "version", number="1.0", reason="", heads={}, frozen={})
    for origin in ("extracted", "resolved"):
        with pytest.raises(DecisionError, match="a machine does not decide"):
            datum(review, author, origin=origin)
    datum(review, author, origin="previous")


@pytest.mark.parametrize(("kind", "body"), [
    ("vote", {"report": "pubmed:1", "stage": "full-text", "round": "", "verdict": "exclude", "reason": None}),
    ("vote", {"report": "pubmed:1", "stage": "full-text", "round": "", "verdict": "exclude", "reason": ""}),
    ("vote", {"report": "pubmed:1", "stage": "abstract", "round": "", "verdict": "include", "reason": None}),
    ("resolution", {"report": "pubmed:1", "stage": "full-text", "round": "", "verdict": "unsure", "reason": None}),
    ("retrieval", {"report": "pubmed:1", "got": "yes"}),
    ("overlap", {"a": "b", "b": "a", "certainty": "certain", "patients": None, "keep": None}),
    ("chat", {}),
])  # fmt: skip
def test_what_the_tables_cannot_hold_is_refused_and_leaves_nothing(
    review: Review, kind: str, body: dict[str, str]
) -> None:
    before = list(review.connection.iterdump())
    with pytest.raises(DecisionError, match=f"{kind} by ann refused"):
        append(review, "ann", kind, **body)
    assert list(review.connection.iterdump())[:-1] == before[:-1]


@pytest.mark.parametrize("other", [
    {"events": 11}, {"events": -1}, {"events": None}, {"total": 0}, {"status": "none", "events": 1},
    {"status": "silent"}, {"status": "not-in-source", "events": 0, "total": 10},
    {"role": "reproduction"}, {"confidence": "guessed"},
])  # fmt: skip
def test_a_count_that_cannot_be_is_refused(review: Review, other: dict[str, object]) -> None:
    append(review, "machine:previous", "study", study=STUDIES[0], label="One", patients=None)
    with pytest.raises(DecisionError):
        datum(review, "ann", **other)  # type: ignore[arg-type]


# Chains ----------------------------------------------------------------------------------------------------------


def test_each_author_has_a_chain_from_one_without_gaps(review: Review) -> None:
    for who in ("ann", "bob", "ann", "ann"):
        vote(review, who, "pubmed:1", "include")
    copy = review.copy()
    rows = review.connection.execute("SELECT chain, seq, prev, hash, clock FROM entry ORDER BY n").fetchall()
    assert [seq for chain, seq, *_ in rows if chain == f"ann@{copy}"] == [1, 2, 3]
    assert [seq for chain, seq, *_ in rows if chain == f"bob@{copy}"] == [1]
    hashes = [(prev, name) for chain, _, prev, name, _ in rows if chain == f"ann@{copy}"]
    assert [prev for prev, _ in hashes] == ["", hashes[0][1], hashes[1][1]]
    assert [clock for *_, clock in rows] == list(range(1, len(rows) + 1))
    assert ledger.heads(review.connection)[f"ann@{copy}"] == [3, hashes[2][1]]
    assert ledger.broken_chains(review.connection) == []


def test_the_hash_is_over_the_canonical_text_of_all_fields(review: Review) -> None:
    name = vote(review, "ann", "pubmed:1", "include")
    row = review.connection.execute(
        "SELECT chain, seq, prev, clock, at, author, kind, body FROM entry WHERE hash = ?", (name,)
    ).fetchone()
    assert name == "sha256:" + sha256(canonical(["lsr-entry-1", *row]))
    assert re.fullmatch("sha256:[0-9a-f]{64}", name)


def test_a_copied_file_takes_a_new_name_at_its_next_write(review: Review, tmp_path: Path) -> None:
    vote(review, "ann", "pubmed:1", "include")
    first = review.copy()
    review.close()
    (tmp_path / "copy").mkdir()
    shutil.copy(tmp_path / "review" / FILE, tmp_path / "copy" / FILE)
    with Review.open(tmp_path / "copy") as copied:
        assert copied.connection.execute("SELECT id FROM copy").fetchall() == [(first,)]
        vote(copied, "ann", "pubmed:1", "exclude")
        assert copied.copy() != first
        assert {chain for chain in ledger.heads(copied.connection) if chain.startswith("ann@")} == {
            f"ann@{first}", f"ann@{copied.copy()}",
        }  # fmt: skip
        assert ledger.broken_chains(copied.connection) == []
    with Review.open(tmp_path / "review") as again:
        vote(again, "ann", "pubmed:1", "exclude")
        assert again.copy() == first


def test_a_failing_transaction_leaves_nothing(review: Review) -> None:
    before = list(review.connection.iterdump())

    def two_votes() -> None:
        with review.transaction():
            vote(review, "ann", "pubmed:1", "include")
            vote(review, "ann", "pubmed:1", "perhaps")

    with pytest.raises(DecisionError, match="vote by ann refused"):
        two_votes()
    assert list(review.connection.iterdump()) == before


def test_a_review_is_made_once_and_opened_where_it_is(tmp_path: Path) -> None:
    with pytest.raises(ReviewFolderError, match="no review here"):
        Review.open(tmp_path)
    Review.create(tmp_path).close()
    with pytest.raises(ReviewFolderError, match="holds a review already"):
        Review.create(tmp_path)


def test_a_file_that_is_no_review_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("not a database, by far" * 100)
    with pytest.raises(ReviewFolderError, match="cannot be opened"):
        Review.open(tmp_path)
