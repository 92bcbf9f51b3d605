"""The command line: help, exit codes, what goes to stdout and what to stderr, and that pooling follows every write."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

import analysis.estimation
import analysis.refresh
from lsr.cli import app
from lsr.workflow import judge
from lsr.workflow.folder import open_review
from tests.conftest import Command
from tests.scene import JUDGE, KNOWN, KNOWN_STUDY, REPORTS, A, B, searched, to_full_text, vote

GROUP: Any = typer.main.get_command(app)
COMMANDS = sorted(GROUP.commands)
EXPECTED = ("decide", "dedupe", "demo", "extract", "harvest", "import", "init", "link", "pool", "prisma", "publish",
            "resolve", "run", "screen", "show", "status", "verify")  # fmt: skip
HEAVY = ("pandas", "matplotlib", "scipy", "sqlite_utils", "textual", "requests", "lxml", "jinja2", "Bio")
FIRST = REPORTS[0]


@pytest.fixture
def folder(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return searched(tmp_path_factory, tmp_path / "review")


def process(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    settings = {k: v for k, v in os.environ.items() if not k.startswith("LSR_")} | environment
    return subprocess.run(
        [sys.executable, *map(str, words)], capture_output=True, text=True, env=settings, timeout=120, check=False
    )


def state(folder: Path) -> str:
    """A digest of the ledger."""
    connection = sqlite3.connect(folder / "review.db")
    rows = connection.execute("SELECT hash FROM entry ORDER BY n").fetchall()
    connection.close()
    return hashlib.sha256(repr(rows).encode()).hexdigest()


# Help ------------------------------------------------------------------------------------------------------------


def test_all_commands_are_there_and_listed(lsr: Command) -> None:
    assert set(EXPECTED) <= set(COMMANDS)
    shown = lsr("--help")
    assert shown.code == 0
    for command in COMMANDS:
        assert re.search(rf"^  {command}\b", shown.out, re.MULTILINE), command
    assert lsr("-h").out == shown.out
    assert re.fullmatch(r"lsr \d+\.\d+\.\d+\S*\n", lsr("--version").out)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_an_example_that_parses(lsr: Command, command: str) -> None:
    shown = lsr(command, "--help")
    assert shown.code == 0
    words = shlex.split(" ".join(re.search(r"Example: (.+?)(?:\n\s*\n|\Z)", shown.out, re.DOTALL)[1].split()))  # type: ignore[index]
    assert words[:2] == ["lsr", command]
    assert lsr(*words[1:], "--help").out == shown.out
    context = GROUP.commands[command].make_context(command, words[2:])  # its options and values are what it takes
    assert context.params


def test_every_option_says_what_it_is_for() -> None:
    for name, command in GROUP.commands.items():
        for parameter in command.params:
            assert parameter.help, f"{name} {parameter.name}"


# Imports ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["--help", "status"])
def test_help_and_status_import_nothing_heavy(folder: Path, lsr: Command, command: str) -> None:
    lsr("status", "--review", folder)  # pooled once: the next status reads back
    words = [command] if command == "--help" else [command, "--review", str(folder)]
    ran = process(
        "-c",
        "import sys\nfrom lsr.__main__ import main\nsys.argv = ['lsr', *sys.argv[1:]]\ntry:\n    main()\nfinally:\n"
        f"    print(sorted({{m.split('.')[0] for m in sys.modules}} & set({HEAVY})), file=sys.stderr)",
        *words,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.strip().splitlines()[-1] == "[]"
    assert ran.stdout


# Output ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ("status",), ("status", "--list"), ("pool",), ("pool", "--explain", "cr"), ("pool", "--check"),
        ("pool", "--force"), ("pool", "--reproduce"), ("prisma",), ("verify",), ("link",), ("link", "--studies"),
        ("link", FIRST, KNOWN_STUDY, "--accept", "--reviewer", A), ("link", FIRST, "--new", "Own", "--reviewer", A),
        ("extract", "--differences", "--reviewer", JUDGE), ("dedupe",), ("show", FIRST),
        ("extract", "--study", KNOWN_STUDY, "--reopen", "later data", "--reviewer", A),
    ],
    ids=" ".join,
)  # fmt: skip
def test_json_is_all_there_is_on_stdout(lsr: Command, folder: Path, words: tuple[str, ...]) -> None:
    ran = lsr(*words, "--json", "--review", folder)
    assert ran.code == 0, ran
    assert isinstance(json.loads(ran.out), dict | list)
    assert ran.out.isascii()


def test_json_of_files_and_replays(lsr: Command, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("study,events,total\nA,3,9\nB,4,9\nC,8,9\n")
    assert json.loads(lsr("pool", tmp_path / "t.csv", "--json").out)["k"] == 3
    (tmp_path / "r.csv").write_text("id,title,year\n1,A title long enough to tell,2020\n2,Another thing,2021\n")
    ran = lsr("dedupe", tmp_path / "r.csv", "--out", tmp_path / "c.csv", "--json")
    assert json.loads(ran.out) == {
        "decided": 0, "duplicates": 0, "in_doubt": 0, "not_read": [], "publications": 2, "records": 2,
    }  # fmt: skip
    ran = lsr("extract", "--study", KNOWN_STUDY, "--out", tmp_path / "s.csv", "--reviewer", A, "--json", "-R", folder)
    assert json.loads(ran.out) == {"wrote": str(tmp_path / "s.csv"), "sheets": ["outcomes"]}
    svg = lsr("prisma", "--svg", tmp_path / "flow.svg", "--json", "--review", folder)
    assert "arms" in json.loads(svg.out)
    assert svg.err.startswith("Wrote ")
    assert (tmp_path / "flow.svg").read_text("utf-8").startswith("<svg")
    nowhere = lsr("prisma", "--svg", tmp_path / "no" / "flow.svg", "--review", folder)
    assert (nowhere.code, nowhere.out) == (1, "")
    assert "cannot be written" in nowhere.err


def test_errors_go_to_stderr_in_one_line_without_control_characters(lsr: Command, folder: Path) -> None:
    ran = lsr("decide", "no\x1b[2J\nreport", "include", "--reviewer", A, "--review", folder)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("lsr: no report")
    assert {c for c in ran.err if not c.isprintable()} == {"\n"}
    assert ran.err.count("\n") == 1


def test_a_terminal_that_cannot_show_a_dash_still_gets_its_answer(folder: Path) -> None:
    ran = process("-m", "lsr", "pool", "--review", folder, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert ran.returncode == 0, ran.stderr
    assert "cr" in ran.stdout


def test_the_review_may_be_named_by_the_environment(folder: Path) -> None:
    assert process("-m", "lsr", "status", "--json", LSR_REVIEW=str(folder)).returncode == 0


# Faults and interruptions ----------------------------------------------------------------------------------------


def test_a_fault_in_the_program_is_one_line(lsr: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr(judge, "vote", broken)
    before = state(folder)
    ran = lsr("decide", FIRST, "include", "--reviewer", A, "--review", folder)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.count("\n") == 1
    assert "a fault in lsr itself (RuntimeError: two lines)" in ran.err
    assert "LSR_DEBUG=1" in ran.err
    monkeypatch.setenv("LSR_DEBUG", "1")
    with pytest.raises(RuntimeError):
        lsr("decide", FIRST, "include", "--reviewer", A, "--review", folder)
    assert state(folder) == before


def test_ctrl_c_in_the_middle_of_a_write_leaves_the_review_as_it_was(
    lsr: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    before = state(folder)
    monkeypatch.setattr(judge, "_closed", interrupted)  # the vote is written, its transaction still open
    ran = lsr("decide", FIRST, "include", "--reviewer", A, "--review", folder)
    assert (ran.code, ran.out) == (130, "")
    assert ran.err == "lsr: interrupted: nothing half-done was kept\n"
    assert state(folder) == before
    monkeypatch.undo()
    assert lsr("decide", FIRST, "include", "--reviewer", A, "--review", folder).code == 0
    assert state(folder) != before


# Pooling follows -------------------------------------------------------------------------------------------------


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A line for each time that anything is pooled."""
    made: list[str] = []
    real = analysis.estimation.pool_all

    def counted(found: Any, spec: Any) -> dict[str, Any]:
        made.append("pooled")
        return real(found, spec)

    monkeypatch.setattr(analysis.estimation, "pool_all", counted)
    return made


def fingerprint(lsr: Command, folder: Path) -> str:
    """The fingerprint in force; asserts that it had been pooled by whoever changed the data."""
    told = json.loads(lsr("pool", "--json", "--review", folder).out)
    assert told["pooled_again"] is False
    return str(told["fingerprint"])


def test_pooling_follows_every_change_of_the_pool_and_nothing_else(
    lsr: Command, folder: Path, tmp_path: Path, calls: list[str]
) -> None:
    at = ("--review", folder)
    lsr("pool", *at)
    known = [fingerprint(lsr, folder)]

    def does(changes: bool, *words: str | Path, stdin: str | None = None) -> None:
        made = len(calls)
        ran = lsr(*words, *at, stdin=stdin)
        assert ran.code == 0, ran
        assert len(calls) - made == int(changes), words
        known.append(fingerprint(lsr, folder))
        assert (known[-1] != known[-2]) == changes, words
        assert ("pooled again" in ran.err) == changes

    does(False, "status")
    for who in (A, B):  # titles and abstracts pool nothing
        does(False, "decide", FIRST, "include", "--reviewer", who)
    does(False, "screen", "--reviewer", A, stdin="i\ne\nq\n")
    does(False, "decide", FIRST, "--retrieved", "--reviewer", A)
    does(False, "decide", FIRST, "include", "--stage", "full-text", "--reviewer", A)
    does(True, "screen", "--stage", "full-text", "--reviewer", B, stdin="i\n")  # closes: one study more, not extracted
    study = f"study:{FIRST}"
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(f"study,outcome,report,events,total\n{study},cr,{FIRST},6,9\n", "utf-8")
    does(False, "extract", "--sheet", sheet, "--reviewer", A)
    does(True, "extract", "--sheet", sheet, "--reviewer", B)
    does(False, "extract", "--sheet", sheet, "--reviewer", B)
    does(False, "decide", KNOWN, "--stage", "full-text", "--reopen", "retracted", "--reviewer", A)
    exclude = ("decide", KNOWN, "exclude", "--stage", "full-text", "--reason", "X10_retracted", "--reviewer")
    does(False, *exclude, A)
    does(True, *exclude, B)
    does(True, "link", FIRST, study, "--refuse", "--reviewer", A)
    does(True, "link", FIRST, study, "--accept", "--reviewer", A)


def test_a_ruling_pools_too(lsr: Command, folder: Path, calls: list[str]) -> None:
    with open_review(folder) as opened:
        to_full_text(opened, FIRST)
        vote(opened, FIRST, "full-text", "include", "exclude")
    lsr("pool", "--review", folder)
    made = len(calls)
    ran = lsr("resolve", FIRST, "include", "--reviewer", JUDGE, "--review", folder)
    assert ran.out == f"{FIRST}: closed at full-text: include\n"
    assert len(calls) == made + 1
    fingerprint(lsr, folder)


def test_an_interrupted_pooling_is_healed_by_the_next_command(
    lsr: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_review(folder) as opened:
        to_full_text(opened, FIRST)
        vote(opened, FIRST, "full-text", "include")
    lsr("pool", "--review", folder)
    with monkeypatch.context() as patch:
        patch.setattr(analysis.estimation, "pool_all", _interrupt)
        ran = lsr("decide", FIRST, "include", "--stage", "full-text", "--reviewer", B, "--review", folder)
        assert ran.code == 130
    told = json.loads(lsr("pool", "--json", "--review", folder).out)
    assert told["pooled_again"] is True  # the vote stood; the pooling was made up for
    assert any(m["study"] == f"study:{FIRST}" for m in told["estimates"]["cr"]["missing"])
    assert fingerprint(lsr, folder) == told["fingerprint"]


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_stored_estimates_are_read_back_and_checked(lsr: Command, folder: Path, calls: list[str]) -> None:
    first = lsr("pool", "--json", "--review", folder)
    assert json.loads(first.out)["pooled_again"] is (len(calls) == 1)
    made = len(calls)
    for words in (("pool",), ("pool", "--explain", "cr"), ("status",), ("status", "--json")):
        assert lsr(*words, "--review", folder).code == 0
    assert len(calls) == made
    forced = json.loads(lsr("pool", "--force", "--json", "--review", folder).out)
    assert forced["pooled_again"] is True
    assert forced["estimates"] == json.loads(first.out)["estimates"]
    assert len(calls) == made + 1
    connection = sqlite3.connect(folder / "review.db")
    with connection:
        connection.execute("""UPDATE estimate SET body = replace(body, '"tau2":', '"tau2":1')""")
    connection.close()
    ran = lsr("pool", "--check", "--review", folder)
    assert (ran.code, ran.out) == (1, "")
    assert "lsr pool --force" in ran.err
    lsr("pool", "--force", "--review", folder)
    assert lsr("pool", "--check", "--review", folder).code == 0


def test_a_changed_method_of_synthesis_pools_anew(lsr: Command, folder: Path, calls: list[str]) -> None:
    lsr("pool", "--review", folder)
    path = folder / "protocol.toml"
    path.write_text(path.read_text("utf-8").replace("min_studies = 3", "min_studies = 4", 1), "utf-8")
    made = len(calls)
    assert lsr("status", "--review", folder).code == 0
    assert len(calls) == made + 1
    fingerprint(lsr, folder)
