"""How well reviewers agree: the figures against the literature and R's definitions, and what may be counted."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.agreement import CONSTANT, NO_ITEMS, NO_WIDTH, ONE_CATEGORY, Coefficient, agreement
from lsr.workflow import agreement as work
from lsr.workflow import judge
from lsr.workflow.folder import Open, open_review
from tests.conftest import Command
from tests.scene import JUDGE, REPORTS, A, B, C, searched, to_full_text, vote

COUNTS = st.integers(0, 2) | st.integers(0, 500)
TABLES = st.integers(2, 3).flatmap(lambda k: st.lists(st.lists(COUNTS, min_size=k, max_size=k), min_size=k, max_size=k))


@pytest.fixture
def found(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    with open_review(searched(tmp_path_factory, tmp_path / "review")) as opened:
        yield opened


def three(found: Coefficient) -> tuple[str, ...]:
    values = (found.value, found.low, found.high)
    return tuple("none" if value is None else f"{value:.3f}" for value in values)


def test_the_figures_of_the_field_notes() -> None:
    """20 both include, 468 both exclude, 8 and 4 discordant."""
    got = agreement([[20, 8], [4, 468]])
    assert got.n == 500
    assert three(got.kappa) == ("0.757", "0.624", "0.889")
    assert got.pabak.value == pytest.approx(0.952, abs=1e-12)
    assert three(got.ac1) == ("0.973", "0.958", "0.989")
    assert three(got.raw) == ("0.976", "0.959", "0.986")


def test_a_table_of_three_by_hand() -> None:
    """Fleiss, Cohen and Everitt 1969 is for any number of categories; here by the sums written out."""
    table = [[10, 2, 1], [3, 8, 2], [0, 1, 13]]
    got = agreement(table)
    rows, columns, n = [13, 13, 14], [13, 11, 16], 40
    chance = sum(r * c for r, c in zip(rows, columns, strict=True)) / n**2
    assert got.kappa.value == pytest.approx((31 / 40 - chance) / (1 - chance))
    assert got.pabak.value == pytest.approx((3 * 31 / 40 - 1) / 2)
    share = [(r + c) / 80 for r, c in zip(rows, columns, strict=True)]
    random = sum(s * (1 - s) for s in share) / 2
    assert got.ac1.value == pytest.approx((31 / 40 - random) / (1 - random))


@pytest.mark.parametrize(("table", "kappa", "ac1"), [
    ([[0, 0], [0, 0]], (None, NO_ITEMS), (None, NO_ITEMS)),
    ([[0, 0], [0, 30]], (None, ONE_CATEGORY), (1.0, NO_WIDTH)),
    ([[5, 0], [0, 30]], (1.0, NO_WIDTH), (1.0, NO_WIDTH)),
    ([[0, 0], [4, 30]], (0.0, CONSTANT), None),
    ([[0, 4], [0, 30]], (0.0, CONSTANT), None),
    ([[0, 30], [0, 0]], (0.0, CONSTANT), None),
])  # fmt: skip
def test_a_degenerate_table_has_a_stated_answer(
    table: list[list[int]], kappa: tuple[float | None, str], ac1: tuple[float | None, str] | None
) -> None:
    got = agreement(table)
    assert (got.kappa.value, got.kappa.why) == kappa
    if ac1 is not None:
        assert (got.ac1.value, got.ac1.why) == ac1
    assert got.n == 0 or got.raw.low is not None


@given(TABLES)
def test_no_table_gives_a_figure_that_is_none(table: list[list[int]]) -> None:
    got = agreement(table)
    for one in (got.raw, got.kappa, got.pabak, got.ac1):
        assert (one.value is None or one.low is None) == bool(one.why)
        given_ = [value for value in (one.low, one.value, one.high) if value is not None]
        assert all(math.isfinite(value) and -1 - 1e-12 <= value <= 1 + 1e-12 for value in given_)
        assert all(a <= b + 1e-12 for a, b in itertools.pairwise(given_))


@given(TABLES)
def test_who_comes_first_does_not_matter(table: list[list[int]]) -> None:
    turned = agreement([list(column) for column in zip(*table, strict=True)])
    for one, other in zip((agreement(table).kappa, agreement(table).ac1), (turned.kappa, turned.ac1), strict=True):
        assert one.why == other.why
        assert (one.value, one.low) == (pytest.approx(other.value), pytest.approx(other.low))


@pytest.mark.parametrize("table", [[[1]], [[1, 2]], [[1, 2], [3]], [[1, -2], [3, 4]]])
def test_another_shape_is_refused(table: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="square"):
        agreement(table)


# Of a review -----------------------------------------------------------------------------------------------------


def tables(found: Open) -> dict[tuple[str, int, str, str], tuple[tuple[int, ...], ...]]:
    return {(p.stage, p.round, p.first, p.second): p.two.table for p in work.pairs(found)}


def test_pairs_are_right_when_reviewers_changed(found: Open) -> None:
    """C takes over from B: three pairs of one stage stand apart, and unsure is no exclusion."""
    vote(found, REPORTS[0], "title-abstract", "include", "include")
    vote(found, REPORTS[1], "title-abstract", "unsure", "exclude")
    vote(found, REPORTS[2], "title-abstract", "exclude", "exclude")
    for who, verdict in ((A, "exclude"), (C, "exclude")):
        judge.vote(found, REPORTS[3], "title-abstract", who, verdict, "X01_not_primary")  # type: ignore[arg-type]
    for who in (B, C):
        judge.vote(found, REPORTS[4], "title-abstract", who, "include")
    judge.vote(found, REPORTS[5], "title-abstract", A, "include")  # open: in no table
    assert tables(found) == {
        ("title-abstract", 1, A, B): ((1, 1), (0, 1)),
        ("title-abstract", 1, A, C): ((0, 0), (0, 1)),
        ("title-abstract", 1, B, C): ((1, 0), (0, 0)),
    }
    unsure = {(p.first, p.second): p.three for p in work.pairs(found)}
    assert unsure[A, C] is None
    assert unsure[A, B] is not None
    assert unsure[A, B].table == ((1, 0, 0), (0, 0, 1), (0, 0, 1))


def test_conflicts_count_when_they_are_ruled_on_and_by_the_votes(found: Open) -> None:
    to_full_text(found, REPORTS[0])
    vote(found, REPORTS[0], "full-text", "include", "exclude")
    assert ("full-text", 1, A, B) not in tables(found)
    assert work.report(found)["in_conflict_not_counted"] == {"full-text": 1}
    judge.resolve(found, REPORTS[0], "full-text", JUDGE, "include")
    assert tables(found)["full-text", 1, A, B] == ((0, 1), (0, 0))
    assert work.report(found)["in_conflict_not_counted"] == {}


def test_each_round_has_a_table_of_its_own(found: Open) -> None:
    vote(found, REPORTS[0], "title-abstract", "exclude", "exclude")
    judge.reopen(found, REPORTS[0], "title-abstract", A, "a correction")
    judge.vote(found, REPORTS[0], "title-abstract", A, "include")
    assert tables(found) == {("title-abstract", 1, A, B): ((0, 0), (0, 1))}  # the open round shows nothing
    judge.vote(found, REPORTS[0], "title-abstract", B, "include")
    assert tables(found) == {
        ("title-abstract", 1, A, B): ((0, 0), (0, 1)), ("title-abstract", 2, A, B): ((1, 0), (0, 0)),
    }  # fmt: skip


def test_the_command_tells_people_and_programs(found: Open, lsr: Command) -> None:
    at = ("--review", found.review.folder)
    assert lsr("agreement", *at).out == "No closed item has two votes yet.\n"
    vote(found, REPORTS[0], "title-abstract", "include", "include")
    vote(found, REPORTS[1], "title-abstract", "unsure", "exclude")
    vote(found, REPORTS[2], "title-abstract", "exclude", "exclude")
    shown = lsr("agreement", *at).out
    for words in ("title-abstract, round 1: demo-a (rows) and demo-b (columns), n = 3", "raw agreement  0.667",
                  "Cohen's kappa  0.400", "PABAK          0.333", "Gwet's AC1", "with unsure by itself"):  # fmt: skip
        assert words in shown, words
    told = json.loads(lsr("agreement", "--json", *at).out)
    assert told["pairs"][0]["two"]["table"] == [[1, 1], [0, 1]]
    assert told["pairs"][0]["two"]["kappa"]["value"] == pytest.approx(0.4)
    assert told["categories"]["two"] == ["include or unsure", "exclude"]
