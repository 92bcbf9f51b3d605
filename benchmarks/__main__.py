"""`python -m benchmarks [--full] [--runs N] [WORD…]`: the project's budgets, measured. It judges, it does not fail.

CPU time of child processes (user and system), not wall time: the median of some runs, each row interleaved with its
peer. With words, only the rows whose name holds one of them.
"""

from __future__ import annotations

import argparse
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.measure import Compared, Cost, compare, cost, last_line, tell
from benchmarks.row import FULL, REPORTED, Agreement, AnyRow, Finding, Row, Sizes
from benchmarks.rows import rows

RUNS = 5
COLUMNS = "{:48} {:>24} {:>24} {:>8}  {:23} {}"
COSTS = COLUMNS.format("what", "CPU", "peer", "peer/us", "budget", "met?")
AGREEMENTS = COLUMNS.format("agreement", "fits", "largest difference from", "peer/us", "budget", "met?")


def main(arguments: list[str] | None = None, sizes: Sizes | None = None) -> None:
    """Print a line for each budget as it is measured."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--full", action="store_true", help="the sizes that take minutes, too: 100,000 records, a million"
    )
    parser.add_argument("--runs", type=int, default=RUNS, help="runs of each row (default: %(default)s)")
    parser.add_argument("words", nargs="*", metavar="WORD", help="only the rows whose name holds one of these")
    given = parser.parse_args(arguments)
    prepare, ask, heading = cache(lambda before: cost(list(before))), cache(lambda task: tell(list(task))), ""
    with tempfile.TemporaryDirectory() as work:
        for row in rows(Path(work), sizes or (FULL if given.full else Sizes())):
            if given.words and not any(word in row.name for word in given.words):
                continue
            above = AGREEMENTS if isinstance(row, Agreement) else COSTS
            if above != heading:
                print(heading := above, flush=True)
            try:
                found: Any = ask(tuple(row.task)) if not isinstance(row, Row) else _measured(row, given.runs, prepare)
            except RuntimeError as error:
                found = last_line(error)
            print(line(row, found), flush=True)


def _measured(row: Row, runs: int, prepare: Any) -> Compared | str:
    if row.skip:
        return row.skip
    if row.before:
        prepare(row.before)
    return compare(row.subject, row.peer, min(runs, row.runs or runs))


def line(row: AnyRow, found: Any) -> str:
    """The row as it is printed; `found` is what was measured or found out, or, as text, why nothing was."""
    if isinstance(found, str):
        return COLUMNS.format(row.name, "", "", "", row.budget, f"not measured: {found}")
    if isinstance(row, Agreement):
        return _agreement(row, found)
    if isinstance(row, Finding):
        words = row.words.format(**found)
        return (
            f"{row.name:48} {words:>58}  {row.budget:23} {_verdict(row.met(found)) if row.budget != REPORTED else ''}"
        )
    ratio = "" if found.ratio is None else f"{found.ratio:.2f}"
    peer = "" if found.peer is None else _words(found.peer)
    verdict = _verdict(row.met(found)) if row.budget != REPORTED else ""
    said = f"not measured: {found.failed}" if found.failed else verdict
    return COLUMNS.format(row.name, _words(found.subject), peer, ratio, row.budget, said)


def _agreement(row: Agreement, found: dict[str, Any]) -> str:
    if not found["fits"]:
        return COLUMNS.format(row.name, "0", "", "", row.budget, "not measured: no set has stored answers of R")
    ratio = "" if found["ratio"] is None else f"{found['ratio']:.2f}"
    fits = f"{found['fits']}" + (f", {found['failed']} failed" if found["failed"] else "")
    if not row.peer:
        apart, met = f"R {found['us_from_r']:.0e}", found["us_from_r"] <= (row.most or 0) and not found["failed"]
        return COLUMNS.format(row.name, fits, apart, ratio, row.budget, _verdict(met))
    apart = f"us {found['from_us']:.0e}, R {found['from_r']:.0e}"
    off = f"{found['off']} off by > 1e-6, most in {found['worst']}" if found["off"] else ""
    return COLUMNS.format(row.name, fits, apart, ratio, row.budget, off)


def _verdict(met: bool) -> str:
    return "met" if met else "NOT met"


def _words(cost: Cost) -> str:
    rate = f" {cost.count / cost.seconds:,.0f}/s" if cost.count >= 1_000 and cost.seconds else ""
    return f"{cost.seconds:.3f} s {cost.megabytes:.0f} MB{rate}"


if __name__ == "__main__":
    main()
