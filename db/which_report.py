"""Which report's data count where several reports of one study give an outcome: by the protocol, or by a person.

What never happens by itself: a report that is silent takes the place of a number; a report on a part of the patients
takes the place of an earlier one on all of them; a later report with fewer events takes the place of one with more.
The last is asked, since events that happened do not unhappen: a correction, another definition or a slip of the pen.
It is asked of values of one time point and one hand: a number copied from a table gives way to a report's own.
Cochrane Handbook 4.6.2 and 5.2.1 (one study, several reports); MECIR C42.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ALL = "all"  # the cohort of all patients of a study: the one that is pooled
DEFAULT = ("largest-total", "latest-report")  # where the protocol's [reports] prefer says nothing
NOT_ARTICLES = ("abstract", "congress", "proceeding", "preprint", "conference", "meeting", "posted")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A primary value in force, as view v_candidate gives it. Dates are ISO text and may be partial or ""."""

    outcome: str
    denominator: str
    study: str
    cohort: str
    status: str
    events: int | None
    total: int | None
    report: str
    timepoint: str
    reading: str
    second_hand: bool
    source_kind: str
    printed: str = ""
    data_cut: str = ""
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Word:
    """A person's last word on a report of a study: `mark` "counts" (for an outcome and cohort) or "subset"."""

    study: str
    report: str
    mark: str
    outcome: str
    cohort: str
    why: str
    person: str


@dataclass(frozen=True, slots=True)
class Chosen:
    """The value that counts, why it does, and each other value with why it does not.

    `question` is not empty where a person must say which of two reports counts; until then the earlier one does.
    """

    value: Candidate
    rule: str
    others: tuple[tuple[Candidate, str], ...] = ()
    question: str = ""


def choose_all(candidates: Iterable[Candidate], prefer: Sequence[str], words: Sequence[Word]) -> list[Chosen]:
    """One choice for each study, cohort, outcome and denominator, in that order of their names."""
    cells: dict[tuple[str, str, str, str], list[Candidate]] = {}
    for one in candidates:
        cells.setdefault((one.study, one.cohort, one.outcome, one.denominator), []).append(one)
    counts = {(w.study, w.outcome, w.cohort): w for w in words if w.mark == "counts"}
    subsets = {(w.study, w.report): w for w in words if w.mark == "subset"}
    return [
        choose(
            cell, prefer, counts.get((study, outcome, cohort)), {r: w for (s, r), w in subsets.items() if s == study}
        )
        for (study, cohort, outcome, _), cell in sorted(cells.items())
    ]


def choose(cell: Sequence[Candidate], prefer: Sequence[str], word: Word | None, subsets: Mapping[str, Word]) -> Chosen:
    """The value of one cell that counts; at least one candidate is needed. The order of `cell` does not matter."""
    ranks = [(name, RANKS[name]) for name in (*(prefer or DEFAULT), "latest-report")]
    ordered = sorted(cell, key=lambda one: (one.report, one.timepoint, one.reading, one.second_hand))
    ordered.sort(key=lambda one: one.report, reverse=True)  # what no rule tells apart: always the same
    for _, rank in reversed(ranks):
        ordered.sort(key=rank, reverse=True)
    ordered.sort(key=lambda one: (one.events is None, one.second_hand))
    numbers = [one for one in ordered if one.events is not None]
    if not numbers:
        return _told(ordered[0], "no report gives a number", ordered, {})
    if word is not None and (named := [one for one in numbers if one.report == word.report]):
        return _told(named[0], f"{word.person} chose it{f': {word.why}' if word.why else ''}", ordered, {})
    parts = _parts(numbers, subsets)
    whole = [one for one in numbers if one.report not in parts] or numbers
    unsaid = f" (the report that {word.person} chose gives no number)" if word is not None else ""
    first, question = _asked(whole)
    rule = _rule(first, [one for one in whole if one.report != first.report], ranks) if not question else (
        "the earlier value stays until a person says which counts")  # fmt: skip
    return _told(first, rule + unsaid, ordered, parts, question)


def _parts(numbers: Sequence[Candidate], subsets: Mapping[str, Word]) -> dict[str, str]:
    """{report: why it is on a part of the patients}: a person says so, or an earlier report has a larger total."""
    found = {}
    for one in numbers:
        larger = [e for e in numbers if earlier(e, one) and (e.total or 0) > (one.total or 0)]
        if (word := subsets.get(one.report)) is not None:
            found[one.report] = f"on a part of the patients, says {word.person}"
        elif larger:
            most = max(larger, key=lambda e: (e.total or 0, e.report))
            found[one.report] = f"{one.total} patients, {most.total} in an earlier report ({most.report})"
    return found


def _asked(whole: Sequence[Candidate]) -> tuple[Candidate, str]:
    """The first by the rules, unless an earlier one has more events: then that one, and the question."""
    first, question = whole[0], ""
    while True:
        same = [e for e in whole if (e.timepoint, e.second_hand) == (first.timepoint, first.second_hand)]
        more = [e for e in same if earlier(e, first) and (e.events or 0) > (first.events or 0)]
        if not more:
            return first, question
        question = (
            f"{first.report} gives {first.events}/{first.total}, fewer events than the earlier {more[0].report} "
            f"({more[0].events}/{more[0].total})"
        )
        first = more[0]  # earlier each time: it ends


def _rule(first: Candidate, others: Sequence[Candidate], ranks: Sequence[tuple[str, Rank]]) -> str:
    """The first rule by which the chosen value stands before each other report's."""
    if not others:
        return "the only report that gives a number"
    if not first.second_hand and all(one.second_hand for one in others):
        return "first hand before second"
    rivals = [one for one in others if one.second_hand == first.second_hand]
    for name, rank in ranks:
        if all(rank(first) > rank(one) for one in rivals):
            return f"{name}: {WORDS[name]}"
        rivals = [one for one in rivals if rank(first) == rank(one)]
    return "the reports are alike by every rule: the last by its id"


def _told(
    value: Candidate, rule: str, ordered: Sequence[Candidate], parts: Mapping[str, str], question: str = ""
) -> Chosen:
    others = tuple(
        (one, parts.get(one.report) or ("gives no number" if one.events is None else "stands behind by the rule"))
        for one in ordered
        if one != value
    )
    return Chosen(value, rule, others, question)


def earlier(one: Candidate, other: Candidate) -> bool:
    """Whether one report is surely older: by both data cut-offs, else by the dates they were printed.

    Dates are compared as far as both are known: of "2021" and "2021-05" neither is surely older.
    """
    a, b = (one.data_cut, other.data_cut) if one.data_cut and other.data_cut else (one.printed, other.printed)
    length = min(len(a), len(b))
    return bool(length) and a[:length] < b[:length]


def is_article(source_kind: str, types: Sequence[str]) -> bool:
    """Whether a value is an article's: by what the extractors said, else by the report's publication types.

    A report whose type nobody printed is no article: "articles only" must be sure of each.
    """
    if source_kind.startswith("primary-"):
        return source_kind == "primary-article"
    return bool(types) and not any(word in kind.casefold() for kind in types for word in NOT_ARTICLES)


Rank = Callable[[Candidate], Any]  # of one rule always of one type: a number, a text or a truth
RANKS: dict[str, Rank] = {
    "largest-total": lambda one: one.total or 0,
    "latest-data-cut": lambda one: one.data_cut or one.printed,  # not reported: the report's date (data dictionary)
    "article": lambda one: is_article(one.source_kind, one.types),
    "latest-report": lambda one: one.printed,
}
WORDS = {
    "largest-total": "it counts the most patients",
    "latest-data-cut": "its data are the latest",
    "article": "an article before an abstract or preprint",
    "latest-report": "it was printed last",
}
