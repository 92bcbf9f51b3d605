"""Groups compared: the log-rank test and the hazard ratios together, each with the reason where it cannot be had."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from numpy.typing import ArrayLike

from analysis.cox import Cox, cox
from analysis.logrank import LogRank, logrank
from db.errors import InputError


@dataclass(frozen=True, slots=True)
class Comparison:
    """What could be computed; `refused` says in a sentence why each None is None."""

    test: LogRank | None
    hazard: Cox | None
    refused: tuple[str, ...]


def compare(
    time: ArrayLike,
    event: ArrayLike,
    group: Sequence[str],
    *,
    strata: Sequence[Hashable] | None = None,
    start: ArrayLike | None = None,
    levels: Sequence[str] | None = None,
) -> Comparison:
    """Log-rank (rho 0) and Cox (Efron) of the same rows; arguments and InputError for bad values as `cox` has them."""
    refused = []
    test: LogRank | None = None
    hazard: Cox | None = None
    try:
        test = logrank(time, event, group, strata=strata, start=start, levels=levels)
        if (test.expected > 0).sum() < 2:
            test = None
            refused.append("no test: no event happened, or only one group was at risk when one did")
    except InputError as error:
        refused.append(str(error))
    try:
        hazard = cox(time, event, group, strata=strata, start=start, levels=levels)
    except InputError as error:
        refused.append(str(error))
    return Comparison(test, hazard, tuple(dict.fromkeys(refused)))
