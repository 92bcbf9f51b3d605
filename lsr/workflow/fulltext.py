"""Full texts: retrieved or not, what they wait for, what their authors were asked. All of it feeds PRISMA's boxes."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from datetime import date
from pathlib import Path
from typing import Literal

from db import queries, screening
from db.errors import DecisionError, InputError
from lsr.workflow.folder import Open
from lsr.workflow.items import item
from lsr.workflow.people import known_person

FOLDER = "fulltext"  # inside the review's folder; never shared, in no export and on no page
_CHUNK = 1 << 20


def retrieve(
    opened: Open,
    reference: str,
    person: str,
    *,
    got: bool,
    route: str = "",
    file: Path | None = None,
    licence: str = "",
    supplement: bool | None = None,
    language: str = "",
    why: str = "",
) -> None:
    """Whether the full text was got: by which route, under which licence, in which language, with the supplement or
    not; or why it was not. A file is copied into fulltext/ under its SHA-256, unless it lies there already.

    DecisionError where the full text was judged: what was read cannot become "not retrieved" behind the verdict. One
    open vote is no verdict, and a refusal would betray it.
    InputError for a file that cannot be read or is empty, and a file of a text that was not retrieved.
    """
    known_person(opened, person)
    if file is not None and not got:
        raise InputError(f"{file}: a full text that was not retrieved has no file")
    review = opened.review
    report = queries.find_report(review.connection, reference)
    digest, kept = _keep(review.folder, file) if file is not None else ("", "")
    with review.transaction():
        report = queries.find_report(review.connection, reference)
        if not got and _judged(opened, report):
            raise DecisionError(f"{report}: was judged at full text, so it was retrieved: reopen it to judge anew")
        body = {
            "report": report, "got": int(got), "route": route, "sha256": digest, "file": kept, "licence": licence,
            "supplement": "" if supplement is None else "yes" if supplement else "no", "language": language, "why": why,
        }  # fmt: skip
        review.append(person, "retrieval", body)


def wait(
    opened: Open, reference: str, person: str, what: Literal["translation", "classification", "nothing"], why: str = ""
) -> None:
    """The full text cannot be judged before it is translated, or before missing information comes ("classification",
    as Cochrane has it); "nothing" ends the wait. Nobody votes on it meanwhile; votes already given stay.

    DecisionError for a report that is not at full text or is judged there; InputError without a reason.
    """
    known_person(opened, person)
    if what != "nothing" and not why.strip():
        raise InputError(f"awaiting {what} needs its reason: --why WHY")
    review = opened.review
    with review.transaction():
        report = queries.find_report(review.connection, reference)
        waits = screening.awaits(review.connection, report)
        if what == "nothing":
            if not waits:
                raise DecisionError(f"{report}: waits for nothing")
        else:
            _may_wait(opened, report)
        review.append(person, "awaiting", {"report": report, "what": what, "why": why})


def contact(opened: Open, reference: str, person: str, asked_on: str, about: str, answer: str = "") -> None:
    """The report's authors were asked something on a day (ISO); the same day and question again with the answer.

    InputError for a day that is none or has not begun, and for an empty question.
    """
    known_person(opened, person)
    review = opened.review
    if not about.strip():
        raise InputError("say what the authors were asked: --about TEXT")
    try:
        day = date.fromisoformat(asked_on)
    except ValueError:
        raise InputError(f"{asked_on!r} is no day: write it as 2026-11-25") from None
    if day.isoformat() > review.clock()[:10]:
        raise InputError(f"{asked_on} has not begun yet: the day on which the authors were asked")
    with review.transaction():
        report = queries.find_report(review.connection, reference)
        body = {"report": report, "asked_on": day.isoformat(), "about": about.strip(), "answer": answer.strip()}
        review.append(person, "contact", body)


def _judged(opened: Open, report: str) -> bool:
    in_force = queries.verdict_in_force(opened.review.connection, report, "full-text")
    return in_force is not None or item(opened, report, "full-text").state != "awaiting"


def _may_wait(opened: Open, report: str) -> None:
    found = item(opened, report, "full-text")
    if not found.round and queries.verdict_in_force(opened.review.connection, report, "title-abstract") != "include":
        raise DecisionError(f"{report}: not at full text: title and abstract are not closed with include")
    if found.state != "awaiting":
        raise DecisionError(f"{report}: has its required votes at full-text: reopen it if it is to wait")


def _keep(folder: Path, file: Path) -> tuple[str, str]:
    """(SHA-256, place inside the review's folder) of a file, copied there whole if it is not there yet."""
    target = folder / FOLDER
    try:
        with file.open("rb") as stream:
            digest = hashlib.sha256()
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
            size = stream.tell()
        if not size:
            raise InputError(f"{file}: is empty: retrieve it again")
        if file.resolve().is_relative_to(target.resolve()):
            return digest.hexdigest(), file.resolve().relative_to(folder.resolve()).as_posix()
        name = digest.hexdigest() + _suffix(file)
        if not (target / name).exists():
            target.mkdir(exist_ok=True)
            part = target / f".new-{os.getpid()}-{name}"
            try:
                shutil.copyfile(file, part)
                part.replace(target / name)
            finally:
                part.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{file}: cannot be read or kept in {FOLDER}/ ({error.strerror})") from error
    return digest.hexdigest(), f"{FOLDER}/{name}"


def _suffix(file: Path) -> str:
    """The file's ending, if it is a plain one."""
    return file.suffix.lower() if re.fullmatch(r"\.[A-Za-z0-9]{1,8}", file.suffix) else ""
