"""Records on their way in and out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db import ledger
from db.model import Author, Notice, Record
from db.records import RunNote, all_records, digest_of_run, from_json, store_run, to_json
from db.review import Review
from db.verify import verify
from tests.histories import PROTOCOL, append, assign, new_review

TEXT = st.text(max_size=12)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
AUTHORS = st.builds(Author, TEXT, TEXT, TEXT, TEXT)
NOTICES = st.builds(Notice, TEXT, TEXT, TEXT, TEXT)
RECORDS = st.builds(
    Record, st.text(min_size=1), st.text(min_size=1), TEXT, TEXT, st.lists(AUTHORS, max_size=3).map(tuple),
    st.none() | st.integers(1, 3000), *(TEXT,) * 7, TEXTS, TEXTS, *(TEXT,) * 3,
    st.lists(NOTICES, max_size=2).map(tuple), TEXT, st.dictionaries(TEXT, TEXT.filter(bool), max_size=3),
)  # fmt: skip


@pytest.fixture
def review(tmp_path: Path) -> Iterator[Review]:
    with new_review(tmp_path / "review") as found:
        append(found, "ed", "protocol", **PROTOCOL)
        yield found


def note(source: str = "pubmed", arm: str = "databases", **more: object) -> RunNote:
    return RunNote(source, arm, "a query", "2026-01-05T06:00:00Z", None, **more)  # type: ignore[arg-type]


def record(native_id: str, title: str = "A title", **more: object) -> Record:
    return Record("pubmed", native_id, title=title, **more)  # type: ignore[arg-type]


def rows(review: Review, query: str) -> list[tuple[object, ...]]:
    return review.connection.execute(query).fetchall()


@settings(max_examples=200, deadline=None)
@given(RECORDS)
def test_a_record_comes_back_as_it_went_in(found: Record) -> None:
    text = to_json(found)
    assert from_json(text) == found
    assert to_json(from_json(text)) == text
    slim = from_json(text, slim=True)
    assert (slim.title, slim.abstract, dict(slim.extra)) == (found.title, "", {})


def test_empty_fields_are_left_out_so_that_a_new_field_changes_no_hash() -> None:
    assert to_json(Record("pubmed", "1", title="T")) == '{"native_id":"1","source":"pubmed","title":"T"}'
    newer = '{"native_id":"1","source":"pubmed","field_of_a_newer_program":1}'
    assert from_json(newer) == Record("pubmed", "1")


def test_the_same_content_again_is_a_sighting(review: Review) -> None:
    first = store_run(review, note(), [record("1"), record("2")])
    again = store_run(review, note(), [record("1"), record("2")])
    assert (first.seen, first.new, first.changed) == (2, ("pubmed:1", "pubmed:2"), ())
    assert (again.seen, again.new, again.changed) == (2, (), ())
    assert rows(review, "SELECT count(*) FROM found") == [(2,)]
    assert rows(review, "SELECT hits, new_records FROM run ORDER BY n") == [(2, 2), (2, 0)]


def test_a_second_import_adds_a_line_and_nothing_else(review: Review) -> None:
    def counts() -> dict[str, object]:
        names = [name for (name,) in rows(review, "SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {str(name): rows(review, f"SELECT count(*) FROM {name}")[0][0] for name in names}

    store_run(review, note(), [record("1"), record("2")])
    before = counts()
    store_run(review, note(), [record("1"), record("2")])
    after = counts()
    grown = {table for table in after if after[table] != before[table]}
    assert grown == {"run", "entry"}
    assert len(list(review.archive.digests())) == 1, "the same ids are the same list"


def test_new_content_is_kept_and_the_old_stays(review: Review) -> None:
    store_run(review, note(), [record("1", "Old")])
    changed = store_run(review, note(), [record("1", "New")])
    assert (changed.new, changed.changed) == ((), ("pubmed:1",))
    assert [found.title for _, found in all_records(review.connection)] == ["New"]
    back = store_run(review, note(), [record("1", "Old")])
    assert back.changed == ("pubmed:1",)
    assert [found.title for _, found in all_records(review.connection)] == ["Old"]
    assert len(rows(review, "SELECT * FROM content")) == 2
    assert len(rows(review, "SELECT * FROM found")) == 3
    assert verify(review) == []


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_the_highest_version_wins_within_a_run(review: Review, order: tuple[int, ...]) -> None:
    versions = [record("1", f"Version {v}", extra={"version": v}) for v in ("1", "2", "10")]
    stored = store_run(review, note(), [versions[i] for i in order])
    assert (stored.seen, stored.new) == (3, ("pubmed:1",))
    assert [found.title for _, found in all_records(review.connection)] == ["Version 10"]


@pytest.mark.parametrize("hostile", ["", "two", "-1", "²", "9" * 40])
def test_a_version_that_is_no_number_counts_as_the_first(review: Review, hostile: str) -> None:
    store_run(
        review, note(), [record("1", "Second", extra={"version": "2"}), record("1", "?", extra={"version": hostile})]
    )
    assert [found.title for _, found in all_records(review.connection)] == ["Second"]


@pytest.mark.parametrize("after", [0, 1, 700])
def test_killed_midway_the_file_is_exactly_as_before(review: Review, after: int) -> None:
    store_run(review, note(), [record("1")])
    before, heads = list(review.connection.iterdump()), ledger.heads(review.connection)

    def killed() -> Iterator[Record]:
        yield from (record(str(i), "Another") for i in range(after))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store_run(review, note(), killed())
    assert list(review.connection.iterdump()) == before
    assert ledger.heads(review.connection) == heads
    assert verify(review) == []
    assert len(store_run(review, note(), [record("1"), record("2")]).new) == 1


def test_killed_while_asking_for_the_log_leaves_nothing(review: Review) -> None:
    before = list(review.connection.iterdump())

    def killed() -> tuple[tuple[str, str], ...]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store_run(review, note(), [record("1")], killed)
    assert list(review.connection.iterdump()) == before


def test_the_ids_a_run_saw_are_in_the_archive(review: Review) -> None:
    store_run(review, note(), [record("2"), record("1")])
    store_run(review, note(ids=("9", "1", "2")), [record("1")])
    digests = [str(digest) for (digest,) in rows(review, "SELECT ids_sha256 FROM run ORDER BY n")]
    assert [review.archive.get(digest) for digest in digests] == [b"1\n2", b"1\n2\n9"]


def test_a_run_is_told_as_it_was(review: Review) -> None:
    replies = (("GET /esearch?term=x", "0" * 64, 200, "2026-01-05T06:00:00Z", "composed"),)
    more = {"replies": replies, "composed": "composed", "replayed": True, "log": (("translation", "x[All]"),)}
    told: list[int] = []
    stored = store_run(review, note(**more), [record("1")], lambda: (("deleted", "7"),), told.append)
    assert told == [1]
    query = "SELECT id, source, arm, replayed, composed, hits, log, records_sha256 FROM run"
    (row,) = rows(review, query)
    assert row[:6] == (stored.run, "pubmed", "databases", 1, "composed", 1)
    assert row[6] == '[["translation","x[All]"],["deleted","7"]]'
    assert row[7] == digest_of_run(review.connection, stored.run)
    assert rows(review, "SELECT request, sha256, status, at, composed FROM reply") == list(replies)


def test_records_come_with_the_report_they_belong_to_now(review: Review) -> None:
    store_run(review, note(), [record("1", abstract="Words."), record("2")])
    assign(review, "machine:dedupe", ("pubmed:2", "pubmed:1"))
    assert [(report, found.id, found.abstract) for report, found in all_records(review.connection, slim=True)] == [
        ("pubmed:1", "pubmed:1", ""), ("pubmed:1", "pubmed:2", ""),
    ]  # fmt: skip
    assert next(iter(all_records(review.connection)))[1].abstract == "Words."


def test_hostile_text_is_stored_and_comes_back(review: Review) -> None:
    found = record(
        "1", "nul \x00 bell \x07 half \ud800 =cmd|'/c calc'!A0 <script>", doi="10.1000/1'; DROP TABLE entry; --"
    )
    store_run(review, note(), [found])
    ((_, back),) = all_records(review.connection)
    assert back.title == found.title.replace("\ud800", "?")
    assert back.doi == found.doi
    assert verify(review) == []
