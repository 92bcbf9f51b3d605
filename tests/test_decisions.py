"""The decisions sheet: out and in, cell by cell, whole or not at all; read twice, the same; no abstract leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import openpyxl
import pytest

from curation.tables import read_tables
from db.errors import DecisionError, InputError
from db.records import RunNote, store_run
from lsr.workflow import decisions, judge
from lsr.workflow.folder import Open, open_review
from tests.conftest import Command
from tests.scene import JUDGE, RECORDS, REPORTS, SEARCHED, A, B, C, searched, to_full_text, vote

TA: Final = "title-abstract"
FT: Final = "full-text"
KINDS = ("xlsx", "csv")
Fill = Callable[..., Path]


@pytest.fixture
def found(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    with open_review(searched(tmp_path_factory, tmp_path / "review")) as opened:
        yield opened


def rows(path: Path) -> list[dict[str, str]]:
    return [cells for _, cells in read_tables(path)[0].rows]


def fill(path: Path, said: dict[str, tuple[str, str, str]]) -> Path:
    """Verdict, reason and note of some reports, as a person types them."""
    if path.suffix == ".xlsx":
        book = openpyxl.load_workbook(path)
        sheet = book.worksheets[0]
        for row in sheet.iter_rows(min_row=2):
            for cell, text in zip(row[5:8], said.get(str(row[0].value), ("", "", "")), strict=True):
                cell.value = text or None
        book.save(path)
        return path
    lines = path.read_text("utf-8-sig").splitlines()
    for i, line in enumerate(lines):
        report = line.split(",")[0]
        if report in said:
            lines[i] = line.rsplit(",,,,", 1)[0] + "," + ",".join(said[report]) + "," + line.rsplit(",", 1)[1]
    path.write_text("\n".join(lines), "utf-8")
    return path


def own(found: Open, who: str, stage: str = TA) -> dict[str, tuple[str, str | None, str]]:
    items = [judge.item(found, report, stage) for report in REPORTS]  # type: ignore[arg-type]
    return {i.report: (v.verdict, v.reason, v.note) for i in items for v in i.votes if v.reviewer == who}


@pytest.mark.parametrize("kind", KINDS)
def test_a_sheet_goes_out_is_filled_and_comes_in(found: Open, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"sheet.{kind}"
    judge.vote(found, REPORTS[0], TA, A, "include")
    assert decisions.write(found, path, TA, A) == 7
    assert [row["report"] for row in rows(path)] == list(REPORTS[1:])
    assert rows(path)[0]["title"] == RECORDS[1].title
    fill(path, {REPORTS[1]: ("exclude", "X01_not_primary", "a review"), REPORTS[3]: ("Unsure", "", "")})
    assert decisions.enter(found, path, TA, A) == decisions.Entered(2, 0)
    assert own(found, A) == {
        REPORTS[0]: ("include", None, ""), REPORTS[1]: ("exclude", "X01_not_primary", "a review"),
        REPORTS[3]: ("unsure", None, ""),
    }  # fmt: skip
    assert decisions.enter(found, path, TA, A) == decisions.Entered(0, 2)  # read twice: nothing
    (entries,) = found.review.connection.execute("SELECT count(*) FROM vote").fetchone()
    assert entries == 3


def test_a_workbook_has_drop_downs_and_no_abstract(found: Open, tmp_path: Path) -> None:
    to_full_text(found, REPORTS[0])
    decisions.write(found, tmp_path / "s.xlsx", FT, A)
    book = openpyxl.load_workbook(tmp_path / "s.xlsx")
    places = {str(r.sqref)[:2]: r.formula1 for r in book.worksheets[0].data_validations.dataValidation}
    listed = {cell: [c.value for (c,) in book["lists"][place[len("lists!") :]]] for cell, place in places.items()}
    codes = [reason.code for reason in found.spec.reasons if FT in reason.stages]
    assert listed == {"F2": ["include", "exclude", "unsure"], "G2": codes}
    assert not any("Of what" in str(cell.value) for row in book.worksheets[0].iter_rows() for cell in row)


@pytest.mark.parametrize("kind", KINDS)
def test_every_wrong_cell_is_named_and_nothing_is_entered(found: Open, tmp_path: Path, kind: str) -> None:
    for report in REPORTS[:5]:
        to_full_text(found, report)
    path = tmp_path / f"sheet.{kind}"
    decisions.write(found, path, FT, A)
    fill(path, {
        REPORTS[0]: ("include", "", ""), REPORTS[1]: ("perhaps", "", ""), REPORTS[2]: ("exclude", "", ""),
        REPORTS[3]: ("exclude", "X99", ""), REPORTS[4]: ("include", "X02_not_human", ""),
    })  # fmt: skip
    with pytest.raises(InputError) as refused:
        decisions.enter(found, path, FT, A)
    named = (
        'row 3, column verdict: "perhaps" is unknown', "row 4, column reason: an exclusion at full text",
        'row 5, column reason: "X99" is unknown at full-text', "row 6, column reason: a reason is for",
    )  # fmt: skip
    for words in named:
        assert words in str(refused.value), words
    assert own(found, A, FT) == {}


@pytest.mark.parametrize("kind", KINDS)
def test_what_changed_since_is_refused_by_its_row(found: Open, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"sheet.{kind}"
    vote(found, REPORTS[4], TA, "exclude")
    decisions.write(found, path, TA, B)
    fill(path, dict.fromkeys(REPORTS[:6], ("include", "", "")))
    judge.vote(found, REPORTS[1], TA, B, "unsure")  # said otherwise meanwhile
    vote(found, REPORTS[2], TA, "include")
    judge.vote(found, REPORTS[2], TA, C, "include")  # closed without B
    judge.vote(found, REPORTS[4], TA, B, "exclude", "X01_not_primary")
    judge.reopen(found, REPORTS[4], TA, A, "a correction")
    with pytest.raises(InputError) as refused:
        decisions.enter(found, path, TA, B)
    text = str(refused.value)
    assert f"row 3, column state: {REPORTS[1]}: changed since" in text
    assert f"row 4, column report: {REPORTS[2]}: has its required votes" in text
    assert f"row 6, column state: {REPORTS[4]}: changed since" in text
    assert "row 2" not in text
    assert own(found, B) == {REPORTS[1]: ("unsure", None, "")}


def test_the_sheet_of_an_author_leaves_out_the_own_report(found: Open, tmp_path: Path) -> None:
    people = tuple(replace(p, author_names=("Family1 N",)) if p.name == A else p for p in found.spec.persons)
    own = Open(found.review, replace(found.spec, persons=people))
    assert decisions.write(own, tmp_path / "sheet.csv", TA, A) == 7
    assert REPORTS[0] not in [row["report"] for row in rows(tmp_path / "sheet.csv")]


def test_a_sheet_of_another_person_or_stage_is_refused(found: Open, tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    decisions.write(found, path, TA, A)
    fill(path, {REPORTS[0]: ("include", "", "")})
    with pytest.raises(InputError, match="another reviewer or stage"):
        decisions.enter(found, path, TA, B)
    with pytest.raises(DecisionError, match="screener"):
        decisions.enter(found, path, TA, JUDGE)
    with pytest.raises(DecisionError, match="screener"):
        decisions.write(found, path, TA, JUDGE)


@pytest.mark.parametrize("kind", KINDS)
def test_a_formula_is_text(found: Open, tmp_path: Path, kind: str) -> None:
    nasty = '=HYPERLINK("http://x")\x00\x1b[2J\u202e'
    record = replace(RECORDS[0], native_id="1", pmid="", title=nasty, journal="@SUM(A1)")
    with found.review.transaction():
        store_run(found.review, RunNote("pubmed", "databases", "q", SEARCHED, None), (record,))
    path = tmp_path / f"sheet.{kind}"
    decisions.write(found, path, TA, A)
    row = next(row for row in rows(path) if row["report"] == "pubmed:1")
    assert row["title"].startswith("=HYPERLINK")
    assert row["journal"] == "@SUM(A1)"
    if kind == "xlsx":
        sheet = openpyxl.load_workbook(path).worksheets[0]
        cells = {cell.data_type for cells in sheet.iter_rows() for cell in cells if cell.value is not None}
        assert cells == {"s"}
    else:
        assert "'=HYPERLINK" in path.read_text("utf-8-sig")
    book = fill(tmp_path / f"sheet.{kind}", {"pubmed:1": ("include", "", "=1+1")})
    if kind == "xlsx":  # a spreadsheet would have computed it: whoever wrote it meant another text
        with pytest.raises(InputError, match="row 2, column note: holds a formula"):
            decisions.enter(found, book, TA, A)
        return
    decisions.enter(found, book, TA, A)
    assert judge.item(found, "pubmed:1", TA).votes[0].note == "=1+1"


@pytest.mark.parametrize(("name", "content"), [
    ("none.csv", None), ("none.xlsx", None), ("broken.xlsx", b"PK\x03\x04not a zip"), ("latin.csv", b"report,\xff"),
    ("other.csv", b"study,total\n1,2\n"), ("empty.csv", b""), ("twice.csv", b"report,verdict,reason,note,state,note\n"),
])  # fmt: skip
def test_what_is_no_sheet_is_refused(found: Open, tmp_path: Path, name: str, content: bytes | None) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=name):
        decisions.enter(found, path, TA, A)


def test_a_report_stands_in_one_row_only(found: Open, tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    decisions.write(found, path, TA, A)
    fill(path, {REPORTS[0]: ("include", "", "")})
    text = path.read_text("utf-8")
    path.write_text(text + "\n" + text.splitlines()[1] + "\n", "utf-8")
    with pytest.raises(InputError, match="row 10, column report: pubmed:9001 stands in row 2 already"):
        decisions.enter(found, path, TA, A)


def test_the_command_does_the_same(found: Open, tmp_path: Path, lsr: Command) -> None:
    at, path = ("--review", found.review.folder, "--reviewer", A), tmp_path / "sheet.csv"
    assert "8 reports" in lsr("decisions", "--out", path, *at).out
    fill(path, {REPORTS[0]: ("include", "", "")})
    assert '"entered": 1' in lsr("decisions", "--sheet", path, "--json", *at).out
    assert lsr("decisions", "--sheet", path, *at).out == "0 votes entered, 1 unchanged\n"
    assert lsr("decisions", *at).code == 2
    ran = lsr("decisions", "--out", tmp_path / "no" / "sheet.xlsx", *at)
    assert (ran.code, "cannot be written" in ran.err) == (1, True)
