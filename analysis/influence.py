"""How much each study moves the pool: the case diagnostics of metafor's `influence`.

Source: Viechtbauer & Cheung, Res Synth Methods 2010;1:112. Agrees with metafor: tests/test_oracle_extras.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.special import chdtr

from analysis.effects import Effects
from analysis.inverse_variance import Fit, pool_inverse_variance
from analysis.sequence import study_names
from analysis.tau2 import Estimator, checked, restricted_maximum_likelihood
from db.errors import InputError

# A difference below this is rounding; metafor sets it to 0.
ROUNDING: Final = 100 * float(np.finfo(float).eps)
# The marks of an influential study, as metafor's `influence` draws them (Viechtbauer & Cheung 2010).
DFFITS_TIMES, COOK_PROBABILITY, HAT_TIMES, DFBETAS_LIMIT = 3.0, 0.5, 3.0, 1.0


@dataclass(frozen=True, slots=True)
class Influence:
    """One study's diagnostics; `tau2_del` and `QE_del` are of the pool without it, `weight` is percent."""

    label: str
    rstudent: float  # its effect, as deleted residual in standard errors
    dffits: float
    cook_d: float
    cov_r: float
    tau2_del: float
    QE_del: float
    hat: float
    weight: float
    dfbetas: float
    influential: bool


def influence(
    effects: Effects,
    estimator: Estimator | None = restricted_maximum_likelihood,
    *,
    labels: Sequence[str] = (),
) -> tuple[Influence, ...]:
    """The diagnostics of each of k >= 2 studies, for the model without moderators and its normal test.

    InputError for fewer studies, or where the pool without one of them cannot be had.
    """
    yi, _ = checked(effects.yi, effects.vi)
    if len(yi) < 2:
        raise InputError("the influence of an only study cannot be told: nothing is left without it; add another")
    full = pool_inverse_variance(effects, estimator)
    names = study_names(labels, len(yi))
    return tuple(_one(effects, full, place, name, estimator) for place, name in enumerate(names))


def _one(effects: Effects, full: Fit, place: int, label: str, estimator: Estimator | None) -> Influence:
    rest = replace(effects, yi=np.delete(effects.yi, place), vi=np.delete(effects.vi, place))
    without = pool_inverse_variance(rest, estimator)
    y, v, hat = float(effects.yi[place]), float(effects.vi[place]), float(full.weights[place]) / 100
    moved = full.estimate - without.estimate
    residual = y - without.estimate
    residual = 0.0 if abs(residual) < ROUNDING else residual
    dffits = moved / float(np.sqrt(hat * (without.tau2 + v)))
    cook_d = (moved / full.se) ** 2
    dfbetas = moved * float(np.sqrt(np.sum(1 / (effects.vi + without.tau2))))
    k = len(effects.yi)
    return Influence(
        label=label,
        rstudent=residual / float(np.sqrt(v + without.se**2 + without.tau2)),
        dffits=dffits,
        cook_d=cook_d,
        cov_r=(without.se / full.se) ** 2,
        tau2_del=without.tau2,
        QE_del=without.Q,
        hat=hat,
        weight=float(full.weights[place]),
        dfbetas=dfbetas,
        influential=bool(
            abs(dffits) > DFFITS_TIMES * np.sqrt(1 / (k - 1))
            or chdtr(1, cook_d) > COOK_PROBABILITY
            or hat > HAT_TIMES / k
            or abs(dfbetas) > DFBETAS_LIMIT
        ),
    )
