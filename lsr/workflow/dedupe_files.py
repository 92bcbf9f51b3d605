"""Duplicates in files, without a review: clusters with the evidence of each merge, and the pairs in doubt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from curation.clusters import Clustering, cluster, unsettled
from curation.dedupe import find_duplicates
from curation.kept import fullest
from curation.pairsheet import Decided, read_decisions, write_pairs
from curation.recordtable import SOURCE, Row, write_clusters
from curation.recordtable import read_records as read_table
from db.errors import InputError
from db.model import Duplicate, Record
from harvest.files import has_own_ids
from lsr.workflow.files import NotImported, read_records
from lsr.workflow.settle import Progress, quiet


@dataclass(frozen=True, slots=True)
class Deduped:
    """The records in the order of the files, their clusters, the pairs in doubt, and the rows that are no record."""

    records: tuple[Record, ...]
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
        records = read_table(paths[0])
    else:
        records, lost = read_records(paths, progress)
    decided = read_decisions(decisions, {record.native_id for record in records}) if decisions else []
    by_id = sorted(records, key=lambda record: record.id)
    found = find_duplicates(by_id, None, lambda done, total: progress("comparing records", done, total))
    same, different = (_two(decided, decision) for decision in ("same", "different"))
    made = cluster(records, found, same, different)
    if made.parted:
        a, b = (record.removeprefix(f"{SOURCE}:") for record in made.parted[0])
        raise InputError(f"{decisions}: {a} and {b} are to be the same, and by other rows to be different: mend one")
    queue = unsettled(found, made.kept, different)
    return Deduped(tuple(records), made, tuple(queue), tuple(decided), tuple(lost))


def write_result(path: Path, done: Deduped) -> None:
    """The table of clusters: one row a record, in the order of the files."""
    members: dict[str, list[Record]] = {}
    for record in done.records:
        members.setdefault(done.made.kept[record.id], []).append(record)
    kept = {first: fullest(group) for first, group in members.items()}
    joined = _joined(done)
    write_clusters(
        path,
        (
            Row(record.id, first, kept[first] == record.id, *joined.get(record.id, ("", "")))
            for record in done.records
            for first in [done.made.kept[record.id]]
        ),
    )


def write_queue(path: Path, done: Deduped) -> None:
    """The sheet of pairs in doubt, to be filled in and read back with `decisions`."""
    by_id = {record.id: record for record in done.records}
    pairs = ((by_id[pair.same_as], by_id[pair.record], pair.evidence) for pair in done.queue)
    write_pairs(path, ((a.native_id, b.native_id, a, b, "; ".join(evidence)) for a, b, evidence in pairs))


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
