"""The bad inputs that test_faults_pubmed.py leaves: other sources', and the records' own shapes, by their number.

A record's shape goes all the way: a server's reply, the transport, the source, the review's own copy of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from db import queries
from db.archive import Archive
from db.errors import SourceError
from db.model import Author, Record
from db.specs import SearchSpec, SourceSpec
from harvest import crossref, europepmc
from harvest.live import Clock, Identity, Limits, LiveTransport
from harvest.transport import Manners, Request
from lsr.workflow.bring import Brought, harvest
from lsr.workflow.folder import Open
from tests.servers.crossref import CrossrefServer
from tests.servers.europepmc import EuropePmcServer
from tests.servers.eutils import EutilsServer
from tests.servers.frame import Answer, LoopbackServer
from tests.test_crossref import work
from tests.test_europepmc import result

EPMC = "europepmc"


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch, slept: list[float]) -> None:
    monkeypatch.setattr(LiveTransport.__init__, "__defaults__", (Clock(sleep=slept.append), Limits(tries=3)))


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveTransport]:
    transport = LiveTransport(Archive(tmp_path / "archive"), Identity("0.1"))
    yield transport
    transport.close()


def quiet(done: int, total: int | None) -> None:
    pass


def searching(opened: Open, name: str, url: str, **more: Any) -> Open:
    """The review, with one source at `url`, and no known items."""
    spec = SourceSpec(name, "database", "databases", query="CAR T cells", base_url=url, **more)
    return replace(opened, spec=replace(opened.spec, sources=(spec,), search=SearchSpec()))


def read_back(opened: Open, *articles: str) -> dict[str, Record]:
    """PubMed holds `articles`; what the review then holds, by PMID."""
    with EutilsServer([article.encode() for article in articles]) as server:
        brought = harvest(searching(opened, "pubmed", server.url))
    assert not brought.failed, brought.failed
    assert len(brought.new) == len(articles)
    records = [queries.record_of(opened.review.connection, record) for record in brought.new]
    return {record.native_id: record for record in records}


def read(opened: Open, inner: str, citation: str = "", data: str = "", status: str = "MEDLINE") -> Record:
    """One article that PubMed holds, as the review then holds it."""
    article = (
        f'<PubmedArticle><MedlineCitation Status="{status}"><PMID Version="1">1</PMID><Article>{inner}</Article>'
        f"{citation}</MedlineCitation><PubmedData>{data}</PubmedData></PubmedArticle>"
    )
    return read_back(opened, article)["1"]


def failed(brought: Brought, words: str) -> None:
    """It failed, in these words, and nothing of it was kept."""
    assert brought.runs == ()
    (failure,) = brought.failed
    assert words in failure.why


# Other sources


@pytest.mark.parametrize("marks", ["same", "none"])
def test_24_a_cursor_mark_that_does_not_move_or_is_absent(opened: Open, marks: str) -> None:
    """Neither an endless loop nor a short list that passes for whole."""
    with EuropePmcServer([result(n) for n in range(25)], page=10, marks=marks) as server:
        failed(harvest(searching(opened, EPMC, server.url)), "counts 25 records but sent 10")
        assert len(server.asked) <= 2


def test_24_more_counted_than_sent_and_an_empty_last_record(opened: Open) -> None:
    with EuropePmcServer([result(1)], overcount=1) as server:
        failed(harvest(searching(opened, EPMC, server.url)), "counts 2 records but sent 1")
    with EuropePmcServer([result(1), {}]) as server:
        failed(harvest(searching(opened, EPMC, server.url)), "without an id")


def test_25_a_cursor_refused_in_mid_crawl(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crossref, "ROWS", 5)
    words = b'{"status":"failed","message":[{"type":"cursor-expired","message":"Cursor expired"}]}'
    works = [work(n) for n in range(12)]
    with CrossrefServer(works, script=[None, Answer(words, 400, "application/json")]) as server:
        weekly = searching(opened, "crossref", server.url, containers=("Blood",))
        failed(harvest(weekly), "Crossref answered 400")
        assert len(server.asked) == 2
        assert len(harvest(weekly).new) == 12  # the next run begins anew


def test_25_more_results_counted_than_crawled(opened: Open) -> None:
    with CrossrefServer([work(n) for n in range(3)], overcount=2) as server:
        failed(harvest(searching(opened, "crossref", server.url, containers=("Blood",))), "counts 5 works")


def test_26_a_page_that_repeats_what_came_before(live: LiveTransport, opened: Open) -> None:
    with EuropePmcServer([result(n) for n in range(25)], page=10, repeats=True) as server:
        found = europepmc.search(searching(opened, EPMC, server.url).spec.sources[0], live, quiet)
        assert found.hits == len(found.records) == len(set(found.native_ids)) == 25
        assert len(harvest(searching(opened, EPMC, server.url)).new) == 25


def test_27_a_budget_of_the_day_that_is_gone_is_not_asked_for_again(live: LiveTransport, slept: list[float]) -> None:
    """OpenAlex is no source here; whoever says 429 and "in some hours" is left alone until then."""
    gone = Answer(b'{"error":"Insufficient budget"}', 429, "application/json", {"Retry-After": "25200"})
    with LoopbackServer(lambda asked: gone) as server:
        request = Request("openalex", "GET", server.url, "works", (), Manners(per_second=1_000.0, speaks="json"))
        with pytest.raises(SourceError, match="asks to wait 25200 s"):
            live.send(request)
        assert len(server.asked) == 1
    assert sum(slept) < 1


# Dates


def entered(pmid: int, year: int) -> bytes:
    return (
        f'<PubmedArticle><MedlineCitation><PMID Version="1">{pmid}</PMID><Article><ArticleTitle>Article {pmid}'
        '</ArticleTitle></Article></MedlineCitation><PubmedData><History><PubMedPubDate PubStatus="entrez">'
        f"<Year>{year}</Year><Month>1</Month><Day>1</Day></PubMedPubDate></History></PubmedData></PubmedArticle>"
    ).encode()


def test_33_an_entry_date_set_years_back(opened: Open) -> None:
    """What enters this week under the date of years ago is in this week's search: no window of dates is asked for."""
    with EutilsServer([entered(n, 2026) for n in (1, 2)]) as server:
        weekly = searching(opened, "pubmed", server.url)
        assert len(harvest(weekly).new) == 2
        server.put(entered(3, 1998))
        assert harvest(weekly).new == ("pubmed:3",)
        dates = {"mindate", "maxdate", "reldate", "datetype"}
        assert not any(dates & set(asked.params) for asked in server.asked)


# The shapes of records


def test_34_a_book_among_articles(opened: Open) -> None:
    book = (
        '<PubmedBookArticle><BookDocument><PMID Version="1">2</PMID><Book><BookTitle>A book of cells</BookTitle>'
        "<PubDate><Year>2012</Year></PubDate></Book></BookDocument></PubmedBookArticle>"
    )
    found = read_back(opened, entered(1, 2020).decode(), book, entered(3, 2021).decode())
    assert [found[pmid].title for pmid in ("1", "2", "3")] == ["Article 1", "A book of cells", "Article 3"]


def test_35_markup_in_titles_and_abstracts(opened: Open) -> None:
    record = read(
        opened,
        "<ArticleTitle>Targeting <i>CD5</i><sup>+</sup> cells with <b>CAR</b> T.</ArticleTitle><Abstract><AbstractText>"
        "Of 12 <i>patients</i>, <sup>1</sup>all p &lt; 0.05 and CO<sub>2</sub> after.</AbstractText></Abstract>",
    )
    assert record.title == "Targeting CD5+ cells with CAR T."
    assert record.abstract == "Of 12 patients, 1all p < 0.05 and CO2 after."


def test_36_a_structured_an_empty_and_no_abstract(opened: Open) -> None:
    record = read(
        opened,
        '<ArticleTitle>A</ArticleTitle><Abstract><AbstractText Label="METHODS">We <i>did</i>.</AbstractText>'
        '<AbstractText Label="RESULTS"/><AbstractText Label="CONCLUSION">It was.</AbstractText></Abstract>',
    )
    assert record.abstract == "METHODS: We did.\nCONCLUSION: It was."
    others = read_back(
        opened,
        entered(11, 2020).decode().replace("</Article>", "<Abstract><AbstractText/></Abstract></Article>"),
        entered(12, 2020).decode(),
    )
    assert {record.abstract for record in others.values()} == {""}


def test_37_an_empty_a_translated_and_a_vernacular_title(opened: Open) -> None:
    record = read(
        opened,
        "<ArticleTitle>[A translated title].</ArticleTitle><VernacularTitle>Ein <i>Titel</i>.</VernacularTitle>"
        "<Language>ger</Language>",
        "<OtherAbstract Language='ger'><AbstractText>NCT01234567 auf Deutsch.</AbstractText></OtherAbstract>",
    )
    assert (record.title, record.vernacular_title) == ("[A translated title].", "Ein Titel.")
    assert record.registry_ids == ("NCT01234567",)
    empty = entered(11, 2020).decode().replace("<ArticleTitle>Article 11</ArticleTitle>", "<ArticleTitle/>")
    none = entered(12, 2020).decode().replace("<ArticleTitle>Article 12</ArticleTitle>", "")
    assert {record.title for record in read_back(opened, empty, none).values()} == {""}


DATES = {
    "<MedlineDate>2021 May-Jun</MedlineDate>": "2021-05",
    "<MedlineDate>2021 Jan-Dec</MedlineDate>": "2021-01",
    "<Year>2021</Year><Month>Sep</Month><Day>9</Day>": "2021-09-09",
    "<Year>2021</Year><Month>09</Month>": "2021-09",
    "<Year>2021</Year><Season>Spring</Season>": "2021",
}


def test_38_dates_as_printed(opened: Open) -> None:
    printed = [
        entered(n, 2020).decode().replace(
            "</Article>", f"<Journal><JournalIssue><PubDate>{date}</PubDate></JournalIssue></Journal></Article>"
        )
        for n, date in enumerate(DATES, 1)
    ]  # fmt: skip
    found = read_back(opened, *printed)
    assert [found[str(n)].date for n in range(1, len(DATES) + 1)] == list(DATES.values())
    assert {record.year for record in found.values()} == {2021}


def test_39_authors_of_every_kind_and_none(opened: Open) -> None:
    record = read(
        opened,
        "<ArticleTitle>A</ArticleTitle><AuthorList><Author><LastName>Zhang</LastName><ForeName>Min</ForeName></Author>"
        "<Author><LastName>Plato</LastName></Author><Author><CollectiveName>The <i>CAR</i> Group</CollectiveName>"
        "</Author></AuthorList>",
    )
    assert record.authors == (Author("Zhang", "Min"), Author("Plato"), Author(collective="The CAR Group"))
    assert read_back(opened, entered(11, 2020).decode())["11"].authors == ()


def test_40_the_doi_is_the_articles_own_or_none(opened: Open) -> None:
    reference = (
        "<ReferenceList><Reference><ArticleIdList><ArticleId IdType='doi'>10.9999/reference</ArticleId>"
        "</ArticleIdList></Reference></ReferenceList>"
    )
    ids = (
        "<ArticleIdList><ArticleId IdType='pubmed'>1</ArticleId><ArticleId IdType='doi'>10.1000/Own</ArticleId>"
        "<ArticleId IdType='pii'>S1</ArticleId></ArticleIdList>"
    )
    assert read(opened, "<ArticleTitle>A</ArticleTitle>", data=reference + ids).doi == "10.1000/own"
    none = entered(11, 2020).decode().replace("</PubmedData>", f"{reference}</PubmedData>")
    assert read_back(opened, none)["11"].doi == ""


def test_41_registry_ids_from_data_banks_and_texts_in_every_spelling(opened: Open) -> None:
    record = read(
        opened,
        "<ArticleTitle>A trial (#NCT04984356)</ArticleTitle><Abstract><AbstractText>NCT#01234567, ChiCTR-OCB-15007326"
        "</AbstractText></Abstract><DataBankList><DataBank><DataBankName>ClinicalTrials.gov</DataBankName>"
        "<AccessionNumberList><AccessionNumber>NCT07654321</AccessionNumber></AccessionNumberList></DataBank>"
        "</DataBankList>",
    )
    assert record.registry_ids == ("ChiCTR-OCB-15007326", "NCT01234567", "NCT04984356", "NCT07654321")


def test_46_a_record_that_is_not_indexed_yet_is_found(opened: Open) -> None:
    """The template's query asks for words of the text beside each heading, and sets no filter that needs indexing."""
    record = read(opened, "<ArticleTitle>A</ArticleTitle>", status="Publisher")
    assert (record.extra["status"], "mesh" in record.extra) == ("Publisher", False)
    query = next(source.query for source in opened.spec.sources if source.id == "pubmed")
    assert "[tiab]" in query
    assert not any(filtered in query.lower() for filtered in ("[pt]", "[filter]", "humans[mh]", "[sb]", "[la]"))
