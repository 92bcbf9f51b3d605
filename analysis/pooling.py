"""The one door to the models of proportions: `pool(rows, model)`, and group by group."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import groupby

from analysis.effects import counts
from analysis.estimates import (
    ARCSINE_REML_HK,
    BETA_BINOMIAL,
    FTT_DL,
    GLMM_LOGIT,
    LOGIT_REML_HK,
    MIN_STUDIES,
    MODEL_TITLES,
    NotPooled,
    Pooled,
    Quantile,
    all_or_none,
    not_pooled,
    too_few,
)
from analysis.glmm import pool_glmm
from analysis.intervals import DEFAULT_LEVEL
from analysis.inverse_variance import pool_freeman_tukey_dl, pool_inverse_variance
from analysis.two_step import pool_reml_hk
from db.errors import InputError
from db.model import Row

__all__ = [
    "ARCSINE_REML_HK",
    "BETA_BINOMIAL",
    "FTT_DL",
    "GLMM_LOGIT",
    "LOGIT_REML_HK",
    "MIN_STUDIES",
    "MODEL_TITLES",
    "NotPooled",
    "Pooled",
    "available",
    "by_group",
    "pool",
    "pool_freeman_tukey_dl",
    "pool_glmm",
    "pool_inverse_variance",
    "pool_reml_hk",
]

_BETA_BINOMIAL_MODULE = "analysis.beta_binomial"


def pool(
    rows: Sequence[Row],
    model: str = GLMM_LOGIT,
    *,
    level: float = DEFAULT_LEVEL,
    ci: Quantile = "t",
    min_studies: int = MIN_STUDIES,
) -> Pooled | NotPooled:
    """Pool `rows` by the model named (a key of MODEL_TITLES).

    `ci` is the quantile of the GLMM and of the beta-binomial; the published ftt-dl is always z, the Knapp-Hartung
    models always t. InputError for an unknown model, a level outside (0, 1), or rows that cannot be.
    """
    if not 0 < level < 1:
        raise InputError(f"confidence level {level} cannot be; give a number between 0 and 1, such as 0.95")
    if model == GLMM_LOGIT:
        return pool_glmm(rows, level=level, ci=ci, min_studies=min_studies)
    if model == FTT_DL:
        reason = too_few(rows, min_studies) or all_or_none(*counts(rows))
        if reason:
            return not_pooled(rows, reason, model=model, level=level)
        return pool_freeman_tukey_dl(rows, level=level)
    if model in (LOGIT_REML_HK, ARCSINE_REML_HK):
        return pool_reml_hk(rows, model, level=level, min_studies=min_studies)
    if model == BETA_BINOMIAL and available(model):
        found: Pooled | NotPooled = importlib.import_module(_BETA_BINOMIAL_MODULE).pool_beta_binomial(
            rows, level=level, ci=ci, min_studies=min_studies
        )
        return found
    raise InputError(f"unknown model {model!r}; use one of {', '.join(filter(available, MODEL_TITLES))}")


def available(model: str) -> bool:
    """Whether this program can fit the model."""
    return model in MODEL_TITLES and (model != BETA_BINOMIAL or find_spec(_BETA_BINOMIAL_MODULE) is not None)


def by_group(rows: Sequence[Row], model: str = GLMM_LOGIT) -> dict[str, Pooled | NotPooled]:
    """A separate pool (own tau2) for each `group`, in the order of the groups' names."""
    ordered = sorted(rows, key=lambda row: row.group)
    return {group: pool(list(part), model) for group, part in groupby(ordered, key=lambda row: row.group)}
