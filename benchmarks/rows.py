"""The budgets that can be measured now: what runs, beside which peer, and when the budget is met."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from benchmarks.measure import Compared, command, cost, task

REAL_FILE = Path(__file__).parents[2] / "shared/data/pubmed/pubmed21n1298.xml.gz"
ARTICLES_PER_SECOND = 4_000
MB_AT_ANY_SIZE = 50


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large the inputs are. The budgets' own sizes are the defaults; the test of this code takes tiny ones."""

    sample: int = 2_000  # articles of the real file, evenly spread, for the peer that holds all of them in memory
    dedupe: tuple[tuple[int, float], ...] = ((1_000, 0.3), (10_000, 2.0))
    records: int = 10_000
    studies: int = 87  # with the 13 of the template a hundred
    screened: int = 0  # boxes and verify; 0 leaves them out


FULL = Sizes(dedupe=((1_000, 0.3), (10_000, 2.0), (100_000, 20.0)), screened=100_000)


@dataclass(frozen=True, slots=True)
class Row:
    """One budget. `met` judges what was measured; `skip` says why nothing was; `prepare` makes what `subject` needs."""

    name: str
    budget: str
    subject: list[str] = field(default_factory=list)
    met: Callable[[Compared], bool] = lambda found: True
    peer: list[str] | None = None
    skip: str = ""
    prepare: Callable[[], object] = lambda: None


def rows(work: Path, sizes: Sizes, real: Path = REAL_FILE) -> Iterator[Row]:
    """The rows in the budgets' order; what they prepare goes into the folder `work`."""
    yield from _pubmed(work, sizes, real)
    for count, seconds in sizes.dedupe:
        yield Row(f"dedupe {count:,} records", f"<= {seconds:g} s", task("dedupe", str(count)), _within(seconds))
    yield from _review(work, sizes)
    yield from _screened(work, sizes)


def _pubmed(work: Path, sizes: Sizes, real: Path) -> Iterator[Row]:
    """Samples are taken in a process of their own: what this one held would count as its children's memory."""
    sample, budget = work / "pubmed.xml.gz", f">= {ARTICLES_PER_SECOND:,}/s, <= {MB_AT_ANY_SIZE} MB"
    name = "PubMed XML, a whole NLM file"
    if real.exists():
        yield Row(name, budget, task("parse", str(real)), _fast_and_small)
        name = "PubMed XML, a sample of it, beside Bio.Entrez"
        prepare = task("take_sample", str(real), str(sample), str(sizes.sample))
    else:
        yield Row(name, budget, skip=f"{real.name} is not there")
        name = "PubMed XML, made up, beside Bio.Entrez"
        prepare = task("make_pubmed", str(sample), str(sizes.sample))
    peer = task("entrez", str(sample))
    yield Row(name, ">= 6 x", task("parse", str(sample)), _at_least(6), peer, prepare=lambda: cost(prepare))


def _review(work: Path, sizes: Sizes) -> Iterator[Row]:
    """The commands and the site, on one review; and what needs none."""
    review = work / "review"
    prepare = cache(lambda: cost(task("make_review", str(review), str(sizes.records), str(sizes.studies))))
    lsr, options = command("-m", "lsr"), ["--review", str(review)]
    peer = command("-c", "import typer")
    yield Row("lsr --help, beside import typer", "<= 1.5 x", [*lsr, "--help"], _at_most(1.5), peer)
    name = f"lsr status, {sizes.records:,} records"
    yield Row(name, "<= 0.5 s", [*lsr, "status", *options], _within(0.5), prepare=prepare)
    yield Row("GLMM, k = 13", "<= 50 ms", task("glmm"), _within(0.05))
    name = "pool all outcomes and models again"
    yield Row(name, "<= 2 s", [*lsr, "pool", "--force", *options], _within(2), prepare=prepare)
    yield Row("import analysis.pooling", "<= 1 s", command("-c", "import analysis.pooling"), _within(1))
    name = f"whole site, {sizes.studies + 13} studies, {sizes.records:,} records"
    yield Row(name, "<= 5 s", task("site", str(review)), _within(5), prepare=prepare)


def _screened(work: Path, sizes: Sizes) -> Iterator[Row]:
    folder = work / "screened"
    prepare = cache(lambda: cost(task("make_screened", str(folder), str(sizes.screened))))
    for name, seconds in (("boxes", 2.5), ("verify", 10.0)):
        budget = f"<= {seconds:g} s"
        if sizes.screened:
            title, subject = f"{name} at {sizes.screened:,} records", task(name, str(folder))
            yield Row(title, budget, subject, _within(seconds), prepare=prepare)
        else:
            yield Row(f"{name} at 100,000 records", budget, skip="only with --full")


def _within(seconds: float) -> Callable[[Compared], bool]:
    return lambda found: found.subject.seconds <= seconds


def _at_least(ratio: float) -> Callable[[Compared], bool]:
    """The peer takes at least so many times what we take."""
    return lambda found: found.ratio is not None and found.ratio >= ratio


def _at_most(times: float) -> Callable[[Compared], bool]:
    """We take at most so many times what the peer takes."""
    return lambda found: found.ratio is not None and 1 / found.ratio <= times


def _fast_and_small(found: Compared) -> bool:
    per_second = found.subject.count / found.subject.seconds
    return per_second >= ARTICLES_PER_SECOND and found.subject.megabytes <= MB_AT_ANY_SIZE
