"""What holds for every report and every set of studies."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from curation.evidence.trials import CrossRegistrations
from curation.link import PROPOSE_FROM, Linker, StudyProfile
from db.model import Author, Record
from tests.link_cases import PRODUCTS

NUMBERS = ("NCT00000001", "NCT00000002", "ChiCTR2000000001", "EudraCT2019-001234-12")
PEOPLE = tuple(Author(family, "A") for family in ("Abel", "Cain", "Seth", "Enos", "Noah"))
TITLES = (
    "Autologous cells against leukemia", "Universal off-the-shelf cells against leukemia", "WU-CART-007 in adults",
    "RD13-01: a phase I study", "RD13-01: a phase II study", "A pooled analysis of five trials", "",
    "Erratum: autologous cells against leukemia", "Cell therapy: a systematic review",
)  # fmt: skip


@st.composite
def records(draw: st.DrawFn, key: str) -> Record:
    patients = draw(st.none() | st.integers(1, 60))
    return Record(
        "test",
        key,
        draw(st.sampled_from(TITLES)),
        f"{patients} patients were infused." if patients else "",
        tuple(draw(st.lists(st.sampled_from(PEOPLE), unique=True, max_size=5))),
        draw(st.none() | st.integers(2018, 2026)),
        registry_ids=tuple(sorted(draw(st.sets(st.sampled_from(NUMBERS), max_size=2)))),
    )


@st.composite
def studies(draw: st.DrawFn) -> list[StudyProfile]:
    found = []
    for at in range(draw(st.integers(1, 4))):
        known = tuple(draw(records(f"s{at}r{one}")) for one in range(draw(st.integers(1, 2))))
        trials = tuple(sorted({number for each in known for number in each.registry_ids}))
        found.append(StudyProfile(f"study{at}", "", trials, known, None))
    return found


@settings(max_examples=60, deadline=None)
@given(records("new"), studies(), st.randoms(use_true_random=False))
def test_the_order_of_studies_and_their_reports_changes_nothing(report, known, rng) -> None:  # type: ignore[no-untyped-def]
    links = Linker(known, PRODUCTS).propose(report)
    mixed = [
        StudyProfile(s.id, s.label, s.registry_ids, tuple(rng.sample(s.reports, len(s.reports))), s.patients)
        for s in rng.sample(known, len(known))
    ]
    again = Linker(mixed, PRODUCTS).propose(report)
    assert [(k.study, k.state, k.score) for k in again] == [(k.study, k.state, k.score) for k in links]


@settings(max_examples=60, deadline=None)
@given(records("new"), records("other"), studies())
def test_another_report_changes_nothing(report: Record, other: Record, known: list[StudyProfile]) -> None:
    linker = Linker(known, PRODUCTS)
    before = linker.propose(report)
    linker.propose(other)
    assert linker.propose(report) == before


@settings(max_examples=150, deadline=None)
@given(records("new"), studies())
def test_a_sure_link_has_the_studys_trials_and_nothing_against_it(report: Record, known: list[StudyProfile]) -> None:
    links = Linker(known, PRODUCTS).propose(report)
    by_id = {study.id: study for study in known}
    assert sum(link.state == "linked" for link in links) <= 1
    for link in links:
        assert link.score >= PROPOSE_FROM
        assert link.evidence == tuple(words for _, words in link.weighed)
        if link.state == "linked":
            assert set(by_id[link.study].registry_ids) & set(report.registry_ids)
            assert min(weight for weight, _ in link.weighed) > 0, "evidence against, or what bars a sure link"
            assert not any(word in report.title for word in ("pooled", "Erratum", "review"))
            carrying = [s for s in known if set(s.registry_ids) & set(report.registry_ids) - {NUMBERS[3]}]
            assert len(carrying) <= 1 or report.registry_ids == (NUMBERS[3],)


@settings(max_examples=60, deadline=None)
@given(records("new"), studies())
def test_a_shared_number_of_a_report_is_never_dropped(report: Record, known: list[StudyProfile]) -> None:
    links = Linker(known, PRODUCTS).propose(report)
    told = {link.study for link in links}
    if "review" not in report.title and not any(link.state == "linked" for link in links):
        assert {s.id for s in known if set(s.registry_ids) & set(report.registry_ids)} <= told


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(st.sampled_from(NUMBERS), st.lists(st.sampled_from(NUMBERS), max_size=3), max_size=4))
def test_no_group_of_numbers_holds_two_of_one_register(named: dict[str, list[str]]) -> None:
    crossed = CrossRegistrations({trial: {"ids": "; ".join(ids)} for trial, ids in named.items()})
    assert crossed.one(NUMBERS[0]) != crossed.one(NUMBERS[1])
    for number in NUMBERS:
        assert crossed.one(crossed.one(number)) == crossed.one(number)
