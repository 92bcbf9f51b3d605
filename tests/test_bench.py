"""The benchmarks' own code at tiny sizes, so that it does not rot. Nothing here asserts how long anything took."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import __main__ as bench
from benchmarks import rows as table
from benchmarks.measure import Compared, Cost, command, compare, cost
from benchmarks.rows import FULL, Row, Sizes, rows
from benchmarks.synthetic import DUPLICATES, records, write_pubmed
from benchmarks.work import TASKS
from curation.dedupe import find_duplicates

TINY = Sizes(sample=6, dedupe=((40, 0.3),), records=20, studies=1, screened=40)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bench")


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Preparation without a process of its own: starting Python is most of what these tests would take."""

    def prepare(arguments: list[str]) -> Cost:
        _, _, module, name, *rest = arguments
        assert module == "benchmarks.work"
        return Cost(*TASKS[name](*rest)[:1], 0.0)

    monkeypatch.setattr(table, "cost", prepare)


def tiny(work: Path) -> list[Row]:
    return list(rows(work, TINY, real=work / "absent.xml.gz"))


def test_every_task_of_every_row_runs(work: Path) -> None:
    counts = {}
    for row in tiny(work):
        row.prepare()
        for arguments in filter(None, (row.subject, row.peer)):
            if "benchmarks.work" in arguments:
                name, *rest = arguments[3:]
                seconds, counts[name] = TASKS[name](*rest)
                assert seconds >= 0
    assert {name: counts[name] for name in ("parse", "entrez", "dedupe", "glmm", "boxes", "verify")} == {
        "parse": 6, "entrez": 6, "dedupe": 40, "glmm": 13, "boxes": counts["boxes"], "verify": 0,
    }  # fmt: skip
    assert counts["boxes"] >= TINY.screened
    assert (work / "review/site/index.html").exists()


def test_a_whole_file_is_sampled_evenly(work: Path) -> None:
    real, sample = work / "real.xml.gz", work / "sample.xml.gz"
    write_pubmed(real, 30)
    assert TASKS["take_sample"](str(real), str(sample), "6")[1] == 6
    assert TASKS["parse"](str(sample))[1] == TASKS["entrez"](str(sample))[1] == 6
    named = [row for row in rows(work, TINY, real=real) if str(real) in row.subject]
    assert [row.name for row in named] == ["PubMed XML, a whole NLM file"]


def test_made_up_records_are_the_same_each_time_and_their_copies_are_found_among_what_is_alike() -> None:
    made = list(records(600, abstracts=False))
    assert made == list(records(600, abstracts=False))
    copies = {record.id for record in made if record.source == "embase"}
    assert 0.5 * DUPLICATES < len(copies) / len(made) < 1.5 * DUPLICATES
    found = {duplicate.record for duplicate in find_duplicates(made) if duplicate.certain}
    assert len(copies & found) / len(copies) > 0.8
    firsts = [record.title.split()[0].lower() for record in made]
    assert len(set(firsts)) < 0.8 * len(firsts), "no first word would be shared: blocking would be trivial"


def test_subject_and_peer_are_measured_in_turn() -> None:
    found = compare(command("-c", "pass"), command("-c", "sum(range(10**6))"), 1)
    assert found.peer is not None
    assert found.ratio == pytest.approx(found.peer.seconds / found.subject.seconds)
    assert 1 < found.subject.megabytes < 10_000
    told = cost(command("-m", "benchmarks.work", "dedupe", "5"))
    assert told.count == 5
    with pytest.raises(RuntimeError, match=r"exit 3: no$"):
        cost(command("-c", "import sys; print('no', file=sys.stderr); sys.exit(3)"))


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
    ],
)
def test_a_line_says_whether_the_budget_is_met(work: Path, name: str, found: Compared, word: str) -> None:
    write_pubmed(work / "real.xml.gz", 2)
    row = next(row for row in rows(work, FULL, real=work / "real.xml.gz") if name in row.name)
    assert re.search(rf" {word}$", bench.line(row, found))
    assert row.budget in bench.line(row, found)


def test_rows_are_chosen_by_a_word_and_what_is_left_out_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    bench.main(["--runs", "1", "verify", "import analysis"], replace(TINY, screened=0))
    heading, imported, verified = capsys.readouterr().out.splitlines()
    assert heading.split() == ["what", "CPU", "peer", "peer/us", "budget", "met?"]
    assert imported.startswith("import analysis.pooling")
    assert verified.endswith("not measured: only with --full")
