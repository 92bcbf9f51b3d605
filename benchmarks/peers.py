"""The other programs that pool, each as one function: a case in, (estimate, tau2) out, by its documented call.

Only these two numbers are compared: standard errors follow conventions that differ (PyMARE scales DL's by Knapp and
Hartung unasked). A peer, and numpy, is imported when it is asked for (ImportError if it is not installed): what
this module holds would count as the memory of every other task.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.cases import CLOSED, GLMM, ITERATED, Case

Fit = tuple[float, float]
Fitter = Callable[[Case], Fit]


@dataclass(frozen=True, slots=True)
class Peer:
    """A program, the methods of ours that it has, and how to get its fitter."""

    name: str
    methods: tuple[str, ...]
    load: Callable[[], Fitter]


class NoFitError(Exception):
    """This program gives no estimate for a case."""


def ours(case: Case) -> Fit:
    """This project's own fit. NoFitError where it refuses."""
    import numpy as np

    from analysis.effects import Effects
    from analysis.estimates import GLMM_LOGIT, Pooled
    from analysis.inverse_variance import pool_inverse_variance
    from analysis.pooling import pool
    from analysis.tau2 import TAU2
    from db.errors import InputError
    from db.model import Row

    try:
        if case.method == GLMM:
            pairs = zip(case.first, case.second, strict=True)
            rows = [Row(f"s{n}", f"study {n}", int(x), int(total)) for n, (x, total) in enumerate(pairs)]
            pooled = pool(rows, GLMM_LOGIT, ci="z", min_studies=2)
            if not isinstance(pooled, Pooled):
                raise NoFitError(pooled.reason)
            return pooled.estimate, pooled.tau2 or 0.0
        effects = Effects(case.measure, np.array(case.first, float), np.array(case.second, float))  # type: ignore[arg-type]
        fit = pool_inverse_variance(effects, TAU2.get(case.method))
    except InputError as error:
        raise NoFitError(str(error)) from error
    return fit.estimate, fit.tau2


def _statsmodels() -> Fitter:
    import numpy as np
    from statsmodels.stats.meta_analysis import combine_effects

    def fit(case: Case) -> Fit:
        names = {"EE": "dl", "DL": "dl", "PM": "iterated"}
        found = combine_effects(np.array(case.first), np.array(case.second), method_re=names[case.method])
        if case.method == "EE":
            return float(found.mean_effect_fe), 0.0
        return float(found.mean_effect_re), float(found.tau2)

    return fit


def _pymare() -> Fitter:
    import numpy as np
    from pymare import Dataset
    from pymare.estimators import DerSimonianLaird, Hedges, VarianceBasedLikelihoodEstimator

    def fit(case: Case) -> Fit:
        estimators = {"DL": DerSimonianLaird, "HE": Hedges}
        estimator = (
            estimators[case.method]()
            if case.method in estimators
            else VarianceBasedLikelihoodEstimator(method=case.method)
        )
        summary = estimator.fit_dataset(Dataset(y=np.array(case.first), v=np.array(case.second))).summary()
        return float(np.ravel(summary.get_fe_stats()["est"])[0]), float(np.ravel(summary.tau2)[0])

    return fit


def _pimeta() -> Fitter:
    import numpy as np
    from pimeta import rma

    def fit(case: Case) -> Fit:
        method = "FE" if case.method == "EE" else case.method
        found = rma(np.array(case.first), np.array(case.second), method=method)
        return float(found.b[0]), float(found.tau2 or 0.0)

    return fit


def _pimeta_glmm() -> Fitter:
    import numpy as np
    from pimeta import rma_glmm

    def fit(case: Case) -> Fit:
        found = rma_glmm(measure="PLO", xi=list(case.first), ni=list(case.second))
        return float(np.ravel(found.b)[0]), float(found.tau2)

    return fit


PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer("statsmodels", ("EE", "DL", "PM"), _statsmodels),
        Peer("PyMARE", ("DL", "HE", "ML", "REML"), _pymare),
        Peer("pimeta", CLOSED + ITERATED, _pimeta),
        Peer("pimeta-GLMM", (GLMM,), _pimeta_glmm),
    )
}
