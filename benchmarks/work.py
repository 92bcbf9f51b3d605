"""What is measured, each in a process of its own: `python -m benchmarks.work TASK ARGUMENT…`.

A task of TASKS prints {"seconds": CPU seconds of the work alone, "count": what was worked on}; imports and
preparation are not part of it. One of FINDINGS prints what it found out, by name. What a task needs is imported
inside it, so that memory is that of the work. A task whose peer is not installed says so and exits with ABSENT.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import work_dedupe, work_harvest, work_screen, work_statistics, work_votes
from benchmarks.measure import ABSENT


def site(folder: str) -> tuple[float, int]:
    """The whole site of a review, imports included: the count is its files."""
    start = time.process_time()
    from lsr.workflow.folder import open_review
    from lsr.workflow.pages import write_site

    with open_review(Path(folder)) as opened:
        written = write_site(opened)
    return time.process_time() - start, sum(path.is_file() for path in written.rglob("*"))


def boxes(folder: str) -> tuple[float, int]:
    """The PRISMA boxes of a whole review."""
    from db import data
    from db.review import Review

    with Review.open(Path(folder)) as review:
        start = time.process_time()
        found = data.boxes(review.connection)
        return time.process_time() - start, sum(n for *_, n in found)


def verify(folder: str) -> tuple[float, int]:
    """All checks of a whole review."""
    from db.review import Review
    from db.verify import verify as check

    with Review.open(Path(folder)) as review:
        start = time.process_time()
        faults = check(review)
        return time.process_time() - start, len(faults)


def make_review(folder: str, records: str, studies: str) -> tuple[float, int]:
    """Preparation: a review for `site` and for the commands."""
    from benchmarks.synthetic import make_review as make

    start = time.process_time()
    make(Path(folder), int(records), int(studies))
    return time.process_time() - start, int(records)


def make_shipped(folder: str) -> tuple[float, int]:
    """Preparation: the review that ships with the program."""
    from lsr.workflow.folder import init, templates

    start = time.process_time()
    init(Path(folder), templates()[0])
    return time.process_time() - start, 1


def make_screened(folder: str, records: str) -> tuple[float, int]:
    """Preparation: a review with as many votes as records, for `boxes` and `verify`."""
    from benchmarks.db_scale import build

    start = time.process_time()
    Path(folder).mkdir()
    with build(Path(folder), int(records)):
        return time.process_time() - start, int(records)


TASKS: dict[str, Callable[..., tuple[float, int]]] = {
    "site": site, "boxes": boxes, "verify": verify,
    "make_review": make_review, "make_screened": make_screened, "make_shipped": make_shipped,
    **work_dedupe.TASKS, **work_harvest.TASKS, **work_screen.TASKS, **work_statistics.TASKS,
}  # fmt: skip
FINDINGS: dict[str, Callable[..., dict[str, Any]]] = {
    **work_dedupe.FINDINGS, **work_harvest.FINDINGS, **work_screen.FINDINGS, **work_statistics.FINDINGS,
    **work_votes.FINDINGS,
}  # fmt: skip


def main(task: str, *arguments: str) -> None:
    """Do the task, print what it took or found."""
    try:
        if task in FINDINGS:
            print(json.dumps(FINDINGS[task](*arguments)))
            return
        seconds, count = TASKS[task](*arguments)
        print(json.dumps({"seconds": seconds, "count": count}))
    except ImportError as error:
        print(error, file=sys.stderr)
        sys.exit(ABSENT)


if __name__ == "__main__":
    main(*sys.argv[1:])
