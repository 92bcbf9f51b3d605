"""Extraction by sheets through the command line: two people, blind, then agreement or an adjudicator's ruling."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from db import data
from lsr.workflow.folder import open_review
from tests.conftest import Command, Ran
from tests.scene import BOTH, JUDGE, REPORTS, A, B, C, include, searched

REPORT = REPORTS[0]
STUDY = f"study:{REPORT}"
Filled = dict[str, tuple[str, str, str]]  # outcome: status, events, total


@pytest.fixture
def folder(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = searched(tmp_path_factory, tmp_path / "review")
    with open_review(made) as opened:
        include(opened, REPORT)
    return made


@pytest.fixture
def extract(lsr: Command, folder: Path) -> Callable[..., Ran]:
    return lambda who, *words: lsr("extract", "--reviewer", who, *words, "--review", folder)


@pytest.fixture
def fill(extract: Callable[..., Ran], tmp_path: Path) -> Callable[..., Ran]:
    """The empty sheet taken out, filled as said, and read in."""

    def filled(who: str, cells: Filled, *words: str, **others: str) -> Ran:
        empty, sheet = tmp_path / "empty.csv", tmp_path / f"{who}.csv"
        if not empty.exists():
            assert extract(who, "--study", STUDY, "--out", empty).code == 0
        with empty.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
        for row in rows:
            if row["outcome"] in cells:
                row["status"], row["events"], row["total"] = cells[row["outcome"]]
                row |= others
        with sheet.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)
        return extract(who, "--sheet", sheet, *words, "--json")

    return filled


def told(ran: Ran) -> tuple[int, int, int]:
    assert ran.code == 0, ran
    counts = json.loads(ran.out)
    return counts["entered"], counts["unchanged"], counts["conflicts"]


def cells(folder: Path) -> dict[str, tuple[str, int | None, int | None]]:
    with open_review(folder) as opened:
        found = data.cells(opened.review.connection)
    return {c.outcome: (c.status, c.events, c.total) for c in found if c.study == STUDY}


def pooled(lsr: Command, folder: Path, outcome: str) -> tuple[int, int] | None:
    body = json.loads(lsr("pool", "--explain", outcome, "--json", "--review", folder).out)
    return next(((row["events"], row["total"]) for row in body["rows"] if row["study"] == STUDY), None)


def test_the_sheet_that_goes_out_is_empty_and_reads_back_as_nothing(
    extract: Callable[..., Ran], folder: Path, tmp_path: Path
) -> None:
    sheet = tmp_path / "sheet.csv"
    assert extract(A, "--study", STUDY, "--out", sheet).code == 0
    with sheet.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {(row["study"], row["report"]) for row in rows} == {(STUDY, REPORT)}
    assert {row["status"] + row["events"] + row["total"] for row in rows} == {""}
    assert {"cr", "crs_any", "nrm"} <= {row["outcome"] for row in rows}
    assert "os" not in {row["outcome"] for row in rows}  # a curve is no proportion
    assert told(extract(A, "--sheet", sheet, "--json")) == (0, 0, 0)
    assert cells(folder) == {}


def test_what_two_agree_on_is_in_force_and_pooled(lsr: Command, fill: Callable[..., Ran], folder: Path) -> None:
    both: Filled = {"cr": ("", "6", "9"), "icans_any": ("none", "", "9"), "orr": ("silent", "", "")}
    assert told(fill(A, both)) == (3, 0, 0)
    assert cells(folder) == {}
    status = json.loads(lsr("status", "--json", "--review", folder).out)
    assert status["extractions_awaiting_second"] == 3
    second = fill(B, both)
    assert told(second) == (3, 0, 0)
    assert "pooled again" in second.err
    assert cells(folder) == {"cr": ("reported", 6, 9), "icans_any": ("none", 0, 9), "orr": ("silent", None, None)}
    assert pooled(lsr, folder, "cr") == (6, 9)
    assert pooled(lsr, folder, "icans_any") == (0, 9)
    assert pooled(lsr, folder, "orr") is None  # silence is not zero


def test_the_same_sheet_twice_enters_nothing(fill: Callable[..., Ran], folder: Path) -> None:
    said: Filled = {"cr": ("", "6", "9"), "orr": ("silent", "", "")}
    assert told(fill(A, said)) == (2, 0, 0)
    assert told(fill(A, said)) == (0, 2, 0)
    assert told(fill(B, said)) == (2, 0, 0)
    for who in (A, B):  # after the cells have closed, too
        assert told(fill(who, said)) == (0, 2, 0)


def test_a_change_is_free_until_the_second_is_in(fill: Callable[..., Ran], folder: Path) -> None:
    assert told(fill(A, {"cr": ("", "6", "9")})) == (1, 0, 0)
    assert told(fill(A, {"cr": ("", "7", "9")})) == (1, 0, 0)
    assert told(fill(B, {"cr": ("", "7", "9")})) == (1, 0, 0)
    assert cells(folder) == {"cr": ("reported", 7, 9)}
    refused = fill(A, {"cr": ("", "8", "9"), "orr": ("", "8", "9")})
    assert refused.code == 1
    assert "--reopen WHY" in refused.err
    assert fill(C, {"cr": ("", "7", "9")}).code == 1  # nor does a third person extract what is closed
    assert "orr" not in cells(folder)
    with open_review(folder) as opened:
        assert len(data.extraction_states(opened.review.connection)) == 1  # the sheet's other row went in neither


def test_differences_go_to_an_adjudicator_who_extracted_neither(
    lsr: Command, fill: Callable[..., Ran], extract: Callable[..., Ran], folder: Path
) -> None:
    fill(A, {"cr": ("", "6", "9"), "orr": ("", "8", "9")})
    assert told(fill(BOTH, {"cr": ("", "7", "9"), "orr": ("", "8", "9")})) == (2, 0, 1)
    assert pooled(lsr, folder, "cr") is None
    shown = json.loads(extract(JUDGE, "--differences", "--json").out)["outcomes"]
    assert [(v["outcome"], v["extractor"], v["events"]) for v in shown] == [("cr", A, 6), ("cr", BOTH, 7)]
    for who in (A, B):
        assert extract(who, "--differences").code == 1
    own = fill(BOTH, {"cr": ("", "7", "9")}, "--resolve")
    assert own.code == 1
    assert "never one of the two" in own.err
    assert "no adjudicator" in fill(B, {"cr": ("", "7", "9")}, "--resolve").err
    assert "do not differ" in fill(JUDGE, {"orr": ("", "9", "9")}, "--resolve").err
    ruled = fill(JUDGE, {"cr": ("", "5", "9")}, "--resolve")
    assert told(ruled) == (1, 0, 0)
    assert "pooled again" in ruled.err
    assert pooled(lsr, folder, "cr") == (5, 9)
    assert told(fill(JUDGE, {"cr": ("", "5", "9")}, "--resolve")) == (0, 1, 0)
    assert fill(JUDGE, {"cr": ("", "4", "9")}, "--resolve").code == 1
    assert pooled(lsr, folder, "cr") == (5, 9)


def test_a_reopened_study_keeps_its_data_until_the_new_round_closes(
    lsr: Command, fill: Callable[..., Ran], extract: Callable[..., Ran], folder: Path
) -> None:
    for who in (A, B):
        fill(who, {"cr": ("", "6", "9"), "orr": ("", "8", "9")})
    assert extract(A, "--study", STUDY, "--reopen", " ").code == 1
    assert "in force" in extract(A, "--study", STUDY, "--reopen", "a later data cut").out
    assert pooled(lsr, folder, "cr") == (6, 9)
    assert told(fill(A, {"cr": ("", "7", "11")})) == (1, 0, 0)
    assert pooled(lsr, folder, "cr") == (6, 9)
    fill(B, {"cr": ("", "7", "11")})
    assert pooled(lsr, folder, "cr") == (7, 11)
    assert pooled(lsr, folder, "orr") == (8, 9)  # nobody extracted it anew


def test_one_cell_has_one_primary_reading_over_all_sheets(fill: Callable[..., Ran], folder: Path) -> None:
    fill(A, {"cr": ("", "6", "9")})
    refused = fill(A, {"cr": ("", "6", "8")}, reading="evaluable only")
    assert refused.code == 1
    assert "cannot both be the primary reading" in refused.err
    assert told(fill(A, {"cr": ("", "6", "8")}, reading="evaluable only", role="alternative")) == (1, 0, 0)


WRONG = {
    "row 2, column events": ("cr", {"events": "six", "total": "9"}),
    "row 2, column total": ("cr", {"events": "6"}),
    "more events than patients": ("cr", {"events": "10", "total": "9"}),
    "column outcome": ("cr", {"outcome": "happiness", "events": "1", "total": "9"}),
    "column study": ("cr", {"study": "study:none", "events": "1", "total": "9"}),
    "column report": ("cr", {"report": REPORTS[1], "events": "1", "total": "9"}),
    "column status": ("cr", {"status": "maybe", "events": "1", "total": "9"}),
    "column role": ("cr", {"role": "reproduction", "events": "1", "total": "9"}),
    "silent has no numbers": ("cr", {"status": "silent", "events": "0", "total": "9"}),
}


@pytest.mark.parametrize("words", WRONG)
def test_a_wrong_sheet_is_refused_whole(extract: Callable[..., Ran], folder: Path, tmp_path: Path, words: str) -> None:
    outcome, wrong = WRONG[words]
    columns = ("study", "outcome", "report", "status", "events", "total", "role")
    good = {"study": STUDY, "outcome": "orr", "report": REPORT, "events": "8", "total": "9"}
    rows = [good | {"outcome": outcome, "events": "", "total": ""} | wrong, good]
    lines = [",".join(columns), *(",".join(row.get(column, "") for column in columns) for row in rows)]
    (tmp_path / "sheet.csv").write_text("\n".join(lines) + "\n", "utf-8")
    ran = extract(A, "--sheet", tmp_path / "sheet.csv")
    assert (ran.code, ran.out) == (1, "")
    assert words in ran.err
    assert ran.err.startswith(f"lsr: {tmp_path / 'sheet.csv'}: nothing entered: row 2, column ")
    with open_review(folder) as opened:
        assert data.extraction_states(opened.review.connection) == []


def test_only_extractors_extract_and_only_included_studies(extract: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text(f"study,outcome,report,events,total\n{STUDY},cr,{REPORT},6,9\n", "utf-8")
    assert "no extractor" in extract(JUDGE, "--sheet", tmp_path / "s.csv").err
    assert "unknown person" in extract("nobody", "--sheet", tmp_path / "s.csv").err
    assert "study:none" in extract(A, "--study", "study:none", "--out", tmp_path / "o.csv").err
    assert extract(A, "--study", STUDY).code == 2
    assert extract(A, "--study", "study:none", "--reopen", "why").code == 1
