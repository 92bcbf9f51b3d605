"""Subgroups side by side, and a test between them only where there are enough studies to make one.

Sources: Borenstein et al., Introduction to Meta-Analysis 2009, ch. 19 (separate and common tau2); metafor, "Comparing
estimates of independent meta-analyses or subgroups", whose two ways agree with these: tests/test_oracle_extras.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from analysis.effects import Effects, Floats
from analysis.estimates import critical_value
from analysis.heterogeneity import cochran_q
from analysis.intervals import DEFAULT_LEVEL
from analysis.inverse_variance import Test, pool_inverse_variance
from analysis.meta_regression import Regression, meta_regression
from analysis.tau2 import Estimator, checked, residuals, restricted_maximum_likelihood
from db.errors import InputError

UnitOf = Literal["study", "patient"]
Tau2 = Literal["separate", "common"]

# Cochrane Handbook 10.11.5.1: at least ten studies for each characteristic that is modelled.
MIN_STUDIES: Final = 10
# Fu et al., J Clin Epidemiol 2011;64:1187: at least four studies in each subgroup of a categorical characteristic.
MIN_PER_LEVEL: Final = 4


@dataclass(frozen=True, slots=True)
class Subgroup:
    """One level's pooled mean, on the scale of the effects; tau2 is its own, or the common one."""

    name: str
    k: int
    estimate: float
    se: float
    ci_lb: float
    ci_ub: float
    tau2: float
    Q: float
    Q_df: int
    Q_p: float


@dataclass(frozen=True, slots=True)
class Subgroups:
    """Levels of one characteristic. `level` tells whose it is: the studies', or the patients' within them.

    Without a test the four figures of it are None and `not_tested` says why. QE and R2 come with a common tau2 only.
    """

    level: UnitOf
    tau2_is: Tau2
    groups: tuple[Subgroup, ...]
    k: int
    Q_between: float | None  # chi-squared with df; under Knapp-Hartung and a common tau2 F with df and df2
    df: int | None
    df2: int | None
    p_value: float | None
    QE: float | None
    R2: float | None
    not_tested: str
    confidence: float


def subgroups(
    effects: Effects,
    groups: Sequence[str],
    estimator: Estimator | None = restricted_maximum_likelihood,
    *,
    level: UnitOf,
    tau2: Tau2 = "separate",
    test: Test = "z",
    confidence: float = DEFAULT_LEVEL,
    min_studies: int = MIN_STUDIES,
    min_per_level: int = MIN_PER_LEVEL,
) -> Subgroups:
    """Pool the effects by `groups`, the name of each one's level; levels in the order of their names.

    InputError for fewer than two levels, an effect without one, a common tau2 of too few studies, or an unknown word.
    """
    yi, vi = checked(effects.yi, effects.vi)
    names = _levels(groups, len(yi))
    if level not in get_args(UnitOf) or tau2 not in get_args(Tau2):
        raise InputError(f"subgroups of level {level!r} with {tau2!r} tau2: use study or patient, separate or common")
    member = np.array(list(groups), object)
    regression = None
    if tau2 == "separate":
        found = [_own(effects, member == name, name, estimator, test, confidence) for name in names]
        within = [(group.estimate, group.se) for group in found]
    else:
        dummies = {name: (member == name).astype(float) for name in names}
        regression = meta_regression(
            effects, {name: dummies[name] for name in names[1:]}, estimator, test=test, level=confidence
        )
        found = _common(yi, vi, dummies, regression)
        within = []
    reason = not_tested([group.k for group in found], min_studies=min_studies, min_per_level=min_per_level)
    Q, df, df2, p_value = (None, None, None, None) if reason else _between(within, regression)
    return Subgroups(
        level=level,
        tau2_is=tau2,
        groups=tuple(found),
        k=len(yi),
        Q_between=Q,
        df=df,
        df2=df2,
        p_value=p_value,
        QE=regression.QE if regression else None,
        R2=regression.R2 if regression else None,
        not_tested=reason,
        confidence=confidence,
    )


def one_table(results: Sequence[Subgroups]) -> tuple[Subgroups, ...]:
    """The results as rows of one table; InputError when some are of studies and some of patients within studies.

    A difference between studies says nothing of patients within them (Berlin et al., Stat Med 2002;21:371).
    """
    if len({result.level for result in results}) > 1:
        raise InputError("subgroups of studies and of patients within studies stand in one table: make a table of each")
    return tuple(results)


def _levels(groups: Sequence[str], k: int) -> list[str]:
    if len(groups) != k:
        raise InputError(f"{len(groups)} groups for {k} effects: name one for each")
    if not all(isinstance(name, str) and name for name in groups):
        raise InputError("an effect stands in no group: name its group, or leave it out")
    names = sorted(set(groups))
    if len(names) < 2:
        raise InputError(f"all effects stand in group {names[0]!r}: subgroups need two")
    return names


def _own(
    effects: Effects, member: NDArray[np.bool_], name: str, estimator: Estimator | None, test: Test, level: float
) -> Subgroup:
    part = replace(effects, yi=effects.yi[member], vi=effects.vi[member])
    fit = pool_inverse_variance(part, estimator, level=level, test=test)
    return Subgroup(name, len(part.yi), fit.estimate, fit.se, fit.ci_lb, fit.ci_ub, fit.tau2, fit.Q, fit.Q_df, fit.Q_p)


def _common(yi: Floats, vi: Floats, dummies: dict[str, Floats], regression: Regression) -> list[Subgroup]:
    """Each level's weighted mean with the tau2 they share."""
    df = regression.QE_df
    wi = 1 / (vi + regression.tau2)
    scale = 1.0
    if regression.test == "knha":
        scale = residuals(yi, vi, regression.tau2, np.column_stack(list(dummies.values()))).rss / df
    critical = critical_value(regression.level, "z" if regression.test == "z" else "t", df)
    found = []
    for name, dummy in dummies.items():
        inside = dummy > 0
        weight = float(wi[inside].sum())
        mean, se = float(wi[inside] @ yi[inside]) / weight, float(np.sqrt(scale / weight))
        k, q = int(inside.sum()), cochran_q(yi[inside], vi[inside])
        p_value = float(chdtrc(k - 1, q)) if k > 1 else 1.0
        half = critical * se
        found.append(Subgroup(name, k, mean, se, mean - half, mean + half, regression.tau2, q, k - 1, p_value))
    return found


def not_tested(sizes: Sequence[int], *, min_studies: int = MIN_STUDIES, min_per_level: int = MIN_PER_LEVEL) -> str:
    """Why subgroups of these sizes (studies) are not tested against each other, or "" where they may be."""
    if sum(sizes) < min_studies:
        return f"not tested: {sum(sizes)} studies, a test between subgroups needs {min_studies} (Cochrane Handbook)"
    if min(sizes) < min_per_level:
        return f"not tested: a subgroup of {min(sizes)}, each needs {min_per_level} studies (Fu 2011)"
    return ""


def _between(
    within: list[tuple[float, float]], regression: Regression | None
) -> tuple[float | None, int | None, int | None, float | None]:
    """The levels' means against each other, or all dummies of the regression against 0."""
    if regression:
        return regression.QM, regression.QM_df, regression.QM_df2, regression.QM_p
    Q, df, p_value = between(within)
    return Q, df, None, p_value


def between(within: Sequence[tuple[float, float]]) -> tuple[float | None, int, float | None]:
    """Independent estimates with their standard errors against each other: chi-squared, its df, p.

    None for both figures where an error is 0. This is metafor's way for models fitted to each subgroup apart.
    """
    means, errors = (np.array(column) for column in zip(*within, strict=True))
    df = len(means) - 1
    if not errors.all():
        return None, df, None
    q = cochran_q(means, errors**2)
    return q, df, float(chdtrc(df, q))
