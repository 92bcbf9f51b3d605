"""The seed's real reports, each against the studies of the others: left out in turn, and as they came year by year."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.link import Linker, StudyProfile
from db.identifiers import registry_ids
from db.model import Author, Link, Record

PRODUCTS = ("WU-CART-007", "soficabtagene geleucel", "GC027", "RD13-01", "RD13-02", "NS7CAR", "BE-CAR7", "UCART7")
# A report whose patients are only in part a study's: it is to be proposed for these trials' studies and founds none.
PART_OF = {
    "nejm-2024-haplo": ("NCT04538599",),
    "ns7car-pooled-ash-2025": ("NCT04572308", "NCT04938115"),
}
Row = dict[str, Any]


@dataclass(frozen=True)
class Seen:
    """What a row shows to the linker: its registration numbers, its number of patients and product, or neither."""

    ids: bool
    facts: bool


SETTINGS = {
    "numbers, n and product": Seen(ids=True, facts=True),
    "n and product, no number": Seen(ids=False, facts=True),
    "numbers, first author, title, year": Seen(ids=True, facts=False),
    "first author, title, year": Seen(ids=False, facts=False),
}


@dataclass(frozen=True)
class Outcome:
    """Counts of (report, study) pairs. `missed`: to be found, neither linked nor proposed."""

    to_find: int
    linked: int
    proposed: int
    false_links: tuple[tuple[str, str], ...]
    false_proposals: int
    missed: tuple[tuple[str, str], ...]


def rows(folder: Path) -> list[Row]:
    """The rows of seed/cd7_reports.json under `folder`."""
    found: list[Row] = json.loads((folder / "seed" / "cd7_reports.json").read_text("utf-8"))
    return found


def record_of(row: Row, seen: Seen) -> Record:
    """A row as a record, as much of it as is `seen`; the product is the one that its note names."""
    first, text = row["first_author"], ""
    if seen.facts:
        product = re.search(r"\bproduct ([\w-]+)", row["note"])
        patients = row["n_patients_as_reported"]
        text = (f"{patients} patients were infused. " if patients else "") + (product[1] if product else "")
    return Record(
        "seed",
        row["key"],
        row["title"],
        text,
        (Author(*first.rsplit(" ", 1)),) if first else (),
        row["year"],
        registry_ids=registry_ids(" ".join(row["registry_ids"])) if seen.ids else (),
    )


def cluster_of(row: Row) -> str:
    """The study that the file names, else one of its own."""
    return str(row["cluster"] or row["key"])


def study_of(key: str, members: Sequence[Row], seen: Seen) -> StudyProfile:
    """A study of these rows and of the trials that they print."""
    records = tuple(record_of(row, seen) for row in members)
    return StudyProfile(key, key, tuple(sorted({n for r in records for n in r.registry_ids})), records, None)


def leave_one_out(found: Sequence[Row], seen: Seen) -> Outcome:
    """Each report against the studies of all others."""
    told: list[tuple[Row, list[Link], frozenset[str]]] = []
    for row in found:
        studies = _studies([other for other in found if other is not row], seen)
        told.append((row, Linker(studies, PRODUCTS).propose(record_of(row, seen)), frozenset(s.id for s in studies)))
    return _outcome(told)


def growing(found: Sequence[Row], seen: Seen) -> Outcome:
    """The reports in order of their years, each against the studies of those before; a person answers all proposals."""
    told: list[tuple[Row, list[Link], frozenset[str]]] = []
    came: list[Row] = []
    for row in sorted(found, key=lambda row: row["year"]):
        studies = _studies(came, seen)
        told.append((row, Linker(studies, PRODUCTS).propose(record_of(row, seen)), frozenset(s.id for s in studies)))
        came.append(row)
    return _outcome(told)


def _studies(members: Sequence[Row], seen: Seen) -> list[StudyProfile]:
    clusters: dict[str, list[Row]] = {}
    for row in members:
        if row["key"] not in PART_OF:
            clusters.setdefault(cluster_of(row), []).append(row)
    return [study_of(key, members, seen) for key, members in clusters.items()]


def _outcome(told: Sequence[tuple[Row, list[Link], frozenset[str]]]) -> Outcome:
    to_find = linked = proposed = false_proposals = 0
    false_links, missed = [], []
    for row, links, known in told:
        right = known & set(PART_OF.get(row["key"], (cluster_of(row),)))
        sure = {link.study for link in links if link.state == "linked"}
        asked = {link.study for link in links if link.state == "proposed"}
        whole = right if row["key"] not in PART_OF else frozenset()  # a report on part of a study is never linked alone
        to_find += len(right)
        linked += len(sure & whole)
        proposed += len(asked & right)
        false_proposals += len(asked - right)
        false_links += [(row["key"], study) for study in sorted(sure - whole)]
        missed += [(row["key"], study) for study in sorted(right - sure - asked)]
    return Outcome(to_find, linked, proposed, tuple(false_links), false_proposals, tuple(missed))
