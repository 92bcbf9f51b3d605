"""The pool again and again: without each study in turn, and with one study more at a time.

Agrees with metafor's `leave1out` and `cumul`: tests/test_oracle_extras.py. A cumulative row is a look at growing data;
its intervals are not adjusted for there being several looks (Cochrane Handbook, ch. 22).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analysis.effects import Effects
from analysis.intervals import DEFAULT_LEVEL
from analysis.inverse_variance import Test, pool_inverse_variance
from analysis.tau2 import Estimator, checked, restricted_maximum_likelihood
from db.errors import InputError


@dataclass(frozen=True, slots=True)
class Step:
    """One pool of the sequence, on the scale of the effects: `label` is the study left out, or added last.

    `refused` says why there is no pool (an estimator that does not converge); then the figures are None.
    """

    label: str
    k: int
    refused: str = ""
    estimate: float | None = None
    se: float | None = None
    ci_lb: float | None = None
    ci_ub: float | None = None
    p_value: float | None = None
    tau2: float | None = None
    I2: float | None = None
    H2: float | None = None
    Q: float | None = None
    Q_df: int | None = None
    Q_p: float | None = None


def leave_one_out(
    effects: Effects,
    estimator: Estimator | None = restricted_maximum_likelihood,
    *,
    labels: Sequence[str] = (),
    test: Test = "z",
    level: float = DEFAULT_LEVEL,
) -> tuple[Step, ...]:
    """The pool without study i, for each i in order. InputError for fewer than two studies or what cannot be pooled."""
    yi, _ = checked(effects.yi, effects.vi)
    if len(yi) < 2:
        raise InputError("without its only study nothing is left to pool; add another")
    names = study_names(labels, len(yi))
    everyone = np.arange(len(yi))
    return tuple(_step(effects, np.delete(everyone, out), names[out], estimator, test, level) for out in range(len(yi)))


def cumulative(
    effects: Effects,
    estimator: Estimator | None = restricted_maximum_likelihood,
    *,
    order: Sequence[str | float] = (),
    labels: Sequence[str] = (),
    test: Test = "z",
    level: float = DEFAULT_LEVEL,
) -> tuple[Step, ...]:
    """The pool of the first study, the first two, and so on.

    `order` has a date (ISO, may be partial) or a number for each study; equal ones stay as given, and without it all
    do. InputError for an order that cannot be read, or effects that cannot be pooled.
    """
    yi, _ = checked(effects.yi, effects.vi)
    names = study_names(labels, len(yi))
    places = sorted_places(order, len(yi)) if len(order) else list(range(len(yi)))
    return tuple(
        _step(effects, np.array(places[:size]), names[places[size - 1]], estimator, test, level)
        for size in range(1, len(yi) + 1)
    )


def study_names(labels: Sequence[str], k: int) -> list[str]:
    """The labels, or "study 1", "study 2" … where there are none; InputError for another number of them."""
    if not len(labels):
        return [f"study {place + 1}" for place in range(k)]
    if len(labels) != k:
        raise InputError(f"{len(labels)} labels for {k} effects: give one for each")
    return [str(label) for label in labels]


def sorted_places(order: Sequence[str | float], k: int) -> list[int]:
    """The k places 0, 1 … in the order of dates or numbers, equal ones as given; InputError as `cumulative` says."""
    if len(order) != k:
        raise InputError(f"an order of {len(order)} for {k} effects: give one date or number for each")
    dates = [key for key in order if isinstance(key, str) and re.fullmatch(r"\d{4}(-\d{2}){0,2}", key)]
    numbers = [float(key) for key in order if not isinstance(key, str) and np.isfinite(key)]
    if k not in (len(dates), len(numbers)):
        raise InputError("the order of the studies: give all dates, such as 2021-05, or all numbers")
    if len(dates) == k:
        return sorted(range(k), key=lambda place: dates[place])
    return sorted(range(k), key=lambda place: numbers[place])


def _step(
    effects: Effects, places: NDArray[np.intp], label: str, estimator: Estimator | None, test: Test, level: float
) -> Step:
    part = replace(effects, yi=effects.yi[places], vi=effects.vi[places])
    try:
        fit = pool_inverse_variance(part, estimator, test=test, level=level)
    except InputError as error:
        return Step(label, len(places), refused=str(error))
    return Step(
        label=label,
        k=len(places),
        estimate=fit.estimate,
        se=fit.se,
        ci_lb=fit.ci_lb,
        ci_ub=fit.ci_ub,
        p_value=fit.p_value,
        tau2=fit.tau2,
        I2=fit.I2,
        H2=fit.H2,
        Q=fit.Q,
        Q_df=fit.Q_df,
        Q_p=fit.Q_p,
    )
