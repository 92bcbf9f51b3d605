"""Two reports side by side: a new one and the main report of a study that it may belong to, fact by fact."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from curation.normalise import Name, fold, name, same_person
from curation.samplesize import patients_in
from db import queries, studies
from db.errors import InputError
from db.model import Author, Link, Record
from lsr.workflow.folder import Open
from lsr.workflow.studies import known_study


@dataclass(frozen=True, slots=True)
class Fact:
    """One line: what each report prints, and whether that speaks for one study, against it, or neither (0)."""

    name: str
    left: str
    right: str
    says: str = ""
    speaks: int = 0


@dataclass(frozen=True, slots=True)
class Pair:
    """A report beside a study. `link`: what is said of them so far, with the machine's or a person's evidence."""

    report: str
    study: str
    label: str
    main: str  # the study's report that is shown
    others: tuple[str, ...]  # its other reports
    facts: tuple[Fact, ...]
    link: Link | None
    included: bool  # whether the study is included
    overlap: str  # how the overlap of the report's own study with this one stands; "" if nobody named one


def pairs(opened: Open, reference: str, study: str | None = None) -> list[Pair]:
    """The report beside the study named, or beside each that is proposed or linked. InputError if there is none."""
    connection = opened.review.connection
    report = queries.find_report(connection, reference)
    if study is not None:
        return [side_by_side(opened, report, known_study(opened, study))]
    found = [f.study for f in queries.links(connection) if f.report == report and f.state != "refused"]
    if not found:
        raise InputError(f"{report}: no study is proposed for it: name one (`lsr link --studies` lists them)")
    return [side_by_side(opened, report, one) for one in found]


def side_by_side(opened: Open, report: str, study: str) -> Pair:
    """One report and one study, with what is the same, what differs, and what was said of them."""
    connection = opened.review.connection
    links = queries.links(connection)
    linked = [f.report for f in links if (f.study, f.state) == (study, "linked") and f.report != report]
    ordered = [c.report for c in studies.companions(connection) if c.study == study and c.report != report]
    main, *others = [*ordered, *(r for r in linked if r not in ordered)] or [""]
    own = {f.study for f in links if (f.report, f.state) == (report, "linked")} - {study}
    over = [o for o in studies.overlaps(connection) if study in (o.a, o.b) and own & {o.a, o.b}]
    left = queries.record_of(connection, report)
    right = queries.record_of(connection, main) if main else Record("", "")
    return Pair(
        report, study, queries.study_labels(connection)[study], main, tuple(others),
        tuple(_facts(left, right, opened.spec.named_products)) if main else (),
        next((f for f in links if (f.report, f.study) == (report, study)), None), bool(ordered),
        "; ".join(f"{o.certainty} overlap, {o.state}" for o in over),
    )  # fmt: skip


def plain(pair: Pair) -> dict[str, Any]:
    """A pair as JSON values; evidence is what was written beside the link."""
    link = None if pair.link is None else {"state": pair.link.state, "evidence": list(pair.link.evidence)}
    return asdict(pair) | {"facts": [asdict(fact) for fact in pair.facts], "link": link, "others": list(pair.others)}


def _facts(left: Record, right: Record, products: tuple[str, ...]) -> list[Fact]:
    texts = [f"{record.title}\n{record.abstract}" for record in (left, right)]
    patients = [patients_in(text) for text in texts]
    made = [{p for p in products if f" {fold(p)} " in f" {fold(text)} "} for text in texts]
    return [
        Fact("title", left.title, right.title),
        Fact("authors", _people(left.authors), _people(right.authors), *_shared(left.authors, right.authors)),
        Fact("date", left.date or str(left.year or ""), right.date or str(right.year or ""), *_dates(left, right)),
        Fact("journal", left.journal, right.journal),
        Fact("trials", _list(left.registry_ids), _list(right.registry_ids),
             *_sets(set(left.registry_ids), set(right.registry_ids))),
        Fact("patients", str(patients[0] or ""), str(patients[1] or ""), *_grown(*patients)),
        Fact("product", _list(sorted(made[0])), _list(sorted(made[1])), *_sets(*made)),
        Fact("centre", _centre(left), _centre(right), *_centres(left, right)),
        Fact("kind", _list(left.publication_types), _list(right.publication_types)),
        Fact("DOI", left.doi, right.doi),
    ]  # fmt: skip


def _people(authors: tuple[Author, ...]) -> str:
    names = [a.collective or f"{a.family} {a.given}".strip() for a in authors]
    return ", ".join(names[:4]) + (f" … ({len(names)})" if len(names) > 4 else "")


def _shared(left: tuple[Author, ...], right: tuple[Author, ...]) -> tuple[str, int]:
    theirs: list[Name] = [name(author) for author in right]
    shared = sum(any(same_person(mine, other) for other in theirs) for mine in map(name, left))
    return (f"{shared} in both", int(shared > 1)) if shared else ("", 0)


def _dates(left: Record, right: Record) -> tuple[str, int]:
    if left.year is None or right.year is None or left.year == right.year:
        return "", 0
    return ("later" if left.year > right.year else "earlier"), 0


def _sets(left: set[str], right: set[str]) -> tuple[str, int]:
    if both := left & right:
        return f"same: {_list(sorted(both))}", 1
    return ("differ", -1) if left and right else ("", 0)


def _grown(left: int | None, right: int | None) -> tuple[str, int]:
    if left is None or right is None:
        return "", 0
    return ("same", 1) if left == right else ("more", 0) if left > right else ("fewer", -1)


def _centre(record: Record) -> str:
    return next((author.affiliation for author in record.authors if author.affiliation), "")


def _centres(left: Record, right: Record) -> tuple[str, int]:
    mine, theirs = (
        {part for a in record.authors for part in map(fold, a.affiliation.split(",")) if _names_a_centre(part)}
        for record in (left, right)
    )
    return ("same", 1) if mine & theirs else ("differ", -1) if mine and theirs else ("", 0)


def _names_a_centre(part: str) -> bool:
    return any(word in part for word in ("hospital", "universit", "institut", "center", "centre", "clinic"))


def _list(values: tuple[str, ...] | list[str]) -> str:
    return ", ".join(values)
