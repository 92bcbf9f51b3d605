"""All rows, in the order of the budgets: what runs, beside which peer, and when the budget is met."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import command, task
from benchmarks.row import REAL_FILE, REPORTED, AnyRow, Row, Sizes, at_most, within
from benchmarks.rows_dedupe import dedupe_rows
from benchmarks.rows_harvest import harvest_rows
from benchmarks.rows_screen import screen_rows
from benchmarks.rows_statistics import statistics_rows
from benchmarks.rows_votes import votes_rows


def rows(work: Path, sizes: Sizes, real: Path = REAL_FILE) -> Iterator[AnyRow]:
    """The rows in the budgets' order; what they prepare goes into the folder `work`."""
    yield from harvest_rows(work, sizes, real)
    yield from dedupe_rows(work, sizes)
    yield from votes_rows(sizes)
    yield from _review(work, sizes)
    yield from _screened(work, sizes)
    yield from screen_rows(work, sizes)
    yield from statistics_rows(sizes)


def _review(work: Path, sizes: Sizes) -> Iterator[Row]:
    """The commands and the site, on one review; and what needs none."""
    review = work / "review"
    before = tuple(task("make_review", str(review), str(sizes.records), str(sizes.studies)))
    lsr, options = command("-m", "lsr"), ["--review", str(review)]
    peer = command("-c", "import typer")
    yield Row("lsr --help, beside import typer", "<= 1.5 x", [*lsr, "--help"], at_most(1.5), peer)
    name = f"lsr status, {sizes.records:,} records"
    yield Row(name, "<= 0.5 s", [*lsr, "status", *options], within(0.5), before=before)
    shipped = work / "shipped"
    made = tuple(task("make_shipped", str(shipped)))
    again = [*lsr, "pool", "--force", "--review", str(shipped)]
    yield Row("pool all outcomes and models again, 13 studies", "<= 2 s", again, within(2), before=made)
    name = f"pool all outcomes and models again, {sizes.studies + 13} studies"
    yield Row(name, REPORTED, [*lsr, "pool", "--force", *options], before=before)
    name = f"whole site, {sizes.studies + 13} studies, {sizes.records:,} records"
    yield Row(name, "<= 5 s", task("site", str(review)), within(5), before=before)


def _screened(work: Path, sizes: Sizes) -> Iterator[Row]:
    folder = work / "screened"
    before = tuple(task("make_screened", str(folder), str(sizes.screened)))
    for name, seconds in (("boxes", 2.5), ("verify", 10.0)):
        budget = f"<= {seconds:g} s"
        if sizes.screened:
            title, subject = f"{name} at {sizes.screened:,} records", task(name, str(folder))
            yield Row(title, budget, subject, within(seconds), before=before)
        else:
            yield Row(f"{name} at 100,000 records", budget, skip="only with --full")
