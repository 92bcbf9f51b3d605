"""Peto's one-step odds ratio, as metafor's `rma.peto` with its defaults: no correction of zero cells.

Source: Yusuf, Peto, Lewis, Collins & Sleight, Prog Cardiovasc Dis 1985;27:335. Biased where groups are of unequal size
or effects large (Greenland & Salvan, Stat Med 1990;9:247).
"""

from __future__ import annotations

import numpy as np

from analysis.intervals import DEFAULT_LEVEL
from analysis.stratified import StratifiedFit, stratified
from analysis.two_groups import Tables, peto_terms
from db.errors import InputError


def pool_peto(found: Tables, *, level: float = DEFAULT_LEVEL) -> StratifiedFit:
    """The pooled log odds ratio of k >= 1 tables.

    InputError where R refuses: no study has both an event and a patient without one.
    """
    difference, variance = peto_terms(found)
    total = float(variance.sum())
    if total == 0:
        raise InputError(
            "one of the two outcomes (event, no event) never occurs in any study: Peto's method cannot be used"
        )
    summed = float(difference.sum())
    kept = variance > 0
    scatter = float(np.sum(difference[kept] ** 2 / variance[kept])) - summed**2 / total
    q = max(0.0, scatter) if kept.sum() > 1 else 0.0
    return stratified(found, summed / total, float(np.sqrt(1 / total)), variance, q, level)
