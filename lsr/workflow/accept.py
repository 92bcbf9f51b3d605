"""A person's answer to the questions of a search that failed: the next run passes them."""

from __future__ import annotations

from db import searches
from db.errors import InputError
from lsr.workflow.folder import Open
from lsr.workflow.people import known_person


def accept(opened: Open, source: str, person: str, why: str) -> tuple[tuple[str, str], ...]:
    """Accept the questions (key, words) of the source's last failure that asked any and that no run repaired since.

    InputError if there are none or no reason is given; DecisionError if the protocol does not know the person.
    """
    known_person(opened, person)
    if not why.strip():
        raise InputError("an acceptance needs its reason: --why WHY")
    if source not in [known.id for known in opened.spec.sources]:
        raise InputError(f"no source {source!r} in the protocol: there are {_names(opened)}")
    review = opened.review
    with review.transaction():
        failures = searches.open_failures(review.connection).get(source, [])
        asked = next((failure.questions for failure in reversed(failures) if failure.questions), ())
        before = searches.accepted(review.connection, source)
        answered = tuple((key, words) for key, words in asked if key not in before)
        if not asked:
            raise InputError(f"{source}: no question was asked since its last whole run: there is nothing to accept")
        if not answered:
            raise InputError(f"{source}: its questions were accepted already: run `lsr harvest {source}`")
        for key, _ in answered:
            review.append(person, "acceptance", {"source": source, "question": key, "why": why})
    return answered


def _names(opened: Open) -> str:
    return ", ".join(source.id for source in opened.spec.sources)
