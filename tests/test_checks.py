"""Checks across values: each rule by a case that breaks it and one that does not; an answer settles a question only."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.checks import Finding, Known, Rules, check_fields, check_outcomes, numerators
from db.model import Datum, FieldValue
from db.specs import AtMostRule, RequiresRule, SumRule

DATUM = Datum("s1", "all", "cr", "best", "infused", "as printed", "primary", "r1", "reported", 8, 11)
RULES = Rules(
    (AtMostRule("crs_g3", "crs_any"), AtMostRule("mrd_neg_cr", "cr")),
    (SumRule(("grade_1", "grade_2")),),
    (RequiresRule("gene_edited", "yes", "edit_targets"),),
)


def found(*data: Datum, known: Known | None = None) -> list[Finding]:
    return check_outcomes(list(enumerate(data, start=2)), known or Known(), RULES)


def rules_of(*data: Datum, known: Known | None = None) -> list[str]:
    return [finding.rule for finding in found(*data, known=known)]


def infused(n: int, report: str = "r1") -> FieldValue:
    return FieldValue("s1", "all", "n_infused", "", report, "reported", str(n))


def test_a_total_is_within_the_infused() -> None:
    known = Known(fields=[infused(10)], patients={"s1": 20})
    (one,) = found(DATUM, known=known)
    assert one.words() == "row 2, column total: 11 patients, but n_infused of r1 is 10 [total <= n_infused]"
    assert not one.asks
    assert rules_of(DATUM, known=Known(patients={"s1": 10})) == ["total <= n_infused"]
    assert rules_of(DATUM, known=Known(fields=[infused(11)], patients={"s1": 10})) == []  # the study has grown
    assert rules_of(DATUM, known=Known(fields=[infused(11, "r2")], patients={"s1": 10})) == ["total <= n_infused"]
    assert rules_of(replace(DATUM, denominator="enrolled"), known=Known(patients={"s1": 10})) == []
    assert rules_of(replace(DATUM, answer="yes"), known=known) == ["total <= n_infused"]  # no answer helps


def test_a_part_is_no_more_than_its_whole() -> None:
    whole, part = replace(DATUM, outcome="crs_any", events=5), replace(DATUM, outcome="crs_g3", events=6)
    (one,) = found(whole, part)
    assert (one.row, one.rule, one.text) == (3, "crs_g3 <= crs_any", "crs_g3 6/11 is more than crs_any 5/11")
    assert rules_of(whole, replace(part, events=5)) == []
    assert rules_of(whole, replace(part, total=12)) == ["one denominator in one report"]  # other patients
    assert rules_of(whole, replace(part, reading="other")) == []
    assert rules_of(part, known=Known(data=[whole])) == ["crs_g3 <= crs_any"]  # entered before
    assert rules_of(replace(whole, events=7), part, known=Known(data=[whole])) == []  # mended by this sheet
    assert rules_of(known=Known(data=[whole, part])) == []  # nothing of it is being entered


@pytest.mark.parametrize(
    ("printed", "total", "events"), [("88.5", 26, 23), ("72.7", 11, 8), ("0", 11, 0), ("100", 5, 5)]
)
def test_a_printed_percentage_fits_its_numbers(printed: str, total: int, events: int) -> None:
    assert events in numerators(printed, total)
    assert rules_of(replace(DATUM, printed=printed, events=events, total=total)) == []
    wrong = replace(DATUM, printed=printed, events=events - 1 if events else 1, total=total)
    assert rules_of(wrong) == ["printed % = events/total"]


def test_a_percentage_with_no_numerator_is_asked_about() -> None:
    odd = replace(DATUM, events=25, total=28, printed="88.5")
    (one,) = found(odd)
    assert one.asks
    assert "88.5 % of 28 is no whole number of patients" in one.words()
    assert "say so in the column answer" in one.words()
    assert found(replace(odd, answer="the authors divide by 26")) == []


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.integers(0, 2))
def test_what_rounds_to_a_percentage_is_found(numbers: tuple[int, int], digits: int) -> None:
    events, total = numbers
    printed = str(round(Decimal(100 * events) / total, digits))
    fitting = numerators(printed, total)
    assert events in fitting
    for n in fitting:
        assert abs(Decimal(100 * n) / total - Decimal(printed)) <= Decimal(5) / 10 ** (digits + 1)


def test_a_percentage_without_decimals_fits_a_range() -> None:
    assert list(numerators("2", 400)) == [6, 7, 8, 9, 10]


def test_one_report_has_one_total_for_each_denominator() -> None:
    others = [replace(DATUM, outcome=name, total=11) for name in ("orr", "nrm")]
    odd = replace(DATUM, total=10)
    assert rules_of(*others, odd) == ["one denominator in one report"]
    assert rules_of(odd, known=Known(data=others)) == ["one denominator in one report"]  # entered before
    assert rules_of(replace(odd, denominator="evaluable"), known=Known(data=others)) == []
    assert rules_of(replace(odd, report="r2"), known=Known(data=others)) == []
    assert rules_of(replace(odd, answer="one left"), known=Known(data=others)) == []
    assert rules_of(DATUM, known=Known(data=[odd])) == []  # the value that is being mended speaks for nothing


def test_later_reports_are_asked_about() -> None:
    known = Known(data=[replace(DATUM, report="r0", events=9)], dates={"r0": "2021", "r1": "2023-05"})
    assert rules_of(DATUM, known=known) == ["a later report has no fewer events"]
    assert rules_of(replace(DATUM, events=9), known=known) == []
    shrunk = replace(DATUM, events=9, total=10)
    assert rules_of(shrunk, known=known) == ["n does not shrink"]
    back = replace(known, dates={"r0": "2023", "r1": "2021"})
    assert rules_of(DATUM, known=back) == []
    same = replace(known, dates={"r0": "2023", "r1": "2023"})
    assert rules_of(DATUM, known=same) == ["reports of one time agree"]


def test_the_register_is_asked_about_once() -> None:
    known = Known(enrolment={"s1": 14})
    two = (DATUM, replace(DATUM, outcome="orr", events=9))
    assert rules_of(*two, known=known) == ["total = the register's enrolment"]
    assert rules_of(*two, known=Known(enrolment={"s1": 11})) == []
    assert rules_of(replace(DATUM, cohort="rp2d"), known=known) == []


def test_one_table_is_of_one_study() -> None:
    other = [replace(DATUM, study="s2", report="r9", outcome=name) for name in ("cr", "orr", "crs_any")]
    mine = [replace(datum, study="s1", report="r1") for datum in other]
    assert rules_of(*mine, known=Known(data=other)) == ["one table is of one study"]
    assert rules_of(*mine[:2], known=Known(data=other)) == []


def test_a_review_says_nothing_where_a_report_spoke() -> None:
    second = replace(DATUM, source_kind="secondary-review")
    assert rules_of(second, known=Known(data=[DATUM])) == ["no secondary value beside a primary one"]
    assert rules_of(second, known=Known(data=[second])) == []


def test_silence_is_checked_for_nothing() -> None:
    silent = replace(DATUM, status="silent", events=None, total=None)
    assert rules_of(silent, known=Known(patients={"s1": 1}, enrolment={"s1": 5})) == []


def test_grades_add_up_to_the_outcome() -> None:
    grades = [FieldValue("s1", "all", f"grade_{n}", "crs_any", "r1", "reported", "4") for n in (1, 2)]
    rows = list(enumerate(grades, start=2))
    whole = replace(DATUM, outcome="crs_any", events=9)
    (one,) = check_fields(rows, Known(), RULES, [whole])
    assert (one.row, one.asks) == (3, False)
    assert "are 8, but its events are 9" in one.text
    assert check_fields(rows, Known(), RULES, [replace(whole, events=8)]) == []
    assert check_fields(rows[:1], Known(), RULES, [whole]) == []  # a grade is not yet extracted


def test_a_value_that_needs_another() -> None:
    edited = FieldValue("s1", "all", "gene_edited", "", "r1", "reported", "yes")
    (one,) = check_fields([(7, edited)], Known(), RULES)
    assert "edit_targets is empty" in one.words()
    nr = FieldValue("s1", "all", "edit_targets", "", "r1", "silent")
    assert check_fields([(7, edited), (8, nr)], Known(), RULES) == []
    assert check_fields([(7, edited)], Known(fields=[nr]), RULES) == []
    assert check_fields([(7, replace(edited, value="no"))], Known(), RULES) == []
