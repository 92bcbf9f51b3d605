"""A process that votes through the library: `python -m tests.writer_child FOLDER REVIEWER FIRST COUNT`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from lsr.workflow import judge
from lsr.workflow.folder import open_review


def vote_all(folder: Path, reviewer: str, first: int, count: int) -> int:
    """Vote on so many reports of source "web" from `first` on, each in a transaction of its own; returns how many."""
    with open_review(folder) as opened:
        for i in range(first, first + count):
            judge.vote(opened, f"web:{i:05}", "title-abstract", reviewer, "include")
    return count


if __name__ == "__main__":
    folder, reviewer, first, count = sys.argv[1:]
    print(json.dumps({"voted": vote_all(Path(folder), reviewer, int(first), int(count))}))
