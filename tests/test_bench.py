"""The benchmarks' own code at tiny sizes, so that it does not rot. Nothing here asserts how long anything took.

The peers are not installed where the tests run: they are played by stand-ins.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from benchmarks import __main__ as bench
from benchmarks import peers, work, work_statistics
from benchmarks.bibliography import COPIES, bibliography
from benchmarks.cases import CLOSED, GLMM, ITERATED, Case, cases
from benchmarks.measure import ABSENT, AbsentError, Compared, Cost, command, compare, cost, tell
from benchmarks.peers import Peer
from benchmarks.row import FULL, REPORTED, Agreement, AnyRow, Finding, Row, Sizes
from benchmarks.rows import rows
from benchmarks.rows_statistics import MOST
from benchmarks.synthetic import DUPLICATES, records, write_pubmed
from benchmarks.work import FINDINGS, TASKS
from benchmarks.work_dedupe import removed_view
from benchmarks.work_harvest import most_in_a_second
from curation.dedupe import find_duplicates

TINY = Sizes(sample=6, dedupe=((40, 0.3),), known=30, records=20, studies=1, screened=40, hits=3, glmm=15, paced=4,
             per_second=50.0, reply_seconds=0.0, writers=(2, 2))  # fmt: skip
NOT_INSTALLED = {"pubmed_parser", "metapub", "of_set"}


def tiny(folder: Path) -> list[AnyRow]:
    return list(rows(folder, TINY, real=folder / "absent.xml.gz"))


def run(arguments: list[str] | tuple[str, ...]) -> Any:
    """A task in this process: starting Python is most of what these tests would take."""
    _, _, module, name, *rest = arguments
    assert module == "benchmarks.work"
    return (TASKS | FINDINGS)[name](*rest)


def test_every_task_of_every_row_runs(tmp_path: Path) -> None:
    counts, prepared = {}, set()
    for row in tiny(tmp_path):
        if not isinstance(row, Row):
            continue
        if row.before and row.before not in prepared:
            prepared.add(row.before)
            run(row.before)
        for arguments in filter(None, (row.subject, row.peer)):
            if "benchmarks.work" in arguments and arguments[3] not in NOT_INSTALLED:
                seconds, counts[arguments[3]] = run(arguments)
                assert seconds >= 0
    assert {name: counts[name] for name in ("parse", "entrez", "dedupe", "glmm", "boxes", "verify")} == {
        "parse": 6, "entrez": 6, "dedupe": 40, "glmm": 15, "boxes": counts["boxes"], "verify": 0,
    }  # fmt: skip
    assert counts["boxes"] >= TINY.screened
    assert (tmp_path / "review/site/index.html").exists()


@pytest.mark.slow
def test_what_a_harvest_asks_is_counted(tmp_path: Path) -> None:
    """Requests of 3 hits: one search, one page, the state of the database; the pace by two processes."""
    ask = cache(run)
    found = {
        row.name: (row, ask(tuple(row.task)))
        for row in tiny(tmp_path)
        if isinstance(row, Finding) and row.name.startswith(("requests", "pace"))
    }
    first, idle = (pair for name, pair in found.items() if name.startswith("requests of"))
    assert (first[1]["first_by"], idle[1]["idle"]) == ("1 esearch, 1 efetch", 3)
    assert [bench.line(*pair).split()[-1] for pair in (first, idle)] == ["met", "met"]
    (paced,) = (asked for name, (_, asked) in found.items() if name.startswith("requests in any second"))
    assert paced["requests"] == 2 * TINY.paced
    assert paced["share"] > 0


def test_the_most_in_any_second_is_of_a_sliding_second() -> None:
    assert most_in_a_second([0.0, 0.9, 1.0, 1.5, 1.8, 3.0]) == 4
    assert most_in_a_second([0.0, 1.0, 2.0]) == 1


def test_a_whole_file_is_sampled_evenly(tmp_path: Path) -> None:
    real, sample = tmp_path / "real.xml.gz", tmp_path / "sample.xml.gz"
    write_pubmed(real, 30)
    assert TASKS["take_sample"](str(real), str(sample), "6")[1] == 6
    assert TASKS["parse"](str(sample))[1] == TASKS["entrez"](str(sample))[1] == 6
    named = [row.name for row in rows(tmp_path, TINY, real=real) if isinstance(row, Row) and str(real) in row.subject]
    assert named == ["PubMed XML, a whole NLM file", "the same file, beside Bio.Entrez.read",
                     "the same file, beside pubmed_parser"]  # fmt: skip


def test_made_up_records_are_the_same_each_time_and_their_copies_are_found_among_what_is_alike() -> None:
    made = list(records(600, abstracts=False))
    assert made == list(records(600, abstracts=False))
    copies = {record.id for record in made if record.source == "embase"}
    assert 0.5 * DUPLICATES < len(copies) / len(made) < 1.5 * DUPLICATES
    found = {duplicate.record for duplicate in find_duplicates(made) if duplicate.certain}
    assert len(copies & found) / len(copies) > 0.8
    firsts = [record.title.split()[0].lower() for record in made]
    assert len(set(firsts)) < 0.8 * len(firsts), "no first word would be shared: blocking would be trivial"


@pytest.mark.parametrize("real", [True, False])
def test_a_made_up_library_is_the_same_each_time_and_tells_the_truth(tmp_path: Path, real: bool) -> None:
    """With the labelled sets' words where they are, with made-up ones without."""
    given = {} if real else {"folder": tmp_path}
    made = list(bibliography(400, **given))
    assert made == list(bibliography(400, **given))
    copies = len(made) - len({publication for _, publication in made})
    assert 0.7 * COPIES < copies / len(made) < 1.3 * COPIES
    found = TASKS["dedupe"]("50"), FINDINGS["scale"]("200")
    assert found[0][1] == 50
    assert found[1]["lost"] == 0
    assert found[1]["recall"] > 0.5


def test_the_removed_view_counts_what_it_says() -> None:
    gold = {"a": "1", "b": "1", "c": "2", "d": "3", "e": "3"}
    assert removed_view(gold, {"a": "a", "b": "a", "c": "a", "d": "d", "e": "e"}) == (1, 1, 1)


def test_subject_and_peer_are_measured_in_turn() -> None:
    found = compare(command("-c", "pass"), command("-c", "sum(range(10**6))"), 1)
    assert found.peer is not None
    assert found.ratio == pytest.approx(found.peer.seconds / found.subject.seconds)
    assert 1 < found.subject.megabytes < 10_000
    assert cost(command("-m", "benchmarks.work", "dedupe", "5")).count == 5
    with pytest.raises(RuntimeError, match=r"exit 3: no$"):
        cost(command("-c", "import sys; print('no', file=sys.stderr); sys.exit(3)"))


def test_a_peer_that_fails_is_told_and_not_asked_again() -> None:
    absent = command("-c", f"import sys; print('No module named x', file=sys.stderr); sys.exit({ABSENT})")
    found = compare(command("-c", "pass"), absent, 2)
    assert (found.peer, found.ratio, found.failed) == (None, None, "No module named x")
    row = Row("beside x", REPORTED, peer=absent)
    assert bench.line(row, found).endswith("not measured: No module named x")
    with pytest.raises(AbsentError, match="x"):
        tell(absent)


def test_a_task_whose_peer_is_not_installed_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pubmed_parser", None)
    with pytest.raises(SystemExit) as ended:
        work.main("pubmed_parser", "file")
    assert ended.value.code == ABSENT
    assert "pubmed_parser" in capsys.readouterr().err


def pinned(tmp_path: Path, methods: tuple[str, ...]) -> list[Case]:
    return cases(methods, tmp_path)  # an empty folder: the project's own pinned sets


def test_cases_come_from_the_pinned_sets_where_the_oracle_is_not(tmp_path: Path) -> None:
    found = pinned(tmp_path, (*CLOSED, *ITERATED, GLMM))
    assert len(found) == 6 * (5 * 9 + 1)
    assert {case.method for case in found if case.expected} == {"EE", "DL", GLMM}


@pytest.mark.parametrize("kind", MOST)
def test_ours_agree_with_the_stored_answers(tmp_path: Path, kind: str) -> None:
    found = work_statistics.beside_r(kind, str(tmp_path))
    row = Agreement("ours", "", [], most=MOST[kind])
    assert found["fits"] == {"closed": 60, "iterated": 0, "GLMM": 4}[kind]
    if kind == "iterated":  # the pinned sets hold none: no agreement is claimed
        assert "not measured" in bench.line(row, found)
        return
    assert bench.line(row, found).endswith(" met")
    assert bench.line(row, found | {"us_from_r": 1.0}).endswith("NOT met")
    assert bench.line(row, found | {"failed": 1}).endswith("NOT met")


def test_a_peers_differences_and_failures_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in that is right but for one set, in which it is off by 0.5, and for another, in which it fails."""

    def fit(case: Case) -> tuple[float, float]:
        if case.name == "edge_prop_k3":
            raise ZeroDivisionError
        estimate, tau2 = peers.ours(case)
        return estimate + 0.5 * (case.name == "prop_pritz1997"), tau2

    monkeypatch.setitem(peers.PEERS, "stand-in", Peer("stand-in", ("DL",), lambda: fit))
    found = work_statistics.beside_peer("stand-in", str(tmp_path))
    assert (found["fits"], found["failed"], found["off"], found["with_r"]) == (30, 5, 5, 30)
    assert found["from_us"] == pytest.approx(0.5)
    assert found["from_r"] == pytest.approx(0.5)
    assert found["worst"].startswith("prop_pritz1997")
    said = bench.line(Agreement("stand-in: DL", REPORTED, [], peer="stand-in"), found)
    assert "30, 5 failed" in said
    assert "us 5e-01, R 5e-01" in said
    assert "5 off by > 1e-6, most in prop_pritz1997" in said


def test_metafors_answers_are_read_in_the_order_of_the_cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    some = pinned(tmp_path, ("DL",))[:2]

    class Ran:
        returncode, stderr = 0, ""
        stdout = "c0,0.25,0.5\nc1,,\nseconds,1.500000,\n"

    def ran(arguments: list[str], **_: object) -> Ran:
        lines = Path(arguments[2]).read_text().splitlines()
        assert lines[0] == "case,method,first,second"
        assert len(lines) == 1 + sum(len(case.first) for case in some)
        assert float(lines[1].split(",")[2]) == some[0].first[0]
        return Ran()

    monkeypatch.setattr(work_statistics.subprocess, "run", ran)
    assert work_statistics._ask_r(some) == ([(0.25, 0.5), None], 1.5)
    Ran.stderr = "there is no package called 'metafor'"
    with pytest.raises(ImportError, match="metafor"):
        work_statistics._ask_r(some)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
def test_r_itself_is_asked(tmp_path: Path) -> None:
    try:
        found = work_statistics.beside_metafor("GLMM", str(tmp_path))
    except ImportError as error:
        pytest.skip(str(error))
    assert (found["fits"], found["failed"]) == (4, 0)
    assert found["from_us"] < MOST["GLMM"]
    assert found["seconds"] > 0


@pytest.mark.parametrize(
    ("name", "found", "word"),
    [
        ("whole NLM", Compared(Cost(2.0, 40, 20_000)), "met"),
        ("whole NLM", Compared(Cost(2.0, 60, 20_000)), "NOT met"),
        ("whole NLM", Compared(Cost(10.0, 40, 20_000)), "NOT met"),
        ("Bio.Entrez", Compared(Cost(1, 1), Cost(7, 1), 7.0), "met"),
        ("Bio.Entrez", Compared(Cost(1, 1), Cost(5, 1), 5.0), "NOT met"),
        ("--help", Compared(Cost(0.14, 1), Cost(0.1, 1), 0.1 / 0.14), "met"),
        ("--help", Compared(Cost(0.16, 1), Cost(0.1, 1), 0.1 / 0.16), "NOT met"),
        ("GLMM", Compared(Cost(0.049, 1)), "met"),
        ("verify", Compared(Cost(10.1, 1)), "NOT met"),
        ("requests of a search", {"first": 6, "first_by": "", "idle": 7, "idle_by": ""}, "met"),
        ("requests of a search", {"first": 7, "first_by": "", "idle": 7, "idle_by": ""}, "NOT met"),
        ("requests of an idle", {"first": 6, "first_by": "", "idle": 8, "idle_by": ""}, "NOT met"),
        ("pace of 3", {"share": 0.89, "most": 3, "requests": 24}, "NOT met"),
        ("requests in any second", {"share": 0.95, "most": 4, "requests": 48}, "NOT met"),
        ("requests in any second", {"share": 0.95, "most": 3, "requests": 48}, "met"),
    ],
)
def test_a_line_says_whether_the_budget_is_met(tmp_path: Path, name: str, found: Any, word: str) -> None:
    write_pubmed(tmp_path / "real.xml.gz", 2)
    row = next(row for row in rows(tmp_path, FULL, real=tmp_path / "real.xml.gz") if name in row.name)
    assert re.search(rf" {word}$", bench.line(row, found))
    assert row.budget in bench.line(row, found)


def test_rows_are_chosen_by_a_word_and_what_is_left_out_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    bench.main(["--runs", "1", "verify", "import analysis"], replace(TINY, screened=0))
    heading, verified, imported = capsys.readouterr().out.splitlines()
    assert heading.split() == ["what", "CPU", "peer", "peer/us", "budget", "met?"]
    assert imported.startswith("import analysis.pooling")
    assert verified.endswith("not measured: only with --full")


def test_a_task_prints_what_it_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    work.main("beside_r", "GLMM", str(tmp_path))
    assert json.loads(capsys.readouterr().out)["fits"] == 4
