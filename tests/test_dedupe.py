"""Records → reports: what merges, what is asked, what stays apart; the cases are the field's known hard ones."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.clusters import clusters, unsettled
from curation.dedupe import find_duplicates
from db.model import Author, Duplicate, Record

AUTHORS = (Author("Adeli", "K"), Author("Lewis", "G F"), Author("O'Neill", "H"))
ARTICLE = Record(
    source="pubmed",
    native_id="1",
    title="Intestinal lipoprotein overproduction in insulin-resistant states",
    authors=AUTHORS,
    year=2008,
    journal="Current Opinion in Lipidology",
    volume="19",
    issue="3",
    pages="221-8",
    doi="10.1097/mol.0b013e3282ffaf82",
)


def twin(native_id: str = "2", **changes: Any) -> Record:
    """ARTICLE as another source has it."""
    return replace(ARTICLE, source="crossref", native_id=native_id, **changes)


def certainty(one: Record, other: Record) -> bool | None:
    """True: merged. False: proposed. None: nothing found. The order of the two does not matter."""
    forward, backward = find_duplicates([one, other]), find_duplicates([other, one])
    assert [pair.certain for pair in forward] == [pair.certain for pair in backward]
    assert all(pair.evidence and all(pair.evidence) for pair in forward)
    return forward[0].certain if forward else None


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "INTESTINAL LIPOPROTEIN OVERPRODUCTION IN INSULIN-RESISTANT STATES."},
        {"title": "", "authors": (), "journal": "", "volume": "", "pages": "", "year": None},
        {"doi": "", "journal": "Curr Opin Lipidol", "pages": "221-228"},
        {"doi": "", "volume": "", "issue": "", "pages": "", "journal": ""},
        {"doi": "", "volume": "", "issue": "", "pages": "1-8", "year": 2007},  # ahead of print
        {"doi": "", "title": ""},  # the place and the people
        {"doi": "", "title": "Übermäßige Bildung von Lipoproteinen im Darm"},  # translated
        {"doi": "", "authors": (Author("Group", "Lipid Study"),)},
        {"doi": "", "authors": ()},
        {"doi": "", "title": "Intestinal lipoprotein overproduction"},  # the subtitle is missing
        {"doi": "", "authors": (Author("K", "Adeli"), Author("G F", "Lewis"), Author("Oneill", "Hayley"))},
        {"pmid": "18460913"},
        {"title": "Intestinal lipoprotein overproduction in ... (title truncated in URL)", "authors": (), "pages": ""},
    ],
)
def test_one_publication_merges(changes: dict[str, Any]) -> None:
    assert certainty(ARTICLE, twin(**changes)) is True


@pytest.mark.parametrize(
    "changes",
    [
        {"title": f"Erratum: {ARTICLE.title}", "doi": ""},
        {"title": f"Erratum to: {ARTICLE.title}"},  # even under the article's own DOI
        {"title": f"Correction to {ARTICLE.title}", "pages": "300", "doi": ""},
        {"title": f"{ARTICLE.title} - Reply", "doi": "", "pages": "228"},
        {"title": f"Retraction notice to: {ARTICLE.title}", "doi": ""},
        {"publication_types": ("Published Erratum",), "doi": ""},
        {"publication_types": ("Retraction of Publication",), "doi": ""},
        {"journal": "medRxiv", "doi": "10.1101/2007.01.02.21249999", "volume": "", "pages": ""},
        {"registry_ids": ("NCT04004637",), "doi": ""},
        {"pages": "900-9", "volume": "20", "doi": ""},
        {"year": 2012, "volume": "23", "pages": "", "doi": ""},
        {"title": "Something else about the kidney", "authors": (Author("Attili", "V"),), "pages": "7"},  # DOI mistyped
    ],
)
def test_two_publications_stay_apart(changes: dict[str, Any]) -> None:
    article = replace(ARTICLE, registry_ids=("NCT04984356",))
    assert certainty(article, twin(**{"registry_ids": ("NCT04984356",), **changes})) is None


@pytest.mark.parametrize(
    ("changes", "against"),
    [
        ({"doi": "10.1097/mol.0b013e3282ffaf83"}, "different DOIs"),
        ({"doi": "", "pages": "S51", "issue": ""}, "different pages"),
        ({"doi": "", "year": 2010}, "2 years apart"),
        ({"doi": "", "year": 2007, "journal": "", "volume": "", "pages": ""}, ""),
        ({"doi": "", "journal": "Workshop on Lipids", "volume": "", "issue": "", "pages": ""}, ""),
    ],
)
def test_a_doubt_is_put_before_people(changes: dict[str, Any], against: str) -> None:
    (pair,) = find_duplicates([ARTICLE, twin(**changes)])
    assert not pair.certain
    assert against in (*pair.evidence, "")


def test_an_abstract_and_its_paper_are_two_reports() -> None:
    abstract = twin(publication_types=("Meeting Abstract",), doi="", volume="18", pages="S3", year=2007)
    paper = replace(ARTICLE, publication_types=("Preprint",))
    assert certainty(ARTICLE, abstract) is None
    assert certainty(abstract, paper) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Diagnosis of carcinoma. Part I: cytology in use", "Diagnosis of carcinoma. Part II: cytology in use"),
        ("Association of Systems Volume 52 Paper 41 in full", "Association of Systems Volume 52 Paper 45 in full"),
    ],
)
def test_parts_of_a_series_are_not_one(one: str, other: str) -> None:
    first = twin("1", title=one, doi="", pages="", issue="")
    assert certainty(first, twin("2", title=other, doi="", pages="", issue="")) is None
    assert certainty(first, twin("2", title=one, doi="", pages="", issue="")) is True


def test_editorials_of_one_title_are_not_one() -> None:
    title = "Remarks from the editor of the journal"
    spring = twin("1", title=title, doi="", pages="", issue="1")
    assert certainty(spring, twin("2", title=title, doi="", pages="", issue="2")) is False
    assert certainty(spring, twin("2", title=title, doi="", pages="", issue="1", year=2010, volume="21")) is None
    short = twin("1", title="Editorial", doi="", pages="", issue="")
    assert certainty(short, twin("2", title="Editorial", doi="", pages="", issue="")) is None


def test_versions_of_a_cochrane_review_merge_only_within_a_year() -> None:
    """A named pair of BibDedupe's says that pub2 (2004) and pub3 (2005) are one; an update after years is not."""

    def version(number: int, year: int) -> Record:
        doi = f"10.1002/14651858.cd002273.pub{number}"
        return twin(str(number), doi=doi, volume="", issue=str(number), pages="CD002273", year=year)

    assert certainty(version(2, 2004), version(3, 2005)) is True
    assert certainty(version(2, 2004), version(3, 2008)) is False
    assert certainty(version(2, 2004), replace(version(3, 2005), title="Another title for the same review")) is None


def test_versions_of_one_pmid_are_one() -> None:
    assert certainty(twin("1", pmid="20029614", doi=""), twin("2", pmid="20029614.2", doi="")) is True


def test_different_trials_in_a_register_are_not_one() -> None:
    entry = Record(
        "ctgov", "NCT01", title="Open label trial in adults with the disease", publication_types=("Registry entry",)
    )
    assert certainty(entry, replace(entry, native_id="NCT02")) is None


def test_evidence_says_what_agrees() -> None:
    (exact,) = find_duplicates([ARTICLE, twin()])
    assert exact.evidence == ("same DOI 10.1097/mol.0b013e3282ffaf82",)
    (alike,) = find_duplicates([ARTICLE, twin(doi="")])
    assert alike.evidence == ("titles 100 % alike, same first author, same journal, volume, pages and year",)
    assert (alike.record, alike.same_as) == ("crossref:2", "pubmed:1")


def test_records_without_anything_match_nothing() -> None:
    assert find_duplicates([Record("a", str(n)) for n in range(5)]) == []
    assert find_duplicates([]) == []


def test_only_pairs_with_a_new_record_are_compared() -> None:
    records = [ARTICLE, twin("2"), twin("3", issue="")]
    found = find_duplicates(records, new=frozenset({"crossref:3"}))
    assert {(pair.record, pair.same_as) for pair in found} == {("crossref:3", "pubmed:1"), ("crossref:3", "crossref:2")}
    assert find_duplicates(records, new=frozenset()) == []


def test_progress_ends_at_the_total() -> None:
    calls: list[tuple[int, int]] = []
    find_duplicates([ARTICLE, twin()], progress=lambda done, total: calls.append((done, total)))
    assert calls[0][0] == 0
    assert calls[-1] == (1, 1)


def test_a_pair_is_found_in_a_large_block() -> None:
    crowd = [
        twin(str(n), title=f"{'abcdefghij'[n % 10] * 7} {n} distinct words about matter", doi="", pages="", volume="")
        for n in range(200)
    ]
    misprinted = "Intestinal lipoprotain overpreduction in insulin-resistent states"  # no key of the title meets
    bare = {"doi": "", "pages": "", "volume": ""}
    records = [*crowd[:100], twin("a", **bare), *crowd[100:], twin("b", title=misprinted, **bare)]
    assert ("crossref:b", "crossref:a") in {(d.record, d.same_as) for d in find_duplicates(records)}


def test_the_kept_record_is_the_first() -> None:
    records = [twin("3"), ARTICLE, twin("2"), Record("x", "9", title="Another thing")]
    assert clusters(records, find_duplicates(records)) == {
        "crossref:3": "crossref:3",
        "pubmed:1": "crossref:3",
        "crossref:2": "crossref:3",
        "x:9": "x:9",
    }


def test_no_chain_joins_records_that_contradict() -> None:
    """b lacks what would tell a from c; a and c differ in DOI, volume and pages."""
    a = twin("a", doi="10.1/a", volume="19", pages="221-8")
    b = twin("b", doi="", volume="", pages="", issue="")
    c = twin("c", doi="10.1/c", volume="20", pages="300-9")
    pairs = [
        Duplicate("crossref:b", "crossref:a", ("alike",), True, 0.9),
        Duplicate("crossref:c", "crossref:b", ("alike",), True, 0.8),
    ]
    kept = clusters([a, b, c], pairs)
    assert kept == {"crossref:a": "crossref:a", "crossref:b": "crossref:a", "crossref:c": "crossref:c"}
    assert unsettled(pairs, kept) == [pairs[1]]


@given(st.permutations(range(4)), st.integers(0, 3))
def test_clusters_do_not_depend_on_the_order_of_pairs(order: list[int], same: int) -> None:
    records = [twin(str(n), doi=f"10.1/{n % (same + 1)}", pages=str(100 + n % (same + 1))) for n in range(4)]
    pairs = [
        Duplicate(f"crossref:{b}", f"crossref:{a}", ("alike",), True, 0.9)
        for a, b in permutations(range(4), 2)
        if a < b
    ]
    assert clusters(records, [pairs[n] for n in order] + pairs) == clusters(records, pairs)


def test_proposed_pairs_never_merge_by_themselves() -> None:
    records = [ARTICLE, twin(doi="", pages="S51", issue="")]
    pairs = find_duplicates(records)
    kept = clusters(records, pairs)
    assert len(set(kept.values())) == 2
    assert unsettled(pairs, kept) == pairs
