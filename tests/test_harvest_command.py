"""`lsr harvest` whole, against the loopback servers: nothing in the code path differs from the live one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from db import queries
from db.verify import verify
from harvest.live import Clock, Limits, LiveTransport
from lsr.workflow.folder import open_review
from tests.conftest import Command
from tests.servers.eutils import EutilsServer
from tests.servers.frame import Answer
from tests.test_wrong_input import refused, state

CORPUS = Path(__file__).parents[1] / "lsr/templates/cd7-car-t/demo/corpus/pubmed.xml"
Point = Callable[[str], None]
FAILURE = ("entry", "failure")  # all that a failed search leaves


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses between tries are asked for, and not waited."""
    monkeypatch.setattr(LiveTransport.__init__, "__defaults__", (Clock(sleep=lambda seconds: None), Limits()))


@pytest.fixture
def point(review_folder: Path) -> Point:
    """Set PubMed's base_url in the review's protocol."""

    def change(url: str) -> None:
        path = review_folder / "protocol.toml"
        lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("base_url")]
        at = lines.index('id = "pubmed"')
        path.write_text("\n".join([*lines[: at + 1], f'base_url = "{url}"', *lines[at + 1 :]]) + "\n", "utf-8")

    return change


def test_a_search_and_an_idle_week(
    lsr: Command, review_folder: Path, point: Point, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NCBI_API_KEY", "a-secret-key")
    monkeypatch.setenv("LSR_CONTACT_EMAIL", "someone@example.org")
    with EutilsServer(CORPUS.read_bytes()) as server:
        point(server.url)
        first = json.loads(lsr("harvest", "pubmed", "--review", review_folder, "--json").out)
        again = json.loads(lsr("harvest", "pubmed", "--review", review_folder, "--json").out)
        asked = list(server.asked)
    assert len(first["runs"][0]["new"]) == 17
    assert (again["runs"][0]["seen"], again["runs"][0]["new"], again["pooled_again"]) == (17, [], False)
    assert len(asked) == 5  # one search and one page of 200, twice; the state of the database from the second run on
    assert all(
        a.method == "POST" and a.params["tool"] == "lsr" and a.params["api_key"] == "a-secret-key" for a in asked
    )
    assert all(a.params["email"] == "someone@example.org" for a in asked)
    everything = b"".join(path.read_bytes() for path in review_folder.rglob("*") if path.is_file())
    assert b"a-secret-key" not in everything
    with open_review(review_folder) as opened:
        assert verify(opened.review) == []
        live = [run for run in queries.runs(opened.review.connection) if run.source == "pubmed"]
        assert [(run.hits, run.new_records, run.replayed, run.composed) for run in live] == [
            (17, 17, False, ""),
            (17, 0, False, ""),
        ]
        assert any("ranslation" in name for name, _ in live[0].log)


def test_replaying_needs_no_network(lsr: Command, review_folder: Path, point: Point) -> None:
    with EutilsServer(CORPUS.read_bytes()) as server:
        point(server.url)
        assert lsr("harvest", "pubmed", "--review", review_folder).code == 0
    again = lsr("harvest", "pubmed", "--replay", "--review", review_folder, "--json")
    assert json.loads(again.out)["runs"][0]["new"] == []


def test_without_a_network(lsr: Command, review_folder: Path, point: Point) -> None:
    with EutilsServer(CORPUS.read_bytes()) as server:
        url = server.url
    point(url)  # nobody listens there any more
    assert lsr("status", "--review", review_folder).code == 0  # the changed protocol is entered
    before = state(review_folder, but=FAILURE)
    refused(lsr("harvest", "pubmed", "--review", review_folder), "pubmed", "network")
    assert state(review_folder, but=FAILURE) == before


@pytest.mark.parametrize(
    "fault",
    [
        Answer(b"<html>WWW Error 500 Diagnostic</html>", 200, "text/html"),
        Answer(b"<eFetchResult><ERROR>Empty Response</ERROR></eFetchResult>", 200, "text/xml"),
        Answer(b"nothing here", 404, "text/plain"),
    ],
)
def test_a_source_that_fails_moves_nothing(lsr: Command, review_folder: Path, point: Point, fault: Answer) -> None:
    with EutilsServer(CORPUS.read_bytes(), script=[fault] * 9) as server:
        point(server.url)
        assert lsr("status", "--review", review_folder).code == 0
        before = state(review_folder, but=FAILURE)
        refused(lsr("harvest", "pubmed", "--review", review_folder), "pubmed")
        assert state(review_folder, but=FAILURE) == before


def test_fewer_records_than_promised_fail_the_run(lsr: Command, review_folder: Path, point: Point) -> None:
    with EutilsServer(CORPUS.read_bytes(), lost=1) as server:
        point(server.url)
        assert lsr("status", "--review", review_folder).code == 0
        before = state(review_folder, but=FAILURE)
        refused(lsr("harvest", "pubmed", "--review", review_folder), "pubmed")
        assert state(review_folder, but=FAILURE) == before


def test_one_source_that_fails_does_not_stop_the_others(lsr: Command, review_folder: Path, point: Point) -> None:
    """PubMed answers, Crossref does not: PubMed's run is kept, Crossref's failure is told until a run repairs it."""
    with EutilsServer(CORPUS.read_bytes()) as server:
        point(server.url)
        path = review_folder / "protocol.toml"
        text = path.read_text("utf-8").replace(
            'id = "crossref"\n', 'id = "crossref"\nbase_url = "http://127.0.0.1:9"\n'
        )
        path.write_text(text, "utf-8")
        ran = lsr("harvest", "pubmed", "crossref", "--review", review_folder)
    assert ran.code == 1
    lines = ran.out.split("\n")
    assert lines[0] == "pubmed: 17 hits, 17 fetched, 17 new, 0 updated, 0 seen again"
    assert lines[1] == "crossref: FAILED, nothing of it was kept"
    assert ran.err.split("\n")[-2].startswith("lsr: crossref: ")
    replayed = lsr("harvest", "--replay", "--review", review_folder)
    assert "No reply of a search is archived: crossref" in replayed.err
    told = lsr("status", "--review", review_folder).out
    assert "pubmed: last searched" in told
    assert "crossref: last searched never, due every 21 days\n  FAILED on " in told
    states = {
        one["source"]: one for one in json.loads(lsr("status", "--review", review_folder, "--json").out)["sources"]
    }
    assert "crossref" in states["crossref"]["failure"]["why"]
    assert states["pubmed"]["failure"] is None
    with open_review(review_folder) as opened:
        assert verify(opened.review) == []


def test_an_import_does_not_stand_in_the_way_of_a_replay(lsr: Command, review_folder: Path, point: Point) -> None:
    with EutilsServer(CORPUS.read_bytes()) as server:
        point(server.url)
        assert lsr("harvest", "pubmed", "--review", review_folder).code == 0
    assert lsr("import", CORPUS, "--review", review_folder).code == 0
    assert lsr("harvest", "pubmed", "--replay", "--review", review_folder).code == 0
