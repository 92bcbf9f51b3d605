"""No patient counts twice in one pool, whatever the history; two people choose; both choices are computed."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.dataset import Dataset, datasets, source
from analysis.estimation import pool_all
from analysis.multiverse import AS_CHOSEN, multiverse
from analysis.overlap import APART, KEEPING, STRENGTH, Overlaps, Ranked
from analysis.sensitivity import BOUNDS, chosen
from db import studies
from db.errors import DecisionError
from db.review import Review
from db.specs import OutcomeSpec, OverlapSpec, ProtocolSpec
from db.studies import Overlap
from db.verify import verify
from lsr.protocol import parse_protocol
from lsr.workflow import choices
from lsr.workflow.folder import Open
from lsr.workflow.refresh import refresh
from tests.conftest import Command
from tests.histories import PROTOCOL, append, bring, datum, include, new_review
from tests.scene import JUDGE, A, B, protocol_text

CR = OutcomeSpec("cr", "Complete remission", "proportion", "infused")
SILENT_ON = OutcomeSpec("crs", "CRS", "proportion", "infused")
# The named case, with composed numbers: an ASH 2025 report pools 334 patients of five trials, among them those of
# Zhang X 2023 (n = 60) and of the study of mixed-phenotype leukaemia (n = 11). Two other studies overlap with nothing.
WHOLE, ZHANG, MPAL = "study:ash-2025", "study:zhang-x-2023", "study:mpal"
ALONE = ("study:other-1", "study:other-2", "study:other-3")
CASE = {WHOLE: (290, 334), ZHANG: (51, 60), MPAL: (9, 11), ALONE[0]: (15, 20), ALONE[1]: (8, 10), ALONE[2]: (11, 12)}
PRINTED = {WHOLE: "2025-11", ZHANG: "2023-05", MPAL: "2022-03"}


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("case")
    with new_review(folder) as review:
        append(review, "ed", "protocol", **PROTOCOL)
        for number, (study, (events, total)) in enumerate(CASE.items()):
            bring(review, "pubmed", "databases", [str(number)], date=PRINTED.get(study, "2024"))
            include(review, f"pubmed:{number}", study)
            for who in ("ann", "bob"):
                datum(review, who, events, total, study=study, report=f"pubmed:{number}")
                if study in (ZHANG, ALONE[0]):  # the pooled report is silent on the other outcome
                    datum(review, who, 3, total, study=study, report=f"pubmed:{number}", outcome="crs")
    return folder


@pytest.fixture
def review(tmp_path: Path, case: Path) -> Iterator[Review]:
    with new_review(tmp_path / "case", case) as found:
        yield found


def said(
    review: Review, who: str, a: str, b: str, certainty: str = "probable", keep: str | None = None, ruling: int = 0
) -> None:
    a, b = sorted((a, b))
    append(review, who, "overlap", a=a, b=b, certainty=certainty, patients=None, keep=keep, why="w", ruling=ruling)


BASE = parse_protocol(protocol_text())


def spec(keep: str = "ask", hold_from: str = "probable") -> ProtocolSpec:
    rule = OverlapSpec(keep, hold_from)  # type: ignore[arg-type]
    synthesis = replace(BASE.synthesis, sensitivity=())
    return replace(BASE, outcomes=(CR, SILENT_ON), subgroups=(), overlap=rule, previous=None, synthesis=synthesis)


def pool(review: Review, protocol: ProtocolSpec, outcome: str = "cr") -> Dataset:
    return next(d for d in datasets(review.connection, protocol) if d.outcome.id == outcome)


def pooled(review: Review, protocol: ProtocolSpec, outcome: str = "cr") -> set[str]:
    return {row.study for row in pool(review, protocol, outcome).rows}


def test_a_pooled_report_is_taken_whole_or_its_parts_are(review: Review) -> None:
    said(review, "ann", WHOLE, ZHANG)
    said(review, "ann", WHOLE, MPAL)
    assert pooled(review, spec("larger")) == {WHOLE, *ALONE}
    assert pooled(review, spec("later")) == {WHOLE, *ALONE}
    assert pooled(review, spec("first")) == {ZHANG, MPAL, *ALONE}
    found = pool(review, spec("first"))
    assert [m.study for m in found.missing] == [WHOLE]
    assert "overlap not yet decided" in found.missing[0].why
    assert found.included == len(CASE)
    assert [fault for fault in verify(review) if not fault.startswith("archive/")] == []  # the file alone was copied


def test_both_choices_are_computed(review: Review) -> None:
    said(review, "ann", WHOLE, ZHANG)
    said(review, "ann", WHOLE, MPAL)
    protocol = spec("larger")
    names = {a.name: {row.study for row in a.rows} for a in pool(review, protocol).alternatives}
    assert names == {
        f"{KEEPING}{WHOLE}": {WHOLE, *ALONE}, f"{KEEPING}{MPAL} and {ZHANG}": {ZHANG, MPAL, *ALONE}
    }  # fmt: skip
    body = pool_all(datasets(review.connection, protocol), protocol)["cr"]
    kept, parts = (body["sensitivity"][name] for name in sorted(names, key=len))
    assert kept["proportion"] == body["primary"]["proportion"]
    assert (kept["total"], parts["total"]) == (334 + 42, 71 + 42)
    assert kept["proportion"] != parts["proportion"]
    spread = multiverse(source(review.connection, protocol), [], CR, protocol)
    overlap = next(c for c in spread.choices if c.name == "overlap")
    assert overlap.options == (AS_CHOSEN, f"keeping {MPAL} and {ZHANG}")
    ends = {spread.lowest.proportion, spread.highest.proportion}  # type: ignore[union-attr]
    assert {kept["proportion"], parts["proportion"]} <= ends | {spread.published.proportion}  # type: ignore[union-attr]


def test_a_study_that_is_silent_holds_nothing_out(review: Review) -> None:
    """The pooled report says nothing of the other outcome: its part does, and nobody counts twice by that."""
    said(review, "ann", WHOLE, ZHANG, keep=WHOLE)
    said(review, "bob", WHOLE, ZHANG, keep=WHOLE)
    assert pooled(review, spec(), "cr") == {WHOLE, MPAL, *ALONE}
    found = pool(review, spec(), "crs")
    assert {row.study for row in found.rows} == {ZHANG, ALONE[0]}
    held = {m.study: m.status for m in found.missing}
    assert held[WHOLE] == "held-out"  # else the bounds for unreported outcomes would count its patients again
    for bound in BOUNDS:
        assert WHOLE not in {row.study for row in chosen(found, bound)}


def test_one_person_proposes_two_decide_three_resolve(review: Review) -> None:
    protocol = spec("larger")

    def state() -> tuple[str, str | None, bool]:
        (one,) = studies.overlaps(review.connection)
        return one.state, one.keep, ZHANG in pooled(review, protocol)

    said(review, "ann", WHOLE, ZHANG)
    assert state() == ("undecided", None, False)
    said(review, "ann", WHOLE, ZHANG, keep=ZHANG)
    said(review, "ann", WHOLE, ZHANG, keep=ZHANG)
    assert state() == ("proposed", None, False), "one person twice is one person"
    said(review, "bob", WHOLE, ZHANG, keep=WHOLE)
    assert state() == ("conflict", None, False)
    said(review, "dee", WHOLE, ZHANG, keep=ZHANG, ruling=1)
    assert state() == ("ruled", ZHANG, True)
    said(review, "eve", WHOLE, ZHANG, keep=WHOLE, ruling=1)
    assert state() == ("conflict", None, False), "two rulings that differ are a conflict again"
    said(review, "eve", WHOLE, ZHANG, keep=ZHANG, ruling=1)
    assert state() == ("ruled", ZHANG, True)


def test_agreement_of_two_decides_and_either_may_take_it_back(review: Review) -> None:
    for who in ("ann", "bob"):
        said(review, who, WHOLE, ZHANG, keep=ZHANG)
    assert ZHANG in pooled(review, spec("larger"))
    said(review, "bob", WHOLE, ZHANG)
    assert studies.overlaps(review.connection)[0].state == "proposed"
    assert ZHANG not in pooled(review, spec("larger"))


def test_possible_overlaps_are_pooled_if_the_protocol_says_so_with_an_analysis_without(review: Review) -> None:
    said(review, "ann", WHOLE, ZHANG, "possible")
    found = pool(review, spec("larger"))
    assert {WHOLE, ZHANG} <= {row.study for row in found.rows}
    assert [a.name for a in found.alternatives] == [APART]
    assert ZHANG not in {row.study for row in found.alternatives[0].rows}
    assert pooled(review, spec("larger", "possible")) == {WHOLE, MPAL, *ALONE}
    said(review, "bob", WHOLE, ZHANG, "certain")
    assert pooled(review, spec("larger")) == {WHOLE, MPAL, *ALONE}, "the strongest certainty stands"
    assert pooled(review, spec("larger", "certain")) == {WHOLE, MPAL, *ALONE}


def test_a_machine_proposes_and_a_person_outranks_it(review: Review) -> None:
    said(review, "machine:link", WHOLE, ZHANG)
    assert ZHANG not in pooled(review, spec("larger"))
    with pytest.raises(DecisionError, match="a machine does not choose"):
        said(review, "machine:link", WHOLE, ZHANG, keep=WHOLE)
    said(review, "ann", WHOLE, ZHANG, "none")
    said(review, "machine:link", WHOLE, ZHANG, "certain")
    assert ZHANG in pooled(review, spec("larger"))


def test_the_order_of_the_protocols_rule_is_total() -> None:
    """Studies alike in all that the rule asks are told apart by when they came, then by their ids."""
    same = {s: Ranked(s, s, 10, "2020", "2021", 5) for s in "abc"}
    pairs = (
        Overlap("a", "b", "certain", None, None, "undecided"),
        Overlap("b", "c", "certain", None, None, "undecided"),
    )
    for keep in ("larger", "later", "first", "ask"):
        rule = OverlapSpec(keep)
        assert set(Overlaps(pairs, rule, same).held_out("abc", "abc")) == {"b"}
        late = same | {"a": replace(same["a"], seen=9), "c": replace(same["c"], seen=9)}
        assert set(Overlaps(pairs, rule, late).held_out("cba", "abc")) == {"a", "c"}


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 9), st.sampled_from(["larger", "later", "first", "ask"]))
def test_no_overlapping_pair_in_one_pool_and_nobody_left_out_without_need(seed: int, size: int, keep: str) -> None:
    random = Random(seed)
    names = [f"s{i}" for i in range(size)]
    known = {s: Ranked(s, s, random.randrange(3), "20" * random.randrange(2), "20", random.randrange(4)) for s in names}
    pairs = []
    for a, b in combinations(names, 2):
        if random.random() < 0.4:
            chosen_ = random.choice((None, None, a, b))  # people's choices may go round in a circle
            state = "decided" if chosen_ else random.choice(("undecided", "proposed", "conflict"))
            pairs.append(Overlap(a, b, random.choice(("certain", "probable", "possible")), None, chosen_, state))
    hold = random.choice(("certain", "probable", "possible"))
    apart = {
        frozenset((o.a, o.b)) for o in pairs
        if o.keep or STRENGTH[o.certainty] >= STRENGTH[hold]
    }  # fmt: skip
    numbers = [s for s in names if random.random() < 0.7]
    overlaps = Overlaps(tuple(pairs), OverlapSpec(keep, hold), known)  # type: ignore[arg-type]
    forced = random.sample(names, 1) if random.random() < 0.5 else []
    for kept in ([], forced):
        held = overlaps.held_out(names, numbers, keep=kept)
        taken = set(names) - held.keys()
        assert not [pair for pair in apart if pair <= taken]
        assert all(any(frozenset((s, t)) in apart for t in taken) for s in held), "maximal"
        assert all(held.values())
        shuffled = random.sample(names, len(names))
        again = Overlaps(tuple(random.sample(pairs, len(pairs))), overlaps.rule, known)
        assert again.held_out(shuffled, set(numbers), keep=kept) == held
        for s in numbers:  # a silent study never stands in the way of a number
            if s in held:
                assert any(t in numbers and frozenset((s, t)) in apart for t in taken)


@settings(max_examples=settings().max_examples // 12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32 - 1), st.integers(1, 14), st.sampled_from(["larger", "later", "first", "ask"]))
def test_whatever_the_history_no_overlapping_studies_share_a_pool(case: Path, seed: int, steps: int, keep: str) -> None:
    random = Random(seed)
    protocol = spec(keep)
    with tempfile.TemporaryDirectory() as folder, new_review(Path(folder), case) as review, review.transaction():
        for _ in range(steps):
            a, b = sorted(random.sample(sorted(CASE), 2))
            who = random.choice(("ann", "bob", "cid", "machine:link"))
            machine = who.startswith("machine:")
            certainty = random.choice(("certain", "probable", "possible", "none"))
            choice = None if machine or certainty == "none" else random.choice((None, a, b))
            said(review, who, a, b, certainty, choice, 0 if machine else random.choice((0, 0, 0, 1)))
        apart = [
            {o.a, o.b} for o in studies.overlaps(review.connection) if o.certainty != "possible" or o.keep is not None
        ]
        for found in datasets(review.connection, protocol):
            for rows in (found.rows, *(a.rows for a in found.alternatives), *(chosen(found, b) for b in BOUNDS)):
                taken = {row.study for row in rows}
                assert not [pair for pair in apart if pair <= taken]
            assert found.included == len(CASE)


def test_the_workflow_checks_and_the_command_shows_both(demo: Open, demo_folder: Path, lsr: Command) -> None:
    chen, tan = "study:chen-2023", "study:tan-2023"
    assert choices.report_overlap(demo, tan, chen, A, "probable", 4, tan, "one centre") == "proposed"
    with pytest.raises(DecisionError, match="do not differ"):
        choices.report_overlap(demo, tan, chen, JUDGE, "probable", keep=tan, ruling=True)
    assert choices.report_overlap(demo, tan, chen, B, "probable", 4, chen) == "conflict"
    with pytest.raises(DecisionError, match="no adjudicator"):
        choices.report_overlap(demo, tan, chen, A, "probable", keep=tan, ruling=True)
    assert choices.report_overlap(demo, tan, chen, JUDGE, "probable", keep=tan, ruling=True) == "ruled"
    estimates = refresh(demo).estimates["cr"]
    assert {name for name in estimates["sensitivity"] if name.startswith(KEEPING)} == {
        f"{KEEPING}Chen 2023", f"{KEEPING}Tan 2023"
    }  # fmt: skip
    told = json.loads(lsr("pool", "--explain", "cr", "--json", "-R", demo_folder).out)
    assert [(o["state"], o["keep"], o["patients"]) for o in told["overlaps"]] == [("ruled", tan, 4)]
    shown = lsr("pool", "--explain", "cr", "-R", demo_folder).out
    assert "overlap: keeping Chen 2023" in shown
    assert "ruled: study:tan-2023 is pooled" in shown
