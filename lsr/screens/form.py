"""The extraction form: one field at a time in a plain terminal. Each answer is checked and on disk before the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import typer

from curation.dictionary import WORDS, ValueFault, allowed, read_value
from curation.fieldsheet import blank_fields
from db import extraction, queries
from db.errors import ReviewError
from db.model import Datum, FieldValue
from db.specs import FieldSpec
from lsr.cli.common import clean, out, say
from lsr.workflow import extract
from lsr.workflow.extraction_files import OUTCOMES
from lsr.workflow.fields import dictionary_of, enter_field
from lsr.workflow.folder import Open
from lsr.workflow.people import known_person

_KEYS: Final = "Enter leave for later · < back · ? help · q leave"
_QUIT, _BACK, _HELP, _LATER = "q", "<", "?", ""


@dataclass(frozen=True)
class Question:
    """What is asked: `text` and `hint` are shown, `answer` takes what was typed and stores it, or raises."""

    text: str
    hint: str
    said: str
    answer: Callable[[str], None]


def fill(found: Open, study: str, person: str, sections: Sequence[str]) -> None:
    """Ask what the person has not yet answered of a study, field by field; leave and come back at any time.

    One's own earlier answers are shown when one goes back to them; nobody else's ever are.
    """
    known_person(found, person, "extractor")
    asked = [*_outcomes(found, study, person, sections), *_fields(found, study, person, sections)]
    position = next((i for i, question in enumerate(asked) if not question.said), len(asked))
    answered = 0
    while position < len(asked):
        question = asked[position]
        out(f"\n[{position + 1} of {len(asked)}] {clean(question.text)}")
        if question.said:
            out(f"  you said: {clean(question.said)}")
        typed = _ask(question.hint)
        if typed == _QUIT:
            break
        if typed == _BACK:
            position = max(position - 1, 0)
        elif typed == _HELP:
            out(f"  {question.hint}; NR not reported, NA not applicable, UNCLEAR; then where it stands\n  {_KEYS}")
        elif typed == _LATER or _kept(question, typed):
            asked[position] = replace(question, said=typed or question.said)
            answered += bool(typed)
            position += 1
    say(f"{answered} answers kept; {sum(not question.said for question in asked)} of {len(asked)} not yet answered.")


def _fields(found: Open, study: str, person: str, sections: Sequence[str]) -> list[Question]:
    wanted = [name for name in sections if name != OUTCOMES]
    if sections and not wanted:
        return []
    dictionary = dictionary_of(found)
    outcomes = [outcome.id for outcome in found.spec.outcomes]
    reports = extract.study_reports(found, study)
    round = queries.current_round(found.review.connection, study, "extraction")
    own = extraction.own_fields(found.review.connection, study, person, round)
    said = {(v.cohort, v.field, v.row, v.report): WORDS.get(v.status, v.value) for v in own}
    return [
        Question(
            f"{field.label}{f' ({value.row})' if value.row else ''}  [{field.id}]  {value.report}",
            allowed(field),
            said.get((value.cohort, value.field, value.row, value.report), ""),
            lambda typed, field=field, value=value: _answer_field(found, field, value, typed, person),  # type: ignore[misc]
        )
        for field, value in blank_fields(dictionary, study, [extract.ALL], reports, outcomes, wanted)
        if not field.rows or value.row  # lines that people name themselves are for the sheet
    ]


def _answer_field(found: Open, field: FieldSpec, value: FieldValue, typed: str, person: str) -> None:
    status, text = read_value(field, typed)
    place = _ask("where in the report (page, table, figure)")
    answer = ""
    while True:
        filled = replace(value, status=status, value=text, place=place, answer=answer)
        try:
            enter_field(found, filled, person)
            return
        except ReviewError as error:
            answer = _answer_to(error)


def _outcomes(found: Open, study: str, person: str, sections: Sequence[str]) -> list[Question]:
    if sections and OUTCOMES not in sections:
        return []
    round = queries.current_round(found.review.connection, study, "extraction")
    own = extraction.own_data(found.review.connection, study, person, round)
    said = {(d.outcome, d.denominator, d.report): "NR" if d.total is None else f"{d.events}/{d.total}" for d in own}
    labels = {outcome.id: outcome.label for outcome in found.spec.outcomes}
    return [
        Question(
            f"{labels[row.outcome]}  [{row.outcome}, of {row.denominator}]  {row.report}",
            "events/total (8/11; 0/11 where the report says that none occurred), or NR",
            said.get((row.outcome, row.denominator, row.report), ""),
            lambda typed, row=row: _answer_outcome(found, row, typed, person),  # type: ignore[misc]
        )
        for row in extract.blank_rows(found, study)
    ]


def _answer_outcome(found: Open, row: Datum, typed: str, person: str) -> None:
    if typed.casefold() in ("nr", "not reported"):
        extract.enter(found, [replace(row, status="silent")], person)
        return
    events, slash, total = (part.strip() for part in typed.partition("/"))
    if not slash or not (events.isdecimal() and total.isdecimal()) or int(events) > int(total) or int(total) == 0:
        raise ValueFault(f'"{typed[:40]}" is no events/total: 8/11, or NR')
    place = _ask("where in the report (page, table, figure)")
    status = "none" if int(events) == 0 else "reported"
    answer = ""
    while True:
        filled = replace(row, status=status, events=int(events), total=int(total), place=place, answer=answer)  # type: ignore[arg-type]
        try:
            extract.enter(found, [filled], person)
            return
        except ReviewError as error:
            answer = _answer_to(error)


def _answer_to(error: ReviewError) -> str:
    """What the person answers to a question of a check; a refusal is raised again."""
    if "column answer" not in str(error):
        raise error
    say(str(error))
    if answer := _ask("your answer, kept with the value (Enter: change the value instead)"):
        return answer
    raise ValueFault("not entered")


def _ask(hint: str) -> str:
    try:
        return str(typer.prompt(f"  {hint}", default="", show_default=False, prompt_suffix="\n> ", err=True)).strip()
    except (EOFError, typer.Abort):
        return _QUIT


def _kept(question: Question, typed: str) -> bool:
    """Whether the answer was good and is stored; if not, what is wrong is said."""
    try:
        question.answer(typed)
    except (ReviewError, ValueFault) as error:
        say(str(error))
        return False
    return True
