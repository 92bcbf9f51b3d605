"""Tasks of the reviewer's screen: a long queue made, the screen drawn and driven by keys in a terminal of 80 × 24."""

from __future__ import annotations

import random
import resource
import subprocess
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measure import task

KEYS = 100
TITLE_WORDS, ABSTRACT_WORDS = 12, 220
WORDS = (
    "cell therapy patients infusion remission leukaemia antigen target response donor murine mouse review toxicity",
    "release trial phase cohort survival relapse lymphoma transplant safety efficacy refractory infused",
)
REVIEWER = "demo-a"


def make_queue(folder: str, records: str) -> tuple[float, int]:
    """Preparation: a review whose records all await screening."""
    from db.model import Author, Record
    from db.records import RunNote, store_run
    from lsr.demo import demo_protocol, demo_template
    from lsr.workflow import folder as folders

    start = time.process_time()
    folders.init(Path(folder), demo_template(), protocol_text=lambda _: demo_protocol())
    chance, words = random.Random(1), " ".join(WORDS).split()

    def record(i: int) -> Record:
        title, abstract = (" ".join(chance.choices(words, k=k)) for k in (TITLE_WORDS, ABSTRACT_WORDS))
        return Record("pubmed", str(10_000_000 + i), title, abstract, (Author("Family", "G"),) * 6, 2000 + i % 25,
                      journal="Journal", doi=f"10.1000/{i}")  # fmt: skip

    with folders.open_review(Path(folder)) as opened, opened.review.transaction():
        note = RunNote("pubmed", "databases", "composed", "2026-01-05T06:00:00Z", None)
        store_run(opened.review, note, (record(i) for i in range(int(records))))
    return time.process_time() - start, int(records)


def screen(folder: str, records: str) -> dict[str, Any]:
    """CPU seconds of this process until the first record is drawn, imports included; CPU seconds from a key to the
    next record drawn; peak memory in MB. The votes are taken back, so that the queue is as long the next time."""
    import asyncio  # four megabytes that the other rows' processes must not hold

    if not Path(folder).exists():
        subprocess.run(task("make_queue", folder, records), check=True, stdout=subprocess.DEVNULL)
    from lsr.keys import keymap
    from lsr.screens.app import ReviewerScreen
    from lsr.screens.session import Session
    from lsr.workflow.folder import open_review

    took: list[float] = []

    async def sitting(session: Session) -> float:
        app = ReviewerScreen(session, keymap())
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause()
            first = time.process_time()
            for k in range(KEYS):
                start = time.process_time()
                await pilot.press("ieu"[k % 3])
                await pilot.pause()
                took.append(time.process_time() - start)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            found["megabytes"] = peak / 1e3 * 1.024
            for _ in range(KEYS):
                session.undo()
            return first

    found: dict[str, Any] = {}
    with open_review(Path(folder)) as opened:
        session = Session(opened, "title-abstract", REVIEWER)
        queue = len(session.lineup.reports)
        first = asyncio.run(sitting(session))
    return {
        "queue": queue,
        "first": first,
        "middle": median(took) * 1e3,
        "late": sorted(took)[int(len(took) * 0.95)] * 1e3,
        **found,
    }


TASKS = {"make_queue": make_queue}
FINDINGS = {"screen": screen}
