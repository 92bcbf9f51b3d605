"""Made-up records from small pools, so that they repeat, resemble and contradict each other."""

from __future__ import annotations

from random import Random

from db.model import Author, Record

TITLES = (
    "Infusion of engineered cells in adults with relapsed disease",
    "Infusion of engineered cells in adults with relapsed disease.",
    "Infusion of engineered cells in adults with a relapsed disease: results",
    "Late effects among long-term survivors of a transplant",
    "",
)
AUTHORS = ((Author("Adeli", "Khosrow"), Author("Lewis", "G")), (Author("Adeli", "K"),), (Author("Tan", "Y"),), ())
SOURCES = ("pubmed", "crossref", "embase")


def record(random: Random, number: int) -> Record:
    """One record; what it prints repeats what others print, or contradicts it."""
    choice = random.choice
    return Record(
        choice(SOURCES), str(number), title=choice(TITLES[: choice((1, 2, 4, 5))]), authors=choice(AUTHORS),
        abstract=choice(("", "", "A text.", "A longer text.", "A cut …")),
        year=choice((2019, 2020, 2020, None)), journal=choice(("Blood", "Blood", "Leukemia", "")),
        volume=choice(("12", "12", "13", "")), pages=choice(("100-110", "100-110", "100", "300-9", "")),
        doi=choice(("", "", "10.1/a", "10.1/b")), pmid=choice(("", "", "1", "2")),
        registry_ids=choice(((), (), ("NCT00000001",), ("NCT00000002",))),
    )  # fmt: skip


def records(seed: int, count: int) -> list[Record]:
    """The same records for the same seed."""
    random = Random(seed)
    return [record(random, number) for number in range(count)]
