"""Cox's proportional hazards for one factor: ties by Efron or Breslow, stratified, with delayed entry.

With stretches (start, stop] a patient may change group, which is what a time-dependent factor such as transplant
needs. Sources: Cox, J R Stat Soc B 1972;34:187; Breslow, Biometrics 1974;30:89; Efron, J Am Stat Assoc 1977;72:557;
numbers as R's survival::coxph.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, ndtr, ndtri

from analysis.logrank import SINGULAR, Histories, histories, levels_of, tables
from analysis.survival import DEFAULT_LEVEL, Floats
from db.errors import InputError

Ties = Literal["efron", "breslow"]

# Newton's steps end when the next would move a coefficient by less than this: far below the 1e-9 compared with R.
TOLERANCE: Final = 1e-12
MAX_STEPS: Final = 100
# A hazard ratio of e^20 needs half a billion patients: a coefficient that gets there is on its way to infinity.
RUNAWAY: Final = 20.0
LONGEST_STEP: Final = 5.0  # a hazard ratio of 150 at once: no exponential overflows on the way


@dataclass(frozen=True, slots=True)
class Cox:
    """Log hazard ratios of each level against the first; arrays have a place for each level but that one."""

    levels: tuple[str, ...]
    coef: Floats
    se: Floats
    ci_lb: Floats
    ci_ub: Floats
    p_value: Floats  # Wald, each coefficient
    loglik_null: float
    loglik: float
    score: float  # the score test of all coefficients; with Breslow's ties and none tied, the log-rank
    likelihood_ratio: float
    df: int
    p_score: float
    p_likelihood_ratio: float
    n: int  # rows; a patient with two stretches has two
    events: int
    ties: Ties
    strata: int
    level: float

    @property
    def hazard_ratio(self) -> Floats:
        """exp(coef)."""
        return np.exp(self.coef)


def cox(
    time: ArrayLike,
    event: ArrayLike,
    group: Sequence[str],
    *,
    strata: Sequence[Hashable] | None = None,
    start: ArrayLike | None = None,
    ties: Ties = "efron",
    levels: Sequence[str] | None = None,
    level: float = DEFAULT_LEVEL,
) -> Cox:
    """Fit the factor `group` to rows (start, time] with `event` 1 or 0; arrays (n,), start absent: from the beginning.
    The first of `levels` (by default the first that appears) is the reference.

    InputError: one group, no events, values that cannot be, a group without events among those at risk together (its
    hazard ratio is infinite or 0; R warns and stops anywhere), groups never at risk together (R gives NA).
    """
    if ties not in ("efron", "breslow"):
        raise InputError(f"no ties by {ties!r}: use efron or breslow")
    data = histories(time, event, strata, start)
    names, place = levels_of(group, len(data.stop), levels)
    if not data.event.any():
        raise InputError("no events: a hazard ratio cannot be estimated")
    times = _times(data, place, len(names), ties)
    at_zero = _derivatives(times, np.zeros(len(names) - 1))
    _solve(at_zero, names)
    coef, end = _maximise(times, at_zero, names)
    variance = np.linalg.inv(end[2])
    se = np.sqrt(np.diag(variance))
    z = float(ndtri((1 + level) / 2))
    score, ratio = float(at_zero[1] @ _solve(at_zero, names)), 2 * (end[0] - at_zero[0])
    df = len(coef)
    return Cox(
        names, coef, se, coef - z * se, coef + z * se, 2 * ndtr(-np.abs(coef / se)), at_zero[0], end[0], score, ratio,
        df, float(chdtrc(df, max(score, 0.0))), float(chdtrc(df, max(ratio, 0.0))), len(data.stop),
        int(data.event.sum()), ties, len(data.strata), level,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Times:
    """One row for each time of an event in each stratum; columns are levels."""

    deaths: Floats
    risk: Floats
    which: NDArray[np.intp]  # (events,): the row of each event
    fraction: Floats  # (events,): the share of those dying at its time that are out of the risk for this one


Derivatives = tuple[float, Floats, Floats]
"""Log partial likelihood, its gradient (p,), and the information (p, p)."""


def _times(data: Histories, place: NDArray[np.intp], levels: int, ties: Ties) -> _Times:
    """Within a level all hazards are equal, so counts at the times of events are all the likelihood needs."""
    pairs = list(tables(data, place, levels))
    deaths, risk = (np.concatenate(side) for side in zip(*pairs, strict=True))
    count = deaths.sum(axis=1).astype(np.intp)
    which = np.repeat(np.arange(len(count)), count)
    nth = np.arange(len(which)) - (np.cumsum(count) - count)[which]
    return _Times(deaths, risk, which, nth / count[which] if ties == "efron" else np.zeros(len(which)))


def _derivatives(times: _Times, coef: Floats) -> Derivatives:
    hazard = np.exp(np.concatenate(([0.0], coef)))
    at_risk = (times.risk * hazard)[times.which] - times.fraction[:, None] * (times.deaths * hazard)[times.which]
    total = at_risk.sum(axis=1)
    mean = at_risk[:, 1:] / total[:, None]
    deaths = times.deaths.sum(axis=0)[1:]
    # The factor's columns are 0 or 1 and exclude each other, so the mean of x x' is the diagonal of the mean of x.
    information = np.diag(mean.sum(axis=0)) - mean.T @ mean
    return float(deaths @ coef - np.log(total).sum()), deaths - mean.sum(axis=0), information


def _maximise(times: _Times, here: Derivatives, levels: tuple[str, ...]) -> tuple[Floats, Derivatives]:
    """Newton's method from 0, its steps held to LONGEST_STEP and halved where the likelihood falls."""
    coef = np.zeros(len(levels) - 1)
    for _ in range(MAX_STEPS):
        step = _solve(here, levels)
        step = step * min(1.0, LONGEST_STEP / max(float(np.abs(step).max()), LONGEST_STEP))
        there = _derivatives(times, coef + step)
        while there[0] < here[0] - 1e-9 * abs(here[0]) and np.abs(step).max() > TOLERANCE:
            step = step / 2
            there = _derivatives(times, coef + step)
        coef, here = coef + step, there
        if np.abs(coef).max() > RUNAWAY:
            break
        if np.abs(step).max() <= TOLERANCE * max(1.0, float(np.abs(coef).max())):
            return coef, here
    far = levels[1 + int(np.argmax(np.abs(coef)))]
    raise InputError(
        f"the hazard ratio of {far!r} against {levels[0]!r} has no finite estimate:"
        " one of them has no event while others are at risk"
    )


def _solve(here: Derivatives, levels: tuple[str, ...]) -> Floats:
    """Newton's step; InputError where the information is singular."""
    sizes = np.linalg.eigvalsh(here[2])
    if sizes[0] <= SINGULAR * max(1.0, float(sizes[-1])):
        raise InputError(
            f"the hazard ratios of {', '.join(map(repr, levels[1:]))} against {levels[0]!r} cannot be estimated:"
            " groups are never at risk together at the time of an event, or one has no event"
        )
    return np.asarray(np.linalg.solve(here[2], here[1]), float)
