"""The plain screens: one report at a time, one key and Enter. Each decision is on disk before the next."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

import typer

from curation.verdicts import check_vote
from db import queries
from db.errors import ReviewError
from db.model import ReasonSpec, Record, Stage, Verdict
from lsr.cli.common import clean, out, say
from lsr.workflow import judge
from lsr.workflow.folder import Open
from lsr.workflow.reports import record_of

VERDICTS: dict[str, Verdict] = {"i": "include", "e": "exclude", "u": "unsure"}
WIDTH = 78  # an 80-column terminal, less a margin


def screen(found: Open, stage: Stage, reviewer: str) -> None:
    """Show what awaits this reviewer, take votes by key; z undoes without limit while items are open."""
    check_vote(found.spec, reviewer, stage, "unsure", "")  # an unknown reviewer is told before anything is shown
    waiting = queries.to_vote_on(found.review.connection, stage, reviewer, found.spec.screening.votes_needed)
    reasons = [reason for reason in found.spec.reasons if stage in reason.stages]
    done: list[str] = []
    position = 0
    while position < len(waiting):
        report = waiting[position]
        show(record_of(found.review.connection, report), f"{position + 1} of {len(waiting)} at {stage}", reasons)
        key = _ask("i include · e exclude · u unsure · 1-9 exclude with reason · s skip · z undo · q leave")
        if key == "q":
            break
        if key == "s":
            position += 1
        elif key == "z":
            position = _undo(found, stage, reviewer, done, waiting, position)
        elif _vote(found, report, stage, reviewer, key, reasons):
            done.append(report)
            position += 1
    say(f"{len(done)} votes; {len(waiting) - len(done)} of this queue left.")


def show(record: Record, heading: str, reasons: Iterable[ReasonSpec]) -> None:
    """One report with what a reviewer reads, and the reasons with their keys."""
    names = [author.collective or f"{author.family} {author.given}".strip() for author in record.authors]
    printed = (record.journal, str(record.year or ""), *record.publication_types, *record.registry_ids,
               f"doi {record.doi}" if record.doi else "")  # fmt: skip
    lines = [
        "─" * WIDTH,
        f"[{heading}]  {record.id}",
        *_wrapped(record.title or "(no title)"),
        *_wrapped(", ".join(names[:6]) + (" …" if len(names) > 6 else "")),
        *_wrapped(" · ".join(part for part in printed if part)),
    ]
    if record.composed:
        lines += _wrapped(f"({record.composed})")
    for paragraph in (record.abstract or "(no abstract)").splitlines():
        lines += _wrapped(paragraph)
    for i, reason in enumerate(reasons, 1):
        lines += _wrapped(f"  {i} {reason.label}", indent=" " * 4)
    out("\n".join(lines))


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(clean(text), WIDTH, subsequent_indent=indent)


def _ask(prompt: str) -> str:
    try:
        return str(typer.prompt(prompt, prompt_suffix="\n> ", err=True)).strip().lower()
    except (EOFError, typer.Abort):
        return "q"


def _vote(found: Open, report: str, stage: Stage, reviewer: str, key: str, reasons: list[ReasonSpec]) -> bool:
    reason = _reason(key, reasons)
    verdict: Verdict | None = "exclude" if reason else VERDICTS.get(key)
    if verdict is None:
        say(f"{key!r} is no key of this screen.")
        return False
    return _tried(lambda: judge.vote(found, report, stage, reviewer, verdict, reason))


def _undo(found: Open, stage: Stage, reviewer: str, done: list[str], waiting: list[str], position: int) -> int:
    if not done:
        say("Nothing to undo.")
        return position
    if _tried(lambda: judge.withdraw(found, done[-1], stage, reviewer)):
        return waiting.index(done.pop())
    return position


def _reason(key: str, reasons: list[ReasonSpec]) -> str | None:
    return reasons[int(key) - 1].code if key.isdecimal() and 0 < int(key) <= len(reasons) else None


def _tried(step: object) -> bool:
    try:
        step()  # type: ignore[operator]
    except ReviewError as error:
        say(str(error))
        return False
    return True
