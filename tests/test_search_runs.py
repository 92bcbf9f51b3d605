"""The weekly search as a whole, with a source of a stranger's package: whole or loudly failed, and what people see."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.pages.render import _Pages
from analysis.pages.searchlog import search_log
from analysis.pages.site import gather
from analysis.prisma import flow, imbalances
from db import data, queries, searches
from db.errors import DecisionError, InputError, SourceError
from db.model import Notice, Record
from db.specs import KnownItemSpec, PressSpec, SearchSpec, SourceSpec
from db.verify import verify
from harvest.source import GROUP, Harvest
from harvest.transport import Manners, Request, Transport
from lsr.workflow.accept import accept
from lsr.workflow.bring import Brought, harvest
from lsr.workflow.files import import_files
from lsr.workflow.folder import Open
from lsr.workflow.pages import write_site
from lsr.workflow.refresh import refresh
from lsr.workflow.sources import overdue_since, source_states
from lsr.workflow.status import status
from tests import scene
from tests.conftest import Command
from tests.servers.frame import Answer, Asked, LoopbackServer
from tests.test_wrong_input import state

A = scene.A
FAILURE = ("entry", "failure")


@dataclass
class Index:
    """What the made-up source holds and how it behaves; it answers over HTTP where the spec has a base_url."""

    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    hits: set[str] | None = None  # None: the search finds all
    log: list[tuple[str, str]] = field(default_factory=lambda: [("query translation", "q")])
    gone: set[str] = field(default_factory=set)
    fails: bool = False
    asked: list[str] = field(default_factory=list)

    def search(self, spec: SourceSpec, transport: Transport, progress: object) -> Harvest:
        body = self._ask(spec, transport, "search", "")
        return Harvest(len(body["hits"]), tuple(body["hits"]), _records(spec, body), tuple(map(tuple, body["log"])))

    def refresh(self, spec: SourceSpec, native_ids: Sequence[str], transport: Transport, progress: object) -> Harvest:
        body = self._ask(spec, transport, "refresh", " ".join(native_ids))
        records = _records(spec, body)
        return Harvest(len(records), tuple(r.native_id for r in records), records, (("refresh", "asked"),),
                       tuple(body["deleted"]))  # fmt: skip

    def answer(self, asked: Asked) -> Answer:
        return Answer(json.dumps(self._body(asked.path.strip("/"), asked.params.get("ids", ""))).encode())

    def _ask(self, spec: SourceSpec, transport: Transport, what: str, ids: str) -> dict[str, Any]:
        self.asked.append(f"{what} {ids}".strip())
        if self.fails:
            raise SourceError(f"{spec.id}: 46 of 47 records arrived: run the same command again")
        if not spec.base_url:
            return self._body(what, ids)
        request = Request(spec.id, "GET", spec.base_url, what, (("ids", ids),), Manners(per_second=1000.0))
        return dict(json.loads(transport.send(request).body))

    def _body(self, what: str, ids: str) -> dict[str, Any]:
        found = sorted(self.records if self.hits is None else self.hits) if what == "search" else ids.split()
        kept = [i for i in found if i in self.records and i not in self.gone]
        records = {i: self.records[i] for i in kept}
        return {"hits": kept, "records": records, "log": self.log, "deleted": [i for i in found if i in self.gone]}


def _records(spec: SourceSpec, body: dict[str, Any]) -> tuple[Record, ...]:
    return tuple(
        Record(spec.id, i, one["title"], year=2024, doi=one.get("doi", ""),
               notices=tuple(Notice(**notice) for notice in one.get("notices", ())))
        for i, one in sorted(body["records"].items())
    )  # fmt: skip


INDEXES: dict[str, Index] = {}


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Index:
    """The sources "lilacs" (returned) and "other", installed as packages of strangers are."""
    real = metadata.entry_points
    INDEXES.update({name: Index() for name in ("lilacs", "other")})
    points = [metadata.EntryPoint(name, f"tests.test_search_runs:{name}", GROUP) for name in INDEXES]
    monkeypatch.setattr(metadata, "entry_points", lambda **by: points if by.get("group") == GROUP else real(**by))
    return INDEXES["lilacs"]


class _Module:
    """Looks the index up when it is asked: the entry point's object outlives a test."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, what: str) -> Any:
        return getattr(INDEXES[self.name], what)


lilacs, other = _Module("lilacs"), _Module("other")


def titles(*numbers: int) -> dict[str, dict[str, Any]]:
    words = ("oslo", "lisbon", "quito", "hanoi", "lagos", "perth", "sofia", "turin", "dakar", "kyoto", "minsk", "cusco")
    return {f"L{n}": {"title": f"A {words[n % 12]} series of {words[n * 7 % 12]} number {n}"} for n in numbers}


@pytest.fixture
def weekly(opened: Open, index: Index) -> Open:
    """A review that searches only the two made-up sources."""
    specs = tuple(
        SourceSpec(name, "database", "databases", f"{name} by the made-up protocol", "q", every_days=7)
        for name in ("lilacs", "other")
    )
    index.records = titles(*range(1, 6))
    return replace(opened, spec=replace(opened.spec, sources=specs, search=SearchSpec()))


def source(opened: Open, **change: Any) -> Open:
    first, *rest = opened.spec.sources
    return replace(opened, spec=replace(opened.spec, sources=(replace(first, **change), *rest)))


def states(opened: Open) -> dict[str, Any]:
    return {one["source"]: one for one in status(opened)["sources"]}


def log_page(opened: Open) -> str:
    """The page of the search log alone: drawing all others takes seconds."""
    site = gather(opened.review.connection, opened.spec, refresh(opened), "2026-11-24T06:00:00Z")
    pages = _Pages(site)
    pages.add("search-log.html", "search_log", sources=search_log(site))
    return pages.found["search-log.html"]


def log(opened: Open, brought: Brought) -> dict[str, str]:
    run = next(run for run in queries.runs(opened.review.connection) if run.id == brought.runs[0].run)
    return dict(run.log)


# Whole or failed ---------------------------------------------------------------------------------------------------


def test_a_failing_source_leaves_nothing_and_the_next_run_repairs_it(weekly: Open, index: Index) -> None:
    before = state(weekly.review.folder, but=FAILURE)
    index.fails = True
    INDEXES["other"].records = titles(20)
    brought = harvest(weekly)
    assert [run.source for run in brought.runs] == ["other"]
    (failed,) = brought.failed
    assert failed.source == "lilacs"
    assert "46 of 47" in failed.why
    assert failed.questions == ()
    assert states(weekly)["lilacs"]["failure"]["why"] == failed.why
    assert states(weekly)["lilacs"]["last"] == "never"
    page = log_page(weekly)
    assert "46 of 47 records arrived" in page
    harvest(weekly, ["lilacs"])
    assert states(weekly)["lilacs"]["failure"]["why"] == failed.why  # still failing
    index.fails = False
    assert len(harvest(weekly, ["lilacs"]).new) == 5
    assert states(weekly)["lilacs"]["failure"] is None
    assert "46 of 47 records arrived" not in log_page(weekly)
    assert state(weekly.review.folder, but=FAILURE) != before
    assert verify(weekly.review) == []


def test_the_first_page_says_that_a_search_failed(weekly: Open, index: Index) -> None:
    harvest(weekly)
    index.fails = True
    harvest(weekly)
    assert "Search failed: lilacs" in (write_site(weekly) / "index.html").read_text("utf-8")


def test_a_failure_of_one_only_search_changes_no_table_but_the_ledger(weekly: Open, index: Index) -> None:
    harvest(weekly)
    before = state(weekly.review.folder, but=FAILURE)
    index.records |= titles(6, 7)
    index.log.append(("warning: PhraseIgnored", "of"))
    assert harvest(weekly, ["lilacs"]).failed[0].questions
    index.fails = True
    assert not harvest(weekly, ["lilacs"]).failed[0].questions
    assert state(weekly.review.folder, but=FAILURE) == before


def test_a_replay_that_fails_is_no_failure_of_the_source(weekly: Open, index: Index) -> None:
    harvest(weekly)
    index.fails = True
    assert harvest(weekly, ["lilacs"], replies={}).failed
    assert states(weekly)["lilacs"]["failure"] is None


def test_a_source_without_a_query_does_not_stop_the_others(weekly: Open, index: Index, monkeypatch: Any) -> None:
    def unusable(*_: object) -> Harvest:
        raise InputError("the source 'lilacs' has no query")

    monkeypatch.setattr(index, "search", unusable)
    brought = harvest(weekly)
    assert [run.source for run in brought.runs] == ["other"]
    assert brought.failed[0].why == "lilacs: the source 'lilacs' has no query"


def test_stored_but_not_linked_is_not_kept(weekly: Open, index: Index, monkeypatch: Any) -> None:
    """Searching, storing, deduping and linking of one source are one transaction."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    before = state(weekly.review.folder)
    monkeypatch.setattr("lsr.workflow.bring.settle", broken)
    with pytest.raises(ZeroDivisionError):
        harvest(weekly)
    assert state(weekly.review.folder) == before


def test_killed_in_the_second_source_the_first_stays_whole(weekly: Open, index: Index, monkeypatch: Any) -> None:
    def killed(*_: object) -> Harvest:
        raise KeyboardInterrupt

    monkeypatch.setattr(INDEXES["other"], "search", killed)
    with pytest.raises(KeyboardInterrupt):
        harvest(weekly)
    before = state(weekly.review.folder)
    assert states(weekly)["lilacs"]["run"]["new"] == 5
    with pytest.raises(KeyboardInterrupt):
        harvest(weekly, ["other"])
    assert state(weekly.review.folder) == before
    assert verify(weekly.review) == []


def test_only_a_live_search_repairs(weekly: Open, index: Index) -> None:
    from tests.test_harvest_command import CORPUS

    harvest(weekly)
    index.fails = True
    harvest(weekly, ["lilacs"])
    index.fails = False
    assert harvest(weekly, ["lilacs"], replies={}).runs
    import_files(weekly, [CORPUS], source="lilacs")
    assert states(weekly)["lilacs"]["failure"] is not None
    harvest(weekly, ["lilacs"])
    assert states(weekly)["lilacs"]["failure"] is None


# Questions ---------------------------------------------------------------------------------------------------------


def test_a_dropped_phrase_fails_the_first_run_until_a_person_accepts_it(weekly: Open, index: Index) -> None:
    index.log.append(("warning: QuotedPhraseNotFound", '"unicornwombat"'))
    (failed,) = harvest(weekly, ["lilacs"]).failed
    assert "unicornwombat" in failed.why
    assert "lsr harvest --accept lilacs --reviewer NAME --why WHY" in failed.why
    with pytest.raises(InputError, match="--why"):
        accept(weekly, "lilacs", A, " ")
    with pytest.raises(DecisionError, match="nobody"):
        accept(weekly, "lilacs", "nobody", "why not")
    with pytest.raises(InputError, match="no question"):
        accept(weekly, "other", A, "nothing was asked")
    assert len(accept(weekly, "lilacs", A, "no such phrase is indexed yet")) == 1
    with pytest.raises(InputError, match="accepted already"):
        accept(weekly, "lilacs", A, "twice")
    assert len(harvest(weekly, ["lilacs"]).new) == 5
    assert not harvest(weekly, ["lilacs"]).failed  # known by now
    (told,) = states(weekly)["lilacs"]["accepted"]
    assert (told["person"], told["why"]) == (A, "no such phrase is indexed yet")
    assert f"{A}, 20" in log_page(weekly)
    index.log.append(("warning: QuotedPhraseNotFound", '"another"'))
    (failed,) = harvest(weekly, ["lilacs"]).failed
    assert len(failed.questions) == 1
    assert verify(weekly.review) == []


def test_a_machine_accepts_nothing(weekly: Open) -> None:
    body = {"source": "lilacs", "question": "q", "why": "w"}
    with pytest.raises(DecisionError):
        weekly.review.append("machine:harvest", "acceptance", body)


def test_a_network_failure_after_the_questions_does_not_hide_them(weekly: Open, index: Index) -> None:
    index.log.append(("warning: PhraseIgnored", "of"))
    harvest(weekly, ["lilacs"])
    index.fails = True
    harvest(weekly, ["lilacs"])
    index.fails = False
    assert accept(weekly, "lilacs", A, "of is no word")
    assert harvest(weekly, ["lilacs"]).runs


def test_a_jump_asks_once_and_its_level_is_the_new_one(weekly: Open, index: Index) -> None:
    for _ in range(3):
        harvest(weekly, ["lilacs"])
    index.records = titles(*range(1, 40))
    (failed,) = harvest(weekly, ["lilacs"]).failed
    assert "39 hits" in failed.why
    assert "median of the last 3 runs" in failed.why
    accept(weekly, "lilacs", A, "the index took in a back file")
    assert len(harvest(weekly, ["lilacs"]).new) == 34
    assert not harvest(weekly, ["lilacs"]).failed
    index.hits = set()
    (failed,) = harvest(weekly, ["lilacs"]).failed  # from some to none
    assert "0 hits" in failed.why


def test_replays_do_not_weigh_in_the_median(weekly: Open, index: Index) -> None:
    for hits in (30, 40):
        index.records = titles(*range(1, hits + 1))
        harvest(weekly, ["lilacs"])
    for _ in range(3):
        assert harvest(weekly, ["lilacs"], replies={}).runs
    index.records = titles(*range(1, 55))  # far from 35, near to 40
    assert "median of the last 2 runs of the same query is 35" in harvest(weekly, ["lilacs"]).failed[0].why


def test_a_changed_translation_of_the_same_query(weekly: Open, index: Index) -> None:
    harvest(weekly, ["lilacs"])
    index.log = [("query translation", "q in another year's thesaurus")]
    (failed,) = harvest(weekly, ["lilacs"]).failed
    assert "another year's thesaurus" in failed.why
    assert not harvest(source(weekly, query="another q"), ["lilacs"]).failed  # another query: another translation


# Known items -------------------------------------------------------------------------------------------------------


def test_a_known_item_that_is_missed_fails_the_run(weekly: Open, index: Index) -> None:
    index.records["L1"]["doi"] = "10.1000/known"
    items = (KnownItemSpec(("lilacs",), ("10.1000/known", "10.1000/missed")), KnownItemSpec(("embase",), ("10.1/e",)))
    weekly = replace(weekly, spec=replace(weekly.spec, search=SearchSpec(known_items=items)))
    (failed,) = harvest(weekly, ["lilacs"]).failed
    assert "10.1000/missed" in failed.why
    assert "10.1000/known" not in failed.why
    assert states(weekly)["lilacs"]["known_items"] is None  # never searched: nothing is judged
    accept(weekly, "lilacs", A, "the journal is not indexed there")
    brought = harvest(weekly, ["lilacs"])
    assert log(weekly, brought)["known items"] == "1 of 2 found; missing: 10.1000/missed"
    assert states(weekly)["lilacs"]["known_items"] == {"found": ["10.1000/known"], "missing": ["10.1000/missed"]}
    assert "  known items: 1 of 2 found; missing: 10.1000/missed" in status(weekly)["lines"]
    index.hits = {"L2", "L3", "L4", "L5"}  # an earlier run brought it: it stays found
    assert not harvest(weekly, ["lilacs"]).failed


def test_a_file_of_a_source_is_judged_and_one_never_imported_is_not(weekly: Open, tmp_path: Path) -> None:
    from tests.test_harvest_command import CORPUS

    embase = SourceSpec("embase", "database", "databases", every_days=31)
    items = (KnownItemSpec(("embase",), ("10.1002/ajh.27094", "10.1000/nowhere")),)
    spec = replace(weekly.spec, sources=(*weekly.spec.sources, embase), search=SearchSpec(known_items=items))
    weekly = replace(weekly, spec=spec)
    assert states(weekly)["embase"]["known_items"] is None
    import_files(weekly, [CORPUS], source="embase", at="2026-01-05T00:00:00Z")
    told = states(weekly)["embase"]
    assert told["known_items"] == {"found": ["10.1002/ajh.27094"], "missing": ["10.1000/nowhere"]}
    assert (told["last"], told["overdue_since"]) == ("2026-01-05T00:00:00Z", "2026-02-05")  # by the date given


def test_the_peer_review_of_the_search_is_told(weekly: Open) -> None:
    press = PressSpec("R. Librarian", "2026-09-01", "no revision")
    weekly = replace(weekly, spec=replace(weekly.spec, search=SearchSpec(press=press)))
    harvest(weekly)
    assert status(weekly)["press"] == {"reviewer": "R. Librarian", "date": "2026-09-01", "outcome": "no revision"}
    assert "R. Librarian, 2026-09-01: no revision" in log_page(weekly)


# Known records asked again -----------------------------------------------------------------------------------------


def test_known_records_that_the_search_no_longer_finds_are_asked_again(weekly: Open, index: Index) -> None:
    harvest(weekly, ["lilacs"])
    assert index.asked == ["search"]  # all known ones are hits: no request more
    index.hits = {"L1", "L2", "L3"}
    index.gone = {"L5"}
    index.records["L4"]["title"] += ", corrected"
    brought = harvest(weekly, ["lilacs"])
    assert index.asked[1:] == ["search", "refresh L4 L5"]
    (run,) = brought.runs
    assert (run.hits, run.seen, run.changed, run.again, run.new) == (3, 4, ("lilacs:L4",), 3, ())
    told = log(weekly, brought)
    assert (told["withdrawn by the source"], told["refresh"], told["records read"]) == ("L5", "asked", "4")
    assert states(weekly)["lilacs"]["withdrawn"] == ["L5"]
    assert "  withdrawn by the source: L5" in status(weekly)["lines"]
    assert brought.deleted == ("L5",)
    index.hits, index.gone = None, set()
    harvest(weekly, ["lilacs"])
    assert states(weekly)["lilacs"]["withdrawn"] == []  # found again


def test_a_replay_asks_for_what_the_run_asked_for_and_gives_the_same_bytes(weekly: Open, index: Index) -> None:
    with LoopbackServer(index.answer) as server:
        weekly = source(weekly, base_url=server.url)
        harvest(weekly, ["lilacs"])
        index.hits = {"L1", "L2", "L3"}
        index.records["L4"]["title"] += ", corrected"
        live = harvest(weekly, ["lilacs"])
    contents = weekly.review.connection.execute("SELECT * FROM content ORDER BY 1").fetchall()
    replies = queries.archived_replies(weekly.review.connection)
    again = harvest(weekly, ["lilacs"], replies=replies)
    assert index.asked[-1] == "refresh L4 L5"
    assert not again.failed
    (run,), (first,) = again.runs, live.runs
    assert (run.new, run.changed, run.hits, run.seen) == ((), (), first.hits, first.seen)
    assert weekly.review.connection.execute("SELECT * FROM content ORDER BY 1").fetchall() == contents
    logs = [run.log for run in queries.runs(weekly.review.connection) if run.source == "lilacs"]
    assert logs[-1] == logs[-2]


# Notices -----------------------------------------------------------------------------------------------------------


def notice(index: Index, record: str, *kinds: str) -> None:
    index.records[record]["notices"] = [{"kind": kind, "pmid": "999"} for kind in kinds]


def reopened(opened: Open) -> list[tuple[str, str]]:
    rows = opened.review.connection.execute("SELECT subject, stage FROM reopen ORDER BY n")
    return [(subject, stage) for subject, stage in rows]


def test_a_retraction_reopens_an_included_report_once_and_decides_nothing(weekly: Open, index: Index) -> None:
    harvest(weekly, ["lilacs"])
    scene.include(weekly, "lilacs:L1")
    notice(index, "L1", "RetractionIn", "CommentIn")
    notice(index, "L2", "RetractionIn")  # nobody judged it: whoever does will see it
    brought = harvest(weekly, ["lilacs"])
    assert [report for report, _ in brought.reopened] == ["lilacs:L1"]
    assert reopened(weekly) == [("lilacs:L1", "full-text")]
    assert "lilacs:L1" in {report for _, report, _ in data.included(weekly.review.connection)}
    told = status(weekly)
    assert told["notices"] == [{"report": "lilacs:L1", "notice": "retracted (RetractionIn PMID 999)"}]
    assert any(line.startswith("WARNING, still included: lilacs:L1: retracted") for line in told["lines"])
    for _ in range(2):
        harvest(weekly, ["lilacs"])
    scene.vote(weekly, "lilacs:L1", "full-text", "include", "include")
    harvest(weekly, ["lilacs"])
    assert len(reopened(weekly)) == 1
    notice(index, "L1", "RetractionIn", "ErratumIn")
    harvest(weekly, ["lilacs"])
    assert len(reopened(weekly)) == 2  # once for each notice
    assert verify(weekly.review) == []


def test_which_reports_a_notice_reopens(weekly: Open, index: Index) -> None:
    harvest(weekly, ["lilacs"])
    scene.vote(weekly, "lilacs:L1", "title-abstract", "exclude", "exclude")
    scene.vote(weekly, "lilacs:L2", "title-abstract", "include")  # open
    scene.vote(weekly, "lilacs:L3", "title-abstract", "include", "include")  # its full text is to be judged yet
    for record in ("L1", "L2", "L3", "L4"):
        notice(index, record, "UpdateIn")
    notice(index, "L5", "CommentIn")
    harvest(weekly, ["lilacs"])
    assert reopened(weekly) == [("lilacs:L1", "title-abstract")]


def test_a_notice_that_a_judge_could_read_does_not_reopen(weekly: Open, index: Index) -> None:
    notice(index, "L1", "ExpressionOfConcernIn")
    harvest(weekly, ["lilacs"])
    scene.include(weekly, "lilacs:L1")
    index.records["L1"]["title"] += ", with a new title"
    harvest(weekly, ["lilacs"])
    assert reopened(weekly) == []
    assert status(weekly)["notices"][0]["notice"] == "an expression of concern (ExpressionOfConcernIn PMID 999)"


def test_a_retraction_met_first_in_another_source_reopens_a_report_of_the_previous_version(
    weekly: Open, index: Index
) -> None:
    report = queries.find_report(weekly.review.connection, scene.KNOWN)
    known = queries.record_of(weekly.review.connection, report)
    index.records = {"L1": {"title": known.title, "doi": known.doi}}
    notice(index, "L1", "RetractionIn")
    harvest(weekly, ["lilacs"])
    assert queries.report_of(weekly.review.connection, "lilacs:L1") == report
    assert reopened(weekly) == [(report, "full-text")]
    assert [told["report"] for told in status(weekly)["notices"]] == [report]
    assert report in {kept for _, kept, _ in data.included(weekly.review.connection)}
    notice(index, "L1", "RetractionIn", "ErratumIn")
    harvest(weekly, ["lilacs"])
    assert len(reopened(weekly)) == 1  # it is open already: a second round would hide the votes of the first


# A changed query, cadence, the log ---------------------------------------------------------------------------------


def test_what_a_changed_query_adds_is_shown_apart(weekly: Open, index: Index) -> None:
    index.hits = {"L1", "L2"}
    first = harvest(weekly, ["lilacs"]).runs[0].run
    index.hits = {"L2", "L3", "L4"}
    brought = harvest(source(weekly, query="a wider q"), ["lilacs"])
    told = log(weekly, brought)
    words = "2 records that the former query had not found; no [[amendment]] names search.source.lilacs.query"
    assert told[f"query changed since run {first}"] == words
    assert told["found by the changed query only"] == "L3 L4"
    line = f"query changed since run {first}: {words}"
    assert f"  {line}" in status(weekly)["lines"]
    assert line in log_page(weekly)
    again = harvest(source(weekly, query="a wider q"), ["lilacs"])
    assert not any(name.startswith("query changed") for name in log(weekly, again))
    index.hits = {"L1", "L2"}
    amended = replace(weekly.spec, search=SearchSpec(amended=frozenset({"search.source.lilacs.query"})))
    brought = harvest(replace(weekly, spec=amended), ["lilacs"])
    (words,) = [words for name, words in log(weekly, brought).items() if name.startswith("query changed")]
    assert words == "1 record that the former query had not found"  # back again: L1, asked again, was no hit of it


@pytest.mark.parametrize(
    ("last", "every", "now", "since"),
    [
        ("2026-11-02T06:00:00Z", 7, "2026-11-09T23:00:00Z", ""),
        ("2026-11-02T06:00:00Z", 7, "2026-11-10T00:00:00Z", "2026-11-09"),
        ("2026-01-31T00:00:00Z", 31, "2026-12-01T00:00:00Z", "2026-03-03"),
        ("2026-11-02T06:00:00Z", 21, "2026-11-01T00:00:00Z", ""),
    ],
)
def test_overdue_since(last: str, every: int, now: str, since: str) -> None:
    assert overdue_since(last, every, now) == since


def test_a_source_is_overdue_by_its_own_cadence(weekly: Open) -> None:
    weekly.review.clock = lambda: "2026-11-02T06:00:00Z"
    harvest(weekly)
    weekly.review.clock = lambda: "2026-11-12T06:00:00Z"
    lines = status(source(weekly, every_days=0))["lines"]
    assert any(line.startswith("other: ") and line.endswith("OVERDUE since 2026-11-09") for line in lines)
    assert not any(line.startswith("lilacs: ") and "OVERDUE" in line for line in lines)  # 21 days for all others


def test_a_source_never_searched_is_overdue_from_the_day_the_review_began(weekly: Open) -> None:
    (began,) = weekly.review.connection.execute("SELECT min(at) FROM entry").fetchone()
    day = date.fromisoformat(began[:10])
    weekly = source(weekly, every_days=0)
    weekly.review.clock = lambda: f"{day + timedelta(days=7)}T23:00:00Z"
    assert (states(weekly)["other"]["last"], states(weekly)["other"]["overdue_since"]) == ("never", None)
    weekly.review.clock = lambda: f"{day + timedelta(days=8)}T00:00:00Z"
    lines = status(weekly)["lines"]
    assert f"other: last searched never, due every 7 days, OVERDUE since {day + timedelta(days=7)}" in lines
    assert not any(line.startswith("lilacs: ") and "OVERDUE" in line for line in lines)  # 21 days for all others


@pytest.mark.parametrize("searched", [False, True])
def test_the_state_of_the_database_is_asked_from_the_second_run_on(
    weekly: Open, index: Index, monkeypatch: pytest.MonkeyPatch, searched: bool
) -> None:
    asked: list[str] = []

    def database_build(spec: SourceSpec, transport: object) -> str:
        asked.append(spec.id)
        return f"Build {len(asked)}"

    monkeypatch.setattr(index, "database_build", database_build, raising=False)
    told = log(weekly, harvest(weekly, ["lilacs"]))
    assert told["database build"].startswith("not asked on the first search")
    assert asked == []
    if searched:
        assert log(weekly, harvest(weekly, ["lilacs"]))["database build"] == "Build 1"
        assert log(weekly, harvest(weekly, ["lilacs"]))["database build"] == "Build 2"


def test_a_withdrawn_record_is_asked_for_again_every_fourth_run(weekly: Open, index: Index) -> None:
    harvest(weekly, ["lilacs"])
    (gone, *_) = sorted(index.records)
    index.gone = {gone}
    asked = [log(weekly, harvest(weekly, ["lilacs"])).get("known records asked again", "") for _ in range(6)]
    assert asked == [gone, "", "", "", gone, ""]


def test_the_log_holds_what_prisma_s_asks_for(weekly: Open, index: Index) -> None:
    from lsr import __version__

    index.log.append(("database build", "Build-2026.11"))
    harvest(weekly, ["lilacs"])
    index.records |= titles(6)
    index.records["L2"]["title"] += ", corrected"
    harvest(weekly, ["lilacs"])
    run = states(weekly)["lilacs"]["run"]
    assert (run["hits"], run["fetched"], run["new"], run["updated"], run["seen_again"]) == (6, 6, 1, 1, 4)
    assert run["query"] == "q"
    assert run["searched_at"].endswith("Z")
    told = dict(run["log"])
    assert told["platform"] == "lilacs by the made-up protocol"
    assert told["database build"] == "Build-2026.11"
    assert told["query translation"] == "q"
    assert told["limits"] == "none beside the query"
    assert told["tool"] == f"lsr {__version__}"
    page = log_page(weekly)
    for words in (
        "platform: lilacs by the made-up protocol",
        "database build: Build-2026.11",
        f"tool: lsr {__version__}",
    ):
        assert words in page


def test_the_log_says_so_where_neither_source_nor_protocol_states_an_item(weekly: Open) -> None:
    harvest(source(weekly, platform=""), ["lilacs"])
    told = dict(states(weekly)["lilacs"]["run"]["log"])
    assert told["platform"] == "not stated in the protocol"
    assert told["database build"] == "not stated by the source"


def test_the_page_says_what_was_searched_live_and_what_came_by_file(weekly: Open, tmp_path: Path) -> None:
    harvest(weekly, ["lilacs"])
    (tmp_path / "a.ris").write_text("TY  - JOUR\nTI  - A\nER  - \n")
    import_files(weekly, [tmp_path / "a.ris"])
    page = log_page(weekly)
    assert ">live<" in page
    assert ">by file<" in page


# The command -------------------------------------------------------------------------------------------------------


def test_the_command_tells_each_source_and_exits_one(lsr: Command, review_folder: Path, index: Index) -> None:
    path = review_folder / "protocol.toml"
    added = "".join(
        f'[[search.source]]\nid = "{name}"\nkind = "database"\nprisma_arm = "databases"\nquery = "q"\n'
        for name in ("lilacs", "other")
    )
    text = path.read_text("utf-8")
    path.write_text(text.replace("[[search.source]]", f"{added}[[search.source]]", 1), "utf-8")
    at = ("--review", review_folder)
    index.records = titles(1, 2)
    index.log.append(("warning: PhraseIgnored", "of"))
    ran = lsr("harvest", "lilacs", "other", *at)
    assert ran.code == 1
    assert ran.out.startswith("other: 0 hits, 0 fetched, 0 new, 0 updated, 0 seen again\nlilacs: FAILED")
    last = ran.err.strip().split("\n")[-1]
    assert last.startswith("lsr: lilacs: a question for a person")
    assert lsr("harvest", "--accept", "lilacs", *at, "--why", "fine").code == 1  # no name given
    assert lsr("harvest", "lilacs", "--accept", "lilacs", *at).code == 2
    ran = lsr("harvest", "--accept", "lilacs", "--reviewer", A, "--why", "of is no word", *at)
    assert (ran.code, ran.out.count("\n")) == (0, 1)
    ran = lsr("harvest", "lilacs", *at)
    assert (ran.code, ran.out.split("\n")[0]) == (0, "lilacs: 2 hits, 2 fetched, 2 new, 0 updated, 0 seen again")
    index.fails = True
    told = lsr("harvest", "lilacs", *at, "--json")
    assert told.code == 1
    assert json.loads(told.out)["failed"][0]["source"] == "lilacs"
    text = path.read_text("utf-8")
    only = text.replace('id = "pubmed"\n', 'id = "pubmed"\nenabled = false\n', 1)
    only = only.replace('id = "crossref"\n', 'id = "crossref"\nenabled = false\n', 1)
    only = only.replace('id = "europepmc"\n', 'id = "europepmc"\nenabled = false\n', 1)
    only = only.replace("enabled = true  ", "enabled = false ")
    path.write_text(only, "utf-8")
    ran = lsr("run", *at)  # the weekly job does the rest of its work, then fails
    assert ran.code == 1
    assert "Draft pages: " in ran.out
    assert "46 of 47" in ran.err
    assert "46 of 47" in (review_folder / "site" / "search-log.html").read_text("utf-8")


# Any sequence of runs ----------------------------------------------------------------------------------------------

RUN = st.tuples(st.sampled_from(["lilacs", "other"]), st.booleans(), st.sets(st.integers(1, 12), max_size=6))


@pytest.mark.slow
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(RUN, min_size=1, max_size=6))
def test_counts_balance_and_are_those_of_the_runs_that_succeeded(
    weekly: Open, index: Index, sequence: list[tuple[str, bool, set[int]]]
) -> None:
    connection = weekly.review.connection
    with scene.taken_back(weekly):
        found: set[str] = set()
        failing: set[str] = set()
        last: dict[str, int] = {}
        for name, fails, numbers in sequence:
            held = INDEXES[name]
            held.records |= titles(*numbers)
            held.hits, held.fails = {f"L{n}" for n in numbers}, fails
            brought = harvest(weekly, [name])
            if brought.failed:
                failing.add(name)
                assert not brought.runs
            else:
                failing.discard(name)
                found |= {f"{name}:L{n}" for n in numbers}
                last[name] = len(numbers)
            assert fails <= bool(brought.failed)
            assert imbalances(flow(connection)) == []
        identified = {row["record"] for row in data.listing(connection) if row["side"] == "databases"}
        assert identified == found
        assert set(searches.open_failures(connection)) == failing
        told = {state.source: state for state in source_states(weekly)}
        assert {name for name, state in told.items() if state.run} == set(last)
    INDEXES.update({name: Index() for name in INDEXES})
