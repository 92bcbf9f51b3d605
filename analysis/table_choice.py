"""What a table is pooled by: measure, method, test, level and prediction interval, as asked for or by default.

Names are metafor's. `METHODS` is the one list of what pools what; `analysis.table_pooling` does it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from analysis.estimates import BETA_BINOMIAL, ci_words
from analysis.glmm_two_groups import TITLES as GLMM_MODELS
from analysis.intervals import DEFAULT_LEVEL
from analysis.table import Table
from analysis.table_kinds import MEASURES, Kind
from analysis.tau2 import TAU2
from db.errors import InputError

Test = Literal["z", "t", "knha"]
Prediction = Literal["z", "t", "riley"]
LOGARITHMS: Final = ("PLN", "RR", "OR", "PETO", "HR")
# A common effect needs no variance between studies, so two studies will do; MIN_STUDIES for the others.
MIN_STUDIES_COMMON: Final = 2
COMMON_EFFECT: Final = ("EE", "MH", "Peto")
BETA_BINOMIAL_METHOD: Final = BETA_BINOMIAL  # no name in metafor: ours, as in a protocol
LIKELIHOODS: Final = ("GLMM", BETA_BINOMIAL_METHOD)  # fitted to the counts: no yi and vi to weigh
TESTS: Final[dict[str, tuple[Test, ...]]] = {**dict.fromkeys(LIKELIHOODS, ("z", "t")), "MH": ("z",), "Peto": ("z",)}
DEFAULT_GLMM: Final = "UM.FS"  # metafor's
METHODS: Final[dict[Kind, tuple[str, ...]]] = {
    "proportions": ("GLMM", BETA_BINOMIAL_METHOD, "EE", *TAU2),
    "two groups": ("MH", "Peto", "GLMM", "EE", *TAU2),
    "generic": ("EE", *TAU2),
}
# Methods that pool fewer measures than their kind of table has.
METHOD_MEASURES: Final[dict[tuple[Kind, str], tuple[str, ...]]] = {
    ("proportions", "GLMM"): ("PLO",),
    ("proportions", BETA_BINOMIAL_METHOD): ("PLO",),
    ("two groups", "GLMM"): ("OR",),
    ("two groups", "MH"): ("RR", "OR", "RD"),
    ("two groups", "Peto"): ("PETO", "OR"),
}
SYNONYMS: Final = {"CE": "EE", "FE": "EE", "GENERIC": "GEN", "BB": BETA_BINOMIAL_METHOD}


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for; None where nothing was. Measures and methods in any case of letters."""

    measure: str | None = None
    method: str | None = None
    test: str | None = None
    level: float = DEFAULT_LEVEL
    prediction: str | None = None
    glmm: str | None = None

    @property
    def named_measure(self) -> str:
        """The measure by its own name, "" for none; InputError for one that there is not."""
        known = dict.fromkeys(name for names in MEASURES.values() for name in names)
        return _named(self.measure, known, "measure") if self.measure else ""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a table is pooled by, every choice made."""

    kind: Kind
    measure: str
    method: str
    test: Test
    level: float
    prediction: Prediction | None  # None for a common effect: it predicts no new study
    glmm: str = ""  # of two groups pooled by GLMM: UM.FS, UM.RS, CM.AL or CM.EL


def settle(table: Table, options: Options) -> Choice:
    """The choices for a table: those asked for, else REML by a z test; for logits the GLMM by t, which has no knha.

    InputError for a name that there is not, for a level outside (0, 1), and for what does not go together.
    """
    if not (options.level > 0 and (1 + options.level) / 2 < 1):
        raise InputError(f"confidence level {options.level} cannot be; give a number between 0 and 1, such as 0.95")
    logits = table.kind == "proportions" and table.measure == "PLO"
    default = "GLMM" if logits and options.test != "knha" else "REML"
    if options.glmm and not options.method and table.kind == "two groups":
        default = "GLMM"
    method = _named(options.method, METHODS[table.kind], f"method for {table.kind}") if options.method else default
    measure = "PETO" if method == "Peto" and not options.measure else table.measure
    _check_measure(measure, method, table.kind)
    test = options.test or ("t" if table.kind == "proportions" and method in LIKELIHOODS else "z")
    allowed = TESTS.get(method, ("z", "knha"))
    if test not in allowed:
        raise InputError(f"{method} has no test {test!r}; use {' or '.join(allowed)}")
    prediction = options.prediction or "t"
    if prediction not in ("z", "t", "riley"):
        raise InputError(f"unknown prediction interval {prediction!r}; use z, t or riley")
    if method in COMMON_EFFECT and options.prediction:
        raise InputError(f"{method} has one effect for all studies and predicts no new one: leave out --prediction")
    predicts = None if method in COMMON_EFFECT else cast(Prediction, prediction)
    if method == BETA_BINOMIAL_METHOD:
        if options.prediction:
            raise InputError(f"{method} predicts by the quantiles of its beta distribution: leave out --prediction")
        predicts = None
    return Choice(table.kind, measure, method, test, options.level, predicts, _glmm(options, table, method))


def _glmm(options: Options, table: Table, method: str) -> str:
    """The GLMM of two groups; InputError where one is asked for and none is fitted."""
    fits = table.kind == "two groups" and method == "GLMM"
    if options.glmm and not fits:
        raise InputError("--glmm chooses among the GLMMs of two groups: give a table of two groups and --method GLMM")
    return _named(options.glmm or DEFAULT_GLMM, GLMM_MODELS, "GLMM of two groups") if fits else ""


def _check_measure(measure: str, method: str, kind: Kind) -> None:
    fit = METHOD_MEASURES.get((kind, method), MEASURES[kind])
    if measure not in fit:
        raise InputError(f"{method} does not pool {measure}; it pools {', '.join(fit)}")


def _named(given: str, known: Sequence[str] | Mapping[str, Any], what: str) -> str:
    """A name as we spell it, from any case of letters or a synonym."""
    spelled = {name.casefold(): name for name in known}
    spelled |= {other.casefold(): name for other, name in SYNONYMS.items() if name in known}
    if given.casefold() not in spelled:
        raise InputError(f"unknown {what} {given!r}; use one of {', '.join(known)}")
    return spelled[given.casefold()]


def conventions(choice: Choice, df: int) -> list[str]:
    """How the intervals were made, for print: `df` is k - 1."""
    said = [ci_words(choice.level, "z" if choice.test == "z" else "t", df)]
    if choice.test == "knha":
        said[0] += ", Knapp-Hartung"
    if choice.method == BETA_BINOMIAL_METHOD:
        said.append(f"{choice.level:.0%} prediction interval: quantiles of the fitted beta distribution")
    if choice.prediction:
        name = {"z": "normal quantile", "t": f"t with {df} df (k − 1)", "riley": f"t with {max(df - 1, 1)} df (k − 2)"}
        said.append(f"{choice.level:.0%} prediction interval: {name[choice.prediction]}, SD √(τ² + SE²)")
    return said
