"""Reports and studies as the named cases write them; the real reports as bibliographic facts."""

from __future__ import annotations

from typing import Any

from curation.link import Linker, StudyProfile
from db.identifiers import registry_ids
from db.model import Author, Notice, Record

PRODUCTS = ("WU-CART-007", "GC027", "RD13-01", "RD13-02", "NS7CAR", "BE-CAR7", "UCART7")


def record_of(key: str, facts: dict[str, Any]) -> Record:
    """A record of a case's keys; its numbers are read from `ids` and the abstract, as harvest reads them."""
    abstract = facts.get("abstract", "")
    if facts.get("n"):
        abstract = f"{abstract} {facts['n']} patients were infused.".strip()
    kind, pmid = facts.get("notice", ("", ""))
    names = [tuple(name.rsplit(" ", 1)) for name in facts.get("authors", "").split(", ") if name]
    return Record(
        "test",
        key,
        facts["title"],
        abstract,
        tuple(Author(family, given, "", facts.get("affiliation", "")) for family, given in names),
        facts.get("year"),
        doi=facts.get("doi", ""),
        pmid=facts.get("pmid", ""),
        registry_ids=registry_ids(facts.get("ids", ""), abstract),
        publication_types=tuple(facts.get("types", ())),
        notices=(Notice(kind, pmid),) if kind else (),
    )


def study_of(key: str, *reports: Record) -> StudyProfile:
    """A study of these reports and all numbers that they print."""
    trials = sorted({number for report in reports for number in report.registry_ids})
    return StudyProfile(key, key, tuple(trials), reports, None)


def case_linker(case: dict[str, Any]) -> Linker:
    """The linker that knows a case's studies and registrations."""
    studies = [study_of(key, record_of(f"of-{key}", facts)) for key, facts in case["studies"].items()]
    return Linker(studies, PRODUCTS, case.get("registrations", {}))
