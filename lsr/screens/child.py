"""Work that must not block a key, in a process of its own: learning the order, pooling. `python -m lsr.screens.child`.

The process writes to a file without a name; the screen looks now and then whether it has ended. Killed at any moment
it leaves nothing behind: learning writes nothing to the review, and an interrupted pooling is healed by the next
command.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from db import seat
from db.errors import ReviewError
from db.model import Stage
from db.seat import Order
from lsr.workflow.folder import Open, open_review

NICE = 10  # behind the screen on a busy machine
SAMPLE = 2_000  # undecided texts that tell how common a word is
LEARN_FROM = 20_000  # decided texts at most, the relevant ones first: a bound on time and memory


@dataclass(frozen=True, slots=True)
class Ranked:
    """An order of all that awaits the reviewer, the words that made it, and how many decisions it was learnt from."""

    order: Iterable[str]  # to be read once: a queue of 100,000 is not held twice
    words: dict[str, float]
    learned: int


class Child:
    """A process at work on the review."""

    def __init__(self, words: Sequence[str]) -> None:
        self._out: IO[bytes] = TemporaryFile()  # noqa: SIM115  closed when the process has ended
        self._errors: IO[bytes] = TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", "lsr.screens.child", *words],
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=self._errors,
        )

    @classmethod
    def rank(cls, folder: Path, stage: Stage, reviewer: str, order: Order) -> Child:
        """Begin to put in order what awaits the reviewer."""
        return cls(("rank", str(folder.resolve()), stage, reviewer, order))

    @classmethod
    def pool(cls, folder: Path) -> Child:
        """Begin to pool, if the included set or its data changed."""
        return cls(("pool", str(folder.resolve())))

    def poll(self) -> Ranked | bool | str | None:
        """None while it works; then an order, whether it pooled, or one line on why it failed."""
        if self._process.poll() is None:
            return None
        self._out.seek(0)
        self._errors.seek(0)
        if self._process.returncode:
            complaint = self._errors.read().decode(errors="replace").strip()
            self._shut()
            return complaint.splitlines()[-1] if complaint else f"ended with {self._process.returncode}"
        told = json.loads(self._out.readline())
        if "pooled" in told:
            self._shut()
            return bool(told["pooled"])
        return Ranked(self._ids(), told["words"], told["learned"])

    def _ids(self) -> Iterator[str]:
        for line in self._out:
            yield json.loads(line)
        self._shut()

    def stop(self) -> None:
        """End it now."""
        self._process.kill()
        self._process.wait()
        self._shut()

    def wait(self) -> None:
        """Wait for its end."""
        self._process.wait()

    def _shut(self) -> None:
        self._out.close()
        self._errors.close()


def rank(opened: Open, stage: Stage, reviewer: str, order: Order) -> Ranked:
    """The whole queue in an order learnt from one's own votes and closed items, together with the protocol's terms; by
    these alone with too few of them or without scikit-learn."""
    from curation import ranking

    connection = opened.review.connection
    spec = opened.spec
    reports = seat.waiting(connection, stage, reviewer, spec.screening.votes_needed)
    if order == "random":
        return Ranked(tuple(ranking.shuffled(reports, f"{spec.id}/{reviewer}/{stage}")), {}, 0)
    if order == "date":
        return Ranked(tuple(seat.in_order_of_date(connection, reports)), {}, 0)
    known = sorted(seat.labels(connection, stage, reviewer).items(), key=lambda one: (not one[1], one[0]))
    known = known[:LEARN_FROM]
    texts = [seat.text_of(connection, report) for report, _ in known]
    try:
        few = [seat.text_of(connection, report) for report in reports[:: max(1, len(reports) // SAMPLE)]]
        model = ranking.fit(texts, [relevant for _, relevant in known], few)
    except ImportError:
        model = None
    marks = spec.screen.include_terms, spec.screen.exclude_terms
    scores: list[float] = []
    learnt: list[float] = []
    for k in range(0, len(reports), ranking.CHUNK):
        ahead = [seat.text_of(connection, report) for report in reports[k : k + ranking.CHUNK]]
        scores += [ranking.term_score(text, *marks) for text in ahead]
        learnt += model.scores(ahead) if model else []
    if model:
        scores = ranking.combined(scores, learnt, model.relevant) if any(marks) else learnt
    ordered = sorted(range(len(reports)), key=lambda i: -scores[i])  # stable: ties stay in the order of ids
    return Ranked(tuple(reports[i] for i in ordered), dict(model.words) if model else {}, model.learned if model else 0)


def main(task: str, folder: str, *rest: str) -> None:
    """Do the task, print what came of it as two lines of JSON."""
    try:
        os.nice(NICE)
        with open_review(Path(folder)) as opened:
            if task == "pool":
                from lsr.workflow.refresh import refresh

                told: dict[str, object] = {"pooled": refresh(opened).pooled}
                ids: Iterable[str] = ()
            else:
                found = rank(opened, *rest)  # type: ignore[arg-type]
                told, ids = {"words": found.words, "learned": found.learned}, found.order
        sys.stdout.write(f"{json.dumps(told)}\n")
        sys.stdout.writelines(f"{json.dumps(report)}\n" for report in ids)  # ids may hold any sign
    except ReviewError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(*sys.argv[1:])
