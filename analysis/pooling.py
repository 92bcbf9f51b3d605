"""The one door to the models: `pool(rows, model)`, with each study left out, and group by group."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from analysis.estimates import (
    FTT_DL,
    GLMM_LOGIT,
    MIN_STUDIES,
    MODEL_TITLES,
    NotPooled,
    Pooled,
    Quantile,
    not_pooled,
    too_few,
)
from analysis.glmm import pool_glmm
from analysis.intervals import DEFAULT_LEVEL
from analysis.inverse_variance import pool_freeman_tukey_dl, pool_inverse_variance
from db.errors import InputError
from db.model import Row

__all__ = [
    "FTT_DL",
    "GLMM_LOGIT",
    "MIN_STUDIES",
    "MODEL_TITLES",
    "NotPooled",
    "Pooled",
    "by_group",
    "leave_one_out",
    "pool",
    "pool_freeman_tukey_dl",
    "pool_glmm",
    "pool_inverse_variance",
]


def pool(
    rows: Sequence[Row],
    model: str = GLMM_LOGIT,
    *,
    level: float = DEFAULT_LEVEL,
    ci: Quantile = "t",
    min_studies: int = MIN_STUDIES,
) -> Pooled | NotPooled:
    """Pool `rows` by the model named; `ci` is the GLMM's choice of quantile, the published ftt-dl is always z.

    InputError for an unknown model, a level outside (0, 1), or rows that cannot be.
    """
    if not 0 < level < 1:
        raise InputError(f"confidence level {level} cannot be; give a number between 0 and 1, such as 0.95")
    if model == GLMM_LOGIT:
        return pool_glmm(rows, level=level, ci=ci, min_studies=min_studies)
    if model == FTT_DL:
        reason = too_few(rows, min_studies)
        if reason:
            return not_pooled(rows, reason, model=model, level=level)
        return pool_freeman_tukey_dl(rows, level=level)
    raise InputError(f"unknown model {model!r}; use one of {', '.join(MODEL_TITLES)}")


def leave_one_out(rows: Sequence[Row], model: str = GLMM_LOGIT) -> tuple[Pooled | NotPooled, ...]:
    """The pool without row i, for each i in order; InputError when that would leave no row."""
    return tuple(pool([*rows[:i], *rows[i + 1 :]], model) for i in range(len(rows)))


def by_group(rows: Sequence[Row], model: str = GLMM_LOGIT) -> dict[str, Pooled | NotPooled]:
    """A separate pool (own tau2) for each `group`, in the order of the groups' names."""
    ordered = sorted(rows, key=lambda row: row.group)
    return {group: pool(list(part), model) for group, part in groupby(ordered, key=lambda row: row.group)}
