"""Two-step models of proportions: effect sizes first, then REML with the Knapp-Hartung interval. Sensitivity analyses.

metafor's `rma(measure="PLO" | "PAS", xi, ni, method="REML", test="knha")`. A study with a zero cell gets 1/2 in both
cells on the logit, nothing on the arcsine. With totals below 50 and rates near 0 or 1 the two steps part from the
binomial model (Lin 2021, PMC8432281): that is why they stand beside it and not in its place.
"""

from __future__ import annotations

from collections.abc import Sequence

from analysis.effects import Measure, back_transform, effect_sizes
from analysis.estimates import (
    ARCSINE_REML_HK,
    LOGIT_REML_HK,
    MIN_STUDIES,
    NotPooled,
    Pooled,
    all_or_none,
    by_study,
    ci_words,
    not_pooled,
    prediction_words,
    too_few,
)
from analysis.intervals import DEFAULT_LEVEL
from analysis.inverse_variance import pool_inverse_variance
from analysis.tau2 import restricted_maximum_likelihood
from db.model import Row

MEASURES: dict[str, Measure] = {LOGIT_REML_HK: "PLO", ARCSINE_REML_HK: "PAS"}


def pool_reml_hk(
    rows: Sequence[Row], model: str, *, level: float = DEFAULT_LEVEL, min_studies: int = MIN_STUDIES
) -> Pooled | NotPooled:
    """Pool by a model of MEASURES: CI and prediction interval from t with k - 1 df, whatever the GLMM's quantile is.

    Rows of one `study` are summed first: two effect sizes of one study are not independent. NotPooled for fewer than
    `min_studies`, all or no events, or effects all equal (Knapp-Hartung then gives an interval of no width).
    `weights` are one a study, and None where rows were summed. InputError for rows that cannot be.
    """
    studies = by_study(rows)
    x, n = studies.x, studies.n
    measure = MEASURES[model]
    reason = too_few([Row(str(i), "", 0, 1) for i in range(len(x))], max(min_studies, 2)) or all_or_none(x, n)
    if reason:
        return not_pooled(rows, reason, model=model, level=level)
    effects = effect_sizes(measure, x, n)
    fit = pool_inverse_variance(effects, restricted_maximum_likelihood, level=level, test="knha")
    if fit.se == 0:
        why = "every study has the same effect, so the Knapp-Hartung interval would have no width"
        return not_pooled(rows, why, model=model, level=level)
    pi_lb, pi_ub = fit.prediction(level)
    ends = [back_transform(measure, end, n) for end in (fit.estimate, fit.ci_lb, fit.ci_ub, pi_lb, pi_ub)]
    return Pooled(
        model=model,
        k=len(x),
        events=int(x.sum()),
        total=int(n.sum()),
        estimate=fit.estimate,
        se=fit.se,
        ci_lb=fit.ci_lb,
        ci_ub=fit.ci_ub,
        pi_lb=pi_lb,
        pi_ub=pi_ub,
        proportion=ends[0],
        proportion_ci=(ends[1], ends[2]),
        proportion_pi=(ends[3], ends[4]),
        tau2=fit.tau2,
        I2=fit.I2,
        H2=fit.H2,
        Q=fit.Q,
        Q_df=fit.Q_df,
        Q_p=fit.Q_p,
        Q_test="Cochran's Q",
        weights=tuple(float(weight) for weight in fit.weights) if len(x) == len(rows) else None,
        level=level,
        ci_convention=f"{ci_words(level, 't', fit.Q_df)}, Knapp-Hartung",
        prediction_convention=prediction_words(level, "t", fit.Q_df),
    )
