"""Which abstract pages are wanted, and were not read yet: asked by `lsr status`, so nothing here reads a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from db import retrieved
from db.retrieved import Wanting
from harvest.abstract_dois import PREFIXES, society_of
from lsr.workflow.folder import Open

TROUBLE = "page not read"  # the name of the log lines that say why


@dataclass(frozen=True, slots=True)
class ToOpen:
    """A DOI whose page is wanted: what it lacks, and why a fetch did not bring it."""

    society: str
    doi: str
    report: str
    title: str
    lacks: tuple[str, ...]
    trouble: str = ""

    @property
    def url(self) -> str:
        return f"https://doi.org/{self.doi}"


def pages_to_open(opened: Open) -> list[ToOpen]:
    """The DOIs of reports that lack abstract or registry id and whose page was not read yet, for a person to open."""
    known = retrieved.page_troubles(opened.review.connection, TROUBLE)
    found = []
    for society, wanted in wanted_pages(opened).items():
        read = read_before(opened, society, wanted)
        found += [
            ToOpen(society, w.doi, w.report, w.title, _lacks(w), known.get(w.doi, ""))
            for w in wanted
            if w.doi not in read
        ]
    return found


def wanted_pages(opened: Open) -> dict[str, list[Wanting]]:
    """By society. An article of a society's journal shares the prefix of its abstracts, and is none."""
    connection = opened.review.connection
    prefixes = [prefix for society in PREFIXES.values() for prefix in society]
    found: dict[str, list[Wanting]] = {}
    for one in retrieved.wanting(connection, prefixes):
        if society := society_of(one.doi):
            found.setdefault(society, []).append(one)
    return found


def _lacks(one: Wanting) -> tuple[str, ...]:
    return (*(() if one.abstract else ("abstract",)), *(() if one.registry_id else ("registry id",)))


def read_before(opened: Open, society: str, wanted: Sequence[Wanting]) -> set[str]:
    """The DOIs whose page is a record of the review, and was not outdated by what a search brought since."""
    connection = opened.review.connection
    keys = {w.doi for w in wanted}
    read = retrieved.pages_read(connection, society)
    return {doi for doi, clock in read.items() if doi in keys and clock >= _since(wanted, doi)}


def _since(wanted: Sequence[Wanting], doi: str) -> int:
    return max(w.since for w in wanted if w.doi == doi)
