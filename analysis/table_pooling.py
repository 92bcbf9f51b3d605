"""Pooling a table by the measure, method, test and prediction interval that its reader asks for.

`METHODS` is the one list of what pools what. Names are metafor's; conventions are printed with every result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Final, Literal, cast

import numpy as np

from analysis.effects import Effects, Measure, TwoGroupMeasure, back_transform, counts, effect_sizes
from analysis.estimates import GLMM_LOGIT, MIN_STUDIES, NotPooled, ci_words, critical_value
from analysis.generic import GenericRow
from analysis.intervals import DEFAULT_LEVEL
from analysis.inverse_variance import pool_inverse_variance
from analysis.mantel_haenszel import MhMeasure, pool_mantel_haenszel
from analysis.peto import pool_peto
from analysis.pooling import pool
from analysis.stratified import StratifiedFit
from analysis.table import Table
from analysis.table_kinds import MEASURES, AnyRow, Kind
from analysis.tau2 import TAU2
from analysis.two_groups import TwoGroupRow, tables_of, two_group_effects
from db.errors import InputError
from db.model import Row

Test = Literal["z", "t", "knha"]
Prediction = Literal["z", "t", "riley"]
LOGARITHMS: Final = ("PLN", "RR", "OR", "PETO", "HR")
# A common effect needs no variance between studies, so two studies will do; MIN_STUDIES for the others.
MIN_STUDIES_COMMON: Final = 2
COMMON_EFFECT: Final = ("EE", "MH", "Peto")
TESTS: Final[dict[str, tuple[Test, ...]]] = {"GLMM": ("z", "t"), "MH": ("z",), "Peto": ("z",)}
# Methods that pool fewer measures than their kind of table has.
METHOD_MEASURES: Final[dict[tuple[Kind, str], tuple[str, ...]]] = {
    ("proportions", "GLMM"): ("PLO",),
    ("two groups", "MH"): ("RR", "OR", "RD"),
    ("two groups", "Peto"): ("PETO", "OR"),
}
SYNONYMS: Final = {"CE": "EE", "FE": "EE", "GENERIC": "GEN"}
TOO_FAR_APART: Final = (
    "these effects or their variances lie so far apart that their sums leave the numbers of the machine:"
    " look for a misplaced decimal point"
)


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for; None where nothing was. Measures and methods in any case of letters."""

    measure: str | None = None
    method: str | None = None
    test: str | None = None
    level: float = DEFAULT_LEVEL
    prediction: str | None = None

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


@dataclass(frozen=True, slots=True)
class TablePool:
    """A pooled effect on the scale of the measure, and `back` on the scale that people read.

    None where a model has no such number: `tau2` and `pi_*` of a common effect, `weights` of a GLMM; or where it is
    not finite: the statistic of an interval without width, a bound beyond the numbers of the machine.
    """

    k: int
    estimate: float
    se: float
    statistic: float | None
    p_value: float | None
    ci_lb: float
    ci_ub: float
    Q: float
    Q_df: int
    Q_p: float
    I2: float
    H2: float
    tau2: float | None = None
    pi_lb: float | None = None
    pi_ub: float | None = None
    weights: tuple[float, ...] | None = None  # percent, one a row in the order given
    tests: Mapping[str, Any] = field(default_factory=dict)  # of Mantel-Haenszel: CMH, Breslow-Day, Tarone
    back: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TableNotPooled:
    """No pooled effect, and why."""

    k: int
    reason: str


Pooler = Callable[[Sequence[Any], Choice], TablePool | TableNotPooled]


def settle(table: Table, options: Options) -> Choice:
    """The choices for a table: those asked for, else REML by a z test; for logits the GLMM by t, which has no knha.

    InputError for a name that there is not, for a level outside (0, 1), and for what does not go together.
    """
    if not (options.level > 0 and (1 + options.level) / 2 < 1):
        raise InputError(f"confidence level {options.level} cannot be; give a number between 0 and 1, such as 0.95")
    logits = table.kind == "proportions" and table.measure == "PLO"
    default = "GLMM" if logits and options.test != "knha" else "REML"
    offered = [method for kind, method in METHODS if kind == table.kind]
    method = _named(options.method, offered, f"method for {table.kind}") if options.method else default
    measure = "PETO" if method == "Peto" and not options.measure else table.measure
    _check_measure(measure, method, table.kind)
    test = options.test or ("t" if method == "GLMM" else "z")
    allowed = TESTS.get(method, ("z", "knha"))
    if test not in allowed:
        raise InputError(f"{method} has no test {test!r}; use {' or '.join(allowed)}")
    prediction = options.prediction or "t"
    if prediction not in ("z", "t", "riley"):
        raise InputError(f"unknown prediction interval {prediction!r}; use z, t or riley")
    if method in COMMON_EFFECT and options.prediction:
        raise InputError(f"{method} has one effect for all studies and predicts no new one: leave out --prediction")
    predicts = None if method in COMMON_EFFECT else cast(Prediction, prediction)
    return Choice(table.kind, measure, method, test, options.level, predicts)


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


def pool_rows(rows: Sequence[AnyRow], choice: Choice) -> TablePool | TableNotPooled:
    """Pool the rows of a table; too few studies, or no variation in the outcome, gives the reason instead.

    InputError where the method has no answer for these rows, or none that fits into floating point.
    """
    common = choice.method in COMMON_EFFECT
    needed = MIN_STUDIES_COMMON if common else MIN_STUDIES
    if len(rows) < needed:
        studies = "1 study" if len(rows) == 1 else f"{len(rows)} studies"
        hint = "" if common or choice.kind == "proportions" else f"; a common effect (EE) needs {MIN_STUDIES_COMMON}"
        return TableNotPooled(len(rows), f"{studies}: pooling by {choice.method} needs at least {needed}{hint}")
    with np.errstate(all="ignore"):
        try:
            found = METHODS[choice.kind, choice.method](rows, choice)
        except (ArithmeticError, np.linalg.LinAlgError) as error:  # weights that vanish beside each other
            raise InputError(TOO_FAR_APART) from error
        if isinstance(found, TableNotPooled):
            return found
        return _finite(_with_prediction(found, choice), rows, choice)


def pool_groups(rows: Sequence[AnyRow], choice: Choice) -> dict[str, TablePool | TableNotPooled]:
    """A separate pool (own tau2) for each group, in the order of their names; {} where the rows have no group."""
    names = sorted({row.group for row in rows})
    if names == [""]:
        return {}
    found: dict[str, TablePool | TableNotPooled] = {}
    for name in names:
        part = [row for row in rows if row.group == name]
        try:
            found[name] = pool_rows(part, choice)
        except InputError as error:
            found[name] = TableNotPooled(len(part), str(error))
    return found


def effects_of(rows: Sequence[AnyRow], choice: Choice) -> Effects:
    """The effects of the rows, with their sampling variances, on the scale of the measure."""
    if choice.kind == "proportions":
        proportions = [row for row in rows if isinstance(row, Row)]
        return effect_sizes(cast(Measure, choice.measure), *counts(proportions))
    if choice.kind == "two groups":
        found = tables_of([row for row in rows if isinstance(row, TwoGroupRow)])
        return two_group_effects(cast(TwoGroupMeasure, choice.measure), found)
    generic = [row for row in rows if isinstance(row, GenericRow)]
    yi, vi = np.array([row.yi for row in generic]), np.array([row.vi for row in generic])
    return Effects(cast(Any, choice.measure), yi, vi)


def to_back(value: float | None, rows: Sequence[AnyRow], choice: Choice) -> float | None:
    """A value on the scale that people read: ratios for logarithms, proportions for proportions; None if not finite."""
    if value is None:
        return None
    with np.errstate(all="ignore"):
        if choice.kind == "proportions":
            totals = [row.total for row in rows if isinstance(row, Row)]
            found = back_transform(cast(Measure, choice.measure), value, totals)
        else:
            found = float(np.exp(value)) if choice.measure in LOGARITHMS else value
    return found if np.isfinite(found) else None


def conventions(choice: Choice, df: int) -> list[str]:
    """How the intervals were made, for print: `df` is k - 1."""
    said = [ci_words(choice.level, "z" if choice.test == "z" else "t", df)]
    if choice.test == "knha":
        said[0] += ", Knapp-Hartung"
    if choice.prediction:
        name = {"z": "normal quantile", "t": f"t with {df} df (k − 1)", "riley": f"t with {max(df - 1, 1)} df (k − 2)"}
        said.append(f"{choice.level:.0%} prediction interval: {name[choice.prediction]}, SD √(τ² + SE²)")
    return said


def plain(found: TablePool | TableNotPooled) -> dict[str, Any]:
    """A pooled effect, or the reason for none, as JSON values told apart by `pooled`."""
    return {"pooled": isinstance(found, TablePool), **asdict(found)}


def _inverse_variance(rows: Sequence[AnyRow], choice: Choice) -> TablePool | TableNotPooled:
    if choice.kind == "proportions":
        x, n = counts([row for row in rows if isinstance(row, Row)])
        if x.sum() in (0, n.sum()):
            what = "no events" if x.sum() == 0 else "all events"
            return TableNotPooled(
                len(rows), f"{what} in every study: there is nothing to weigh; see each exact interval"
            )
    test: Literal["z", "knha"] = "knha" if choice.test == "knha" else "z"
    fit = pool_inverse_variance(effects_of(rows, choice), TAU2.get(choice.method), level=choice.level, test=test)
    body = {name: getattr(fit, name) for name in SHARED}
    tau2 = None if choice.method == "EE" else fit.tau2
    return TablePool(k=len(rows), tau2=tau2, weights=tuple(float(weight) for weight in fit.weights), **body)


def _mantel_haenszel(rows: Sequence[TwoGroupRow], choice: Choice) -> TablePool:
    return _stratified(pool_mantel_haenszel(cast(MhMeasure, choice.measure), tables_of(rows), level=choice.level))


def _peto(rows: Sequence[TwoGroupRow], choice: Choice) -> TablePool:
    return _stratified(pool_peto(tables_of(rows), level=choice.level))


def _stratified(fit: StratifiedFit) -> TablePool:
    named = {"CMH": fit.cmh, "Breslow-Day": fit.breslow_day, "Tarone": fit.tarone}
    tests = {name: asdict(test) for name, test in named.items() if test}
    body = {name: getattr(fit, name) for name in SHARED}
    return TablePool(k=fit.k, weights=tuple(float(weight) for weight in fit.weights), tests=tests, **body)


def _glmm_proportions(rows: Sequence[Row], choice: Choice) -> TablePool | TableNotPooled:
    fit = pool(rows, GLMM_LOGIT, level=choice.level, ci="z" if choice.test == "z" else "t")
    if isinstance(fit, NotPooled):
        return TableNotPooled(fit.k, fit.reason)
    body = {name: getattr(fit, name) for name in SHARED if name not in ("statistic", "p_value")}
    return TablePool(k=fit.k, tau2=fit.tau2, statistic=None, p_value=None, **body)


SHARED: Final = ("estimate", "se", "statistic", "p_value", "ci_lb", "ci_ub", "Q", "Q_df", "Q_p", "I2", "H2")
"""What the fits of the models call by the same names."""


def _with_prediction(found: TablePool, choice: Choice) -> TablePool:
    if choice.prediction is None or found.tau2 is None:
        return found
    df = found.k - (2 if choice.prediction == "riley" else 1)
    quantile = critical_value(choice.level, "z" if choice.prediction == "z" else "t", df)
    half = quantile * float(np.hypot(np.sqrt(found.tau2), found.se))
    return replace(found, pi_lb=found.estimate - half, pi_ub=found.estimate + half)


def _finite(found: TablePool, rows: Sequence[AnyRow], choice: Choice) -> TablePool:
    """With its back-transformation; InputError for an estimate that is no number."""
    if found.statistic is not None and not np.isfinite(found.statistic):
        found = replace(found, statistic=None)
    numbers = [getattr(found, one.name) for one in fields(found) if one.name not in ("weights", "tests", "back")]
    if not np.isfinite([number for number in numbers if number is not None]).all():
        raise InputError(TOO_FAR_APART)
    shown = ("estimate", "ci_lb", "ci_ub", "pi_lb", "pi_ub")
    return replace(found, back={name: to_back(getattr(found, name), rows, choice) for name in shown})


METHODS: Final[dict[tuple[Kind, str], Pooler]] = {
    ("proportions", "GLMM"): _glmm_proportions,
    ("two groups", "MH"): _mantel_haenszel,
    ("two groups", "Peto"): _peto,
    **{(kind, method): _inverse_variance for kind in MEASURES for method in ("EE", *TAU2)},
}
"""What pools which kind of table by which method: a new model is a new row here."""
