"""What a pooling gives: an estimate, or the reason why there is none. Names of the models stand here, once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.special import ndtri, stdtrit

from analysis.effects import Floats, counts
from analysis.intervals import DEFAULT_LEVEL, clopper_pearson
from analysis.quadrature import log_choose
from db.model import Row

GLMM_LOGIT = "glmm-logit"
FTT_DL = "ftt-dl"
LOGIT_REML_HK = "logit-reml-hk"
ARCSINE_REML_HK = "arcsine-reml-hk"
BETA_BINOMIAL = "beta-binomial"
MODEL_TITLES = {
    GLMM_LOGIT: "Random effects: binomial-normal GLMM, logit link, maximum likelihood",
    FTT_DL: "Random effects: DerSimonian-Laird on the Freeman-Tukey double arcsine",
    LOGIT_REML_HK: "Random effects: REML on the logit, Knapp-Hartung interval",
    ARCSINE_REML_HK: "Random effects: REML on the arcsine square root, Knapp-Hartung interval",
    BETA_BINOMIAL: "Random effects: beta-binomial, maximum likelihood",
}
# Below three studies a variance between studies is a guess: one degree of freedom or none.
MIN_STUDIES = 3
# A prediction interval from fewer studies is too wide or too uncertain to print (IntHout, BMJ Open 2016;6:e010247).
MIN_STUDIES_PREDICTION = 5

Quantile = Literal["t", "z"]


@dataclass(frozen=True, slots=True)
class Pooled:
    """One pooled proportion. `estimate`, `ci_*`, `pi_*`, `se`, `tau2` are on the model's scale."""

    model: str
    k: int
    events: int
    total: int
    estimate: float
    se: float
    ci_lb: float
    ci_ub: float
    pi_lb: float | None  # None for a common-effect model: it predicts no new study
    pi_ub: float | None
    proportion: float  # back-transformed; for the GLMM the median study's, expit(mu)
    proportion_ci: tuple[float, float]
    proportion_pi: tuple[float, float] | None
    tau2: float
    I2: float  # percent, 0-100
    H2: float
    Q: float
    Q_df: int
    Q_p: float
    Q_test: str  # which test of heterogeneity Q is
    weights: tuple[float, ...] | None  # percent, one a row in the order given; None where the model has none
    level: float
    ci_convention: str
    prediction_convention: str
    population_average: float | None = None  # GLMM only: E[expit(mu + tau Z)]
    loglik: float | None = None  # marginal log-likelihood, GLMM only
    conditional_loglik: float | None = None  # the one metafor prints for a GLMM (validation/metafor/README.md)
    Q_wald: float | None = None  # the Wald-type test beside the likelihood-ratio one, GLMM only
    Q_wald_p: float | None = None
    rows: int | None = None  # arms; k counts the independent studies that they belong to. None: one row a study
    rho: float | None = None  # beta-binomial only: the correlation of two patients of one study


@dataclass(frozen=True, slots=True)
class Studies:
    """Rows summed over the arms of each study: `x` of `n`, shape (k,), in the order of their first rows."""

    x: Floats
    n: Floats
    rows: int
    constant: float  # log-likelihood of the rows less that of the sums, one proportion a study: no parameter in it


@dataclass(frozen=True, slots=True)
class NotPooled:
    """No pooled estimate, and why. The sum over the studies and its exact CI describe; they do not pool."""

    k: int
    events: int
    total: int
    proportion_ci: tuple[float, float]  # Clopper-Pearson of events / total
    reason: str
    model: str = ""
    rows: int | None = None  # as in Pooled


def not_pooled(rows: Sequence[Row], reason: str, *, model: str = "", level: float = DEFAULT_LEVEL) -> NotPooled:
    """The refusal for `rows`, with the exact CI of their sum; InputError for rows that cannot be."""
    x, n = counts(rows)
    lower, upper = clopper_pearson(x.sum(), n.sum(), level=level)
    interval = (float(lower), float(upper))
    return NotPooled(_studies(rows), int(x.sum()), int(n.sum()), interval, reason, model, len(rows))


def by_study(rows: Sequence[Row]) -> Studies:
    """The arms of each study summed; InputError for rows that cannot be."""
    x, n = counts(rows)
    index = {study: i for i, study in enumerate(dict.fromkeys(row.study for row in rows))}
    if len(index) == len(rows):
        return Studies(x, n, len(rows), 0.0)
    at = [index[row.study] for row in rows]
    sum_x, sum_n = (np.asarray(np.bincount(at, weights=counted), float) for counted in (x, n))
    return Studies(sum_x, sum_n, len(rows), float(log_choose(x, n).sum() - log_choose(sum_x, sum_n).sum()))


def too_few(rows: Sequence[Row], min_studies: int) -> str | None:
    """Why the studies of `rows` are too few to pool, or None. Arms of one study are no further study."""
    k = _studies(rows)
    if k >= min_studies:
        return None
    studies = "1 study" if k == 1 else f"{k} studies"
    return f"{studies} reported; pooling needs at least {min_studies}"


def all_or_none(x: Floats, n: Floats) -> str | None:
    """Why `x` of `n` gets no diamond where no patient, or every patient, has the event; or None."""
    if np.all(x == n):
        return "every study has events in all its patients"
    return "no study has an event" if np.all(x == 0) else None


def critical_value(level: float, quantile: Quantile, df: int) -> float:
    """The two-sided critical value of the normal or of Student's t with max(`df`, 1) degrees of freedom."""
    tail = (1 + level) / 2
    return float(ndtri(tail)) if quantile == "z" else float(stdtrit(max(df, 1), tail))


def ci_words(level: float, quantile: Quantile, df: int) -> str:
    """The convention of a confidence interval, as plots and tables print it."""
    return f"{level:.0%} CI: " + ("normal quantile" if quantile == "z" else f"t with {df} df (k − 1)")


def prediction_words(level: float, quantile: Quantile, df: int) -> str:
    """The convention of a prediction interval, as plots and tables print it."""
    name = "normal quantile" if quantile == "z" else f"t with {df} df (k − 1)"
    return f"{level:.0%} prediction interval: {name}, standard deviation √(τ² + SE²)"


def shared_conventions(estimates: Iterable[Mapping[str, Any]]) -> list[str]:
    """How the intervals of several estimates (as plain values) were made, each convention once, without its df.

    Where a figure is a median study's and not the mean over studies, the last line says which is which.
    """
    pooled = [one for one in estimates if one["pooled"]]
    said = [re.sub(r"\d+ df \(k − 1\)", "k − 1 df", one[name])
            for one in pooled for name in ("ci_convention", "prediction_convention")]  # fmt: skip
    if any(one.get("population_average") is not None for one in pooled):
        said.append("%: the median study's, the inverse logit of the pooled mean; mean: over studies, where tau2 > 0")
    return list(dict.fromkeys(said))


def _studies(rows: Sequence[Row]) -> int:
    return len({row.study for row in rows})
