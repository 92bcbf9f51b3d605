"""`lsr import` and `lsr dedupe` with files of every kind: what is stored, what is said, and what a bad file changes."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from db import queries
from db.records import all_records
from db.verify import verify
from lsr.workflow.folder import open_review
from tests.conftest import Command
from tests.test_files_formats import DIALECTS, HERE
from tests.test_wrong_input import refused, state


def runs(folder: Path) -> list[tuple[str, str, int, tuple[tuple[str, str], ...]]]:
    with open_review(folder) as found:
        log = queries.runs(found.review.connection)
        return [(run.source, run.arm, run.hits, run.log) for run in log if run.source != "previous"]


def stored(folder: Path) -> list[str]:
    with open_review(folder) as found:
        return [r.id for _, r in all_records(found.review.connection) if r.source != "previous"]


@pytest.mark.parametrize(("name", "source", "arm"), [
    ("ovid_embase.ris", "embase", "databases"), ("scopus.csv", "scopus", "databases"),
    ("ictrp.xml", "ictrp", "registers"), ("isrctn.csv", "isrctn", "registers"), ("ctgov.csv", "ctgov", "registers"),
    ("zotero.bib", "file", "databases"),
])  # fmt: skip
def test_a_file_is_a_run_of_its_source(name: str, source: str, arm: str, lsr: Command, review_folder: Path) -> None:
    ran = lsr("import", HERE / name, "--review", review_folder)
    assert ran.code == 0, ran.err
    ((found, found_arm, hits, _),) = runs(review_folder)
    assert (found, found_arm, hits) == (source, arm, DIALECTS[name][6])
    assert all(record.startswith(f"{source}:") for record in stored(review_folder))


def test_the_source_can_be_named(lsr: Command, review_folder: Path) -> None:
    assert lsr("import", HERE / "ictrp.xml", "--source", "chictr", "--review", review_folder).code == 0
    assert runs(review_folder)[0][:2] == ("chictr", "registers")
    assert stored(review_folder)[0] == "chictr:ChiCTR2000000001"
    assert lsr("import", HERE / "ictrp.xml", "--source", "Chi CTR", "--review", review_folder).code == 2


@pytest.mark.parametrize("date", ["2026-02-30", "2026-13-01", "9999-01-01", "20261120", "x"])
def test_a_day_that_is_none_or_has_not_begun_is_refused(date: str, lsr: Command, review_folder: Path) -> None:
    """It would stand in the search log for good, and no file of the source would ever be overdue."""
    ran = lsr("import", HERE / "ictrp.xml", "--date", date, "--review", review_folder)
    assert (ran.code, runs(review_folder)) == (2, [])
    assert "--date takes a day that has begun" in " ".join(ran.err.split())


def test_a_pubmed_record_in_any_format_is_the_one_that_the_harvest_has(
    lsr: Command, review_folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("PMID,Title,DOI\n10000001,A synthetic title,10.9999/nbib.1\n")
    assert lsr("import", HERE / "pubmed.nbib", "--review", review_folder).code == 0
    ran = lsr("import", path, "--source", "pubmed", "--review", review_folder, "--json")
    assert json.loads(ran.out)["runs"][0]["new"] == []
    assert stored(review_folder) == ["pubmed:10000001", "pubmed:10000002"]


def test_every_dialect_at_once_and_once_again_brings_nothing_new(lsr: Command, review_folder: Path) -> None:
    files = [HERE / name for name in sorted(DIALECTS)]
    assert lsr("import", *files, "--review", review_folder).code == 0
    first = stored(review_folder)
    ran = lsr("import", *reversed(files), "--review", review_folder, "--json")
    assert [run["new"] for run in json.loads(ran.out)["runs"]] == [[]] * len(files)
    assert stored(review_folder) == first
    with open_review(review_folder) as found:
        assert verify(found.review) == []


def test_rows_that_were_not_imported_are_named_counted_and_logged(
    lsr: Command, review_folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("title,year\nA,2020\n" + ",2020\n" * 7 + "B,2021\nB,2021\n")
    ran = lsr("import", path, "--review", review_folder)
    assert ran.code == 0
    assert "a.csv line 3: no title, abstract or identifier: not imported" in ran.err
    assert ran.err.count("a.csv line") == 5
    assert "7 rows not imported" in ran.err
    assert "1 rows are a record of their own file once more" in ran.err
    ((_, _, hits, log),) = runs(review_folder)
    assert hits == 3
    assert next(line for line in log if line[0] == "not imported") == (
        "not imported", "line 3: no title, abstract or identifier: not imported",
    )  # fmt: skip
    assert sum(name == "not imported" for name, _ in log) == 7
    assert any(name == "repeated in the file, stored once" and "(2 times)" in words for name, words in log)
    told = json.loads(lsr("import", path, "--review", review_folder, "--json").out)
    assert [row["line"] for row in told["not_imported"]] == list(range(3, 10))
    assert told["not_imported"][0]["file"] == "a.csv"
    assert told["repeated"] == 1


def test_a_file_of_many_sources_is_no_ones(lsr: Command, review_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "library.ris"
    entry = "TY  - JOUR\nTI  - {}\nDB  - {}\nAN  - {}\nER  - \n"
    entries = [("A", "Embase", "L600000001"), ("B", "PubMed", "123"), ("C", "ProQuest", "123")]
    path.write_text("".join(entry.format(*one) for one in entries))
    assert lsr("import", path, "--review", review_folder).code == 0
    assert stored(review_folder) == ["file:L600000001", "file:pmid:123", "file:proquest:123"]


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7", b"TY  - JOUR\nER  - \n", b"title,year\n,2020\n", b"PK\x03\x04"])
def test_a_bad_file_among_good_ones_changes_nothing(
    content: bytes, lsr: Command, review_folder: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.file"
    bad.write_bytes(content)
    before = state(review_folder)
    refused(lsr("import", HERE / "scopus.csv", bad, "--review", review_folder), "bad.file")
    assert state(review_folder) == before


def clusters(path: Path) -> dict[str, str]:
    with path.open(encoding="utf-8", newline="") as stream:
        return {row["id"]: row["cluster"] for row in csv.DictReader(stream)}


def test_dedupe_reads_several_files_of_several_formats(lsr: Command, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    ran = lsr("dedupe", HERE / "ictrp.csv", HERE / "ictrp.xml", HERE / "embase.csv", HERE / "embase_rows.csv",
              "--out", out, "--queue", tmp_path / "queue.csv", "--json")  # fmt: skip
    told = json.loads(ran.out)
    assert (told["records"], len(told["not_read"])) == (6, 1)
    found = clusters(out)
    assert set(found) == {"ictrp.csv:1", "ictrp.xml:1", "ictrp.xml:2", "embase.csv:1", "embase_rows.csv:1",
                          "embase_rows.csv:2"}  # fmt: skip
    # One DOI and one place, but other titles: two abstracts may stand under their supplement's DOI. People look.
    with (tmp_path / "queue.csv").open(encoding="utf-8-sig", newline="") as stream:
        assert {"embase.csv:1", "embase_rows.csv:1"} in [{row["a"], row["b"]} for row in csv.DictReader(stream)]
    assert "ictrp.csv line 3: no title" in ran.err


def test_a_table_with_ids_keeps_them(lsr: Command, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("ref,title,year,doi\nx,A study of cells,2020,10.9999/a\ny,A study of cells,2020,10.9999/a\n")
    assert lsr("dedupe", path, "--out", tmp_path / "out.csv").code == 0
    assert set(clusters(tmp_path / "out.csv")) == {"x", "y"}


def test_two_files_of_one_name_are_told_apart(lsr: Command, tmp_path: Path) -> None:
    paths = [tmp_path / folder / "a.ris" for folder in "bc"]
    for path in paths:
        path.parent.mkdir()
        path.write_text("TY  - JOUR\nTI  - A\nER  - \n")
    assert lsr("dedupe", *paths, "--out", tmp_path / "out.csv").code == 0
    assert set(clusters(tmp_path / "out.csv")) == {f"{path}:1" for path in paths}


def test_every_real_export_can_be_imported_twice(lsr: Command, review_folder: Path, shared: Path) -> None:
    from tests.test_files_shared import EXPECTED

    files = [shared / "data/imports" / name for name in EXPECTED]
    first = json.loads(lsr("import", *files, "--review", review_folder, "--json").out)
    assert sum(run["seen"] for run in first["runs"]) == sum(count for count, _, _ in EXPECTED.values())
    again = json.loads(lsr("import", *files, "--review", review_folder, "--json").out)
    assert [run["new"] for run in again["runs"]] == [[]] * len(files)


def test_the_help_names_the_formats(lsr: Command) -> None:
    words = " ".join(lsr("import", "--help").out.replace("│", " ").split())
    for name in ("RIS", "NBIB", "PubMed XML", "BibTeX", "EndNote XML", "xlsx", "Embase", "ICTRP", "ISRCTN", "Rayyan"):
        assert name in words
