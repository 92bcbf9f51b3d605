"""The data dictionary: every fault is named with its line; a value has one canonical form, or is refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.dictionary import ValueFault, allowed, number_of, read_value
from db.errors import ProtocolError
from db.specs import FieldSpec
from lsr.dictionary import parse_dictionary, read_dictionary
from lsr.workflow.folder import TEMPLATES

GOOD = """version = "1"
[[section]]
id = "flow"
label = "Flow"
[[field]]
id = "n"
section = "flow"
level = "cohort"
type = "integer"
label = "patients"
"""
TYPES = ("text", "integer", "decimal", "yes-no", "choice", "choices", "list", "date")


def field(kind: str, *values: str, unit: str = "") -> FieldSpec:
    return FieldSpec("f", "s", "study", kind, "a field", values, unit)  # type: ignore[arg-type]


def test_the_shipped_dictionary_is_whole() -> None:
    found = read_dictionary(TEMPLATES / "cd7-car-t")
    assert found is not None
    assert {"report", "study", "flow", "baseline", "product", "outcome", "survival", "patients", "bias"} <= set(
        found.sections
    )
    assert found.on_request == {"minors"}
    assert [f"jbi_q{n}" for n in range(1, 11)] == [f.id for f in found.fields if f.section == "bias"]
    assert {f.rows for f in found.fields if f.level == "patient"} == {"patient"}
    assert all(found.field(name) for rule in found.sums for name in rule.fields)
    assert found.field("no_such_field") is None


def test_a_review_without_one_has_none(tmp_path: Path) -> None:
    assert read_dictionary(tmp_path) is None


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('type = "integer"', 'type = "number"', "field[0].type (line 9)"),
        ('section = "flow"', 'section = "flo"', "no [[section]] has id 'flo'"),
        ('type = "integer"', 'type = "choice"', "n: needs its values"),
        ('label = "patients"', 'label = "patients"\nvalues = ["a", "A"]', "make it a choice"),
        ('label = "patients"', 'label = "patients"\ntolerance = 1.0', "only a decimal has a tolerance"),
        ('label = "patients"', 'lable = "patients"', "lable"),
        ("[[section]]", '[[requires]]\nfield = "n"\nvalue = "1"\nneeds = "m"\n[[section]]', "no [[field]] has id 'm'"),
        ('version = "1"', "version = ", "not valid TOML"),
        ('id = "n"', 'id = "N of them"', "field[0].id (line 6)"),
    ],
)
def test_every_fault_is_named_with_its_line(old: str, new: str, says: str) -> None:
    assert parse_dictionary(GOOD).field("n")
    with pytest.raises(ProtocolError) as fault:
        parse_dictionary(GOOD.replace(old, new, 1), "dictionary.toml")
    assert says in str(fault.value)
    assert "\n" not in str(fault.value)


def test_a_field_twice_is_a_fault() -> None:
    again = GOOD[GOOD.index("[[field]]") :]
    with pytest.raises(ProtocolError, match="'n' is there twice"):
        parse_dictionary(GOOD + again)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(
    ("typed", "status"),
    [("NR", "silent"), ("n/a", "not-applicable"), ("Unclear", "unclear"), ("not reported", "silent")],
)
def test_every_field_takes_the_three_answers_and_none_is_zero(kind: str, typed: str, status: str) -> None:
    values = ("yes", "no") if kind in ("choice", "choices") else ()
    assert read_value(field(kind, *values), typed) == (status, "")


def test_a_judgement_called_unclear_is_a_value() -> None:
    assert read_value(field("choice", "yes", "no", "unclear"), "Unclear") == ("reported", "unclear")


@pytest.mark.parametrize(
    ("kind", "typed", "value"),
    [
        ("text", "  two   words ", "two words"),
        ("integer", "007", "7"),
        ("decimal", "27.50", "27.5"),
        ("decimal", "1e2", "100"),
        ("decimal", "-0.0", "0"),
        ("yes-no", "Y", "yes"),
        ("choice", "cd28", "CD28"),
        ("choices", "cd28; 4-1bb;cd28", "4-1BB; CD28"),
        ("list", "Sanhe; beijing ;Sanhe\nAachen", "Aachen; beijing; Sanhe"),
        ("date", "2021-05", "2021-05"),
    ],
)
def test_values_have_one_form(kind: str, typed: str, value: str) -> None:
    values = ("4-1BB", "CD28") if kind in ("choice", "choices") else ()
    assert read_value(field(kind, *values), typed) == ("reported", value)


@pytest.mark.parametrize(
    ("kind", "typed", "says"),
    [
        ("integer", "-1", "no whole number"),
        ("integer", "3.5", "no whole number"),
        ("integer", "١٢", "no whole number"),
        ("decimal", "1,5", "write a decimal point"),
        ("decimal", "nan", "no number of this kind"),
        ("decimal", "1e400", "no number of this kind"),
        ("decimal", "abc", "is no number"),
        ("yes-no", "perhaps", "neither yes nor no"),
        ("choice", "CD2", "none of: 4-1BB, CD28"),
        ("choices", "4-1BB; CD2", '"CD2" is none of'),
        ("choices", ";", "names nothing"),
        ("list", " ; ", "names nothing"),
        ("date", "2021-02-30", "no date"),
        ("date", "05/2021", "no date"),
        ("text", "", "is empty"),
        ("text", "x" * 2001, "2001 letters"),
    ],
)
def test_what_is_refused_says_why(kind: str, typed: str, says: str) -> None:
    values = ("4-1BB", "CD28") if kind in ("choice", "choices") else ()
    with pytest.raises(ValueFault, match=says):
        read_value(field(kind, *values), typed)


@given(st.sampled_from(TYPES), st.text(max_size=40))
def test_reading_again_changes_nothing_and_only_our_fault_comes(kind: str, typed: str) -> None:
    one = field(kind, *(("a b", "c") if kind in ("choice", "choices") else ()))
    try:
        status, value = read_value(one, typed)
    except ValueFault:
        return
    assert bool(value) == (status == "reported")
    if value:
        assert read_value(one, value)[1] == value
        assert (number_of(one, value) is not None) == (kind == "decimal")
    assert allowed(one)
