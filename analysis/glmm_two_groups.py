"""Two groups compared over studies by a GLMM for the odds ratio, as metafor's `rma.glmm(measure="OR")` does it.

    UM.FS  unconditional, a fixed log odds for each study       CM.AL  conditional on the events, binomial approximation
    UM.RS  unconditional, studies' log odds random as well      CM.EL  conditional on both margins, exact

Source: Jackson, Law, Stijnen, Viechtbauer & White, Stat Med 2018;37:1059. The likelihoods are in
`analysis.two_group_likelihoods`; what agrees with R, and what does not, is in validation/metafor/README.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, ndtr, stdtr

from analysis.effects import ZERO_CELL, Floats
from analysis.estimates import Quantile, ci_words, critical_value, prediction_words
from analysis.heterogeneity import h_squared, i_squared
from analysis.intervals import DEFAULT_LEVEL
from analysis.two_group_fits import FITS, Fit
from analysis.two_group_likelihoods import Tables
from db.errors import InputError

Model = Literal["UM.FS", "UM.RS", "CM.AL", "CM.EL"]
TITLES: Final[dict[str, str]] = {
    "UM.FS": "Binomial-normal GLMM for the odds ratio, unconditional, fixed study effects",
    "UM.RS": "Binomial-normal GLMM for the odds ratio, unconditional, random study effects",
    "CM.AL": "Conditional GLMM for the odds ratio, binomial approximation",
    "CM.EL": "Conditional GLMM for the odds ratio, non-central hypergeometric",
}
LARGEST_EXPONENT = 700.0  # e^700 is still a number


@dataclass(frozen=True, slots=True)
class TwoGroups:
    """A pooled odds ratio of group 1 against group 2; `estimate`, `se`, `ci_*`, `pi_*`, `tau2` on the log scale."""

    model: str
    k: int  # studies that say something of the odds ratio
    left_out: int  # studies with no event, or nothing but events, in both groups: they say nothing of it
    events1: int
    total1: int
    events2: int
    total2: int
    estimate: float
    se: float
    p_value: float
    ci_lb: float
    ci_ub: float
    pi_lb: float
    pi_ub: float
    odds_ratio: float  # the median study's, exp(estimate)
    odds_ratio_ci: tuple[float, float]
    odds_ratio_pi: tuple[float, float]
    tau2: float
    sigma2: float | None  # UM.RS only: variance of the studies' log odds
    I2: float  # percent, 0-100
    H2: float
    Q: float
    Q_df: int
    Q_p: float
    Q_test: str
    Q_wald: float | None  # None for UM.RS
    Q_wald_p: float | None
    loglik: float  # of what was maximised, with all constants
    conditional_loglik: float | None  # UM.FS and CM.AL: what metafor prints as logLik (validation/metafor/README.md)
    level: float
    ci_convention: str
    prediction_convention: str


def pool_two_groups(
    e1: ArrayLike,
    n1: ArrayLike,
    e2: ArrayLike,
    n2: ArrayLike,
    *,
    model: Model = "UM.FS",
    level: float = DEFAULT_LEVEL,
    ci: Quantile = "z",
) -> TwoGroups:
    """Pool the log odds ratio of `e1` events of `n1` patients against `e2` of `n2`; whole numbers of shape (k,).

    CI and prediction interval by normal quantiles as metafor's default, or by t with k - 1 df. Q is the
    likelihood-ratio test of one odds ratio for all against one for each study; `Q_wald` the Wald-type one. Studies
    without an event, or without a non-event, in both groups are left out (metafor's `drop00`). InputError for counts
    that cannot be, fewer than two informative studies, an odds ratio that is 0 or infinite in every study, or a
    likelihood without maximum.
    """
    if model not in TITLES:
        raise InputError(f"unknown model {model!r}; use one of {', '.join(TITLES)}")
    if not 0 < level < 1:
        raise InputError(f"confidence level {level} cannot be; give a number between 0 and 1, such as 0.95")
    given = _tables(e1, n1, e2, n2)
    tables = _informative(given)
    _refuse_separation(tables)
    fit = FITS[model](tables)
    return _result(model, tables, len(given.e1) - len(tables.e1), fit, level, ci)


def _tables(e1: ArrayLike, n1: ArrayLike, e2: ArrayLike, n2: ArrayLike) -> Tables:
    try:
        columns = [np.atleast_1d(np.asarray(column, float)) for column in (e1, n1, e2, n2)]
    except (TypeError, ValueError) as error:
        raise InputError("two-by-two tables: a count is no number; give events and totals as whole numbers") from error
    if len({column.shape for column in columns}) > 1 or columns[0].ndim != 1:
        raise InputError("two-by-two tables: the four columns differ in length; give one value a study in each")
    tables = Tables(*columns)
    for events, total, group in ((tables.e1, tables.n1, 1), (tables.e2, tables.n2, 2)):
        good = np.isfinite(events) & np.isfinite(total) & (total >= 1) & (events >= 0) & (events <= total)
        good &= (np.mod(events, 1, where=good, out=np.ones_like(events)) == 0) & (np.floor(total) == total)
        if not good.all():
            i = int(np.flatnonzero(~good)[0])
            raise InputError(
                f"study {i + 1}, group {group}: {events[i]:g} events of {total[i]:g} patients cannot be;"
                " events must be a whole number between 0 and a total of at least 1"
            )
    return tables


def _informative(tables: Tables) -> Tables:
    events, total = tables.e1 + tables.e2, tables.n1 + tables.n2
    keep = (events > 0) & (events < total)
    if keep.sum() < 2:
        raise InputError(
            f"{keep.sum()} of {len(keep)} studies have both events and non-events;"
            " an odds ratio with a variance between studies needs at least two"
        )
    return Tables(tables.e1[keep], tables.n1[keep], tables.e2[keep], tables.n2[keep])


def _refuse_separation(tables: Tables) -> None:
    """An infinite odds ratio in each study has no finite estimate, and 0 in some and infinity in the rest no tau2."""
    least = (tables.e1 == 0) | (tables.e2 == tables.n2)
    most = (tables.e2 == 0) | (tables.e1 == tables.n1)
    if np.all(least) or np.all(most):
        raise InputError(
            "the odds ratio is 0, or infinite, in every study: it has no finite estimate; report the counts"
        )
    if np.all(least | most):
        raise InputError(
            "the odds ratio is 0 or infinite in every study: the variance between studies has no bound;"
            " report the counts"
        )


def _result(model: str, tables: Tables, left_out: int, fit: Fit, level: float, ci: Quantile) -> TwoGroups:
    k, tau2 = len(tables.e1), fit.tau**2
    critical = critical_value(level, ci, k - 1)
    half, half_new = critical * fit.se, critical * float(np.sqrt(tau2 + fit.se**2))
    low, high, far_low, far_high = (fit.theta + move for move in (-half, half, -half_new, half_new))
    statistic = -abs(fit.theta / fit.se)
    vi = _sampling_variances(tables)
    Q = max(0.0, fit.Q)
    return TwoGroups(
        model=model,
        k=k,
        left_out=left_out,
        events1=int(tables.e1.sum()),
        total1=int(tables.n1.sum()),
        events2=int(tables.e2.sum()),
        total2=int(tables.n2.sum()),
        estimate=fit.theta,
        se=fit.se,
        p_value=float(2 * (ndtr(statistic) if ci == "z" else stdtr(k - 1, statistic))),
        ci_lb=low,
        ci_ub=high,
        pi_lb=far_low,
        pi_ub=far_high,
        odds_ratio=_exp(fit.theta),
        odds_ratio_ci=(_exp(low), _exp(high)),
        odds_ratio_pi=(_exp(far_low), _exp(far_high)),
        tau2=tau2,
        sigma2=fit.sigma2,
        I2=i_squared(tau2, vi),
        H2=h_squared(tau2, vi),
        Q=Q,
        Q_df=k - 1,
        Q_p=float(chdtrc(k - 1, Q)),
        Q_test="likelihood-ratio test",
        Q_wald=fit.Q_wald,
        Q_wald_p=None if fit.Q_wald is None else float(chdtrc(k - 1, fit.Q_wald)),
        loglik=fit.loglik,
        conditional_loglik=fit.conditional,
        level=level,
        ci_convention=ci_words(level, ci, k - 1),
        prediction_convention=prediction_words(level, ci, k - 1),
    )


def _sampling_variances(tables: Tables) -> Floats:
    """Of the log odds ratios, one half added to the cells of a table that has a 0, as `escalc` does."""
    cells = np.array([tables.e1, tables.n1 - tables.e1, tables.e2, tables.n2 - tables.e2])
    return np.asarray((1 / (cells + np.where(cells.min(axis=0) == 0, ZERO_CELL, 0.0))).sum(axis=0))


def _exp(value: float) -> float:
    return float(np.exp(np.clip(value, -LARGEST_EXPONENT, LARGEST_EXPONENT)))
