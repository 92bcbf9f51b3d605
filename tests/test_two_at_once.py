"""Two whole harvests of one review at once: nothing lost, nothing double, and one pace for both."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from bisect import bisect_left
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from db.registrations import store_registrations
from db.review import Review
from db.verify import verify
from harvest.live import Clock, Limits, LiveTransport
from lsr.protocol import read_protocol
from lsr.workflow.bring import harvest
from lsr.workflow.folder import adopt_protocol, open_review
from tests.four_sources import content_of, differences, point, serving, with_known

ROOT = Path(__file__).parents[1]
HITS = {"pubmed": 450, "crossref": 4, "europepmc": 6, "ctgov": 2}
PER_SECOND = {"pubmed": 3, "crossref": 3, "europepmc": 3, "ctgov": 1}


def most_in_a_second(moments: list[float]) -> int:
    """The largest number of requests that arrived within any second."""
    at = sorted(moments)
    return max(bisect_left(at, moment + 1.0) - first for first, moment in enumerate(at))


def between(review: Review, monkeypatch: pytest.MonkeyPatch, what: Callable[[], object]) -> None:
    """Have `what` happen, by another hand, just before the review next begins to write."""
    begin = review.transaction

    def late() -> AbstractContextManager[None]:
        monkeypatch.setattr(review, "transaction", begin)
        what()
        return begin()

    monkeypatch.setattr(review, "transaction", late)


def count(review: Review, kind: str) -> int:
    (number,) = review.connection.execute("SELECT count(*) FROM entry WHERE kind = ?", (kind,)).fetchone()
    return int(number)


def test_what_a_register_prints_is_entered_once(review_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = [("NCT01234567", {"title": "A trial"})]
    with open_review(review_folder) as one, open_review(review_folder) as other:
        store = lambda opened: store_registrations(opened.review, "machine:harvest", "ctgov", facts)  # noqa: E731
        between(one.review, monkeypatch, lambda: store(other))
        assert store(one) == 0
        assert count(one.review, "registration") == 1


def test_a_changed_protocol_is_entered_once(review_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_review(review_folder) as one, open_review(review_folder) as other:
        before = count(one.review, "protocol")
        point(review_folder, {})
        changed = read_protocol(review_folder)
        between(one.review, monkeypatch, lambda: adopt_protocol(other.review, changed))
        assert adopt_protocol(one.review, changed) == changed
        assert count(one.review, "protocol") == before + 1


@pytest.mark.slow
def test_two_processes_on_one_review(review_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the real pace, on the real clock, started together; beside them one run that is alone."""
    with serving(HITS, pubmed={"most": 9_999}) as servers:
        point(review_folder, servers)
        with_known(review_folder)
        alone = Path(shutil.copytree(review_folder, tmp_path / "alone"))
        environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
        command = [sys.executable, "-m", "lsr", "harvest", "--review", str(review_folder)]
        both = [
            subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            for _ in range(2)
        ]
        said = [process.communicate()[0] for process in both]
        assert [process.returncode for process in both] == [0, 0], said
        for source, server in servers.items():
            assert most_in_a_second([asked.at for asked in server.asked]) <= PER_SECOND[source], source
            server.asked.clear()
        monkeypatch.setattr(LiveTransport.__init__, "__defaults__", (Clock(sleep=lambda seconds: None), Limits()))
        with open_review(alone) as opened:
            assert not harvest(opened).failed
    assert differences(content_of(review_folder), content_of(alone)) == {}
    with open_review(review_folder) as opened:
        assert verify(opened.review) == []
        runs = opened.review.connection.execute("SELECT source, count(*), count(DISTINCT id) FROM run GROUP BY 1")
        assert {row[0]: row[1:] for row in runs if row[0] in HITS} == {
            source: (2 + (source == "pubmed"),) * 2 for source in HITS
        }
    news = [sum(f"{number} new" in text for text in said) for number in (450, 4, 6)]
    assert news == [1, 1, 1], said  # one of the two found them, whichever stored first
