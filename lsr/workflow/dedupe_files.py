"""Duplicates in files, without a review: clusters with the evidence of each merge, and the pairs in doubt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from curation.clusters import Clustering, cluster, unsettled
from curation.compact import CompactRecords
from curation.dedupe import find_duplicates
from curation.kinds import kind_of
from curation.pairsheet import Decided, read_decisions, write_pairs
from curation.recordtable import SOURCE, Row, stream_records, write_clusters
from db.errors import InputError
from db.model import Duplicate
from harvest.files import has_own_ids
from lsr.workflow.files import NotImported, read_records
from lsr.workflow.settle import Progress, quiet


@dataclass(frozen=True, slots=True)
class Deduped:
    """The records in the order of the files, their clusters, the pairs in doubt, and the rows that are no record."""

    records: CompactRecords
    made: Clustering
    queue: tuple[Duplicate, ...]
    decided: tuple[Decided, ...]
    not_read: tuple[NotImported, ...]

    @property
    def publications(self) -> int:
        return len(set(self.made.kept.values()))


def dedupe_files(paths: Sequence[Path], decisions: Path | None = None, progress: Progress = quiet) -> Deduped:
    """Compare the records of files of any format; `decisions` is a filled sheet of `write_queue`.

    A table with ids of its own is read by its ids (the labelled sets' form); everything else as import reads it, and a
    record is named FILE:N. In whatever order the files are named, the clusters hold the same records. InputError: a
    file cannot be read, a decision names no record of theirs, or decisions contradict each other.
    """
    lost: list[NotImported] = []
    if len(paths) == 1 and has_own_ids(paths[0]):
        records = CompactRecords(stream_records(paths[0]))
    else:
        records, lost = read_records(paths, progress)
    native = {record.removeprefix(f"{SOURCE}:") for record in records.ids()}
    decided = read_decisions(decisions, native) if decisions else []
    found = find_duplicates(records, None, lambda done, total: progress("comparing records", done, total))
    same, different = (_two(decided, decision) for decision in ("same", "different"))
    made = cluster(records, found, same, different)
    if made.parted:
        a, b = (record.removeprefix(f"{SOURCE}:") for record in made.parted[0])
        raise InputError(f"{decisions}: {a} and {b} are to be the same, and by other rows to be different: mend one")
    queue = unsettled(found, made.kept, different)
    return Deduped(records, made, tuple(queue), tuple(decided), tuple(lost))


def write_result(path: Path, done: Deduped) -> None:
    """The table of clusters: one row a record, in the order of the files."""
    ids, firsts = done.records.ids(), done.made.kept
    members: dict[str, list[int]] = {}
    for number, record in enumerate(ids):
        members.setdefault(firsts[record], []).append(number)
    kept = {ids[group[0] if len(group) == 1 else _fullest(done.records, group)] for group in members.values()}
    joined = _joined(done)
    rows = (Row(record, firsts[record], record in kept, *joined.get(record, ("", ""))) for record in ids)
    write_clusters(path, rows)


def write_queue(path: Path, done: Deduped) -> None:
    """The sheet of pairs in doubt, to be filled in and read back with `decisions`."""
    numbers = {record: number for number, record in enumerate(done.records.ids())}
    pairs = (
        (done.records[numbers[pair.same_as]], done.records[numbers[pair.record]], pair.evidence) for pair in done.queue
    )
    write_pairs(path, ((a.native_id, b.native_id, a, b, "; ".join(evidence)) for a, b, evidence in pairs))


def _fullest(records: CompactRecords, numbers: Sequence[int]) -> int:
    """The record to keep where only one can be: a database's before a register's, then the one with most fields."""
    return min(numbers, key=lambda n: (kind_of(records[n]) == "registry entry", -records.filled(n), records[n].id))


def _two(decided: Iterable[Decided], decision: str) -> list[tuple[str, str]]:
    return [(f"{SOURCE}:{row.a}", f"{SOURCE}:{row.b}") for row in decided if row.decision == decision]


def _joined(done: Deduped) -> dict[str, tuple[str, str]]:
    """{record: (the record it was joined to, why)}: the pairs of a cluster as a tree, from its first record on."""
    beside: dict[str, list[tuple[str, str]]] = {}
    said = {row.row: (f"{SOURCE}:{row.a}", f"{SOURCE}:{row.b}") for row in done.decided if row.decision == "same"}
    edges = [(pair.same_as, pair.record, "; ".join(pair.evidence)) for pair in done.made.joins]
    edges += [(a, b, f"decided: the same (row {row})") for row, (a, b) in said.items()]
    for a, b, evidence in edges:
        beside.setdefault(a, []).append((b, evidence))
        beside.setdefault(b, []).append((a, evidence))
    joined: dict[str, tuple[str, str]] = {}
    for first in dict.fromkeys(done.made.kept.values()):
        near = [first]
        while near:
            record = near.pop()
            for other, evidence in beside.get(record, ()):
                if other != first and other not in joined:
                    joined[other] = (record, evidence)
                    near.append(other)
    return joined
