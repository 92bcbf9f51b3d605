"""The commands that the README shows are run, in its order."""

from __future__ import annotations

import csv
import importlib
import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.servers.crossref import CrossrefServer
from tests.servers.ctgov import CtgovServer
from tests.servers.europepmc import EuropePmcServer
from tests.servers.eutils import EutilsServer

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "lsr/templates/cd7-car-t/demo"
README = (ROOT / "README.md").read_text("utf-8")


def shown(heading: str) -> list[list[str]]:
    """The lsr commands of the code blocks under a heading, as words."""
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = re.findall(r"^    (lsr .*)$", section, re.MULTILINE)
    return [shlex.split(line, comments=True) for line in lines]


def test_the_first_screen_says_how_to_begin() -> None:
    first = README.split("\n## ")[0]
    assert re.findall(r"^    (make \w+)", first, re.MULTILINE) == ["make demo", "make test"]
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert re.search(r"^demo:", makefile, re.MULTILINE)
    assert re.search(r"^test:", makefile, re.MULTILINE)


def test_every_picture_and_link_of_the_documents_is_there() -> None:
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "schedules/README.md", "validation/metafor/README.md"):
        text = (ROOT / name).read_text("utf-8")
        for target in re.findall(r"\]\(([^)#]+?)\)", text):
            if "://" not in target:
                assert ((ROOT / name).parent / target).exists(), f"{name}: {target}"


def known_to_europepmc() -> list[dict[str, str]]:
    """The demonstration's known items in Europe PMC's form: a search there must find them."""
    rows = tomllib.loads((DEMO / "script.toml").read_text("utf-8"))["protocol"]
    dois = [doi for row in rows for doi in re.findall(r'"(10\.[^"]+)"', row["instead"])]
    return [{"source": "MED", "id": str(i), "doi": doi, "title": doi} for i, doi in enumerate(dois, 1)]


def test_your_own_review(lsr: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Going live, with the sources' servers on this machine: the same commands, the same code path."""
    commands = shown("Your own review")
    monkeypatch.chdir(tmp_path)
    articles = (DEMO / "corpus/pubmed.xml").read_bytes()
    works = json.loads((DEMO / "corpus/crossref.json").read_text("utf-8"))
    with (
        EutilsServer(articles) as eutils,
        CrossrefServer(works) as crossref,
        EuropePmcServer(known_to_europepmc()) as europepmc,
        CtgovServer([]) as ctgov,
    ):
        first, *others = (command[1:] for command in commands if command[1] in ("init", "harvest", "screen", "status"))
        assert lsr(*first).code == 0
        monkeypatch.chdir(tmp_path / "my-review")
        path = Path("protocol.toml")
        text = path.read_text("utf-8").replace("person = []", 'person = [{ name = "NAME", roles = ["screener"] }]')
        for row in tomllib.loads((DEMO / "script.toml").read_text("utf-8"))["protocol"]:
            if row["line"].startswith("dois"):  # the composed corpus holds but some of the known items
                text = text.replace(row["line"], row["instead"])
        servers = {"pubmed": eutils, "crossref": crossref, "europepmc": europepmc, "ctgov": ctgov}
        for source, server in servers.items():
            text = text.replace(f'id = "{source}"\n', f'id = "{source}"\nbase_url = "{server.url}"\n', 1)
        path.write_text(text, "utf-8")
        for command in others:
            ran = lsr(*command, stdin="q\n")
            assert ran.code == 0, (command, ran.err)
        listed = lsr("status", "--json")
    assert json.loads(listed.out)["to_vote"]["NAME"]["title-abstract"] > 10


def test_the_commands_that_need_no_review(lsr: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("records.csv").write_text(
        "id,title,author,year,journal,doi\n"
        "a,A living review of made-up therapy in adults,\"Li, S and Hu, Y\",2023,Blood,10.1/x\n"
        "b,A Living Review of Made-Up Therapy in Adults.,\"Li, Shiqi and Hu, Yong\",2023,Blood,10.1/X\n"
        "c,Something else about another matter entirely,\"Tan, Y\",2022,Leukemia,10.1/y\n"
    )  # fmt: skip
    Path("table.csv").write_text("study,events,total\nA,7,8\nB,11,12\nC,17,20\nD,4,5\n")
    Path("patients.csv").write_text("study,time,event\nA,3,1\nA,9,0\nB,6,1\nB,14,0\n")
    Path("trials.csv").write_text("study,ai,n1i,ci,n2i\nA,7,18,9,20\nB,1,12,3,11\n")
    told = {}
    names = ("dedupe", "pool", "survival")
    for command in (words for words in shown("Your own review") if words[1] in names and len(words) > 2):
        ran = lsr(*command[1:])
        assert ran.code == 0, (command, ran.err)
        told[command[2]] = ran.out
    with Path("clusters.csv").open(newline="") as stream:
        clusters = {row["id"]: row["cluster"] for row in csv.DictReader(stream)}
    assert clusters["a"] == clusters["b"] != clusters["c"]
    assert json.loads(told["table.csv"])["models"]["glmm-logit"]["k"] == 4
    assert "risk ratio" in told["trials.csv"]
    assert json.loads(told["patients.csv"])["n"] == 4


def test_what_the_pooling_says(lsr: Command, review_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(review_folder)
    commands = shown("What the pooling says, and how to check it")
    assert len(commands) == 5
    for command in commands:
        ran = lsr(*command[1:])
        assert ran.code == 0, (command, ran.err)
    assert Path("pooling.R").stat().st_size > 0


CLAIMS = {  # what the README says of the harvest, and where it is shown
    "One that fails keeps nothing, does not stop the others, and the command exits 1":
        "test_harvest_command.test_one_source_that_fails_does_not_stop_the_others",
    "show the failure until a later search repairs it":
        "test_search_runs.test_a_failing_source_leaves_nothing_and_the_next_run_repairs_it",
    "it fails until a person has looked at it":
        "test_search_runs.test_a_dropped_phrase_fails_the_first_run_until_a_person_accepts_it",
    "otherwise it has failed and says what is missing": "test_failed_runs.test_loud_and_repaired",
    "Killed at any moment": "test_killed.test_killed_after_every_single_request",
    "Two runs at once lose nothing, double nothing and share one pace":
        "test_two_at_once.test_two_processes_on_one_review",
    "pools nothing and changes no page but the search log": "test_idle_week.test_an_idle_week",
    "Each of the 47 bad inputs": "test_faults.test_a_fault_has_tests_named_after_it",
    "they are in no file, no log and no error": "test_secrets.test_after_a_run_that_failed",
}  # fmt: skip


def test_each_claim_about_the_harvest_has_its_test() -> None:
    text = " ".join(README.split())
    for claim, where in CLAIMS.items():
        module, name = where.split(".")
        assert claim in text
        assert callable(getattr(importlib.import_module(f"tests.{module}"), name))


def test_every_command_the_readme_names_exists(lsr: Command) -> None:
    for name in set(re.findall(r"`?lsr ([a-z]+)", README)) - {"does"}:
        assert lsr(name, "--help").code == 0, name
