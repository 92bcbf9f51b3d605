"""PubMed XML as records: built cases for each field, NLM's edge records, and one whole real file."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.errors import InputError
from db.identifiers import normalise_doi, registry_ids
from db.model import Author, Notice, Record
from harvest import pubmed_xml
from harvest.pubmed_xml import MAX_RECORD_BYTES, Deleted, parse_pubmed


def parse(body: str) -> list[Record | Deleted]:
    return list(parse_pubmed(io.BytesIO(body.encode())))


def article(inner: str, *, citation: str = "", data: str = "", pmid: str = '<PMID Version="1">1</PMID>') -> Record:
    """The one record of an article with `inner` in its Article, and more in MedlineCitation and PubmedData."""
    found = parse(
        f"<PubmedArticleSet><PubmedArticle><MedlineCitation>{pmid}<Article>{inner}</Article>{citation}"
        f"</MedlineCitation><PubmedData>{data}</PubmedData></PubmedArticle></PubmedArticleSet>"
    )
    assert len(found) == 1
    assert isinstance(found[0], Record)
    return found[0]


def dated(date: str) -> Record:
    return article(f"<Journal><JournalIssue><PubDate>{date}</PubDate></JournalIssue></Journal>")


def test_markup_is_taken_off_and_its_text_kept() -> None:
    record = article(
        "<ArticleTitle>The <i>TERT</i><sup>2</sup> region\n   and CO<sub>2</sub>.</ArticleTitle>"
        "<Abstract><AbstractText>IFN-<b>γ</b> &lt; 5</AbstractText></Abstract>"
    )
    assert record.title == "The TERT2 region and CO2."
    assert record.abstract == "IFN-γ < 5"


def test_a_structured_abstract_keeps_its_labels() -> None:
    record = article(
        '<Abstract><AbstractText Label="METHODS">We did.</AbstractText><AbstractText Label="RESULTS"/>'
        '<AbstractText Label="UNLABELLED">It was.</AbstractText><CopyrightInformation>© X</CopyrightInformation>'
        "</Abstract>"
    )
    assert record.abstract == "METHODS: We did.\nIt was."


@pytest.mark.parametrize(
    ("printed", "date"),
    [
        ("<Year>2021</Year>", "2021"),
        ("<Year>2021</Year><Month>May</Month>", "2021-05"),
        ("<Year>2021</Year><Month>5</Month><Day>3</Day>", "2021-05-03"),
        ("<Year>2021</Year><Month>05</Month><Day>03</Day>", "2021-05-03"),
        ("<Year>2021</Year><Season>Spring</Season>", "2021"),
        ("<MedlineDate>2021 May-Jun</MedlineDate>", "2021-05"),
        ("<MedlineDate>1998 Dec-1999 Jan</MedlineDate>", "1998-12"),
        ("<MedlineDate>Spring 2000</MedlineDate>", "2000"),
        ("<MedlineDate>2000 Spring</MedlineDate>", "2000"),
        ("<Year>20x1</Year>", ""),
        ("<Year>2021</Year><Month>13</Month>", "2021"),
        ("<Year>2021</Year><Month>May</Month><Day>40</Day>", "2021-05"),
    ],
)
def test_dates_are_as_partial_as_printed(printed: str, date: str) -> None:
    record = dated(printed)
    assert record.date == date
    assert record.year == (int(date[:4]) if date else None)


def test_without_a_printed_date_the_electronic_one_counts() -> None:
    electronic = "<ArticleDate><Year>2020</Year><Month>02</Month><Day>23</Day></ArticleDate>"
    assert article(electronic).date == "2020-02-23"


def test_authors_of_every_kind() -> None:
    record = article(
        "<AuthorList><Author><LastName>Zhang</LastName><ForeName>Min</ForeName><Initials>M</Initials>"
        "<AffiliationInfo><Affiliation>A</Affiliation></AffiliationInfo>"
        "<AffiliationInfo><Affiliation>B</Affiliation></AffiliationInfo></Author>"
        "<Author><LastName>Li</LastName><Initials>X</Initials><Suffix>Jr</Suffix></Author>"
        "<Author><LastName>Plato</LastName></Author>"
        "<Author><LastName>Kent</LastName><Suffix>2nd</Suffix></Author>"
        '<Author ValidYN="N"><LastName>Zahng</LastName></Author>'
        "<Author><CollectiveName>The Group</CollectiveName></Author></AuthorList>"
    )
    assert record.authors == (
        Author("Zhang", "Min", "", "A; B"),
        Author("Li", "X, Jr"),
        Author("Plato"),
        Author("Kent", "2nd"),
        Author(collective="The Group"),
    )


REFERENCES = (
    "<ReferenceList><Reference><ArticleIdList><ArticleId IdType='doi'>10.9999/reference</ArticleId>"
    "</ArticleIdList></Reference></ReferenceList>"
)
IDS = (
    "<ArticleIdList><ArticleId IdType='doi'>10.1000/List</ArticleId>"
    "<ArticleId IdType='pii'>S1</ArticleId></ArticleIdList>"
)
LOCATION = (
    "<ELocationID EIdType='doi' ValidYN='{}'>10.1000/Location</ELocationID><ELocationID EIdType='pii'>S1</ELocationID>"
)


@pytest.mark.parametrize(
    ("inner", "data", "doi"),
    [
        (LOCATION.format("Y"), IDS, "10.1000/location"),
        (LOCATION.format("N"), IDS, "10.1000/list"),
        ("", IDS + REFERENCES, "10.1000/list"),
        ("", REFERENCES, ""),
        (LOCATION.format("Y"), REFERENCES, "10.1000/location"),
    ],
)
def test_the_doi_is_the_articles_own(inner: str, data: str, doi: str) -> None:
    assert article(inner, data=data).doi == doi


def test_registry_ids_come_from_the_data_banks_and_all_texts() -> None:
    record = article(
        "<ArticleTitle>A trial (#NCT04984356)</ArticleTitle><Abstract><AbstractText>ChiCTR-OCB-15007326"
        "</AbstractText></Abstract><DataBankList><DataBank><DataBankName>ISRCTN</DataBankName><AccessionNumberList>"
        "<AccessionNumber>ISRCTN15323014</AccessionNumber></AccessionNumberList></DataBank></DataBankList>",
        citation="<OtherAbstract><AbstractText>NCT#00000001</AbstractText></OtherAbstract>",
    )
    assert record.registry_ids == ("ChiCTR-OCB-15007326", "ISRCTN15323014", "NCT00000001", "NCT04984356")


def test_notices_carry_what_they_point_at() -> None:
    record = article(
        "",
        citation="<CommentsCorrectionsList><CommentsCorrections RefType='RetractionIn'><RefSource>Blood. 2023;1:2. "
        "doi: 10.1182/Blood.1</RefSource><PMID Version='1'>9</PMID></CommentsCorrections>"
        "<CommentsCorrections RefType='UpdateOf'><RefSource>medRxiv</RefSource></CommentsCorrections>"
        "</CommentsCorrectionsList>",
    )
    assert record.notices == (
        Notice("RetractionIn", "9", "10.1182/blood.1", "Blood. 2023;1:2. doi: 10.1182/Blood.1"),
        Notice("UpdateOf", citation="medRxiv"),
    )


def test_what_only_pubmed_has_is_in_extra() -> None:
    record = article(
        "",
        pmid='<PMID Version="3">5</PMID>',
        citation="<MeshHeadingList><MeshHeading><DescriptorName>Leukemia, T-Cell</DescriptorName>"
        "<QualifierName>therapy</QualifierName></MeshHeading><MeshHeading><DescriptorName>Humans</DescriptorName>"
        "</MeshHeading></MeshHeadingList><KeywordList><Keyword>CAR</Keyword><Keyword>T</Keyword></KeywordList>",
        data=IDS,
    )
    assert (record.native_id, record.pmid, record.url) == ("5", "5", "https://pubmed.ncbi.nlm.nih.gov/5/")
    assert record.extra == {
        "version": "3", "mesh": "Leukemia, T-Cell/therapy; Humans", "keywords": "CAR; T", "pii": "S1",
    }  # fmt: skip


def test_a_book_is_a_record() -> None:
    inner = (
        "<PMID>7</PMID><Book><BookTitle>A book</BookTitle><PubDate><Year>2012</Year></PubDate>"
        "<AuthorList Type='editors'><Author><LastName>Ed</LastName></Author></AuthorList></Book>{}"
        "<AuthorList Type='authors'><Author><LastName>Wu</LastName></Author></AuthorList>"
        "<PublicationType>Review</PublicationType><Abstract><AbstractText>Text</AbstractText></Abstract>"
    )
    whole = (
        "<PubmedArticleSet><PubmedBookArticle><BookDocument>{}</BookDocument></PubmedBookArticle></PubmedArticleSet>"
    )
    (chapter,) = parse(whole.format(inner.format("<ArticleTitle>A chapter</ArticleTitle>")))
    (book,) = parse(whole.format(inner.format("")))
    assert isinstance(chapter, Record)
    assert isinstance(book, Record)
    assert (chapter.title, chapter.journal, chapter.date) == ("A chapter", "A book", "2012")
    assert (book.title, book.journal, book.authors) == ("A book", "", (Author("Wu"),))
    assert (book.publication_types, book.abstract) == (("Review",), "Text")


def test_deletions_are_told() -> None:
    body = "<PubmedArticleSet><DeleteCitation><PMID>8</PMID><PMID>9</PMID></DeleteCitation></PubmedArticleSet>"
    assert parse(body) == [Deleted("8"), Deleted("9")]


def test_an_empty_set_is_empty() -> None:
    assert parse("<PubmedArticleSet></PubmedArticleSet>") == []


BROKEN = {
    "cut": ("<PubmedArticleSet><PubmedArticle>", "not whole"),
    "nothing": ("", "not whole"),
    "text": ("PMID- 1", "not whole"),
    "control character": ("<PubmedArticleSet>\x02</PubmedArticleSet>", "not whole"),
    "HTML": ("<html><body>Error</body></html>", "root element is <html>"),
    "other XML": ("<rss><item/></rss>", "root element is <rss>"),
    "error": ("<eFetchResult><ERROR>Empty\nResponse</ERROR></eFetchResult>", "error of E-utilities: Empty Response"),
    "an article inside something else": ("<x><PubmedArticle/></x>", "root element is <x>"),
}


@pytest.mark.parametrize(("body", "words"), BROKEN.values(), ids=BROKEN.keys())
def test_what_is_not_pubmed_is_refused_in_one_line(body: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as failure:
        parse(body)
    assert "\n" not in str(failure.value)


def test_entities_are_not_expanded_and_files_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("top secret")
    bomb = "".join(f"<!ENTITY e{n} '{f'&e{n - 1};' * 10}'>" for n in range(1, 10))
    doctype = f"<!DOCTYPE x [<!ENTITY e0 'lol'>{bomb}<!ENTITY f SYSTEM '{secret.as_uri()}'>]>"
    title = "<MedlineCitation><Article><ArticleTitle>a &e9; &f;</ArticleTitle></Article></MedlineCitation>"
    body = f"{doctype}<PubmedArticleSet><PubmedArticle>{title}</PubmedArticle></PubmedArticleSet>"
    try:
        found = parse(body)
    except InputError:
        return
    assert isinstance(found[0], Record)
    assert len(found[0].title) < 100
    assert "secret" not in found[0].title


def test_a_document_that_never_ends_a_record_is_refused() -> None:
    filler = b"<a>" + b"x" * 1_000_000 + b"</a>"
    endless = io.BytesIO(b"<PubmedArticleSet><PubmedArticle>" + filler * (MAX_RECORD_BYTES // 1_000_000 + 2))
    with pytest.raises(InputError, match="without the end of a record"):
        list(parse_pubmed(endless))


@pytest.mark.parametrize("chunk", [1, 7, 13, 4_096])
def test_references_are_skipped_however_the_bytes_are_split(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(pubmed_xml, "_CHUNK", chunk)
    nested = (
        "<ReferenceList><Reference>a</Reference><ReferenceList><Reference/><Reference>b</Reference></ReferenceList>"
        "<ReferenceList/><ReferenceList><ReferenceList></ReferenceList></ReferenceList></ReferenceList>"
    )
    body = f"<x>{nested}<Referenced>c</Referenced>{nested}<y/></x>".encode()
    assert b"".join(pubmed_xml.without_unread(io.BytesIO(body))) == b"<x><Referenced>c</Referenced><y/></x>"
    both = b"<x><History><Year>1</Year></History><ReferenceList>a</ReferenceList><Historyless/></x>"
    assert b"".join(pubmed_xml.without_unread(io.BytesIO(both))) == b"<x><Historyless/></x>"
    cut = b"".join(pubmed_xml.without_unread(io.BytesIO(b"<x><ReferenceList>a</x>")))
    assert cut == b"<x>"


@pytest.mark.parametrize("chunk", [1, 100, 1 << 18])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1"])
def test_a_growing_document_is_read_whatever_stands_before_and_inside(
    monkeypatch: pytest.MonkeyPatch, chunk: int, encoding: str
) -> None:
    """Processing instructions split no text (PubMed writes <?pmcsd ?>), wherever the bytes are cut."""
    monkeypatch.setattr(pubmed_xml, "_CHUNK", chunk)
    record = (
        '<PubmedArticle><MedlineCitation><PMID Version="1">{}</PMID><Article><ArticleTitle>Ä<?a?>b<?c?></ArticleTitle>'
        "<AuthorList><Author><LastName><?x?>Lö<?pmcsd ?>w<!-- c -->e</LastName></Author></AuthorList></Article>"
        "</MedlineCitation><PubmedData><?nihms ?></PubmedData></PubmedArticle>"
    )
    declared = encoding.removesuffix("-sig")
    body = (
        f"<?xml version='1.0' encoding='{declared}'?><?style sheet?>\n<!-- <PubmedArticleSet> -->\n<!DOCTYPE "
        f"PubmedArticleSet PUBLIC 'x' 'y'><!-- z --><PubmedArticleSet><?p?>{record.format(1)}\n{record.format(2)}"
        "<?q?><DeleteCitation><PMID>3</PMID></DeleteCitation></PubmedArticleSet><?end?>"
    )
    *records, deleted = parse_pubmed(io.BytesIO(body.encode(encoding)))
    assert [(r.pmid, r.title, r.authors) for r in records if isinstance(r, Record)] == [
        ("1", "Äb", (Author("Löwe"),)), ("2", "Äb", (Author("Löwe"),))
    ]  # fmt: skip
    assert deleted == Deleted("3")


def the(notice: str, pmid: str) -> Callable[[Record], bool]:
    return lambda record: (notice, pmid) in [(one.kind, one.pmid) for one in record.notices]


def typed(name: str) -> Callable[[Record], bool]:
    return lambda record: name in record.publication_types


def status(name: str) -> Callable[[Record], bool]:
    return lambda record: record.extra["status"] == name


# One line for each line of edge_records.tsv that says something a record holds.
EDGES: dict[str, Callable[[Record], bool]] = {
    "29426732": lambda r: r.vernacular_title.startswith("Valor predictivo") and r.language == "eng; spa",
    "17018286": the("CommentIn", "17018272"),
    "25205585": lambda r: r.abstract == "" and r.publication_types == ("Letter", "Comment"),
    "30675604": typed("Published Erratum"),
    "21388667": the("ErratumIn", "34092359"),
    "34096680": typed("Expression of Concern"),
    "32090497": the("ExpressionOfConcernIn", "34096680"),
    "27602157": lambda r: the("RetractionIn", "34093767")(r) and typed("Retracted Publication")(r),
    "34082697": lambda r: the("RetractionOf", "18808659")(r) and typed("Retraction of Publication")(r),
    "34013271": the("UpdateIn", "33576494"),
    "32989731": the("UpdateOf", "33173890"),
    "34088270": lambda r: r.registry_ids == ("ChiCTR2000030145",),
    "30578883": lambda r: r.registry_ids == ("NCT02020889",),
    "32739453": lambda r: r.registry_ids == ("NCT02150603",) and "NCT" not in r.abstract,
    "30600808": lambda r: r.title.startswith("[") and r.language == "spa",
    "34085172": typed("Congress"),
    "32436023": lambda r: typed("English Abstract")(r) and r.title == "[Adolf Lorenz and his mentor Eduard Albert].",
    "32995776": typed("Preprint"),
    "34092829": lambda r: (r.date, r.extra["printed_date"]) == ("2020", "2020 Spring"),
    "31393169": lambda r: status("In-Data-Review")(r) and r.date == "2021-05",
    "30951498": status("In-Process"),
    "10704411": lambda r: r.abstract.startswith("BACKGROUND: ") and "\nRESULTS: " in r.abstract,
    "25242986": lambda r: status("PubMed-not-MEDLINE")(r) and r.doi == "",
    "33109062": lambda r: Author("G-Scad Investigators") in [Author(a.family, a.given) for a in r.authors],
    "31719001": lambda r: "Collaborators" in [author.collective for author in r.authors],
    "31617889": lambda r: r.abstract.startswith("BACKGROUND: ") and ": \n" not in r.abstract,
    "32472320": lambda r: r.title == "" and r.vernacular_title == "Briefsammlung Wittelshöfer.",
    "29225084": lambda r: "<" not in r.abstract and len(r.abstract) > 1_500,
    "30601556": lambda r: r.title.endswith("silicon accumulation in the C4 crop proso millet."),
    "27189171": lambda r: r.date == "2016-08",
    "31294756": lambda r: r.authors == () and the("ErratumFor", "31021392")(r),
    "29775638": lambda r: (r.volume, r.issue, r.date) == ("", "", "2021-06-02"),
    "12486199": lambda r: r.doi == "",
    "30310913": lambda r: r.doi == "10.1039/c8pp00201k",
}


@pytest.fixture(scope="module")
def edge_records(shared: Path) -> dict[str, Record]:
    with (shared / "data/pubmed/edge_records.xml").open("rb") as stream:
        return {item.pmid: item for item in parse_pubmed(stream) if isinstance(item, Record)}


@pytest.mark.parametrize("pmid", EDGES)
def test_edge_record(edge_records: dict[str, Record], pmid: str) -> None:
    assert EDGES[pmid](edge_records[pmid])


def test_every_edge_record_is_read_and_judged(edge_records: dict[str, Record], shared: Path) -> None:
    lines = (shared / "data/pubmed/edge_records.tsv").read_text().splitlines()
    named = {line.split("\t")[0] for line in lines}
    assert named == set(edge_records)
    # What these three are in the table for (version, ISRCTN with a digit too many, history) no field repeats.
    assert named - set(EDGES) == {"30271887", "34096500", "16213219"}


def test_real_replies_of_every_year_are_read(shared: Path) -> None:
    for name in ("pubmed1", "pubmed2", "pubmed4", "pubmed5", "pubmed6", "pubmed7"):
        with (shared / f"data/pubmed/biopython/Entrez/{name}.xml").open("rb") as stream:
            assert all(isinstance(item, Record) and item.title and item.year for item in parse_pubmed(stream)), name
    with (shared / "data/pubmed/biopython/Entrez/pubmed3.html").open("rb") as stream, pytest.raises(InputError):
        list(parse_pubmed(stream))


@pytest.mark.slow
def test_a_whole_file_of_nlm_is_accounted_for(shared: Path) -> None:
    records, versions, deleted, ids = 0, 0, set(), set()
    with gzip.open(shared / "data/pubmed/pubmed21n1298.xml.gz") as stream:
        for item in parse_pubmed(cast(BinaryIO, stream)):
            if isinstance(item, Deleted):
                deleted.add(item.pmid)
                continue
            records += 1
            ids.add(item.native_id)
            versions += "version" in item.extra
            assert item.year
            assert item.title or item.vernacular_title or item.extra["status"] != "MEDLINE"
    assert (records, len(ids), len(deleted), versions) == (20_788, 20_783, 20, 5)


SPELLINGS = {
    "#NCT04984356": "NCT04984356",
    "NCT#04984356": "NCT04984356",
    "(NCT 0498 4356)": "NCT04984356",
    "NCT–04984356": "NCT04984356",
    "nct04984356.": "NCT04984356",
    "NCT number: 04984356": "NCT04984356",
    "ChiCTR2000034762": "ChiCTR2000034762",
    "ChiCTR-1900025311": "ChiCTR1900025311",
    "#ChiCTR1800018137": "ChiCTR1800018137",
    "ChiCTR-OCB-15007326": "ChiCTR-OCB-15007326",
    "ChiCTROCB15007326": "ChiCTR-OCB-15007326",
    "ISRCTN15323014": "ISRCTN15323014",
    "ISRCTN, 22488978": "ISRCTN22488978",
    "EUCT 2022-500000-00-00": "EUCT2022-500000-00-00",
    "EudraCT number 2015-001234-12": "EudraCT2015-001234-12",
    "EUCTR2015-001234-12-GB": "EudraCT2015-001234-12",
    "JPRN-UMIN000012345": "JPRN-UMIN000012345",
    "UMIN-CTR 000012345": "JPRN-UMIN000012345",
    "jRCTs031180001": "JPRN-jRCTs031180001",
    "JapicCTI-142693": "JPRN-JapicCTI-142693",
    "CTRI/2020/01/022222": "CTRI/2020/01/022222",
    "ACTRN12605000000000p": "ACTRN12605000000000",
    "DRKS00005739": "DRKS00005739",
    "IRCT20190506043492N3": "IRCT20190506043492N3",
    "RBR-5q5t5z": "RBR-5q5t5z",
    "NTR No. 4512": "NTR4512",
    "SLCTR/2015/022": "SLCTR/2015/022",
    "NCT0498\u200b4356": "NCT04984356",
}


@pytest.mark.parametrize(("printed", "normal"), SPELLINGS.items())
def test_registry_ids_in_every_spelling(printed: str, normal: str) -> None:
    assert registry_ids(f"registered as {printed} in 2020") == (normal,)
    assert registry_ids(normal) == (normal,)


@pytest.mark.parametrize(
    "text",
    ["NCT0498435", "NCT049843567", "ISRCTN474042962", "NCTC 11637", "KCTC 5316", "NTRK1/2/3", "function 04984356", ""],
)
def test_what_is_no_registry_id(text: str) -> None:
    assert registry_ids(text) == ()


@given(st.text())
def test_registry_ids_and_dois_of_any_text_are_stable(text: str) -> None:
    for found in registry_ids(text):
        assert registry_ids(found) == (found,)
    assert normalise_doi(normalise_doi(text)) == normalise_doi(text)


@pytest.mark.parametrize(
    ("printed", "doi"),
    [
        ("https://doi.org/10.1182/BLOOD-2022-1", "10.1182/blood-2022-1"),
        ("doi: 10.1016/S0140-6736(20)30183-5.", "10.1016/s0140-6736(20)30183-5"),
        ("(doi:10.1000/x)", "10.1000/x"),
        ("10.1002/(SICI)1097-0142(1999)85:1<1::AID>3.0.CO;2-X", "10.1002/(sici)1097-0142(1999)85:1<1::aid>3.0.co;2-x"),
        ("https://example.org/article/doi/10.1182/blood.2025028387?searchresult=1", "10.1182/blood.2025028387"),
        ("10.1097%2F01.HS9.0000972444.78727.01", "10.1097/01.hs9.0000972444.78727.01"),
        ("S0140-6736", ""),
    ],
)  # fmt: skip
def test_dois_have_one_form(printed: str, doi: str) -> None:
    assert normalise_doi(printed) == doi
