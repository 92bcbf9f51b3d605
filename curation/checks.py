"""Checks across values: what cannot be is refused, what is odd is asked about, and the rule is always named.

A refusal has no way round but a right value. A question is answered in the row's `answer`, and the answer is kept with
the value. Pure functions: what is known beside the sheet comes in a `Known`, which holds the extractor's own values
and closed ones only, so that no check betrays what the other extractor entered.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from typing import Final

from db.model import Datum, FieldValue
from db.specs import AtMostRule, RequiresRule, SumRule

# Denominators that count patients beyond those infused: the study's number of patients does not bound them.
_BEYOND_INFUSED: Final = frozenset({"screened", "enrolled", "apheresed"})
INFUSED: Final = "n_infused"  # the dictionary's field of the patients who received the product
# So many outcomes with equal numbers in two studies are one table read twice; two can be chance in small series.
SAME_TABLE: Final = 3


Key = tuple[str, str, str, str, str]  # study, cohort, field, row, report


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found in a row. `asks`: an answer settles it; else the value is refused."""

    rule: str
    row: int
    column: str
    text: str
    asks: bool = False

    def words(self) -> str:
        """One line: where, by which rule, what, and what to do."""
        hint = ": if it is right, say so in the column answer" if self.asks else ""
        return f"row {self.row}, column {self.column}: {self.text} [{self.rule}]{hint}"


@dataclass(frozen=True)
class Rules:
    """The rules across outcomes and fields that the dictionary declares."""

    at_most: Sequence[AtMostRule] = ()
    sums: Sequence[SumRule] = ()
    requires: Sequence[RequiresRule] = ()


@dataclass(frozen=True)
class Known:
    """What is known beside the sheet; `dates`: a report's printed date, to tell a later from an earlier one."""

    data: Sequence[Datum] = ()
    fields: Sequence[FieldValue] = ()
    patients: Mapping[str, int] = field(default_factory=dict)  # study: its number of patients
    enrolment: Mapping[str, int] = field(default_factory=dict)  # study: what its register says was enrolled
    dates: Mapping[str, str] = field(default_factory=dict)


def check_outcomes(rows: Sequence[tuple[int, Datum]], known: Known, rules: Rules) -> list[Finding]:
    """What is wrong or odd with `rows` (row number, datum), each by itself and beside `known`; answered questions are
    left out."""
    found = [
        finding
        for row, datum in rows
        if datum.status in ("reported", "none")
        for finding in (
            *_within_the_study(row, datum, known),
            *_as_printed(row, datum),
            *_beside_other_reports(row, datum, known),
        )
    ]
    found += _parts_and_wholes(rows, known, rules.at_most)
    found += _second_hand(rows, known)
    found += _denominators(rows, known)
    found += _enrolment(rows, known)
    found += _one_table_twice(rows, known)
    answered = {row for row, datum in rows if datum.answer}
    return sorted((f for f in found if not (f.asks and f.row in answered)), key=lambda f: (f.row, f.asks, f.rule))


def check_fields(
    rows: Sequence[tuple[int, FieldValue]], known: Known, rules: Rules, data: Sequence[Datum] = ()
) -> list[Finding]:
    """What is wrong with fields beside each other and beside the `data` of the same sheets."""
    given = {(v.study, v.cohort, v.field, v.row, v.report): v for v in (*known.fields, *(v for _, v in rows))}
    return [*_requirements(rows, given, rules.requires), *_grades(rows, given, rules.sums, (*known.data, *data))]


def numerators(printed: str, total: int) -> range:
    """The numbers of `total` patients whose percentage rounds to `printed` ("88.5"), by either way of rounding a half.

    Empty: no number of patients is that percentage of this total (88.5 % of 28).
    """
    target = Decimal(printed)
    half = Decimal(5).scaleb(int(target.as_tuple().exponent) - 1)  # what rounding moves at the most
    least, most = (int((target + side) * total / 100) for side in (-half, half))
    fitting = [n for n in range(max(least - 1, 0), min(most + 1, total) + 1) if _rounds_to(n, total, target)]
    return range(fitting[0], fitting[-1] + 1) if fitting else range(0)


def _rounds_to(events: int, total: int, target: Decimal) -> bool:
    exact = Decimal(100 * events) / Decimal(total)
    return target in (exact.quantize(target, ROUND_HALF_EVEN), exact.quantize(target, ROUND_HALF_UP))


def _within_the_study(row: int, datum: Datum, known: Known) -> Iterator[Finding]:
    """No denominator within the infused patients is larger than their number, by this report or else by the study."""
    if datum.total is None or datum.denominator in _BEYOND_INFUSED:
        return
    infused = [
        int(value.value)
        for value in known.fields
        if (value.study, value.cohort, value.field) == (datum.study, datum.cohort, INFUSED)
        and value.status == "reported"
        and value.report == datum.report
    ]
    of_study = known.patients.get(datum.study)
    if infused and datum.total > max(infused):
        text = f"{datum.total} patients, but n_infused of {datum.report} is {max(infused)}"
        yield Finding("total <= n_infused", row, "total", text)
    elif not infused and of_study is not None and datum.total > of_study:
        text = (
            f"{datum.total} patients, but the study has {of_study}: if it has grown, enter n_infused of {datum.report} "
            "(in the same workbook, or first)"
        )
        yield Finding("total <= n_infused", row, "total", text)


def _as_printed(row: int, datum: Datum) -> Iterator[Finding]:
    if not datum.printed or datum.total is None or datum.events is None:
        return
    fitting = numerators(datum.printed, datum.total)
    if not fitting:
        text = f"{datum.printed} % of {datum.total} is no whole number of patients"
        yield Finding("printed % = events/total", row, "printed", text, asks=True)
    elif datum.events not in fitting:
        right = f"{fitting[0]}" if len(fitting) == 1 else f"{fitting[0]} to {fitting[-1]}"
        text = f"{datum.printed} % of {datum.total} is {right}, not {datum.events}"
        yield Finding("printed % = events/total", row, "printed", text, asks=True)


def _beside_other_reports(row: int, datum: Datum, known: Known) -> Iterator[Finding]:
    """Beside the same cell in the study's other reports: fewer events or patients later, other numbers of as many."""
    cell = _cell(datum)
    for other in known.data:
        if _cell(other) != cell or other.report == datum.report or other.role != "primary" or datum.role != "primary":
            continue
        if None in (other.events, other.total, datum.events, datum.total):
            continue
        ours, theirs = known.dates.get(datum.report, ""), known.dates.get(other.report, "")
        now, then = f"{datum.events}/{datum.total}", f"{other.events}/{other.total} in {other.report}"
        if ours > theirs and (datum.events or 0) < (other.events or 0):
            yield Finding("a later report has no fewer events", row, "events", f"{now} after {then}", asks=True)
        elif ours > theirs and (datum.total or 0) < (other.total or 0):
            yield Finding("n does not shrink", row, "total", f"{now} after {then}", asks=True)
        elif ours == theirs and datum.total == other.total and datum.events != other.events:
            yield Finding("reports of one time agree", row, "events", f"{now}, but {then}", asks=True)


def _parts_and_wholes(rows: Sequence[tuple[int, Datum]], known: Known, at_most: Iterable[AtMostRule]) -> list[Finding]:
    """A part has no more events than its whole, where both count the same patients of one report in one reading."""
    beside = _by_place((0, datum) for datum in known.data)
    beside |= _by_place(rows)  # what the sheet says replaces what was entered before
    found = []
    for rule in at_most:
        for (*place, outcome), (row, part) in beside.items():
            whole_row, whole = beside.get((*place, rule.whole), (0, None)) if outcome == rule.part else (0, None)
            if whole is None or part.total != whole.total or not (row or whole_row):
                continue
            if (part.events or 0) > (whole.events or 0):
                text = f"{rule.part} {part.events}/{part.total} is more than {rule.whole} {whole.events}/{whole.total}"
                found.append(Finding(f"{rule.part} <= {rule.whole}", row or whole_row, "events", text))
    return found


def _second_hand(rows: Sequence[tuple[int, Datum]], known: Known) -> Iterator[Finding]:
    first_hand = {_cell(datum) for datum in known.data if datum.source_kind != "secondary-review"}
    for row, datum in rows:
        if datum.source_kind == "secondary-review" and datum.role == "primary" and _cell(datum) in first_hand:
            text = "a value from a review, where one from a primary report stands already"
            yield Finding("no secondary value beside a primary one", row, "source_kind", text)


def _denominators(rows: Sequence[tuple[int, Datum]], known: Known) -> Iterator[Finding]:
    """One report counts its patients once for each denominator: rows that depart from the commonest total are asked,
    what was entered of the report before counted too (a form enters one value at a time)."""
    now = {(*_cell(datum), datum.report) for _, datum in rows}
    before = ((0, datum) for datum in known.data if (*_cell(datum), datum.report) not in now)
    totals: dict[tuple[str, ...], list[tuple[int, Datum]]] = defaultdict(list)
    for row, datum in (*before, *rows):
        if datum.total is not None and datum.role == "primary":
            totals[datum.study, datum.cohort, datum.report, datum.denominator].append((row, datum))
    for (*_, report, denominator), group in totals.items():
        counts = [datum.total for _, datum in group]
        usual = max(counts, key=lambda total: (counts.count(total), total or 0))
        for row, datum in group:
            if row and datum.total != usual:
                text = f"{datum.total} {denominator}, but {usual} in the other outcomes of {report}"
                yield Finding("one denominator in one report", row, "total", text, asks=True)


def _enrolment(rows: Sequence[tuple[int, Datum]], known: Known) -> Iterator[Finding]:
    """Asked once for each study and report, of the whole cohort's infused patients."""
    asked = set()
    for row, datum in rows:
        enrolled = known.enrolment.get(datum.study)
        here = (datum.study, datum.report)
        if enrolled is None or datum.total is None or datum.cohort != "all" or datum.denominator != "infused":
            continue
        if datum.total != enrolled and here not in asked and datum.role == "primary":
            asked.add(here)
            text = f"{datum.total} patients, but the register has {enrolled} enrolled"
            yield Finding("total = the register's enrolment", row, "total", text, asks=True)


def _one_table_twice(rows: Sequence[tuple[int, Datum]], known: Known) -> Iterator[Finding]:
    """The same numbers in SAME_TABLE outcomes of two studies."""
    others: dict[str, dict[tuple[str, ...], tuple[int | None, int | None]]] = defaultdict(dict)
    for datum in known.data:
        if datum.role == "primary" and datum.events is not None:
            others[datum.study][datum.outcome, datum.denominator] = (datum.events, datum.total)
    for study, outcomes in others.items():
        same = [
            (row, datum)
            for row, datum in rows
            if datum.study != study
            and datum.events
            and outcomes.get((datum.outcome, datum.denominator)) == (datum.events, datum.total)
        ]
        by_study: dict[str, list[int]] = defaultdict(list)
        for row, datum in same:
            by_study[datum.study].append(row)
        for rows_of_one in by_study.values():
            if len(rows_of_one) >= SAME_TABLE:
                text = f"{len(rows_of_one)} outcomes have the numbers that stand for {study}"
                yield Finding("one table is of one study", rows_of_one[0], "study", text, asks=True)


def _requirements(
    rows: Sequence[tuple[int, FieldValue]],
    given: Mapping[Key, FieldValue],
    requires: Iterable[RequiresRule],
) -> Iterator[Finding]:
    for rule in requires:
        for row, value in rows:
            if (value.field, value.value) != (rule.field, rule.value):
                continue
            if (value.study, value.cohort, rule.needs, value.row, value.report) not in given:
                text = f"{rule.field} is {rule.value}, and {rule.needs} is empty: fill it in, or write NR"
                yield Finding(f"{rule.field} = {rule.value} needs {rule.needs}", row, "value", text)


def _grades(
    rows: Sequence[tuple[int, FieldValue]],
    given: Mapping[Key, FieldValue],
    sums: Iterable[SumRule],
    data: Sequence[Datum],
) -> Iterator[Finding]:
    """The parts of an outcome add up to its events, where all parts are numbers."""
    events = {
        (datum.study, datum.cohort, datum.outcome, datum.report): datum.events
        for datum in data
        if datum.role == "primary" and datum.events is not None
    }
    for rule in sums:
        last: dict[tuple[str, str, str, str], int] = {}
        for row, value in rows:
            if value.field in rule.fields:
                last[value.study, value.cohort, value.row, value.report] = row
        for (study, cohort, outcome, report), row in last.items():
            parts = [given.get((study, cohort, name, outcome, report)) for name in rule.fields]
            whole = events.get((study, cohort, outcome, report))
            if whole is None or any(part is None or part.status != "reported" for part in parts):
                continue
            total = sum(int(part.value) for part in parts if part is not None)
            if total != whole:
                text = f"{' + '.join(rule.fields)} of {outcome} are {total}, but its events are {whole}"
                yield Finding("parts add up to the whole", row, "value", text)


def _cell(datum: Datum) -> tuple[str, ...]:
    return datum.study, datum.cohort, datum.outcome, datum.timepoint, datum.denominator


def _by_place(rows: Iterable[tuple[int, Datum]]) -> dict[tuple[str, ...], tuple[int, Datum]]:
    """Rows with numbers, by study, cohort, report, time point, denominator, reading and outcome."""
    return {
        (d.study, d.cohort, d.report, d.timepoint, d.denominator, d.reading, d.outcome): (row, d)
        for row, d in rows
        if d.events is not None
    }
