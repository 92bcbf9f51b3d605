"""What the views should say, written a second time in plain Python over the entries; slow, and simple to read."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from curation.verdicts import verdict_of
from db.model import Verdict

Order = tuple[int, str]


@dataclass(frozen=True)
class Entry:
    """An entry of the ledger; `order` is (clock, hash)."""

    order: Order
    author: str
    kind: str
    body: dict[str, Any]

    @property
    def hash(self) -> str:
        return self.order[1]

    @property
    def word(self) -> tuple[bool, Order]:
        """The greatest is the word that counts: a person's outranks a machine's."""
        return (not self.author.startswith("machine:"), self.order)


def read_model(connection: sqlite3.Connection) -> Model:
    rows = connection.execute("SELECT clock, hash, author, kind, body FROM entry")
    entries = [Entry((clock, name), author, kind, json.loads(body)) for clock, name, author, kind, body in rows]
    found = connection.execute("SELECT record, run FROM found").fetchall()
    return Model(sorted(entries, key=lambda entry: entry.order), found)


class Model:
    """The state of a review by its entries in order and the rows of `found`."""

    def __init__(self, entries: list[Entry], found: list[tuple[str, str]]) -> None:
        self.entries = entries
        self.protocol = self.of("protocol")[-1].body
        runs = {entry.body["id"]: entry for entry in self.of("run")}
        self.arm: dict[str, str] = {}  # of the run that found a record first
        self.first: dict[str, int] = {}
        searched = [row for row in found if runs[row[1]].body["arm"] != "retrieval"]  # retrieval identifies nothing
        for record, run in sorted(searched, key=lambda row: runs[row[1]].order, reverse=True):
            self.arm[record] = runs[run].body["arm"]
            self.first[record] = runs[run].order[0]

    def of(self, kind: str) -> list[Entry]:
        return [entry for entry in self.entries if entry.kind == kind]

    @cached_property
    def assigned(self) -> dict[str, tuple[str, int]]:
        """{record: (report, clock)} by the word that counts, without records that stand for themselves."""
        last: dict[str, tuple[Any, str, int]] = {}
        for entry in self.of("assign"):
            for record, report, _, *since in entry.body["items"]:
                if record not in last or entry.word > last[record][0]:
                    last[record] = (entry.word, report, since[0] if since else entry.order[0])
        return {record: (report, clock) for record, (_, report, clock) in last.items() if report != record}

    def head(self, record: str) -> str:
        return self._walk(record)[0]

    def since(self, record: str) -> int:
        return self._walk(record)[1]

    def _walk(self, record: str) -> tuple[str, int]:
        path, since = [record], 0
        while path[-1] in self.assigned:
            report, clock = self.assigned[path[-1]]
            since = max(since, clock)
            if report in path:
                return min(path[path.index(report) :]), since
            path.append(report)
        return path[-1], since

    @cached_property
    def members(self) -> dict[str, set[str]]:
        """{report: its records}."""
        found: dict[str, set[str]] = {}
        for record in self.arm:
            found.setdefault(self.head(record), set()).add(record)
        return found

    @cached_property
    def previous(self) -> set[str]:
        return {self.head(report) for entry in self.of("previous") for report, _ in entry.body["items"]}

    # Votes ---------------------------------------------------------------------------------------------------------
    def _heard(self, kind: str, report: str, stage: str, round: str) -> dict[str, list[Entry]]:
        """Each person's last word on each side of a report, unless a later word on the whole replaced it."""
        last: dict[tuple[str, str], Entry] = {}
        for entry in self.of(kind):
            body = entry.body
            if (body["stage"], body["round"]) == (stage, round) and self.head(body["report"]) == report:
                last[entry.author, body["report"]] = entry
        heard: dict[str, list[Entry]] = {}
        for (who, side), entry in last.items():
            whole = last.get((who, report))
            if side == report or whole is None or whole.order[0] <= self.since(side):
                heard.setdefault(who, []).append(entry)
        return heard

    def votes(self, report: str, stage: str, round: str) -> dict[str, tuple[str, str | None]]:
        """{reviewer: (verdict, reason)}."""
        found: dict[str, tuple[str, str | None]] = {}
        for who, said in self._heard("vote", report, stage, round).items():
            standing = [entry.body for entry in said if entry.body["verdict"] != "withdrawn"]
            reasons = sorted(body["reason"] for body in standing if body["reason"])
            verdicts = {body["verdict"] for body in standing}
            if len(verdicts) == 1:
                found[who] = (verdicts.pop(), reasons[0] if reasons else None)
            elif verdicts:
                found[who] = ("unsure", None)
        return found

    def rulings(self, report: str, stage: str, round: str) -> set[str]:
        heard = self._heard("resolution", report, stage, round)
        return {entry.body["verdict"] for said in heard.values() for entry in said}

    def rounds(self, report: str, stage: str) -> list[str]:
        """The newest first; the last is ''."""
        opened = [e for e in self.of("reopen") if e.body["stage"] == stage and self.head(e.body["subject"]) == report]
        opened = [e for e in opened if self.head(e.body.get("other") or report) == report]  # a merge's, while it lasts
        return [*(entry.hash for entry in reversed(opened)), ""]

    def state(self, report: str, stage: str, round: str) -> str:
        if ruled := self.rulings(report, stage, round):
            return ruled.pop() if len(ruled) == 1 else "conflict"
        votes = self.votes(report, stage, round)
        rule = self.protocol["title_abstract_rule"] if stage == "title-abstract" else "agree"
        verdicts = cast(list[Verdict], [verdict for verdict, _ in votes.values()])
        outcome = verdict_of(verdicts, self.protocol["votes_needed"], rule)
        differ = self.protocol["reasons_must_agree"] and len({reason for _, reason in votes.values()}) > 1
        return "conflict" if outcome == "exclude" and differ else outcome

    def in_force(self, report: str, stage: str) -> tuple[str, str] | None:
        """(verdict, round) of the newest closed round."""
        for round in self.rounds(report, stage):
            if (state := self.state(report, stage, round)) in ("include", "exclude"):
                return state, round
        return None

    def verdict(self, report: str, stage: str) -> str | None:
        found = self.in_force(report, stage)
        return found[0] if found else None

    def got(self, report: str) -> bool | None:
        found = [entry for entry in self.of("retrieval") if self.head(entry.body["report"]) == report]
        return bool(found[-1].body["got"]) if found else None

    def waits(self, report: str) -> str:
        """What the full text waits for, or ""."""
        found = [entry for entry in self.of("awaiting") if self.head(entry.body["report"]) == report]
        return found[-1].body["what"].replace("nothing", "") if found else ""

    # PRISMA --------------------------------------------------------------------------------------------------------
    @cached_property
    def removed(self) -> dict[str, str]:
        last: dict[str, Entry] = {}
        for entry in self.of("removal"):
            record = entry.body["record"]
            if record not in last or entry.word > last[record].word:
                last[record] = entry
        return {record: e.body["why"] for record, e in last.items() if e.body["why"] != "restored"}

    def box(self, record: str) -> str:
        report = self.head(record)
        if self.arm[record] == "previous":
            return "previous version"
        if record in self.removed:
            return self.removed[record]
        if report in self.previous:
            return "already in the previous version"
        if record != self._kept(report):
            return "duplicate"
        verdict = self.verdict(report, "title-abstract")
        return {None: "awaiting screening", "exclude": "excluded", "include": "sought"}[verdict]

    def _kept(self, report: str) -> str:
        standing = self.members[report] - self.removed.keys()
        return min(standing, key=lambda r: (self.arm[r] not in ("databases", "registers"), self.first[r], r))

    def report_box(self, report: str) -> str:
        """The box of a report that is sought."""
        got, assessed = self.got(report), self.verdict(report, "full-text")
        if got and assessed:
            return {"exclude": "excluded", "include": "included"}[assessed]
        if waits := self.waits(report):
            return f"awaiting {waits}"
        return {None: "awaiting retrieval", False: "not retrieved", True: "awaiting assessment"}[got]

    def links(self) -> dict[tuple[str, str], str]:
        """{(report, study): state}."""
        last: dict[tuple[str, str], Entry] = {}
        for entry in self.of("link"):
            key = (self.head(entry.body["report"]), entry.body["study"])
            if key not in last or entry.word > last[key].word:
                last[key] = entry
        return {key: entry.body["state"] for key, entry in last.items()}

    def included(self) -> set[tuple[str, str]]:
        """(study, report)."""
        found = set()
        for record in self.arm:
            report = self.head(record)
            if self.box(record) == "sought" and self.report_box(report) == "included":
                found |= {
                    (study, report) for (of, study), state in self.links().items() if (of, state) == (report, "linked")
                }
        for entry in self.of("previous"):
            for named, study in entry.body["items"]:
                report = self.head(named)
                states = [self.in_force(report, stage) for stage in ("title-abstract", "full-text")]
                if not any(state and state[0] == "exclude" and state[1] for state in states):
                    found.add((study, report))
        return found
