"""Estimators of the between-study variance tau2, as `rma.uni` of metafor computes them.

Each takes yi and vi, both of shape (k,), and optionally a design matrix X of shape (k, p) of full column rank (a
column of ones without it), and gives tau2 >= 0. Sources: Viechtbauer, J Educ Behav Stat 2005;30:261 (HE, DL, HS,
ML, REML); Paule & Mandel, J Res Natl Bur Stand 1982;87:377; Sidik & Jonkman, Appl Stat 2005;54:367; Morris,
J Am Stat Assoc 1983;78:47 (EB); Veroniki et al., Res Synth Methods 2016;7:55 compares them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from db.errors import InputError

Floats = NDArray[np.float64]
Estimator = Callable[..., float]
"""(yi, vi, X=None) -> tau2."""

# Steps relative to the typical scale of the effects: far below the 1e-7 to which estimates are compared with R's.
TOLERANCE: Final = 1e-12
# Fisher scoring needs some ten steps; where it needs this many it jumps to and fro over the maximum.
MAX_STEPS: Final = 200
# Beyond it squares of squares are no numbers to a computer; no effect of a trial comes near.
LARGEST: Final = 1e30
# Beyond it rounding of the largest weight is all that is seen of the smallest; metafor warns from 1e7.
LARGEST_RATIO: Final = 1e12
LOST: Final = "beside the heavy studies the light ones are lost in rounding; leave one out, or check the variances"
# metafor's `tol` in rma.uni: a log-likelihood at 0 that is higher by more than this shows a mere local maximum.
LIKELIHOOD_TOLERANCE: Final = float(np.finfo(float).eps ** 0.25)


@dataclass(frozen=True, slots=True)
class Residuals:
    """What the estimators read from a weighted fit with W = diag(wi): P = W - W X (X'W X)^-1 X'W = W - S S'."""

    wi: Floats
    S: Floats  # (k, p)
    Py: Floats  # (k,)
    rss: float  # y'Py: the weighted residual sum of squares
    df: int  # k - p

    @property
    def P(self) -> Floats:
        """The matrix itself, shape (k, k)."""
        return np.asarray(np.diag(self.wi) - self.S @ self.S.T)

    @property
    def diagonal(self) -> Floats:
        """Of P, shape (k,). With moderators by the matrix product, whose rounding is that of R's."""
        if self.S.shape[1] > 1:
            return np.asarray(np.diag(self.P))
        return np.asarray(self.wi - self.S[:, 0] ** 2)

    @property
    def trace(self) -> float:
        """Of P."""
        return float(np.sum(self.diagonal))

    def squares(self, v: Floats | float = 1.0, u: Floats | float = 1.0) -> float:
        """The sum of P_ij² v_i u_j: tr(PP), or with variances for weights tr(PVP) and tr(PVPV).

        With a mean alone P_ij is s_i s_j off the diagonal, and the sum takes k steps, none of which cancels.
        """
        v, u = np.broadcast_to(v, self.wi.shape), np.broadcast_to(u, self.wi.shape)
        if self.S.shape[1] > 1:
            return float(v @ (self.P**2) @ u)
        squared = self.S[:, 0] ** 2
        a, c = squared * v, squared * u
        apart = c[1:] @ np.cumsum(a)[:-1] + a[1:] @ np.cumsum(c)[:-1]
        return float(np.sum(self.diagonal**2 * v * u) + apart)


def residuals(yi: Floats, vi: Floats, tau2: float, X: Floats | None = None) -> Residuals:
    """The weighted fit with weights 1 / (vi + tau2); InputError for what no fit can be made of."""
    return _residuals(yi, 1 / (vi + tau2), _design(yi, vi, X))


def dersimonian_laird(yi: Floats, vi: Floats, X: Floats | None = None) -> float:
    """DL: Cochran's Q set equal to its expectation."""
    fit = residuals(yi, vi, 0.0, X)
    return _moment(fit.rss - fit.df, fit.trace, fit.df)


def hunter_schmidt(yi: Floats, vi: Floats, X: Floats | None = None) -> float:
    """HS: (Q - k) over the sum of the weights; biased downwards."""
    fit = residuals(yi, vi, 0.0, X)
    return _moment(fit.rss - len(yi), float(fit.wi.sum()), fit.df)


def hedges(yi: Floats, vi: Floats, X: Floats | None = None) -> float:
    """HE: the unweighted residual variance less what sampling explains."""
    fit = _residuals(yi, np.ones_like(yi), _design(yi, vi, X))
    return _moment(fit.rss - float(fit.diagonal @ vi), float(fit.df), fit.df)


def sidik_jonkman(yi: Floats, vi: Floats, X: Floats | None = None) -> float:
    """SJ: a crude variance of the effects, corrected once by the fit it weights; never 0 unless all effects agree."""
    design = _design(yi, vi, X)
    crude = float(np.var(yi))
    if crude == 0 or len(yi) == design.shape[1]:
        return 0.0
    fit = _residuals(yi, 1 / (vi + crude), design)
    return max(0.0, crude * fit.rss / fit.df)  # rounding alone can take y'Py of equal effects below 0


def paule_mandel(yi: Floats, vi: Floats, X: Floats | None = None) -> float:
    """PM: the tau2 at which the generalized Q equals its degrees of freedom."""
    design = _design(yi, vi, X)
    df = len(yi) - design.shape[1]
    return solve_generalized_q(yi, vi, float(df), X) if df else 0.0


def empirical_bayes(yi: Floats, vi: Floats, X: Floats | None = None) -> float:
    """EB: the same estimating equation as PM (Veroniki 2016, 2.1.2), found there by iteration."""
    return paule_mandel(yi, vi, X)


def maximum_likelihood(yi: Floats, vi: Floats, X: Floats | None = None) -> float:
    """ML, by Fisher scoring from HE; biased downwards in few studies."""

    def step(fit: Residuals) -> float:
        return float((fit.Py @ fit.Py - fit.wi.sum()) / np.sum(fit.wi**2))

    return _not_below_zero(_scoring(yi, vi, X, step), yi, vi, X, restricted=False)


def restricted_maximum_likelihood(yi: Floats, vi: Floats, X: Floats | None = None) -> float:
    """REML, by Fisher scoring from HE."""

    def step(fit: Residuals) -> float:
        return float((fit.Py @ fit.Py - fit.trace) / fit.squares())

    return _not_below_zero(_scoring(yi, vi, X, step), yi, vi, X, restricted=True)


TAU2: Final[dict[str, Estimator]] = {
    "DL": dersimonian_laird,
    "REML": restricted_maximum_likelihood,
    "ML": maximum_likelihood,
    "PM": paule_mandel,
    "HS": hunter_schmidt,
    "SJ": sidik_jonkman,
    "EB": empirical_bayes,
    "HE": hedges,
}
"""The estimators by metafor's names."""


def solve_generalized_q(yi: Floats, vi: Floats, target: float, X: Floats | None = None) -> float:
    """The tau2 >= 0 at which the generalized Q falls to `target`; 0 where it lies below `target` already.

    Q falls without end as tau2 grows, so there is one solution for every target above 0.
    """

    def excess(tau2: float) -> float:
        return residuals(yi, vi, tau2, X).rss - target

    if excess(0.0) <= 0:
        return 0.0
    upper = float(np.var(yi)) + float(vi.max())
    while excess(upper) > 0:
        upper *= 4
    return _root(excess, 0.0, upper)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    from scipy.optimize import brentq  # here, because it takes longer to import than all the rest of pooling

    return float(brentq(function, low, high, xtol=TOLERANCE * high, rtol=4 * np.finfo(float).eps))


def _moment(excess: float, scale: float, df: int) -> float:
    return max(0.0, excess / scale) if df else 0.0


def _scoring(yi: Floats, vi: Floats, X: Floats | None, step: Callable[[Residuals], float]) -> float:
    """Fisher scoring; a step that would leave tau2 >= 0 is halved until it does not, as metafor does.

    Where the steps jump over the maximum for ever, the root of the score is sought between the places they visit:
    metafor stops there ("did not converge") unless `stepadj` is lowered, and then gives the same figure.
    """
    design = _design(yi, vi, X)
    if len(yi) == design.shape[1]:
        return 0.0

    def score(at: float) -> float:
        return step(_residuals(yi, 1 / (vi + at), design))

    tau2 = hedges(yi, vi, X)
    scale = float(np.var(yi)) + float(vi.max())
    visited = []
    for _ in range(MAX_STEPS):
        move = score(tau2)
        visited.append((tau2, move > 0))
        while tau2 + move < 0:
            move /= 2
            if abs(move) < TOLERANCE * scale:
                return 0.0 if tau2 < TOLERANCE * scale * 10 else tau2
        tau2 += move
        if abs(move) <= TOLERANCE * scale:
            return tau2
    visited.sort()
    for (low, rises), (high, still_rises) in pairwise(visited):
        if rises and not still_rises:
            return _root(score, low, high)
    return _creep(score, tau2)


def _creep(score: Callable[[float], float], tau2: float) -> float:
    """The maximum that scoring from `tau2` nears from one side only, by ever smaller steps: they are lengthened."""
    move = score(tau2)
    for _ in range(MAX_STEPS):
        ahead = max(0.0, tau2 + move)
        if (score(ahead) > 0) != (move > 0):
            return _root(score, min(tau2, ahead), max(tau2, ahead))
        if ahead == 0:
            return 0.0
        move *= 2
    raise InputError("tau2 does not converge: the likelihood of these effects is flat; use DL or PM instead")


def _not_below_zero(tau2: float, yi: Floats, vi: Floats, X: Floats | None, *, restricted: bool) -> float:
    """0 instead of a local maximum where the likelihood is higher there: metafor's check `ll0check`."""
    if tau2 == 0:
        return tau2
    design = _design(yi, vi, X)
    here, zero = (_log_likelihood(at, yi, vi, design, restricted=restricted) for at in (tau2, 0.0))
    return 0.0 if zero - here > LIKELIHOOD_TOLERANCE else tau2


def _log_likelihood(tau2: float, yi: Floats, vi: Floats, design: Floats, *, restricted: bool) -> float:
    """Up to a constant."""
    wi = 1 / (vi + tau2)
    information = np.linalg.qr(np.sqrt(wi)[:, None] * design, mode="r")
    lost = 2 * np.sum(np.log(np.abs(np.diag(information)))) if restricted else 0.0
    return float(np.sum(np.log(wi)) - lost - _residuals(yi, wi, design).rss) / 2


def checked(yi: Floats, vi: Floats) -> tuple[Floats, Floats]:
    """The effects and variances as given; InputError for what cannot be pooled."""
    if len(yi) == 0 or len(yi) != len(vi):
        raise InputError(f"{len(yi)} effects, {len(vi)} variances: give one variance with each of at least one effect")
    if not (np.isfinite(yi).all() and np.isfinite(vi).all() and (vi > 0).all()):
        raise InputError(
            "an effect is no number or its variance not above 0: leave that study out, or say why it is so"
        )
    if np.abs(yi).max() > LARGEST or vi.max() > LARGEST or vi.min() < 1 / LARGEST:
        raise InputError(f"an effect or a variance is beyond {LARGEST:g} or below its inverse: check its unit")
    if vi.max() / vi.min() > LARGEST_RATIO:
        raise InputError(f"a variance is more than {LARGEST_RATIO:g} times another: {LOST}")
    return yi, vi


def _design(yi: Floats, vi: Floats, X: Floats | None) -> Floats:
    checked(yi, vi)
    design = np.ones((len(yi), 1)) if X is None else np.asarray(X, float)
    if design.shape[0] != len(yi) or np.linalg.matrix_rank(design) < design.shape[1]:
        raise InputError("the moderators are collinear, or more than the studies: leave one of them out")
    return design


def _residuals(yi: Floats, wi: Floats, design: Floats) -> Residuals:
    """By QR, as metafor does: normal equations lose half the digits where a moderator is a calendar year."""
    root = np.sqrt(wi)
    basis = np.linalg.qr(root[:, None] * design)[0]
    scaled = root[:, None] * basis
    left = root * yi - basis @ (basis.T @ (root * yi))
    found = Residuals(wi, scaled, root * left, float(left @ left), design.shape[0] - design.shape[1])
    if found.df > 0 and found.trace <= 0:
        raise InputError(f"the design: {LOST}")
    return found
