"""Trials that reports name, looked up in their register: it identifies no record, it gives facts for linking."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from db.model import Record, SourceSpec
from db.registrations import store_registrations, trials_named
from db.review import Review
from harvest import ctgov
from harvest.source import Progress
from harvest.transport import Transport

AUTHOR: Final = "machine:harvest"
REGISTER: Final = "ctgov"
PREFIX: Final = "NCT"  # the numbers that this register gives


def look_up_trials(
    review: Review, spec: SourceSpec, found: Iterable[Record], transport: Transport, progress: Progress
) -> tuple[int, tuple[str, ...]]:
    """Facts of every NCT number that a record names; `found` are the registrations that the search brought just now.

    Returns how many registrations are new or changed, and the numbers that the register does not know. Only what
    `found` lacks is asked for. SourceError, and nothing stored, if the register does not answer whole.
    """
    at_hand = {record.native_id: record for record in found}
    held = {trial for record in at_hand.values() for trial in record.registry_ids}
    wanted = [t for t in trials_named(review.connection) if t.startswith(PREFIX) and t not in held]
    gone: tuple[str, ...] = ()
    if wanted:
        looked_up = ctgov.refresh(spec, wanted, transport, progress)
        at_hand |= {record.native_id: record for record in looked_up.records}
        gone = looked_up.deleted
    facts = [(record.native_id, facts_of(record)) for record in at_hand.values()]
    return store_registrations(review, AUTHOR, REGISTER, facts), gone


def facts_of(record: Record) -> dict[str, str]:
    """A registration's facts, as plain texts: its title, its investigators, its other numbers, and what it says of the
    trial."""
    people = "; ".join(f"{author.given} {author.family}".strip() for author in record.authors)
    own = {"title": record.title, "investigators": people, "ids": "; ".join(record.registry_ids), "url": record.url}
    return {key: value for key, value in {**record.extra, **own}.items() if value}
