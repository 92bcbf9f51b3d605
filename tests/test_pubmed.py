"""PubMed by E-utilities, whole, against a loopback server: the same code path as live."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from db.archive import Archive
from db.errors import InputError, SourceError
from db.specs import SourceSpec
from harvest import pubmed
from harvest.live import Clock, Identity, Limits, LiveTransport
from harvest.source import get_source, known_sources, refresher
from harvest.transport import ReplayTransport
from tests.servers.eutils import EutilsServer, article_set
from tests.servers.frame import Answer

SEARCH = '("antigen"[tiab]\n AND "CAR-T"[tiab])'


def article(number: int) -> bytes:
    return (
        f'<PubmedArticle><MedlineCitation Status="MEDLINE"><PMID Version="1">{number}</PMID><Article>'
        f"<ArticleTitle>Article {number}</ArticleTitle></Article></MedlineCitation></PubmedArticle>"
    ).encode()


BOOK = (
    b'<PubmedBookArticle><BookDocument><PMID Version="1">77</PMID><Book><BookTitle>A book</BookTitle></Book>'
    b"</BookDocument></PubmedBookArticle>"
)


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveTransport]:
    clock = Clock(sleep=lambda seconds: None)
    identity = Identity("0.1", "team@example.org", api_keys={"pubmed": "s3cret"})
    transport = LiveTransport(Archive(tmp_path / "archive"), identity, clock, Limits(tries=2))
    yield transport
    transport.close()


def spec(server: EutilsServer, query: str = SEARCH) -> SourceSpec:
    return SourceSpec("pubmed", "database", "databases", query=query, base_url=server.url)


def articles(count: int) -> list[bytes]:
    return [article(number) for number in range(1, count + 1)]


def ignore(done: int, total: int | None) -> None:
    pass


@pytest.mark.parametrize(("count", "fetches"), [(1, 1), (199, 1), (200, 1), (201, 2), (1_000, 5)])
def test_one_search_and_a_fetch_for_each_200(live: LiveTransport, count: int, fetches: int) -> None:
    seen: list[tuple[int, int | None]] = []
    with EutilsServer(articles(count)) as server:
        found = pubmed.search(spec(server), live, lambda done, total: seen.append((done, total)))
    assert found.hits == len(found.records) == len(found.native_ids) == count
    assert (server.count("esearch"), server.count("efetch"), server.count("einfo")) == (1, fetches, 0)
    assert len(server.asked) == 1 + fetches
    assert seen[0] == (0, count)
    assert seen[-1] == (count, count)


def test_the_protocol_is_spoken_as_ncbi_asks(live: LiveTransport) -> None:
    with EutilsServer(articles(2)) as server:
        pubmed.search(spec(server), live, ignore)
        pubmed.database_build(spec(server), live)
    search, fetch, info = server.asked
    identity = {"tool": "lsr", "email": "team@example.org", "api_key": "s3cret"}
    assert search.params == {
        "db": "pubmed", "term": '("antigen"[tiab] AND "CAR-T"[tiab])', "retmax": "9999", "retmode": "xml", **identity
    }  # fmt: skip
    assert fetch.params == {"db": "pubmed", "id": "1,2", "retmode": "xml", **identity}
    assert info.params == {"db": "pubmed", "retmode": "xml", **identity}
    assert {asked.method for asked in server.asked} == {"POST"}


def test_the_log_is_what_a_search_report_wants(live: LiveTransport) -> None:
    with EutilsServer(articles(2)) as server:
        log = pubmed.search(spec(server), live, ignore).log
        build = pubmed.database_build(spec(server), live)
    assert log == (
        ("hits", "2"), ("query translation", '("antigen"[tiab] AND "CAR-T"[tiab])'), ("fetched", "2"),
    )  # fmt: skip
    assert build == "Build261122-0805.1, last update 2026/11/22 08:05"


def test_a_service_that_does_not_state_its_build_loses_nothing(live: LiveTransport) -> None:
    with EutilsServer(articles(1), fault="well_formed_html", on="einfo", times=None) as server:
        with pytest.raises(SourceError, match="HTML in place of XML"):
            pubmed.database_build(spec(server), live)
        server.switches[0].fault = Answer(b"<eInfoResult/>")
        assert pubmed.database_build(spec(server), live) == "not stated"


def test_no_hits_is_an_answer(live: LiveTransport) -> None:
    with EutilsServer([]) as server:
        found = pubmed.search(spec(server), live, ignore)
    assert (found.hits, found.records) == (0, ())
    assert ("warning: OutputMessage", "No items found.") in found.log
    assert [asked.path.rsplit("/", 1)[1] for asked in server.asked] == ["esearch.fcgi"]


def test_what_pubmed_dropped_from_the_query_is_logged(live: LiveTransport) -> None:
    warnings = (
        "<ErrorList><PhraseNotFound>unicornwombatxyz</PhraseNotFound></ErrorList><WarningList>"
        "<QuotedPhraseNotFound>&quot;sofi-cel&quot;[tiab]</QuotedPhraseNotFound></WarningList>"
    )
    with EutilsServer(articles(1), warnings=warnings) as server:
        log = pubmed.search(spec(server), live, ignore).log
    assert ("warning: PhraseNotFound", "unicornwombatxyz") in log
    assert ("warning: QuotedPhraseNotFound", '"sofi-cel"[tiab]') in log
    assert ("query translation", '("antigen"[tiab] AND "CAR-T"[tiab])') in log


def test_a_book_among_articles_counts(live: LiveTransport) -> None:
    with EutilsServer([article(1), BOOK, article(2)]) as server:
        assert pubmed.search(spec(server), live, ignore).native_ids == ("1", "77", "2")


WRONG: dict[str, tuple[Sequence[Answer | None], str]] = {
    "another root": ([Answer(b"<eLinkResult/>")], "not an E-utilities reply"),
    "no XML": ([Answer(b"<eSearchResult>")], "not an E-utilities reply"),
    "JSON in place of a search": ([Answer(b'{"error":"x"}')] * 2, "something else in place of XML"),
    "nothing": ([None, Answer(b" "), Answer(b" ")], "answered with nothing"),
    "no count": ([Answer(b"<eSearchResult><IdList><Id>1</Id></IdList></eSearchResult>")], "no count"),
    "an id that is none": (
        [Answer(b"<eSearchResult><Count>1</Count><IdList><Id>1 OR 1</Id></IdList></eSearchResult>")], "no PMID"
    ),
    "an empty set": ([None, *[Answer(article_set([]))] * 2], "PMID 1, 2 are missing"),
    "the same record twice": ([None, *[Answer(article_set([article(1)] * 2))] * 2], "PMID 2 is missing"),
}  # fmt: skip


@pytest.mark.parametrize(("script", "words"), WRONG.values(), ids=WRONG.keys())
def test_a_search_that_is_not_whole_ends_loudly(
    live: LiveTransport, script: Sequence[Answer | None], words: str
) -> None:
    with EutilsServer(articles(2), script=script) as server, pytest.raises(SourceError, match=words) as failure:
        pubmed.search(spec(server), live, ignore)
    assert "\n" not in str(failure.value)
    assert "s3cret" not in str(failure.value)


def test_one_record_short_on_every_page_is_found(live: LiveTransport) -> None:
    server = EutilsServer(articles(450), lost=1)
    with server, pytest.raises(SourceError, match=r"found 450 records but sent 449.*PMID 450 is missing"):
        pubmed.search(spec(server), live, ignore)
    assert server.count("efetch") == 3 + 1


def test_passing_trouble_costs_one_request_more(live: LiveTransport) -> None:
    with EutilsServer(articles(1), script=[None, Answer(b"", 500)]) as server:
        assert pubmed.search(spec(server), live, ignore).hits == 1
    assert len(server.asked) == 3


def test_a_replay_is_the_harvest_again_on_any_host(live: LiveTransport, tmp_path: Path) -> None:
    with EutilsServer(articles(450), fault="record_lost", on="efetch") as server:
        first = pubmed.search(spec(server), live, ignore)
    offline = replayed(live, tmp_path)
    assert pubmed.search(SourceSpec("pubmed", "database", "databases", query=SEARCH), offline, ignore) == first


def replayed(live: LiveTransport, folder: Path) -> ReplayTransport:
    index: dict[str, list[tuple[str, int, str, str]]] = {}
    for reply in live.replies:
        index.setdefault(reply.request_key, []).append((reply.sha256, reply.status, reply.at, ""))
    return ReplayTransport(index, Archive(folder / "archive"))


def test_an_empty_query_is_refused(live: LiveTransport) -> None:
    with EutilsServer([]) as server, pytest.raises(InputError, match="has no query"):
        pubmed.search(spec(server, " "), live, ignore)


def test_real_records_come_whole(live: LiveTransport, shared: Path) -> None:
    corpus = (shared / "data/pubmed/pubmed21n1298_haem_subset.xml").read_bytes()
    with EutilsServer(corpus) as server:
        found = pubmed.search(spec(server), live, ignore)
    assert found.hits == corpus.count(b"<PubmedArticle>")
    assert all(record.title and record.year for record in found.records)


def test_sources_are_found_by_name() -> None:
    assert {"pubmed", "crossref"} <= set(known_sources())
    assert get_source("pubmed").search is pubmed.search
    with pytest.raises(InputError, match=r"'medline'.*crossref, .*pubmed"):
        get_source("medline")
    assert refresher("pubmed") is pubmed.refresh
    assert refresher("crossref") is None


# What became of records that are known.


@pytest.mark.parametrize(("known", "requests"), [(0, 0), (1, 1), (200, 1), (201, 2)])
def test_known_records_are_asked_for_200_at_a_time(live: LiveTransport, known: int, requests: int) -> None:
    with EutilsServer(articles(300)) as server:
        found = pubmed.refresh(spec(server), [str(n) for n in range(1, known + 1)], live, ignore)
    assert found.hits == len(found.records) == len(found.native_ids) == known
    assert (len(server.asked), server.count("efetch")) == (requests, requests)
    assert all(asked.method == "POST" and asked.target == asked.path for asked in server.asked)
    assert found.deleted == ()


def test_an_idle_week_is_within_its_budget(live: LiveTransport) -> None:
    """2 + ⌈known / 200⌉: the search brings what it finds; only what it no longer finds is refreshed besides."""
    with EutilsServer(articles(450)) as server:
        found = pubmed.search(spec(server), live, ignore)
        rest = sorted({str(n) for n in range(1, 451)} - set(found.native_ids))
        pubmed.refresh(spec(server), rest, live, ignore)
        pubmed.database_build(spec(server), live)
    assert len(server.asked) == 2 + 3


def test_a_withdrawn_record_is_named_after_a_second_and_a_third_question(live: LiveTransport) -> None:
    with EutilsServer(articles(3)) as server:
        server.remove("2")
        found = pubmed.refresh(spec(server), ["1", "2", "3"], live, ignore)
    assert (found.native_ids, found.deleted) == (("1", "3"), ("2",))
    assert (server.count("efetch"), server.count("esummary")) == (2, 1)
    assert server.asked[1].params["id"] == server.asked[2].params["id"] == "2"
    assert found.log == (("refreshed", "2"), ("deleted", "1"))


def test_a_record_that_only_fails_to_come_is_not_called_withdrawn(live: LiveTransport) -> None:
    server = EutilsServer(articles(3), fault="all_records_lost", on="efetch", times=None)
    with server, pytest.raises(SourceError, match=r"does not send PMID 1, 2, 3 and does not say it is gone"):
        pubmed.refresh(spec(server), ["1", "2", "3"], live, ignore)


def test_a_page_that_cannot_be_read_withdraws_nothing(live: LiveTransport) -> None:
    server = EutilsServer(articles(3), fault="fetch_error", on="efetch", times=None)
    with server, pytest.raises(SourceError, match="PMID 1, 2 could not be refreshed"):
        pubmed.refresh(spec(server), ["1", "2"], live, ignore)
    assert server.count("esummary") == 0


def test_an_id_that_is_no_pmid_is_refused(live: LiveTransport) -> None:
    with EutilsServer(articles(1)) as server, pytest.raises(InputError, match=r"'10\.1/x' is no PMID"):
        pubmed.refresh(spec(server), ["1", "10.1/x"], live, ignore)
    assert server.asked == []
