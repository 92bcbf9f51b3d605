"""Two records side by side in a plain terminal, and the walk through the pairs that await an answer."""

from __future__ import annotations

import textwrap
from typing import Final

import typer

from curation.pairsheet import Line, against, side_by_side
from db import duplicates as stored
from db.duplicates import Pair
from db.errors import ReviewError
from db.model import Record
from lsr.cli.common import clean, out, say
from lsr.workflow import pairs
from lsr.workflow.folder import Open
from lsr.workflow.people import known_person

LABEL: Final = 10
COLUMN: Final = 32  # two of them, the label, the mark and the gaps make 78: an 80-column terminal, less a margin
ABSTRACT_LINES: Final = 8  # of each side; enough to tell two publications apart, and both fit one screen
MARKS: Final = {True: "=", False: "≠", None: " "}


def show(found: Open, a: str, b: str, heading: str = "") -> None:
    """Two records, field by field, with what speaks for one publication and what against it."""
    pair = pair_of(found, a, b)
    one, other = records_of(found, a, b)
    lines = ["─" * (LABEL + 2 * COLUMN + 4), f"[{heading or f'pair {pair.name}'}]", *_row("", a, b)]
    for line in side_by_side(one, other):
        lines += _row(line.field.replace("registry_ids", "trials"), line.one, line.other, MARKS[line.agree])
    if one.abstract or other.abstract:
        lines += _row("abstract", _beginning(one.abstract), _beginning(other.abstract))
    if pair.evidence:
        lines += _wrapped(f"for: {pair.evidence}")
    lines += [line for words in against(one, other) for line in _wrapped(f"against: {words}")]
    if pair.decided:
        lines += _wrapped(f"{pair.decider}: {pair.decided}" + (f" ({pair.why})" if pair.why else ""))
    for composed in dict.fromkeys(filter(None, (one.composed, other.composed))):
        lines += _wrapped(f"({composed})")
    out("\n".join(lines))


def walk(found: Open, reviewer: str) -> None:
    """The pairs that await an answer, one after another, by key; each answer is on disk before the next pair."""
    known_person(found, reviewer)  # an unknown person is told before anything is shown
    waiting = stored.queue(found.review.connection)
    answered: list[Pair] = []
    position = 0
    if not waiting:
        say("No pair awaits an answer.")
    while position < len(waiting):
        pair = waiting[position]
        if pair.name not in {queued.name for queued in stored.queue(found.review.connection)}:
            position += 1  # another answer settled it
            continue
        show(found, pair.a, pair.b, f"{position + 1} of {len(waiting)}, pair {pair.name}")
        key = _ask("y the same publication · n different ones · s skip · z undo the last · q leave")
        if key == "q":
            break
        if key == "s":
            position += 1
        elif key == "z" and answered:
            last = answered.pop()
            pairs.undo(found, last.a, last.b, reviewer)
            position = waiting.index(last)
        elif key in ("y", "n"):
            if _answer(found, pair, reviewer, same=key == "y"):
                answered.append(pair)
            position += 1
        else:
            say("Nothing to undo." if key == "z" else f"{key!r} is no key of this screen.")
    left = stored.queue_length(found.review.connection)
    say(f"{len(answered)} pairs answered; {left} await an answer.")


def pair_of(found: Open, a: str, b: str) -> Pair:
    """What is known of two records; an empty pair if nothing is."""
    low, high = sorted((a, b))
    known = stored.pairs(found.review.connection, [a])
    return next((pair for pair in known if (pair.a, pair.b) == (low, high)), Pair(low, high))


def records_of(found: Open, a: str, b: str) -> tuple[Record, Record]:
    """The two records as their sources print them."""
    records = {record.id: record for record in stored.contents(found.review.connection, (a, b))}
    return records[a], records[b]


def as_values(found: Open, a: str, b: str) -> dict[str, object]:
    """The same as plain values, for --json."""
    pair = pair_of(found, a, b)
    one, other = records_of(found, a, b)
    return {
        "pair": pair.name, "a": a, "b": b, "found": pair.found, "evidence": pair.evidence,
        "against": against(one, other), "decided": pair.decided, "by": pair.decider, "why": pair.why,
        "fields": [_plain(line) for line in side_by_side(one, other)],
    }  # fmt: skip


def _plain(line: Line) -> dict[str, object]:
    return {"field": line.field, "a": line.one, "b": line.other, "agree": line.agree}


def _answer(found: Open, pair: Pair, reviewer: str, *, same: bool) -> bool:
    try:
        answer = pairs.decide(found, pair.a, pair.b, reviewer, "same" if same else "different")
    except ReviewError as error:
        say(str(error))
        return False
    for report, stage, why in answer.settled.reopened:
        say(f"{report}: reopened at {stage}: {why}")
    return True


def _row(label: str, one: str, other: str, mark: str = " ") -> list[str]:
    left, right = (textwrap.wrap(" ".join(clean(text).split()), COLUMN) or [""] for text in (one, other))
    height = max(len(left), len(right))
    rows = zip([label, *[""] * height], [mark, *[" "] * height], _filled(left, height), _filled(right, height),
               strict=False)  # fmt: skip
    return [f"{name:<{LABEL}} {x:<{COLUMN}} {m} {y}".rstrip() for name, m, x, y in rows]


def _filled(lines: list[str], height: int) -> list[str]:
    return lines + [""] * (height - len(lines))


def _beginning(text: str) -> str:
    lines = textwrap.wrap(" ".join(text.split()), COLUMN)
    return " ".join(lines[:ABSTRACT_LINES]) + (" …" if len(lines) > ABSTRACT_LINES else "")


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(clean(text), LABEL + 2 * COLUMN + 4, subsequent_indent="    ")


def _ask(prompt: str) -> str:
    try:
        return str(typer.prompt(prompt, prompt_suffix="\n> ", err=True)).strip().lower()
    except (EOFError, typer.Abort):
        return "q"
