"""The richest record: the best form of each field, where it is from, and what contradicts."""

from __future__ import annotations

from dataclasses import fields, replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.kept import PLACE, UNITED, richest
from db.model import Author, Notice, Record
from tests.made_up import records

BARE = Record("pubmed", "1", title="A title of an article")


def other(**changes: Any) -> Record:
    return replace(BARE, source="crossref", **changes)


@pytest.mark.parametrize(
    ("field", "poor", "rich"),
    [
        ("title", "INFUSION OF CELLS IN ADULTS WITH DISEASE", "Infusion of cells in adults"),
        ("title", "Infusion of cells in adults …", "Infusion of cells"),
        ("title", "Infusion of cells", "Infusion of cells: a trial"),
        ("title", "Infusion of cells", "RETRACTED: Infusion of cells"),
        ("abstract", "A text that is long, and was cut after two hundred and fifty words...", "A text, whole."),
        ("abstract", "A long text. (ABSTRACT TRUNCATED AT 250 WORDS)", "A text."),
        ("abstract", "A text.", "A text, and more of it."),
        ("authors", (Author("Li", "S"),), (Author("Li", "S"), Author("Hu", "Y"))),
        ("authors", (Author("Li", "S"), Author("et al")), (Author("Li", "Shiqi"),)),
        ("authors", (Author("Li", "SQ"), Author("Hu", "Y")), (Author("Li", "Shiqi"), Author("Hu", "Yong"))),
        ("authors", (Author("Li", "S"),), (Author("Li", "S", affiliation="A hospital"),)),
        ("pages", "221", "221-8"),
        ("doi", "doi of it", "10.1000/x"),
        ("pmid", "PMC12", "37314354"),
        ("journal", "Curr Opin Lipidol", "Current Opinion in Lipidology"),
        ("language", "", "eng"),
        ("url", "", "https://example.org/1"),
    ],
)
def test_the_better_form_of_a_field_wins_whoever_prints_it(field: str, poor: Any, rich: Any) -> None:
    one, two = replace(BARE, **{field: poor}), other(**{field: rich})
    for pair in ([one, two], [two, one]):
        kept = richest(pair)
        assert (getattr(kept.record, field), kept.origin[field]) == (rich, ("crossref:1",))
    assert getattr(richest([replace(BARE, **{field: rich}), other(**{field: poor})]).record, field) == rich


def test_what_is_listed_is_united() -> None:
    retracted, corrected = Notice("RetractionIn", "1"), Notice("ErratumIn", "2")
    kept = richest([
        replace(BARE, registry_ids=("NCT00000002",), notices=(retracted,), publication_types=("Journal Article",)),
        other(registry_ids=("ChiCTR1", "NCT00000002"), notices=(retracted, corrected)),
    ])  # fmt: skip
    assert kept.record.registry_ids == ("ChiCTR1", "NCT00000002")
    assert set(kept.record.notices) == {retracted, corrected}
    assert set(kept.origin["registry_ids"]) == {"crossref:1", "pubmed:1"}
    assert kept.contradicting == {}


def test_places_that_contradict_are_never_mixed_and_are_named() -> None:
    one = replace(BARE, journal="Blood", year=2019, volume="12", issue="9", pages="100", doi="10.1/a")
    two = other(journal="Blood", year=2020, volume="13", pages="300-9", doi="10.1/b")
    kept = richest([one, two])
    assert [getattr(kept.record, name) for name in PLACE] == ["Blood", 2020, "", "13", "", "300-9"]
    assert set(kept.contradicting) == {"doi", "year", "volume", "pages"}
    assert set(kept.contradicting["volume"]) == {("pubmed:1", "12"), ("crossref:1", "13")}
    filled = richest([replace(one, year=None, doi=""), other(journal="Blood", year=2019, volume="12", pages="100-110")])
    assert (filled.record.pages, filled.record.year) == ("100-110", 2019)
    assert filled.contradicting == {}


def test_a_databases_record_goes_before_a_registers() -> None:
    entry = Record(
        "ctgov", "NCT00000001", title="A title of an article", publication_types=("Registry entry",), url="u",
        year=2018, date="2018", abstract="of the register", language="eng",
    )  # fmt: skip
    assert richest([entry, BARE]).record.id == "pubmed:1"
    assert richest([entry, BARE]).record.abstract == "of the register"


def test_a_composed_record_makes_the_whole_composed() -> None:
    assert richest([BARE, other(composed="made up", abstract="x")]).record.composed == "made up"


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_every_field_is_one_that_a_record_prints_in_whatever_order(seed: int, size: int) -> None:
    found = records(seed, size)
    kept = richest(found, "embase:x")
    Random(seed).shuffle(found)
    assert richest(found, "embase:x") == kept
    assert kept.record.id == "embase:x"
    by_id = {record.id: record for record in found}
    for field in fields(Record):
        value = getattr(kept.record, field.name)
        if field.name in ("source", "native_id", "composed", "extra"):
            continue
        if field.name in UNITED:
            assert set(value) == {one for record in found for one in getattr(record, field.name)}
            continue
        if value:
            (origin,) = kept.origin[field.name]
            assert getattr(by_id[origin], field.name) == value
        elif field.name not in PLACE:
            assert not any(getattr(record, field.name) for record in found)
    for name, printed in kept.contradicting.items():
        assert len({value for _, value in printed}) > 1, name
