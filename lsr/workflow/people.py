"""Who may decide: the people whom the protocol names."""

from __future__ import annotations

from db.errors import DecisionError
from lsr.workflow.folder import Open


def known_person(opened: Open, person: str, *roles: str) -> None:
    """DecisionError if the protocol does not name the person, or gives them none of the roles that are asked."""
    named = [p.name for p in opened.spec.persons]
    if person not in named:
        raise DecisionError(f"unknown person {person!r}: the protocol names {', '.join(named) or 'nobody yet'}")
    having = [p.name for p in opened.spec.persons if not roles or set(roles) & set(p.roles)]
    if person not in having:
        names = ", ".join(having) or "nobody yet"
        raise DecisionError(f"{person!r} is no {' or '.join(roles)} of this review: the protocol names {names}")
