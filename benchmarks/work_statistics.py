"""Tasks of the statistics: how long pooling takes, and how far our numbers are from those of R and of the peers."""

from __future__ import annotations

import csv
import math
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from benchmarks.cases import CLOSED, GLMM, ITERATED, ORACLE, Case, cases
from benchmarks.peers import PEERS, Fit, NoFitError, ours

GLMM_RUNS = 20
SECONDS_AT_MOST = 3.0  # of repeats of one fit
# Thirteen cohorts of the sizes that single-arm trials have, some with every patient responding.
GLMM_EVENTS = (8, 10, 10, 20, 10, 51, 7, 17, 7, 10, 7, 4, 11)
GLMM_TOTAL = (8, 12, 10, 20, 12, 54, 7, 20, 7, 11, 7, 6, 12)
SEED = 20250101
OFF = 1e-6  # what is further apart than this differs in a digit that someone may print
R_TIMES = 3
R_SCRIPT = Path(__file__).with_name("metafor.R")
CLASSES = {"closed": CLOSED, "iterated": ITERATED, "GLMM": (GLMM,)}


def glmm(studies: str = "13") -> tuple[float, int]:
    """One pool by the GLMM: the median of some, the first (which warms up) left out. Thirteen cohorts, or made up."""
    from analysis.pooling import pool
    from db.model import Row

    rows = [Row(f"s{n}", f"Study {n}", events, total) for n, (events, total) in enumerate(_cohorts(int(studies)))]
    pool(rows)
    took: list[float] = []
    while len(took) < GLMM_RUNS and sum(took) < SECONDS_AT_MOST:
        start = time.process_time()
        pool(rows)
        took.append(time.process_time() - start)
    return median(took), len(rows)


def _cohorts(studies: int) -> list[tuple[int, int]]:
    """(events, total): the thirteen, or as many made-up ones whose logits scatter by 0.8 about 1.5."""
    if studies <= len(GLMM_TOTAL):
        return list(zip(GLMM_EVENTS, GLMM_TOTAL, strict=True))[:studies]
    random, made = Random(SEED), []
    for _ in range(studies):
        total, p = random.randint(5, 60), 1 / (1 + math.exp(-random.gauss(1.5, 0.8)))
        made.append((sum(random.random() < p for _ in range(total)), total))
    return made


@dataclass(slots=True)
class Apart:
    """Fits put side by side: how many, how many the other did not make or made otherwise, how far they are apart.

    Distances are absolute below 1 and relative above, the larger of estimate and tau2.
    """

    fits: int = 0
    failed: int = 0
    off: int = 0
    from_us: float = 0.0
    us_from_r: float = 0.0
    from_r: float = 0.0
    with_r: int = 0
    worst: str = ""
    seconds: float = 0.0
    our_seconds: float = 0.0

    def add(self, case: Case, mine: Fit, theirs: Fit | None) -> None:
        """One case that we fit; `theirs` is None where the other did not."""
        self.fits += 1
        if case.expected is not None:
            self.with_r += 1
            self.us_from_r = max(self.us_from_r, _distance(mine, case.expected))
        if theirs is None or not all(map(math.isfinite, theirs)):
            self.failed += 1
            return
        apart = _distance(theirs, mine)
        self.off += apart > OFF
        if apart > self.from_us:
            self.from_us, self.worst = apart, f"{case.name} {case.measure} {case.method}"
        if case.expected is not None:
            self.from_r = max(self.from_r, _distance(theirs, case.expected))

    def plain(self) -> dict[str, Any]:
        """As JSON values; `ratio` is the other's CPU time over ours, for the fits that we make."""
        names = ("fits", "failed", "off", "from_us", "us_from_r", "from_r", "with_r", "worst", "seconds", "our_seconds")
        ratio = self.seconds / self.our_seconds if self.seconds and self.our_seconds else None
        return {name: getattr(self, name) for name in names} | {"ratio": ratio}


def beside_r(kind: str, folder: str = str(ORACLE)) -> dict[str, Any]:
    """Ours beside R's answers that are stored: `kind` is closed, iterated or GLMM."""
    all_cases, apart = cases(CLASSES[kind], Path(folder)), Apart()
    _warm(ours, all_cases)
    for case in all_cases:
        mine = _timed(ours, case, apart, "our_seconds")
        if mine is None:
            apart.failed += case.expected is not None
        elif case.expected is not None:
            apart.add(case, mine, mine)
    return apart.plain()


def beside_peer(name: str, folder: str = str(ORACLE)) -> dict[str, Any]:
    """A Python peer and ours in turn, in one process, on every case it has a method for. ImportError without it."""
    peer = PEERS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the peers' warnings; ours are errors in the tests
        fit, apart, all_cases = peer.load(), Apart(), cases(peer.methods, Path(folder))
        _warm(fit, all_cases)
        _warm(ours, all_cases)
        for case in all_cases:
            theirs = _timed(fit, case, apart, "seconds")
            mine = _timed(ours, case, apart, "our_seconds")
            if mine is not None:
                apart.add(case, mine, theirs)
    return apart.plain()


def beside_metafor(kind: str, folder: str = str(ORACLE)) -> dict[str, Any]:
    """R's metafor as installed here, in one process, and ours, on the same cases. ImportError without it."""
    methods = CLASSES["GLMM"] if kind == "GLMM" else CLOSED + ITERATED
    all_cases, apart = cases(methods, Path(folder)), Apart()
    answers, apart.seconds = _ask_r(all_cases)
    _warm(ours, all_cases)
    for case, theirs in zip(all_cases, answers, strict=True):
        mine = _timed(ours, case, apart, "our_seconds")
        if mine is not None:
            apart.add(case, mine, theirs)
    return apart.plain()


def _ask_r(all_cases: Sequence[Case]) -> tuple[list[Fit | None], float]:
    """metafor's fits in the cases' order, and the CPU seconds of one pass over them."""
    with tempfile.TemporaryDirectory() as work:
        path = Path(work) / "cases.csv"
        with path.open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(("case", "method", "first", "second"))
            for number, case in enumerate(all_cases):
                pairs = zip(case.first, case.second, strict=True)
                writer.writerows((f"c{number}", case.method, repr(one), repr(other)) for one, other in pairs)
        arguments = ["Rscript", str(R_SCRIPT), str(path), str(R_TIMES)]
        try:
            ran = subprocess.run(arguments, capture_output=True, text=True, check=False)
        except FileNotFoundError as error:
            raise ImportError("Rscript is not installed") from error
    if "no package called" in ran.stderr:
        raise ImportError("R has no package metafor")
    if ran.returncode:
        raise RuntimeError(ran.stderr)
    *lines, (_, seconds, _) = csv.reader(ran.stdout.splitlines())
    return [(float(estimate), float(tau2)) if estimate else None for _, estimate, tau2 in lines], float(seconds)


def _warm(fit: Callable[[Case], Fit], all_cases: Sequence[Case]) -> None:
    """One fit by each method, so that what is imported and prepared on the way is not measured."""
    for case in {case.method: case for case in all_cases}.values():
        _timed(fit, case, Apart(), "seconds")


def _timed(fit: Callable[[Case], Fit], case: Case, apart: Apart, where: str) -> Fit | None:
    """The fit, its CPU time added to `apart`; None where there is none, whatever the program raised."""
    start = time.process_time()
    try:
        return fit(case)
    except NoFitError:
        return None
    except Exception:
        if fit is ours:
            raise
        return None
    finally:
        setattr(apart, where, getattr(apart, where) + time.process_time() - start)


def _distance(one: Fit, other: Fit) -> float:
    return max(abs(a - b) / max(1.0, abs(b)) for a, b in zip(one, other, strict=True))


TASKS: dict[str, Callable[..., tuple[float, int]]] = {"glmm": glmm}
FINDINGS: dict[str, Callable[..., dict[str, Any]]] = {
    "beside_r": beside_r, "beside_peer": beside_peer, "beside_metafor": beside_metafor,
}  # fmt: skip
