"""Files that people give: read whole, each as one run; then deduped and linked as a search's records are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path

from curation.compact import CompactRecords
from db.model import Record
from db.records import RunNote, Stored, store_run
from db.searches import FILE
from harvest.files import REGISTERS, UNKNOWN, Item, Unread, read_file
from harvest.pubmed_xml import Deleted
from lsr.workflow.bring import Brought
from lsr.workflow.folder import Open
from lsr.workflow.search_log import about_file
from lsr.workflow.settle import Progress, quiet, settle
from lsr.workflow.society_pages import arm_of_file, join_imported

# So many records of a file are looked at to tell which source it is from.
_LOOKED_AT = 200


@dataclass(frozen=True, slots=True)
class NotImported:
    """A row of a file that became no record."""

    file: str
    line: int  # on which it begins, from 1; a sheet's row
    why: str


@dataclass(frozen=True, slots=True)
class Imported(Brought):
    """What came in from files, and the rows that did not."""

    not_imported: tuple[NotImported, ...] = ()
    repeated: int = 0  # rows that are a record of their own file once more, and are stored once


@dataclass(slots=True)
class _Heard:
    """What a file says on the way, beside its records."""

    deleted: list[str]
    unread: list[Unread]
    ids: Counter[str]


def import_files(
    opened: Open,
    paths: Sequence[Path],
    *,
    source: str | None = None,
    at: str = "",
    composed: str = "",
    progress: Progress = quiet,
) -> Imported:
    """Read files, each as one run; then dedupe and link what is new. A bad file changes nothing at all.

    `at` is when the search behind the files was made; without it, now. The source is `source`, else the one that
    the file's records tell (most of them one source, and none another), else "file".
    """
    review = opened.review
    runs: list[Stored] = []
    deleted: list[str] = []
    lost: list[NotImported] = []
    repeated = 0
    with review.transaction():
        for path in paths:
            stored, heard = _import_file(opened, path, source, at or review.clock(), composed, progress)
            runs.append(stored)
            deleted += heard.deleted
            repeated += heard.ids.total() - len(heard.ids)
            lost += [NotImported(path.name, row.line, row.why) for row in heard.unread]
        changed = [record for run in runs for record in run.changed]
        duplicates, links = settle(opened, [record for run in runs for record in run.new], progress, changed)
    return Imported(tuple(runs), duplicates, links, (), tuple(deleted), not_imported=tuple(lost), repeated=repeated)


def read_records(paths: Sequence[Path], progress: Progress = quiet) -> tuple[CompactRecords, list[NotImported]]:
    """The records of files of any format, for use without a review, as a comparison needs them (without abstracts), and
    the rows that are none.

    The native id is the file's name and the record's place in it ("embase.ris:17"), so that every row has its own;
    a path stands in full where two files have one name.
    """
    names = Counter(path.name for path in paths)
    records = CompactRecords()
    lost: list[NotImported] = []
    for path in paths:
        name = path.name if names[path.name] == 1 else str(path)
        place = 0
        for item in read_file(path, _bar(progress, path)):
            if isinstance(item, Record):
                place += 1
                records.append(replace(item, source="table", native_id=f"{name}:{place}"))
            elif isinstance(item, Unread):
                lost.append(NotImported(name, item.line, item.why))
    return records, lost


def _import_file(
    opened: Open, path: Path, source: str | None, at: str, composed: str, progress: Progress
) -> tuple[Stored, _Heard]:
    review = opened.review
    heard = _Heard([], [], Counter())
    stream = _records(read_file(path, _bar(progress, path)), heard)
    first = list(islice(stream, _LOOKED_AT))
    name = source or _source_of(first)
    arms = {spec.id: spec.arm for spec in opened.spec.sources}
    digest = review.archive.put_file(path)
    spec = next((spec for spec in opened.spec.sources if spec.id == name), None)
    arm = arm_of_file(opened, first, arms.get(name, "registers" if name in REGISTERS else "databases"))
    note = RunNote(
        source=name, arm=arm, query=f"{FILE}{path.name}", searched_at=at, hits=None,
        author="machine:import", composed=composed,
        log=about_file(spec),
        replies=((f"FILE {path.name}", digest, 200, at, composed),),
    )  # fmt: skip

    def named() -> Iterator[Record]:
        for record in chain(first, stream):
            native_id = _native_id(record, name, named_by_person=source is not None)
            heard.ids[native_id] += 1
            yield replace(record, source=name, native_id=native_id, composed=composed)

    stored = store_run(review, note, named(), lambda: _log(heard))
    join_imported(opened, arm, stored, first)
    return stored, heard


def _records(items: Iterator[Item], heard: _Heard) -> Iterator[Record]:
    for item in items:
        if isinstance(item, Deleted):
            heard.deleted.append(item.pmid)
        elif isinstance(item, Unread):
            heard.unread.append(item)
        else:
            yield item


def _source_of(records: Sequence[Record]) -> str:
    """The source that most of the records tell and none contradicts; "file" if there is none."""
    told = Counter(record.source for record in records)
    named = [source for source in told if source != UNKNOWN]
    return named[0] if len(named) == 1 and 2 * told[named[0]] > len(records) else UNKNOWN


def _native_id(record: Record, name: str, *, named_by_person: bool) -> str:
    """The record's native id among those of source `name`.

    PubMed's are PMIDs, as its harvest has them. A bare number of another source bears that source's name, unless a
    person said that the file is of this one.
    """
    native_id = record.native_id
    if name == "pubmed" and record.pmid:
        return record.pmid
    if named_by_person or record.source in (name, UNKNOWN) or not native_id[:1].isdigit() or native_id == record.doi:
        return native_id
    return f"{'pmid' if record.source == 'pubmed' else record.source}:{native_id}"


def _log(heard: _Heard) -> tuple[tuple[str, str], ...]:
    lines = [("not imported", f"line {row.line}: {row.why}") for row in heard.unread]
    again = [f"{native_id} ({count} times)" for native_id, count in sorted(heard.ids.items()) if count > 1]
    if again:
        lines.append(("repeated in the file, stored once", ", ".join(again)))
    if heard.deleted:
        lines.append(("deleted citations", " ".join(sorted(heard.deleted))))
    return tuple(lines)


def _bar(progress: Progress, path: Path) -> Callable[[int, int | None], None]:
    return lambda done, total: progress(path.name, done, total)
