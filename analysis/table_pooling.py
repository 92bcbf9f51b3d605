"""Pooling a table by the choice made for it (`analysis.table_choice`), too few studies giving the reason instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Final, Literal, cast

import numpy as np

from analysis.effects import Effects, Measure, TwoGroupMeasure, back_transform, counts, effect_sizes
from analysis.estimates import BETA_BINOMIAL, GLMM_LOGIT, MIN_STUDIES, NotPooled, critical_value
from analysis.generic import GenericRow
from analysis.glmm_two_groups import Model, pool_two_groups
from analysis.intervals import clopper_pearson
from analysis.inverse_variance import pool_inverse_variance
from analysis.mantel_haenszel import MhMeasure, pool_mantel_haenszel
from analysis.peto import pool_peto
from analysis.pooling import pool
from analysis.stratified import StratifiedFit
from analysis.table_choice import COMMON_EFFECT, LIKELIHOODS, LOGARITHMS, METHODS, MIN_STUDIES_COMMON, Choice
from analysis.table_kinds import AnyRow, Kind
from analysis.tau2 import TAU2
from analysis.two_groups import TwoGroupRow, tables_of, two_group_effects
from db.errors import InputError
from db.model import Row

TOO_FAR_APART: Final = (
    "these effects or their variances lie so far apart that their sums leave the numbers of the machine:"
    " look for a misplaced decimal point"
)


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
    details: Mapping[str, Any] = field(default_factory=dict)  # what only this model has, by its fit's names
    back: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TableNotPooled:
    """No pooled effect, and why. Of proportions the sum and its exact interval: they describe, they do not pool."""

    k: int
    reason: str
    events: int | None = None
    total: int | None = None
    proportion_ci: tuple[float, float] | None = None


Pooler = Callable[[Sequence[Any], Choice], TablePool | TableNotPooled]


def pool_rows(rows: Sequence[AnyRow], choice: Choice) -> TablePool | TableNotPooled:
    """Pool the rows of a table; too few studies, or no variation in the outcome, gives the reason instead.

    InputError where the method has no answer for these rows, or none that fits into floating point.
    """
    k = len({row.study for row in rows}) if choice.method in LIKELIHOODS else len(rows)
    common = choice.method in COMMON_EFFECT
    needed = MIN_STUDIES_COMMON if common else MIN_STUDIES
    if k < needed:
        studies = "1 study" if k == 1 else f"{k} studies"
        hint = "" if common or choice.kind == "proportions" else f"; a common effect (EE) needs {MIN_STUDIES_COMMON}"
        return not_pooled(rows, choice, f"{studies}: pooling by {choice.method} needs at least {needed}{hint}", k)
    with within_the_machine():
        found = POOLERS[choice.kind, choice.method](rows, choice)
        if isinstance(found, TableNotPooled):
            return not_pooled(rows, choice, found.reason, found.k)
        return _finite(_with_prediction(found, choice), rows, choice)


def not_pooled(rows: Sequence[AnyRow], choice: Choice, reason: str, k: int | None = None) -> TableNotPooled:
    """The refusal for `rows`, at the level of the choice; k is the number of rows where it is not given."""
    k = len(rows) if k is None else k
    counted = [row for row in rows if isinstance(row, Row)]
    if not counted:
        return TableNotPooled(k, reason)
    events, total = sum(row.events for row in counted), sum(row.total for row in counted)
    lower, upper = clopper_pearson(events, total, level=choice.level)
    return TableNotPooled(k, reason, events, total, (float(lower), float(upper)))


@contextmanager
def within_the_machine() -> Iterator[None]:
    """Arithmetic that warns of nothing; what leaves the numbers of the machine, or cannot be solved, is InputError."""
    with np.errstate(all="ignore"):
        try:
            yield
        except (ArithmeticError, np.linalg.LinAlgError) as error:  # weights that vanish beside each other
            raise InputError(TOO_FAR_APART) from error


def as_pooled(rows: Sequence[AnyRow], choice: Choice) -> list[AnyRow]:
    """The rows that a method weighs: arms of a study apart for a likelihood, else summed (within their group)."""
    if choice.method in LIKELIHOODS or not has_arms(rows):
        return list(rows)
    found: dict[tuple[str, str], Row] = {}
    for row in rows:
        if isinstance(row, Row):
            sofar = found.get((row.group, row.study), Row(row.study, row.study, 0, 0, row.group))
            events, total = sofar.events + row.events, sofar.total + row.total
            found[row.group, row.study] = replace(sofar, events=events, total=total)
    return list(found.values())


def has_arms(rows: Sequence[AnyRow]) -> bool:
    """Whether a study has several rows within its group."""
    return len({(row.group, row.study) for row in rows}) < len(rows)


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
            found[name] = not_pooled(part, choice, str(error))
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
    if value is None or not np.isfinite(value):
        return None
    with np.errstate(all="ignore"):
        if choice.kind == "proportions":
            totals = [row.total for row in rows if isinstance(row, Row)]
            found = back_transform(cast(Measure, choice.measure), value, totals)
        else:
            found = float(np.exp(value)) if choice.measure in LOGARITHMS else value
    return found if np.isfinite(found) else None


def plain(found: TablePool | TableNotPooled) -> dict[str, Any]:
    """A pooled effect, or the reason for none, as JSON values told apart by `pooled`."""
    return {"pooled": isinstance(found, TablePool), **asdict(found)}


def _inverse_variance(rows: Sequence[AnyRow], choice: Choice) -> TablePool | TableNotPooled:
    x, n = _counted(rows)
    if n and x in (0, n):  # what would be weighed is the 1/2 added to the cells
        what = "no events" if x == 0 else "all events"
        see = "see each exact interval" if choice.kind == "proportions" else "report the counts"
        return TableNotPooled(len(rows), f"{what} in every study: there is nothing to weigh; {see}")
    test: Literal["z", "knha"] = "knha" if choice.test == "knha" else "z"
    fit = pool_inverse_variance(effects_of(rows, choice), TAU2.get(choice.method), level=choice.level, test=test)
    body = {name: getattr(fit, name) for name in SHARED}
    tau2 = None if choice.method == "EE" else fit.tau2
    return TablePool(k=len(rows), tau2=tau2, weights=tuple(float(weight) for weight in fit.weights), **body)


def _counted(rows: Sequence[AnyRow]) -> tuple[int, int]:
    """(events, patients) over all rows and groups; (0, 0) of effects, which are no counts."""
    pairs = [(row.events, row.total) for row in rows if isinstance(row, Row)]
    for row in rows:
        if isinstance(row, TwoGroupRow):
            pairs += [(row.events1, row.total1), (row.events2, row.total2)]
    return sum(x for x, _ in pairs), sum(n for _, n in pairs)


def _mantel_haenszel(rows: Sequence[TwoGroupRow], choice: Choice) -> TablePool:
    return _stratified(pool_mantel_haenszel(cast(MhMeasure, choice.measure), tables_of(rows), level=choice.level))


def _peto(rows: Sequence[TwoGroupRow], choice: Choice) -> TablePool:
    return _stratified(pool_peto(tables_of(rows), level=choice.level))


def _stratified(fit: StratifiedFit) -> TablePool:
    named = {"CMH": fit.cmh, "Breslow-Day": fit.breslow_day, "Tarone": fit.tarone}
    tests = {name: asdict(test) for name, test in named.items() if test}
    body = {name: getattr(fit, name) for name in SHARED}
    return TablePool(k=fit.k, weights=tuple(float(weight) for weight in fit.weights), tests=tests, **body)


def _likelihood(model: str) -> Pooler:
    """A likelihood model of proportions; its arms share their study's random effect."""

    def fitted(rows: Sequence[Row], choice: Choice) -> TablePool | TableNotPooled:
        fit = pool(rows, model, level=choice.level, ci="z" if choice.test == "z" else "t")
        if isinstance(fit, NotPooled):
            return TableNotPooled(fit.k, fit.reason)
        body = {name: getattr(fit, name) for name in SHARED if name not in ("statistic", "p_value")}
        pi: dict[str, Any] = {} if model == GLMM_LOGIT else {"pi_lb": fit.pi_lb, "pi_ub": fit.pi_ub}
        names = ("population_average", "rho", "loglik", "Q_test", "Q_wald", "Q_wald_p", "rows")
        details = {name: getattr(fit, name) for name in names if getattr(fit, name) is not None}
        return TablePool(k=fit.k, tau2=fit.tau2, statistic=None, p_value=None, details=details, **pi, **body)

    return fitted


def _glmm_two_groups(rows: Sequence[TwoGroupRow], choice: Choice) -> TablePool | TableNotPooled:
    counted = ([getattr(row, name) for row in rows] for name in ("events1", "total1", "events2", "total2"))
    model = cast(Model, choice.glmm)
    fit = pool_two_groups(*counted, model=model, level=choice.level, ci="z" if choice.test == "z" else "t")
    if fit.k < MIN_STUDIES:
        why = f"{fit.k} of {len(rows)} studies have both events and non-events; pooling needs at least {MIN_STUDIES}"
        return TableNotPooled(fit.k, why)
    body = {name: getattr(fit, name) for name in SHARED if name != "statistic"}
    names = ("model", "left_out", "sigma2", "loglik", "Q_test", "Q_wald", "Q_wald_p")
    details = {name: getattr(fit, name) for name in names if getattr(fit, name) is not None}
    return TablePool(k=fit.k, tau2=fit.tau2, statistic=fit.estimate / fit.se, details=details, **body)


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
    numbers = [
        getattr(found, one.name) for one in fields(found) if one.name not in ("weights", "tests", "details", "back")
    ]
    if not np.isfinite([number for number in numbers if number is not None]).all():
        raise InputError(TOO_FAR_APART)
    shown = ("estimate", "ci_lb", "ci_ub", "pi_lb", "pi_ub")
    return replace(found, back={name: to_back(getattr(found, name), rows, choice) for name in shown})


POOLERS: Final[dict[tuple[Kind, str], Pooler]] = {
    **{(kind, method): _inverse_variance for kind in METHODS for method in ("EE", *TAU2)},
    ("proportions", "GLMM"): _likelihood(GLMM_LOGIT),
    ("proportions", BETA_BINOMIAL): _likelihood(BETA_BINOMIAL),
    ("two groups", "MH"): _mantel_haenszel,
    ("two groups", "Peto"): _peto,
    ("two groups", "GLMM"): _glmm_two_groups,
}
"""What pools which kind of table by which method of METHODS: a new model is a new row in both."""
