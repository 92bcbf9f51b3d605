"""`lsr dedupe` and `lsr show`: files with their evidence and queue; in a review the list, the answers, the walk."""

from __future__ import annotations

import csv
import io
import json
import re
from itertools import permutations
from pathlib import Path

import pytest

from db.duplicates import queue
from db.records import RunNote, store_run
from db.verify import verify
from lsr.workflow.folder import open_review
from lsr.workflow.settle import settle
from tests.conftest import Command
from tests.scene import A, B, searched
from tests.test_duplicates import DOUBT, article

HEADING = "id,title,author,year,journal,volume,pages,doi\n"
TITLE = "Infusion of engineered cells in adults with relapsed disease"
ROWS = {
    "a": f'a,{TITLE},"Adeli, K and Lewis, G",2020,Blood,12,100-110,10.1000/a\n',
    "b": f'b,{TITLE.upper()},"Adeli, Khosrow",2020,Blood,12,100-110,10.1000/A\n',
    "c": f'c,{TITLE},"Adeli, K and Lewis, G",2020,Blood,12,100-110,10.1000/c\n',
    "d": 'd,Something else entirely on another matter,"Tan, Y",2020,Blood,12,7,\n',
}


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"), newline="")))


def groups(path: Path) -> set[frozenset[str]]:
    found: dict[str, set[str]] = {}
    for row in rows(path):
        found.setdefault(row["cluster"], set()).add(row["id"])
    return {frozenset(group) for group in found.values()}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "records.csv"
    path.write_text(HEADING + "".join(ROWS.values()))
    return path


def test_the_fullest_record_is_kept_an_abstract_counts(lsr: Command, tmp_path: Path) -> None:
    same = f'{TITLE},"Adeli, K",2020,Blood,12,100-110,10.1000/a'
    (tmp_path / "t.csv").write_text(f"{HEADING[:-1]},abstract\na,{same},\nb,{same},Made-up text\n")
    assert lsr("dedupe", tmp_path / "t.csv", "--out", tmp_path / "out.csv").code == 0
    assert [(row["id"], row["kept"]) for row in rows(tmp_path / "out.csv")] == [("a", "no"), ("b", "yes")]


@pytest.fixture
def folder(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A review with two pairs in doubt, and a report of two records."""
    made = searched(tmp_path_factory, tmp_path / "review")
    other = "Late effects among long-term survivors of a transplant in childhood"
    found = [
        *DOUBT, article("embase", native_id="5", doi="10.1/a", abstract="A text."),
        article("pubmed", native_id="7", title=other, doi="10.1/x", pages="1-9"),
        article("crossref", native_id="7", title=other, doi="10.1/y", pages="1-9"),
    ]  # fmt: skip
    with open_review(made) as opened, opened.review.transaction():
        run = store_run(opened.review, RunNote("mixed", "databases", "q", "2026-11-17T06:00:00Z", None), found)
        settle(opened, run.new)
    return made


# Files --------------------------------------------------------------------------------------------------------------


def test_each_merge_has_its_evidence_and_each_doubt_its_row(lsr: Command, table: Path, tmp_path: Path) -> None:
    ran = lsr("dedupe", table, "--out", tmp_path / "out.csv", "--queue", tmp_path / "queue.csv", "--json")
    told = json.loads(ran.out)
    assert {name: told[name] for name in ("records", "publications", "duplicates", "in_doubt")} == {
        "records": 4, "publications": 3, "duplicates": 1, "in_doubt": 1,
    }  # fmt: skip
    a, b, c, d = rows(tmp_path / "out.csv")
    assert (a["cluster"], b["cluster"], c["cluster"], d["cluster"]) == ("a", "a", "c", "d")
    assert (b["same_as"], b["evidence"]) == ("a", "same DOI 10.1000/a")
    assert [row["kept"] for row in (a, b, c, d)] in (["yes", "no", "yes", "yes"], ["no", "yes", "yes", "yes"])
    (doubt,) = rows(tmp_path / "queue.csv")
    assert {doubt["a"], doubt["b"]} & {"c"}
    assert "different DOIs" in doubt["evidence"]
    assert (doubt["title_a"].lower(), doubt["pages_b"], doubt["decision"]) == (TITLE.lower(), "100-110", "")


@pytest.mark.parametrize(("decision", "expected"), [("same", {"abc", "d"}), ("different", {"ab", "c", "d"})])
def test_a_filled_queue_is_read_back(
    lsr: Command, table: Path, tmp_path: Path, decision: str, expected: set[str]
) -> None:
    sheet, to = tmp_path / "queue.csv", tmp_path / "out.csv"
    assert lsr("dedupe", table, "--queue", sheet).code == 0
    assert not to.exists()
    lines = sheet.read_text("utf-8-sig").splitlines()
    sheet.write_text("\n".join([lines[0], f"{lines[1]}{decision}"]))
    again = tmp_path / "again.csv"
    ran = lsr("dedupe", table, "--out", to, "--decisions", sheet, "--queue", again, "--json")
    assert {"".join(sorted(group)) for group in groups(to)} == expected
    assert (json.loads(ran.out)["decided"], rows(again)) == (1, [])
    if decision == "same":
        assert any(row["evidence"] == "decided: the same (row 2)" for row in rows(to))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a,b,decision\na,zz,same\n", 'row 2, column b: no record "zz"'),
        ("a,b,decision\na,a,same\n", "row 2, column b: the same record"),
        ("a,b,decision\na,b,maybe\n", "row 2, column decision"),
        ("a,b\na,b\n", "no column decision"),
        ("a,b,decision\na,b,same\nb,a,different\n", "row 3, column decision: row 2 says same"),
        ("a,b,decision\na,b,same\nb,c,same\na,c,different\n", "are to be the same, and by other rows to be different"),
        ("", "no column"),
        ("a,b,decision\n\x00\xff", ""),
    ],
)
def test_a_wrong_sheet_changes_nothing(lsr: Command, table: Path, tmp_path: Path, text: str, fault: str) -> None:
    sheet, to = tmp_path / "queue.csv", tmp_path / "out.csv"
    to.write_text("before")
    sheet.write_bytes(text.encode("latin-1"))
    ran = lsr("dedupe", table, "--out", to, "--decisions", sheet)
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert fault in ran.err
    assert to.read_text() == "before"


def test_the_order_of_rows_and_files_does_not_change_the_clusters(lsr: Command, tmp_path: Path) -> None:
    found = set()
    for order in list(permutations(ROWS))[::5]:
        path = tmp_path / "t.csv"
        path.write_text(HEADING + "".join(ROWS[name] for name in order))
        assert lsr("dedupe", path, "--out", tmp_path / "out.csv").code == 0
        found.add(frozenset(groups(tmp_path / "out.csv")))
    assert found == {frozenset({frozenset("ab"), frozenset("c"), frozenset("d")})}
    ris = "TY  - JOUR\nTI  - {}\nAU  - Adeli, K\nPY  - 2020\nJO  - Blood\nVL  - 12\nSP  - 100-110\nDO  - {}\nER  - \n"
    for name, doi in (("x", "10.1000/a"), ("y", "10.1000/c"), ("z", "10.1000/a")):
        (tmp_path / f"{name}.ris").write_text(ris.format(TITLE, doi))
    partitions = set()
    for order in permutations("xyz"):
        files = [tmp_path / f"{name}.ris" for name in order]
        assert lsr("dedupe", *files, "--out", tmp_path / "out.csv").code == 0
        partitions.add(frozenset(groups(tmp_path / "out.csv")))
        assert rows(tmp_path / "out.csv")[0]["id"] == f"{order[0]}.ris:1", "rows stand in the order of the files"
    assert partitions == {frozenset({frozenset({"x.ris:1", "z.ris:1"}), frozenset({"y.ris:1"})})}


def test_no_cell_is_run_by_a_spreadsheet(lsr: Command, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    title = "=cmd|' /C calc'!A0 a title that is long enough to tell"
    for name, doi in (("=1+1", "10.1000/a"), ("@x", "10.1000/c")):
        text = f'{name},"{title}","Adeli, K and Lewis, G",2020,Blood,12,100-110,{doi}\n'
        path.write_text((path.read_text() if path.exists() else HEADING) + text)
    sheet = tmp_path / "queue.csv"
    assert lsr("dedupe", path, "--out", tmp_path / "out.csv", "--queue", sheet).code == 0
    for written in (sheet, tmp_path / "out.csv"):
        cells = [cell for row in csv.reader(io.StringIO(written.read_text("utf-8-sig"), newline="")) for cell in row]
        assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@")]
    lines = sheet.read_text("utf-8-sig").splitlines()
    sheet.write_text("\n".join([lines[0], f"{lines[1]}same"]))
    assert lsr("dedupe", path, "--out", tmp_path / "out.csv", "--decisions", sheet).code == 0
    assert len(groups(tmp_path / "out.csv")) == 1, "the ids of the sheet are read without their apostrophes"


@pytest.mark.parametrize(("text", "count"), [(HEADING, 0), (HEADING + ROWS["a"], 1)])
def test_no_record_and_one_record(lsr: Command, tmp_path: Path, text: str, count: int) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    ran = lsr("dedupe", path, "--out", tmp_path / "out.csv", "--queue", tmp_path / "queue.csv", "--json")
    if ran.code:
        assert (count, ran.err.count("\n")) == (0, 1)
        return
    assert json.loads(ran.out)["records"] == len(rows(tmp_path / "out.csv")) == count
    assert rows(tmp_path / "queue.csv") == []


# In a review --------------------------------------------------------------------------------------------------------


def names(lsr: Command, folder: Path) -> list[str]:
    return [pair["pair"] for pair in json.loads(lsr("dedupe", "--json", "-R", folder).out)]


def test_the_queue_is_listed_counted_and_shown(lsr: Command, folder: Path) -> None:
    first, second = names(lsr, folder)
    listed = lsr("dedupe", "-R", folder)
    assert first in listed.out
    assert second in listed.out
    assert "2 pairs of records may be duplicates (lsr dedupe)" in lsr("status", "-R", folder).out
    shown = lsr("dedupe", "--show", first, "-R", folder)
    assert shown.out == lsr("dedupe", first, "-R", folder).out
    told = json.loads(lsr("dedupe", first, "--json", "-R", folder).out)
    assert shown.out == lsr("dedupe", told["a"], told["b"], "-R", folder).out
    assert max(map(len, shown.out.splitlines())) <= 80
    doi = next(line for line in shown.out.splitlines() if line.startswith("doi"))
    assert "≠" in doi
    assert "against: different DOIs" in shown.out
    assert next(field for field in told["fields"] if field["field"] == "doi")["agree"] is False
    assert next(field for field in told["fields"] if field["field"] == "pages")["agree"] is True


def test_a_pair_is_answered_undone_and_a_record_parted(lsr: Command, folder: Path) -> None:
    first, *_ = names(lsr, folder)
    told = json.loads(lsr("dedupe", first, "--json", "-R", folder).out)
    answered = json.loads(lsr("dedupe", first, "--same", "--reviewer", A, "--json", "-R", folder).out)
    assert len(answered["reports"]) == 1
    assert len(names(lsr, folder)) == 1
    shown = json.loads(lsr("show", answered["reports"][0], "--json", "-R", folder).out)
    assert {told["a"], told["b"]} <= {record["id"] for record in shown["records"]}
    assert any(pair["decided"] == "same" and pair["by"] == A for pair in shown["pairs"])
    ran = lsr("dedupe", told["a"], told["b"], "--undo", "--reviewer", B, "-R", folder)
    assert "are two reports" in ran.out
    assert len(names(lsr, folder)) == 2
    report = json.loads(lsr("show", "embase:5", "--json", "-R", folder).out)
    assert len(report["records"]) == 2
    assert report["fields"]["abstract"] == "A text."
    assert report["origin"]["abstract"] == ["embase:5"]
    assert report["merges"][0]["evidence"] == "same DOI 10.1/a"
    parting = ("dedupe", report["report"], "--part", "embase:5", "--reviewer", A, "-R", folder)
    refused = lsr(*parting)
    assert (refused.code, "--why" in refused.err) == (1, True)
    assert "are two reports" in lsr(*parting, "--why", "another trial").out
    assert "embase:5 is none of" in lsr("show", "embase:5", "-R", folder).out
    assert (
        "are one report"
        in lsr("dedupe", report["report"], "--part", "embase:5", "--undo", "--reviewer", A, "-R", folder).out
    )
    with open_review(folder) as opened:
        assert verify(opened.review) == []


def test_the_walk_takes_one_key_and_enter(lsr: Command, folder: Path) -> None:
    ran = lsr("dedupe", "--walk", "--reviewer", A, "-R", folder, stdin="x\nz\ny\nz\ny\ns\n")
    assert ran.code == 0
    assert "'x' is no key" in ran.err
    assert "Nothing to undo." in ran.err
    assert "1 pairs answered; 1 await an answer." in ran.err
    assert "0 pairs answered; 1 await" in lsr("dedupe", "--walk", "--reviewer", A, "-R", folder, stdin="q\n").err
    assert "1 pairs answered; 0 await" in lsr("dedupe", "--walk", "--reviewer", A, "-R", folder, stdin="n\n").err
    assert "No pair awaits" in lsr("dedupe", "--walk", "--reviewer", A, "-R", folder, stdin="").err
    with open_review(folder) as opened:
        assert queue(opened.review.connection) == []
        kinds = opened.review.connection.execute("SELECT author, body ->> 'state' FROM entry WHERE kind = 'pair'")
        assert [(who, state) for who, state in kinds if who == A] == [
            (A, "same"), (A, "undone"), (A, "same"), (A, "different"),
        ]  # fmt: skip


def test_the_queue_goes_out_and_comes_back_as_a_sheet(lsr: Command, folder: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "queue.csv"
    assert "2 pairs" in lsr("dedupe", "--queue", sheet, "-R", folder).out
    lines = sheet.read_text("utf-8-sig").splitlines()
    sheet.write_text("\n".join([lines[0], *(f"{line}different" for line in lines[1:])]))
    ran = lsr("dedupe", "--decisions", sheet, "--reviewer", A, "-R", folder)
    assert "2 decisions entered: 0 the same, 2 different" in ran.out
    assert names(lsr, folder) == []
    again = lsr("dedupe", "--decisions", sheet, "--reviewer", A, "--json", "-R", folder)
    assert json.loads(again.out) == []


@pytest.mark.parametrize(
    "words",
    [
        ("--out", "x.csv"), ("a", "b", "--same", "--different"), ("--walk", "--undo"), ("a", "b", "--part", "c"),
    ],
)  # fmt: skip
def test_wrong_usage_exits_2(lsr: Command, folder: Path, words: tuple[str, ...]) -> None:
    ran = lsr("dedupe", *words, "--reviewer", A, "-R", folder)
    assert (ran.code, ran.out) == (2, "")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("deadbeef", "--same"), "no pair"), (("--same",), "name a pair"), (("nothing", "nowhere"), "no report"),
        (("pubmed:1", "pubmed:1", "--same"), "one record"), (("a", "b", "c"), "name a pair"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_said_in_a_line(lsr: Command, folder: Path, words: tuple[str, ...], why: str) -> None:
    ran = lsr("dedupe", *words, "--reviewer", A, "-R", folder)
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert why in ran.err
    unknown = lsr("dedupe", "pubmed:1", "crossref:1", "--same", "--reviewer", "nobody", "-R", folder)
    assert (unknown.code, "unknown person" in unknown.err) == (1, True)


def test_the_page_on_duplicates_explains_every_option(lsr: Command) -> None:
    page = (Path(__file__).parents[1] / "docs" / "duplicates.md").read_text("utf-8")
    options = set(re.findall(r"(--[a-z]+)", lsr("dedupe", "--help").out)) - {
        "--help",
        "--json",
        "--review",
        "--reviewer",
    }
    assert len(options) == 10
    assert [option for option in sorted(options) if option not in page] == []
