"""A version can be recomputed from its heads, whatever came after; and copies merge by union, in any order."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db import data, ledger
from db.asof import as_of, heads_of
from db.errors import InputError
from db.review import FILE, Review
from db.verify import verify
from tests.histories import PROTOCOL, REVIEWERS, STUDIES, History, append, bring, datum, new_review, vote
from tests.plain_model import read_model

SEEDS = st.integers(0, 2**32 - 1)
STEPS = st.integers(1, 50)
COLUMNS = "hash, chain, seq, prev, clock, at, author, kind, body"
FEW = settings(max_examples=settings().max_examples // 25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
STATE = {
    "records": "SELECT id, arm, report, box, report_box, reason FROM v_record ORDER BY 1",
    "included": "SELECT study, report, previous FROM v_included ORDER BY 1, 2, 3",
    "verdicts": "SELECT report, stage, round, verdict, reason, votes FROM v_round_verdict ORDER BY 1, 2, 3",
    "rows": "SELECT * FROM v_candidate ORDER BY 1, 2, 3, 4, 8, 9, 10, 11",
    "cells": "SELECT * FROM v_cell_state ORDER BY 1, 2, 3, 4, 5, 6, 7, 8",
    "links": "SELECT report, study, state FROM v_link ORDER BY 1, 2",
    "contents": "SELECT record, sha256 FROM v_content ORDER BY 1",
    "overlaps": "SELECT * FROM v_overlap ORDER BY 1, 2",
    "protocol": "SELECT text, reasons_must_agree FROM v_protocol",
    "violations": "SELECT * FROM v_violation ORDER BY 1, 2",
}


def state(connection: sqlite3.Connection) -> dict[str, list[Any]]:
    found = {name: connection.execute(query).fetchall() for name, query in STATE.items()}
    return found | {"boxes": data.boxes(connection), "values": data.cells(connection)}


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("empty")
    new_review(folder).close()
    return folder


def publish(review: Review, number: str = "1.0") -> None:
    append(review, "ed", "version", number=number, reason="", heads=ledger.heads(review.connection), frozen={})


def extract(review: Review, random: Random) -> None:
    """Some values of some cells, so that the pooled rows differ from one moment to the next."""
    for _ in range(6):
        report = random.choice(sorted(read_model(review.connection).members))
        who, study = random.choice(REVIEWERS), random.choice(STUDIES)
        datum(review, who, random.randrange(3), 10 + random.randrange(2), study=study, report=report)


@FEW
@given(SEEDS, STEPS, STEPS)
def test_a_version_is_recomputed_from_its_heads(
    empty: Path, tmp_path_factory: pytest.TempPathFactory, seed: int, before: int, after: int
) -> None:
    with new_review(tmp_path_factory.mktemp("review"), empty) as review:
        history = History(review, seed).begin().play(before)
        extract(review, history.random)
        published = state(review.connection)
        publish(review)
        review.clock = lambda: "2020-01-01T00:00:00Z"  # the clock is set back: wall time says nothing
        history.play(after)
        extract(review, history.random)
        publish(review, "1.1")
        now = state(review.connection)
        with as_of(review, heads_of(review, "1.0")) as then:
            assert state(then) == published
        with as_of(review, heads_of(review, "1.1")) as then:
            assert state(then) == now
        assert state(review.connection) == now


def test_heads_are_not_wall_time(empty: Path, tmp_path: Path) -> None:
    """A vote that bears an earlier time than the version, but came in after it, is not part of it."""
    with new_review(tmp_path / "review", empty) as review:
        append(review, "ed", "protocol", **PROTOCOL)
        bring(review, "pubmed", "databases", ["1"])
        publish(review)
        review.clock = lambda: "2001-01-01T00:00:00Z"
        for who in ("ann", "bob"):
            vote(review, who, "pubmed:1", "include")
        assert data.boxes(review.connection)[0] == ("record", "databases", "sought", 1)
        with as_of(review, heads_of(review, "1.0")) as then:
            assert data.boxes(then) == [("record", "databases", "awaiting screening", 1)]
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                then.execute("INSERT INTO setting VALUES ('a', 'b')")


def test_a_version_that_is_not_there(empty: Path, tmp_path: Path) -> None:
    with new_review(tmp_path / "review", empty) as review:
        with pytest.raises(InputError, match=r"no version 2\.0: there are none yet"):
            heads_of(review, "2.0")
        publish(review)
        with pytest.raises(InputError, match=r"there are 1\.0"):
            heads_of(review, "2.0")


# Union -----------------------------------------------------------------------------------------------------------


def copy_of(folder: Path, to: Path) -> Path:
    to.mkdir()
    shutil.copy(folder / FILE, to / FILE)
    shutil.copytree(folder / "archive", to / "archive")
    return to


def union(to: Path, empty: Path, sources: Iterable[Path]) -> Review:
    """All entries in (clock, hash) order, all records, contents and found rows, by plain inserts."""
    review = new_review(to, empty)
    c = review.connection
    entries: dict[str, tuple[Any, ...]] = {}
    with review.transaction():
        for folder in sources:
            c.execute("PRAGMA defer_foreign_keys = ON")
            with sqlite3.connect(folder / FILE) as other:
                query = f"SELECT {COLUMNS} FROM entry"
                entries |= {row[0]: row for row in other.execute(query)}
                for table, marks in (("record", "?,?,?"), ("content", "?,?"), ("found", "?,?,?")):
                    rows = other.execute(f"SELECT * FROM {table}")
                    c.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", rows)
            other.close()
            if (folder / "archive").is_dir():
                shutil.copytree(folder / "archive", to / "archive", dirs_exist_ok=True)
        for row in sorted(entries.values(), key=lambda row: (row[4], row[0])):
            c.execute(
                f"INSERT INTO entry ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?)",
                row,
            )
    return review


@FEW
@given(SEEDS, STEPS)
def test_two_copies_merge_to_one_state_in_any_order(
    empty: Path, tmp_path_factory: pytest.TempPathFactory, seed: int, steps: int
) -> None:
    base = tmp_path_factory.mktemp("merge")
    with new_review(base / "a", empty) as review:
        History(review, seed).begin().play(steps)
        publish(review)
        published = state(review.connection)
    copy_of(base / "a", base / "b")
    for name, of in (("a", 1), ("b", 2)):
        with Review.open(base / name) as review:
            history = History(review, seed + of)
            history.protocol = read_model(review.connection).protocol
            history.play(steps)
            extract(review, history.random)
    with (
        union(base / "ab", empty, (base / "a", base / "b")) as ab,
        union(base / "ba", empty, (base / "b", base / "a")) as ba,
    ):
        merged = state(ab.connection)
        assert merged == state(ba.connection)
        model = read_model(ab.connection)
        assert {record: box for record, _, _, box, *_ in merged["records"]} == {r: model.box(r) for r in model.arm}
        with as_of(ab, heads_of(ab, "1.0")) as then:
            assert state(then) == published
        chains = {fault for fault in verify(ab) if not fault.startswith("resolution by one of the voters")}
        assert chains == set()
    with union(base / "abab", empty, (base / "ab", base / "a")) as again:
        assert state(again.connection) == merged


def test_entries_that_came_later_into_this_file_are_read_in_their_own_order(empty: Path, tmp_path: Path) -> None:
    """Local numbers differ when b is merged into a; the state does not."""
    with new_review(tmp_path / "a", empty) as a:
        append(a, "ed", "protocol", **PROTOCOL)
        append(a, "machine:previous", "study", study=STUDIES[0], label="One", patients=None)
        bring(a, "pubmed", "databases", ["1"])
    copy_of(tmp_path / "a", tmp_path / "b")
    items = [["pubmed:1", STUDIES[0]]]
    for name in ("a", "b"):
        with Review.open(tmp_path / name) as review:
            for i in range(3 if name == "a" else 1):
                append(review, "ann", "study", study=STUDIES[0], label=f"{name}{i}", patients=None)
            vote(review, "bob", "pubmed:1", "include")
            vote(review, "ann", "pubmed:1", "include" if name == "a" else "exclude")  # a's has the later clock
            append(review, "machine:previous", "previous", review={"from": name}, items=items)
            publish(review)
    with union(tmp_path / "ab", empty, (tmp_path / "a", tmp_path / "b")) as ab, Review.open(tmp_path / "a") as a:
        rows = ab.connection.execute(f"SELECT {COLUMNS} FROM entry ORDER BY clock, hash")
        a.connection.executemany(
            f"INSERT OR IGNORE INTO entry ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?)",
            rows,
        )
        assert state(a.connection) == state(ab.connection)
        assert data.boxes(a.connection)[0][:3] == ("record", "databases", "already in the previous version")
        assert a.connection.execute("SELECT verdict FROM v_verdict").fetchall() == [("include",)]
        assert data.previous_review(a.connection) == data.previous_review(ab.connection) == {"from": "b"}
        assert data.versions(a.connection) == data.versions(ab.connection)
        b_alone = {chain: head for chain, head in ledger.heads(ab.connection).items() if not chain.startswith("ed@")}
        with Review.open(tmp_path / "b") as b:
            own = {chain: head for chain, head in ledger.heads(b.connection).items() if chain in b_alone}
        with as_of(a, own) as then:
            assert then.execute("SELECT report FROM v_previous").fetchall() == [("pubmed:1",)]
