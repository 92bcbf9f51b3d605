"""Eight processes vote at once on one file: no vote lost, none double, and nobody is told that the file is locked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.prisma import flow, imbalances
from db import queries, screening
from db.model import Record
from db.records import RunNote, store_run
from db.verify import verify
from lsr.workflow.folder import open_review
from tests.scene import SEARCHED, A, B, searched
from tests.writer_child import vote_all

ROOT = Path(__file__).parents[1]
WRITERS, EACH = 8, 500


def with_records(folder: Path, count: int) -> Path:
    """The scene's review with so many records more."""
    made = (Record("web", f"{i:05}", title=f"Report {i}") for i in range(count))
    with open_review(folder) as opened, opened.review.transaction():
        store_run(opened.review, RunNote("web", "websites", "by hand", SEARCHED, count), made)
    return folder


def share(writer: int, writers: int, each: int) -> tuple[str, int, int]:
    """(reviewer, first report, how many) of a writer: two people, each of whom judges every report once."""
    half = writers // 2
    return (A, B)[writer // half], writer % half * each, each


def votes(folder: Path) -> list[tuple[str, str]]:
    with open_review(folder) as opened:
        return opened.review.connection.execute("SELECT report, reviewer FROM vote ORDER BY 1, 2").fetchall()


def test_a_process_votes_as_it_is_told(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = with_records(searched(tmp_path_factory, tmp_path / "review"), 4)
    for writer in range(2):
        assert vote_all(folder, *share(writer, 2, 4)) == 4
    assert votes(folder) == [(f"web:{i:05}", who) for i in range(4) for who in (A, B)]
    with open_review(folder) as opened:
        assert {v.verdict for v in screening.closed_votes(opened.review.connection)} == {"include"}


@pytest.mark.slow
def test_eight_processes_lose_nothing(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    reports = WRITERS // 2 * EACH
    folder = with_records(searched(tmp_path_factory, tmp_path / "review"), reports)
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.writer_child", str(folder), *map(str, share(writer, WRITERS, EACH))],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for writer in range(WRITERS)
    ]  # fmt: skip
    said = [process.communicate(timeout=900) for process in started]
    assert [process.returncode for process in started] == [0] * WRITERS, said
    assert [error for _, error in said] == [""] * WRITERS
    assert [json.loads(told)["voted"] for told, _ in said] == [EACH] * WRITERS
    assert votes(folder) == [(f"web:{i:05}", who) for i in range(reports) for who in (A, B)]
    with open_review(folder) as opened:
        connection = opened.review.connection
        assert verify(opened.review) == []
        assert imbalances(flow(connection)) == []
        assert len(screening.closed_votes(connection)) == WRITERS * EACH
        assert queries.to_vote_on(connection, "title-abstract", A, 2) == queries.to_vote_on(
            connection, "title-abstract", B, 2
        )
