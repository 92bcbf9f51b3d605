"""What a line of the benchmarks is: a cost beside a budget, something found out, or agreement beside a peer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.measure import Compared

# The labelled sets of duplicates. They are named here since this module is light: what the parent process holds in
# memory counts as the least peak of every child (wait4's ru_maxrss survives fork).
LABELLED = Path(__file__).parents[2] / "shared/data/dedup"
SETS = ("cytology_screening", "haematology", "stroke", "digital_work", "diabetes", "special_cases")
REAL_FILE = Path(__file__).parents[2] / "shared/data/pubmed/pubmed21n1298.xml.gz"
REPORTED = "reported"  # the budget of a row that has none


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large the inputs are. The budgets' own sizes are the defaults; the test of this code takes tiny ones."""

    sample: int = 2_000  # articles of the real file, evenly spread, for the peer that reads one at a time
    dedupe: tuple[tuple[int, float], ...] = ((1_000, 0.3), (10_000, 2.0))
    known: int = 0  # records of the review that new ones are compared with; 0 leaves them out
    records: int = 10_000
    studies: int = 87  # with the 13 of the template a hundred
    screened: int = 0  # boxes and verify; 0 leaves them out
    hits: int = 1_000  # of the search whose requests are counted
    glmm: int = 1_000  # studies of the large pool
    paced: int = 24  # requests, at PubMed's 3 a second: eight seconds
    per_second: float = 3.0
    reply_seconds: float = 1.0
    writers: tuple[int, int] = (8, 500)  # processes that vote at once, and the votes of each


FULL = Sizes(dedupe=((1_000, 0.3), (10_000, 2.0), (100_000, 20.0), (1_000_000, 240.0)), known=100_000, screened=100_000)


@dataclass(frozen=True, slots=True)
class Row:
    """What `subject` costs, beside `peer`. `met` judges it; `skip` says why nothing is measured.

    `before` is the command that makes what `subject` needs, run once however many rows need it; `runs` is for a row
    that is too dear for the usual number.
    """

    name: str
    budget: str
    subject: list[str] = field(default_factory=list)
    met: Callable[[Compared], bool] = lambda found: True
    peer: list[str] | None = None
    skip: str = ""
    before: tuple[str, ...] = ()
    runs: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What a task found out, told in `words` (a format of its names), and whether that meets the budget."""

    name: str
    budget: str
    task: list[str]
    words: str
    met: Callable[[dict[str, Any]], bool] = lambda found: True


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far our numbers are from R's, or those of `peer` from both; `most` is what ours may be from R's."""

    name: str
    budget: str
    task: list[str]
    peer: str = ""
    most: float | None = None


AnyRow = Row | Finding | Agreement


def within(seconds: float) -> Callable[[Compared], bool]:
    return lambda found: found.subject.seconds <= seconds


def at_least(ratio: float) -> Callable[[Compared], bool]:
    """The peer takes at least so many times what we take."""
    return lambda found: found.ratio is not None and found.ratio >= ratio


def at_most(times: float) -> Callable[[Compared], bool]:
    """We take at most so many times what the peer takes."""
    return lambda found: found.ratio is not None and 1 / found.ratio <= times
