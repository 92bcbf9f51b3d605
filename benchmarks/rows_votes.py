"""Rows of screening by many at once."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.measure import task
from benchmarks.row import Finding, Sizes


def votes_rows(sizes: Sizes) -> Iterator[Finding]:
    """Processes that vote at once on one file: none lost, none double, no lock shown."""
    processes, each = sizes.writers
    rows = processes * each
    yield Finding(
        f"{processes} processes, {each} votes each, at once", f"{rows:,} rows, none lost",
        task("writers", str(processes), str(each)),
        "{rows} rows, {lost} lost, {double} double, {locked} locked, {seconds:.1f} s",
        lambda found: (found["rows"], found["lost"], found["double"], found["failed"]) == (rows, 0, 0, 0),
    )  # fmt: skip
