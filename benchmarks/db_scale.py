"""The review on disk at scale: `python -m benchmarks.db_scale [RECORDS]` prints what each part costs.

Seven tenths of the records come from a database in seven runs, the rest from a website; a fifth are duplicates.
There are as many votes as records, by two reviewers, and what passes goes through full text to a study.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median, quantiles
from typing import Any, TypeVar

from db import asof, data, ledger, queries
from db.model import Author, Record
from db.records import RunNote, store_run
from db.review import Review
from db.verify import verify

RECORDS = 100_000
RUNS = 7
BATCH = 1_000  # items of one assign entry
ONE_BY_ONE = 200  # votes and point queries timed singly
AT = "2026-01-05T06:00:00Z"
STAGES = ("title-abstract", "full-text")
PROTOCOL: dict[str, Any] = {
    "text": "benchmark", "votes_needed": 2, "title_abstract_rule": "agree", "reasons_must_agree": 0, "extractors": 2,
    "reasons": ["X01", "X02"], "outcomes": [["cr", "infused"]],
}  # fmt: skip
T = TypeVar("T")


def build(folder: Path, records: int) -> Review:
    """A review of `records` records and as many votes in `folder`."""
    review = Review.create(folder, clock=lambda: AT)
    databases = records * 7 // 10
    with review.transaction():
        review.append("ed", "protocol", PROTOCOL)
        for k in range(RUNS):
            _run(review, "pubmed", "databases", range(k * databases // RUNS, (k + 1) * databases // RUNS))
        _run(review, "ash", "websites", range(records - databases))
        pairs = [[f"ash:{i}", f"pubmed:{2 * i}", "same DOI"] for i in range(records // 5) if 2 * i < databases]
        for k in range(0, len(pairs), BATCH):
            review.append("machine:dedupe", "assign", {"items": pairs[k : k + BATCH]})
    reports = queries.to_vote_on(review.connection, "title-abstract", "ann", 2)[: records // 2]
    with review.transaction():
        for i, report in enumerate(reports):
            verdict = "include" if i % 50 == 0 else "exclude"
            _vote(review, "ann", report, "title-abstract", verdict)
            _vote(review, "bob", report, "title-abstract", "include" if i % 100 == 7 else verdict)
    with review.transaction():
        for i, report in enumerate(reports[::50]):
            _full_text(review, i, report)
    return review


def _run(review: Review, source: str, arm: str, ids: range) -> None:
    note = RunNote(source, arm, "benchmark", AT, None)
    store_run(review, note, (_record(source, i) for i in ids))


def _record(source: str, i: int) -> Record:
    return Record(
        source, str(i), title=f"A composed title of record {i}", abstract="No words of anybody. " * 60,
        authors=(Author("Family", "G"),) * 6, year=2000 + i % 25, journal="Journal", pages=str(i), doi=f"10.1000/{i}",
    )  # fmt: skip


def _vote(review: Review, reviewer: str, report: str, stage: str, verdict: str) -> None:
    reason = "X01" if verdict == "exclude" else None
    body = {"report": report, "stage": stage, "round": "", "verdict": verdict, "reason": reason, "note": ""}
    review.append(reviewer, "vote", body)


def _full_text(review: Review, i: int, report: str) -> None:
    review.append("ann", "retrieval", {"report": report, "got": int(i % 10 > 0), "route": "", "sha256": ""})
    if i % 10 == 0:
        return
    verdict = "include" if i % 3 else "exclude"
    for reviewer in ("ann", "bob"):
        _vote(review, reviewer, report, "full-text", verdict)
    if verdict == "include":
        study = f"study:{report}"
        review.append("ann", "study", {"study": study, "label": report, "patients": None})
        review.append("ann", "link", {"report": report, "study": study, "state": "linked", "evidence": []})


def timed(label: str, work: Callable[[], T]) -> T:
    """Run `work`, print its wall and CPU time in seconds, return what it gives."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    print(f"{label:58} {time.perf_counter() - wall:8.3f} {time.process_time() - cpu:8.3f}", flush=True)
    return result


def one_by_one(label: str, work: Callable[[str], object], reports: list[str]) -> None:
    """Run `work` on each report, print the median and the 95th percentile in milliseconds."""
    took = []
    for report in reports:
        start = time.perf_counter()
        work(report)
        took.append((time.perf_counter() - start) * 1e3)
    print(f"{label:58} {median(took):8.3f} {quantiles(took, n=20)[-1]:8.3f}", flush=True)


def point_queries(review: Review) -> Iterator[tuple[str, Callable[[str], object]]]:
    """What a reviewer's screen asks between one key and the next record."""
    c = review.connection
    yield "find_report by id", lambda report: queries.find_report(c, report)
    yield "current_round", lambda report: queries.current_round(c, report, "title-abstract")
    yield "votes", lambda report: queries.votes(c, report, "title-abstract", "")
    yield "resolutions", lambda report: queries.resolutions(c, report, "title-abstract", "")
    yield "verdict_in_force", lambda report: queries.verdict_in_force(c, report, "title-abstract")
    yield "retrieved", lambda report: queries.retrieved(c, report)
    yield "previous_reports", lambda report: report in queries.previous_reports(c)
    yield "record_of", lambda report: queries.record_of(c, report)
    yield "one vote, committed", lambda report: _vote(review, "cid", report, "title-abstract", "withdrawn")


def main(records: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        print(f"{records} records\n{'':58} {'wall s':>8} {'CPU s':>8}")
        review = timed("build", lambda: build(Path(folder), records))
        c = review.connection
        (entries,) = c.execute("SELECT count(*) FROM entry").fetchone()
        print(f"{entries} entries, {(Path(folder) / 'review.db').stat().st_size >> 20} MB")
        boxes = timed("all PRISMA boxes, records and reports (<= 2.5)", lambda: data.boxes(c))
        timed("violations", lambda: c.execute("SELECT * FROM v_violation").fetchall())
        timed("included set", lambda: data.included(c))
        timed("rows to pool", lambda: data.pool_values(c))
        timed("queue of one reviewer", lambda: queries.to_vote_on(c, "title-abstract", "ann", 2))
        timed("conflicts", lambda: queries.conflicts(c))
        timed("find_report by DOI", lambda: queries.find_report(c, f"10.1000/{records // 2 + 1}"))
        heads = ledger.heads(c)
        reports = [f"pubmed:{i}" for i in range(0, ONE_BY_ONE * 3, 3)]
        print(f"{'':58} {'ms':>8} {'95th %':>8}")
        for label, work in point_queries(review):
            one_by_one(label, work, reports)
        print(f"{'':58} {'wall s':>8} {'CPU s':>8}")

        def past() -> list[tuple[str, str, str, int]]:
            with asof.as_of(review, heads) as then:
                return data.boxes(then)

        print("as-of equals then:", timed("boxes as of a version", past) == boxes)
        print("faults:", timed("verify (<= 10)", lambda: verify(review)))
        review.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else RECORDS)
