"""ASCO's own search: with the user's key only, whole or loud, its abstracts found at an organisation's site."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from db.archive import Archive
from db.errors import InputError, SourceError
from db.specs import SourceSpec
from harvest import asco
from harvest.live import Clock, Identity, Limits, LiveTransport
from harvest.source import Harvest, known_sources
from harvest.transport import ReplayTransport
from tests.servers.asco import PAGE, AscoServer

KEY = "s3cret-asco-key"


def hit(number: int, year: int = 2099, **other: Any) -> dict[str, Any]:
    """A hit as the search prints it; the words are made up."""
    doi = f"10.1200/JCO.{year}.41.16_suppl.{number}"
    return {
        "uid": f"PRESENTATION{number}", "score": 1.5, "title": f"A CAR <i>T</i> trial {number}", "doi": doi,
        "abstractNumber": str(number), "body": "<p>Made up. NCT04984356</p>", "summary": "", "contentId": str(number),
        "meetingName": "A made-up meeting", "contentUrl": {"path": f"/abstracts-presentations/{number}"},
        "primaryPerson": {"displayName": "Min Zhang, MD", "role": "First Author"}, "date": {"start": f"{year}-06-02"},
        "meeting": {"year": year},
    } | other  # fmt: skip


HITS = [hit(n) for n in range(2 * PAGE + 1)] + [hit(50, 2016), hit(51, title="Something else")]


@pytest.fixture
def server() -> Iterator[AscoServer]:
    with AscoServer(HITS, KEY) as found:
        yield found


def search(server: AscoServer, folder: Path, key: str = KEY, **fields: str) -> tuple[Harvest, LiveTransport]:
    identity = Identity("0.1", api_keys={"asco": key} if key else {})
    transport = LiveTransport(Archive(folder), identity, Clock(sleep=lambda seconds: None), Limits(tries=2))
    spec = SourceSpec("asco", "conference", "organisations", query="trial", base_url=server.url, date_from="2017-01-01")
    return asco.search(spec, transport, lambda done, total: None), transport


def test_every_abstract_of_the_years_is_found(server: AscoServer, tmp_path: Path) -> None:
    found, transport = search(server, tmp_path)
    assert found.hits == len(found.records) == 2 * PAGE + 1  # the one of 2016 is before the protocol's date
    record = found.records[0]
    assert (record.id, record.title) == ("asco:10.1200/jco.2099.41.16_suppl.0", "A CAR T trial 0")
    assert (record.abstract, record.registry_ids) == ("Made up. NCT04984356", ("NCT04984356",))
    assert (record.authors[0].family, record.date, record.year) == ("Zhang", "2099-06-02", 2099)
    assert record.publication_types == ("Meeting Abstract",)
    assert ("hits of all years", str(2 * PAGE + 2)) in found.log
    replay = ReplayTransport(
        {key: [(r.sha256, r.status, r.at, "") for r in transport.replies if r.request_key == key]
         for key in {r.request_key for r in transport.replies}},
        Archive(tmp_path),
    )  # fmt: skip
    spec = SourceSpec("asco", "conference", "organisations", query="trial", date_from="2017-01-01")
    assert asco.search(spec, replay, lambda done, total: None).records == found.records


def test_the_key_is_in_no_reply_request_or_file(server: AscoServer, tmp_path: Path) -> None:
    _, transport = search(server, tmp_path)
    assert all(asked.headers["x-api-key"] == KEY for asked in server.asked)
    assert all(KEY not in reply.request_key for reply in transport.replies)
    assert all(KEY.encode() not in Archive(tmp_path).get(reply.sha256) for reply in transport.replies)


def test_a_wrong_key_is_refused_in_words(server: AscoServer, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="403"):
        search(server, tmp_path, key="another")


def test_fewer_than_counted_fail(tmp_path: Path) -> None:
    with AscoServer(HITS, KEY, overcount=1) as server, pytest.raises(SourceError, match=r"counts 7 .* sent 6"):
        search(server, tmp_path)


@pytest.mark.parametrize("hits", [[hit(1, uid="")], [hit(1), hit(1)]], ids=["without an id", "the same twice"])
def test_a_hit_that_cannot_be_told_apart_fails(tmp_path: Path, hits: list[dict[str, Any]]) -> None:
    with AscoServer(hits, KEY) as server, pytest.raises(SourceError):
        search(server, tmp_path)


def test_without_a_query(server: AscoServer, tmp_path: Path) -> None:
    transport = LiveTransport(Archive(tmp_path), Identity("0.1"))
    with pytest.raises(InputError, match="no query"):
        asco.search(SourceSpec("asco", "conference", "organisations"), transport, lambda done, total: None)


def test_it_is_searched_only_with_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LSR_ASCO_API_KEY", raising=False)
    assert "asco" not in known_sources()
    monkeypatch.setenv("LSR_ASCO_API_KEY", KEY)
    assert "asco" in known_sources()
