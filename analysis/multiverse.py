"""The multiverse: an outcome pooled under every combination of its readings and of the declared choices.

Steegen, Tuerlinckx, Gelman & Vanpaemel, Perspect Psychol Sci 2016;11:702. The range is a description, not an interval:
no combination is more probable than another. Choices are (1) for each study with an ambiguous cell, its readings;
(2) the denominators of the outcome; (3) the model and the sensitivity models, but none declared for reproduction only;
(4) which rows: all, and "articles only" or "first-hand data only" where declared; (5) which of overlapping studies is
kept, whoever chose (a study held out of the published analysis enters by its primary reading). Readings of role
"reproduction" never enter. Leave-one-out and the bounds for unreported outcomes are not among the choices: nobody would
publish them alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from math import prod
from random import Random
from typing import Any

from analysis.dataset import Dataset, Source, dataset
from analysis.estimates import NotPooled, Pooled
from analysis.estimation import fit
from analysis.pooling import available
from analysis.sensitivity import ARTICLES, FIRST_HAND, chosen, declared
from db.data import Value
from db.model import Row
from db.specs import OutcomeSpec, ProtocolSpec

EXACT = 5_000  # combinations: every one is fitted up to here (at some 10 ms each, under a minute)
SAMPLE = 1_000  # combinations drawn beyond it: a mean over half of them has a standard error of SD / 22
SEED = 20_160_911  # any number would do; a fixed one gives everybody the same sample
SECONDS = 60.0
ALL_ROWS = "all rows"
OVERLAP = "overlap"
AS_CHOSEN = "as the protocol's rule or two people chose"
PRIMARY = "the primary reading"  # which may have another name over each denominator

Picks = tuple[int, ...]  # for each choice the place of its option; all 0 is the published analysis


@dataclass(frozen=True, slots=True)
class Choice:
    """One choice and its options, the published one first. `study`: whose readings they are, or ""."""

    name: str
    options: tuple[str, ...]
    study: str = ""


@dataclass(frozen=True, slots=True)
class Universe:
    """One combination, as {choice: option}, with its estimate and CI as proportions."""

    picks: dict[str, str]
    proportion: float
    ci: tuple[float, float]
    k: int


@dataclass(frozen=True, slots=True)
class Mover:
    """How far one choice moves the estimate: `spread` between the means over its options, all other choices varying."""

    choice: str
    spread: float
    means: dict[str, float]


@dataclass(frozen=True, slots=True)
class Multiverse:
    """What was covered, the range of the estimate, and the choices that move it, most first."""

    outcome: str
    choices: tuple[Choice, ...]
    combinations: int
    covered: int  # combinations looked at; equal ones (the same rows and model) are fitted once
    fits: int
    how: str  # "exact", or "extremes by coordinate search and a seeded sample"
    out_of_time: bool
    not_pooled: int  # of those covered
    published: Universe | None
    lowest: Universe | None
    highest: Universe | None
    movers: tuple[Mover, ...]
    words: str


class _OutOfTime(Exception):  # noqa: N818 - no error: it ends a search
    pass


class _Explorer:
    """Fits combinations of one outcome, each set of rows and model once, until the time is over."""

    def __init__(self, space: _Space, spec: ProtocolSpec, stop: Callable[[], bool]) -> None:
        self.space, self.spec, self.stop = space, spec, stop
        self.seen: dict[Picks, Pooled | NotPooled] = {}
        self.fits: dict[tuple[str, tuple[Row, ...]], Pooled | NotPooled] = {}

    def __call__(self, picks: Picks) -> float | None:
        """The estimate of a combination, None where it is not pooled. The published one is fitted whatever the time."""
        if picks not in self.seen:
            model, rows = self.space.inputs(picks)
            if (model, rows) not in self.fits:
                if self.seen and self.stop():
                    raise _OutOfTime
                self.fits[model, rows] = fit(rows, model, self.spec.synthesis)
            self.seen[picks] = self.fits[model, rows]
        found = self.seen[picks]
        return found.proportion if isinstance(found, Pooled) else None


class _Space:
    """The choices of one outcome, and the rows and model that a combination of them stands for."""

    def __init__(self, known: Source, alternatives: Sequence[Value], outcome: OutcomeSpec, spec: ProtocolSpec) -> None:
        said = declared(spec.synthesis.sensitivity)
        self.known, self.outcome = known, outcome
        self.readings = _readings(known, alternatives, outcome)
        models = [m for m in said.models if m not in said.reproduction_only and available(m)]
        rows = [choice for choice in said.choices if choice in (ARTICLES, FIRST_HAND)]
        names = [study.label for study in known.studies]
        labels = {s.study: s.label if names.count(s.label) == 1 else f"{s.label} ({s.study})" for s in known.studies}
        self.keeping = self._keeping()
        self.choices = (
            *(Choice(f"reading of {labels[study]}", names, study) for study, names in self._names().items()),
            Choice(OVERLAP, (AS_CHOSEN, *self.keeping)),
            Choice("denominator", (outcome.denominator, *outcome.denominator_sensitivity)),
            Choice("model", tuple(dict.fromkeys([spec.synthesis.model, *models]))),
            Choice("rows", (ALL_ROWS, *rows)),
        )
        self.datasets: dict[Picks, Dataset] = {}

    def _names(self) -> dict[str, tuple[str, ...]]:
        """{study: its readings, the primary first}, in the order of the labels."""
        found = {}
        for study in self.known.studies:
            others = sorted({reading for (s, _, reading) in self.readings if s == study.study})
            if others:
                found[study.study] = (PRIMARY, *others)
        return found

    def _keeping(self) -> dict[str, str]:
        """{name: study} of the other choices of overlapping studies; the published one is not among them."""
        here = [study.study for study in self.known.studies]
        at = self.outcome.denominator
        given = {s for s in here if (value := self.known.value(self.outcome, at, s)) is not None and value.total}
        pooled = given - self.known.overlaps.held_out(here, given).keys()
        return {f"keeping {n}": s for n, s in self.known.overlaps.options(here, given) if s not in pooled}

    def inputs(self, picks: Picks) -> tuple[str, tuple[Row, ...]]:
        """The model and the rows of a combination."""
        *readings, overlap, denominator, model, rows = picks
        at = self.choices[-3].options[denominator]
        key = (*readings, overlap, denominator)
        if key not in self.datasets:
            picked = {c.study: c.options[p] for c, p in zip(self.choices, readings, strict=False) if p}
            found = {study: self._value(study, at, name) for study, name in picked.items()}
            values = {study: value for study, value in found.items() if value is not None}
            keep = [self.keeping[self.choices[-4].options[overlap]]] if overlap else []
            self.datasets[key] = dataset(self.known, self.outcome, at, values, keep)
        data, choice = self.datasets[key], self.choices[-1].options[rows]
        return self.choices[-2].options[model], data.rows if choice == ALL_ROWS else chosen(data, choice)

    def _value(self, study: str, denominator: str, reading: str) -> Value | None:
        """A study's other reading over a denominator; the main one's where the study gives none of its own there."""
        found = self.readings.get((study, denominator, reading))
        own = self.known.values.get((self.outcome.id, denominator, study))
        if found is None and (own is None or not own.total):
            return self.readings.get((study, self.outcome.denominator, reading))
        return found

    def name(self, picks: Picks) -> dict[str, str]:
        """A combination in words; overlap is among them only where studies overlap."""
        named = zip(self.choices, picks, strict=True)
        return {c.name: c.options[pick] for c, pick in named if c.name != OVERLAP or self.keeping}


def multiverse(
    known: Source,
    alternatives: Sequence[Value],
    outcome: OutcomeSpec,
    spec: ProtocolSpec,
    *,
    seconds: float = SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> Multiverse:
    """Pool `outcome` under its combinations: all of them up to EXACT, else the extremes and a sample of SAMPLE.

    The extremes are sought by changing one choice at a time, from the published analysis over each denominator, since
    some readings exist over one denominator only (a local search: a combination that beats them may exist).
    `seconds` is the budget; what is finished within it is always the same.
    """
    space = _Space(known, alternatives, outcome, spec)
    deadline = clock() + seconds
    explorer = _Explorer(space, spec, lambda: clock() >= deadline)
    sizes = [len(choice.options) for choice in space.choices]
    exact = prod(sizes) <= EXACT
    drawn: list[Picks] = []
    stopped = False
    try:
        explorer((0,) * len(sizes))
        if not exact:
            for sign, start in product((-1, 1), _starts(sizes)):
                _extreme(explorer, sizes, sign, start)
        for picks in _order(sizes) if exact else _sample(sizes):
            explorer(picks)
            drawn.append(picks)
    except _OutOfTime:
        stopped = True
    return _result(space, explorer, drawn, exact=exact, stopped=stopped)


def plain_multiverse(found: Multiverse) -> dict[str, Any]:
    """As JSON values."""
    return asdict(found)


def _readings(known: Source, alternatives: Sequence[Value], outcome: OutcomeSpec) -> dict[tuple[str, str, str], Value]:
    """{(study, denominator, reading): value} of the report, and the hand, whose primary reading is in the pool."""
    found: dict[tuple[str, str, str], Value] = {}
    held = {m.study for m in dataset(known, outcome, outcome.denominator).missing if m.status == "held-out"}
    for value in alternatives:
        own = known.values.get((outcome.id, value.denominator, value.study))
        mine = own is not None and (own.report, own.second_hand) == (value.report, value.second_hand)
        if value.outcome == outcome.id and mine and value.study not in held:
            found.setdefault((value.study, value.denominator, value.reading), value)
    used = (outcome.denominator, *outcome.denominator_sensitivity)
    return {key: value for key, value in found.items() if key[1] in used}


def _order(sizes: Sequence[int]) -> Iterator[Picks]:
    """Every combination, in a fixed shuffled order: what time cuts short is still a fair sample."""
    every = list(product(*(range(size) for size in sizes)))
    Random(SEED).shuffle(every)
    yield from every


def _sample(sizes: Sequence[int]) -> Iterator[Picks]:
    random = Random(SEED)
    for _ in range(SAMPLE):
        yield tuple(random.randrange(size) for size in sizes)


def _starts(sizes: Sequence[int]) -> Iterator[Picks]:
    """The published analysis, and the same over each other denominator (the last choice but two)."""
    for denominator in range(sizes[-3]):
        yield (*(0,) * (len(sizes) - 3), denominator, 0, 0)


def _extreme(explorer: _Explorer, sizes: Sequence[int], sign: int, at: Picks) -> None:
    """Change one choice at a time as long as the estimate rises (sign 1) or falls (sign -1)."""
    best = explorer(at)
    while True:
        before = best
        for place, size in enumerate(sizes):
            for option in range(size):
                tried = (*at[:place], option, *at[place + 1 :])
                value = explorer(tried)
                if value is not None and (best is None or sign * value > sign * best):
                    at, best = tried, value
        if best == before:
            return


def _result(space: _Space, explorer: _Explorer, drawn: list[Picks], *, exact: bool, stopped: bool) -> Multiverse:
    pooled = {picks: one for picks, one in explorer.seen.items() if isinstance(one, Pooled)}
    ends = sorted(pooled, key=lambda picks: (pooled[picks].proportion, picks))
    first = (0,) * len(space.choices)

    def universe(picks: Picks) -> Universe:
        one = pooled[picks]
        return Universe(space.name(picks), one.proportion, one.proportion_ci, one.k)

    combinations, covered = prod(len(choice.options) for choice in space.choices), len(explorer.seen)
    return Multiverse(
        outcome=space.outcome.id,
        choices=tuple(choice for choice in space.choices if len(choice.options) > 1),
        combinations=combinations,
        covered=covered,
        fits=len(explorer.fits),
        how="exact" if exact else "extremes by coordinate search and a seeded sample",
        out_of_time=stopped,
        not_pooled=covered - len(pooled),
        published=universe(first) if first in pooled else None,
        lowest=universe(ends[0]) if ends else None,
        highest=universe(ends[-1]) if ends else None,
        movers=_movers(space, [(picks, pooled[picks].proportion) for picks in drawn if picks in pooled]),
        words=_words(combinations, covered, exact=exact, stopped=stopped),
    )


def _movers(space: _Space, found: Sequence[tuple[Picks, float]]) -> tuple[Mover, ...]:
    """By the spread between the means over each choice's options; the extremes sought apart are not in the means."""
    movers = []
    for place, choice in enumerate(space.choices):
        values: dict[str, list[float]] = {}
        for picks, value in found:
            values.setdefault(choice.options[picks[place]], []).append(value)
        means = {option: sum(values[option]) / len(values[option]) for option in choice.options if option in values}
        if len(means) > 1:
            movers.append(Mover(choice.name, max(means.values()) - min(means.values()), means))
    return tuple(sorted(movers, key=lambda mover: (-mover.spread, mover.choice)))


def _words(combinations: int, covered: int, *, exact: bool, stopped: bool) -> str:
    """What was covered, for people."""
    cut = " before the time was over; the range may be wider" if stopped else ""
    if exact:
        return f"{covered:,} of {combinations:,} combinations{cut}" if stopped else f"all {combinations:,} combinations"
    return (
        f"{covered:,} of {combinations:,} combinations: the extremes by changing one choice at a time, and a sample"
        f"{cut or '; the range may be wider'}"
    )
