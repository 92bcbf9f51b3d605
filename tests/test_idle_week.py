"""A week with nothing new costs the fewest requests, enters its runs alone, pools nothing and changes no other page."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from db.verify import verify
from harvest.live import Clock, Limits, LiveTransport
from lsr.workflow.bring import harvest
from lsr.workflow.folder import Open, open_review
from lsr.workflow.pages import write_site
from lsr.workflow.refresh import refresh
from tests.four_sources import point, serving

HITS = {"pubmed": 410, "crossref": 7, "europepmc": 12, "ctgov": 3}
SUNDAY, NEXT_SUNDAY = "2026-11-22", "2026-11-29"


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The day it is, for the transport and the review; pauses are not waited."""
    day = [SUNDAY]
    clock = Clock(
        sleep=lambda seconds: None, now=lambda: datetime.fromisoformat(f"{day[0]}T16:00:00").replace(tzinfo=UTC)
    )
    monkeypatch.setattr(LiveTransport.__init__, "__defaults__", (clock, Limits()))
    return day


@pytest.fixture
def weekly(review_folder: Path, today: list[str]) -> Iterator[tuple[Open, dict[str, Any]]]:
    with serving(HITS, pubmed={"most": 9_999}, europepmc={"page": 1_000}, ctgov={"page": 1_000}) as servers:
        point(review_folder, servers)
        with open_review(review_folder, clock=lambda: f"{today[0]}T16:00:00Z") as opened:
            yield opened, servers


def entries(opened: Open) -> list[str]:
    return [kind for (kind,) in opened.review.connection.execute("SELECT kind FROM entry ORDER BY n")]


def pages(site: Path) -> dict[str, bytes]:
    return {str(path.relative_to(site)): path.read_bytes() for path in site.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_an_idle_week(weekly: tuple[Open, dict[str, Any]], today: list[str]) -> None:
    opened, servers = weekly
    first = harvest(opened)
    assert not first.failed
    assert {run.source: len(run.new) for run in first.runs} == HITS
    refresh(opened)
    before, drawn = entries(opened), pages(write_site(opened))
    for server in servers.values():
        server.asked.clear()

    today[0] = NEXT_SUNDAY
    brought = harvest(opened)
    assert not brought.failed
    assert (brought.new, brought.duplicates, brought.links, brought.reopened) == ((), (), (), ())
    assert {run.source: run.seen for run in brought.runs} == HITS
    assert entries(opened)[len(before) :] == ["run"] * len(servers)
    assert not refresh(opened).pooled
    asked = {source: len(server.asked) for source, server in servers.items()}
    assert asked["pubmed"] <= 2 + math.ceil(HITS["pubmed"] / 200)
    assert asked == {"pubmed": 5, "crossref": 2, "europepmc": 1, "ctgov": 2}  # a phrase each; a page; a look-up
    again = pages(write_site(opened))
    assert again.keys() == drawn.keys()
    changed = {name for name in drawn if again[name].replace(NEXT_SUNDAY.encode(), SUNDAY.encode()) != drawn[name]}
    assert changed == {"search-log.html"}
    assert verify(opened.review) == []
