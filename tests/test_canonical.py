"""One text for one value."""

from __future__ import annotations

import hashlib
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.canonical import DIGITS, canonical, sha256

NUMBERS = st.integers() | st.floats(-1e300, 1e300)  # the very largest float rounds up to infinity
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(VALUES)
def test_the_text_of_what_the_text_says_is_the_same_text(value: object) -> None:
    text = canonical(value)
    assert canonical(json.loads(text)) == text


@given(st.dictionaries(st.text(), NUMBERS, min_size=2))
def test_the_order_of_keys_does_not_matter(value: dict[str, float]) -> None:
    assert canonical(dict(reversed(value.items()))) == canonical(value)


@given(st.floats(min_value=1e-300, max_value=1e300))
def test_floats_keep_ten_digits(value: float) -> None:
    assert math.isclose(json.loads(canonical(value)), value, rel_tol=0.5 * 10 ** (1 - DIGITS) * 1.001)


def test_sums_in_another_order_are_one_text() -> None:
    assert canonical(0.1 + 0.2) == canonical(0.3) == "0.3"
    assert canonical({"b": [1, (2.0, None)], "a": "é"}) == '{"a":"é","b":[1,[2.0,null]]}'


@pytest.mark.parametrize("value", [math.nan, math.inf, [-math.inf], {"a": math.nan}])
def test_no_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical(value)


def test_half_a_character_becomes_a_question_mark() -> None:
    assert canonical({"note": "a\udcffb"}) == '{"note":"a?b"}'
    assert sha256(canonical("\ud800")) == hashlib.sha256(b'"?"').hexdigest()
