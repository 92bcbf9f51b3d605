"""Trials that reports name, looked up in their register: it identifies no record, it gives facts for linking."""

from __future__ import annotations

from typing import Final

from db.model import Record
from db.records import records_of_source
from db.registrations import store_registrations, trials_named
from db.review import Review
from db.specs import SourceSpec
from harvest import ctgov
from harvest.source import Progress
from harvest.transport import Transport

AUTHOR: Final = "machine:harvest"
REGISTER: Final = "ctgov"
PREFIX: Final = "NCT"  # the numbers that this register gives


def look_up_trials(review: Review, spec: SourceSpec, transport: Transport, progress: Progress) -> int:
    """Facts of every trial that a record names and this register may know; how many are new or changed.

    What the register's own search brought is at hand; only the rest is asked for. SourceError, and nothing stored, if
    the register does not answer whole.
    """
    at_hand = {record.native_id: record for record in records_of_source(review.connection, spec.id)}
    held = {trial for record in at_hand.values() for trial in record.registry_ids}
    wanted = [t for t in trials_named(review.connection) if t.startswith(PREFIX) and t not in held]
    if wanted:
        looked_up = ctgov.refresh(spec, wanted, transport, progress)
        at_hand |= {record.native_id: record for record in looked_up.records}
    facts = [(record.native_id, facts_of(record)) for record in at_hand.values()]
    return store_registrations(review, AUTHOR, REGISTER, facts)


def facts_of(record: Record) -> dict[str, str]:
    """A registration's facts, as plain texts: its title, its investigators, its other numbers, and what it says of the
    trial."""
    people = "; ".join(f"{author.given} {author.family}".strip() for author in record.authors)
    own = {"title": record.title, "investigators": people, "ids": "; ".join(record.registry_ids), "url": record.url}
    return {key: value for key, value in {**record.extra, **own}.items() if value}
