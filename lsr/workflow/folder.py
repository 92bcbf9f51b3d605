"""A review folder: made from a template, opened with its protocol, loaded with the review that it continues."""

from __future__ import annotations

import csv
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from db import queries
from db.errors import InputError, ProtocolError, ReviewFolderError
from db.identifiers import registry_ids
from db.model import Author, Record
from db.records import RunNote, store_run
from db.review import Review, now
from db.specs import ProtocolSpec
from lsr import dictionary, protocol

TEMPLATES = Path(__file__).parents[1] / "templates"
PREVIOUS = "previous"  # the folder of a template, and the source name of the records in it
EDITOR = "editor"  # who stands in the ledger for a change of protocol.toml: the file does not say who edited it
NOT_THERE = "not in Table 1"
SAYS_NONE = "none"


@dataclass(frozen=True, slots=True)
class Open:
    """An open review with the protocol in force."""

    review: Review
    spec: ProtocolSpec = field(repr=False)  # it carries the whole text of the protocol


def templates() -> list[str]:
    """The names of the templates that ship with the program."""
    return sorted(path.name for path in TEMPLATES.iterdir() if (path / protocol.FILE).is_file())


def init(
    folder: Path,
    template: str,
    clock: Callable[[], str] = now,
    protocol_text: Callable[[str], str] = lambda text: text,
) -> None:
    """A new review folder from a template; the published review it continues, if any, enters as previous version.

    `protocol_text` may change the template's protocol on the way (the demonstration puts its people in).
    """
    if template not in templates():
        raise InputError(f"no template {template!r}: there are {', '.join(templates())}")
    if folder.exists() and any(folder.iterdir()):
        raise ReviewFolderError(f"{folder}: is not empty: choose another folder")
    text = protocol_text((TEMPLATES / template / protocol.FILE).read_text("utf-8"))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Made beside it and moved in whole: an init that was killed leaves no half-made review in its place.
        with tempfile.TemporaryDirectory(prefix=".lsr-init-", dir=folder.parent) as made:
            _fill(Path(made) / "review", TEMPLATES / template, text, clock)
            if folder.exists():
                folder.rmdir()
            (Path(made) / "review").rename(folder)
    except OSError as error:
        raise ReviewFolderError(
            f"{folder}: cannot be made ({error.strerror}): choose a folder you may write to"
        ) from error


def _fill(folder: Path, template: Path, text: str, clock: Callable[[], str]) -> None:
    (folder / "fulltext").mkdir(parents=True)
    (folder / protocol.FILE).write_text(text, "utf-8")
    if (template / dictionary.FILE).is_file():
        (folder / dictionary.FILE).write_bytes((template / dictionary.FILE).read_bytes())
    with Review.create(folder, clock) as review:
        adopt_protocol(review, protocol.read_protocol(folder))
        if (template / PREVIOUS).is_dir():
            load_previous(review, template / PREVIOUS)


@contextmanager
def open_review(folder: Path, clock: Callable[[], str] = now) -> Iterator[Open]:
    """The review in `folder`, with its protocol checked, and entered in the ledger if people changed it."""
    with Review.open(folder, clock) as review:
        yield Open(review, adopt_protocol(review, protocol.read_protocol(folder)))


def adopt_protocol(review: Review, spec: ProtocolSpec) -> ProtocolSpec:
    """Enter a changed protocol in the ledger. A locked key changes only with an amendment that names it."""
    old = queries.protocol_text(review.connection)
    if old == spec.text:
        return spec
    if old is not None:
        locked = protocol.changed_locks(protocol.parse_protocol(old), spec)
        if locked:
            raise ProtocolError(
                str(review.folder / protocol.FILE),
                [f"{key} is locked: change it back, or add an [[amendment]] with item = {key!r}" for key in locked],
            )
    with review.transaction():
        if queries.protocol_text(review.connection) == old:  # else another process has just entered what it read
            review.append(EDITOR, "protocol", _protocol_body(spec))
            return spec
    return adopt_protocol(review, spec)


def _protocol_body(spec: ProtocolSpec) -> dict[str, Any]:
    return {
        "text": spec.text,
        "votes_needed": spec.screening.votes_needed,
        "title_abstract_rule": spec.screening.title_abstract_rule,
        "reasons_must_agree": int(spec.screening.reasons_must_agree),
        "extractors": spec.extractors,
        "reasons": [reason.code for reason in spec.reasons],
        "outcomes": [[outcome.id, outcome.denominator] for outcome in spec.outcomes],
        "reports": list(spec.reports_prefer),
    }


# The published review as data ------------------------------------------------------------------------------------


def load_previous(review: Review, folder: Path) -> None:
    """Enter the published review that this one continues: its reports, studies, facts and data, all second-hand.

    No decision of a reviewer is invented: the reports are "included in the previous version", no more.
    """
    about = tomllib.loads((folder / "review.toml").read_text("utf-8"))
    reports, studies, data = (_rows(folder / f"{name}.csv") for name in ("reports", "studies", "data"))
    about |= {name: _rows(folder / f"{name}.csv") for name in ("printed", "contradictions")}
    report_ids = {row["id"]: f"{PREVIOUS}:{row['id']}" for row in reports}
    newest: dict[str, str] = {}
    for row in sorted(reports, key=lambda row: (row["year"], row["id"])):
        newest[row["study"]] = report_ids[row["id"]]  # Table 1 does not say which of a study's reports it read
    study_ids = {row["study"]: f"study:{row['study']}" for row in studies}
    author = f"machine:{PREVIOUS}"
    at = f"{about['search_to']}T00:00:00Z"
    with review.transaction():
        note = RunNote(PREVIOUS, PREVIOUS, about["doi"], at, len(reports), author=author)
        store_run(review, note, (_record(row) for row in reports))
        for row in studies:
            study = study_ids[row["study"]]
            review.append(author, "study", {"study": study, "label": row["label"], "patients": int(row["patients"])})
            for trial in registry_ids(row["registry_ids"]):
                review.append(author, "trial_link", {"trial": trial, "study": study, "report": None, "state": "linked"})
            for body in _facts(row, study, newest[row["study"]]):
                review.append(author, "fact", body)
        items = [[report_ids[row["id"]], study_ids[row["study"]]] for row in reports]
        review.append(author, "previous", {"review": about, "items": items})
        for report, study in items:
            evidence = ["included in the previous version"]
            review.append(author, "link", {"report": report, "study": study, "state": "linked", "evidence": evidence})
        for row in data:
            review.append(author, "datum", _datum(row, study_ids[row["study"]], newest[row["study"]]))


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _record(row: dict[str, str]) -> Record:
    return Record(
        source=PREVIOUS,
        native_id=row["id"],
        title=row["title"],
        authors=tuple(_author(name) for name in row["authors"].split(";") if name.strip()),
        year=int(row["year"]),
        date=row["year"],
        journal=row["journal"],
        volume=row["volume"],
        pages=row["pages"],
        doi=row["doi"],
        pmid=row["pmid"] if row["pmid_confirmed"] == "true" else "",
        registry_ids=registry_ids(row["registry_ids"]),
        publication_types=(row["report_type"],),
    )


def _author(name: str) -> Author:
    name = name.strip()
    if name == "et al":
        return Author(collective="et al")
    family, _, given = name.rpartition(" ")
    return Author(family=family or given, given=given if family else "")


def _facts(row: dict[str, str], study: str, report: str) -> Iterator[dict[str, Any]]:
    """Everything Table 1 says of a study in words. "none" and "not in Table 1" are different answers."""
    for column, value in row.items():
        if column in ("study", "label", "registry_ids", "patients") or not value:
            continue
        missing = value.startswith(NOT_THERE)
        status = "not-in-source" if missing else "none" if value.startswith(SAYS_NONE) else "reported"
        yield {
            "study": study, "cohort": "all", "field": column, "status": status,
            "value": value.removeprefix(NOT_THERE).strip(" ()") if missing else value,
            "report": report, "place": "Table 1", "source_kind": "secondary-review",
        }  # fmt: skip


def _datum(row: dict[str, str], study: str, report: str) -> dict[str, Any]:
    number = {name: int(row[name]) if row[name] else None for name in ("events", "total")}
    same = ("cohort", "outcome", "timepoint", "denominator", "reading", "role", "status", "place", "confidence", "why")
    return {
        **{name: row[name] for name in same},
        **number,
        "study": study, "report": report, "round": "", "origin": "previous", "quotation": "",
        "source_kind": "secondary-review",
    }  # fmt: skip
