"""`lsr link --walk`: the proposals one after another, two reports side by side, one key each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from db.errors import ReviewError
from lsr.cli.common import out, say
from lsr.cli.link import lines

if TYPE_CHECKING:
    from lsr.workflow.folder import Open
    from lsr.workflow.side_by_side import Pair

KEYS = "a accept · r refuse · o overlapping patients · n new study · s skip · q leave"
CERTAINTIES = {"1": "certain", "2": "probable", "3": "possible"}


def answer_proposals(found: Open, reviewer: str) -> None:
    """Show each proposal and take its answer; every answer is on disk before the next is shown."""
    from db import queries
    from lsr.workflow.people import known_person
    from lsr.workflow.side_by_side import side_by_side

    known_person(found, reviewer)
    connection = found.review.connection
    waiting = [(link.report, link.study) for link in queries.links(connection, "proposed")]
    answered = 0
    for number, (report, study) in enumerate(waiting, 1):
        if not any((k.report, k.study) == (report, study) for k in queries.links(connection, "proposed")):
            continue  # an answer to another proposal was one to this
        pair = side_by_side(found, report, study)
        out("\n".join([f"[{number} of {len(waiting)} proposed]", *lines(pair)]))
        while (key := _ask(KEYS)) not in ("q", "s"):
            if _answered(found, pair, reviewer, key):
                answered += 1
                break
        if key == "q":
            break
    left = len(queries.links(connection, "proposed"))
    say(f"{answered} answered; {left} proposed links left.")


def _answered(found: Open, pair: Pair, reviewer: str, key: str) -> bool:
    from lsr.workflow.studies import decide_link, new_study

    try:
        if key in ("a", "r"):
            decide_link(found, pair.report, pair.study, reviewer, accept=key == "a", why=_ask("why (or nothing)", ""))
        elif key == "n":
            label = _ask("label of the new study, such as Hu 2022", "")
            if not label:
                return False
            new_study(found, pair.report, reviewer, label)
        elif key == "o":
            return _overlapping(found, pair, reviewer)
        else:
            say(f"{key!r} is no key of this screen.")
            return False
    except ReviewError as error:
        say(str(error))
        return False
    return True


def _overlapping(found: Open, pair: Pair, reviewer: str) -> bool:
    from lsr.workflow.choices import overlapping

    certainty = CERTAINTIES.get(_ask("how sure is it: 1 certain · 2 probable · 3 possible", ""))
    if certainty is None:
        say("Not said: nothing was entered.")
        return False
    number = _ask("how many patients in common (nothing if unknown)", "")
    if number and not (number.isascii() and number.isdecimal() and 0 < int(number) < 10**6):
        say(f"{number!r} is no number of patients: nothing was entered.")
        return False
    which = _ask("which is pooled: 1 this report's study · 2 the study beside it · nothing: not chosen", "")
    keep = {"1": pair.report, "2": pair.study}.get(which)
    overlapping(found, pair.report, pair.study, reviewer, certainty, int(number) if number else None, keep,
                _ask("why (or nothing)", ""))  # fmt: skip
    return True


def _ask(prompt: str, at_end: str = "q") -> str:
    try:
        return str(typer.prompt(prompt, default="", show_default=False, prompt_suffix="\n> ", err=True)).strip()
    except (EOFError, typer.Abort):
        return at_end
