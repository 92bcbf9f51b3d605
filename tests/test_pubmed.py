"""PubMed by E-utilities, whole, against a loopback server: the same code path as live."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from db.archive import Archive
from db.errors import InputError, SourceError
from db.model import SourceSpec
from harvest import pubmed
from harvest.live import Clock, Identity, Limits, LiveTransport
from harvest.source import get_source, known_sources
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
    assert [asked.path.rsplit("/", 1)[1] for asked in server.asked] == ["esearch.fcgi", *["efetch.fcgi"] * fetches]
    assert seen[0] == (0, count)
    assert seen[-1] == (count, count)


def test_the_protocol_is_spoken_as_ncbi_asks(live: LiveTransport) -> None:
    with EutilsServer(articles(1)) as server:
        pubmed.search(spec(server), live, ignore)
    search, fetch = server.asked
    identity = {"tool": "lsr", "email": "team@example.org", "api_key": "s3cret"}
    assert search.method == fetch.method == "POST"
    assert search.params == {
        "db": "pubmed", "term": '("antigen"[tiab] AND "CAR-T"[tiab])', "usehistory": "y", "retmax": "0",
        "retmode": "xml", **identity,
    }  # fmt: skip
    assert fetch.params["retmax"] == "200"
    assert fetch.params["query_key"] == "1"
    assert identity.items() <= fetch.params.items()


def test_no_hits_is_an_answer(live: LiveTransport) -> None:
    with EutilsServer([]) as server:
        found = pubmed.search(spec(server), live, ignore)
    assert (found.hits, found.records) == (0, ())
    assert ("warning: OutputMessage", "No items found.") in found.log
    assert len(server.asked) == 1


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


VIEWER = (
    b"<eFetchResult><ERROR>Error: External viewer error: Empty Response</ERROR><ERROR>Timeout</ERROR></eFetchResult>"
)
MANY = b"<eSearchResult><Count>10000</Count><WebEnv>W</WebEnv><QueryKey>1</QueryKey></eSearchResult>"
HTML = b"<html><head><title>WWW Error 500 Diagnostic</title></head><body>Error</body></html>"
WRONG: dict[str, tuple[Sequence[Answer | None], str]] = {
    "ERROR in a search": ([Answer(b"<eSearchResult><ERROR>Invalid db name</ERROR></eSearchResult>")], "Invalid db"),
    "ERROR in a fetch": ([None, Answer(VIEWER)], "External viewer error"),
    "HTML in place of a search": ([Answer(HTML, content_type="text/html")], "not an E-utilities reply"),
    "HTML in place of records": ([None, Answer(HTML, content_type="text/html")], "root element is <html>"),
    "JSON in place of a search": ([Answer(b'{"error":"x"}')], "not an E-utilities reply"),
    "nothing": ([None, Answer(b"")], "not whole"),
    "cut XML of unknown length": ([None, Answer(article_set([article(1)])[:-30])], "not whole"),
    "a control character": ([None, Answer(article_set([b"<PubmedArticle>\x02</PubmedArticle>"]))], "well-formed"),
    "another page's records": ([None, Answer(article_set([article(1), article(1)]))], "sent 1 distinct"),
    "an empty set": ([None, Answer(article_set([]))], "sent 0 distinct"),
    "a refusal": ([None, Answer(b"<e><ERROR>'retstart' cannot be larger</ERROR></e>", 400)], "answered 400"),
    "no history": ([Answer(b"<eSearchResult><Count>3</Count></eSearchResult>")], "no history"),
    "too many": ([Answer(MANY)], "narrow the query"),
}  # fmt: skip


@pytest.mark.parametrize(("script", "words"), WRONG.values(), ids=WRONG.keys())
def test_a_search_that_is_not_whole_ends_loudly(
    live: LiveTransport, script: Sequence[Answer | None], words: str
) -> None:
    with EutilsServer(articles(2), script=script) as server, pytest.raises(SourceError, match=words) as failure:
        pubmed.search(spec(server), live, ignore)
    assert "\n" not in str(failure.value)
    assert "s3cret" not in str(failure.value)


def test_one_record_short_on_a_later_page_is_found(live: LiveTransport) -> None:
    with EutilsServer(articles(250), lost=1) as server, pytest.raises(SourceError, match="250 records but sent 199"):
        pubmed.search(spec(server), live, ignore)


def test_an_expired_history_is_searched_again_once(live: LiveTransport) -> None:
    expired = Answer(b"<eFetchResult><ERROR>Unable to obtain query #1</ERROR></eFetchResult>", 400)
    with EutilsServer(articles(201), script=[None, None, expired]) as server:
        assert pubmed.search(spec(server), live, ignore).hits == 201
    assert len(server.asked) == 3 + 3


def test_a_history_that_expires_twice_ends_loudly(live: LiveTransport) -> None:
    expired = Answer(b"<eFetchResult><ERROR>Cannot retrieve history data. WebEnv not found</ERROR></eFetchResult>")
    server = EutilsServer(articles(1), script=[None, expired, None, expired])
    with server, pytest.raises(SourceError, match="forgot the search twice"):
        pubmed.search(spec(server), live, ignore)


def test_passing_trouble_costs_one_request_more(live: LiveTransport) -> None:
    with EutilsServer(articles(1), script=[None, Answer(b"", 500)]) as server:
        assert pubmed.search(spec(server), live, ignore).hits == 1
    assert len(server.asked) == 3


def test_a_replay_is_the_harvest_again_on_any_host(live: LiveTransport, tmp_path: Path) -> None:
    with EutilsServer(articles(201)) as server:
        first = pubmed.search(spec(server), live, ignore)
    index = {reply.request_key: [(reply.sha256, reply.status, reply.at, "")] for reply in live.replies}
    offline = ReplayTransport(index, Archive(tmp_path / "archive"))
    assert pubmed.search(SourceSpec("pubmed", "database", "databases", query=SEARCH), offline, ignore) == first


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
    with pytest.raises(InputError, match=r"'medline'.*crossref, pubmed"):
        get_source("medline")
