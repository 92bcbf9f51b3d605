"""Which pairs are compared at all: what survives which loss, and that every pair with a key in common is there."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz import fuzz

from curation import blocking
from curation.blocking import Blocks, blocking_keys
from curation.increment import keys_of
from curation.rules import TITLE_ALIKE
from curation.similarity import Described, describe
from db.model import Author, Record

ARTICLE = Record(
    source="pubmed", native_id="1", title="Intestinal lipoprotein overproduction in insulin-resistant states",
    authors=(Author("Adeli", "K"), Author("Lewis", "G F")), year=2008, journal="Current Opinion in Lipidology",
    volume="19", issue="3", pages="221-8", doi="10.1097/mol.0b013e3282ffaf82", pmid="18460913",
)  # fmt: skip
BARE = {"doi": "", "pmid": ""}


def blocks(*records: Record) -> Blocks:
    made = Blocks()
    for record in records:
        made.add(describe(record))
    return made


def compared(one: Record, other: Record) -> bool:
    first, _, _ = blocks(one, other).pairs()
    return len(first) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "", "authors": (), "volume": "", "pages": "", "year": None, "pmid": ""},  # the DOI is left
        {"title": "", "authors": (), "volume": "", "pages": "", "year": None, "doi": "", "pmid": "18460913.2"},
        {**BARE, "title": "Überproduktion", "authors": ()},  # the place
        {**BARE, "title": "Überproduktion", "authors": (), "year": 2009, "pages": "S221-S228"},
        {**BARE, "title": "Überproduktion", "year": None, "pages": "221"},  # the author and the page
        {**BARE, "title": "Intestinal lipoprotein over", "authors": (), "volume": "", "year": None},  # cut, same page
        {**BARE, "title": "in insulin-resistant states", "authors": (), "volume": "", "year": None},
        {**BARE, "authors": (), "pages": "", "volume": "", "year": None, "title": "x" + ARTICLE.title},  # the ends
        {**BARE, "authors": (), "pages": "", "volume": "", "year": None, "title": ARTICLE.title + "x"},
        {**BARE, "authors": (), "pages": "", "volume": "", "year": None,
         "title": "The intestinal lipoprotein overproduction in insulin-resistant states."},
        {**BARE, "pages": "", "volume": "", "year": None,
         "title": "Intestynal lipoprotien overproduktion in insulin-resistent states"},  # the author and a word
    ],
)  # fmt: skip
def test_a_pair_survives_the_loss_of_fields(changes: dict[str, Any]) -> None:
    other = replace(ARTICLE, source="embase", native_id="2", **changes)
    assert compared(ARTICLE, other)
    assert compared(other, ARTICLE)


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "Kidneys and what they do in the first days of life", "pages": "7"},  # the author alone
        {"title": "Intestinal lipoprotein overabundance, once more: a reply to Müller and colleagues",
         "authors": (), "pages": "7"},
        {"title": "", "authors": (), "volume": "20"},
    ],
)  # fmt: skip
def test_what_has_little_in_common_is_not_compared(changes: dict[str, Any]) -> None:
    assert not compared(ARTICLE, replace(ARTICLE, source="embase", native_id="2", **BARE, **changes))


def test_a_translated_title_meets_the_second_form_of_the_other() -> None:
    german = "Überschießende Bildung von Lipoproteinen im Darm bei Insulinresistenz"
    bare = {"authors": (), "pages": "", "volume": "", "year": None, **BARE}
    one = replace(ARTICLE, title=german, vernacular_title=ARTICLE.title, **bare)
    first, second, scores = blocks(one, replace(ARTICLE, **bare)).pairs()
    assert (first.tolist(), second.tolist(), scores.tolist()) == ([0], [1], [100])


WORDS = st.lists(
    st.sampled_from(["cell", "cells", "therapy", "leukaemia", "adult", "adults", "of", "in"]), max_size=6
).map(" ".join)
RECORDS = st.lists(
    st.builds(
        Record,
        source=st.just("a"), native_id=st.just("1"), title=WORDS, vernacular_title=st.just("") | WORDS,
        authors=st.lists(st.builds(Author, st.sampled_from(("Li", "Wu"))), max_size=1).map(tuple),
        year=st.sampled_from((None, 2020, 2021)), volume=st.sampled_from(("", "1")),
        pages=st.sampled_from(("", "5", "e6-8")), doi=st.sampled_from(("", "10.1/a")),
    ),
    max_size=14,
)  # fmt: skip


@given(RECORDS, st.booleans())
@settings(max_examples=60)
def test_the_pairs_are_all_that_share_a_key_and_whose_titles_allow_it(records: list[Record], small: bool) -> None:
    forms = [describe(record) for record in records]
    expected = {(i, j) for i, j in combinations(range(len(forms)), 2) if _worth_comparing(forms[i], forms[j])}
    chunk = blocking.CHUNK
    try:
        blocking.CHUNK = 3 if small else chunk  # type: ignore[misc]
        first, second, scores = blocks(*records).pairs()
        wanted = np.array([number % 3 == 0 for number in range(len(records))], dtype=bool)
        some, others, _ = blocks(*records).pairs(wanted)
    finally:
        blocking.CHUNK = chunk  # type: ignore[misc]
    found = list(zip(first.tolist(), second.tolist(), strict=True))
    assert found == sorted(expected)
    assert scores.tolist() == [_score(forms[i], forms[j]) for i, j in found]
    assert list(zip(some.tolist(), others.tolist(), strict=True)) == [
        (i, j) for i, j in found if wanted[i] or wanted[j]
    ]


def _worth_comparing(one: Described, other: Described) -> bool:
    shared = blocking_keys(one) & blocking_keys(other)
    return any(key % 2 == 0 for key in shared) or (bool(shared) and _score(one, other) >= TITLE_ALIKE)


def _score(one: Described, other: Described) -> int:
    """As the vectorised scores are: the better of three, in whole numbers."""
    ratios = [fuzz.ratio(one.title, other.title)]
    ratios += [fuzz.ratio(a.other_title, b.title) for a, b in ((one, other), (other, one)) if a.other_title]
    return max(int(ratio + 0.5) for ratio in ratios)


def test_keys_are_the_same_in_every_process(tmp_path: Path) -> None:
    """They are stored: strings' own hashes differ from one process to the next."""
    program = "from tests.test_blocking import ARTICLE, keys_of\nprint(sorted(keys_of(ARTICLE)))"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True,
                          cwd=Path(__file__).parents[1])  # fmt: skip
    assert told.stdout.strip() == str(sorted(keys_of(ARTICLE)))


def test_a_changed_key_has_a_new_version() -> None:
    """The keys of one record, as version 1 makes them: if this fails, raise KEY_VERSION and write the new sum here."""
    assert (blocking.KEY_VERSION, sum(blocking_keys(describe(ARTICLE)))) == (1, 58702944158)
