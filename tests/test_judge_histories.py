"""Random histories through the library, as people make them: the counts balance after every step, verdicts and boxes
equal a plain model, a refusal leaves no trace, and nobody who may not vote ever has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Final

import pytest

from analysis.prisma import flow, imbalances
from db import data, screening
from db.errors import DecisionError
from db.model import Stage
from lsr.workflow import fulltext, judge
from lsr.workflow.folder import Open, open_review
from lsr.workflow.items import adjudicators
from tests.plain_model import Model, read_model
from tests.scene import BOTH, JUDGE, REPORTS, A, B, C, searched, taken_back, to_full_text

STAGES: Final[tuple[Stage, ...]] = ("title-abstract", "full-text")
NOW = "2026-11-20T08:00:00Z"
FEW = REPORTS[:3]  # so that things meet
PEOPLE = (A, B, C, BOTH, JUDGE)
REASONS = ("X01_not_primary", "X02_not_human")
AUTHOR = "Family2 N"  # of the second report


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """One review for all histories, each of which is taken back."""
    folder = searched(tmp_path_factory, tmp_path_factory.mktemp("histories") / "review")
    with open_review(folder, clock=lambda: NOW) as opened:
        yield opened


class People:
    """A random history; `kinds` says what happened at least once."""

    def __init__(self, opened: Open, seed: int, kinds: set[str]) -> None:
        self.opened, self.random, self.kinds = opened, Random(seed), kinds
        self.left: set[str] = set()
        self.steps: list[Callable[[], None]] = [
            *(self.vote,) * 8, *(self.undo,) * 2, *(self.resolve,) * 3, *(self.retrieve,) * 2, self.reopen, self.wait,
            self.contact, self.replaced, self.join, self.part,
        ]  # fmt: skip

    def step(self) -> None:
        """One step; a refusal is an answer, if it wrote nothing."""
        before = self._entries()
        step = self.random.choice(self.steps)
        try:
            step()
            self.kinds.add(step.__name__)
        except DecisionError:
            assert self._entries() == before
            self.kinds.add(f"{step.__name__} refused")

    def _entries(self) -> int:
        return int(self.opened.review.connection.execute("SELECT count(*) FROM entry").fetchone()[0])

    def _item(self, *states: str) -> tuple[str, Stage]:
        """Mostly an item in one of the states, if there is one; else any."""
        items = [(report, stage) for report in FEW for stage in STAGES]
        likely = [item for item in items if self._state(*item) in states]
        return self.random.choice(likely if likely and self.random.random() < 0.8 else items)

    def _state(self, report: str, stage: Stage) -> str:
        return judge.item(self.opened, self._head(report), stage).state

    def vote(self) -> None:
        who, (report, stage) = self.random.choice(PEOPLE), self._item("awaiting")
        verdict = self.random.choice(("include", "exclude", "unsure"))
        reason = self.random.choice(REASONS) if verdict == "exclude" else None
        judge.vote(self.opened, report, stage, who, verdict, reason)  # type: ignore[arg-type]
        assert who not in self.left
        assert who != JUDGE
        assert (who, self._head(report)) != (C, self._head(REPORTS[1])), "an author judged the own report"

    def _head(self, report: str) -> str:
        return read_model(self.opened.review.connection).head(report)

    def undo(self) -> None:
        report, stage = self._item()
        judge.withdraw(self.opened, report, stage, self.random.choice(PEOPLE))

    def resolve(self) -> None:
        report, stage = self._item("conflict")
        who = self.random.choice((JUDGE, BOTH, A))
        found = judge.item(self.opened, self._head(report), stage)
        able = adjudicators(self.opened, found)
        verdict = self.random.choice(("include", "exclude"))
        reason = REASONS[0] if verdict == "exclude" else None
        judge.resolve(self.opened, report, stage, who, verdict, reason)  # type: ignore[arg-type]
        assert who in able
        assert found.state == "conflict"

    def reopen(self) -> None:
        report, stage = self._item("include", "exclude", "conflict")
        judge.reopen(self.opened, report, stage, A, "a correction")

    def retrieve(self) -> None:
        got = self.random.random() < 0.8
        fulltext.retrieve(self.opened, self.random.choice(FEW), A, got=got, why="" if got else "nowhere")

    def wait(self) -> None:
        what = self.random.choice(("translation", "classification", "nothing", "nothing"))
        fulltext.wait(self.opened, self.random.choice(FEW), A, what, "in Chinese")  # type: ignore[arg-type]

    def contact(self) -> None:
        answer = self.random.choice(("", "yes"))
        fulltext.contact(self.opened, self.random.choice(FEW), A, "2026-11-01", "all?", answer)

    def replaced(self) -> None:
        """Somebody leaves, or comes back; C is an author of the second report from the start."""
        self.left = set(self.random.sample((A, B, C, BOTH), self.random.randrange(3)))
        people = tuple(
            replace(p, until="2026-11-19" if p.name in self.left else "",
                    author_names=(AUTHOR,) if p.name == C else ())
            for p in self.opened.spec.persons
        )  # fmt: skip
        self.opened = Open(self.opened.review, replace(self.opened.spec, persons=people))

    def join(self) -> None:
        """Two reports are found to be one, as dedupe does it."""
        model = read_model(self.opened.review.connection)
        one, other = self.random.sample(FEW, 2)
        one, other = model.head(one), model.head(other)
        if one != other:
            items = [[record, one, "same DOI"] for record in sorted(model.members[other])]
            self.opened.review.append("machine:dedupe", "assign", {"items": items})

    def part(self) -> None:
        record = self.random.choice(FEW)
        self.opened.review.append(A, "assign", {"items": [[record, record, "another paper"]]})


def check(opened: Open, model: Model) -> None:
    """The counts balance, boxes and verdicts are the model's, and what agreement counts is closed."""
    connection = opened.review.connection
    assert imbalances(flow(connection)) == []
    listed = {row["record"]: row for row in data.listing(connection)}
    for record in model.arm:
        row = listed[record]
        assert row["box"] == model.box(record)
        assert row["report_box"] == (model.report_box(model.head(record)) if row["box"] == "sought" else "")
    for report in {model.head(record) for record in FEW}:
        for stage in STAGES:
            stands = judge.item(opened, report, stage)
            assert stands.state == model.state(report, stage, model.rounds(report, stage)[0])
            assert {v.reviewer: (v.verdict, v.reason) for v in stands.votes} == model.votes(report, stage, stands.round)
    for vote in screening.closed_votes(connection):
        rounds = [r for r in reversed(model.rounds(vote.report, vote.stage)) if r or _began(model, vote)]
        closed = rounds[vote.number - 1]
        assert model.state(vote.report, vote.stage, closed) in ("include", "exclude")
        assert model.votes(vote.report, vote.stage, closed)[vote.reviewer][0] == vote.verdict


def _began(model: Model, vote: screening.ClosedVote) -> bool:
    """Whether the first round was judged at all: a report of the previous version begins with its first reopening."""
    at = (vote.report, vote.stage, "")
    return bool(model.votes(*at) or model.rulings(*at))


def play(scene: Open, seeds: range, steps: int) -> set[str]:
    kinds: set[str] = set()
    for seed in seeds:
        with taken_back(scene):
            for report in FEW[1:]:  # two at full text, one at title and abstract
                to_full_text(scene, report)
            people = People(scene, seed, kinds)
            people.replaced()
            for _ in range(steps):
                people.step()
                check(people.opened, read_model(scene.review.connection))
            assert scene.review.connection.execute("SELECT * FROM v_violation").fetchall() == [], seed
    return kinds


def test_a_few_histories_balance_after_every_step(scene: Open) -> None:
    play(scene, range(3), 25)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(8))
def test_two_hundred_histories_balance_after_every_step(scene: Open, block: int) -> None:
    kinds = play(scene, range(1000 + 25 * block, 1025 + 25 * block), 24)
    if block == 0:  # the seeds are fixed: in this block every kind of step happens, let through and refused
        names = {"vote", "undo", "resolve", "reopen", "retrieve", "wait"}
        refused = {f"{name} refused" for name in ("vote", "undo", "resolve", "reopen")}
        assert kinds >= names | refused | {"contact", "replaced", "join", "part"}
    assert {"vote", "reopen", "retrieve"} <= kinds
