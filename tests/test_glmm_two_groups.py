"""Two-group GLMMs: against plain numerical integration, at their edges, by their symmetries, on any tables."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import nchypergeom_fisher, norm

from analysis.glmm_two_groups import TITLES, TwoGroups, pool_two_groups
from analysis.two_group_likelihoods import FixedStudies, NonCentral, RandomStudies, Tables
from db.errors import InputError

MODELS = tuple(TITLES)
# Collins, Yusuf & Peto 1985 (diuretics in pregnancy, pre-eclampsia), by metadat's dat.collins1985b.
E1, N1 = [14, 21, 14, 6, 12, 138, 15, 6, 65], [131, 385, 57, 38, 1011, 1370, 506, 108, 153]
E2, N2 = [14, 17, 24, 18, 35, 175, 20, 2, 40], [136, 134, 48, 40, 760, 1336, 524, 103, 102]


def tables(*columns: list[int]) -> Tables:
    return Tables(*(np.array(column, float) for column in columns))


def at(*values: float) -> list[Any]:
    return [np.array([value]) for value in values]


def test_pinned_from_r() -> None:
    """R 4.2.2, metafor 3.8-1: rma.glmm(measure="OR", ai=E1, n1i=N1, ci=E2, n2i=N2, model="UM.FS"), lme4 1.1-31."""
    found = pool_two_groups(E1, N1, E2, N2)
    assert found.estimate == pytest.approx(-0.5131576198, abs=1e-4)
    assert found.se == pytest.approx(0.2087098019, abs=1e-4)
    assert found.tau2 == pytest.approx(0.2535268227, abs=1e-4)
    assert found.conditional_loglik == pytest.approx(-44.1097683900, rel=1e-4)
    assert pytest.approx(29.37607645, rel=1e-6) == found.Q
    assert found.Q_wald == pytest.approx(27.26490166, rel=1e-6)
    assert found.odds_ratio == pytest.approx(math.exp(found.estimate))


def test_hypergeometric_sums_term_by_term() -> None:
    """By whole-number binomial coefficients; in the larger tables ours runs in steps."""
    sets = [(3, 10, 5, 12), (0, 4, 2, 9), (40, 300, 70, 500), (300, 1000, 500, 1500), (12, 50000, 30, 40000)]
    likelihood = NonCentral(tables(*(list(column) for column in zip(*sets, strict=True))))
    for i, (x, n1, y, n2) in enumerate(sets):
        support = np.arange(max(0, x + y - n2), min(n1, x + y) + 1)
        chosen = np.array([math.log(math.comb(n1, int(j)) * math.comb(n2, x + y - int(j))) for j in support])
        for eta in (-3.0, -0.4, 0.0, 0.9, 2.5):
            log_p, mean, variance = (found[0, i] for found in likelihood.moments(np.full((1, len(sets)), eta)))
            weights = chosen + eta * support
            p = np.exp(weights - weights.max())
            assert log_p == pytest.approx(weights[support == x][0] - weights.max() - math.log(p.sum()), rel=1e-9)
            p /= p.sum()
            assert mean == pytest.approx(float(p @ support), rel=1e-7)
            assert variance == pytest.approx(float(p @ (support - p @ support) ** 2), rel=1e-6)


def test_hypergeometric_sums_in_steps_equal_the_whole_sum() -> None:
    """500,000 of a million in each group: the support has a million points, the window 81."""
    likelihood = NonCentral(tables([500_000], [1_000_000], [499_000], [1_000_000]))
    log_p, mean, variance = likelihood.moments(np.array([[0.004]]))
    support = np.arange(490_000.0, 510_000.0)  # 57 standard deviations
    terms = likelihood._log_ratio(support[None, :])[0] + (support - 500_000) * 0.004
    p = np.exp(terms - terms.max())
    assert log_p[0, 0] == pytest.approx(-(terms.max() + math.log(p.sum())), abs=1e-10)
    assert mean[0, 0] == pytest.approx(float(p @ support / p.sum()), abs=1e-6)
    assert variance[0, 0] > 1e5


def test_exact_conditional_likelihood_against_plain_integration() -> None:
    e1, n1, e2, n2 = [3, 0, 7], [10, 9, 12], [5, 2, 1], [12, 10, 15]

    def one(i: int, theta: float, tau: float) -> float:
        def density(z: float) -> float:
            psi = math.exp(theta + tau * z)
            p = nchypergeom_fisher.pmf(e1[i], n1[i] + n2[i], n1[i], e1[i] + e2[i], psi)
            return float(p * norm.pdf(z))

        return math.log(quad(density, -9, 9, epsabs=0, epsrel=1e-10, limit=200)[0])

    ours = NonCentral(tables(e1, n1, e2, n2))(*at(-0.3, 0.8))[0]
    assert ours == pytest.approx(sum(one(i, -0.3, 0.8) for i in range(3)), abs=1e-6)


def test_fixed_studies_against_plain_integration() -> None:
    """At the study's log odds that the profile chose, and nowhere else is more likely."""
    e1, n1, e2, n2 = [3], [10], [5], [12]

    def study(free: float) -> float:
        def density(z: float) -> float:
            p, q = expit(free - 0.3 + 0.4 * z), expit(free - 0.4 * z)
            return float(p**3 * (1 - p) ** 7 * q**5 * (1 - q) ** 7 * norm.pdf(z))

        return math.log(quad(density, -9, 9, epsabs=0, epsrel=1e-11)[0] * math.comb(10, 3) * math.comb(12, 5))

    likelihood = FixedStudies(tables(e1, n1, e2, n2), points=31)
    ours = likelihood(*at(-0.3, 0.8))[0] + likelihood.constant
    assert ours == pytest.approx(max(study(free) for free in np.linspace(-0.60, -0.30, 31)), abs=5e-4)


def test_random_studies_near_plain_integration() -> None:
    """Laplace's approximation, as lme4's: close where studies are large, and exact in its symmetric part."""
    likelihood = RandomStudies(tables([40], [100], [50], [120]))
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    s, z = np.meshgrid(nodes, nodes)
    p, q = expit(-0.3 - 0.1 + 0.5 * s + 0.2 * z), expit(-0.3 + 0.5 * s - 0.2 * z)
    log_p = 40 * np.log(p) + 60 * np.log1p(-p) + 50 * np.log(q) + 70 * np.log1p(-q)
    chosen = math.log(math.comb(100, 40)) + math.log(math.comb(120, 50))
    whole = math.log(float(np.sum(np.outer(weights, weights) * np.exp(log_p + chosen))) / (2 * math.pi))
    assert likelihood(*at(-0.1, 0.4, -0.3, 0.5))[0] + likelihood.constant == pytest.approx(whole, abs=0.01)


@pytest.mark.parametrize("model", MODELS)
def test_the_groups_changed_about_change_the_sign(model: Any) -> None:
    one, other = pool_two_groups(E1, N1, E2, N2, model=model), pool_two_groups(E2, N2, E1, N1, model=model)
    assert one.estimate == pytest.approx(-other.estimate, abs=1e-5)
    assert one.tau2 == pytest.approx(other.tau2, abs=1e-5)
    if model != "UM.RS":  # whose saturated model frees group 1 only, as metafor's does
        assert pytest.approx(other.Q, rel=1e-6) == one.Q


@pytest.mark.parametrize("model", ["UM.FS", "UM.RS", "CM.EL"])
def test_events_and_non_events_changed_about_change_the_sign(model: Any) -> None:
    """Not so for CM.AL, which takes events to be rare."""
    one = pool_two_groups(E1, N1, E2, N2, model=model)
    less = [[n - e for e, n in zip(*pair, strict=True)] for pair in ((E1, N1), (E2, N2))]
    other = pool_two_groups(less[0], N1, less[1], N2, model=model)
    assert one.estimate == pytest.approx(-other.estimate, abs=1e-5)
    assert one.tau2 == pytest.approx(other.tau2, abs=1e-5)


@pytest.mark.parametrize("model", MODELS)
def test_studies_without_information_are_left_out_and_counted(model: Any) -> None:
    more = pool_two_groups([*E1, 0, 9], [*N1, 20, 9], [*E2, 0, 7], [*N2, 25, 7], model=model)
    fewer = pool_two_groups(E1, N1, E2, N2, model=model)
    assert (more.k, more.left_out, fewer.left_out) == (9, 2, 0)
    assert asdict(more) | {"left_out": 0} == asdict(fewer)


def test_one_odds_ratio_in_every_study_gives_no_variance() -> None:
    for model in MODELS:
        found = pool_two_groups([10, 20, 30], [50, 100, 150], [5, 10, 15], [50, 100, 150], model=model)  # type: ignore[arg-type]
        assert found.tau2 == 0
        assert found.pi_lb == pytest.approx(found.ci_lb)
        assert pytest.approx(0, abs=1e-3) == found.Q  # Laplace's approximation in UM.RS leaves 6e-5


def test_t_quantiles_and_their_words() -> None:
    z, t = pool_two_groups(E1, N1, E2, N2), pool_two_groups(E1, N1, E2, N2, ci="t")
    assert (t.ci_ub - t.estimate) / t.se == pytest.approx(2.306004135204, abs=1e-9)
    assert (z.ci_ub - z.estimate) / z.se == pytest.approx(1.959963984540, abs=1e-9)
    assert "t with 8 df" in t.ci_convention
    assert "normal" in z.ci_convention
    assert t.p_value > z.p_value


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        (([1, 9], [4, 5], [1, 1], [4, 4]), "study 2, group 1: 9 events of 5"),
        (([1, 2], [4, 5], [1, -1], [4, 4]), "study 2, group 2: -1 events"),
        (([1, 2], [4, 5], [1, 0.5], [4, 4]), "whole number"),
        (([1, 2], [4, 5], [1, math.nan], [4, 4]), "study 2, group 2: nan"),
        (([1, 2], [4, 5], [1, 1], [4, math.inf]), "of inf patients"),
        (([1, 2], [4, 5], [1], [4]), "differ in length"),
        (([1, "x"], [4, 5], [1, 1], [4, 4]), "no number"),
        (([], [], [], []), "0 of 0 studies"),
        (([3], [9], [4], [9]), "needs at least two"),
        (([0, 0, 3], [9, 9, 9], [0, 0, 2], [9, 9, 9]), "1 of 3 studies"),
        (([0, 0, 0], [9, 9, 9], [2, 3, 1], [9, 9, 9]), "no finite estimate"),
        (([9, 8, 7], [9, 8, 7], [2, 3, 1], [9, 9, 9]), "no finite estimate"),
        (([0, 5], [9, 9], [3, 0], [9, 9]), "no bound"),
    ],
)
@pytest.mark.parametrize("model", MODELS)
def test_what_cannot_be_is_refused_with_a_reason(columns: Any, says: str, model: Any) -> None:
    with pytest.raises(InputError, match=says):
        pool_two_groups(*columns, model=model)


def test_unknown_model_and_level() -> None:
    with pytest.raises(InputError, match=r"use one of UM\.FS, UM\.RS, CM\.AL, CM\.EL"):
        pool_two_groups(E1, N1, E2, N2, model="FS")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="between 0 and 1"):
        pool_two_groups(E1, N1, E2, N2, level=95)


# CM.EL sums over every table with the margins: with millions of patients some searches take minutes (not bounded yet).
GROUP = st.one_of(st.integers(1, 30), st.integers(1, 300)).flatmap(
    lambda n: st.tuples(st.one_of(st.sampled_from([0, n]), st.integers(0, n), st.integers(0, min(n, 5))), st.just(n))
)


@settings(deadline=None, max_examples=10, derandomize=True)
@given(st.lists(st.tuples(GROUP, GROUP), min_size=1, max_size=6), st.sampled_from(MODELS))
def test_any_tables_give_finite_numbers_or_a_reason(studies: list[Any], model: Any) -> None:
    columns = [[study[group][column] for study in studies] for group in (0, 1) for column in (0, 1)]
    try:
        found = pool_two_groups(*columns, model=model)
    except InputError:
        return
    assert isinstance(found, TwoGroups)
    json.dumps(asdict(found), allow_nan=False)
    assert found.pi_lb <= found.ci_lb <= found.estimate <= found.ci_ub <= found.pi_ub
    assert found.tau2 >= 0
    assert 0 <= found.I2 <= 100
