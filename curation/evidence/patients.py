"""How many patients, and when: numbers that grow, periods of accrual, data cut-offs, phases, the trial's own dates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from curation.evidence.tally import Tally
from curation.evidence.weights import (
    BEFORE_START,
    GROWN_NUMBER,
    LATER_CUTOFF,
    OTHER_ACCRUAL,
    OTHER_PHASE,
    OVER_ENROLMENT,
    OVER_ENROLMENT_BY,
    OVERLAPPING_ACCRUAL,
    SAME_ACCRUAL,
    SAME_NUMBER,
    SAME_PHASE,
    SHRUNK_NUMBER,
)

_MONTHS: Final = (
    *("january", "february", "march", "april", "may", "june", "july", "august"),
    *("september", "october", "november", "december"),
)
_MONTH: Final = "(?:" + "|".join(f"{month[:3]}(?:{month[3:]})?\\.?" for month in _MONTHS) + ")"
_DATE: Final = rf"(?:\d{{1,2}}\s+)?(?:{_MONTH}\s+)?(?:\d{{1,2}},?\s+)?(?:19|20)\d\d(?:-\d\d(?:-\d\d)?)?"
_PERIOD: Final = re.compile(
    rf"\b(?:from|between)\s+(?P<start>{_DATE})\s*(?:,\s*)?(?:to|and|until|through|till|[-–—])\s*(?P<end>{_DATE})", re.I
)
_ACCRUED: Final = re.compile(
    r"enrol|recruit|accru|infus|treated|admitted|received|patients were|included|screened", re.I
)
_NEAR: Final = 160  # characters: a sentence
_CUTOFF: Final = re.compile(
    rf"\b(?:data|follow[- ]up)?\s*cut[- ]?off(?:\s+date)?\W+(?:\w+\W+){{0,4}}?(?P<date>{_DATE})"
    rf"|\bas of\s+(?P<as_of>{_DATE})", re.I
)  # fmt: skip


class Period(NamedTuple):
    """From the first to the last month of accrual, as months since year 0."""

    start: int
    end: int


def accrual_in(text: str) -> Period | None:
    """The first period in `text` near a word of enrolment: "between March 2020 and July 2021", "from 2017 to 2019"."""
    for match in _PERIOD.finditer(text):
        around = text[max(0, match.start() - _NEAR) : match.end() + _NEAR]
        start, end = _month(match["start"], last=False), _month(match["end"], last=True)
        if start <= end and _ACCRUED.search(around):
            return Period(start, end)
    return None


def cutoff_in(text: str) -> int | None:
    """The month of the data cut-off, as months since year 0."""
    match = _CUTOFF.search(text)
    return _month(match["date"] or match["as_of"], last=True) if match else None


def _month(date: str, *, last: bool) -> int:
    year = re.search(r"(?:19|20)\d\d", date)
    assert year is not None
    named = re.search(_MONTH, date, re.I)
    if named:
        month = next(n for n, name in enumerate(_MONTHS) if name.startswith(named.group()[:3].lower()))
    else:
        iso = re.search(r"\d{4}-(\d\d)", date)
        month = min(int(iso[1]), 12) - 1 if iso and iso[1] != "00" else 11 if last else 0
    return 12 * int(year.group()) + month


class Counted(NamedTuple):
    """What a report, or a study so far, says of its patients; `year` is the publication's, the latest for a study."""

    patients: int | None
    year: int | None
    accrual: Period | None
    cutoff: int | None
    phases: frozenset[str]


def weigh_numbers(tally: Tally, ours: Counted, theirs: Counted) -> None:
    """The numbers of patients: one growing group, or not; an earlier report may have fewer."""
    if ours.patients is None or theirs.patients is None:
        return
    earlier = ours.year is not None and theirs.year is not None and ours.year < theirs.year
    later = ours.year is not None and theirs.year is not None and ours.year > theirs.year
    if ours.patients == theirs.patients:
        tally.add(SAME_NUMBER, f"{ours.patients} patients in both")
    elif ours.patients > theirs.patients and earlier:
        tally.add(SHRUNK_NUMBER, f"fewer patients: {theirs.patients} after {ours.patients}")
    elif ours.patients > theirs.patients:
        tally.add(GROWN_NUMBER, f"patients grew from {theirs.patients} to {ours.patients}")
    elif not later and earlier:
        tally.add(GROWN_NUMBER, f"earlier report: {ours.patients} patients, later {theirs.patients}")
    else:
        tally.add(SHRUNK_NUMBER, f"fewer patients: {ours.patients} after {theirs.patients}")


def weigh_times(tally: Tally, ours: Counted, theirs: Counted) -> None:
    """Periods of accrual, cut-offs and phases."""
    if ours.accrual and theirs.accrual:
        if ours.accrual.start == theirs.accrual.start:
            tally.add(SAME_ACCRUAL, f"accrual began in {_shown(ours.accrual.start)} in both")
        elif ours.accrual.start <= theirs.accrual.end and theirs.accrual.start <= ours.accrual.end:
            tally.add(OVERLAPPING_ACCRUAL, "periods of accrual overlap")
        else:
            tally.add(
                OTHER_ACCRUAL,
                f"accrual {_span(ours.accrual)}, not {_span(theirs.accrual)}",
            )
    if ours.cutoff and theirs.cutoff and ours.cutoff > theirs.cutoff:
        tally.add(LATER_CUTOFF, f"data cut-off {_shown(ours.cutoff)} after {_shown(theirs.cutoff)}")
    if ours.phases and theirs.phases:
        if ours.phases & theirs.phases:
            tally.add(SAME_PHASE, f"phase {'/'.join(sorted(ours.phases & theirs.phases))} in both")
        elif ours.patients != theirs.patients:
            names = "/".join(sorted(ours.phases)), "/".join(sorted(theirs.phases))
            tally.add(OTHER_PHASE, f"phase {names[0]}, not {names[1]}, and other numbers of patients")


def weigh_registration(tally: Tally, ours: Counted, registration: Mapping[str, str]) -> None:
    """The report against what the register prints of the study's trial: its start and its enrolment."""
    start = registration.get("start_date", "")[:4]
    if start.isdecimal() and ours.year is not None and ours.year < int(start):
        tally.add(BEFORE_START, f"published {ours.year}, the trial began {start}")
    enrolled = registration.get("enrolment", "")
    if enrolled.isdecimal() and int(enrolled) and ours.patients and ours.patients > OVER_ENROLMENT_BY * int(enrolled):
        tally.add(OVER_ENROLMENT, f"{ours.patients} patients, the register counts {enrolled}")


def _shown(month: int) -> str:
    return f"{month // 12}-{month % 12 + 1:02d}"


def _span(period: Period) -> str:
    return f"{_shown(period.start)} to {_shown(period.end)}"
