"""Crossref by cursor against a loopback server, and its works as records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from db.archive import Archive
from db.errors import InputError, SourceError
from db.model import Author, Notice
from db.specs import SourceSpec
from harvest import crossref
from harvest.crossref_work import plain, record_of
from harvest.live import Clock, Identity, Limits, LiveTransport
from tests.servers.crossref import CrossrefServer
from tests.servers.frame import Answer

Work = dict[str, Any]
WORK: Work = {
    "DOI": "10.1182/BLOOD-2099-000001",
    "URL": "http://dx.doi.org/10.1182/blood-2099-000001",
    "title": ["Donor-derived <i>CAR</i> T&nbsp;cells &amp; remission"],
    "abstract": "<jats:title>Abstract</jats:title><jats:sec><jats:title>Methods</jats:title><jats:p>Of 12 patients, "
    "p &lt; 0.05 (#NCT01234567).</jats:p></jats:sec><jats:p>Second.</jats:p>",
    "author": [
        {"given": "Min", "family": "Zhang", "suffix": "Jr", "affiliation": [{"name": "A Hospital"}]},
        {"name": "The Study Group", "affiliation": []},
    ],
    "container-title": ["Blood"],
    "issued": {"date-parts": [[2099, 11, 5]]},
    "volume": "142",
    "issue": "Supplement 1",
    "page": "3829",
    "type": "journal-article",
    "update-to": [{"type": "retraction", "DOI": "10.1000/OLD", "label": "Retraction"}],
    "clinical-trial-number": [{"clinical-trial-number": "chictr2000034762", "registry": "10.18810/chictr"}],
}


def work(number: int, **changes: Any) -> Work:
    return {
        "DOI": f"10.5555/W.{number}",
        "title": [f"CAR T cells, number {number}"],
        "container-title": ["Blood"],
        "issued": {"date-parts": [[2021, 5]]},
        "type": "journal-article",
    } | changes


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveTransport]:
    clock = Clock(sleep=lambda seconds: None)
    transport = LiveTransport(Archive(tmp_path), Identity("0.1", "team@example.org"), clock, Limits(tries=2))
    yield transport
    transport.close()


def spec(server: CrossrefServer, query: str = "CAR T cells") -> SourceSpec:
    return SourceSpec(
        "crossref", "database", "databases", query=query, containers=("Blood", "HemaSphere"),
        base_url=server.url, date_from="2017-01-01",
    )  # fmt: skip


def ignore(done: int, total: int | None) -> None:
    pass


@pytest.mark.parametrize("same_cursor", [False, True])
@pytest.mark.parametrize(("count", "requests"), [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (2_500, 3)])
def test_all_pages_are_fetched_and_no_more(live: LiveTransport, count: int, requests: int, same_cursor: bool) -> None:
    with CrossrefServer([work(n) for n in range(count)], same_cursor=same_cursor) as server:
        found = crossref.search(spec(server), live, ignore)
    assert found.hits == len(found.records) == count
    assert len(server.asked) == requests


def test_one_search_a_phrase_over_all_containers(live: LiveTransport) -> None:
    with CrossrefServer([work(1)]) as server:
        crossref.search(spec(server, "CAR T | GC027 |"), live, ignore)
    assert [asked.params["query.bibliographic"] for asked in server.asked] == ["CAR T", "GC027"]
    asked = server.asked[0]
    assert asked.method == "GET"
    assert asked.params["filter"] == "container-title:Blood,container-title:HemaSphere,from-pub-date:2017-01-01"
    assert asked.params["mailto"] == "team@example.org"
    assert asked.params["cursor"] == "*"
    assert asked.params["rows"] == "1000"


def test_a_work_found_by_two_phrases_is_one_record(live: LiveTransport) -> None:
    with CrossrefServer([work(1)]) as server:
        found = crossref.search(spec(server, "CAR T | number cell"), live, ignore)
    assert found.native_ids == ("10.5555/w.1",)


def test_a_phrase_means_all_of_its_words(live: LiveTransport) -> None:
    only_abstract = work(4, title=["A title"], abstract="<jats:p>CAR T-cell, in the abstract</jats:p>")
    corpus = [work(1), work(2, title=["T cells in mice"]), work(3, title=["A CAR for a T cell"]), only_abstract]
    corpus[3]["author"] = [{"family": "Carter"}]
    with CrossrefServer(corpus) as server:
        found = crossref.search(spec(server), live, ignore)
    assert found.native_ids == ("10.5555/w.1", "10.5555/w.3", "10.5555/w.4")
    assert ("CAR T cells", "4 works ranked, 3 hold all words") in found.log


def test_other_containers_and_earlier_years_stay_out(live: LiveTransport) -> None:
    corpus = [work(1), work(2, **{"container-title": ["Cell"]}), work(3, issued={"date-parts": [[2016, 12, 31]]})]
    with CrossrefServer(corpus) as server:
        assert crossref.search(spec(server), live, ignore).native_ids == ("10.5555/w.1",)


WRONG: dict[str, tuple[Answer, str]] = {
    "HTML": (Answer(b"<html>Just a moment...</html>"), "sent .* in place of JSON"),
    "an error list": (Answer(b'{"status":"failed","message":[{"type":"cursor"}]}'), "not a list"),
    "an invalid cursor": (Answer(b'{"status":"failed","message":"bad cursor"}', 400), "answered 400"),
    "a work without a DOI": (
        Answer(b'{"message":{"total-results":1,"items":[{"title":["CAR T cells"]}]}}'),
        "without a DOI",
    ),
}


@pytest.mark.parametrize(("answer", "words"), WRONG.values(), ids=WRONG.keys())
def test_another_reply_ends_loudly(live: LiveTransport, answer: Answer, words: str) -> None:
    with CrossrefServer([work(1)], script=[answer] * 2) as server, pytest.raises(SourceError, match=words):
        crossref.search(spec(server), live, ignore)


def test_fewer_than_counted_ends_loudly(live: LiveTransport) -> None:
    corpus = [work(n) for n in range(3)]
    with CrossrefServer(corpus, overcount=2) as server, pytest.raises(SourceError, match=r"counts 5 .* sent 3"):
        crossref.search(spec(server), live, ignore)


def test_a_page_that_comes_again_and_again_ends(live: LiveTransport) -> None:
    page = Answer(b'{"message":{"total-results":9,"next-cursor":"x","items":[{"DOI":"10.5555/w.1"}]}}')
    script: Sequence[Answer] = [page] * 9
    with CrossrefServer([], script=script) as server, pytest.raises(SourceError, match="counts 9"):
        crossref.search(spec(server), live, ignore)
    assert len(server.asked) == 2


def test_a_container_with_a_comma_is_refused(live: LiveTransport) -> None:
    bad = SourceSpec("crossref", "database", "databases", query="x", containers=("Cells, Tissues",))
    with pytest.raises(InputError, match="comma"):
        crossref.search(bad, live, ignore)


def test_a_work_is_a_record() -> None:
    record = record_of(WORK, "crossref")
    assert record.id == "crossref:10.1182/blood-2099-000001"
    assert record.title == "Donor-derived CAR T cells & remission"
    assert record.abstract == "Methods: Of 12 patients, p < 0.05 (#NCT01234567).\nSecond."
    assert record.authors == (
        Author("Zhang", "Min, Jr", "", "A Hospital"),
        Author(collective="The Study Group"),
    )
    assert (record.year, record.date) == (2099, "2099-11-05")
    assert (record.journal, record.volume, record.issue, record.pages) == ("Blood", "142", "Supplement 1", "3829")
    assert record.registry_ids == ("ChiCTR2000034762", "NCT01234567")
    assert record.publication_types == ("Meeting Abstract", "Journal Article")
    assert record.notices == (Notice("RetractionOf", doi="10.1000/old", citation="Retraction"),)


@pytest.mark.parametrize(
    ("change", "types"),
    [
        ({"issue": "16_suppl", "page": "e13545"}, ("Meeting Abstract", "Journal Article")),
        ({"issue": "S2"}, ("Meeting Abstract", "Journal Article")),
        ({"issue": "2", "page": "S240-S250"}, ("Journal Article",)),
        ({"issue": "2", "type": "posted-content"}, ("Preprint",)),
        ({"issue": "2", "type": "book-chapter"}, ("book-chapter",)),
    ],
)
def test_supplements_hint_at_meeting_abstracts(change: Work, types: tuple[str, ...]) -> None:
    assert record_of(work(1) | change, "crossref").publication_types == types


@pytest.mark.parametrize(
    ("parts", "date"),
    [([[2021]], "2021"), ([[2021, 5]], "2021-05"), ([[2021, 5, 3]], "2021-05-03"), ([[None]], ""), ([], "")],
)
def test_dates_are_as_partial_as_printed(parts: object, date: str) -> None:
    assert record_of(work(1) | {"issued": {"date-parts": parts}}, "crossref").date == date


def test_a_less_than_sign_is_not_markup() -> None:
    assert plain("n <5 and p < 0.05, CD3<sup>+</sup>") == "n <5 and p < 0.05, CD3+"
