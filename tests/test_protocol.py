"""The protocol reader: every fault at once, each with its key and line; prose is free; locks hold."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from db.errors import ProtocolError
from lsr import protocol as reader
from lsr.protocol import changed_locks, parse_protocol, read_protocol, value_at
from lsr.protocol_schema import Protocol
from lsr.toml_lines import line_of
from lsr.workflow.folder import TEMPLATES, templates
from tests.scene import protocol_text

TEXT = protocol_text()
LINES = TEXT.split("\n")
AMENDMENT = '\n[[amendment]]\ndate = "2026-11-22"\nwho = "{who}"\nitem = "{item}"\nreason = "w"\nresults_known = true\n'


def faults(text: str) -> list[str]:
    with pytest.raises(ProtocolError) as told:
        parse_protocol(text)
    return told.value.faults


@pytest.mark.parametrize("name", templates())
def test_the_templates_parse(name: str) -> None:
    spec = read_protocol(TEMPLATES / name)
    assert spec.screening.votes_needed == spec.extractors == 2
    assert set(spec.required_to_publish) == {"review.registration", "review.guarantor", "review.funding"}
    assert not spec.persons
    assert not spec.demonstration
    assert [source.id for source in spec.sources][:2] == ["pubmed", "crossref"]
    assert all(source.date_from == "2017-01-01" for source in spec.sources)
    assert spec.locked["eligibility.min_patients"] == "5"
    reasons = {reason.code: reason for reason in spec.reasons}
    assert "Fewer than 5 patients" in reasons["X06_small_n"].label  # {min_patients} filled in
    assert reasons["X06_small_n"].stages == ("full-text",)
    assert spec.synthesis.ci_level == pytest.approx(0.95)


FAULTS = {
    'reviewers_per_item = 2': ("reviewers_per_item = 0", "screening.reviewers_per_item", "greater than or equal"),
    'title_abstract_rule = "either"': ('title_abstract_rule = "any"', "screening.title_abstract_rule", "'either'"),
    'extractors = 2': ('extractors = "2"', "extraction.extractors", "integer"),
    'ci_method = "t"': ('ci_method = "normal"', "synthesis.ci_method", "'z'"),
    'ci = 95': ("ci = 0.95", "synthesis.ci", "greater than 50"),
    'min_studies = 3': ("min_studies = 1", "synthesis.min_studies", "greater than or equal"),
    'date_from = "2017-01-01"': ('date_from = "1 Jan 2017"', "search.date_from", "pattern"),
    'prisma_arm = "other:citation"': ('prisma_arm = "snowball"', "search.source[10].prisma_arm", "other:"),
    'id = "cr_bm"': ('id = "CR BM"', "outcome[1].id", "pattern"),
    'id = "orr"': ('id = "cr"', "outcome[3]", "'cr' is there twice"),
    'code = "X02_not_human"': ('code = "X01_not_primary"', "exclusion_reason[1]", "twice"),
    'id = "crossref"': ('id = "pubmed"', "search.source[1]", "twice"),
    'release_needs = ["statistician", "clinician"]': ('release_needs = ["boss"]', "living.release_needs[0]", "'rob'"),
    '  "fulltext.store",': ('  "fulltext.shop",', "locked", "fulltext.shop"),
    'measure = "km"': ('measure = "median"', "outcome[15].measure", "'km'"),
    'max_jump = 0.5': ("max_jump = 0", "search.max_jump", "greater than 0"),
    'press_outcome = ""': ('press_outcome = "fine"', "search.press_outcome", "'no revision'"),
    'expected_in = ["pubmed"] ': ('expected_in = ["pub"] ', "known_item[1].expected_in", "no [[search.source]] has id"),
    '"10.1200/jco.21.00389", ': ('"jco.21.00389", ', "known_item[1].dois", "is no DOI"),
    'every_days = 366': ('every_days = -1', "search.source[10].every_days", "greater than or equal"),
    'title = "CD7': ('titel = "CD7', "review.titel", "did you mean 'title'"),
}  # fmt: skip


@pytest.mark.parametrize("good", FAULTS)
def test_each_kind_of_fault_has_its_key_and_line(good: str) -> None:
    bad, key, words = FAULTS[good]
    assert TEXT.count(good) >= 1
    text = TEXT.replace(good, bad, 1)
    told = [fault for fault in faults(text) if fault.startswith(f"{key} ")]
    assert len(told) == 1, faults(text)
    assert words in told[0]
    number = int(re.search(r"\(line (\d+)\)", told[0])[1])  # type: ignore[index]
    expected = 1 + TEXT[: TEXT.index(good)].count("\n")
    if "twice" in words:  # the table's own line stands for it
        assert text.split("\n")[number - 1].startswith("[[")
        assert 0 < expected - number <= 1
    elif key == "locked":
        assert text.split("\n")[number - 1].startswith("locked")
    else:
        assert number == expected


@pytest.mark.parametrize(
    ("cadence", "days"),
    [
        ("weekly", 7), ("Monthly, and within 30 days after the congress", 31), ("monthly, by file", 31),
        ("yearly", 366),
        ("every 10 days", 10), ("90 days", 90), ("each review, once, then yearly", 0), ("", 0), ("now and then", 0),
    ],
)  # fmt: skip
def test_a_cadence_is_read_by_its_first_word(cadence: str, days: int) -> None:
    assert reader.cadence_days(cadence) == days


def test_what_the_searches_must_find_and_who_reviewed_them() -> None:
    text = TEXT.replace('press_reviewer = ""', 'press_reviewer = "R. Librarian"')
    spec = parse_protocol(text.replace('press_date = ""', 'press_date = "2026-09-01"'))
    assert (spec.search.press.reviewer, spec.search.press.date, spec.search.max_jump) == (
        "R. Librarian",
        "2026-09-01",
        0.5,
    )
    assert {source for item in spec.search.known_items for source in item.expected_in} <= {s.id for s in spec.sources}
    assert "10.1097/01.hs9.0000972444.78727.01" in spec.search.known_items[2].dois
    every = {source.id: source.every_days for source in spec.sources}
    assert (every["embase"], every["citations"], every["pubmed"]) == (31, 366, 0)


def test_all_faults_are_told_at_once() -> None:
    text = TEXT
    for good in ('reviewers_per_item = 2', 'ci = 95', 'title = "CD7', 'measure = "km"'):  # fmt: skip
        text = text.replace(good, FAULTS[good][0], 1)
    assert {fault.split(" ")[0] for fault in faults(text)} >= {
        "screening.reviewers_per_item", "synthesis.ci", "review.title", "review.titel", "outcome[15].measure",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["a@b", "machine:me", "two\\nlines", ""])
def test_names_of_people(name: str) -> None:
    text = TEXT.replace('name = "demo-c"', f'name = "{name}"')
    assert [fault.split(" ")[0] for fault in faults(text)] == ["review.person[0].name"]
    twice = TEXT.replace('name = "demo-c"', 'name = "demo-a"')
    assert "'demo-a' is there twice" in faults(twice)[0]
    assert "roles" in faults(TEXT.replace('roles = ["adjudicator"]', 'roles = ["referee"]'))[0]


# Lines -----------------------------------------------------------------------------------------------------------

KEYS = [
    (number, match[1]) for number, line in enumerate(LINES, 1) if (match := re.match(r"([a-z_]+) = [\"\[\d{tf]", line))
]


def places(tree: object, where: tuple[object, ...] = ()) -> dict[tuple[object, ...], object]:
    """Every table's scalar and list keys, by where they stand."""
    found: dict[tuple[object, ...], object] = {}
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree if isinstance(tree, list) else ()):
        found[(*where, key)] = value
        if isinstance(value, dict | list):
            found |= places(value, (*where, key))
    return found


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(KEYS))
def test_a_marked_key_is_found_on_its_line(key: tuple[int, str]) -> None:
    """The value of any line of the template is replaced by a mark; wherever the parser finds the mark, that is it."""
    number, name = key
    lines = [*LINES]
    rest = lines[number - 1]
    if rest.rstrip().endswith(("'''", "[")) or "'''" in rest:
        return  # a value over several lines
    lines[number - 1] = f'{name} = "the mark"'
    text = "\n".join(lines)
    (where,) = [place for place, value in places(tomllib.loads(text)).items() if value == "the mark"]
    assert line_of(text, where) == number
    assert line_of(text.replace("\n", "\r\n"), where) == number


def test_lines_in_hard_places() -> None:
    text = '\n'.join((
        'top = 1', 'a.b = 2', '"quoted" = 3', "[t]", "long = '''", "[x]", "key = 1", "'''", "key = 4",  # 1-9
        "[[array]]", "k = 5", "[array.inner]", "k = 6", "[[array.list]]", "k = 7",                       # 10-15
        "[[array]]", "[array.inner]", "k = 8", "[[array.list]]", "k = 9", "[[array.list]]", "k = 10",    # 16-22
        "inline = { k = 11 }",                                                                          # 23
    ))  # fmt: skip
    expected = {
        ("top",): 1, ("a", "b"): 2, ("quoted",): 3, ("t", "key"): 9, ("array", 0, "k"): 11,
        ("array", 0, "inner", "k"): 13, ("array", 0, "list", 0, "k"): 15, ("array", 1, "inner", "k"): 18,
        ("array", 1, "list", 0, "k"): 20, ("array", 1, "list", 1, "k"): 22,
        ("array", 1, "list", 1, "inline", "k"): 23, ("array", 1, "missing"): 16, ("missing",): 1,
    }  # fmt: skip
    tomllib.loads(text)
    assert {where: line_of(text, where) for where in expected} == expected


# Prose and misspelling -------------------------------------------------------------------------------------------


def test_prose_is_free_in_every_section() -> None:
    text = TEXT.replace("[screening]", '[screening]\nhow_we_feel = "fine"').replace(
        "[[exclusion_reason]]", '[[exclusion_reason]]\nremark = "as in 2024"', 1
    )
    assert parse_protocol(text + '\n[whatever]\nwe_like = ["prose"]\n').persons


def typed_keys(model: type[BaseModel], name: str = "") -> list[tuple[str, str]]:
    """(section, key) of every typed key of a section that the template fills."""
    found = []
    for key, field in model.model_fields.items():
        inner = reader._model_of(field.annotation)
        if inner:
            found += typed_keys(inner, f"{name}.{key}".strip("."))
        elif len(key) > 3:
            found.append((name, key))
    return found


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(typed_keys(Protocol)), st.data())
def test_a_misspelt_typed_key_is_told(section_key: tuple[str, str], data: st.DataObject) -> None:
    section, key = section_key
    at = re.search(rf"^(\[\[?{re.escape(section)}\]\]?$[^\[]*?^){key} =", TEXT, re.MULTILINE | re.DOTALL)
    if at is None:
        return  # the template leaves it to its default
    i = data.draw(st.integers(0, len(key) - 1))
    wrong = key[:i] + data.draw(st.sampled_from(("", "x", key[i] * 2))) + key[i + 1 :]
    assume(wrong != key and (section, wrong) not in typed_keys(Protocol))  # "level" is a key beside "levels"
    text = TEXT[: at.end(1)] + wrong + TEXT[at.end(1) + len(key) :]
    (told,) = (fault for fault in faults(text) if f".{wrong} (line " in fault)
    assert f"did you mean {key!r}?" in told


# Locks -----------------------------------------------------------------------------------------------------------


def test_a_lock_is_lifted_by_a_new_amendment_that_names_it_and_by_nothing_else() -> None:
    old = parse_protocol(TEXT)
    changed = TEXT.replace("min_patients = 5", "min_patients = 3").replace('min_patients",', 'min_patients",')
    assert changed_locks(old, parse_protocol(changed)) == ["eligibility.min_patients"]
    other = AMENDMENT.format(who="demo-a", item="synthesis.model")
    assert changed_locks(old, parse_protocol(changed + other)) == ["eligibility.min_patients"]
    right = AMENDMENT.format(who="demo-a", item="eligibility.min_patients")
    amended = parse_protocol(changed + right)
    assert changed_locks(old, amended) == []
    again = changed.replace("min_patients = 3", "min_patients = 4")
    assert changed_locks(amended, parse_protocol(again + right)) == ["eligibility.min_patients"]
    assert changed_locks(amended, parse_protocol(again + right + other)) == ["eligibility.min_patients"]
    second = AMENDMENT.format(who="demo-b", item="eligibility.min_patients")
    assert changed_locks(amended, parse_protocol(again + right + second)) == []


def test_unlocking_is_a_change_too() -> None:
    unlocked = TEXT.replace('  "synthesis.model",\n', "")
    assert changed_locks(parse_protocol(TEXT), parse_protocol(unlocked)) == ["synthesis.model"]


@pytest.mark.parametrize("key", ["review.id.more", "living.release_needs.x", "outcome.none.denominator", "nothing", ""])
def test_a_lock_on_what_is_not_there_is_a_fault(key: str) -> None:
    text = TEXT.replace('locked = [', f'locked = [\n  "{key}",', 1)  # fmt: skip
    assert faults(text) == [
        f"locked (line {LINES.index('locked = [') + 1}): locks {key!r}, which is not in this protocol"
    ]
    with pytest.raises(KeyError):
        value_at(tomllib.loads(TEXT), key)


def test_a_value_is_named_by_id_code_or_name() -> None:
    tree = tomllib.loads(TEXT)
    assert value_at(tree, "outcome.cr.denominator") == "infused"
    assert value_at(tree, "exclusion_reason.X06_small_n.stages") == ["full-text"]
    assert value_at(tree, "review.person.demo-adjudicator.roles") == ["adjudicator"]


# The previous version and defaults -------------------------------------------------------------------------------


def test_the_previous_version_is_optional_and_checked() -> None:
    previous = parse_protocol(TEXT).previous
    assert previous is not None
    assert (previous.studies, previous.reports, previous.patients) == (13, 14, 200)
    assert faults(TEXT.replace("studies = 13", "studies = -1"))[0].startswith("review.previous_version.studies (line ")
    line = next(line for line in LINES if line.startswith("previous_version"))
    assert parse_protocol(TEXT.replace(line, "")).previous is None


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for body, words in ((None, "no such file"), (b"\xff\xfe", "UTF-8"), (b"a = \n", "not valid TOML")):
        if body is not None:
            (tmp_path / "protocol.toml").write_bytes(body)
        with pytest.raises(ProtocolError, match=words):
            read_protocol(tmp_path)
