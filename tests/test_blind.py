"""Blinding: whatever the first reviewer said, the second sees the same, in every command, until an item closes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.model import Datum
from lsr.workflow import extract, judge
from lsr.workflow import folder as folders
from lsr.workflow.folder import Open, open_review
from lsr.workflow.pages import write_site
from tests.conftest import Command
from tests.scene import BOTH, JUDGE, KNOWN, REPORTS, A, B, C, include, searched, taken_back, to_full_text

# A failing example is to be shown, however long the review in it prints.
pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
NOW = "2026-11-20T08:00:00Z"
AT_TITLES, AT_TEXTS = REPORTS[:4], REPORTS[4:6]
STUDY = f"study:{REPORTS[6]}"
VERDICTS = st.sampled_from(("include", "exclude", "unsure"))
Look = Callable[..., dict[str, str]]
SEVERAL = settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def held(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """A review in mid-work, which all commands see within one transaction: so an example can be taken back."""
    folder = searched(tmp_path_factory, tmp_path / "review")
    with open_review(folder, clock=lambda: NOW) as opened:
        for report in AT_TEXTS:
            to_full_text(opened, report)
        include(opened, REPORTS[6])
        judge.reopen(opened, KNOWN, "full-text", A, "a correction appeared")

        @contextmanager
        def same(folder: Path) -> Iterator[Open]:
            yield opened

        monkeypatch.setattr(folders, "open_review", same)
        yield opened


# The lists of status that hold what people do; the others are the boxes that `status --list` shows.
LISTS = ("awaiting-assessment", "retrieved", "contacted")


def seen(lsr: Command, at: Path, *, votes: bool = True) -> dict[str, str]:
    """All that commands print for anybody, and for B, before B voted; hashes of the ledger left out."""
    asked = (
        ("status", "--json"), ("status",), ("status", "--list"), ("prisma", "--json"), ("pool", "--json"),
        ("pool", "--explain", "cr"), ("link",), ("link", "--studies"), ("dedupe",), ("show", AT_TITLES[0], "--json"),
        ("extract", "--reviewer", B, "--differences"), ("extract", "--reviewer", JUDGE, "--differences"),
        ("resolve", "--reviewer", JUDGE), ("resolve", AT_TEXTS[0], "include", "--reviewer", JUDGE),
        ("resolve", AT_TEXTS[0], "include", "--reviewer", B), ("decide", AT_TITLES[0], "--undo", "--reviewer", B),
        ("decide", AT_TITLES[0], "--reopen", "why", "--reviewer", B),
        ("screen", "--reviewer", B), ("screen", "--reviewer", B, "--stage", "full-text"),
        ("extract", "--reviewer", B, "--study", STUDY, "--out", at / "sheet.csv"),
    )  # fmt: skip
    of_votes = (
        ("agreement",), ("agreement", "--json"), ("verify",), ("pool", "--history"), ("export", "metafor"),
        *(("status", "--only", name) for name in LISTS),
        *(("decisions", "--reviewer", who, "--stage", stage, "--out", at / f"{who}-{stage}.csv")
          for who in (B, C) for stage in ("title-abstract", "full-text")),
        ("decisions", "--reviewer", B, "--sheet", at / f"{C}-title-abstract.csv"),
        ("screen", "--reviewer", C), ("resolve", "--reviewer", BOTH), ("resolve", "--reviewer", B),
        ("resolve", AT_TEXTS[1], "include", "--reviewer", BOTH),
        # These write, each the same whatever the other said; what is done here is taken back.
        ("decide", AT_TEXTS[0], "--awaiting", "translation", "--why", "in Chinese", "--reviewer", B),
        ("decide", AT_TEXTS[1], "--not-retrieved", "--why", "nowhere", "--reviewer", B),
        ("decide", AT_TITLES[1], "--contacted", "2020-01-01", "--about", "all", "--reviewer", B),
    )  # fmt: skip
    told = {}
    for words in (*asked, *(of_votes if votes else ())):
        ran = lsr(*words, stdin="s\n" * 20)
        told[" ".join(map(str, words))] = f"{ran.code}\n{ran.out}\n{ran.err}"
    told |= {path.name: path.read_text("utf-8") for path in sorted(at.glob("*.csv"))}
    return told


def pages(held: Open) -> dict[str, str]:
    """Every page, as `lsr run` writes it."""
    site = write_site(held)
    return {str(path.relative_to(site)): path.read_text("utf-8") for path in site.rglob("*") if path.is_file()}


ITEMS = [*((report, "title-abstract") for report in AT_TITLES), *((r, "full-text") for r in (*AT_TEXTS, KNOWN))]


@pytest.fixture
def look(held: Open, lsr: Command, tmp_path: Path) -> Look:
    """What is seen after something was done, which is then taken back."""

    def looking(does: Callable[[], object], *, votes: bool = True) -> dict[str, str]:
        with taken_back(held):
            does()
            return seen(lsr, tmp_path, votes=votes)

    return looking


class First:
    """What was seen in the first example: every other one must look the same."""

    view: dict[str, str] | None = None

    def unlike(self, view: dict[str, str]) -> list[str]:
        self.view = self.view or view
        return differing([self.view, view])


@pytest.fixture
def first() -> First:
    return First()


@SEVERAL
@given(said=st.lists(VERDICTS, min_size=7, max_size=7))
def test_the_first_votes_show_in_no_command(held: Open, look: Look, first: First, said: list[str]) -> None:
    def votes() -> None:
        for (report, stage), verdict in zip(ITEMS, said, strict=True):
            cast(held, A, report, stage, verdict)

    assert first.unlike(look(votes)) == []


def test_one_open_vote_changes_no_byte_but_the_voters_own_count(held: Open, look: Look) -> None:
    """Before and after another's open votes: only status differs, by what awaits the voter."""
    before = look(lambda: None)
    after = look(lambda: [cast(held, A, report, stage, "include") for report, stage in ITEMS])
    assert differing([before, after]) == ["status --json", "status"]
    own = re.compile(rf'^.*{A}: .* to vote on\n|"{A}": \{{[^}}]*\}}', re.MULTILINE)
    for name in ("status --json", "status"):
        assert before[name] != after[name]
        assert own.sub("", before[name]) == own.sub("", after[name]), name


def test_a_conflict_shows_no_vote_to_who_did_not_judge_it(held: Open, look: Look) -> None:
    """Who voted how in a conflict: the same words for a third reviewer and for an adjudicator who voted."""
    said = []
    for first, second in (("include", "exclude"), ("unsure", "include")):

        def conflict(first: str = first, second: str = second) -> None:
            cast(held, A, AT_TEXTS[1], "full-text", first)
            cast(held, BOTH, AT_TEXTS[1], "full-text", second)

        told = look(conflict)
        said.append({name: words for name, words in told.items() if JUDGE not in name})
    assert differing(said) == []


def differing(views: list[dict[str, str]]) -> list[str]:
    first, second = views
    return [name for name in first | second if first.get(name) != second.get(name)]


def cast(opened: Open, who: str, report: str, stage: str, verdict: str) -> judge.Item:
    reason = "X01_not_primary" if verdict == "exclude" else None
    note = f"because I say {verdict}"
    return judge.vote(opened, report, stage, who, verdict, reason, note)  # type: ignore[arg-type]


def test_one_vote_of_two_answers_alike(held: Open, lsr: Command) -> None:
    """What the first reviewer is told of the own vote says nothing but that another is awaited."""
    for verdict in ("include", "unsure"):
        with taken_back(held):
            ran = lsr("decide", AT_TITLES[0], verdict, "--reviewer", A)
            assert (ran.code, ran.out.strip()) == (0, f"{AT_TITLES[0]}: awaits another vote")


def test_a_closed_item_tells_its_voter_the_outcome_but_no_vote(held: Open, lsr: Command) -> None:
    with taken_back(held):
        cast(held, A, AT_TEXTS[0], "full-text", "include")
        ran = lsr(
            "decide", AT_TEXTS[0], "exclude", "--stage", "full-text", "--reason", "X06_small_n", "--reviewer", B
        )  # fmt: skip
        assert ran.out == f"{AT_TEXTS[0]}: goes to the adjudicator\n"
        shown = lsr("resolve", "--reviewer", JUDGE, stdin="q\n").out
        first, second = next(line for line in shown.splitlines() if "demo-a" in line).split(" │ ")
        assert (first.strip(), second) == ("demo-a: include", "demo-b: exclude X06_small_n")
        assert "note: because I say include" in shown
        assert max(map(len, shown.splitlines())) <= 80
        assert lsr("resolve", "--reviewer", B, stdin="q\n").code == 1


# Extraction ------------------------------------------------------------------------------------------------------

NUMBERS = st.tuples(st.integers(0, 9), st.integers(9, 30))


def value(outcome: str, said: tuple[int, int] | None) -> Datum:
    """One value of the included study's report; None: the report is silent."""
    status: Literal["silent", "reported"] = "silent" if said is None else "reported"
    events, total = said or (None, None)
    return Datum(STUDY, "all", outcome, "", "infused", "as printed", "primary", REPORTS[6], status, events, total,
                 place="Table 2", quotation="n of N patients", answer="as printed")  # fmt: skip


@SEVERAL
@given(said=st.one_of(NUMBERS, st.none()))
def test_the_first_extraction_shows_in_no_command(
    held: Open, look: Look, first: First, said: tuple[int, int] | None
) -> None:
    given = [value("cr", said), value("crs_any", (5, 9))]
    assert first.unlike(look(lambda: extract.enter(held, given, A), votes=False)) == []


def test_a_reopened_extraction_is_blind_again(held: Open, look: Look) -> None:
    for who in (A, B):
        extract.enter(held, [value("cr", (3, 9))], who)
    extract.reopen_study(held, STUDY, A, "a later data cut")
    views = [
        look(lambda said=said: extract.enter(held, [value("cr", said)], A), votes=False)  # type: ignore[misc]
        for said in ((4, 9), (9, 9))
    ]
    assert differing(views) == []


def test_only_the_adjudicator_sees_values_and_only_where_they_differ(held: Open, lsr: Command) -> None:
    extract.enter(held, [value("cr", (3, 9)), value("orr", (7, 9))], A)
    assert "do not differ" in lsr("extract", "--reviewer", JUDGE, "--differences").out
    extract.enter(held, [replace(value("cr", (4, 9)), place="Table 3")], B)
    shown = lsr("extract", "--reviewer", JUDGE, "--differences").out
    assert "3/9" in shown
    assert "4/9" in shown
    assert "7/9" not in shown  # of another cell, which still awaits its second extractor
    assert lsr("extract", "--reviewer", B, "--differences").code == 1


# Pages -----------------------------------------------------------------------------------------------------------


def test_open_items_quotations_notes_and_abstracts_are_on_no_page(held: Open) -> None:
    for who in (A, B):
        extract.enter(held, [value("orr", (7, 9))], who)
    views = []
    for verdict, said in (("include", (3, 9)), ("exclude", None)):
        with taken_back(held):
            for report, stage in ITEMS:
                cast(held, A, report, stage, verdict)
            extract.enter(held, [value("cr", said)], A)
            views.append(pages(held))
    assert differing(views) == []
    assert len(views[0]) > 20
    for name, text in views[0].items():
        assert not re.search(r"n of N patients|because I say|Of what outcomes of a first", text), name
