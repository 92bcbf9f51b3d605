"""Wrong input: one line that says what, where and what to do; exit 1; nothing changed. Wrong usage: exit 2."""

from __future__ import annotations

import gzip
import hashlib
import sqlite3
from pathlib import Path

import pytest

from tests.conftest import Command, Ran

PUBMED = b'<?xml version="1.0"?><PubmedArticleSet><PubmedArticle><MedlineCitation><PMID Version="1">1</PMID>'


def state(folder: Path, but: tuple[str, ...] = ()) -> str:
    """A digest of all that the review holds, but for caches, the name of this copy and the tables left out."""
    connection = sqlite3.connect(folder / "review.db")
    tables = [t for (t,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")]
    kept = [table for table in tables if table not in ("copy", "estimate", "setting", "block", *but)]
    rows = [connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in kept]
    connection.close()
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def refused(ran: Ran, *words: str, code: int = 1) -> None:
    assert ran.code == code, ran
    assert ran.out == ""
    assert ran.err.count("\n") == 1, ran.err
    assert ran.err.startswith("lsr: ")
    assert "Traceback" not in ran.err
    for word in words:
        assert word in ran.err


def test_a_protocol_names_all_its_errors_with_key_and_line(lsr: Command, review_folder: Path) -> None:
    path = review_folder / "protocol.toml"
    text = path.read_text("utf-8")
    bad = text.replace("reviewers_per_item = 2", 'reviewers_per_item = "two"')
    bad = bad.replace('measure = "proportion"', 'mesure = "proportion"', 1)
    bad = bad.replace('model = "glmm-logit"', 'model = "magic"')
    path.write_text(bad, "utf-8")
    before = state(review_folder)
    line = 1 + bad[: bad.index("reviewers_per_item")].count("\n")
    refused(
        lsr("status", "--review", review_folder),
        f"screening.reviewers_per_item (line {line})", "outcome[0].mesure", "did you mean 'measure'", "synthesis.model",
    )  # fmt: skip
    assert state(review_folder) == before


def test_a_locked_key_needs_an_amendment(lsr: Command, review_folder: Path) -> None:
    path = review_folder / "protocol.toml"
    text = path.read_text("utf-8").replace('model = "glmm-logit"', 'model = "ftt-dl"')
    path.write_text(text, "utf-8")
    before = state(review_folder)
    refused(lsr("pool", "--review", review_folder), "synthesis.model is locked", "[[amendment]]")
    assert state(review_folder) == before
    amendment = '\n[[amendment]]\ndate = "2026-11-22"\nwho = "demo-a"\nitem = "synthesis.model"\n' + (
        'reason = "a test"\nresults_known = true\n'
    )
    path.write_text(text + amendment, "utf-8")
    assert lsr("pool", "--review", review_folder).code == 0
    path.write_text((text + amendment).replace('model = "ftt-dl"', 'model = "glmm-logit"'), "utf-8")
    refused(lsr("pool", "--review", review_folder), "synthesis.model is locked")  # an old amendment excuses nothing new


@pytest.mark.parametrize("text", ["", "schema = ", "\x00", 'schema = 2\n[review]\nid = "x"'])
def test_a_broken_protocol(lsr: Command, review_folder: Path, text: str) -> None:
    (review_folder / "protocol.toml").write_text(text, "utf-8")
    refused(lsr("status", "--review", review_folder), "protocol.toml")


def test_a_review_from_a_newer_version(lsr: Command, review_folder: Path) -> None:
    connection = sqlite3.connect(review_folder / "review.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    refused(lsr("status", "--review", review_folder), "newer lsr", "upgrade")


def test_folders_that_are_none(lsr: Command, tmp_path: Path) -> None:
    refused(lsr("status", "--review", tmp_path / "nowhere"), "no review here", "lsr init")
    (tmp_path / "review.db").write_bytes(b"this is not SQLite, whatever its name says" * 100)
    refused(lsr("status", "--review", tmp_path), "review.db")
    refused(lsr("init", "/proc/nowhere"), "cannot be made")
    refused(lsr("demo", tmp_path), "not a demonstration")
    refused(lsr("init", tmp_path), "not empty")
    refused(lsr("init", tmp_path / "new", "--template", "none"), "cd7-car-t")


def test_a_file_system_that_cannot_be_written(
    lsr: Command, review_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root no folder is read-only, so SQLite itself is told to refuse: the same error reaches the same code."""
    from db.review import Review

    connect = Review._connect.__func__  # type: ignore[attr-defined]

    def read_only(cls: type[Review], folder: Path, clock: object) -> Review:
        made: Review = connect(cls, folder, clock)
        made.connection.execute("PRAGMA query_only = ON")
        return made

    before = state(review_folder)
    monkeypatch.setattr(Review, "_connect", classmethod(read_only))
    ran = lsr("decide", "10.1182/blood-2023-178723", "--retrieved", "--reviewer", "demo-a", "--review", review_folder)
    refused(ran, "cannot be written", "rights")
    monkeypatch.undo()
    assert state(review_folder) == before


FILES = {
    "truncated XML": (PUBMED, "XML"),
    "not PubMed": (b'<?xml version="1.0"?><html><body/></html>', ""),
    "an error in place of records": (b"<eFetchResult><ERROR>Empty id list</ERROR></eFetchResult>", ""),
    "truncated gzip": (gzip.compress(PUBMED * 1000)[:-20], ""),
    "gzip bomb": (gzip.compress(b'<?xml version="1.0"?><PubmedArticleSet>' + b" " * (64 << 20)), ""),
    "nothing": (b"", "empty"),
    "a spreadsheet": (b"PK\x03\x04" + b"\0" * 100, ""),
}


@pytest.mark.parametrize("what", FILES)
def test_files_that_cannot_be_imported(lsr: Command, review_folder: Path, tmp_path: Path, what: str) -> None:
    body, word = FILES[what]
    path = tmp_path / "input.xml"
    path.write_bytes(body)
    before = state(review_folder)
    refused(lsr("import", path, "--review", review_folder), "input.xml", word)
    assert state(review_folder) == before


def test_a_missing_file(lsr: Command, review_folder: Path, tmp_path: Path) -> None:
    refused(lsr("import", tmp_path / "none.xml", "--review", review_folder), "none.xml")
    refused(lsr("pool", tmp_path / "none.csv"), "none.csv")
    refused(lsr("dedupe", tmp_path / "none.csv", "--out", tmp_path / "out.csv"), "none.csv")


TABLES = {
    "events exceed the total": "study,events,total\nA,5,4\n",
    "negative": "study,events,total\nA,-1,4\n",
    "no integer": "study,events,total\nA,1.5,4\n",
    "no such column": "study,n,total\nA,1,4\n",
    "no rows": "study,events,total\n",
    "total of zero": "study,events,total\nA,0,0\n",
}


@pytest.mark.parametrize("what", TABLES)
def test_tables_that_cannot_be_pooled(lsr: Command, tmp_path: Path, what: str) -> None:
    (tmp_path / "t.csv").write_text(TABLES[what])
    refused(lsr("pool", tmp_path / "t.csv", "--json"), "t.csv")


def test_unknown_people_reasons_and_reports(lsr: Command, review_folder: Path) -> None:
    report = "10.1182/blood-2023-178723"
    at = ("--review", review_folder)
    before = state(review_folder)
    refused(lsr("decide", report, "include", "--reviewer", "nobody", *at), "nobody", "demo-a")
    refused(lsr("decide", report, "include", "--reviewer", "demo-adjudicator", *at), "screener")
    refused(lsr("decide", report, "exclude", "--reason", "X99", "--reviewer", "demo-a", *at), "X99", "X01_not_primary")
    refused(lsr("decide", "10.1/none", "include", "--reviewer", "demo-a", *at), "no report")
    refused(lsr("decide", report, "include", "--reviewer", "demo-a", *at), "previous version", "reopen")
    refused(lsr("screen", "--reviewer", "nobody", *at), "nobody")
    refused(lsr("resolve", "--reviewer", "demo-a", *at), "adjudicator")
    refused(lsr("link", report, "study:none", "--accept", "--reviewer", "demo-a", *at), "no study")
    refused(lsr("harvest", "nowhere", *at), "nowhere", "pubmed")
    refused(lsr("harvest", "embase", *at), "embase", "import")
    refused(lsr("pool", "--explain", "none", *at), "none", "cr")
    refused(lsr("extract", "--study", "study:none", "--out", "x.csv", "--reviewer", "demo-a", *at), "study:none")
    refused(lsr("publish", "--signed-by", "demo-a", "--reason", "x", *at), "clinician")
    assert state(review_folder) == before


def test_publishing_needs_what_the_protocol_leaves_empty(lsr: Command, tmp_path: Path) -> None:
    assert lsr("init", tmp_path / "r").code == 0
    refused(lsr("publish", "--signed-by", "x", "--reason", "x", "--review", tmp_path / "r"), "review.registration")


def test_wrong_usage_is_exit_2(lsr: Command, review_folder: Path) -> None:
    assert lsr("frobnicate").code == 2
    assert lsr("screen", "--stage", "abstract", "--reviewer", "demo-a").code == 2
    assert lsr("decide", "x", "--reviewer", "demo-a", "--review", review_folder).code == 2
