"""Normal forms: what two sources print of one publication meets, what differs stays apart."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from curation.journals import journals_agree
from curation.normalise import (
    fold,
    name,
    numerals,
    pages,
    pages_agree,
    same_person,
    title_forms,
    volume,
)
from db.model import Author


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("<i>CD19</i> &amp; IL-6 in CLL", "CD19 IL 6 in cll"),
        ("Étude de la TNF-α", "etude de la tnf alpha"),
        ("p<0.05 in O’Neill's trial", "P 0 05 in ONeills trial"),
        ("Łódź Straße", "lodz strasse"),
        ("플랫폼 노동시장", "플랫폼 노동시장"),
    ],
)
def test_fold_meets(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@example("𝚨")
@given(st.text(max_size=60))
def test_fold_is_idempotent_and_holds_only_words(text: str) -> None:
    once = fold(text)
    assert fold(once) == once
    assert once == " ".join(once.split())


@pytest.mark.parametrize(
    ("printed", "title", "other"),
    [
        ("Effect of batroxobin. [Chinese]", "effect of batroxobin", ""),
        ("Update on diagnosis. [Review] [33 refs]", "update on diagnosis", ""),
        ("[Impact of deficit on survival].", "impact of deficit on survival", ""),
        ("Wirkung der Arznei [Effect of the drug]", "wirkung der arznei", "effect of the drug"),
        ("RETRACTED ARTICLE: A trial of it", "a trial of it", ""),
        ("Retraction: A trial of it", "retraction a trial of it", ""),
        ("P1389: A novel therapy", "a novel therapy", ""),
        ("Severity.[Erratum appears in Brain Inj. 2011]", "severity", ""),
        (
            "Donor-derived cells for pediatric and ... (title truncated in URL)",
            "donor derived cells for pediatric and",
            "",
        ),
        ("UNKNOWN", "", ""),
    ],
)
def test_title_forms(printed: str, title: str, other: str) -> None:
    assert title_forms(printed) == (title, other)


def test_the_vernacular_title_is_the_second_form() -> None:
    assert title_forms("[Effect of it].", "Wirkung davon") == ("effect of it", "wirkung davon")


def test_numerals_tell_the_parts_of_a_series() -> None:
    assert numerals("pain part i methods") != numerals("pain part ii methods")
    assert numerals("a phase ii trial") == numerals("a phase 2 trial")
    assert numerals("vitamin c i v infusion") == frozenset()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Author("Le Quintrec", "M"), Author("Quintrec", "Moglie")),
        (Author("De", "Vriese A."), Author("Vriese", "A")),
        (Author("Müller", "K-H"), Author("Muller", "K H")),
        (Author("Zhang", "Xian"), Author("Xian", "Zhang")),  # order swapped
        (Author("Weiliang", "Song"), Author("Song", "W")),
        (Author("Smith Jr", "J"), Author("Smith", "John")),
        (Author("李", "明"), Author("李", "明")),
    ],
)
def test_same_person(one: Author, other: Author) -> None:
    assert same_person(name(one), name(other))
    assert same_person(name(other), name(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Author("Zhang", "X"), Author("Zhang", "Y")),
        (Author("Tan", "Y"), Author("Pan", "J")),
        (Author("Van", "Y"), Author("Le", "Y")),  # a particle may be the whole family name
    ],
)
def test_other_person(one: Author, other: Author) -> None:
    assert not same_person(name(one), name(other))


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        ("123-8", "123-128", True),
        ("123–128", "123 -- 128", True),
        ("e0143396", "e143396", True),
        ("S69-S70", "69-70", True),
        ("S221-8", "S221-S228", True),
        ("123", "123-128", True),
        ("123-8", "e1234", None),  # an article number and a range cannot be compared
        ("1-17", "566-582", None),  # ahead of print
        ("488", "487-488", None),
        ("", "123", None),
        ("Suppl", "12", None),
        ("125-128", "2-8", False),
        ("123-8", "223-8", False),
    ],
)
def test_pages(one: str, other: str, agree: bool | None) -> None:
    assert pages_agree(pages(one), pages(other)) is agree
    assert pages_agree(pages(other), pages(one)) is agree


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        ("Am J Hematol", "American Journal of Hematology", True),
        ("PNAS", "Proceedings of the National Academy of Sciences", True),
        ("JAMA", "Journal of the American Medical Association", True),
        ("Curr Pharm Des", "Current Pharmaceutical Design", True),
        ("Clinical cancer research : an official journal", "Clinical Cancer Research", True),
        ("Conference on Information Systems, CIS 2018", "Conference on Information Systems", True),
        ("51st Annual Hawaii Conference on System Sciences", "Hawaii Conference on System Sciences", True),
        ("Pediatric Nephrology.Conference: 44th Annual Meeting", "Pediatric Nephrology", True),
        ("Cancer", "Cancer Research", False),
        ("Journal of Digital Studies", "Workshop of Digital Studies", False),
        ("", "Blood", None),
    ],
)  # fmt: skip
def test_journals(one: str, other: str, agree: bool | None) -> None:
    assert journals_agree(one, other) is agree
    assert journals_agree(other, one) is agree


def test_volume() -> None:
    assert [volume(text) for text in ("4 (1) (no pagination)", "Vol. 012", "", "1)")] == ["4", "12", "", ""]
