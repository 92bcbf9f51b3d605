"""Pairs of duplicates → clusters, so that no chain joins two records that contradict each other.

What comes out is a function of the set of records, their duplicates and what people decided: neither the order of the
input nor the weeks in which it came matter.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from curation.compact import content_of, ids_of
from curation.rules import contradictions
from curation.similarity import Comparison, Described, describe, veto
from db.model import Duplicate, Record

Two = tuple[str, str]  # the ids of two records, in any order


@dataclass(frozen=True, slots=True)
class Clustering:
    """What became of the pairs."""

    kept: dict[str, str]  # every record's id → the id of its cluster's record that stands first in the input
    joins: tuple[Duplicate, ...]  # the certain pairs by which the machine joined clusters, surest first
    parted: tuple[Two, ...]  # pairs to be together that could not be: their clusters hold two records decided apart


def clusters(
    records: Sequence[Record],
    duplicates: Sequence[Duplicate],
    together: Collection[Two] = (),
    apart: Collection[Two] = (),
) -> dict[str, str]:
    """Every record's id → the id of the record that its cluster keeps: the one that stands first in `records`.

    See `cluster`, which also says how the clusters came about.
    """
    return cluster(records, duplicates, together, apart).kept


def cluster(
    records: Sequence[Record],
    duplicates: Sequence[Duplicate],
    together: Collection[Two] = (),
    apart: Collection[Two] = (),
    standing: Collection[Two] = (),
    former: Sequence[Duplicate] = (),
) -> Clustering:
    """Join what is certain, surest first, as long as no record of one side contradicts a record of the other.

    "a like b" and "b like c" do not make a and c one publication when their identifiers differ or a veto parts them.
    `together` and `apart` are what people decided: of these two, apart wins, and both win over any evidence. Two
    records that contradict each other meet in one cluster only if a person put them, or what they stand with,
    together. `standing` pairs were joined before and people have worked on the result: they stay together whatever
    the evidence says now, unless decided apart. `former` pairs were certain once and are not found any more (rules and
    printed records change): they join last, where nothing contradicts. All ids must be among the records.
    """
    certain = [pair for pair in duplicates if pair.certain]
    ids = ids_of(records)
    position = dict(zip(ids, range(len(ids)), strict=True))
    groups = _Groups(records, position, [*certain, *former], (*together, *standing), apart)
    groups.certain = {_ordered((pair.same_as, pair.record)) for pair in certain}
    parted = [pair for pair in sorted(map(_ordered, together)) if not groups.put_together(*pair)]
    parted += [pair for pair in sorted(map(_ordered, standing)) if not groups.put_together(*pair, stands=True)]
    in_turn = (*sorted(certain, key=_surest), *sorted(former, key=_surest))
    joins = [pair for pair in in_turn if groups.join(pair.same_as, pair.record)]
    kept = dict(zip(ids, ids, strict=True))
    for members in {id(members): members for members in groups.whole.values()}.values():
        kept |= dict.fromkeys(members, min(members, key=position.__getitem__))
    return Clustering(kept, tuple(joins), tuple(parted))


def unsettled(duplicates: Sequence[Duplicate], kept: Mapping[str, str], apart: Iterable[Two] = ()) -> list[Duplicate]:
    """The pairs to put before people: the best between each two clusters of `kept` (the result of `clusters`)
    that `duplicates` suggests to be one and nobody decided to be `apart`, surest first."""
    best: dict[Two, Duplicate] = {}
    decided = {_ordered((kept[a], kept[b])) for a, b in apart}
    for pair in sorted(duplicates, key=lambda each: (not each.certain, *_surest(each))):
        between = _ordered((kept[pair.same_as], kept[pair.record]))
        if between[0] != between[1] and between not in decided:
            best.setdefault(between, pair)
    return list(best.values())


class _Groups:
    """Clusters in the making, of the records that stand in any pair. `whole` is a record's cluster; `block` the part of
    it that is consistent in itself: a cluster has several blocks only where people joined what contradicts. `faces` are
    a block's records that print something of their own, the least id of each: ten thousand copies are compared once."""

    def __init__(
        self,
        records: Sequence[Record],
        position: Mapping[str, int],
        pairs: Iterable[Duplicate],
        more: Iterable[Two],
        apart: Iterable[Two],
    ) -> None:
        ids = {end for pair in pairs for end in (pair.same_as, pair.record)} | {end for two in more for end in two}
        self.whole = {record_id: [record_id] for record_id in ids}
        self.block = {record_id: [record_id] for record_id in ids}
        self.faces = {record_id: {content_of(records, position[record_id]): record_id} for record_id in ids}
        self.records, self.position = records, position
        self.described: dict[str, Described] = {}
        self.certain: set[Two] = set()  # what the rules call one publication is no contradiction by itself
        self.apart_from: dict[str, set[str]] = defaultdict(set)
        for a, b in apart:
            self.apart_from[a].add(b)
            self.apart_from[b].add(a)

    def join(self, a: str, b: str) -> bool:
        """Join the clusters of a certain pair; False if they are one already or cannot be."""
        if self.whole[a] is self.whole[b] or self._kept_apart(a, b) or self._contradict(a, b):
            return False
        _unite(self.whole, a, b)
        self._unite_blocks(a, b)
        return True

    def put_together(self, a: str, b: str, *, stands: bool = False) -> bool:
        """One cluster whatever the evidence; False if people keep the two apart. What stands is one block as well."""
        if self.whole[a] is not self.whole[b]:
            if self._kept_apart(a, b):
                return False
            _unite(self.whole, a, b)
        if self.block[a] is not self.block[b] and (stands or not self._contradict(a, b)):
            self._unite_blocks(a, b)
        return True

    def _kept_apart(self, a: str, b: str) -> bool:
        if not self.apart_from:
            return False
        theirs = set(self.whole[b])
        return any(theirs & self.apart_from[member] for member in self.whole[a] if member in self.apart_from)

    def _contradict(self, a: str, b: str) -> bool:
        return any(
            _ordered((x, y)) not in self.certain and contradict(self._form(x), self._form(y))
            for x in self.faces[self.block[a][0]].values()
            for y in self.faces[self.block[b][0]].values()
        )

    def _unite_blocks(self, a: str, b: str) -> None:
        one, other = sorted((self.faces[self.block[end][0]] for end in (a, b)), key=len, reverse=True)
        for printed, face in other.items():
            one[printed] = min(face, one.get(printed, face))
        _unite(self.block, a, b)
        self.faces[self.block[a][0]] = one

    def _form(self, record_id: str) -> Described:
        if record_id not in self.described:
            self.described[record_id] = describe(self.records[self.position[record_id]])
        return self.described[record_id]


def contradict(one: Described, other: Described) -> bool:
    """Whether the two cannot be one publication, whatever stands between them: a veto, two PMIDs, two DOIs, two
    trials, or two contradictions in what they print."""
    if veto(one, other):
        return True
    pair = Comparison(one, other, None)
    if pair.doi or pair.pmid:
        return False
    return pair.pmid is False or pair.doi is False or pair.trials is False or len(contradictions(pair)) > 1


def _unite(groups: dict[str, list[str]], a: str, b: str) -> None:
    one, other = sorted((groups[a], groups[b]), key=len, reverse=True)
    one.extend(other)
    for member in other:
        groups[member] = one


def _ordered(two: Two) -> Two:
    return (two[0], two[1]) if two[0] < two[1] else (two[1], two[0])


def _surest(pair: Duplicate) -> tuple[float, str, str]:
    return (-pair.score, *_ordered((pair.same_as, pair.record)))
