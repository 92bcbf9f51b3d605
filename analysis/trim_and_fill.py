"""Trim and fill: what the pool would be if the studies that an asymmetric funnel seems to lack were there.

Agrees with metafor's `trimfill`: tests/test_oracle_extras.py. Sources: Duval & Tweedie, J Am Stat Assoc 2000;95:89
(R0, L0), Biometrics 2000;56:455. A sensitivity analysis: between-study variance alone makes funnels asymmetric.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

import numpy as np

from analysis.effects import Effects, Floats
from analysis.intervals import DEFAULT_LEVEL
from analysis.inverse_variance import pool_inverse_variance
from analysis.meta_regression import meta_regression
from analysis.small_study import all_equal
from analysis.tau2 import Estimator, checked, restricted_maximum_likelihood
from db.errors import InputError

Missing = Literal["L0", "R0"]
Side = Literal["left", "right"]

# metafor's `maxiter`: the number of missing studies settles in a few rounds or never.
MAX_ROUNDS: Final = 100


@dataclass(frozen=True, slots=True)
class TrimAndFill:
    """The pool with `missing` imputed studies added on `side`; with none it is the pool as it was."""

    estimator_of_missing: Missing
    k: int
    missing: int
    side: Side
    estimate: float
    se: float
    ci_lb: float
    ci_ub: float
    tau2: float
    filled_yi: tuple[float, ...]
    filled_vi: tuple[float, ...]


def trim_and_fill(
    effects: Effects,
    estimator: Estimator | None = restricted_maximum_likelihood,
    *,
    missing: Missing = "L0",
    side: Side | None = None,
    level: float = DEFAULT_LEVEL,
) -> TrimAndFill:
    """Trim the fuller side until the number of missing studies settles, then mirror what was trimmed.

    `side` is where studies are missing; without it Egger's slope tells. InputError for fewer than three studies, equal
    variances when the side must be told, a number that does not settle, or R0 where no effect lies on that side.
    """
    yi, vi = checked(effects.yi, effects.vi)
    if missing not in get_args(Missing) or side not in (None, *get_args(Side)):
        raise InputError(f"trim and fill by {missing!r} on side {side!r}: use L0 or R0, and left or right")
    if len(yi) < 3:
        raise InputError(f"trim and fill needs three studies, not {len(yi)}")
    side = side or _side(effects, estimator)
    sign = -1.0 if side == "right" else 1.0
    places = np.argsort(sign * yi, kind="stable")
    sorted_effects = replace(effects, yi=sign * yi[places], vi=vi[places])
    count, mean = _settle(sorted_effects, estimator, missing)
    mirrored, variances = sign * (2 * mean - sorted_effects.yi), sorted_effects.vi
    filled = (mirrored[len(yi) - count :], variances[len(yi) - count :])
    fit = pool_inverse_variance(
        replace(effects, yi=np.concatenate([yi, filled[0]]), vi=np.concatenate([vi, filled[1]])), estimator, level=level
    )
    return TrimAndFill(
        estimator_of_missing=missing,
        k=len(yi),
        missing=count,
        side=side,
        estimate=fit.estimate,
        se=fit.se,
        ci_lb=fit.ci_lb,
        ci_ub=fit.ci_ub,
        tau2=fit.tau2,
        filled_yi=tuple(float(value) for value in filled[0]),
        filled_vi=tuple(float(value) for value in filled[1]),
    )


def _side(effects: Effects, estimator: Estimator | None) -> Side:
    """Right where the effects fall with their standard errors: then small studies with high effects are missing."""
    slope = meta_regression(effects, {"sei": np.sqrt(effects.vi)}, estimator).coefficients[1].estimate
    return "right" if slope < 0 and not all_equal(effects.yi) else "left"


def _settle(effects: Effects, estimator: Estimator | None, missing: Missing) -> tuple[int, float]:
    """How many are missing on the left of effects in rising order, and the mean of those that are not trimmed."""
    k, count, before = len(effects.yi), 0, -1
    mean = 0.0
    for _ in range(MAX_ROUNDS):
        if count == before:
            return count, mean
        before = count
        if count >= k:
            raise InputError("trim and fill would trim every study; the funnel has no middle")
        kept = replace(effects, yi=effects.yi[: k - count], vi=effects.vi[: k - count])
        mean = pool_inverse_variance(kept, estimator).estimate
        count = max(0, round(_COUNT[missing](_signed_ranks(effects.yi, mean))))
    raise InputError("trim and fill does not settle: the number of missing studies jumps to and fro")


def _signed_ranks(yi: Floats, mean: float) -> Floats:
    """Ranks of the distances from the mean, ties in the order given, with the sign of the side."""
    if all_equal(yi):
        return np.zeros_like(yi)
    distances = yi - mean
    ranks = np.empty(len(yi))
    ranks[np.argsort(np.abs(distances), kind="stable")] = np.arange(1, len(yi) + 1)
    return np.asarray(np.sign(distances) * ranks)


def _linear(ranks: Floats) -> float:
    k = len(ranks)
    return float((4 * ranks[ranks > 0].sum() - k * (k + 1)) / (2 * k - 1))


def _run(ranks: Floats) -> float:
    if not (ranks < 0).any():
        raise InputError("trim and fill by R0: no effect lies below the mean; use L0")
    return float(len(ranks) - (-ranks[ranks < 0]).max() - 1)


_COUNT: Final = {"L0": _linear, "R0": _run}
