"""What is measured, each in a process of its own: `python -m benchmarks.work TASK ARGUMENT…`.

A task prints one line of JSON: {"seconds": CPU seconds of the work alone, "count": what was worked on}. Imports and
preparation are not part of it. What a task needs is imported inside it, so that memory is that of the work.
"""

from __future__ import annotations

import gzip
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import BinaryIO, cast

GLMM_RUNS = 20
# Thirteen cohorts of the sizes that single-arm trials have, some with every patient responding.
GLMM_EVENTS = (8, 10, 10, 20, 10, 51, 7, 17, 7, 10, 7, 4, 11)
GLMM_TOTAL = (8, 12, 10, 20, 12, 54, 7, 20, 7, 11, 7, 6, 12)


def parse(path: str) -> tuple[float, int]:
    """Every record of a PubMed file, by this project; dropped as they come."""
    from harvest.pubmed_xml import parse_pubmed

    with gzip.open(path, "rb") as stream:
        start = time.process_time()
        count = sum(1 for _ in parse_pubmed(cast(BinaryIO, stream)))
        return time.process_time() - start, count


def entrez(path: str) -> tuple[float, int]:
    """The same by Biopython, which holds the whole document."""
    from Bio import Entrez

    with gzip.open(path, "rb") as stream:
        start = time.process_time()
        found = Entrez.read(stream)  # type: ignore[no-untyped-call]
        return time.process_time() - start, len(found["PubmedArticle"])


def dedupe(count: str) -> tuple[float, int]:
    """Duplicates among made-up records."""
    from benchmarks.synthetic import records
    from curation.dedupe import find_duplicates

    given = list(records(int(count), abstracts=False))
    start = time.process_time()
    find_duplicates(given)
    return time.process_time() - start, len(given)


def glmm() -> tuple[float, int]:
    """One pool of thirteen cohorts by the GLMM: the median of some, the first (which warms up) left out."""
    from analysis.pooling import pool
    from db.model import Row

    pairs = zip(GLMM_EVENTS, GLMM_TOTAL, strict=True)
    rows = [Row(f"s{n}", f"Study {n}", events, total) for n, (events, total) in enumerate(pairs)]
    pool(rows)
    took = []
    for _ in range(GLMM_RUNS):
        start = time.process_time()
        pool(rows)
        took.append(time.process_time() - start)
    return median(took), len(rows)


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


def take_sample(real: str, sample: str, count: str) -> tuple[float, int]:
    """Preparation: articles spread evenly over a real file, in which revised old ones stand first, new ones last."""
    end = b"</PubmedArticle>"
    start = time.process_time()
    with gzip.open(real, "rb") as stream:
        articles = stream.read().split(end)[:-1]
    head = articles[0][: articles[0].index(b"<PubmedArticle>")]
    articles[0] = articles[0].removeprefix(head)
    taken = articles[:: max(1, len(articles) // int(count))][: int(count)]
    Path(sample).write_bytes(gzip.compress(head + end.join([*taken, b"\n</PubmedArticleSet>"]), compresslevel=6))
    return time.process_time() - start, len(taken)


def make_pubmed(sample: str, count: str) -> tuple[float, int]:
    """Preparation: made-up articles, where the real file is not there."""
    from benchmarks.synthetic import write_pubmed

    start = time.process_time()
    write_pubmed(Path(sample), int(count))
    return time.process_time() - start, int(count)


def make_review(folder: str, records: str, studies: str) -> tuple[float, int]:
    """Preparation: a review for `site` and for the commands."""
    from benchmarks.synthetic import make_review as make

    start = time.process_time()
    make(Path(folder), int(records), int(studies))
    return time.process_time() - start, int(records)


def make_screened(folder: str, records: str) -> tuple[float, int]:
    """Preparation: a review with as many votes as records, for `boxes` and `verify`."""
    from benchmarks.db_scale import build

    start = time.process_time()
    Path(folder).mkdir()
    with build(Path(folder), int(records)):
        return time.process_time() - start, int(records)


TASKS: dict[str, Callable[..., tuple[float, int]]] = {
    "parse": parse, "entrez": entrez, "dedupe": dedupe, "glmm": glmm, "site": site, "boxes": boxes, "verify": verify,
    "take_sample": take_sample, "make_pubmed": make_pubmed, "make_review": make_review,
    "make_screened": make_screened,
}  # fmt: skip


def main(task: str, *arguments: str) -> None:
    """Do the task, print what it took."""
    seconds, count = TASKS[task](*arguments)
    print(json.dumps({"seconds": seconds, "count": count}))


if __name__ == "__main__":
    main(*sys.argv[1:])
