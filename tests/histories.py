"""Random histories of a review, played through Review.append and store_run as the workflow would write them.

The same seed with fewer steps is a prefix of the same history, so a failing example shrinks to a short one.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random
from typing import Any

from db.model import Record
from db.records import RunNote, store_run
from db.review import FILE, Review
from tests.plain_model import Model, read_model

ARMS = {
    "pubmed": "databases", "trials": "registers", "web": "websites", "ash": "organisations", "cites": "citation",
    "people": "contacts",
}  # fmt: skip
STAGES = ("title-abstract", "full-text")
REVIEWERS = ("ann", "bob", "cid")
ADJUDICATORS = ("dee", "cid")  # cid votes and rules, never both on one report
REASONS = ("X01", "X02", "X03")
STUDIES = ("study:one", "study:two", "study:three")
PROTOCOL: dict[str, Any] = {
    "text": "a tiny protocol", "votes_needed": 2, "title_abstract_rule": "agree", "reasons_must_agree": 0,
    "extractors": 2, "reasons": list(REASONS), "outcomes": [["cr", "infused"], ["crs", "infused"]],
}  # fmt: skip
START = "2026-01-05T06:00:00Z"


def new_review(folder: Path, template: Path | None = None) -> Review:
    """An empty review in `folder`; quickly, by copying the file of one made before."""
    folder.mkdir(parents=True, exist_ok=True)
    if template is None:
        return Review.create(folder, clock=lambda: START)
    shutil.copy(template / FILE, folder / FILE)
    return Review.open(folder, clock=lambda: START)


def append(review: Review, author: str, kind: str, /, **body: Any) -> str:
    """One entry in a transaction of its own."""
    with review.transaction():
        return review.append(author, kind, body)


def bring(review: Review, source: str, arm: str, ids: list[str], title: str = "a title", **fields: Any) -> str:
    """A run that brings records of these native ids; returns its id."""
    records = (Record(source, i, title=f"{title} {i}", **fields) for i in ids)
    return store_run(review, RunNote(source, arm, "query", review.clock(), None), records).run


def vote(
    review: Review,
    who: str,
    report: str,
    verdict: str,
    stage: str = STAGES[0],
    round: str = "",
    reason: str | None = None,
) -> str:
    if verdict == "exclude" and stage == STAGES[1]:
        reason = reason or REASONS[0]
    body = {"report": report, "stage": stage, "round": round, "verdict": verdict, "reason": reason, "note": ""}
    return append(review, who, "vote", **body)


def resolve(
    review: Review,
    who: str,
    report: str,
    verdict: str,
    stage: str = STAGES[0],
    round: str = "",
    reason: str | None = None,
) -> str:
    if verdict == "exclude" and stage == STAGES[1]:
        reason = reason or REASONS[0]
    body = {"report": report, "stage": stage, "round": round, "verdict": verdict, "reason": reason, "note": ""}
    return append(review, who, "resolution", **body)


def assign(review: Review, who: str, *pairs: tuple[str, str]) -> str:
    return append(review, who, "assign", items=[[record, report, "same DOI"] for record, report in pairs])


def datum(review: Review, who: str, events: int | None = 5, total: int | None = 10, **other: Any) -> str:
    """A value of the cell study:one / all / cr, of report pubmed:1, unless said otherwise."""
    body: dict[str, Any] = {
        "study": STUDIES[0], "cohort": "all", "outcome": "cr", "timepoint": "", "denominator": "infused",
        "reading": "as printed", "role": "primary", "round": "", "report": "pubmed:1", "origin": "extracted",
        "status": "reported", "events": events, "total": total, "place": "p. 1", "quotation": "",
        "source_kind": "primary-article", "confidence": "sure", "why": "",
    }  # fmt: skip
    return append(review, who, "datum", **(body | other))


def include(review: Review, report: str, study: str) -> None:
    """All that it takes for a report to be included in a study, by ann and bob."""
    append(review, "ann", "study", study=study, label=study, patients=None)
    for who in ("ann", "bob"):
        vote(review, who, report, "include")
    append(review, "ann", "retrieval", report=report, got=1, route="", sha256="")
    for who in ("ann", "bob"):
        vote(review, who, report, "include", STAGES[1])
    append(review, "ann", "link", report=report, study=study, state="linked", evidence=[])


class History:
    """A history on one copy of a review. `play` takes steps that the workflow could take, and no others."""

    def __init__(self, review: Review, seed: int) -> None:
        self.review = review
        self.random = Random(seed)
        self.reviewers = list(REVIEWERS)
        self.steps = (
            self.run, self.open_page, self.join, self.chain, self.circle, self.part, self.remove, self.reopen,
            self.amend, self.wait, self.wait, self.replace,
            *(self.vote,) * 6, *(self.resolve,) * 2, *(self.retrieve,) * 2, *(self.link,) * 2,
        )  # fmt: skip

    def begin(self) -> History:
        """The protocol, the studies, and sometimes a review that this one continues."""
        rule = {
            "title_abstract_rule": self.random.choice(("either", "agree")),
            "reasons_must_agree": self.random.choice((0, 0, 1)), "votes_needed": self.random.choice((1, 2, 2, 3)),
        }  # fmt: skip
        self.protocol = PROTOCOL | rule
        append(self.review, "ed", "protocol", **self.protocol)
        for study in STUDIES:
            append(self.review, "machine:previous", "study", study=study, label=study, patients=None)
        known = self.random.randrange(3)
        if known:
            bring(self.review, "previous", "previous", [str(i) for i in range(known)])
            items = [[f"previous:{i}", STUDIES[i]] for i in range(known)]
            append(
                self.review, "machine:previous", "previous", review={"studies": known, "reports": known}, items=items
            )
        self.run()
        return self

    def play(self, steps: int) -> History:
        with self.review.transaction():
            for _ in range(steps):
                self.random.choice(self.steps)()
        return self

    def _report(self, model: Model) -> str:
        """Mostly one of the first few, so that things meet."""
        reports = sorted(model.members)
        return self.random.choice(reports[:4] if self.random.random() < 0.8 else reports)

    def model(self) -> Model:
        return read_model(self.review.connection)

    def run(self) -> None:
        source = self.random.choice(list(ARMS))
        ids = self.random.sample([str(i) for i in range(1, 5)], self.random.randrange(1, 4))
        bring(self.review, source, ARMS[source], ids, title=self.random.choice(("a title", "a changed title")))

    def open_page(self) -> None:
        """A page is opened for a report's DOI and joined to it; the same record may be searched for later, or was."""
        report, page = self._report(self.model()), self.random.choice(("1", "2", "9"))
        bring(self.review, "ash", "retrieval", [page], abstract="a text")
        if self.random.random() < 0.9:  # else a person parted it at once
            assign(self.review, "machine:retrieval", (f"ash:{page}", report))

    def join(self) -> None:
        """As dedupe does it: every record of one report to another, the previous version's rather than a new one."""
        model = self.model()
        reports = sorted(model.members)
        if len(reports) > 1:
            one, other = sorted(self.random.sample(reports, 2), key=lambda report: not report.startswith("previous:"))
            assign(self.review, "machine:dedupe", *((record, one) for record in sorted(model.members[other])))

    def chain(self) -> None:
        """Only the record that names a report goes to another: what was assigned to it follows."""
        reports = [report for report in sorted(self.model().members) if not report.startswith("previous:")]
        if len(reports) > 1:
            one, other = self.random.sample(reports, 2)
            assign(self.review, self.random.choice(("ann", "machine:dedupe")), (one, other))

    def circle(self) -> None:
        """What two copies make that joined records the other way round; a quarter of the time, since it joins much."""
        model = self.model()
        joined = [record for record in sorted(model.assigned) if model.head(record) != record]
        if joined and self.random.random() < 0.25:
            record = self.random.choice(joined)
            assign(self.review, "machine:dedupe", (model.head(record), record))

    def part(self) -> None:
        if assigned := sorted(self.model().assigned):
            record = self.random.choice(assigned)
            assign(self.review, "ann", (record, record))

    def remove(self) -> None:
        record = self.random.choice(sorted(self.model().arm))
        if not record.startswith("previous:"):
            author = self.random.choice(("ann", "machine:filter"))
            why = self.random.choice(("automation", "other", "restored"))
            append(self.review, author, "removal", record=record, why=why)

    def vote(self) -> None:
        """A vote, or its withdrawal, where the item is open to this reviewer."""
        model, who, stage = self.model(), self.random.choice(self.reviewers), self.random.choice(STAGES)
        report = self._report(model)
        round = model.rounds(report, stage)[0]
        votes = model.votes(report, stage, round)
        if stage == "title-abstract":
            reached = bool(round) or report not in model.previous
        else:
            reached = bool(round) or (
                model.verdict(report, "title-abstract") == "include" and model.got(report) is True
            )
        full = who not in votes and len(votes) >= model.protocol["votes_needed"]
        if not reached or full or model.state(report, stage, round) != "awaiting":
            return
        choices = ("include", "include", "exclude", "exclude", "unsure")
        verdict = self.random.choice((*choices, "withdrawn") if who in votes else choices)
        reason = self.random.choice(REASONS) if verdict == "exclude" and stage == "full-text" else None
        if verdict == "exclude" and self.random.random() < 0.5:
            reason = self.random.choice(REASONS)
        vote(self.review, who, report, verdict, stage, round, reason)

    def resolve(self) -> None:
        model = self.model()
        open_ones = [
            (report, stage, model.rounds(report, stage)[0]) for report in sorted(model.members) for stage in STAGES
        ]
        conflicts = [item for item in open_ones if model.state(*item) == "conflict"]
        who = self.random.choice(ADJUDICATORS)
        if conflicts:
            report, stage, round = self.random.choice(conflicts)
            if who not in model.votes(report, stage, round):
                resolve(self.review, who, report, self.random.choice(("include", "exclude")), stage, round)

    def reopen(self) -> None:
        report = self._report(self.model())
        author = self.random.choice(("ann", "machine:retraction"))
        body = {"subject": report, "stage": self.random.choice(STAGES), "why": "a correction"}
        if (
            self.random.random() < 0.2
        ):  # two reports were found to be one, with different verdicts: counts while they are
            body |= {"other": self.random.choice(sorted(self.model().arm))}
        append(self.review, author, "reopen", **body)

    def retrieve(self) -> None:
        model = self.model()
        sought = [report for report in sorted(model.members) if model.verdict(report, "title-abstract") == "include"]
        if sought:
            got = int(self.random.random() < 0.8)
            append(self.review, "ann", "retrieval", report=self.random.choice(sought), got=got, route="", sha256="")

    def wait(self) -> None:
        """A full text is to be translated or classified, or no longer; its authors are asked."""
        report = self._report(self.model())
        what = self.random.choice(("translation", "classification", "nothing"))
        append(self.review, "ann", "awaiting", report=report, what=what, why="in Chinese")
        append(self.review, "ann", "contact", report=report, asked_on="2026-01-04", about="all", answer="")

    def replace(self) -> None:
        """One reviewer leaves, another takes over: the votes given stand."""
        if self.random.random() < 0.3:
            out = self.random.randrange(len(self.reviewers))
            self.reviewers[out] = self.random.choice(("ann", "bob", "cid", "flo"))

    def link(self) -> None:
        report = self._report(self.model())
        author = self.random.choice(("ann", "machine:link"))
        state = self.random.choice(("linked", "refused") if author == "ann" else ("linked", "proposed"))
        study = self.random.choice(STUDIES)
        append(self.review, author, "link", report=report, study=study, state=state, evidence=["same trial"])

    def amend(self) -> None:
        """The order of the reasons changes, or one is dropped; the rules of voting stay."""
        if self.random.random() < 0.2:
            reasons = self.random.sample(REASONS, self.random.randrange(1, 4))
            append(self.review, "ed", "protocol", **(self.protocol | {"reasons": reasons}))
