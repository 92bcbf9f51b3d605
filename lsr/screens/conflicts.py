"""Conflicts, one after another, for the adjudicator: votes side by side, abstract, criteria; one key each."""

from __future__ import annotations

import textwrap
from typing import Final, get_args

import typer

from curation.verdicts import able, check_adjudicator, reasons_at
from db import queries
from db.errors import DecisionError, ReviewError
from db.model import Record, Stage, Verdict
from db.queries import Vote
from db.specs import ProtocolSpec, ReasonSpec
from lsr.cli.common import clean, out, say
from lsr.workflow import judge
from lsr.workflow.folder import Open
from lsr.workflow.items import Item, may_resolve, today

STAGES: Final[tuple[Stage, ...]] = get_args(Stage)
WIDTH = 78  # an 80-column terminal, less a margin
COLUMN = (WIDTH - 3) // 2  # two columns and " │ " between them
KEYS = "i include · e exclude · 1-9 exclude with reason · n note · s ] next · [ back · q leave"


def adjudicate(found: Open, adjudicator: str) -> None:
    """Show the conflicts on which this adjudicator may rule, and take a ruling by key; each is on disk at once.

    DecisionError for who is no adjudicator of the review. A ruling closes the item: undoing it is a reopening.
    """
    stages = [s for s in STAGES if adjudicator in [p.name for p in able(found.spec, "adjudicator", s, today(found))]]
    if not stages:
        check_adjudicator(found.spec, adjudicator, STAGES[-1], today(found))
        check_adjudicator(found.spec, adjudicator, STAGES[0], today(found))
    waiting = [item for stage in stages for item in may_resolve(found, stage, adjudicator)]
    if not waiting:
        say("No conflicts. None awaits your ruling.")
    position, note, ruled, shown = 0, "", 0, None
    while position < len(waiting):
        item = waiting[position]
        if shown != (item, note):  # a wrong key moves nothing
            show(found, item, f"conflict {position + 1} of {len(waiting)} at {item.stage}", note)
            shown = (item, note)
        key = _ask(KEYS)
        if key == "q":
            break
        if key == "n":
            note = _ask("note (empty: none)", lower=False)
        elif key in ("s", "]", "["):
            position, note = max(0, position + (-1 if key == "[" else 1)), ""
        elif _rule(found, item, adjudicator, key, note):
            waiting.pop(position)
            note, ruled = "", ruled + 1
    if ruled:
        say(f"{ruled} ruled; {len(waiting)} left.")


def show(found: Open, item: Item, heading: str, note: str = "") -> None:
    """One conflict as the adjudicator reads it: what was printed, the criteria, and the votes side by side."""
    record = queries.record_of(found.review.connection, item.report)
    reasons = reasons_at(found.spec, item.stage)
    lines = ["─" * WIDTH, f"[{heading}]  {item.report}", *_printed(record)]
    for paragraph in (record.abstract or "(no abstract)").splitlines():
        lines += _wrapped(paragraph)
    lines.append("")
    for i, reason in enumerate(reasons, 1):
        lines += _wrapped(f"  {i} {reason.label}", indent=" " * 4)
    lines += ["", *side_by_side(found.spec, item.votes)]
    if note:
        lines += ["", *_wrapped(f"your note: {note}")]
    out("\n".join(lines))


def side_by_side(spec: ProtocolSpec, votes: tuple[Vote, ...]) -> list[str]:
    """The votes in two columns of a terminal 80 columns wide: who, verdict, reason with its label, note."""
    labels = {reason.code: reason.label for reason in spec.reasons}
    lines: list[str] = []
    for first in range(0, len(votes), 2):
        columns = [_vote(vote, labels) for vote in votes[first : first + 2]]
        height = max(map(len, columns))
        rows = zip(*([*column, *[""] * (height - len(column))] for column in columns), strict=True)
        lines += [" │ ".join(cell.ljust(COLUMN) for cell in row).rstrip() for row in rows]
        lines.append("")
    return lines[:-1]


def _vote(vote: Vote, labels: dict[str, str]) -> list[str]:
    parts = [f"{vote.reviewer}: {vote.verdict} {vote.reason or ''}".rstrip()]
    if vote.reason:
        parts.append(labels.get(vote.reason, "(no longer in the protocol)"))
    parts.append(f"note: {vote.note}" if vote.note else "no note")
    return [line for part in parts for line in textwrap.wrap(clean(" ".join(part.split())), COLUMN) or [""]]


def _printed(record: Record) -> list[str]:
    names = [author.collective or f"{author.family} {author.given}".strip() for author in record.authors]
    facts = (record.journal, str(record.year or ""), *record.publication_types, *record.registry_ids,
             f"doi {record.doi}" if record.doi else "", record.composed)  # fmt: skip
    return [
        *_wrapped(record.title or "(no title)"),
        *_wrapped(", ".join(names[:6]) + (" …" if len(names) > 6 else "")),
        *_wrapped(" · ".join(part for part in facts if part)),
    ]


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(clean(text), WIDTH, subsequent_indent=indent)


def _ask(prompt: str, *, lower: bool = True) -> str:
    """What is typed, or "q" at the end of the input. An empty answer is an answer."""
    try:
        said = str(typer.prompt(prompt, prompt_suffix="\n> ", err=True, default="", show_default=False)).strip()
    except (EOFError, typer.Abort):
        return "q"
    return said.lower() if lower else said


def _rule(found: Open, item: Item, adjudicator: str, key: str, note: str) -> bool:
    reason = _reason(key, reasons_at(found.spec, item.stage))
    verdict: Verdict = "include" if key == "i" else "exclude"
    if key not in ("i", "e") and reason is None:
        say(f"{key!r} is no key of this screen.")
        return False
    try:
        judge.resolve(found, item.report, item.stage, adjudicator, verdict, reason, note)
    except ReviewError as error:
        say(str(error))
        return isinstance(error, DecisionError) and not _still(found, item)
    return True


def _still(found: Open, item: Item) -> bool:
    """Whether the conflict is there yet: another adjudicator may have ruled meanwhile."""
    now = judge.item(found, item.report, item.stage)
    return (now.state, now.round) == ("conflict", item.round)


def _reason(key: str, reasons: tuple[ReasonSpec, ...]) -> str | None:
    return reasons[int(key) - 1].code if key.isascii() and key.isdecimal() and 0 < int(key) <= len(reasons) else None
