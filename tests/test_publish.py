"""Publishing: numbers, who must sign, what is frozen; and pages that are written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import analysis.pages
import lsr.workflow.pages
from analysis.prisma import flow, plain
from db import data
from db.asof import as_of
from db.canonical import canonical
from db.errors import DecisionError, InputError, ReviewFolderError
from lsr.workflow import judge
from lsr.workflow.folder import Open, open_review
from lsr.workflow.pages import write_site
from lsr.workflow.refresh import next_number, publish
from tests.conftest import Command
from tests.scene import KNOWN, REPORTS, A, B, include, searched, vote

SIGNED = [A, B]  # a statistician and a clinician


@pytest.fixture
def folder(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return searched(tmp_path_factory, tmp_path / "review")


@pytest.fixture
def found(folder: Path) -> Iterator[Open]:
    with open_review(folder) as opened:
        yield opened


def entries(opened: Open) -> int:
    (count,) = opened.review.connection.execute("SELECT count(*) FROM entry").fetchone()
    return int(count)


def test_numbers_follow_and_each_version_stays_what_it_was(found: Open) -> None:
    connection = found.review.connection
    assert publish(found, SIGNED, "the published review").number == "1.0"
    with pytest.raises(DecisionError, match=r"nothing changed since version 1\.0"):
        publish(found, SIGNED, "again")
    include(found, REPORTS[0])
    assert publish(found, SIGNED, "one study more").number == "1.1"
    judge.reopen(found, KNOWN, "full-text", A, "retracted")
    vote(found, KNOWN, "full-text", "exclude", "exclude")
    assert publish(found, SIGNED, "a retraction", major=True).number == "2.0"
    include(found, REPORTS[1])
    assert publish(found, SIGNED, "and another").number == "2.1"
    versions = data.versions(connection)
    assert [len(v.frozen["included"]) for v in versions] == [14, 15, 14, 15]
    assert [v.frozen["counts"]["removed_since"] for v in versions] == [0, 0, 1, 1]
    assert [v.frozen.get("changes", {}).get("since") for v in versions] == [None, "1.0", "1.1", "2.0"]
    for version in versions:  # recomputed from the ledger's heads, after all that came later
        with as_of(found.review, version.heads) as then:
            assert canonical(plain(flow(then))) == canonical(version.frozen["counts"])
            assert [[study, report] for study, report, _ in data.included(then)] == version.frozen["included"]
    assert data.signers(connection) == {v.number: SIGNED for v in versions}


def test_what_may_not_be_published_writes_nothing(found: Open) -> None:
    before = entries(found)
    for signed, words in (
        ([], "signature of a statistician and a clinician"),
        ([A], "signature of a clinician"),
        ([B], "signature of a statistician"),
        ([A, B, "nobody"], "unknown person 'nobody'"),
    ):
        with pytest.raises(DecisionError, match=words):
            publish(found, signed, "a reason")
    with pytest.raises(InputError, match="reason"):
        publish(found, SIGNED, " ")
    assert entries(found) == before
    assert data.versions(found.review.connection) == []


def test_a_real_review_needs_its_registration(lsr: Command, folder: Path) -> None:
    path = folder / "protocol.toml"
    text = path.read_text("utf-8").replace("demonstration = true", "demonstration = false")
    words = ("publish", "--signed-by", A, "--signed-by", B, "--reason", "first", "--review", folder)
    for key in ("registration", "guarantor", "funding"):
        path.write_text(text, "utf-8")
        ran = lsr(*words)
        assert (ran.code, ran.out) == (1, "")
        assert f"review.{key}" in ran.err
        text = text.replace(f'\n{key} = ""', f'\n{key} = "stated"')
    path.write_text(text, "utf-8")
    ran = lsr(*words)
    assert ran.code == 0, ran
    assert ran.out == f"version 1.0: {folder / 'site' / 'index.html'}\n"
    assert (folder / "site" / "index.html").is_file()
    with open_review(folder) as opened:
        (version,) = data.versions(opened.review.connection)
        row = opened.review.connection.execute("SELECT body ->> 'demonstration' FROM entry WHERE kind = 'version'")
        assert row.fetchone() == (0,)
    assert version.author == A


@pytest.mark.parametrize(
    ("last", "major", "number"),
    [(None, False, "1.0"), (None, True, "1.0"), ("1.0", False, "1.1"), ("1.9", False, "1.10"), ("1.10", True, "2.0"),
     ("12.3", False, "12.4")],
)  # fmt: skip
def test_numbers(last: str | None, major: bool, number: str) -> None:
    assert next_number(last, major=major) == number


# The site --------------------------------------------------------------------------------------------------------


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What stands for the rendered pages: how they are drawn is another file's matter."""
    made = {"index.html": "first", "deep/down/page.html": "first"}
    monkeypatch.setattr(analysis.pages, "render_site", lambda *_, **__: made)
    return made


def standing(folder: Path) -> dict[str, str]:
    site = folder / "site"
    return {str(p.relative_to(site)): p.read_text("utf-8") for p in site.rglob("*") if p.is_file()}


def left_over(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith((".site", ".old")))


def test_pages_replace_the_old_ones_whole(found: Open, pages: dict[str, str]) -> None:
    folder = found.review.folder
    assert write_site(found) == folder / "site"
    assert standing(folder) == {"index.html": "first", "deep/down/page.html": "first"}
    pages.clear()
    pages["index.html"] = "second"
    write_site(found)
    assert standing(folder) == {"index.html": "second"}
    assert left_over(folder) == []
    assert (folder / "site").stat().st_mode & 0o055 == 0o055  # a web server may read it


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("where", ["_write", "replace"])
def test_a_site_that_cannot_be_written_leaves_the_old_one(
    found: Open, pages: dict[str, str], monkeypatch: pytest.MonkeyPatch, fault: BaseException, where: str
) -> None:
    folder = found.review.folder
    write_site(found)
    pages["index.html"] = "second"
    if where == "_write":
        real_write = lsr.workflow.pages._write

        def broken_write(to: Path, texts: Any) -> None:
            real_write(to, {"index.html": "second"})
            raise fault

        monkeypatch.setattr(lsr.workflow.pages, "_write", broken_write)
    else:
        real_replace = Path.replace

        def broken_replace(self: Path, target: Path) -> Path:
            if self.name == "new":
                raise fault
            return real_replace(self, target)

        monkeypatch.setattr(Path, "replace", broken_replace)
    expected = ReviewFolderError if isinstance(fault, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        write_site(found)
    assert standing(folder) == {"index.html": "first", "deep/down/page.html": "first"}
    assert left_over(folder) == []
