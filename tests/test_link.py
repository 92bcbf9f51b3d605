"""Reports → studies, on the real reports of one field (bibliographic facts: registers, DOIs, author lists, counts)."""

from __future__ import annotations

import pytest

from curation.link import PROPOSE_FROM, Linker, StudyProfile, propose_links
from curation.samplesize import patients_in
from db.model import Author, Link, Record


def people(names: str) -> tuple[Author, ...]:
    """ "Tan Y, Shan L" as PubMed prints authors."""
    return tuple(Author(*name.rsplit(" ", 1)) for name in names.split(", ") if name)


def report(
    key: str, title: str, authors: str = "", ids: str = "", n: int | None = None, year: int = 2023, abstract: str = ""
) -> Record:
    text = f"{abstract} {n} patients were infused." if n else abstract
    return Record("test", key, title, text, people(authors), year, registry_ids=tuple(ids.split()))


def study(first: Record, patients: int | None, ids: str = "") -> StudyProfile:
    trials = tuple(ids.split()) or first.registry_ids
    return StudyProfile(f"study:{first.native_id}", first.title, trials, (first,), patients)


ZHANG_M = "Zhang M, Chen D, Fu X, Meng H, Nan F, Sun Z"
HU = "Hu Y, Zhou Y, Zhang M, Zhao H, Wei G, Ge W"
ZHANG_X_UNIVERSAL = "Zhang X, Zhou Y, Yang J, Li J, Qiu L, Ge W"
ZHANG_X_60 = "Zhang X, Yang J, Li J, Qiu L, Zhang J, Lu Y"
ZHANG_X_MPAL = "Zhang X, Yang J, Li J, Qiu L, Lu P"
TAN_PHASE_2 = "Tan Y, Pan J, Deng B, Ling Z, Weiliang S, Tian Z"
TAN_FOLLOW_UP = "Tan Y, Shan L, Zhao L, Deng B, Ling Z, Zhang Y"
PAN = "Pan J, Tan Y, Wang G, Deng B, Ling Z, Song W"
GHOBADI = "Ghobadi A, Aldoss I, Maude SL, Bhojwani D, Wayne AS, Bajel A"

STUDIES = (
    study(report("ghobadi-2023", "Phase 1/2 study of WU-CART-007", GHOBADI, "NCT04984356", 18), 18),
    study(report("tan-2022", "Donor-derived cells: interim analysis", TAN_PHASE_2, "NCT04689659", 20, 2022), 20),
    study(report("tan-2023", "Long-term follow-up of donor-derived cells", TAN_FOLLOW_UP, "ChiCTR2000034762", 20), 20),
    study(report("hu-2022", "Allogeneic cells RD13-01: a phase I study", HU, "NCT04538599", 12, 2022), 12),
    study(report("zhang-x-60", "Analysis of 60 patients", ZHANG_X_60, "NCT04572308 NCT04916860", 60), 60),
    study(report("zhang-x-mpal", "A novel therapy of mixed phenotype", ZHANG_X_MPAL, "NCT04938115", 11), 11),
    study(report("zhang-x-universal", "A novel universal therapy", ZHANG_X_UNIVERSAL, "NCT04620655", 10, 2022), 10),
    study(report("zhang-m-2022", "Autologous nanobody-derived cells", ZHANG_M, "NCT04004637", 8, 2022), 8),
)  # fmt: skip
PRODUCTS = ("WU-CART-007", "RD13-01")
LINKER = Linker(STUDIES, PRODUCTS)


def states(links: list[Link]) -> dict[str, str]:
    return {link.study.removeprefix("study:"): link.state for link in links}


def test_a_later_report_of_the_trial_is_linked_without_knowing_its_authors() -> None:
    links = LINKER.propose(report("ghobadi-2025", "Trial of allogeneic WU-CART-007", "", "NCT04984356", 28, 2025))
    assert states(links) == {"ghobadi-2023": "linked"}
    assert links[0].evidence == (
        "same trial NCT04984356",
        "same product: WU-CART-007",
        "titles alike (0.89)",
        "patients grew from 18 to 28",
    )
    assert links[0].evidence == tuple(words for _, words in links[0].weighed)
    assert links[0].score == pytest.approx(sum(weight for weight, _ in links[0].weighed), abs=0.001)


def test_the_final_report_of_a_phase_2_trial_is_linked() -> None:
    links = LINKER.propose(report("phase2-2025", "Donor-derived cells: phase 2 studies", "", "NCT04689659", 55, 2025))
    assert states(links) == {"tan-2022": "linked"}


def test_a_report_without_a_number_is_proposed_by_its_authors() -> None:
    links = LINKER.propose(report("pan-2021", "First-in-human, phase I trial", PAN, "", 20, 2021))
    assert states(links) == {"tan-2022": "proposed", "tan-2023": "proposed"}
    assert any("of 6 authors shared: Deng B, Ling Z, Pan J, Tan Y" in text for text in links[0].evidence)
    assert "20 patients in both" in links[1].evidence


def test_a_shared_number_of_another_group_is_only_proposed() -> None:
    links = LINKER.propose(
        report(
            "nejm-2024", "Sequential therapy and transplantation", "", "NCT04538599 NCT04599556 NCT05716113", 10, 2024
        )
    )
    assert states(links) == {"hu-2022": "proposed"}
    assert links[0].evidence[0] == "shares trial NCT04538599; trials of the report 3, of the study 1"
    assert "fewer patients: 10 after 12" in links[0].evidence


def test_a_pooled_report_is_proposed_for_each_study_and_fused_with_none() -> None:
    pooled = report(
        "pooled-2025",
        "A large cohort study of five clinical trials",
        "Zhang X",
        "NCT04572308 NCT04916860 NCT04928105 NCT04938115 NCT05626400",
        334,
        2025,
    )
    links = LINKER.propose(pooled)
    assert states(links) == {"zhang-x-60": "proposed", "zhang-x-mpal": "proposed"}
    assert all("it speaks of several trials or studies" in link.evidence for link in links)


@pytest.mark.parametrize("of", STUDIES, ids=lambda study: study.id)
def test_studies_of_one_group_are_not_linked_by_their_authors(of: StudyProfile) -> None:
    others = Linker([study for study in STUDIES if study is not of], PRODUCTS)
    assert [link for link in others.propose(of.reports[0]) if link.state == "linked"] == []
    anonymous = Linker(STUDIES, PRODUCTS).propose(report("later", "A later report", "", of.registry_ids[0]))
    assert states(anonymous)[of.id.removeprefix("study:")] == ("linked" if len(of.registry_ids) == 1 else "proposed")


def test_one_author_of_a_common_name_is_no_evidence() -> None:
    assert LINKER.propose(report("x", "A novel report", "Zhang X, Wu A, Ma B, Xu C")) == []
    assert LINKER.propose(report("x", "A novel report", "Zhang, Li, Yang, Qiu")) == []  # no initials


def test_the_order_of_names_does_not_matter() -> None:
    swapped = tuple(
        Author(author.given, author.family) for author in people("Tan Yue, Pan Jing, Deng Biping, Ling Zhuo")
    )
    links = LINKER.propose(Record("test", "s", "Donor cells in twenty patients", authors=swapped))
    assert "tan-2022" in states(links)


@pytest.mark.parametrize(
    ("ids", "n", "year", "title", "authors"),
    [
        ("NCT04984356", 5, 2025, "WU-CART-007 again", ""),  # fewer patients later
        ("NCT04984356", 28, 2025, "Pooled analysis of WU-CART-007", ""),
        ("NCT04984356", 28, 2025, "Another product", "Miller B, Jones C"),  # neither authors nor product agree
        ("NCT04984356 NCT06000001", 28, 2025, "WU-CART-007 again", GHOBADI),
    ],
)
def test_what_speaks_against_makes_it_a_proposal(ids: str, n: int, year: int, title: str, authors: str) -> None:
    assert states(LINKER.propose(report("r", title, authors, ids, n, year))) == {"ghobadi-2023": "proposed"}


def test_an_earlier_report_may_have_fewer_patients() -> None:
    links = LINKER.propose(report("early", "First patients", GHOBADI, "NCT04984356", 5, 2021))
    assert states(links) == {"ghobadi-2023": "linked"}
    assert "earlier report: 5 patients, later 18" in links[0].evidence


def test_a_number_that_two_studies_carry_links_to_neither() -> None:
    first = report("one", "Adults", "Abel B, Cain D", "NCT00000001", 10)
    second = report("two", "Children", "Abel B, Cain D", "NCT00000001", 12)
    linker = Linker([study(first, 10), study(second, 12)], ())
    links = linker.propose(report("new", "All of them", "Abel B, Cain D", "NCT00000001", 22, 2025))
    assert states(links) == {"one": "proposed", "two": "proposed"}


def test_centre_and_product_add_to_shared_authors() -> None:
    def at(key: str, place: str, title: str) -> Record:
        authors = tuple(Author(family, "A", "", place) for family in ("Abel", "Cain", "Seth", "Enos", "Noah", "Shem"))
        return Record("test", key, title, authors=authors[: 6 if key == "known" else 2])

    known = at("known", "Dept of Blood, First Hospital of Ur, Ur", "RD13-01 in use")
    (near,) = propose_links(at("new", "First Hospital of Ur; Ur", "RD13-01 again"), [study(known, None)], PRODUCTS)
    (far,) = propose_links(at("new", "Second Hospital of Eden", "Other"), [study(known, None)], PRODUCTS)
    assert near.score > far.score >= PROPOSE_FROM
    assert "same centre: first hospital of ur" in near.evidence
    assert near.state == far.state == "proposed"


def test_a_report_is_not_linked_with_its_own_study_again() -> None:
    assert LINKER.propose(STUDIES[0].reports[0]) == []
    assert propose_links(report("x", "Y"), (), ()) == []


@pytest.mark.parametrize(
    ("text", "n"),
    [
        ("20 patients were enrolled; of 1,200 patients screened elsewhere", 20),
        ("Twenty-two patients with leukemia received cells", 22),
        ("Analysis of 60 patients with relapsed disease", 60),
        ("Response (n = 20); toxicity (n=12)", 20),
        ("CR in 90% of patients, 18 of 20 patients", 20),
        ("We enrolled 28 heavily treated patients", 28),
        ("Patients did well", None),
        ("", None),
    ],
)
def test_patients_in(text: str, n: int | None) -> None:
    assert patients_in(text) == n
