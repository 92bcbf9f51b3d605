"""Europe PMC by cursor mark against a loopback server, and its results as records."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from db.archive import Archive
from db.errors import InputError, SourceError
from db.model import Author, Notice
from db.specs import SourceSpec
from harvest import europepmc
from harvest.europepmc_result import record_of
from harvest.live import Clock, Identity, Limits, LiveTransport
from tests.servers.europepmc import EuropePmcServer
from tests.servers.frame import Answer

Result = dict[str, Any]
RESULT: Result = {
    "id": "99000001",
    "source": "MED",
    "pmid": "99000001",
    "doi": "10.5555/EPMC.1",
    "title": "Donor-derived <i>CAR</i> T cells.",
    "authorString": "Zhang M, The Study Group.",
    "authorList": {
        "author": [
            {
                "fullName": "Zhang M", "firstName": "Min", "lastName": "Zhang", "initials": "M",
                "authorAffiliationDetailsList": {"authorAffiliation": [{"affiliation": "A Hospital."}]},
            },
            {"collectiveName": "The Study Group"},
        ]
    },
    "journalInfo": {
        "issue": "2", "volume": "14", "yearOfPublication": 2099,
        "journal": {"title": "A Journal", "medlineAbbreviation": "A J", "issn": "1234-5678"},
    },
    "pageInfo": "1-9",
    "abstractText": "<h4>Methods</h4>Of 12 patients, p &lt; 0.05 (NCT#01234567).",
    "pubTypeList": {"pubType": ["journal article", "Clinical Trial"]},
    "keywordList": {"keyword": ["ChiCTR2000034762", "T-ALL"]},
    "language": "eng",
    "firstPublicationDate": "2099-05-04",
    "firstIndexDate": "2099-05-06",
    "citedByCount": 7,
    "commentCorrectionList": {
        "commentCorrection": [{"id": "99000009", "source": "MED", "reference": "A J. 2099", "type": "Retraction in"}]
    },
}  # fmt: skip


def result(number: int) -> Result:
    return {"id": f"PPR{number}", "source": "PPR", "title": f"CAR T cells {number}", "pubYear": "2021"}


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveTransport]:
    clock = Clock(sleep=lambda seconds: None)
    transport = LiveTransport(Archive(tmp_path), Identity("0.1", "team@example.org"), clock, Limits(tries=2))
    yield transport
    transport.close()


def spec(server: EuropePmcServer, query: str = "TITLE_ABS:x", date_from: str = "") -> SourceSpec:
    return SourceSpec("europepmc", "database", "databases", query=query, base_url=server.url, date_from=date_from)


def quiet(done: int, total: int | None) -> None:
    pass


def test_a_result_becomes_a_record_with_every_field() -> None:
    record = record_of(RESULT, "europepmc")
    assert record is not None
    assert record.id == "europepmc:MED/99000001"
    assert record.title == "Donor-derived CAR T cells."
    assert record.abstract == "Methods: Of 12 patients, p < 0.05 (NCT#01234567)."
    assert record.authors == (Author("Zhang", "Min", "", "A Hospital."), Author(collective="The Study Group"))
    assert (record.date, record.year, record.journal, record.volume, record.issue) == (
        "2099-05-04", 2099, "A Journal", "14", "2",
    )  # fmt: skip
    assert (record.doi, record.pmid, record.pages, record.language) == ("10.5555/epmc.1", "99000001", "1-9", "eng")
    assert record.registry_ids == ("ChiCTR2000034762", "NCT01234567")
    assert record.publication_types == ("Journal Article", "Clinical Trial")
    assert record.notices == (Notice("RetractionIn", "99000009", "", "A J. 2099"),)
    assert "cited" not in json.dumps(dict(record.extra)), "a count that moves every week would be a change every week"


def test_a_lite_result_takes_its_authors_from_the_printed_line() -> None:
    record = record_of({**RESULT, "authorList": None}, "europepmc")
    assert record is not None
    assert record.authors == (Author("Zhang", "M"), Author(collective="The Study Group"))


def test_the_real_replies_are_read(shared: Path) -> None:
    for path in sorted((shared / "data/registries/europepmc").glob("search_*.json")):
        (found,) = json.loads(path.read_text("utf-8"))["resultList"]["result"]
        record = record_of(found, "europepmc")
        assert record is not None
        assert record.pmid == found["pmid"]
        assert record.title
        assert record.year == int(found["pubYear"])
        assert len(record.authors) == found["authorString"].count(",") + 1


@pytest.mark.parametrize("repeats", [False, True])
def test_all_pages_arrive_once(live: LiveTransport, repeats: bool) -> None:
    """Fault 26: a page may begin with the last result of the one before."""
    with EuropePmcServer([result(i) for i in range(25)], page=10, repeats=repeats) as server:
        found = europepmc.search(spec(server), live, quiet)
    assert found.hits == len(found.records) == len(set(found.native_ids)) == 25
    assert len(server.asked) == 3
    assert dict(found.log)["hits"] == "25"


@pytest.mark.parametrize("marks", ["same", "none"])
def test_a_mark_that_does_not_move_ends_loudly_and_soon(live: LiveTransport, marks: str) -> None:
    """Fault 24: an endless loop in peers."""
    with (
        EuropePmcServer([result(i) for i in range(25)], page=10, marks=marks) as server,
        pytest.raises(SourceError, match="counts 25 records but sent 10"),
    ):
        europepmc.search(spec(server), live, quiet)
    assert len(server.asked) == 1


def test_more_counted_than_sent_fails(live: LiveTransport) -> None:
    with EuropePmcServer([result(1)], overcount=1) as server, pytest.raises(SourceError, match="counts 2"):
        europepmc.search(spec(server), live, quiet)


def test_an_empty_last_record_fails(live: LiveTransport) -> None:
    with EuropePmcServer([result(1), {}]) as server, pytest.raises(SourceError, match="without an id"):
        europepmc.search(spec(server), live, quiet)


def test_nothing_found_is_a_whole_answer(live: LiveTransport) -> None:
    with EuropePmcServer([]) as server:
        found = europepmc.search(spec(server), live, quiet)
    assert found.hits == 0
    assert found.records == ()


@pytest.mark.parametrize(
    "wrong",
    [
        Answer(b"<html><body>WWW Error 500 Diagnostic</body></html>", content_type="text/html"),
        Answer(b'{"errCode":500,"errMsg":"boom"}', content_type="application/json"),
        Answer(b"[" * 100_000, content_type="application/json"),
        Answer(b"gone", 404),
    ],
)
def test_what_is_no_list_of_results_is_refused(live: LiveTransport, wrong: Answer) -> None:
    with EuropePmcServer([result(1)], script=[wrong, wrong]) as server, pytest.raises(SourceError) as caught:
        europepmc.search(spec(server), live, quiet)
    assert "\n" not in str(caught.value)


def test_the_protocols_start_date_is_part_of_the_query(live: LiveTransport) -> None:
    with EuropePmcServer([]) as server:
        for given, wanted in (("2017", "2017-01-01"), ("2017-03", "2017-03-01"), ("2017-03-09", "2017-03-09")):
            europepmc.search(spec(server, "a OR b", given), live, quiet)
            assert server.asked[-1].params["query"] == f"(a OR b) AND FIRST_PDATE:[{wanted} TO 3000-12-31]"


def test_no_query_is_an_error_of_the_protocol(live: LiveTransport) -> None:
    with EuropePmcServer([]) as server, pytest.raises(InputError, match=r"protocol\.toml"):
        europepmc.search(spec(server, " "), live, quiet)
