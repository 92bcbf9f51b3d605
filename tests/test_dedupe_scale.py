"""What holds however many records there are, in whatever order and portions they come.

Records are drawn from a few words, names, pages and numbers, so that most share keys with several others, print the
same as another, or contradict each other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from curation import dedupe
from curation.clusters import clusters
from curation.compact import CompactRecords, content
from curation.dedupe import find_duplicates
from curation.increment import keys_of, touched
from db import blocks
from db.model import Author, Duplicate, Notice, Record
from db.records import RunNote, store_run
from db.review import Review
from db.verify import verify

TITLES = (
    "Durable remission after infusion of engineered cells in adults",
    "Durable remission after infusion of enginered cells in adults",
    "Durable remission after infusion of engineered cells",
    "Cytokine release in a cohort of children with leukaemia: part 1",
    "Cytokine release in a cohort of children with leukaemia: part 2",
    "Editorial",
    "",
)
AUTHORS = (Author("Li", "X"), Author("Wang", "Yan"), Author("Müller", "A B"))
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "source": st.sampled_from(("pubmed", "embase")),
    "title": st.sampled_from(TITLES),
    "authors": st.lists(st.sampled_from(AUTHORS), max_size=2).map(tuple),
    "year": st.sampled_from((None, 2020, 2021, 2023)),
    "journal": st.sampled_from(("", "Blood", "Journal of Clinical Oncology", "J Clin Oncol")),
    "volume": st.sampled_from(("", "4", "5")),
    "pages": st.sampled_from(("", "101-9", "101-109", "e33")),
    "doi": st.sampled_from(("", "", "10.1000/a", "10.1000/b")),
    "pmid": st.sampled_from(("", "", "11", "12")),
}
PRINTED = st.builds(Record, native_id=st.just(""), **FIELDS)
MANY = st.lists(PRINTED, max_size=8).map(lambda found: [replace(r, native_id=str(n)) for n, r in enumerate(found)])


def pairs(found: Iterable[Duplicate]) -> dict[frozenset[str], tuple[bool, tuple[str, ...], float]]:
    """What was found, without who stands first; each pair must come once."""
    listed = [(frozenset((each.record, each.same_as)), (each.certain, each.evidence, each.score)) for each in found]
    assert len(dict(listed)) == len(listed)
    return dict(listed)


def published(records: Sequence[Record], found: Sequence[Duplicate]) -> set[frozenset[str]]:
    """The clusters, without the name that each has."""
    members: dict[str, set[str]] = {}
    for record, kept in clusters(records, found).items():
        members.setdefault(kept, set()).add(record)
    return {frozenset(each) for each in members.values()}


class Memory:
    """Known records with their index, in memory; it counts what is read."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.index: dict[int, set[str]] = {}
        self.read: set[str] = set()

    def add(self, records: Iterable[Record]) -> None:
        for record in records:
            self.records[record.id] = record
            for key in keys_of(record):
                self.index.setdefault(key, set()).add(record.id)

    def having(self, keys: Collection[int]) -> set[str]:
        return set().union(*(self.index.get(key, set()) for key in keys))

    def load(self, ids: Collection[str]) -> list[Record]:
        self.read |= set(ids)
        return [self.records[each] for each in ids]


@given(MANY, st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_the_order_of_the_input_changes_no_pair(records: list[Record], random: Any) -> None:
    shuffled = random.sample(records, len(records))
    found = find_duplicates(records)
    assert pairs(find_duplicates(shuffled)) == pairs(found)
    place = {record.id: number for number, record in enumerate(records)}
    assert all(place[each.same_as] < place[each.record] for each in found)


@given(MANY)
@settings(max_examples=40)
def test_whether_two_records_are_one_publication_depends_on_these_two_alone(records: list[Record]) -> None:
    distinct = list({content(record): record for record in records}.values())
    alone = [each for two in combinations(distinct, 2) for each in find_duplicates(two)]
    assert pairs(find_duplicates(distinct)) == pairs(alone)


@given(MANY, st.sets(st.integers(0, 11)))
@settings(max_examples=40)
def test_pairs_with_a_new_record_are_those_of_all_pairs(records: list[Record], chosen: set[int]) -> None:
    new = frozenset(record.id for number, record in enumerate(records) if number in chosen)
    assert pairs(find_duplicates(records, new)) == {
        pair: told for pair, told in pairs(find_duplicates(records)).items() if pair & new
    }


@given(MANY)
@settings(max_examples=40)
def test_importing_twice_adds_the_copies_pairs_alone(records: list[Record]) -> None:
    """What is one publication stays one: each copy goes to its record wherever copies are certainly the same."""
    again = [replace(record, native_id=f"z{record.native_id}") for record in records]
    once, twice = find_duplicates(records), find_duplicates([*records, *again])
    ids = {record.id for record in records}
    assert {pair: told for pair, told in pairs(twice).items() if pair <= ids} == pairs(once)
    for record, copy in zip(records, again, strict=True):
        both = find_duplicates([record, copy])
        if both and both[0].certain:
            assert any({copy.id, record.id} <= cluster for cluster in published([*records, *again], twice))


@given(MANY)
@settings(max_examples=40)
def test_copies_are_one_cluster_as_if_all_were_compared(records: list[Record]) -> None:
    """Each copy is paired with one record alone, and yet the clusters are those of all pairs."""
    every = [each for two in combinations(records, 2) for each in find_duplicates(two)]
    assert {pair for pair, told in pairs(find_duplicates(records)).items() if told[0]} <= set(pairs(every))
    certain = [each for each in every if each.certain]
    linked, compared = _connected(records, certain), _connected(records, find_duplicates(records))
    assert linked == compared


def _connected(records: Sequence[Record], found: Iterable[Duplicate]) -> set[frozenset[str]]:
    group = {record.id: {record.id} for record in records}
    for each in found:
        if each.certain and group[each.record] is not group[each.same_as]:
            one, other = group[each.record], group[each.same_as]
            one |= other
            for member in other:
                group[member] = one
    return {frozenset(each) for each in group.values()}


@given(MANY, st.integers(1, 5))
@settings(max_examples=40)
def test_weekly_batches_come_to_what_one_import_gives(records: list[Record], size: int) -> None:
    review = Memory()
    known: dict[frozenset[str], Any] = {}
    for at in range(0, len(records), size):
        batch = records[at : at + size]
        review.add(batch)
        week = touched(batch, review.having, review.load)
        ids = {record.id for record in week.records}
        assert {record.id for record in batch} <= ids
        known = {pair: told for pair, told in known.items() if not pair & ids} | pairs(week.duplicates)
    everything = find_duplicates(records)
    assert known == pairs(everything)


@given(MANY, st.integers(0, 3))
@settings(max_examples=40)
def test_touched_groups_are_whole_and_exactly_those_of_all_records(records: list[Record], count: int) -> None:
    review = Memory()
    review.add(records)
    new = records[:count]
    week = touched(new, review.having, review.load)
    graph = {record.id: {record.id} for record in records}
    everything = pairs(find_duplicates(records))
    for a, b in everything:
        union = graph[a] | graph[b]
        for member in union:
            graph[member] = union
    expected = set().union(*(graph[record.id] for record in new))
    assert {record.id for record in week.records} == expected
    assert pairs(week.duplicates) == {pair: told for pair, told in everything.items() if pair <= expected}


def test_a_decision_made_before_belongs_to_the_group_and_leads_on() -> None:
    """Joined by a person, alike in nothing; and what is alike to the joined one is reached through it."""
    joined = Record("pubmed", "1", "Durable remission after infusion of engineered cells in adults", doi="10.1000/a")
    beyond = replace(joined, source="embase", native_id="2")
    old = Record("pubmed", "3", "Another title altogether, of many words", doi="10.1000/b")
    new = replace(old, source="embase", native_id="4")
    review = Memory()
    review.add([joined, beyond, old, new])
    decided = {"pubmed:1": "pubmed:3", "pubmed:3": "pubmed:1"}
    week = touched([new], review.having, review.load, lambda ids: {decided[each] for each in ids if each in decided})
    assert [record.id for record in week.records] == ["embase:2", "embase:4", "pubmed:1", "pubmed:3"]
    assert set(pairs(week.duplicates)) == {frozenset(("embase:2", "pubmed:1")), frozenset(("embase:4", "pubmed:3"))}


def test_what_shares_no_key_is_not_read() -> None:
    review = Memory()
    review.add(Record("pubmed", str(n), f"Title {'abcdefghij'[n % 10] * 9}{n} of an article of its own", year=1990 + n)
               for n in range(50))  # fmt: skip
    new = Record("embase", "x", TITLES[0], authors=AUTHORS[:1], year=2020)
    review.add([new])
    assert [record.id for record in touched([new], review.having, review.load).records] == ["embase:x"]
    assert review.read == set()


def test_ten_thousand_copies_cost_a_line_each() -> None:
    """Fifty million pairs otherwise: the comparison of two records is counted."""
    record = Record(
        "pubmed", "0", TITLES[0], authors=AUTHORS[:2], year=2020, journal="Blood", volume="4", pages="101-9"
    )
    records = [replace(record, native_id=str(n)) for n in range(10_000)]
    found = find_duplicates(records)
    assert len(found) == len(records) - 1
    assert {each.same_as for each in found} == {"pubmed:0"}


def test_copies_that_say_too_little_stay_apart() -> None:
    records = [Record("pubmed", str(n), "Editorial", year=2020) for n in range(100)]
    assert find_duplicates(records) == []


@given(MANY)
@settings(max_examples=40)
def test_compact_records_are_the_records_without_what_no_comparison_sees(records: list[Record]) -> None:
    whole = [
        replace(r, abstract="Prose", notices=(Notice("UpdateIn", pmid="7"),), url="u", extra={"a": "b"},
                registry_ids=("NCT01234567",), publication_types=("Letter",), vernacular_title="Titel", language="ger")
        for r in records
    ]  # fmt: skip
    compact = CompactRecords(whole)
    assert list(compact) == [replace(r, abstract="", url="", extra={}) for r in whole]
    assert [compact[n] for n in range(len(compact))] == list(compact) == compact[:]
    assert pairs(find_duplicates(compact)) == pairs(find_duplicates(whole))


def test_forms_that_no_longer_fit_in_memory_are_made_again(monkeypatch: Any) -> None:
    records = [
        Record("pubmed", str(n), TITLES[n % 3], authors=AUTHORS[:2], year=2020, pages="101", pmid=str(n))
        for n in range(30)
    ]
    found = find_duplicates(records)
    monkeypatch.setattr(dedupe, "FORMS_HELD", 1)
    assert find_duplicates(CompactRecords(records)) == found
    assert found


def test_a_review_on_disk_reads_what_new_records_touch(tmp_path: Path) -> None:
    """Filled for the runs that it does not cover, new content too; emptied or of another version, it is filled anew."""
    known = [
        Record("pubmed", str(n), f"Title {n} {'abcdefghij'[n % 10] * 12} of its own", doi=f"10.1000/{n}")
        for n in range(40)
    ]
    note = RunNote("pubmed", "databases", "a query", "2026-01-05T06:00:00Z", None)
    with Review.create(tmp_path, clock=lambda: "2026-01-05T06:00:00Z") as review:
        connection = review.connection
        store_run(review, note, known)
        assert blocks.fill(review, keys_of, 1) == 40
        assert blocks.fill(review, keys_of, 1) == 0
        changed = replace(known[3], title="Durable remission after infusion", doi="10.1000/new")
        fresh = Record("embase", "x", "Durable remission, once more and longer", doi="10.1000/new")
        store_run(review, note, [changed])
        store_run(review, replace(note, source="embase"), [fresh])
        assert blocks.fill(review, keys_of, 1) == 2
        read: list[str] = []

        def load(ids: Collection[str]) -> list[Record]:
            read.extend(ids)
            return list(blocks.load(connection, ids))

        week = touched([fresh], lambda keys: blocks.having(connection, keys), load)
        assert read == ["pubmed:3"]
        assert [record.id for record in week.records] == ["embase:x", "pubmed:3"]
        assert week.records[1].title == changed.title
        before = connection.execute("SELECT count(*) FROM block").fetchone()
        assert verify(review) == []
        assert blocks.fill(review, keys_of, 2) == 41
        blocks.forget(review)
        assert blocks.having(connection, keys_of(fresh)) == set()
        assert blocks.fill(review, keys_of, 1) == 41
        assert connection.execute("SELECT count(*) FROM block").fetchone() <= before
