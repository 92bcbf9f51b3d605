"""The rows of duplicates: time and memory at scale, the weekly case, accuracy on made-up and on labelled records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.measure import Compared, task
from benchmarks.row import LABELLED, REPORTED, SETS, AnyRow, Finding, Row, Sizes, at_least, within

NEW = 200
MOST_MEMORY = 3_000  # MB at a million records
WORDS = "{removed:,} removed, {lost} lost, {missed} missed, {queued} queued"


def dedupe_rows(work: Path, sizes: Sizes) -> Iterator[AnyRow]:
    """Made-up records first, then the labelled sets beside the peers, where they are."""
    for count, seconds in sizes.dedupe:
        large = count >= 1_000_000
        budget = f"<= {seconds:g} s" + (", <= 3 GB" if large else "")
        met = _also_small(within(seconds)) if large else within(seconds)
        runs = 1 if count >= 100_000 else None
        yield Row(f"dedupe {count:,} records", budget, task("dedupe", str(count)), met, runs=runs)
    largest = max((count for count, _ in sizes.dedupe if count <= 100_000), default=0)
    yield Finding(f"accuracy among {largest:,} made-up records", "0 lost", task("scale", str(largest)),
                  WORDS + ", recall {recall:.4f}", lambda found: found["lost"] == 0)  # fmt: skip
    folder = work / "known"
    before = tuple(task("make_known", str(folder), str(sizes.known), str(NEW)))
    name = f"{NEW} new records against {sizes.known:,}"
    if sizes.known:
        yield Row(name, "<= 1 s", task("week", str(folder)), within(1), before=before)
    else:
        yield Row(f"{NEW} new records against 100,000", "<= 1 s", skip="only with --full")
    yield from _labelled()


def _also_small(met: Callable[[Compared], bool]) -> Callable[[Compared], bool]:
    return lambda found: met(found) and found.subject.megabytes <= MOST_MEMORY


def _labelled() -> Iterator[AnyRow]:
    if not LABELLED.is_dir():
        yield Row("dedupe the labelled sets, beside BibDedupe", ">= 25 x", skip="the labelled sets are not here")
        return
    yield Row("dedupe digital_work, beside BibDedupe", ">= 25 x", task("of_set", "ours", "digital_work"), at_least(25),
              task("of_set", "BibDedupe", "digital_work"), runs=3)  # fmt: skip
    for name in SETS:
        for tool in ("ours", "BibDedupe", "splink"):
            budget, met = ("0 lost", _none_lost) if tool == "ours" else (REPORTED, _none_lost)
            yield Finding(f"{name}: {tool}", budget, task("labelled", tool, name), WORDS + ", {seconds:.2f} s", met)


def _none_lost(found: dict[str, int]) -> bool:
    return found["lost"] == 0
