"""Registration numbers: what spares most texts the search for them never costs a number."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from db import identifiers
from db.identifiers import registry_ids

PREFIXES = (
    "NCT", "#nct", "NCT#", "ChiCTR", "ChiCTR-OCB-", "ISRCTN", "ISRCTN No. ", "CTRI/", "EudraCT ", "20", "JPRN-UMIN",
    "jRCT", "jRCTs", "IRCT", "ACTRN", "PACTR", "TCTR", "DRKS", "KCT", "RPCEC", "JMA-IIA", "JapicCTI-", "NTR",
    "SLCTR/", "RBR-",
)  # fmt: skip
PIECES = st.one_of(
    st.sampled_from(PREFIXES),
    st.from_regex(r"[0-9]{1,10}", fullmatch=True),
    st.sampled_from((" ", "/", "-", "–", "\u200b", "\u00ad", "\u00a0", "\n", "N1", "é", ". ")),
)


def without_the_sieve(text: str) -> tuple[str, ...]:
    """Every pattern on every text."""
    found = {*identifiers._numbers(text.lower(), identifiers._LONG), *identifiers._numbers(text, identifiers._SHORT)}
    return tuple(sorted(found))


@settings(max_examples=400)
@example("NCT04\u200b98\u200b4356")
@example("NCT 0498\u00a04356")
@given(st.lists(PIECES, min_size=1, max_size=8).map("".join))
def test_no_number_is_lost_by_looking_first(text: str) -> None:
    assert registry_ids(text) == without_the_sieve(text)


@pytest.mark.parametrize(
    ("printed", "number"),
    [
        ("NCT04\u200b98\u200b4356", "NCT04984356"),
        ("NCT 0498\u00a04356", "NCT04984356"),
        ("ChiCTR200\u00ad0034762", "ChiCTR2000034762"),
        ("NTR No. 4512", "NTR4512"),
        ("RBR-4A5B6C", "RBR-4a5b6c"),
    ],
)
def test_invisible_characters_and_capitals_hide_no_number(printed: str, number: str) -> None:
    assert registry_ids(f"Registered as {printed}.") == (number,)


def test_a_short_number_needs_its_prefix_in_capitals() -> None:
    assert registry_ids("the ntr 123 contr 4567") == ()
