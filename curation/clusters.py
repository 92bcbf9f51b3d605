"""Pairs of duplicates → clusters, so that no chain joins two records that contradict each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from curation.rules import contradictions
from curation.similarity import Comparison, Described, describe, veto
from db.model import Duplicate, Record


def clusters(records: Sequence[Record], duplicates: Sequence[Duplicate]) -> dict[str, str]:
    """Every record's id → the id of the record that its cluster keeps: the one that stands first in `records`.

    Only certain duplicates join, surest first. Two clusters join unless a record of the one contradicts a record
    of the other ("a like b" and "b like c" do not make a and c one publication when their identifiers differ or
    a veto parts them). Records without duplicates keep themselves. The result does not depend on the order of
    `duplicates`.
    """
    position = {record.id: number for number, record in enumerate(records)}
    group = {record.id: [record.id] for record in records}
    described: dict[str, Described] = {}

    def form(record_id: str) -> Described:
        if record_id not in described:
            described[record_id] = describe(records[position[record_id]])
        return described[record_id]

    for pair in sorted(duplicates, key=lambda each: (-each.score, each.same_as, each.record)):
        one, other = group[pair.same_as], group[pair.record]
        if not pair.certain or one is other:
            continue
        if any(_apart(form(a), form(b)) for a in one for b in other):
            continue
        one.extend(other)
        for member in other:
            group[member] = one
    return {record_id: min(members, key=position.__getitem__) for record_id, members in group.items()}


def unsettled(duplicates: Sequence[Duplicate], kept: Mapping[str, str]) -> list[Duplicate]:
    """The pairs to put before people: the best between each two clusters of `kept` (the result of `clusters`)
    that `duplicates` suggests to be one, surest first."""
    best: dict[tuple[str, str], Duplicate] = {}
    for pair in sorted(duplicates, key=lambda each: (not each.certain, -each.score, each.same_as, each.record)):
        one, other = kept[pair.same_as], kept[pair.record]
        if one != other:
            best.setdefault((min(one, other), max(one, other)), pair)
    return list(best.values())


def _apart(one: Described, other: Described) -> bool:
    """Whether the two cannot be one publication, whatever stands between them."""
    pair = Comparison(one, other, None)
    if veto(one, other):
        return True
    if pair.doi or pair.pmid:
        return False
    return pair.trials is False or len(contradictions(pair)) > 1
