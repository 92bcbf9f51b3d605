"""Every layout of the societies' abstract pages, and every drift of one: tests/pages holds one synthetic page each."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.errors import ReviewError
from db.model import Record
from harvest.abstract_dois import society_of
from harvest.pages import LAYOUT, SOCIETIES, BlockedError, DriftError, parse_page
from tests.servers.faults import CHALLENGE, UNUSUAL_TRAFFIC

PAGES = Path(__file__).parent / "pages"
# page: layout, id, registry ids, date, (number, session), whether affiliations are printed beside the authors
LAYOUTS = {
    "ash-silverchair": (
        "ash/silverchair", "ash:10.1182/blood-2099-000001", ("ChiCTR1800018137", "NCT04984356", "NCT04984357"),
        "2099-11-02", ("3829", "704. Cellular Immunotherapies"), True),
    "ash-silverchair-newer": (
        "ash/silverchair", "ash:10.1182/blood-2099-000002", ("ChiCTR-OCB-15007326",), "2099-11-03",
        (None, "704. Cellular Immunotherapies"), False),
    "ash-confex": (
        "ash/confex", "ash:10.1182/blood-2099-000003", ("NCT04984356",), "2099-12-05",
        ("2106", "704. Cellular Immunotherapies: Poster I"), True),
    "asco-atypon": (
        "asco/atypon", "asco:10.1200/jco.2099.41.16_suppl.e13545", ("NCT04984356",), "2099-06-01", ("e13545", None),
        False),
    "asco-atypon-newer": (
        "asco/atypon", "asco:10.1200/jco.2099.41.16_suppl.11506", ("NCT04984356",), "2099-06-01", ("11506", None),
        True),
    "asco-meetings": (
        "asco/meetings", "asco:10.1200/jco.2099.17.16_suppl.7004", ("NCT04984356",), "2099", ("7004", None), False),
    "asco-ace": (
        "asco/ace", "asco:10.1200/jco.2099.17.16_suppl.7005", ("NCT04984356",), "2099-06-01", ("7005", None), False),
    "eha-library": (
        "eha/library", "eha:999", ("ChiCTR2000034762",), "2099-06-12", ("S240", "Cellular therapy"), True),
    "eha-library-older": (
        "eha/library-older", "eha:998", ("NCT04984356",), "2098", ("PF123", "Cellular therapy"), False),
    "eha-lww": (
        "eha/lww", "eha:10.1097/01.hs9.0000000000.00000.01", ("NCT04984356",), "2099-08-08", ("P1389", None), False),
    "eha-wiley": ("eha/wiley", "eha:10.1002/hem3.00001", ("NCT04984356",), "2099-06-14", (None, None), True),
}  # fmt: skip
DRIFTS = sorted(path.name.removesuffix(".html") for path in PAGES.glob("drift-*.html"))


def read(name: str) -> Record:
    return parse_page((PAGES / f"{name}.html").read_bytes())


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_read_whole(name: str) -> None:
    layout, key, trials, date, (number, session), places = LAYOUTS[name]
    record = read(name)
    assert (record.id, record.extra[LAYOUT], record.registry_ids, record.date) == (key, layout, trials, date)
    assert record.title.endswith("A made-up trial of donor CAR T cells")
    assert "Made up" in record.abstract or "made-up" in record.abstract
    assert (record.authors[0].family, record.authors[0].given) == ("Zhang", "Min")
    assert (record.extra.get("abstract_number"), record.extra.get("session")) == (number, session)
    assert any(author.affiliation for author in record.authors) is places
    if places:
        assert record.authors[0].affiliation.startswith("A Hospital, Somewhere")
        assert "Intr. by" not in record.authors[0].affiliation
    assert record.publication_types == ("Meeting Abstract",)
    assert record.url.startswith("https://")


def test_there_is_a_page_of_every_layout_and_a_drift_of_every_page() -> None:
    layouts = {layout.name for society in SOCIETIES.values() for layout in society.layouts}
    assert {layout for layout, *_ in LAYOUTS.values()} == layouts
    assert {path.stem for path in PAGES.glob("*.html") if not path.stem.startswith("drift-")} == set(LAYOUTS)
    assert {name.removeprefix("drift-").split(".")[0] for name in DRIFTS} == set(LAYOUTS)


@pytest.mark.parametrize("name", DRIFTS)
def test_drift_is_an_error_that_names_page_and_field(name: str) -> None:
    base, field = name.removeprefix("drift-").split(".")
    with pytest.raises(DriftError) as caught:
        read(name)
    words = str(caught.value)
    assert "\n" not in words
    assert f"has no {field}" in words
    assert LAYOUTS[base][0] in words
    assert words.startswith("https://")


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_fixture_says_that_it_is_synthetic(name: str) -> None:
    assert "synthetic: made up for tests" in (PAGES / f"{name}.html").read_text("utf-8")


@pytest.mark.parametrize("body", [CHALLENGE, UNUSUAL_TRAFFIC])
def test_a_challenge_is_blocked_and_says_what_to_do(body: bytes) -> None:
    with pytest.raises(BlockedError, match=r"blocked.*browser.*import"):
        parse_page(body)


@pytest.mark.parametrize("host", ["ashpublications.org", "ashpublications.com", "www.ashpublications.net"])
def test_mirrors_are_the_same_page(host: str) -> None:
    page = (PAGES / "ash-silverchair-newer.html").read_text("utf-8").replace("ashpublications.net", host)
    assert parse_page(page.encode()).id == "ash:10.1182/blood-2099-000002"


@pytest.mark.parametrize(
    ("doi", "society"),
    [
        ("10.1182/blood-2021-149999", "ash"),
        ("10.1182/blood.2025028387", ""),  # an article of Blood
        ("10.1200/jco.2023.41.16_suppl.e13545", "asco"),
        ("10.1200/jco.21.00389", ""),  # an article of JCO
        ("10.1097/01.hs9.0000972444.78727.01", "eha"),
        ("10.1016/j.x.2020.01.001", ""),
    ],
)
def test_the_society_of_a_doi(doi: str, society: str) -> None:
    assert society_of(doi) == society


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(LAYOUTS)), st.data())
def test_a_page_cut_anywhere_is_read_or_refused_by_name(name: str, data: st.DataObject) -> None:
    """Never an empty record, and never an exception that is not ours."""
    body = (PAGES / f"{name}.html").read_bytes()
    cut = data.draw(st.integers(0, len(body)))
    try:
        record = parse_page(body[:cut])
    except ReviewError:
        return
    assert record.title
    assert record.abstract
    assert record.native_id


def test_a_page_whose_encoding_is_no_name_is_read() -> None:
    body = (PAGES / "ash-silverchair.html").read_bytes()
    assert b'charset="utf-8"' in body
    assert parse_page(body.replace(b'charset="utf-8"', b'charset="u\x0btf-8"')) == parse_page(body)


def test_an_address_of_several_lines_makes_no_error_of_several_lines() -> None:
    body = (PAGES / "drift-ash-silverchair.title.html").read_bytes()
    broken = body.replace(b"https://ashpublications.org/", b"https://ashpublications.org/\n\x1b[2J")
    assert broken != body
    with pytest.raises(DriftError) as failure:
        parse_page(broken)
    assert str(failure.value).isprintable()
