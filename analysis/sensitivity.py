"""The sensitivity analyses that a protocol declares in words, read as models and data choices that the program knows.

What it does not know stays declared: `lsr pool` and the pages list it as not computed, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from analysis.dataset import ALL_PATIENTS, Dataset
from db.model import Row
from db.specs import OutcomeSpec

# Names of models stand here too, not imported: reading a protocol must not pay for scipy. A test holds them together.
MODELS = {
    "glmm-logit": "glmm-logit",
    "ftt-dl": "ftt-dl",
    "freeman-tukey-dl": "ftt-dl",
    "logit-reml-hk": "logit-reml-hk",
    "arcsine": "arcsine-reml-hk",
    "arcsine-reml-hk": "arcsine-reml-hk",
    "beta-binomial": "beta-binomial",
}
ARTICLES = "articles only"
FIRST_HAND = "first-hand data only"
NONE_HAD_IT = "unreported: none had it"
ALL_HAD_IT = "unreported: all had it"
LEAVE_ONE_OUT = "leave-one-out"
BOUNDS = (NONE_HAD_IT, ALL_HAD_IT)
CHOICES: dict[str, tuple[str, ...]] = {
    "articles-only": (ARTICLES,),
    "primary-data-only": (FIRST_HAND,),
    "first-hand-data-only": (FIRST_HAND,),
    "leave-one-out": (LEAVE_ONE_OUT,),
    "best/worst-case": BOUNDS,
    "best/worst-case-for-unreported": BOUNDS,
}
DENOMINATOR = "denominator "  # prefix of an analysis over another denominator
UNKNOWN = "not known to this program: it must be done by hand"


@dataclass(frozen=True, slots=True)
class Declared:
    """A protocol's sensitivity analyses; `written` keeps the protocol's own words for each name."""

    models: tuple[str, ...]
    choices: tuple[str, ...]
    denominators: tuple[str, ...]
    reproduction_only: frozenset[str]  # models declared for reproduction: they never enter a multiverse
    unknown: tuple[str, ...]


def declared(names: Sequence[str]) -> Declared:
    """Read the names as they stand in [synthesis] sensitivity; case, spaces and remarks in brackets do not matter."""
    models: list[str] = []
    choices: list[str] = []
    denominators: list[str] = []
    reproduction: set[str] = set()
    unknown: list[str] = []
    for name in names:
        key = re.sub(r"[\s_]+", "-", re.sub(r"\([^)]*\)", "", name).strip().casefold())
        over = re.fullmatch(r"(.+)-denominators?", key)
        if key in MODELS:
            models.append(MODELS[key])
            if "reproduction" in name.casefold():
                reproduction.add(MODELS[key])
        elif key in CHOICES:
            choices += CHOICES[key]
        elif over:
            denominators.append(over[1])
        else:
            unknown.append(name)
    return Declared(
        models=tuple(dict.fromkeys(models)),
        choices=tuple(dict.fromkeys(choices)),
        denominators=tuple(dict.fromkeys(denominators)),
        reproduction_only=frozenset(reproduction),
        unknown=tuple(dict.fromkeys(unknown)),
    )


def not_computed(said: Declared, outcome: OutcomeSpec, outcomes: Sequence[OutcomeSpec]) -> dict[str, str]:
    """{what is declared: why it is not computed for the outcome}; models that the program lacks are the caller's.

    A denominator is lacking only where none of the `outcomes` names it: those that do are computed over it.
    """
    found = dict.fromkeys(said.unknown, UNKNOWN)
    known = {name for one in outcomes for name in (one.denominator, *one.denominator_sensitivity)}
    for name in said.denominators:
        if name not in known:
            found[f"{DENOMINATOR}{name}"] = "no outcome names it in denominator_sensitivity"
    if outcome.denominator != ALL_PATIENTS:
        why = f"of a study that does not report, only the patients {ALL_PATIENTS} are known"
        found |= {name: why for name in said.choices if name in BOUNDS}
    return found


def chosen(dataset: Dataset, choice: str) -> tuple[Row, ...]:
    """The rows of the dataset under one choice of data.

    The bounds count the patients of every included study that does not report, held-out ones apart; a study whose
    patients nobody knows adds none.
    """
    if choice == ARTICLES:
        return tuple(row for row in dataset.rows if row.study in dataset.articles)
    if choice == FIRST_HAND:
        return tuple(row for row in dataset.rows if not row.second_hand)
    if choice in BOUNDS:
        silent = (m for m in dataset.missing if m.status != "held-out" and m.patients)
        bound = (Row(m.study, m.label, 0, m.patients or 0) for m in silent)
        return dataset.rows + tuple(replace(r, events=r.total) if choice == ALL_HAD_IT else r for r in bound)
    raise ValueError(f"no choice of rows: {choice}")
