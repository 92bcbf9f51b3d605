"""The whole loop, offline, in one command: composed replies, scripted people, and the functions that everybody uses.

What is played is data of the template: demo/script.toml says who does what, demo/replies holds the sources' replies.
"""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from analysis.reproduction import reproduction_table
from db import queries
from db.errors import ReviewFolderError, SourceError
from db.ledger import heads
from db.model import Datum, FieldValue
from lsr.protocol import FILE
from lsr.workflow import extract, folder, judge
from lsr.workflow import studies as studies_of
from lsr.workflow.bring import Brought, Replies, harvest, load_replies
from lsr.workflow.fields import enter_field
from lsr.workflow.files import import_files
from lsr.workflow.pages import write_site
from lsr.workflow.refresh import publish, refresh
from lsr.workflow.settle import Progress
from lsr.workflow.status import status

MARK = ".lsr-demo"  # stands in folders that `lsr demo` made, and may therefore make anew
COMPOSED = "composed for the demonstration"


def demo_template() -> str:
    """The template that has a script to play."""
    return next(name for name in folder.templates() if (folder.TEMPLATES / name / "demo" / "script.toml").is_file())


def demo_protocol() -> str:
    """The protocol of the demonstration: the template's, with the scripted people in it."""
    template = folder.TEMPLATES / demo_template()
    script = tomllib.loads((template / "demo" / "script.toml").read_text("utf-8"))
    return _as_demonstration((template / FILE).read_text("utf-8"), script)


def run_demo(target: Path, progress: Progress) -> Iterator[str]:
    """Make the demonstration in `target`; yields the lines to print."""
    template = folder.TEMPLATES / demo_template()
    script = tomllib.loads((template / "demo" / "script.toml").read_text("utf-8"))
    _make(target, template)
    with folder.open_review(target) as opened:
        publish(opened, _signers(script), "the published review, entered as the previous version")
        yield "The figures of the published review:"
        yield from _reproduction(opened)
        replies = load_replies(opened.review, template / "demo" / "replies")
        brought = _week(opened, template, script, replies, progress)
        _play(opened, script)
        second = publish(opened, _signers(script), "a week's search, screened and extracted")
        entries = _count(opened)
        again = harvest(opened, replies=queries.archived_replies(opened.review.connection), progress=progress)
        unchanged = not again.new and not refresh(opened).pooled and _count(opened) == entries + len(again.runs)
        site = write_site(opened)
        yield ""
        yield from _summary(opened, brought, second.frozen, second.number, unchanged, site)


def _make(target: Path, template: Path) -> None:
    if target.exists() and any(target.iterdir()):
        if not (target / MARK).exists():
            raise ReviewFolderError(f"{target}: is not empty and not a demonstration: name another folder")
        shutil.rmtree(target)
    folder.init(target, template.name, protocol_text=lambda _: demo_protocol())
    (target / MARK).write_text(f"Made by `lsr demo`, which makes it anew. {COMPOSED}.\n", "utf-8")


def _as_demonstration(text: str, script: dict[str, Any]) -> str:
    """The template's protocol with the scripted people in it, marked as a demonstration."""
    people = ", ".join(
        f"{{ name = {json.dumps(p['name'])}, roles = {json.dumps(p['roles'])} }}" for p in script["people"]
    )
    for pattern, new in (
        (r"^demonstration = false", "demonstration = true"),
        (r"^person = \[\]", f"person = [{people}]"),
        *((rf"^{re.escape(row['line'])}", row["instead"]) for row in script["protocol"]),
    ):
        text, count = re.subn(pattern, new, text, flags=re.MULTILINE)
        if count != 1:
            raise AssertionError(f"the template's protocol has {count} lines like {pattern}")
    return text


def _signers(script: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys(row["by"] for row in script["release"]))


def _week(opened: folder.Open, template: Path, script: dict[str, Any], replies: Replies, progress: Progress) -> Brought:
    """The week's searches, replayed, and the abstract pages that people saved."""
    searched = harvest(opened, script["searched"], replies=replies, progress=progress)
    if searched.failed:
        raise SourceError("; ".join(failure.why for failure in searched.failed))
    pages = sorted((template / "demo" / "corpus" / "pages").glob("*.html"))
    at = max(reply[2] for kept in replies.values() for reply in kept)
    saved = import_files(opened, pages, at=at, composed=COMPOSED, progress=progress)
    return Brought(
        (*searched.runs, *saved.runs),
        (*searched.duplicates, *saved.duplicates),
        (*searched.links, *saved.links),
        searched.not_searched,
    )


# The script, step by step ----------------------------------------------------------------------------------------


def _play(opened: folder.Open, script: dict[str, Any]) -> None:
    studies = {name.removeprefix("study:"): name for name in queries.study_labels(opened.review.connection)}
    steps: dict[str, Callable[[dict[str, Any]], None]] = {
        "vote": lambda row: _vote(opened, row),
        "retrieval": lambda row: judge.retrieve(
            opened, row["report"], row["by"], got=row["status"] == "retrieved", route=row["how"]),
        "resolution": lambda row: _resolve(opened, row),
        "study": lambda row: studies.update({row["study"]: studies_of.new_study(
            opened, _first_report(script, row["study"]), row["by"], row["label"], row["patients"])}),
        "link": lambda row: _link(opened, row, studies),
        "field": lambda row: _field(opened, row, studies),
    }  # fmt: skip
    for step in script["order"]:
        table, _, stage = step.partition(":")
        if table in ("extract", "extract_resolution"):
            _extract(opened, script[table], studies, resolving=table == "extract_resolution")
        for row in script[table] if table in steps else ():
            if not stage or row["stage"] == stage:
                steps[table](row)
        refresh(opened)


def _first_report(script: dict[str, Any], study: str) -> str:
    """A new study is opened for the first report that the script links to it."""
    return next(str(row["report"]) for row in script["link"] if row["study"] == study and row["state"] == "linked")


def _vote(opened: folder.Open, row: dict[str, Any]) -> None:
    judge.vote(opened, row["report"], row["stage"], row["by"], row["verdict"], row["reason"] or None)


def _resolve(opened: folder.Open, row: dict[str, Any]) -> None:
    judge.resolve(opened, row["report"], row["stage"], row["by"], row["verdict"], row["reason"] or None, row["why"])


def _link(opened: folder.Open, row: dict[str, Any], studies: dict[str, str]) -> None:
    accept = row["state"] == "linked"
    studies_of.decide_link(opened, row["report"], studies[row["study"]], row["by"], accept=accept, why=row["why"])


def _field(opened: folder.Open, row: dict[str, Any], studies: dict[str, str]) -> None:
    report = queries.find_report(opened.review.connection, row["report"])
    value = FieldValue(
        studies[row["study"]], row["cohort"], row["field"], "", report, "reported", row["value"], row["place"]
    )
    enter_field(opened, value, row["by"])


def _extract(opened: folder.Open, rows: list[dict[str, Any]], studies: dict[str, str], *, resolving: bool) -> None:
    by_person: dict[str, list[Datum]] = {}
    for row in rows:
        report = queries.find_report(opened.review.connection, row["report"])
        fields = {key: value for key, value in row.items() if key != "by"}
        for name in ("events", "total"):
            fields[name] = None if fields[name] == "" else int(fields[name])
        datum = Datum(**(fields | {"study": studies[row["study"]], "report": report}))
        by_person.setdefault(row["by"], []).append(datum)
    for person, data in by_person.items():
        extract.enter(opened, data, person, resolving=resolving)


# What is printed -------------------------------------------------------------------------------------------------


def _reproduction(opened: folder.Open) -> Iterator[str]:
    yield f"  {'figure':22} {'printed in the paper':>20}   {'recomputed':>10}   same?"
    for line in reproduction_table(opened.review.connection):
        if line.recomputed is not None:
            digits = 2 if "." in line.printed or line.unit == "percent" else 0
            same = "yes" if line.same else "NO"
            yield f"  {line.key:22} {line.printed:>20}   {line.recomputed:>10.{digits}f}   {same}"
    yield "  Figures that cannot be recomputed, and the paper's contradictions: reproduction.html"


def _summary(
    opened: folder.Open,
    brought: Brought,
    after: dict[str, Any],
    number: str,
    unchanged: bool,
    site: Path,
) -> Iterator[str]:
    arms = after["counts"]["arms"].values()
    waiting = status(opened)
    known = sum(arm["previous"] for arm in arms)
    yield f"found        {len(brought.new)} new records, {known} of them of reports already in the previous version"
    yield f"duplicates   {sum(arm['duplicates'] for arm in arms)}"
    linked = sum(link.state == "linked" for link in brought.links)
    yield f"linked       {linked} reports to their study by themselves, {len(brought.links) - linked} proposed"
    titles = sum(arm["awaiting_screening"] for arm in arms)
    yield f"awaiting     {titles} titles and abstracts, {waiting['proposed_links']} proposed links"
    counts = after["counts"]
    before_words = f"{counts['previous_studies']} studies, {counts['previous_reports']} reports"
    yield f"included     {counts['total_studies']} studies, {counts['total_reports']} reports (before: {before_words})"
    for change in after["changes"]["estimates"][:4]:
        pair = " → ".join(
            "not pooled" if v is None else f"{v * 100:.1f} %" for v in (change["before"], change["after"])
        )
        moved = f", moved most by {change['moved_by']}" if change["moved_by"] else ""
        yield f"estimate     {change['label'].split(',')[0]}: {pair}{moved}"
    yield f"same week    replayed: {'nothing new, no pooling' if unchanged else 'SOMETHING CHANGED'}"
    yield f"published    version {number}, marked: {COMPOSED}, no finding"
    yield f"look at      {site / 'index.html'}"


def _count(opened: folder.Open) -> int:
    return sum(head[0] for head in heads(opened.review.connection).values())
