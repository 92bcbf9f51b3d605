"""A run is whole, or failed and says so: every source with every kind of trouble; the next run repairs it.

Failed: exit 1, one line that says what is missing or wrong, JSON for programs, nothing kept but the failure itself.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harvest.live import Clock, Limits, LiveTransport
from tests.conftest import Command
from tests.four_sources import SOURCES, content_of, differences, point, serving
from tests.servers.faults import switch
from tests.servers.frame import Answer, Switch

FEW = {"pubmed": 4, "crossref": 3, "europepmc": 4, "ctgov": 2}
ERRORS = {  # what each answers, in JSON, in place of what was asked for
    "pubmed": Answer(b'{"error":"API key invalid","status":"unknown"}', 400, "application/json"),
    "crossref": Answer(b'{"status":"failed","message":[{"message":"Too broad"}]}', 400, "application/json"),
    "europepmc": Answer(b'{"errCode":500,"errMsg":"Solr is away"}', 200, "application/json"),
    "ctgov": Answer(b'{"error":"Unknown parameter"}', 400, "application/json"),
}
WORDS = {
    "pubmed": "API key invalid",
    "crossref": "Too broad",
    "europepmc": "Solr is away",
    "ctgov": "Unknown parameter",
}


@dataclass(frozen=True)
class Trouble:
    """How to make a server fail for good, and what the line about it must hold."""

    begin: Callable[[str, Any], None]
    words: Callable[[str], str]


def always(fault: Switch) -> Callable[[str, Any], None]:
    fault.times = None
    return lambda source, server: server.switches.append(fault)


def lose_one(source: str, server: Any) -> None:
    if source == "pubmed":
        server._lost = 1
    else:
        server._overcount = 1


TROUBLES = {
    "a page of HTML": Trouble(always(switch("html_instead")), lambda source: "a page of HTML"),
    "500 at every try": Trouble(always(Switch(Answer(b"", 500))), lambda source: r"answered 500 \(3 tries\)"),
    "a cut body": Trouble(always(switch("cut_body")), lambda source: r"sent \d+ of \d+ bytes|broke off"),
    "fewer than counted": Trouble(
        lose_one,
        lambda source: (
            r"found 4 records but sent 3.* PMID 4 is missing" if source == "pubmed" else r"counts \d .*sent \d"
        ),
    ),
    "a JSON error": Trouble(
        lambda source, server: server.switches.append(Switch(ERRORS[source], times=None)),
        lambda source: WORDS[source],
    ),
}


def recover(server: Any) -> None:
    server.switches.clear()
    server._lost = server._overcount = 0


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LiveTransport.__init__, "__defaults__", (Clock(sleep=lambda seconds: None), Limits(tries=3)))


@pytest.fixture
def servers(review_folder: Path, lsr: Command) -> Iterator[dict[str, Any]]:
    """The sources that the review searches; its changed protocol is entered."""
    with serving(FEW) as up:
        point(review_folder, up)
        assert lsr("status", "--review", review_folder).code == 0
        yield up


def kept(folder: Path) -> dict[str, Any]:
    """What the review holds beside its failures and the replies that it archived."""
    return {name: held for name, held in content_of(folder).items() if name not in ("failures", "archive")}


@pytest.mark.slow
@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("source", SOURCES)
def test_loud_and_repaired(
    lsr: Command, review_folder: Path, servers: dict[str, Any], source: str, trouble: str, tmp_path: Path
) -> None:
    at = ("harvest", source, "--review")
    fresh = Path(shutil.copytree(review_folder, tmp_path / "fresh"))
    before = kept(review_folder)
    TROUBLES[trouble].begin(source, servers[source])
    words = TROUBLES[trouble].words(source)
    ran = lsr(*at, review_folder, "--json")
    assert ran.code == 1
    told = json.loads(ran.out)
    assert told["runs"] == []
    (failure,) = told["failed"]
    assert (failure["source"], failure["questions"]) == (source, [])
    assert re.search(words, failure["why"]), failure["why"]
    assert ran.err.count("\n") == 1
    assert ran.err.startswith(f"lsr: {source}: ")
    assert re.search(words, ran.err)
    assert differences(kept(review_folder), before) == {}
    recover(servers[source])
    ran = lsr(*at, review_folder)
    assert ran.code == 0, ran.err
    number = FEW[source]
    assert ran.out.startswith(f"{source}: {number} hits, {number} fetched, {number} new, 0 updated, 0 seen again\n")
    assert lsr(*at, fresh).code == 0
    assert differences(kept(review_folder), kept(fresh)) == {}
    states = json.loads(lsr("status", "--review", review_folder, "--json").out)["sources"]
    assert [one["failure"] for one in states if one["source"] == source] == [None]


def test_a_look_up_that_fails_is_loud_and_repaired(
    lsr: Command, review_folder: Path, servers: dict[str, Any], tmp_path: Path
) -> None:
    """Reports name a trial; the register answers the search and not the look-up: the search stands, the run fails."""
    fresh = Path(shutil.copytree(review_folder, tmp_path / "fresh"))
    register = servers["ctgov"]
    asked = lambda: sum("filter.ids" in one.params for one in register.asked)  # noqa: E731
    right = register._handler
    register._handler = lambda one: ERRORS["ctgov"] if "filter.ids" in one.params else right(one)
    ran = lsr("harvest", "ctgov", "--review", review_folder)
    assert (ran.code, asked()) == (1, 1)
    assert "Unknown parameter" in ran.err
    assert ran.out.startswith("ctgov: 2 hits")
    assert content_of(review_folder)["registration"].total() == 0
    register._handler = right
    assert lsr("harvest", "ctgov", "--review", review_folder).code == 0
    assert lsr("harvest", "ctgov", "--review", fresh).code == 0
    assert differences(kept(review_folder), {**kept(fresh), "what was new": kept(review_folder)["what was new"]}) == {}
