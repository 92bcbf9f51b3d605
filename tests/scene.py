"""A review with reports to judge: where the tests of the front door begin."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from db import queries
from db.model import Author, Record
from db.records import RunNote, store_run
from lsr.demo import demo_protocol, demo_template
from lsr.workflow import folder as folders
from lsr.workflow import judge
from lsr.workflow.folder import Open
from lsr.workflow.settle import settle

A, B, C = "demo-a", "demo-b", "demo-c"  # screeners and extractors
JUDGE = "demo-adjudicator"
BOTH = "demo-both"  # screens, extracts and adjudicates: but never what it judged itself
PEOPLE = (
    '{ name = "demo-c", roles = ["screener", "extractor"] }',
    '{ name = "demo-both", roles = ["screener", "extractor", "adjudicator"] }',
)
SEARCHED = "2026-11-16T06:00:00Z"
TITLES = (
    "Outcomes of a first cohort in Oslo",
    "Late effects among survivors, a register study",
    "Quality of nursing in a day ward",
    "A phase 1 trial of something else entirely",
    "Letter to the editor on dosing",
    "Durable responses after infusion: the Lisbon series",
    "Costs of manufacturing at the point of care",
    "Mouse models of relapse",
)
RECORDS = tuple(
    Record(
        "pubmed", f"900{n}", title, f"Of what {title.lower()} is about.", (Author(f"Family{n}", "N"),), 2018 + n % 7,
        journal=f"Journal {n}", volume=str(n), pages=f"{n}1-{n}9", pmid=f"900{n}",
    )
    for n, title in enumerate(TITLES, 1)
)  # fmt: skip
REPORTS = tuple(record.id for record in RECORDS)
KNOWN = "10.1182/blood-2023-178723"  # a report of the previous version, the only one of KNOWN_STUDY
KNOWN_STUDY = "study:ghobadi-2023"


def protocol_text() -> str:
    """The demonstration's protocol, with two people more, and without terms: queues are then in the order of ids."""
    text = re.sub(r"^((?:in|ex)clude_terms) = .*$", r"\1 = []", demo_protocol(), flags=re.MULTILINE)
    assert text.count("person = [{") == 1
    return text.replace("person = [{", f"person = [{', '.join(PEOPLE)}, {{")


def searched(factory: pytest.TempPathFactory, to: Path) -> Path:
    """A copy in `to` of the template's review with the reports above found and none judged; made once a session."""
    made = factory.getbasetemp() / "scene"
    if not made.exists():
        folders.init(made, demo_template(), protocol_text=lambda _: protocol_text())
        with folders.open_review(made) as opened, opened.review.transaction():
            note = RunNote("pubmed", "databases", "a query", SEARCHED, None)
            stored = store_run(opened.review, note, RECORDS)
            duplicates, links = settle(opened, stored.new)
        assert not duplicates
        assert not links
    return Path(shutil.copytree(made, to))


def vote(opened: Open, report: str, stage: str, *verdicts: str) -> judge.Item:
    """One vote each by A, B, C: "include", "unsure", or "exclude", with a reason that both stages know."""
    for who, verdict in zip((A, B, C), verdicts, strict=False):
        reason = "X01_not_primary" if verdict == "exclude" else None
        item = judge.vote(opened, report, stage, who, verdict, reason)  # type: ignore[arg-type]
    return item


def to_full_text(opened: Open, report: str) -> None:
    """The report through title and abstract, its full text retrieved."""
    vote(opened, report, "title-abstract", "include", "include")
    judge.retrieve(opened, report, A, got=True)


def include(opened: Open, report: str) -> None:
    """The report through both stages, included."""
    to_full_text(opened, report)
    vote(opened, report, "full-text", "include", "include")


def studies_of(opened: Open, report: str) -> list[str]:
    """The studies that a report is linked to."""
    return [link.study for link in queries.links(opened.review.connection, "linked") if link.report == report]


@contextmanager
def taken_back(opened: Open) -> Iterator[None]:
    """What is written inside is undone at the end: many examples on one review."""
    opened.review.connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        opened.review.connection.execute("ROLLBACK")
