"""What both screens say of a report, as plain text that is not yet harmless: who shows it cleans it."""

from __future__ import annotations

from collections.abc import Mapping

from db.model import Record
from db.queries import Vote
from db.seat import Companion
from lsr.screens.session import Shown

# Each action in words, in the order of the help.
HELP = {
    "include": "include",
    "exclude": "exclude, without a reason",
    "unsure": "unsure",
    "skip": "skip: it comes again at the end",
    "undo": "undo, without limit; a closed item takes a reopening",
    "previous": "the record before",
    "next": "the next record",
    "note": "a note for the adjudicator, kept with your vote",
    "open": "open the DOI, or show it",
    "search": "search this queue",
    "help": "this help",
    "leave": "leave: every vote is saved already",
}


def names_of(record: Record, most: int = 6) -> str:
    """The authors as printed, the first few of them."""
    names = [author.collective or f"{author.family} {author.given}".strip() for author in record.authors]
    return (", ".join(names[:most]) + (" …" if len(names) > most else "")) or "(no authors)"


def printed_of(record: Record) -> str:
    """Year, registry ids, journal, types, language, DOI, PMID: what there is of them, what is cut off last first."""
    parts = (str(record.year or ""), *record.registry_ids, record.journal, *record.publication_types, record.language,
             f"doi {record.doi}" if record.doi else "", f"pmid {record.pmid}" if record.pmid else "")  # fmt: skip
    return " · ".join(part for part in parts if part)


def companion_words(shown: Shown) -> list[str]:
    """The studies that the report belongs to, or may belong to."""
    return [_companion(one) for one in shown.companions]


def _companion(one: Companion) -> str:
    told = "report of" if one.state == "linked" else "may be a report of"
    others = f"{one.others or 'no'} other report{'' if one.others == 1 else 's'}"
    return f"{told} {one.label} ({others} known)"


def vote_words(vote: Vote) -> str:
    """The reviewer's own vote."""
    reason, note = f" ({vote.reason})" if vote.reason else "", f"; note: {vote.note}" if vote.note else ""
    return f"Your vote: {vote.verdict}{reason}{note}"


def keys_of(keys: Mapping[str, str], action: str) -> list[str]:
    """The keys of an action, the first one first."""
    return [key for key, done in keys.items() if done == action]
