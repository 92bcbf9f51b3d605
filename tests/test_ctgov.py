"""ClinicalTrials.gov against a loopback server: searched as a register, and asked for the trials that reports name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from db.archive import Archive
from db.errors import InputError, SourceError
from db.model import Author, Record
from db.records import RunNote, store_run
from db.registrations import registrations
from db.specs import SourceSpec
from harvest import ctgov
from harvest.ctgov_study import record_of
from harvest.live import Clock, Identity, Limits, LiveTransport
from lsr.workflow.folder import Open
from lsr.workflow.trials import look_up_trials
from tests.servers.ctgov import CtgovServer
from tests.servers.frame import Answer

Study = dict[str, Any]
STUDY: Study = {
    "protocolSection": {
        "identificationModule": {
            "nctId": "NCT09000001", "briefTitle": "CAR T", "officialTitle": "A Phase I Trial of CAR T Cells",
            "orgStudyIdInfo": {"id": "CART-01"},
            "secondaryIdInfos": [{"id": "ChiCTR2000034762", "type": "REGISTRY"}, {"id": "2015-001234-12"}],
        },
        "statusModule": {
            "overallStatus": "RECRUITING", "startDateStruct": {"date": "2099-01"},
            "studyFirstPostDateStruct": {"date": "2099-01-05"}, "lastUpdatePostDateStruct": {"date": "2099-03-05"},
        },
        "sponsorCollaboratorsModule": {"leadSponsor": {"name": "A Hospital"}, "collaborators": [{"name": "A Company"}]},
        "descriptionModule": {"briefSummary": "A summary."},
        "conditionsModule": {"conditions": ["T-ALL"]},
        "designModule": {"studyType": "INTERVENTIONAL", "phases": ["PHASE1"], "enrollmentInfo": {"count": 20}},
        "armsInterventionsModule": {"interventions": [{"name": "CAR-X", "otherNames": ["XCAR"]}]},
        "contactsLocationsModule": {
            "overallOfficials": [{"name": "Ji Wang, MD, PhD", "affiliation": "A Hospital"}],
            "locations": [{"facility": "Ward 1", "city": "Wuhan", "country": "China"}, {"city": "Wuhan"}],
        },
        "referencesModule": {"references": [{"pmid": "1", "type": "BACKGROUND"}, {"pmid": "2", "type": "RESULT"}]},
    },
    "hasResults": False,
}  # fmt: skip


def study(number: int) -> Study:
    names = {"nctId": f"NCT{number:08}", "briefTitle": f"CAR T cells {number}"}
    return {"protocolSection": {"identificationModule": names}}


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveTransport]:
    clock = Clock(sleep=lambda seconds: None)
    transport = LiveTransport(Archive(tmp_path), Identity("0.1", "team@example.org"), clock, Limits(tries=2))
    yield transport
    transport.close()


def spec(server: CtgovServer, query: str = "CAR") -> SourceSpec:
    return SourceSpec("ctgov", "register", "registers", query=query, base_url=server.url)


def quiet(done: int, total: int | None) -> None:
    pass


def test_a_study_becomes_a_record_with_what_helps_linking() -> None:
    record = record_of(STUDY, "ctgov")
    assert record is not None
    assert record.id == "ctgov:NCT09000001"
    assert record.title == "A Phase I Trial of CAR T Cells"
    assert record.registry_ids == ("ChiCTR2000034762", "EudraCT2015-001234-12", "NCT09000001")
    assert record.authors == (Author("Wang", "Ji", "", "A Hospital"),)
    facts = dict(record.extra)
    assert facts["sponsor"] == "A Hospital; A Company"
    assert (facts["cities"], facts["countries"], facts["centres"]) == ("Wuhan", "China", "Ward 1")
    assert (facts["enrolment"], facts["start_date"], facts["products"]) == ("20", "2099-01", "CAR-X; XCAR")
    assert facts["results_pmids"] == "2"


def test_the_real_replies_are_read(shared: Path) -> None:
    """They come with whatever fields their askers chose: a number and a title always, and no field is invented."""
    count = 0
    for path in sorted((shared / "data/registries").glob("**/*.json")):
        reply = json.loads(path.read_text("utf-8"))
        for found in [*reply.get("studies", ()), *([reply] if "protocolSection" in reply else ())]:
            record = record_of(found, "ctgov")
            assert record is not None
            assert record.native_id in record.registry_ids
            assert record.title
            count += 1
    assert count > 20


def test_every_page_is_asked_for(live: LiveTransport) -> None:
    with CtgovServer([study(i) for i in range(25)], page=10) as server:
        found = ctgov.search(spec(server), live, quiet)
    assert found.hits == len(set(found.native_ids)) == 25
    assert [asked.params.get("pageToken") for asked in server.asked] == [None, "t10", "t20"]


def test_fewer_than_counted_fails(live: LiveTransport) -> None:
    with (
        CtgovServer([study(1)], overcount=3) as server,
        pytest.raises(SourceError, match="counts 4 studies but sent 1"),
    ):
        ctgov.search(spec(server), live, quiet)


@pytest.mark.parametrize(
    "wrong",
    [
        Answer(b"<html>Just a moment...</html>", content_type="text/html"),
        Answer(b'{"studies": []}', content_type="application/json"),
        Answer(b'{"studies": [{}], "totalCount": 1}', content_type="application/json"),
        Answer(b"Too complicated query", 400),
    ],
)
def test_what_is_no_list_of_studies_is_refused(live: LiveTransport, wrong: Answer) -> None:
    with CtgovServer([study(1)], script=[wrong, wrong]) as server, pytest.raises(SourceError) as caught:
        ctgov.search(spec(server), live, quiet)
    assert "\n" not in str(caught.value)


def test_no_query_is_an_error_of_the_protocol(live: LiveTransport) -> None:
    with CtgovServer([]) as server, pytest.raises(InputError, match=r"protocol\.toml"):
        ctgov.search(spec(server, ""), live, quiet)


def test_numbers_are_looked_up_a_hundred_at_a_time_and_the_unknown_named(live: LiveTransport) -> None:
    asked = [f"NCT{i:08}" for i in range(150)]
    with CtgovServer([study(i) for i in range(149)]) as server:
        found = ctgov.refresh(spec(server), asked, live, quiet)
    assert len(found.records) == 149
    assert found.deleted == ("NCT00000149",)
    assert len(server.asked) == 2


def test_a_look_up_that_is_cut_short_calls_no_trial_unknown(live: LiveTransport) -> None:
    numbers = [f"NCT{n:08}" for n in range(1, 6)]
    with (
        CtgovServer([study(n) for n in range(1, 4)], overcount=2) as server,
        pytest.raises(SourceError, match="counts 5 studies but sent 3"),
    ):
        ctgov.refresh(spec(server), numbers, live, quiet)


def name_trials(opened: Open, *numbers: str) -> None:
    note = RunNote("web", "websites", "", "2099-01-01T00:00:00Z", None)
    store_run(opened.review, note, [Record("web", str(i), registry_ids=(n,)) for i, n in enumerate(numbers)])


def test_trials_that_reports_name_are_looked_up_once_and_identify_nothing(opened: Open, live: LiveTransport) -> None:
    connection = opened.review.connection
    name_trials(opened, "NCT09000001", "NCT00000007", "ChiCTR2000034762")
    before = connection.execute("SELECT count(*) FROM record").fetchone()
    with CtgovServer([STUDY]) as server:
        assert look_up_trials(opened.review, spec(server), live, quiet) == 1
        assert look_up_trials(opened.review, spec(server), live, quiet) == 0, "an unchanged one is no new entry"
    facts = registrations(connection)
    assert facts["NCT09000001"]["cities"] == "Wuhan"
    assert "NCT00000007" not in facts
    assert connection.execute("SELECT count(*) FROM record").fetchone() == before


def test_what_the_search_brought_is_not_asked_for_again(opened: Open, live: LiveTransport) -> None:
    name_trials(opened, "NCT09000001", "ChiCTR2000034762")
    record = record_of(STUDY, "ctgov")
    assert record is not None
    note = RunNote("ctgov", "registers", "", "2099-01-01T00:00:00Z", None)
    store_run(opened.review, note, [record])
    with CtgovServer([STUDY]) as server:
        look_up_trials(opened.review, spec(server), live, quiet)
    assert "NCT09000001" not in "".join(asked.params.get("filter.ids", "") for asked in server.asked)
    assert "NCT09000001" in registrations(opened.review.connection)
