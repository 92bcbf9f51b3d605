"""More hits than PubMed hands out: parts by entry date, then by PMID, that cover the search exactly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.archive import Archive
from db.errors import SourceError
from db.specs import SourceSpec
from harvest.live import Clock, Identity, Limits, LiveTransport
from harvest.pubmed_search import find
from harvest.pubmed_split import MAX_HITS, Answer, Part, Span, UnevenError, split
from tests.servers.eutils import EutilsServer
from tests.servers.frame import Answer as Sent

SPAN = st.tuples(st.integers(1, 10**6), st.integers(1, 10**6)).map(lambda ends: Span(min(ends), max(ends)))

HIT = st.tuples(st.integers(719_163, 740_000), st.integers(1, 10**9 - 1))  # a day from 1970 on, a PMID


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveTransport]:
    transport = LiveTransport(Archive(tmp_path), Identity("0.1"), Clock(sleep=lambda seconds: None), Limits(tries=2))
    yield transport
    transport.close()


def article(pmid: int, year: int, month: int = 1, day: int = 1) -> bytes:
    return (
        f'<PubmedArticle><MedlineCitation><PMID Version="1">{pmid}</PMID></MedlineCitation><PubmedData><History>'
        f'<PubMedPubDate PubStatus="entrez"><Year>{year}</Year><Month>{month}</Month><Day>{day}</Day></PubMedPubDate>'
        "</History></PubmedData></PubmedArticle>"
    ).encode()


def spec(server: EutilsServer) -> SourceSpec:
    return SourceSpec("pubmed", "database", "databases", query="a[tiab] OR b[tiab]", base_url=server.url)


@pytest.fixture(scope="module")
def corpus() -> list[bytes]:
    """25,000 records: many on one day, some back-dated by decades, one entered in the future."""
    crowd = [article(pmid, 2021, 3, 15) for pmid in range(30_000_000, 30_010_500)]
    spread = [article(pmid, 2017 + pmid % 9, 1 + pmid % 12, 1 + pmid % 28) for pmid in range(1, 14_400)]
    return [*crowd, *spread, *(article(40_000_000 + n, 1823 + n) for n in range(100)), article(99_999_999, 2999)]


def test_25_000_hits_come_whole_with_one_crowded_day_cut_by_pmid(live: LiveTransport, corpus: list[bytes]) -> None:
    with EutilsServer(corpus) as server:
        found = find(spec(server), live)
        assert len(found.pmids) == len(set(found.pmids)) == len(corpus) == 25_000
        assert set(found.pmids) == set(server._entries)
        sizes = [int(text.rsplit(": ", 1)[1]) for name, text in found.log if name == "part"]
        assert sum(sizes) == 25_000
        assert max(sizes) <= MAX_HITS
        assert found.log[0] == ("hits", "25000")
        assert any("PMID" in text for name, text in found.log if name == "part")
        assert len(server.asked) <= 40
        assert all(asked.method == "POST" for asked in server.asked)


def test_the_query_stays_as_it_is_where_days_are_enough(live: LiveTransport) -> None:
    with EutilsServer([article(n, 2010 + n % 15) for n in range(1, 10_002)]) as server:
        assert len(find(spec(server), live).pmids) == 10_001
        assert {asked.params["term"] for asked in server.asked} == {"a[tiab] OR b[tiab]"}
        assert all(len(asked.params["mindate"]) == 10 for asked in server.asked[1:])
        assert len(server.asked) <= 5


@pytest.mark.parametrize("hits", [MAX_HITS, MAX_HITS + 1])
def test_the_cap_itself(live: LiveTransport, hits: int) -> None:
    with EutilsServer([article(n, 2020 + n % 2) for n in range(1, hits + 1)]) as server:
        found = find(spec(server), live)
        assert len(found.pmids) == hits
        assert (len(server.asked) == 1) is (hits == MAX_HITS)


def test_a_service_that_ignores_the_range_ends_loudly(live: LiveTransport) -> None:
    def ignoring(term: str, xml: bytes) -> bool:
        return True

    server = EutilsServer([article(n, 2020) for n in range(1, 10_002)], matches=ignoring)
    server._found = lambda params: list(server._entries.values())  # type: ignore[method-assign]
    with server, pytest.raises(SourceError, match="counts do not add up, asked twice"):
        find(spec(server), live)


def test_a_record_that_enters_meanwhile_is_counted_again(live: LiveTransport) -> None:
    """The whole is counted, then a record more is there: the parts do not add up, so all is asked once more."""
    count = 10_001
    early = Sent(f"<eSearchResult><Count>{count - 1}</Count><IdList/></eSearchResult>".encode())
    with EutilsServer([article(n, 2010 + n % 15) for n in range(1, count + 1)], script=[early]) as server:
        assert len(find(spec(server), live).pmids) == count


@settings(max_examples=60)
@given(SPAN.filter(lambda span: span.low < span.high), SPAN)
def test_two_halves_tile_a_span(span: Span, busy: Span) -> None:
    first, second = span.halves(busy)
    assert (first.low, second.high) == (span.low, span.high)
    assert first.low <= first.high
    assert first.high + 1 == second.low <= second.high


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(719_163, 740_000), st.integers(1, 10**9 - 1)), min_size=1, max_size=40, unique=True)
)
def test_parts_hold_every_hit_once_whatever_its_day_and_pmid(hits: list[tuple[int, int]]) -> None:
    """Each hit stands for 400 of one day and PMID range, so that a few make a crowd."""

    def ask(part: Part) -> Answer:
        within = [
            hit
            for hit in hits
            if part.days.low <= hit[0] <= part.days.high and part.pmids.low <= hit[1] <= part.pmids.high
        ]
        return Answer(len(within) * 400, tuple(f"{day}-{pmid}" for day, pmid in within))

    parts = list(split(Part(), len(hits) * 400, ask))
    named = [pmid for _, answer in parts for pmid in answer.pmids]
    assert sorted(named) == sorted(f"{day}-{pmid}" for day, pmid in hits)
    assert all(answer.count <= MAX_HITS for _, answer in parts)


def test_parts_that_do_not_make_up_the_whole_are_an_error() -> None:
    def one_short(part: Part) -> Answer:
        return Answer(5_999 if part.days.low > 719_163 else 5_000, ())

    with pytest.raises(UnevenError, match="5999 hits entered"):
        list(split(Part(), 11_000, one_short))
