"""What must hold of the rules whatever the records: symmetry, identifiers, the prefilter; on made and on real pairs."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.dedupe import find_duplicates
from curation.recordtable import read_records
from curation.rules import TITLE_ALIKE, judge, may_match_otherwise
from curation.similarity import THRESHOLDS, Comparison, Described, compare, describe, veto
from db.model import Author, Duplicate, Record

BASE = Record(
    "made",
    "1",
    title="Eculizumab for atypical hemolytic uremic syndrome in kidney transplant recipients",
    authors=(Author("Le Quintrec", "Moglie"), Author("Zuber", "Julien"), Author("Noel", "Laure-Helene")),
    year=2009,
    journal="American Journal of Transplantation",
    volume="9",
    issue="6",
    pages="1223-1229",
    doi="10.1111/j.1600-6143.2009.02586.x",
    pmid="19422338",
)
# Each field's other printings, some of the same publication and some of another one.
PRINTINGS = {
    "title": (
        BASE.title,
        "",
        "Eculizumab for atypical hemolytic uremic syndrome",
        "[Eculizumab for atypical haemolytic uraemic syndrome in kidney transplant recipients]. [French]",
        "Eculizumab for atypical hemolytic uremic syndrome in liver transplant recipients",
        f"Erratum: {BASE.title}",
        f"{BASE.title} (vol 9, pg 1223, 2009)",
        f"{BASE.title} - Reply",
        "Introduction to the minitrack on kidney transplants",
        "Editorial",
    ),
    "authors": (
        BASE.authors,
        (),
        BASE.authors[:1],
        (Author("Quintrec", "M"), Author("Zuber", "J"), Author("Thervet", "E")),
        (Author("Zuber", "J"), Author("Quintrec", "M L")),
        (Author("Julien", "Zuber"),),
        (Author("Smith", "A"), Author("Jones", "B")),
    ),
    "year": (2009, 2008, 2012, None),
    "journal": (
        BASE.journal,
        "",
        "Am J Transplant",
        "American Journal of Transplantation.Conference: 9th Joint Meeting of Transplantation",
        "Blood",
        "medRxiv",
        "Cochrane Database Syst Rev",
    ),
    "volume": ("9", "", "2009", "1", "12"),
    "issue": ("6", "", "Jun", "Suppl 1", "S1", "9"),
    "pages": ("1223-1229", "", "1223-9", "1223", "S1223", "1-7", "1225-1229", "1323-9", "e1223", "6", "45"),
    "doi": (
        BASE.doi,
        "",
        "10.1111/j.1600-6143.2009.02568.x",
        "10.1111/j.1600-6143.2009.02586.x/full",
        "10.1101/2009.01.01.123456v1",
        "10.1101/2009.01.01.123456v2",
        "10.1002/14651858.cd002273.pub2",
        "10.1002/14651858.cd002273.pub3",
        "10.1002/14651858.cd002273",
    ),
    "pmid": (BASE.pmid, "", "19422339", "19422338.2"),
    "registry_ids": ((), ("NCT00844545",), ("NCT00844428",), ("NCT00844545", "NCT00844428")),
    "publication_types": ((), ("Journal Article",), ("Meeting Abstract",), ("Published Erratum",), ("Registry entry",)),
}
CHANGES = st.fixed_dictionaries({}, optional={name: st.sampled_from(forms) for name, forms in PRINTINGS.items()})


def said(duplicate: Duplicate | None) -> tuple[bool, float, list[str]] | None:
    return duplicate and (duplicate.certain, duplicate.score, sorted(duplicate.evidence))


def check(one: Described, other: Described) -> Duplicate | None:
    """The verdict, held to all that must be true of every pair."""
    pair = compare(one, other)
    verdict = judge(pair)
    assert said(verdict) == said(judge(compare(other, one))), "not symmetric"
    assert (veto(one, other) == "") == (veto(other, one) == "")
    if verdict is None:
        return None
    assert verdict.evidence
    assert all(verdict.evidence)
    if pair.title is None or pair.title < TITLE_ALIKE:
        assert may_match_otherwise(one, other), "the prefilter hides it"
        assert may_match_otherwise(other, one)
    if verdict.certain:
        assert pair.pmid is not False, "two PMIDs"
        assert pair.pmid or pair.doi is not False, "two DOIs"
        assert pair.pmid or pair.doi or pair.trials is not False, "two trials"
    return verdict


@settings(max_examples=400)
@given(CHANGES, CHANGES)
def test_made_pairs(ours: dict[str, object], theirs: dict[str, object]) -> None:
    one, other = replace(BASE, **ours), replace(BASE, native_id="2", **theirs)  # type: ignore[arg-type]
    check(describe(one), describe(other))


@given(CHANGES)
def test_a_record_with_an_identifier_is_its_own_duplicate(changes: dict[str, object]) -> None:
    one = replace(BASE, **changes)  # type: ignore[arg-type]
    verdict = check(describe(one), describe(replace(one, native_id="2")))
    if one.doi or one.pmid:
        if one.publication_types == ("Registry entry",) and not one.registry_ids:
            assert verdict is None
        else:
            assert verdict is not None
            assert verdict.certain


@pytest.mark.parametrize("name", ["cytology_screening", "haematology", "stroke", "diabetes", "special_cases"])
def test_real_pairs(shared: Path, name: str) -> None:
    """All duplicates found, and every 41st pair of all, so that the prefilter is held to unlike titles too."""
    records = read_records(shared / "data" / "dedup" / f"{name}_records.csv")[:700]
    described = {record.id: describe(record) for record in records}
    pairs = [(pair.same_as, pair.record) for pair in find_duplicates(records)]
    pairs += [pair for number, pair in enumerate(combinations(described, 2)) if number % 41 == 0]
    assert sum(check(described[one], described[other]) is not None for one, other in pairs) > 0


def test_a_threshold_is_a_parameter_of_the_comparison() -> None:
    one, other = (
        describe(BASE),
        describe(replace(BASE, native_id="2", doi="", pmid="", pages="", title=BASE.title[:-3])),
    )
    pair = compare(one, other)
    verdicts = [judge(Comparison(one, other, pair.title, replace(THRESHOLDS, title_same=same))) for same in (96, 100)]
    assert [verdict.certain for verdict in verdicts if verdict] == [True, False]
