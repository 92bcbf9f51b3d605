"""New records against a review that holds many: only what they touch is read.

A review asks once a week what two hundred new records are; it must not read a hundred thousand for that. The new
records' blocking keys are looked up in an index (`db.blocks`), the few known records that have one of them are
loaded and compared, and the duplicates found are followed in turn, since the clusters of a group are made of all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from curation.blocking import blocking_keys
from curation.dedupe import find_duplicates
from curation.similarity import Described, describe
from db.model import Duplicate, Record

Lookup = Callable[[Collection[int]], Collection[str]]
Loader = Callable[[Collection[str]], Iterable[Record]]
Joined = Callable[[Collection[str]], Collection[str]]


@dataclass(frozen=True, slots=True)
class Touched:
    """The records of all groups that new records touch, the new ones included, by id; and the duplicates among them."""

    records: tuple[Record, ...]
    duplicates: tuple[Duplicate, ...]


def keys_of(record: Record) -> Collection[int]:
    """The record's blocking keys, for an index to keep; they change with `curation.blocking.KEY_VERSION`."""
    return blocking_keys(describe(record))


def _none_joined(ids: Collection[str]) -> Collection[str]:
    return ()


def touched(new: Sequence[Record], having: Lookup, load: Loader, joined: Joined = _none_joined) -> Touched:
    """The groups of duplicates that the records `new` touch, whole.

    `having(keys)`: ids of the records, known or new, that have one of these keys; more than these do no harm.
    `load(ids)`: these records, slim or whole; ids that it does not know are passed over. `joined(ids)`: ids that
    decisions made earlier put together with these, whatever the rules say. The duplicates are those that
    `find_duplicates` over all records gives for these groups.
    """
    held = {record.id: record for record in new}
    forms: dict[str, Described] = {}

    def form(record: Record) -> Described:
        if record.id not in forms:
            forms[record.id] = describe(record)
        return forms[record.id]

    members: set[str] = set()
    fresh = set(held)
    while fresh:
        members |= fresh
        near = set(having({key for each in fresh for key in blocking_keys(form(held[each]))}))
        together = set(joined(fresh))
        held |= {record.id: record for record in load(sorted((near | together) - held.keys()))}
        compared = [held[each] for each in sorted((near | fresh) & held.keys())]
        found = find_duplicates(compared, frozenset(fresh), form=form)
        reached = {each for pair in found for each in (pair.record, pair.same_as)} | (together & held.keys())
        fresh = reached - members
    records = tuple(held[each] for each in sorted(members))
    return Touched(records, tuple(find_duplicates(records, form=form)))
