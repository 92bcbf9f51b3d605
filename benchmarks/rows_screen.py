"""The row of the reviewer's screen: first record, key to next record, memory, with a long queue."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.measure import task
from benchmarks.row import AnyRow, Finding, Sizes

FIRST_SECONDS, KEY_MILLISECONDS, MEGABYTES = 1.0, 50.0, 80.0  # DESIGN's budgets, of CPU time: the machine is shared
QUEUE, QUEUE_IN_FULL = 10_000, 100_000


def screen_rows(work: Path, sizes: Sizes) -> Iterator[AnyRow]:
    """A queue of the budgets' size with --full, else a tenth of it."""
    count = QUEUE_IN_FULL if sizes.screened else min(QUEUE, sizes.records)
    folder = work / "queue"
    budget = f"<= {FIRST_SECONDS:g} s, {KEY_MILLISECONDS:g} ms, {MEGABYTES:g} MB"
    words = "first record {first:.2f} s, key to next {middle:.0f} ms (95% within {late:.0f} ms), {megabytes:.0f} MB"
    yield Finding(f"screen, {count:,} in the queue", budget, task("screen", str(folder), str(count)), words, _met)


def _met(found: dict[str, Any]) -> bool:
    return bool(
        found["first"] <= FIRST_SECONDS and found["late"] <= KEY_MILLISECONDS and found["megabytes"] <= MEGABYTES
    )
