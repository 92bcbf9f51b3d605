"""Votes at once: as many processes as asked, each voting on its share of one review, through the library."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.measure import MAXRSS_UNIT, ROOT, command

REVIEWERS = ("demo-a", "demo-b")  # of the demonstration's protocol: each report is judged by both


def writers(processes: str, each: str) -> dict[str, Any]:
    """Rows written, lost and double, processes that said anything of a lock; CPU seconds and peak MB of them all."""
    import resource

    from db.review import Review

    count, half = int(each), int(processes) // 2
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work) / "review"
        _review(folder, half * count)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        said = _vote(folder, int(processes), count)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        with Review.open(folder) as review:
            rows = review.connection.execute("SELECT report, reviewer FROM vote").fetchall()
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    wanted = {(f"web:{i:05}", who) for i in range(half * count) for who in REVIEWERS}
    return {
        "rows": len(rows), "lost": len(wanted - set(rows)), "double": len(rows) - len(set(rows)),
        "locked": sum("locked" in words for words in said), "seconds": seconds,
        "megabytes": after.ru_maxrss * MAXRSS_UNIT / 1e6, "failed": sum(bool(words) for words in said),
    }  # fmt: skip


def _review(folder: Path, reports: int) -> None:
    """A review by the demonstration's people, with so many reports to judge."""
    from db.model import Record
    from db.records import RunNote, store_run
    from lsr.demo import demo_protocol, demo_template
    from lsr.workflow.folder import init, open_review

    init(folder, demo_template(), protocol_text=lambda _: demo_protocol())
    made = (Record("web", f"{i:05}", title=f"Report {i}") for i in range(reports))
    with open_review(folder) as opened, opened.review.transaction():
        store_run(opened.review, RunNote("web", "websites", "by hand", "2026-11-16T06:00:00Z", reports), made)


def _vote(folder: Path, processes: int, count: int) -> list[str]:
    """What each process said on stderr: nothing, if all went well."""
    half = processes // 2
    started = [
        subprocess.Popen(
            command("-m", "tests.writer_child", str(folder), REVIEWERS[i // half], str(i % half * count), str(count)),
            cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        for i in range(processes)
    ]  # fmt: skip
    return [process.communicate()[1] for process in started]


FINDINGS: dict[str, Callable[..., dict[str, Any]]] = {"writers": writers}
