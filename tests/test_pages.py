"""Saved abstract pages of ASH, ASCO and EHA.

Every page here is synthetic, written for these tests: no text is a society's. Only the structure (classes, meta
names, scripts) follows what public tools for these sites read.
"""

from __future__ import annotations

import pytest

from db.errors import InputError, SourceError
from db.model import Author
from harvest.pages import detect, parse_page

ASH = """<!doctype html><html><head><!-- synthetic page: made up for a test, not the society's text -->
<link rel="canonical" href="https://ashpublications.org/blood/article/142/Supplement%201/3829/1">
<meta name="citation_journal_title" content="Blood"><meta name="citation_volume" content="142">
<meta name="citation_issue" content="Supplement 1"><meta name="citation_firstpage" content="3829"></head><body>
<span class="article-client_type">704. Cellular Immunotherapies</span>
<h1 class="wi-article-title article-title-main accessible-content-title at-articleTitle">
  A made-up trial of <i>donor</i> CAR T cells</h1>
<div class="al-author-name"><a class="linked-name">Min Zhang, MD, PhD</a>
  <div class="al-author-info-wrap"><div class="info-card-name">Min Zhang, MD, PhD</div>
  <div class="aff">A Hospital, Somewhere (Intr. by B. Other)</div></div></div>
<div class="al-author-name"><div class="info-card-name">Ana Maria Silva</div></div>
<span class="article-date">November 2, 2099</span>
<div class="citation-doi"><a href="https://doi.org/10.1182/blood-2099-000001">https://doi.org/10.1182/blood-2099-000001</a></div>
<div class="content-metadata-topics"><a>remission</a><a>T cells</a></div>
<section class="abstract"><p><b>Background:</b> Twelve made-up patients (NCT#01234567).</p>
<p><b>Results:</b> CD3<sup>+</sup> cells.</p></section></body></html>"""

ASCO = """<html><head><!-- synthetic page: made up for a test, not the society's text -->
<meta name="dc.Title" content="A made-up dose-escalation study"><meta name="dc.Creator" content="Min Zhang">
<meta name="dc.Creator" content="Ana Maria Silva"><meta name="dc.Date" content="2099-06-01">
<meta name="dc.Identifier" scheme="publisher-id" content="e13545">
<meta name="dc.Identifier" scheme="doi" content="10.1200/JCO.2099.41.16_suppl.e13545"></head><body>
<h1 class="citation__title">A made-up dose-escalation study</h1><div property="affiliation">A Hospital</div>
<div id="abstract"><h2>Background:</h2><div>Made up.</div><div>Clinical trial information: NCT01234567.</div></div>
</body></html>"""

EHA_CONF = """<html><head><!-- synthetic page: made up for a test, not the society's text -->
<link rel="canonical" href="https://library.ehaweb.org/eha/2099/eha2099-congress/999/min.zhang.a.made-up.title.html?f=x">
</head><body><script>var page = {conf:{"c_id":"999","name":"A MADE-UP <b>TITLE</b>","c_date":"2099-06-12",
"co_authors":{"1":{"firstname":"Min","lastname":"Zhang","affiliation":"A Hospital"}},
"description":"<p>Abstract: S240</p><p>Type: Oral</p>
<p>Background</p><p>Made up.</p><p>Results</p><p>ChiCTR2000034762</p><p>Keyword(s): remission, T cell</p>"}};
</script></body></html>"""

EHA_OLD = """<html><head><!-- synthetic page: made up for a test, not the society's text -->
<link rel="canonical" href="https://library.ehaweb.org/eha/2098/23rd/998/min.zhang.html"></head><body>
<h1>An older made-up title</h1><div class="mwc-tooltip" id="co-1">Min Zhang</div>
<div class="text-init">Abstract: PF123<br>Type: Poster<br><br>Background<br>Made up.<br>Keyword(s): remission</div>
</body></html>"""

HEMASPHERE = """<html><head><!-- synthetic page: made up for a test, not the society's text -->
<meta name="wkhealth_journal_title" content="HemaSphere"><meta name="wkhealth_title" content="P1389: A made-up title">
<meta name="wkhealth_authors" content="Zhang, Min;Silva, Ana Maria">
<meta name="wkhealth_doi" content="10.1097/01.HS9.0000000000.00000.01"><meta name="wkhealth_volume" content="7">
<meta name="wkhealth_issue" content="S3"><meta name="wkhealth_date" content="2099/08/08">
<meta name="wkhealth_firstpage" content="e1"></head><body>
<div id="article-abstract-content1"><p>Made up.</p></div></body></html>"""

WILEY = (
    HEMASPHERE.replace("wkhealth_", "citation_")
    .replace('citation_authors" content="Zhang, Min;Silva, Ana Maria', 'citation_author" content="Min Zhang')
    .replace('<div id="article-abstract-content1">', '<section class="article-section__abstract">')
)
CHALLENGE = "<html><head><title>Just a moment...</title></head><body>Enable JavaScript</body></html>"
UNUSUAL = "<html><body>We are sorry, but we are experiencing unusual traffic at this time.</body></html>"


@pytest.mark.parametrize(
    ("page", "society"),
    [
        (ASH, "ash"),
        (ASCO, "asco"),
        (EHA_CONF, "eha"),
        (EHA_OLD, "eha"),
        (HEMASPHERE, "eha"),
        (WILEY, "eha"),
        (CHALLENGE, ""),
    ],
)
def test_the_society_is_told_from_the_page(page: str, society: str) -> None:
    assert detect(page.encode()) == society
    if society:
        assert parse_page(page.encode()).source == society


def test_ash() -> None:
    record = parse_page(ASH.encode())
    assert record.id == "ash:10.1182/blood-2099-000001"
    assert record.title == "A made-up trial of donor CAR T cells"
    assert record.abstract == "Background: Twelve made-up patients (NCT#01234567).\nResults: CD3+ cells."
    assert record.authors == (Author("Zhang", "Min", "", "A Hospital, Somewhere"), Author("Silva", "Ana Maria"))
    assert (record.date, record.year) == ("2099-11-02", 2099)
    assert (record.journal, record.volume, record.issue, record.pages) == ("Blood", "142", "Supplement 1", "3829")
    assert record.registry_ids == ("NCT01234567",)
    assert record.publication_types == ("Meeting Abstract",)
    assert record.extra == {
        "session": "704. Cellular Immunotherapies", "keywords": "remission; T cells", "abstract_number": "3829",
        "page_layout": "ash/silverchair",
    }  # fmt: skip


def test_asco() -> None:
    record = parse_page(ASCO.encode())
    assert record.id == "asco:10.1200/jco.2099.41.16_suppl.e13545"
    assert (record.volume, record.issue, record.pages, record.date) == ("41", "16_suppl", "e13545", "2099-06-01")
    assert record.authors == (Author("Zhang", "Min"), Author("Silva", "Ana Maria"))
    assert record.abstract == "Background:\nMade up.\nClinical trial information: NCT01234567."
    assert record.registry_ids == ("NCT01234567",)


def test_eha_library() -> None:
    record = parse_page(EHA_CONF.encode())
    assert (record.id, record.title, record.pages) == ("eha:999", "A MADE-UP TITLE", "")
    assert record.abstract == "Background\nMade up.\nResults\nChiCTR2000034762"
    assert record.authors == (Author("Zhang", "Min", "", "A Hospital"),)
    assert (record.date, record.registry_ids) == ("2099-06-12", ("ChiCTR2000034762",))
    assert record.extra == {"abstract_number": "S240", "keywords": "remission, T cell", "page_layout": "eha/library"}


def test_eha_library_of_earlier_years() -> None:
    record = parse_page(EHA_OLD.encode())
    assert (record.id, record.title, record.year) == ("eha:998", "An older made-up title", 2098)
    assert (record.extra["abstract_number"], record.abstract) == ("PF123", "Background\nMade up.")


@pytest.mark.parametrize("page", [HEMASPHERE, WILEY])
def test_hemasphere(page: str) -> None:
    record = parse_page(page.encode())
    assert record.id == "eha:10.1097/01.hs9.0000000000.00000.01"
    assert (record.journal, record.volume, record.issue, record.date) == ("HemaSphere", "7", "S3", "2099-08-08")
    assert record.abstract == "Made up."
    assert record.authors[0] == Author("Zhang", "Min")


@pytest.mark.parametrize("page", [CHALLENGE, UNUSUAL])
def test_a_robot_check_is_no_abstract(page: str) -> None:
    with pytest.raises(SourceError, match="blocked"):
        parse_page(page.encode())


@pytest.mark.parametrize(
    "page",
    [
        b"",
        b"<html><body>Some other page</body></html>",
        ASH.replace("10.1182", "10.9999").encode(),
        b'<html><head><meta name="dc.Identifier" content="10.1200/JCO.1"></head></html>',
    ],
)
def test_another_page_is_refused(page: bytes) -> None:
    with pytest.raises(InputError):
        parse_page(page)


def test_the_address_given_is_kept() -> None:
    assert parse_page(ASH.encode(), "https://ashpublications.org/x").url == "https://ashpublications.org/x"
    assert parse_page(ASH.encode()).url.startswith("https://ashpublications.org/blood/article/142/")
