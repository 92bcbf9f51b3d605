"""The range over readings and choices: exact against brute force, its extremes, its sample, its time."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count, product
from pathlib import Path

import pytest

from analysis import multiverse as module
from analysis.dataset import Source, source
from analysis.estimation import fit
from analysis.multiverse import Multiverse, multiverse
from analysis.overlap import Overlaps
from db import data
from db.data import Value
from db.model import Row
from db.queries import Study
from db.specs import OutcomeSpec, ProtocolSpec, SynthesisSpec
from lsr.workflow.folder import Open
from tests.conftest import Command

CR = OutcomeSpec("cr", "CR", "proportion", "infused", "", ("evaluable",))


def value(study: str, events: int | None, total: int | None, reading: str = "main", **other: str) -> Value:
    fields = {"denominator": "infused", "report": f"r-{study}", "source_kind": "primary-article"} | other
    status = "reported" if total else "silent"
    return Value("cr", study=study, status=status, events=events, total=total, reading=reading, second_hand=False,
                 **fields)  # type: ignore[arg-type]  # fmt: skip


PRIMARY = (value("a", 7, 10), value("b", 12, 20), value("c", 3, 9), value("d", 20, 25), value("e", None, None))
EVALUABLE = (value("b", 12, 15, denominator="evaluable"),)
OTHERS = [
    value("a", 5, 10, "strict"), value("a", 9, 10, "lenient"), value("b", 2, 15, "strict", denominator="evaluable"),
    value("e", 6, 6, "from the figure"), value("c", 9, 9, "another report's", report="other"),
    value("f", 1, 1, "of a study without a primary reading"),
]  # fmt: skip


def known() -> Source:
    studies = tuple(Study(name, name.upper(), 30) for name in "abcdef")
    values = {("cr", v.denominator, v.study): v for v in (*PRIMARY, *EVALUABLE)}
    return Source(studies, Overlaps(), values, {})


def spec(opened: Open, *sensitivity: str) -> ProtocolSpec:
    from dataclasses import replace

    return replace(opened.spec, synthesis=SynthesisSpec("glmm-logit", 0.95, "t", "t(k-1)", 3, sensitivity))


SAID = ("logit-reml-hk", "ftt-dl (reproduction only)", "leave-one-out", "low risk of bias only")


def test_exact_equals_brute_force(opened: Open) -> None:
    protocol = spec(opened, *SAID)
    found = multiverse(known(), OTHERS, CR, protocol)
    values = []
    for a, b, e, over, model in product(
        [(7, 10), (5, 10), (9, 10)], [0, 1], [None, (6, 6)], ["infused", "evaluable"], ["glmm-logit", "logit-reml-hk"]
    ):
        # B's other reading is one of its evaluable patients: over the infused it stays as it is
        of_b = (12, 20) if over == "infused" else (2, 15) if b else (12, 15)
        table = [a, of_b, (3, 9), (20, 25), *([e] if e else [])]
        rows = [Row(str(i), "", x, n) for i, (x, n) in enumerate(table)]
        values.append(fit(rows, model, protocol.synthesis).proportion)  # type: ignore[union-attr]
    assert found.how == "exact"
    assert (found.combinations, found.covered, found.out_of_time) == (48, 48, False)
    assert found.lowest is not None
    assert found.highest is not None
    assert (found.lowest.proportion, found.highest.proportion) == pytest.approx((min(values), max(values)), abs=1e-12)
    assert found.lowest.picks["reading of A"] == "strict"
    assert found.highest.picks | {"reading of B": ""} == {
        "reading of A": "lenient", "reading of B": "", "reading of E": "from the figure", "denominator": "evaluable",
        "model": "glmm-logit", "rows": "all rows"}  # fmt: skip
    assert found.fits == 3 * 2 * 3 * 2  # over the infused B's reading changes nothing: fitted once


def test_a_reading_over_the_main_denominator_leaves_another_denominators_own_value(opened: Open) -> None:
    """D has its own count over the evaluable: a second reading of its infused count says nothing of that one."""
    values = known().values | {("cr", "evaluable", "d"): value("d", 20, 22, denominator="evaluable")}
    with_own = Source(known().studies, Overlaps(), values, {})
    found = multiverse(with_own, [value("d", 2, 25, "strict")], CR, spec(opened))
    assert (found.combinations, found.fits) == (4, 3)


def test_movers_are_the_spread_between_the_means_of_options(opened: Open) -> None:
    found = multiverse(known(), OTHERS, CR, spec(opened))
    by_name = {mover.choice: mover for mover in found.movers}
    assert set(by_name) == {"reading of A", "reading of B", "reading of E", "denominator"}
    for mover in found.movers:
        assert mover.spread == pytest.approx(max(mover.means.values()) - min(mover.means.values()))
    assert [mover.spread for mover in found.movers] == sorted((m.spread for m in found.movers), reverse=True)
    assert by_name["reading of A"].means["strict"] < by_name["reading of A"].means["lenient"]


def test_studies_without_a_primary_reading_other_reports_and_reproduction_models_have_no_say(opened: Open) -> None:
    found = multiverse(known(), OTHERS, CR, spec(opened, *SAID))
    assert [choice.name for choice in found.choices] == [
        "reading of A", "reading of B", "reading of E", "denominator", "model"
    ]  # fmt: skip
    assert found.choices[-1].options == ("glmm-logit", "logit-reml-hk")


def ticks(step: float) -> Callable[[], float]:
    counter = count()
    return lambda: next(counter) * step


def test_out_of_time_is_said_and_the_published_analysis_is_always_there(opened: Open) -> None:
    found = multiverse(known(), OTHERS, CR, spec(opened, *SAID), seconds=0)
    assert (found.covered, found.out_of_time) == (1, True)
    assert found.published is not None
    assert found.published == found.lowest == found.highest
    assert "1 of 48 combinations before the time was over" in found.words
    more = multiverse(known(), OTHERS, CR, spec(opened, *SAID), seconds=10.5, clock=ticks(1))
    assert 1 < more.covered < 48
    assert more.out_of_time


def test_beyond_the_limit_extremes_and_a_seeded_sample(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = multiverse(known(), OTHERS, CR, spec(opened, *SAID))
    monkeypatch.setattr(module, "EXACT", 47)
    monkeypatch.setattr(module, "SAMPLE", 12)
    one, again = (multiverse(known(), OTHERS, CR, spec(opened, *SAID)) for _ in range(2))
    assert one == again
    assert "sample" in one.how
    assert "the range may be wider" in one.words
    assert one.covered < 48
    for mine, best in ((one.lowest, exact.lowest), (one.highest, exact.highest)):
        assert mine is not None
        assert best is not None
        assert mine.proportion == pytest.approx(best.proportion)  # found, B's reading over one denominator too


def test_nothing_to_pool(opened: Open) -> None:
    empty = Source((), Overlaps(), {}, {})
    found = multiverse(empty, [], CR, spec(opened))
    assert isinstance(found, Multiverse)
    assert (found.lowest, found.published, found.not_pooled, found.covered) == (None, None, 2, 2)
    assert found.movers == ()


def test_readings_that_reproduce_never_enter(opened: Open) -> None:
    known_now, others = source(opened.review.connection, opened.spec), data.alternative_values(opened.review.connection)
    assert others
    assert all(other.reading != "paper-reproducing" for other in others)
    outcome = next(one for one in opened.spec.outcomes if one.id == "cr")
    found = multiverse(known_now, others, outcome, opened.spec)
    assert found.how == "exact"
    assert {"reading of Ghobadi 2023", "reading of Zhang X 2022", "reading of Zhang X 2023a"} <= {
        choice.name for choice in found.choices
    }
    assert not any("paper" in option for choice in found.choices for option in choice.options)
    assert not any("ftt-dl" in choice.options for choice in found.choices)
    assert found.published is not None
    assert found.lowest is not None
    assert found.highest is not None
    assert found.lowest.proportion < found.published.proportion < found.highest.proportion


def test_the_command(lsr: Command, review_folder: Path) -> None:
    ran = lsr("pool", "--multiverse", "cr", "-R", review_folder)
    assert ran.code == 0
    assert "all 192 combinations" in ran.out
    assert "lowest" in ran.out
    told = json.loads(lsr("pool", "--multiverse", "cr", "--json", "-R", review_folder).out)
    assert told == json.loads(lsr("pool", "--multiverse", "cr", "--json", "-R", review_folder).out)
    assert told[0]["movers"][0]["spread"] >= told[0]["movers"][-1]["spread"]
    cut = lsr("pool", "--multiverse", "cr", "--seconds", "0", "-R", review_folder)
    assert "1 of 192 combinations before the time was over" in cut.out
    wrong = lsr("pool", "--multiverse", "nothing", "-R", review_folder)
    assert (wrong.code, wrong.out) == (1, "")
    assert "no outcome 'nothing'" in wrong.err
