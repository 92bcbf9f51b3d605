"""`python -m benchmarks [--full] [--runs N] [WORD…]`: the project's budgets, measured. It judges, it does not fail.

CPU time of child processes (user and system), not wall time: the median of some runs, each row interleaved with its
peer. With words, only the rows whose name holds one of them.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.measure import Compared, Cost, compare
from benchmarks.rows import FULL, Row, Sizes, rows

RUNS = 5
COLUMNS = "{:52} {:>22} {:>24} {:>8}  {:22} {}"


def main(arguments: list[str] | None = None, sizes: Sizes | None = None) -> None:
    """Print a line for each budget as it is measured."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--full", action="store_true", help="the sizes that take minutes, too: 100,000 records")
    parser.add_argument("--runs", type=int, default=RUNS, help="runs of each row (default: %(default)s)")
    parser.add_argument("words", nargs="*", metavar="WORD", help="only the rows whose name holds one of these")
    given = parser.parse_args(arguments)
    print(COLUMNS.format("what", "CPU", "peer", "peer/us", "budget", "met?"))
    with tempfile.TemporaryDirectory() as work:
        for row in rows(Path(work), sizes or (FULL if given.full else Sizes())):
            if not given.words or any(word in row.name for word in given.words):
                print(line(row, _measured(row, given.runs)), flush=True)


def _measured(row: Row, runs: int) -> Compared | None:
    if row.skip:
        return None
    row.prepare()
    return compare(row.subject, row.peer, runs)


def line(row: Row, found: Compared | None) -> str:
    """The row as it is printed."""
    if found is None:
        return COLUMNS.format(row.name, "", "", "", row.budget, f"not measured: {row.skip}")
    ratio = "" if found.ratio is None else f"{found.ratio:.2f}"
    peer = "" if found.peer is None else _words(found.peer)
    return COLUMNS.format(
        row.name, _words(found.subject), peer, ratio, row.budget, "met" if row.met(found) else "NOT met"
    )


def _words(cost: Cost) -> str:
    rate = f" {cost.count / cost.seconds:,.0f}/s" if cost.count >= 1_000 else ""
    return f"{cost.seconds:.3f} s {cost.megabytes:.0f} MB{rate}"


if __name__ == "__main__":
    main()
