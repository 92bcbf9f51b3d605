"""Fields of the dictionary: sheets out and in, two people blind, differences to a third, reopening; the form."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from curation.dictionary import WORDS
from curation.fieldsheet import COLUMNS, field_sheet, read_fields
from curation.tables import Sheet, Table, read_tables, write_sheets
from db import data, extraction
from db.errors import DecisionError, InputError
from db.model import FieldValue
from db.verify import verify
from lsr.dictionary import FILE, read_dictionary
from lsr.workflow.extract import reopen_study
from lsr.workflow.fields import dictionary_of, enter_field, store_fields
from lsr.workflow.folder import TEMPLATES, Open, open_review
from lsr.workflow.status import status
from tests.conftest import Command, Ran
from tests.scene import BOTH, JUDGE, REPORTS, A, B, include, searched

REPORT = REPORTS[0]
STUDY = f"study:{REPORT}"
Cells = Mapping[tuple[str, str], str]  # field, row: value
SHIPPED = read_dictionary(TEMPLATES / "cd7-car-t")


@pytest.fixture
def folder(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = searched(tmp_path_factory, tmp_path / "review")
    with open_review(made) as opened:
        include(opened, REPORT)
    return made


@pytest.fixture
def extract(lsr: Command, folder: Path) -> Callable[..., Ran]:
    return lambda who, *words, **more: lsr("extract", "--reviewer", who, *words, "--review", folder, **more)


@pytest.fixture
def fill(extract: Callable[..., Ran], tmp_path: Path) -> Callable[..., Ran]:
    """The workbook taken out, filled as said in its tab of fields, and read in."""

    def filled(who: str, cells: Cells, *words: str, **others: str) -> Ran:
        path = tmp_path / f"{who}.xlsx"
        assert extract(who, "--study", STUDY, "--out", path).code == 0
        book = load_workbook(path)
        tab = book["fields"]
        for row in tab.iter_rows(min_row=2):
            key = (str(row[COLUMNS.index("field")].value), str(row[COLUMNS.index("row")].value or ""))
            if key in cells:
                row[COLUMNS.index("value")].value = cells[key]
                for name, said in others.items():
                    row[COLUMNS.index(name)].value = said
        book.save(path)
        return extract(who, "--sheet", path, *words, "--json")

    return filled


def told(ran: Ran) -> tuple[int, int, int]:
    assert ran.code == 0, ran
    counts = json.loads(ran.out)
    return counts["entered"], counts["unchanged"], counts["conflicts"]


def in_force(folder: Path) -> dict[tuple[str, str], tuple[str, str]]:
    with open_review(folder) as opened:
        assert verify(opened.review) == []
        return {(f.field, f.row): (f.status, f.value) for f in data.facts(opened.review.connection) if f.study == STUDY}


def test_the_workbook_asks_every_field_and_helps(extract: Callable[..., Ran], tmp_path: Path) -> None:
    path = tmp_path / "sheet.xlsx"
    assert "outcomes and fields" in extract(A, "--study", STUDY, "--out", path).out
    book = load_workbook(path)
    assert [tab.title for tab in book.worksheets if tab.sheet_state == "visible"] == ["outcomes", "fields"]
    asked = {row[COLUMNS.index("field")] for row in book["fields"].iter_rows(min_row=2, values_only=True)}
    assert SHIPPED is not None
    assert asked == {field.id for field in SHIPPED.fields if field.section != "minors"}
    lists = book["fields"].data_validations.dataValidation
    hidden = book["lists"]
    places = [rule.formula1.partition("!")[2].replace("$", "") for rule in lists if rule.formula1]
    words = {tuple(cell.value for (cell,) in hidden[place]) for place in places}
    assert ("yes", "no", "NR", "NA", "UNCLEAR") in words
    assert any(rule.promptTitle == "status" for rule in book["outcomes"].data_validations.dataValidation)


def test_sections_on_request_and_csv(extract: Callable[..., Ran], tmp_path: Path) -> None:
    path = tmp_path / "minors.csv"
    assert extract(A, "--study", STUDY, "--out", path, "--section", "minors").code == 0
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["field"] for row in rows} == {f"minors_{n}" for n in range(1, 9)}
    wrong = extract(A, "--study", STUDY, "--out", path, "--section", "minor")
    assert (wrong.code, "no section 'minor'" in wrong.err) == (1, True)
    both = extract(A, "--study", STUDY, "--out", path, "--section", "minors", "--section", "outcomes")
    assert (both.code, "a CSV file holds one table" in both.err) == (1, True)


def test_two_agree_and_the_value_is_in_force(fill: Callable[..., Ran], folder: Path) -> None:
    words = ("cd7_positive_definition", "")
    cells = {("n_infused", ""): "9", ("age_median", ""): "27.0", ("countries", ""): "China; Germany", words: "by flow"}
    assert told(fill(A, cells)) == (4, 0, 0)
    assert in_force(folder) == {}  # one of two
    other = cells | {("age_median", ""): "27.5", ("countries", ""): "Germany;China", words: "flow, over 30 %"}
    assert told(fill(B, other)) == (4, 0, 0)
    assert told(fill(B, other)) == (0, 4, 0)
    assert in_force(folder) == {
        ("n_infused", ""): ("reported", "9"),
        ("age_median", ""): ("reported", "27"),  # within the tolerance of half a year: the first extractor's
        ("countries", ""): ("reported", "China; Germany"),
        words: ("reported", "by flow"),  # words that two people never put alike: both are kept
    }


def test_differences_go_to_a_third_and_to_nobody_else(
    fill: Callable[..., Ran], extract: Callable[..., Ran], folder: Path
) -> None:
    fill(A, {("n_male", ""): "6", ("age_median", ""): "27", ("prospective", ""): "yes"}, quotation="six of nine")
    assert told(fill(BOTH, {("n_male", ""): "7", ("age_median", ""): "27.6", ("prospective", ""): "NR"})) == (3, 0, 3)
    with open_review(folder) as opened:
        assert status(opened)["extraction_conflicts"] == 3
    assert in_force(folder) == {}
    shown = extract(JUDGE, "--differences", "--json").out
    assert [(v["field"], v["value"]) for v in json.loads(shown)["fields"]] == [
        ("age_median", "27"), ("age_median", "27.6"), ("n_male", "6"), ("n_male", "7"), ("prospective", "yes"),
        ("prospective", ""),
    ]  # fmt: skip
    assert "six of nine" not in shown
    assert "NR" in extract(JUDGE, "--differences").out
    assert extract(A, "--differences").code == 1
    own = fill(BOTH, {("n_male", ""): "7"}, "--resolve")
    assert (own.code, "never one of the two" in own.err) == (1, True)
    assert told(fill(JUDGE, {("n_male", ""): "6"}, "--resolve")) == (1, 0, 2)
    assert in_force(folder) == {("n_male", ""): ("reported", "6")}
    undisputed = fill(JUDGE, {("n_infused", ""): "9"}, "--resolve")
    assert (undisputed.code, "do not differ" in undisputed.err) == (1, True)


def test_a_closed_field_changes_by_reopening_alone(
    fill: Callable[..., Ran], extract: Callable[..., Ran], folder: Path
) -> None:
    for who in (A, B):
        fill(who, {("n_infused", ""): "9"})
    refused = fill(A, {("n_infused", ""): "10"})
    assert (refused.code, "--reopen WHY" in refused.err) == (1, True)
    assert extract(A, "--study", STUDY, "--reopen", "a later data cut").code == 0
    assert told(fill(A, {("n_infused", ""): "10"})) == (1, 0, 0)
    assert in_force(folder) == {("n_infused", ""): ("reported", "9")}
    fill(B, {("n_infused", ""): "10"})
    assert in_force(folder) == {("n_infused", ""): ("reported", "10")}


def test_what_is_wrong_is_named_by_tab_row_and_column_and_nothing_is_kept(
    fill: Callable[..., Ran], folder: Path
) -> None:
    ran = fill(A, {("n_infused", ""): "nine", ("gene_edited", ""): "maybe", ("n_male", ""): "4"})
    assert ran.code == 1
    assert "fields: row" in ran.err
    assert 'column value: n_infused "nine" is no whole number' in ran.err
    assert '"maybe" is neither yes nor no' in ran.err
    edited = fill(A, {("gene_edited", ""): "yes", ("n_male", ""): "4"})
    assert (edited.code, "edit_targets is empty" in edited.err) == (1, True)
    assert ran.err.count("\n") == 1
    with open_review(folder) as opened:
        assert extraction.field_states(opened.review.connection) == {}


GOOD = {"study": "s", "report": "r", "field": "n_male", "value": "4"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"study": "x"}, 'column study: unknown study "x"'),
        ({"report": "x"}, 'column report: "x" is no report of s'),
        ({"field": "x"}, 'column field: unknown field "x"'),
        ({"row": "1"}, "column row: n_male has one value"),
        ({"field": "n_evaluable"}, "column row: n_evaluable has a line for each outcome"),
        ({"field": "n_evaluable", "row": "x"}, 'column row: unknown outcome "x"'),
        ({"field": "dose_n"}, "column row: dose_n has a line for each dose level"),
        ({"confidence": "maybe"}, 'column confidence: unknown confidence "maybe"'),
        ({"confidence": "derived"}, "column why: a derived value needs its arithmetic"),
        ({"source_kind": "rumour"}, 'column source_kind: unknown source_kind "rumour"'),
        ({"quotation": "x" * 301}, "column quotation: has 301 letters"),
        ({"value": "", "quotation": "four men"}, "column value: is empty beside a quotation"),
        ({"value": "four"}, 'column value: n_male "four" is no whole number'),
    ],
)
def test_a_wrong_line_is_named_by_its_column(change: dict[str, str], says: str) -> None:
    assert SHIPPED is not None
    for cells, wrong in ((GOOD, []), (GOOD | change, [f"row 7, {says}"])):
        table = Table("t", tuple({**GOOD, **change}), ((7, dict(cells)),))
        found, faults = read_fields(table, SHIPPED, reports={"s": ["r"]}, outcomes=["cr"])
        assert len(faults) == len(wrong) == 1 - len(found)
        assert all(fault.startswith(start) for fault, start in zip(faults, wrong, strict=True))


def test_a_line_twice_is_named() -> None:
    assert SHIPPED is not None
    table = Table("t", tuple(GOOD), ((2, dict(GOOD)), (3, dict(GOOD))))
    _, faults = read_fields(table, SHIPPED, reports={"s": ["r"]}, outcomes=["cr"])
    assert faults == ["row 3, column field: n_male of this report, cohort and row stands in row 2 already"]


def test_an_author_of_the_study_extracts_nothing_of_it(folder: Path) -> None:
    with open_review(folder) as opened:
        people = tuple(replace(p, involved_in=(STUDY,)) if p.name == A else p for p in opened.spec.persons)
        own = Open(opened.review, replace(opened.spec, persons=people))
        value = FieldValue(STUDY, "all", "n_male", "", REPORT, "reported", "4")
        with pytest.raises(DecisionError, match="involved in"):
            enter_field(own, value, A)
        assert enter_field(own, value, B).entered == 1


def test_a_formula_is_refused_and_none_is_written(fill: Callable[..., Ran]) -> None:
    ran = fill(A, {("n_infused", ""): "=4+5"})
    assert (ran.code, "column value: holds a formula" in ran.err) == (1, True)


def test_an_open_field_shows_to_nobody_else(
    fill: Callable[..., Ran], extract: Callable[..., Ran], tmp_path: Path
) -> None:
    def looks() -> list[str]:
        path = tmp_path / "look.csv"
        ran = extract(B, "--study", STUDY, "--out", path, "--section", "flow")
        shown = extract(B, "--study", STUDY, "--form", "--section", "flow", stdin="q\n")
        return [ran.out, path.read_text("utf-8-sig"), shown.out, shown.err]

    before = looks()
    fill(A, {("n_infused", ""): "9", ("n_enrolled", ""): "NR"})
    assert looks() == before


def test_machines_extract_nothing(folder: Path) -> None:
    body = {"study": STUDY, "cohort": "all", "field": "n_infused", "status": "reported", "value": "9", "place": "",
            "report": REPORT, "source_kind": "primary-article", "round": "", "origin": "extracted"}  # fmt: skip
    with open_review(folder) as opened, pytest.raises(DecisionError, match="a machine does not decide"):
        opened.review.append("machine:x", "fact", body)


def test_without_a_dictionary_outcomes_are_extracted_all_the_same(
    extract: Callable[..., Ran], folder: Path, tmp_path: Path
) -> None:
    (folder / FILE).unlink()
    assert extract(A, "--study", STUDY, "--out", tmp_path / "s.xlsx").code == 0
    ran = extract(A, "--study", STUDY, "--form", "--section", "flow", stdin="")
    assert (ran.code, "has no dictionary.toml" in ran.err) == (1, True)
    (folder / FILE).write_text("version = ")
    ran = extract(A, "--study", STUDY, "--out", tmp_path / "s.xlsx")
    assert (ran.code, "not valid TOML" in ran.err) == (1, True)


def test_a_new_field_needs_no_code(fill: Callable[..., Ran], folder: Path) -> None:
    added = '\n[[field]]\nid = "ferritin_max"\nsection = "baseline"\nlevel = "cohort"\n'
    added += 'type = "decimal"\nlabel = "greatest ferritin"\n'
    with (folder / FILE).open("a") as stream:
        stream.write(added)
    for who in (A, B):
        assert told(fill(who, {("ferritin_max", ""): "1200"})) == (1, 0, 0)
    assert in_force(folder) == {("ferritin_max", ""): ("reported", "1200")}


def test_the_protocols_tolerance_is_every_decimals(fill: Callable[..., Ran], folder: Path) -> None:
    protocol = folder / "protocol.toml"
    text = protocol.read_text("utf-8").replace("numeric_tolerance = 0 ", "numeric_tolerance = 2.0 ")
    protocol.write_text(text, "utf-8")
    for who, age, men in ((A, "27", "6"), (B, "29", "7")):
        fill(who, {("age_median", ""): age, ("n_male", ""): men})
    assert in_force(folder) == {("age_median", ""): ("reported", "27")}  # patients are counted: they agree or not


# The form ---------------------------------------------------------------------------------------------------------


def test_the_form_checks_and_keeps_each_answer(extract: Callable[..., Ran], folder: Path) -> None:
    typed = "NR\n\n?\nabc\n12\nTable 1\n<\nq\n"
    ran = extract(A, "--study", STUDY, "--form", "--section", "flow", stdin=typed)
    assert ran.code == 0, ran
    assert '"abc" is no whole number' in ran.err
    assert "you said: 12" in ran.out
    assert "2 answers kept" in ran.err
    with open_review(folder) as opened:
        own = extraction.own_fields(opened.review.connection, STUDY, A, "")
    assert [(v.field, WORDS.get(v.status, v.value), v.place) for v in own] == [
        ("n_enrolled", "12", "Table 1"), ("n_screened", "NR", ""),
    ]  # fmt: skip
    again = extract(A, "--study", STUDY, "--form", "--section", "flow", stdin="q\n")
    assert "[3 of" in again.out  # where one left off


def test_the_form_asks_for_outcomes_and_the_pool_follows(extract: Callable[..., Ran]) -> None:
    for who in (A, B):
        ran = extract(who, "--study", STUDY, "--form", "--section", "outcomes", stdin="9\n6/9\nTable 2\nq\n")
        assert '9" is no events/total' in ran.err
        assert "1 answers kept" in ran.err
    assert "pooled again" in ran.err


def test_what_a_check_asks_is_answered_in_the_form(extract: Callable[..., Ran], folder: Path) -> None:
    typed = "6/9\nTable 2\n\n5/8\nTable 2\n\n5/8\nTable 2\none died on day 3\nq\n"
    ran = extract(A, "--study", STUDY, "--form", "--section", "outcomes", stdin=typed)
    assert ran.err.count("one denominator in one report") == 2  # asked, left unanswered, asked again
    assert "2 answers kept" in ran.err
    with open_review(folder) as opened:
        kept = extraction.own_data(opened.review.connection, STUDY, A, "")
    assert {(d.events, d.total, d.answer) for d in kept} == {(6, 9, ""), (5, 8, "one died on day 3")}


def test_a_refusal_in_the_form_keeps_nothing(extract: Callable[..., Ran], folder: Path) -> None:
    ran = extract(A, "--study", STUDY, "--form", "--section", "outcomes", stdin="9/6\n0/0\n6 of 9\nq\n")
    assert ran.err.count("is no events/total") == 3
    assert "0 answers kept" in ran.err
    with open_review(folder) as opened:
        assert extraction.own_data(opened.review.connection, STUDY, A, "") == []


# Properties -------------------------------------------------------------------------------------------------------

WORDING = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20).map(str.strip)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(value=WORDING.filter(bool), place=WORDING, why=WORDING, suffix=st.sampled_from([".csv", ".xlsx"]))
def test_a_sheet_out_and_in_is_the_same(tmp_path: Path, value: str, place: str, why: str, suffix: str) -> None:
    assert SHIPPED is not None
    field = SHIPPED.field("product_name")
    assert field is not None
    said = FieldValue("s", "all", field.id, "", "r", "reported", " ".join(value.split()), place=place, why=why)
    if said.value.casefold() in ("nr", "na", "n/a", "unclear"):
        return
    path = tmp_path / f"sheet{suffix}"
    write_sheets(path, [field_sheet([(field, said)])])
    (table,) = read_tables(path)
    rows, faults = read_fields(table, SHIPPED, reports={"s": ["r"]}, outcomes=["cr"])
    assert faults == []
    assert [row for _, row in rows] == [said]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04broken", b"\xff\xfe\x00"])
@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_broken_files_are_one_line(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(content)
    if suffix == ".csv" and content[:1] in (b"", b"P"):  # a table of no rows: who asks for columns refuses it
        assert read_tables(path)[0].rows == ()
        return
    with pytest.raises(InputError) as fault:
        read_tables(path)
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize("name", ["none.csv", "none.xlsx"])
def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_tables(tmp_path / name)


def test_a_workbook_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "big.xlsx"
    write_sheets(path, [Sheet("t", ("a",), [["x" * 30_000]] * 20)])
    monkeypatch.setattr("curation.tables.MOST_BYTES", 1000)
    with pytest.raises(InputError, match="MB unpacked"):
        read_tables(path)


FIELDS = ["n_male", "prospective"]
ACTIONS = st.lists(
    st.tuples(st.sampled_from(["A", "B", "judge", "reopen"]), st.sampled_from(FIELDS), st.integers(0, 2)),
    max_size=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(actions=ACTIONS)
def test_random_histories_equal_a_plain_model(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, str, int]]
) -> None:
    folder = searched(tmp_path_factory, tmp_path_factory.mktemp("fields") / "review")
    model = Model()
    with open_review(folder) as opened:
        include(opened, REPORT)
        for who, field, number in actions:
            played = play(opened, who, field, number)
            assert played == model.play(who, field, number), (who, field, number)
            values = data.facts(opened.review.connection)
            assert {f.field: f.value for f in values if f.study == STUDY} == model.in_force()
        assert verify(opened.review) == []


def play(opened: Open, who: str, field: str, number: int) -> bool:
    """Whether the step was let through."""
    text = str(number) if field == "n_male" else ("yes", "no", "yes")[number]
    value = FieldValue(STUDY, "all", field, "", REPORT, "reported", text)
    try:
        if who == "judge":
            store_fields(opened, [value], dictionary_of(opened), JUDGE, resolving=True)
        elif who == "reopen":
            reopen_study(opened, STUDY, A, "again")
        else:
            enter_field(opened, value, {"A": A, "B": B}[who])
    except DecisionError:
        return False
    return True


class Model:
    """Rounds of cells, each with what A and B said and what was ruled: the rules in the plainest words."""

    def __init__(self) -> None:
        self.rounds: list[dict[str, dict[str, str]]] = [{}]

    def play(self, who: str, field: str, number: int) -> bool:
        text = str(number) if field == "n_male" else ("yes", "no", "yes")[number]
        if who == "reopen":
            self.rounds.append({})
            return True
        cell = self.rounds[-1].setdefault(field, {})
        if cell.get(who) == text:
            return True  # said before
        state = self.state(cell)
        if state != ("conflict" if who == "judge" else "awaiting"):
            return False
        cell[who] = text
        return True

    @staticmethod
    def state(cell: Mapping[str, str]) -> str:
        if "judge" in cell:
            return "closed"
        if len(cell) < 2:
            return "awaiting"
        return "closed" if cell["A"] == cell["B"] else "conflict"

    def in_force(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for cells in self.rounds:
            for field, cell in cells.items():
                if self.state(cell) == "closed":
                    found[field] = cell.get("judge", cell.get("A", ""))
        return found
