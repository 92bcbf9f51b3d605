"""Clusters: a function of the records, their duplicates and people's decisions; no chain joins what contradicts."""

from __future__ import annotations

from itertools import combinations
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from curation.clusters import Clustering, Two, cluster, clusters, contradict, unsettled
from curation.dedupe import find_duplicates
from curation.similarity import describe
from db.model import Duplicate, Record
from tests.made_up import records

SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.integers(2, 12)
MANY = settings(max_examples=200, deadline=None)


def partition(kept: dict[str, str]) -> set[frozenset[str]]:
    groups: dict[str, set[str]] = {}
    for record, first in kept.items():
        groups.setdefault(first, set()).add(record)
    return {frozenset(group) for group in groups.values()}


def two_of(random: Random, found: list[Record], most: int) -> list[Two]:
    pairs = [(a.id, b.id) for a, b in combinations(found, 2)]
    return random.sample(pairs, min(len(pairs), random.randrange(most)))


def bold(random: Random, found: list[Record]) -> list[Duplicate]:
    """What the rules say, and as much again that they would not: certain pairs at random."""
    made_up = [
        Duplicate(b, a, ("made up",), True, random.choice((0.9, 0.95, 1.0))) for a, b in two_of(random, found, 8)
    ]
    return [*find_duplicates(found), *made_up]


@MANY
@given(SEEDS, SIZES)
def test_the_order_of_the_input_does_not_matter(seed: int, size: int) -> None:
    random, found = Random(seed), records(seed, size)
    pairs, together, apart = bold(random, found), two_of(random, found, 3), two_of(random, found, 4)
    standing = two_of(random, found, 3)
    first = cluster(found, pairs, together, apart, standing)
    turned = [Duplicate(p.same_as, p.record, p.evidence, p.certain, p.score) for p in pairs]
    for each in (found, pairs, turned, together, apart, standing):
        random.shuffle(each)  # type: ignore[arg-type]
    again = cluster(found, turned, [(b, a) for a, b in together], [(b, a) for a, b in apart], standing)
    assert partition(again.kept) == partition(first.kept)
    assert set(again.parted) == set(first.parted)
    assert partition(cluster(found, [*pairs, *turned], together, apart, standing).kept) == partition(first.kept)


@MANY
@given(SEEDS, SIZES)
def test_no_chain_joins_two_records_that_contradict(seed: int, size: int) -> None:
    found = records(seed, size)
    pairs = bold(Random(seed), found)
    certain = {frozenset((pair.record, pair.same_as)) for pair in pairs if pair.certain}
    form = {record.id: describe(record) for record in found}
    for group in partition(clusters(found, pairs)):
        for a, b in combinations(sorted(group), 2):
            assert frozenset((a, b)) in certain or not contradict(form[a], form[b])


@MANY
@given(SEEDS, SIZES)
def test_two_records_with_different_certain_ids_never_meet_without_a_person(seed: int, size: int) -> None:
    found = records(seed, size)
    by_id = {record.id: record for record in found}
    for group in partition(clusters(found, find_duplicates(found))):
        for a, b in combinations(sorted(group), 2):
            one, other = by_id[a], by_id[b]
            if one.pmid and other.pmid and one.pmid != other.pmid:
                assert one.doi == other.doi != ""  # printed alike by both: a case for the rules, not for a chain
            if one.doi and other.doi and one.doi != other.doi:
                assert one.pmid == other.pmid != ""


@MANY
@given(SEEDS, SIZES)
def test_what_people_decided_holds(seed: int, size: int) -> None:
    random, found = Random(seed), records(seed, size)
    together, apart = two_of(random, found, 4), two_of(random, found, 5)
    made = cluster(found, bold(random, found), together, apart, two_of(random, found, 4))
    for a, b in apart:
        assert made.kept[a] != made.kept[b]
    for a, b in together:
        assert (made.kept[a] != made.kept[b]) == ((min(a, b), max(a, b)) in made.parted)
    if not apart:
        assert made.parted == ()


@MANY
@given(SEEDS, SIZES)
def test_the_joins_say_how_each_cluster_came_about(seed: int, size: int) -> None:
    random, found = Random(seed), records(seed, size)
    together, apart = two_of(random, found, 3), two_of(random, found, 3)
    made = cluster(found, bold(random, found), together, apart)
    linked = [(pair.record, pair.same_as) for pair in made.joins] + [two for two in together if two not in made.parted]
    group = {record.id: {record.id} for record in found}
    for a, b in linked:
        if made.kept[a] == made.kept[b] and group[a] is not group[b]:
            group[a] |= group[b]
            for member in group[b]:
                group[member] = group[a]
    assert {frozenset(each) for each in group.values()} == partition(made.kept)
    for pair in unsettled([*find_duplicates(found)], made.kept, apart):
        assert made.kept[pair.record] != made.kept[pair.same_as]
        assert not {(pair.record, pair.same_as), (pair.same_as, pair.record)} & set(apart)


def chain() -> tuple[list[Record], list[Duplicate]]:
    """a~b~c, where a and c contradict: different DOIs."""
    a = Record("x", "a", title="One title of a certain length", doi="10.1/a")
    b = Record("x", "b", title="One title of a certain length")
    c = Record("x", "c", title="One title of a certain length", doi="10.1/c")
    return [a, b, c], [Duplicate("x:b", "x:a", ("e",), True, 0.9), Duplicate("x:c", "x:b", ("f",), True, 0.95)]


def groups(made: Clustering) -> set[str]:
    return {"".join(sorted(record[-1] for record in group)) for group in partition(made.kept)}


def test_the_surer_pair_of_a_contradictory_chain_joins_and_the_other_is_asked_about() -> None:
    found, pairs = chain()
    made = cluster(found, pairs)
    assert groups(made) == {"a", "bc"}
    assert unsettled(pairs, made.kept) == [pairs[0]]


def test_what_stands_is_joined_first_and_the_surer_pair_is_asked_about() -> None:
    found, pairs = chain()
    made = cluster(found, pairs, standing=[("x:a", "x:b")])
    assert groups(made) == {"ab", "c"}
    assert unsettled(pairs, made.kept) == [pairs[1]]


def test_a_person_may_join_what_contradicts_and_part_what_is_certain() -> None:
    found, pairs = chain()
    assert groups(cluster(found, pairs, together=[("x:c", "x:a")])) == {"abc"}
    made = cluster(found, pairs, together=[("x:c", "x:a")], apart=[("x:a", "x:b")])
    assert groups(made) == {"ac", "b"}, "b is certain with c, but a person put c with a, and b apart from a"
    assert unsettled(pairs, made.kept, [("x:a", "x:b")]) == []


def test_decisions_that_contradict_part_rather_than_join() -> None:
    found, pairs = chain()
    made = cluster(found, [], [("x:a", "x:b"), ("x:b", "x:c")], [("x:a", "x:c")])
    assert groups(made) == {"ab", "c"}
    assert made.parted == (("x:b", "x:c"),)
    assert cluster(found, pairs, apart=[("x:a", "x:b"), ("x:b", "x:c")]).joins == ()


def test_a_pair_no_longer_found_joins_last_and_never_against_what_is_printed() -> None:
    found, pairs = chain()
    former = [Duplicate("x:b", "x:a", ("once",), True, 1.0)]
    assert groups(cluster(found, [], former=former)) == {"ab", "c"}
    assert groups(cluster(found, [pairs[1]], former=former)) == {"a", "bc"}
