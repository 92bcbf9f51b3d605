"""Files that people give: read whole, each as one run; then deduped and linked as a search's records are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

from db.model import Record
from db.records import RunNote, Stored, store_run
from harvest.files import read_file
from harvest.pubmed_xml import Deleted
from lsr.workflow.bring import Brought
from lsr.workflow.folder import Open
from lsr.workflow.settle import Progress, quiet, settle


def import_files(
    opened: Open,
    paths: Sequence[Path],
    *,
    source: str | None = None,
    at: str = "",
    composed: str = "",
    progress: Progress = quiet,
) -> Brought:
    """Read files, each as one run; then dedupe and link what is new. A bad file changes nothing at all.

    `at` is when the search behind the files was made; without it, now.
    """
    review = opened.review
    runs: list[Stored] = []
    deleted: list[str] = []
    with review.transaction():
        for path in paths:
            stored, gone = _import_file(opened, path, source, at or review.clock(), composed, progress)
            runs.append(stored)
            deleted += gone
        duplicates, links = settle(opened, [record for run in runs for record in run.new], progress)
    return Brought(tuple(runs), duplicates, links, (), tuple(deleted))


def _import_file(
    opened: Open, path: Path, source: str | None, at: str, composed: str, progress: Progress
) -> tuple[Stored, list[str]]:
    review = opened.review
    deleted: list[str] = []

    def records() -> Iterator[Record]:
        for item in read_file(path, lambda done, total: progress(path.name, done, total)):
            if isinstance(item, Deleted):
                deleted.append(item.pmid)
            else:
                yield replace(item, source=source or item.source, composed=composed)

    stream = records()
    first = list(islice(stream, 1))
    name = source or (first[0].source if first else "file")
    arms = {spec.id: spec.arm for spec in opened.spec.sources}
    digest = review.archive.put_file(path)
    note = RunNote(
        source=name, arm=arms.get(name, "databases"), query=f"file {path.name}", searched_at=at, hits=None,
        author="machine:import", composed=composed, replies=((f"FILE {path.name}", digest, 200, at, composed),),
    )  # fmt: skip

    def deletions() -> tuple[tuple[str, str], ...]:
        return (("deleted citations", " ".join(sorted(deleted))),) if deleted else ()

    return store_run(review, note, chain(first, stream), deletions), deleted
