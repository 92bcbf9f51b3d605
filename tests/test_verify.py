"""What `verify` must name: every change that a hand could make to the file or the archive."""

from __future__ import annotations

import gzip
import json
import sqlite3
from pathlib import Path

import pytest

from db import ledger
from db.review import FILE, Review
from db.verify import verify
from tests.histories import PROTOCOL, STUDIES, append, bring, include, new_review, vote

COPY = "SELECT id FROM copy"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A closed review with votes, an included report and a version after which more was done."""
    with new_review(tmp_path / "review") as review:
        append(review, "ed", "protocol", **PROTOCOL)
        bring(review, "pubmed", "databases", ["1", "2", "3"])
        include(review, "pubmed:1", STUDIES[0])
        for report in ("pubmed:2", "pubmed:3"):
            vote(review, "ann", report, "exclude")
        heads = ledger.heads(review.connection)
        append(review, "ed", "version", number="1.0", reason="first", heads=heads, frozen={}, signed_by=["ed"])
        vote(review, "bob", "pubmed:2", "exclude")
    return tmp_path / "review"


def tamper(folder: Path, *statements: str) -> None:
    """Change the file by hand: history triggers dropped and put back, no keys or checks enforced."""
    raw = sqlite3.connect(folder / FILE, isolation_level=None)
    guards = raw.execute("SELECT name, sql FROM sqlite_master WHERE name GLOB '*is_history*'").fetchall()
    raw.execute("PRAGMA ignore_check_constraints = ON")
    for name, _ in guards:
        raw.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        assert raw.execute(statement).rowcount != 0, f"nothing was changed by {statement}"
    for _, sql in guards:
        raw.execute(sql)
    raw.close()


def faults(folder: Path) -> str:
    with Review.open(folder) as review:
        return "\n".join(verify(review))


def test_a_clean_review_has_no_fault_and_progress_is_told(folder: Path) -> None:
    told: list[str] = []
    with Review.open(folder) as review:
        assert verify(review, told.append) == []
    assert told[0] == "shape of the file"
    assert len(told) == 8


@pytest.mark.parametrize(("column", "value"), [
    ("hash", "'sha256:' || printf('%064d', 1)"), ("chain", "'ann@elsewhere'"), ("seq", "seq + 100"),
    ("prev", "'sha256:none'"), ("clock", "clock + 1000"), ("at", "'1999-01-01T00:00:00Z'"), ("author", "'eve'"),
    ("kind", "'resolution'"), ("body", "replace(body, 'include', 'exclude')"),
])  # fmt: skip
def test_every_field_of_an_entry_is_covered(folder: Path, column: str, value: str) -> None:
    where = "WHERE n = (SELECT min(n) FROM entry WHERE kind = 'vote' AND author = 'ann')"
    tamper(folder, f"UPDATE entry SET {column} = {value} {where}")
    found = faults(folder)
    assert "does not match its hash" in found
    if column in ("hash", "chain", "seq", "prev"):
        assert "is broken before entry" in found


def test_a_body_that_is_no_longer_readable_is_named(folder: Path) -> None:
    tamper(folder, "UPDATE entry SET body = '{' WHERE kind IN ('vote', 'version')")
    found = faults(folder)
    assert "(version) cannot be read" in found
    assert "cannot be entered again" in found


def test_an_entry_cut_from_the_middle_is_named(folder: Path) -> None:
    cut = "(SELECT n FROM entry WHERE author = 'ann' AND kind = 'vote' ORDER BY n LIMIT 1)"
    tamper(folder, f"DELETE FROM vote WHERE n = {cut}", f"DELETE FROM entry WHERE n = {cut}")
    found = faults(folder)
    assert "chain ann@" in found
    assert "is broken before entry" in found


def test_a_published_tail_that_was_removed_is_named(folder: Path) -> None:
    """The whole end of a chain, typed rows too: only the version still knows of it."""
    tail = "(SELECT max(n) FROM entry WHERE author = 'ann')"
    tamper(folder, f"DELETE FROM vote WHERE n = {tail}", f"DELETE FROM entry WHERE n = {tail}")
    found = faults(folder)
    assert "version 1.0 saw entry" in found
    assert "of ann@" in found
    assert "is broken" not in found


def test_a_clock_set_back_is_named_even_with_a_right_hash(folder: Path) -> None:
    raw = sqlite3.connect(folder / FILE)
    n, *fields = raw.execute(
        "SELECT n, chain, seq, prev, clock, at, author, kind, body FROM entry ORDER BY n DESC LIMIT 1"
    ).fetchone()
    raw.close()
    fields[3] = 1
    tamper(folder, f"UPDATE entry SET clock = 1, hash = '{ledger.entry_hash(*fields)}' WHERE n = {n}")
    assert "the clock of chain bob@" in faults(folder)


@pytest.mark.parametrize(("table", "change"), [
    ("vote", "UPDATE vote SET verdict = 'unsure' WHERE reviewer = 'bob'"),
    ("vote", "INSERT INTO vote SELECT (SELECT n FROM entry WHERE kind = 'protocol'), report, stage, round, 'eve',"
             " verdict, reason, note FROM vote LIMIT 1"),
    ("link", "DELETE FROM link"),
    ("protocol", "UPDATE protocol SET votes_needed = 1"),
    ("version", "UPDATE version SET frozen = '{\"made\":\"up\"}'"),
    ("study", "UPDATE study SET label = 'another'"),
    ("run", "UPDATE run SET hits = hits + 1"),
])  # fmt: skip
def test_a_changed_typed_row_is_named(folder: Path, table: str, change: str) -> None:
    tamper(folder, change)
    assert f"table {table} is not what the ledger says" in faults(folder)


def test_changed_content_is_named(folder: Path) -> None:
    tamper(
        folder,
        "UPDATE content SET body = replace(body, 'title', 'TITLE') WHERE sha256 = (SELECT min(sha256) FROM content)",
    )
    assert "a record's content does not match its hash" in faults(folder)


@pytest.mark.parametrize("change", [
    "UPDATE found SET sha256 = (SELECT max(sha256) FROM content) WHERE record = (SELECT f.record FROM found f"
    " WHERE f.sha256 <> (SELECT max(sha256) FROM content) LIMIT 1)",
    "DELETE FROM found WHERE record = 'pubmed:3'",
])  # fmt: skip
def test_changed_found_rows_are_named(folder: Path, change: str) -> None:
    tamper(folder, change)
    assert "are not those it brought" in faults(folder)


def test_rows_that_point_at_nothing_are_named(folder: Path) -> None:
    tamper(folder, "DELETE FROM content WHERE sha256 = (SELECT min(sha256) FROM content)")
    assert "a row of found points at a content that is not there" in faults(folder)
    tamper(folder, "INSERT INTO record VALUES ('web:1', 'web', '1')")
    assert "record without content: web:1" in faults(folder)


def test_a_guard_that_is_gone_and_a_view_that_was_changed_are_named(folder: Path) -> None:
    raw = sqlite3.connect(folder / FILE)
    raw.execute("DROP TRIGGER vote_is_history_u")
    raw.execute("DROP VIEW v_unlinked")
    raw.execute("CREATE VIEW v_unlinked AS SELECT 1 report WHERE 0")
    raw.execute("CREATE TRIGGER sly AFTER INSERT ON entry BEGIN SELECT 1; END")
    raw.commit()
    raw.close()
    found = faults(folder)
    assert "vote_is_history_u in the file's shape is missing" in found
    assert "v_unlinked in the file's shape was changed" in found
    assert "sly in the file's shape is not of this program" in found


@pytest.mark.parametrize("harm", ["missing", "altered", "cut", "no gzip", "rotten"])
def test_a_missing_or_altered_archive_file_is_named(folder: Path, harm: str) -> None:
    (file,) = (folder / "archive").glob("*.gz")
    whole = file.read_bytes()
    if harm == "missing":
        file.unlink()
    else:
        bodies = {
            "altered": gzip.compress(b"something else"), "cut": whole[:-9], "no gzip": b"plain",
            "rotten": whole[:10] + b"\xff" * (len(whole) - 10),
        }  # fmt: skip
        file.write_bytes(bodies[harm])
    found = faults(folder)
    assert f"archive/{file.name}" in found
    assert len(found.splitlines()) == 1


def test_heads_hold_what_the_version_saw(folder: Path) -> None:
    with Review.open(folder) as review:
        ((text,),) = review.connection.execute("SELECT heads FROM version").fetchall()
        (copy,) = review.connection.execute(COPY).fetchone()
        heads = json.loads(text)
    assert set(heads) == {f"{author}@{copy}" for author in ("ann", "bob", "ed", "machine:harvest")}
