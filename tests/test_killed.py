"""Killed anywhere, run again: the review of an undisturbed run. SIGKILL, in a process of its own, at every point."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from db import queries
from db.verify import verify
from lsr.workflow.folder import open_review
from lsr.workflow.search_log import REFRESHED, WITHDRAWN
from tests.four_sources import GONE, HITS, OUTSIDE, content_of, differences, point, serving, with_known

Tell = Callable[..., dict[str, Any]]
ROOT = Path(__file__).parents[1]


@pytest.fixture
def tell(tmp_path: Path) -> Iterator[Tell]:
    """Run `lsr harvest` on a folder, to its end or to its death."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.harvest_child"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin
    assert child.stdout
    answers, orders = child.stdout, child.stdin

    def order(folder: Path, **end: int) -> dict[str, Any]:
        output = tmp_path / "output"
        arguments = ["harvest", "--review", str(folder)]
        orders.write(json.dumps({"arguments": arguments, "output": str(output), **end}) + "\n")
        orders.flush()
        told: dict[str, Any] = json.loads(answers.readline())
        return told | {"output": output.read_text("utf-8")}

    yield order
    orders.close()
    child.wait()
    answers.close()


@pytest.fixture
def searched(review_folder: Path, tmp_path: Path) -> Iterator[Path]:
    """A review with known records, whose four sources are up."""
    with serving() as servers:
        point(review_folder, servers)
        yield with_known(review_folder)


def undisturbed(searched: Path, tell: Tell, tmp_path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a run that nothing disturbs tells, and what the review then holds."""
    folder = Path(shutil.copytree(searched, tmp_path / "undisturbed"))
    told = tell(folder)
    assert told["code"] == 0, told["output"]
    held = content_of(folder)
    with open_review(folder) as opened:
        log = dict(next(run.log for run in queries.runs(opened.review.connection) if run.hits == HITS["pubmed"]))
    assert "part" in log  # the search took several requests, and what it no longer finds was asked for again
    assert (log[REFRESHED], log[WITHDRAWN]) == (f"{OUTSIDE} {GONE}", GONE)
    assert {row[0]: row[3] for row in held["what was searched"] if row[1] != "an earlier query"}.items() >= HITS.items()
    return told, held


def same_after(searched: Path, tell: Tell, tmp_path: Path, right: dict[str, Any], **end: int) -> None:
    """Killed at `end` and run again, the review holds what it should, and its ledger is sound."""
    folder = Path(shutil.copytree(searched, tmp_path / "killed"))
    assert tell(folder, **end).get("killed"), end
    again = tell(folder)
    assert again.get("code") == 0, (end, again["output"])
    assert differences(content_of(folder), right) == {}, end
    with open_review(folder) as opened:
        assert verify(opened.review) == []
    shutil.rmtree(folder)


@pytest.mark.slow
def test_killed_after_every_single_request(searched: Path, tell: Tell, tmp_path: Path) -> None:
    told, right = undisturbed(searched, tell, tmp_path)
    assert told["answered"] >= 18
    for answered in range(1, told["answered"] + 1):
        same_after(searched, tell, tmp_path, right, answered=answered)


@pytest.mark.slow
def test_killed_while_storing(searched: Path, tell: Tell, tmp_path: Path) -> None:
    """Before the first statement that writes, before the last, and before some of those between, COMMITs among them."""
    told, right = undisturbed(searched, tell, tmp_path)
    last = told["statement"]
    for statement in sorted({1, 2, *range(last // 8, last, last // 8), last}):
        same_after(searched, tell, tmp_path, right, statement=statement)


@pytest.mark.slow
def test_killed_while_archiving(searched: Path, tell: Tell, tmp_path: Path) -> None:
    """A reply is written and has not got its name yet: it never counts as archived."""
    told, right = undisturbed(searched, tell, tmp_path)
    for archived in (1, told["archived"] // 2, told["archived"]):
        same_after(searched, tell, tmp_path, right, archived=archived)
