"""What a run shows that a person must look at: each sign asks once, what was accepted does not ask again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.specs import KnownItemSpec, SourceSpec
from harvest.source import Harvest
from harvest.watch import Earlier, known_items, questions

SPEC = SourceSpec("pubmed", "database", "databases", query="a query")
Log = tuple[tuple[str, str], ...]
TRANSLATED = ("query translation", "a query[All]")
DROPPED = ("warning: QuotedPhraseNotFound", '"unicornwombat"[tiab]')
IGNORED = ("warning: PhraseIgnored", "the")
OTHER = ("warning: OutputMessage", "Wildcard search used only the first 600 variations")


def found(hits: int = 10, *log: tuple[str, str]) -> Harvest:
    return Harvest(hits, (), (), log)


def runs(*hits: int, query: str = "a query", log: Log = ()) -> list[Earlier]:
    return [Earlier(f"pubmed-{number}", query, n, log) for number, n in enumerate(hits, 1)]


def keys(harvest: Harvest, earlier: list[Earlier], accepted: tuple[str, ...] = (), **more: object) -> list[str]:
    return [q.key for q in questions(harvest, SPEC, earlier, accepted, max_jump=0.5, **more)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("log", "before", "asked"),
    [
        ((), None, []),
        ((TRANSLATED,), None, []),  # the first run: nothing to compare the translation with
        ((DROPPED,), None, ["warning: QuotedPhraseNotFound: \"unicornwombat\"[tiab]"]),
        ((OTHER,), None, ["warning: OutputMessage: Wildcard search used only the first 600 variations"]),
        ((DROPPED,), (DROPPED,), []),
        ((DROPPED, IGNORED), (DROPPED,), ["warning: PhraseIgnored: the"]),
        ((IGNORED, IGNORED), (), ["warning: PhraseIgnored: the"]),
        ((), (DROPPED,), []),  # a warning that is gone is none
        ((("hits", "10"),), (("hits", "9"),), []),
        ((TRANSLATED,), (TRANSLATED,), []),
        ((TRANSLATED,), (), []),
        ((TRANSLATED,), (("query translation", "b"),), ["translation: "]),
    ],
)  # fmt: skip
def test_warnings_and_translations(log: Log, before: Log | None, asked: list[str]) -> None:
    earlier = [] if before is None else runs(10, log=before)
    assert [key[:13] if key.startswith("tr") else key for key in keys(found(10, *log), earlier)] == asked


def test_a_dropped_phrase_is_named_in_words() -> None:
    (question,) = questions(found(10, DROPPED), SPEC, [], (), max_jump=0.5)
    assert "dropped" in question.words
    assert "unicornwombat" in question.words
    assert not any(key.startswith("translation") for key in keys(found(10, TRANSLATED), runs(10, query="another")))


@pytest.mark.parametrize(
    ("hits", "before", "asks"),
    [
        (100, (), False),
        (150, (100,), False),
        (151, (100,), True),
        (50, (100,), False),
        (49, (100,), True),
        (540, (30, 540, 540), False),  # 540 after 30 was a jump that a person accepted: a new level
        (30, (30, 540, 540), True),  # and back again is judged anew
        (4, (2,), False),  # two new records are no jump, whatever the share
        (6, (2,), False),
        (7, (2,), True),  # more than three times the square root of the median
        (0, (1,), True),  # what was found once is found by the whole query again
        (0, (0,), False),
        (3, (0, 0), False),
        (4, (0, 0), True),
        (200, (10, 12, 100, 100, 100, 100, 100, 100, 100, 100), True),
        (140, (100, 100, 900, 100), False),
        (5, (400, 400, 400), True),
    ],
)
def test_a_jump_in_hits(hits: int, before: tuple[int, ...], asks: bool) -> None:
    assert bool(keys(found(hits), runs(*before))) == asks


def test_only_runs_of_the_same_query_are_compared() -> None:
    assert keys(found(900), runs(10, 10, query="another query")) == []
    assert keys(found(900), [*runs(10, 10), *runs(900, query="another query")]) == ["jump after pubmed-2: 900"]


def test_the_median_is_of_the_last_eight() -> None:
    assert keys(found(14), runs(*[10] * 3, *[20] * 8)) == []
    assert keys(found(45), runs(*[40] * 9, *[25, 28, 30, 30, 30, 30, 30, 30])) == []
    assert keys(found(47), runs(*[40] * 9, *[25, 28, 30, 30, 30, 30, 30, 30])) == ["jump after pubmed-17: 47"]


def test_an_accepted_jump_is_good_for_its_own_run_and_judged_anew_later() -> None:
    before = runs(540, 541, 540)
    (key,) = keys(found(900), before)
    assert keys(found(900), before, (key,)) == []
    assert keys(found(904), before, (key,)) == []  # some days on, the same jump
    assert keys(found(5_000), before, (key,)) != []  # another one
    after = [*before, Earlier("pubmed-4", "a query", 900)]
    assert keys(found(903), after) == []  # the new level
    assert keys(found(540), [*after, Earlier("pubmed-5", "a query", 900)], (key,)) == []  # 40 % less
    assert keys(found(440), [*after, Earlier("pubmed-5", "a query", 900)], (key,)) != []


def test_known_items_by_source() -> None:
    items = (
        KnownItemSpec(("pubmed", "crossref"), ("10.1/a", "10.1/b"), ("7",)),
        KnownItemSpec(("embase",), ("10.1/c",)),
        KnownItemSpec(("pubmed",), ("10.1/a", "10.1/d")),
    )
    known = known_items(items, "pubmed", {"10.1/a", "pmid:7"})
    assert known.found == ("10.1/a", "pmid:7")
    assert known.missing == ("10.1/b", "10.1/d")
    assert known_items(items, "embase", ()).missing == ("10.1/c",)
    assert known_items(items, "ash", ()).missing == ()
    asked = keys(found(10), runs(10), missing=known.missing)
    assert asked == ["known item: 10.1/b", "known item: 10.1/d"]
    assert keys(found(10), runs(10), ("known item: 10.1/b",), missing=known.missing) == ["known item: 10.1/d"]


LOGS = st.lists(st.sampled_from([DROPPED, IGNORED, OTHER, TRANSLATED, ("query translation", "c")]), max_size=4)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 300), LOGS, st.sampled_from(["a query", "b"])), max_size=10),
    st.integers(0, 300),
    LOGS,
    st.lists(st.sampled_from(["10.1/a", "10.1/b"]), unique=True),
)
def test_whatever_was_asked_and_accepted_is_not_asked_again(
    before: list[tuple[int, list[tuple[str, str]], str]], hits: int, log: list[tuple[str, str]], missing: list[str]
) -> None:
    earlier = [Earlier(f"r{i}", query, n, tuple(lines)) for i, (n, lines, query) in enumerate(before)]
    asked = keys(found(hits, *log), earlier, missing=missing)
    assert len(set(asked)) == len(asked)
    assert keys(found(hits, *log), earlier, tuple(asked), missing=missing) == []
    for key in asked:  # each is its own: accepting one leaves the others
        assert keys(found(hits, *log), earlier, (key,), missing=missing) == [k for k in asked if k != key]
