"""`lsr harvest --probe`, against loopback servers only: it says what came back, and stores nothing in the review."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harvest.live import LiveTransport
from tests.conftest import Command
from tests.servers.crossref import CrossrefServer
from tests.servers.eutils import EutilsServer
from tests.servers.frame import Answer
from tests.servers.pages import PagesServer
from tests.test_harvest_command import CORPUS
from tests.test_page_fetch import AMENDED, CONTACT, ONE, PERMITTED, Waits
from tests.test_wrong_input import state


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = LiveTransport.__init__.__defaults__
    assert defaults
    monkeypatch.setattr(LiveTransport.__init__, "__defaults__", (Waits().clock(), *defaults[1:]))


def point(folder: Path, **urls: str) -> None:
    path = folder / "protocol.toml"
    text = path.read_text("utf-8")
    for source, url in urls.items():
        text = text.replace(f'id = "{source}"\n', f'id = "{source}"\nbase_url = "{url}"\n', 1)
    path.write_text(text, "utf-8")


def test_each_source_says_what_came(lsr: Command, review_folder: Path) -> None:
    works = json.loads((CORPUS.parent / "crossref.json").read_text("utf-8"))
    with EutilsServer(CORPUS.read_bytes()) as pubmed, CrossrefServer(works) as crossref:
        point(review_folder, pubmed=pubmed.url, crossref=crossref.url)
        assert lsr("status", "--review", review_folder).code == 0
        before = state(review_folder)
        ran = lsr("harvest", "pubmed", "crossref", "embase", "ash", "--probe", "--json", "--review", review_folder)
        assert len(pubmed.asked) == len(crossref.asked) == 1
    answers = {a["source"]: a for a in json.loads(ran.out)}
    assert answers["pubmed"]["well"] is answers["crossref"]["well"] is True, answers
    assert answers["embase"]["well"] is answers["ash"]["well"] is None
    assert "no permission" in answers["ash"]["words"]
    assert ran.code == 0
    assert state(review_folder) == before


def test_an_answer_in_another_form_is_named(lsr: Command, review_folder: Path) -> None:
    odd = Answer(b'{"message": {"total": 3}}', 200, "application/json")
    with CrossrefServer([], script=[odd]) as crossref:
        point(review_folder, crossref=crossref.url)
        ran = lsr("harvest", "crossref", "--probe", "--review", review_folder)
    assert ran.code == 1
    assert "not in the form that is read" in ran.out
    assert "not as expected: crossref" in ran.err


@pytest.mark.parametrize(("doi", "well"), [(ONE, True), ("10.1182/blood-2099-000009", False)])
def test_a_permitted_page_says_whether_the_selectors_match(
    lsr: Command, review_folder: Path, monkeypatch: pytest.MonkeyPatch, doi: str, well: bool
) -> None:
    monkeypatch.setenv("LSR_CONTACT_EMAIL", CONTACT)
    path = review_folder / "protocol.toml"
    text = path.read_text("utf-8")
    at = text.index('id = "ash"')
    tail = text[at:]
    start, end = tail.index("page_fetch"), tail.index("by_hand")
    text = text[:at] + tail[:start] + PERMITTED + "\n" + tail[end:]
    path.write_text(text.replace('"10.1182/blood-2021-149999"', f'"{doi}"') + AMENDED, "utf-8")
    with PagesServer() as server:
        point(review_folder, ash=server.resolver)
        ran = lsr("harvest", "ash", "--probe", "--json", "--review", review_folder)
        assert len(server.pages_asked) == 1
    (answer,) = json.loads(ran.out)
    assert answer["well"] is well
    assert ("read as layout ash/silverchair: title, abstract" if well else "has no title") in answer["words"]
    assert ran.code == (0 if well else 1)
