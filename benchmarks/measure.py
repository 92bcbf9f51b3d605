"""A process measured by what the kernel says it took, and two of them in turn, so that both meet the same machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryFile
from typing import Any

ROOT = Path(__file__).parents[1]
# What Linux counts ru_maxrss in; macOS counts bytes.
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024
ABSENT = 69  # EX_UNAVAILABLE: the exit code of a task whose peer is not installed


class AbsentError(RuntimeError):
    """What was to be measured is not installed here; the message names it."""


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds (user and system), peak memory in MB, and how many things were worked on (0: a bare command)."""

    seconds: float
    megabytes: float
    count: int = 0


@dataclass(frozen=True, slots=True)
class Compared:
    """Medians of some runs; `ratio` is the median of peer over subject, run by run.

    Without a peer `ratio` is None; `failed` says why one that was asked for gave none.
    """

    subject: Cost
    peer: Cost | None = None
    ratio: float | None = None
    failed: str = ""


def command(*arguments: str) -> list[str]:
    """Python with `arguments`, by the interpreter that runs now."""
    return [sys.executable, *arguments]


def task(name: str, *arguments: str) -> list[str]:
    """A task of benchmarks.work: it reports the seconds of the work alone."""
    return command("-m", "benchmarks.work", name, *arguments)


def cost(arguments: Sequence[str]) -> Cost:
    """Run a command to its end. RuntimeError with its last words if it fails."""
    said, usage = _run(arguments)
    megabytes = usage.ru_maxrss * MAXRSS_UNIT / 1e6
    if "benchmarks.work" in arguments:
        told = json.loads(said)
        return Cost(told["seconds"], megabytes, told["count"])
    return Cost(usage.ru_utime + usage.ru_stime, megabytes)


def tell(arguments: Sequence[str]) -> dict[str, Any]:
    """What a task found out, by name. RuntimeError with its last words if it fails."""
    found: dict[str, Any] = json.loads(_run(arguments)[0])
    return found


def compare(subject: Sequence[str], peer: Sequence[str] | None, runs: int) -> Compared:
    """Subject and peer in turn, `runs` times. A peer that fails is not asked again; a subject that fails raises."""
    ours: list[Cost] = []
    theirs: list[Cost] = []
    failed = ""
    for _ in range(runs):
        ours.append(cost(subject))
        if peer and not failed:
            try:
                theirs.append(cost(peer))
            except RuntimeError as error:
                failed = last_line(error)
    if failed or not theirs:
        return Compared(_middle(ours), failed=failed)
    ratios = [other.seconds / one.seconds for one, other in zip(ours, theirs, strict=True)]
    return Compared(_middle(ours), _middle(theirs), median(ratios))


def last_line(error: Exception) -> str:
    """The end of a failure's words: of a traceback, what was raised."""
    return str(error).strip().splitlines()[-1][:120]


def _run(arguments: Sequence[str]) -> tuple[bytes, Any]:
    """What a command said, and the resources it used."""
    with TemporaryFile() as out, TemporaryFile() as errors:
        process = subprocess.Popen(arguments, stdout=out, stderr=errors, cwd=ROOT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        errors.seek(0)
        said, complaint = out.read(), errors.read().decode(errors="replace").strip()
    if process.returncode == ABSENT:
        raise AbsentError(complaint)
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: exit {process.returncode}: {complaint[-500:]}")
    return said, usage


def _middle(costs: Sequence[Cost]) -> Cost:
    seconds, megabytes = median(c.seconds for c in costs), median(c.megabytes for c in costs)
    return Cost(seconds, megabytes, costs[0].count)
