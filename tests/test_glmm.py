"""The binomial-normal model: against plain numerical integration, at its edges, and by its symmetries."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.special import expit, logit

from analysis.glmm import Likelihood, fit_glmm, likelihood_ratio_q, pool_glmm, population_average, wald_q
from analysis.pooling import NotPooled, Pooled
from db.errors import InputError
from db.model import Row

EVENTS = [7, 7, 8, 18, 11, 52, 17, 7, 7, 10, 7, 7, 4]
TOTAL = [8, 11, 10, 20, 12, 54, 20, 7, 10, 11, 7, 12, 5]


def rows(events: Sequence[int], total: Sequence[int]) -> list[Row]:
    return [Row(f"s{i}", f"study {i}", x, n) for i, (x, n) in enumerate(zip(events, total, strict=True))]


def pooled(events: Sequence[int], total: Sequence[int]) -> Pooled:
    found = pool_glmm(rows(events, total))
    assert isinstance(found, Pooled), found
    return found


def brute_force(x: int, n: int, mu: float, tau: float) -> float:
    """log of the study's likelihood, by integrating over z step by step."""

    def density(z: float) -> float:
        p = expit(mu + tau * z)
        return float(math.comb(n, x) * p**x * (1 - p) ** (n - x) * math.exp(-z * z / 2) / math.sqrt(2 * math.pi))

    return math.log(quad(density, -12, 12, epsabs=0, epsrel=1e-11, limit=400)[0])


@pytest.mark.parametrize(("mu", "tau"), [(1.9, 0.7), (0.3, 1.8), (-1.0, 0.05)])
def test_quadrature_against_plain_integration(mu: float, tau: float) -> None:
    likelihood = Likelihood(np.array(EVENTS, float), np.array(TOTAL, float), points=41)
    expected = sum(brute_force(x, n, mu, tau) for x, n in zip(EVENTS, TOTAL, strict=True))
    ours = likelihood(np.array([mu]), np.array([tau]))[0] + likelihood.constant
    assert ours == pytest.approx(expected, abs=1e-7)


def test_the_seven_points_of_the_published_fit_are_enough_for_print() -> None:
    seven = fit_glmm(np.array(EVENTS, float), np.array(TOTAL, float))
    many = fit_glmm(np.array(EVENTS, float), np.array(TOTAL, float), points=51)
    assert seven is not None
    assert many is not None
    assert seven.mu == pytest.approx(many.mu, abs=1e-4)
    assert seven.tau2 == pytest.approx(many.tau2, abs=1e-4)


def test_nothing_nearby_is_likelier() -> None:
    events, total = np.array(EVENTS, float), np.array(TOTAL, float)
    fit, likelihood = fit_glmm(events, total), Likelihood(events, total)
    assert fit is not None
    mu = fit.mu + np.array([-1, 0, 1, 0, 0]) * 1e-3
    tau = np.sqrt(fit.tau2) + np.array([0, -1, 0, 1, 0]) * 1e-3
    around = likelihood(mu, tau) + likelihood.constant
    assert np.all(around[:4] < around[4])
    assert around[4] == pytest.approx(fit.loglik, abs=1e-10)


@pytest.mark.parametrize("seed", range(16))
def test_a_search_without_derivatives_finds_nothing_likelier(seed: int) -> None:
    random = np.random.default_rng(seed)
    total = random.integers(2, 10 ** random.integers(1, 7) + 2, random.integers(3, 25))
    spread = random.choice([0, 0.2, 0.5, 1, 2, 4]) * random.normal(size=len(total))
    events = random.binomial(total, expit(random.normal(0, 2.5) + spread))
    events[0], total[0] = 1, max(total[0], 2)  # one study with both outcomes, so that there is a maximum
    likelihood = Likelihood(events.astype(float), total.astype(float))
    fit = fit_glmm(events.astype(float), total.astype(float))
    assert fit is not None

    def less(point: np.ndarray) -> float:
        return -float(likelihood(point[:1], point[1:])[0])

    start = float(np.mean(likelihood.ref))
    options = {"xatol": 1e-7, "fatol": 1e-10, "maxiter": 2000}
    found = [
        minimize(less, np.array([start, tau]), method="Nelder-Mead", options=options).fun  # type: ignore[call-overload]
        for tau in (0.05, 0.3, 1, 3)
    ]
    assert fit.loglik - likelihood.constant > -min(found) - 1e-7


def test_no_spread_gives_exactly_the_logistic_fit_of_the_sums() -> None:
    found = pooled([2, 9, 15], [12, 19, 33])
    p = 26 / 64
    assert found.tau2 == 0
    assert found.estimate == pytest.approx(logit(p), abs=1e-15)
    assert found.se == pytest.approx((64 * p * (1 - p)) ** -0.5, abs=1e-15)
    assert found.I2 == 0
    assert found.population_average is None
    assert found.proportion_pi == found.proportion_ci


def test_conventions_are_t_with_k_minus_one_and_can_be_z() -> None:
    t, z = pool_glmm(rows(EVENTS, TOTAL)), pool_glmm(rows(EVENTS, TOTAL), ci="z")
    assert isinstance(t, Pooled)
    assert isinstance(z, Pooled)
    assert "t with 12 df" in t.ci_convention
    assert "normal" in z.ci_convention
    assert (t.ci_ub - t.estimate) / t.se == pytest.approx(2.178812829667, abs=1e-9)
    assert (z.ci_ub - z.estimate) / z.se == pytest.approx(1.959963984540, abs=1e-9)
    assert t.pi_ub is not None
    assert (t.pi_ub - t.estimate) / math.hypot(t.se, math.sqrt(t.tau2)) == pytest.approx(2.178812829667, abs=1e-9)


@pytest.mark.parametrize(
    ("events", "total", "reason"),
    [
        ([5, 7, 3], [5, 7, 3], "in all its patients"),
        ([0, 0, 0], [9, 14, 20], "no study has an event"),
        ([0, 7, 3], [5, 7, 3], "all or in none"),
        ([4, 8, 2], [16, 32, 8], "same proportion"),
        ([4, 8], [16, 30], "at least 3"),
    ],
)
def test_data_that_cannot_carry_the_model_are_refused_with_sum_and_exact_interval(
    events: list[int], total: list[int], reason: str
) -> None:
    refused = pool_glmm(rows(events, total))
    assert isinstance(refused, NotPooled)
    assert reason in refused.reason
    assert (refused.k, refused.events, refused.total) == (len(events), sum(events), sum(total))
    assert refused.proportion_ci[0] <= sum(events) / sum(total) <= refused.proportion_ci[1]


def test_exact_interval_of_a_refusal_without_events() -> None:
    refused = pool_glmm(rows([0, 0, 0], [9, 14, 20]))
    assert isinstance(refused, NotPooled)
    assert refused.proportion_ci[0] == 0
    assert refused.proportion_ci[1] == pytest.approx(1 - 0.025 ** (1 / 43))


def test_rows_that_cannot_be() -> None:
    with pytest.raises(InputError, match="s1"):
        pool_glmm(rows([1, 9, 2], [4, 5, 6]))


def test_millions_of_patients_agree_with_the_normal_approximation() -> None:
    """There each logit is all but normal: R's two-step ML on this set (lme4 itself fails on it)."""
    found = pooled([1000000, 1300000, 900000], [5000000, 6000000, 4400000])
    assert found.estimate == pytest.approx(-1.3432021053980536, abs=1e-6)
    assert found.se == pytest.approx(0.02459619056735395, abs=1e-6)
    assert found.tau2 == pytest.approx(0.0018137081801549112, abs=1e-6)


@pytest.mark.parametrize(("mu", "tau"), [(2.35, 0.4), (-1.0, 1.5), (0.0, 3.0)])
def test_population_average_against_plain_integration(mu: float, tau: float) -> None:
    expected = quad(lambda z: expit(mu + tau * z) * math.exp(-z * z / 2) / math.sqrt(2 * math.pi), -12, 12)[0]
    assert population_average(mu, tau**2) == pytest.approx(expected, abs=1e-7)


def test_population_average_lies_nearer_to_one_half_than_the_median_study() -> None:
    found = pooled(EVENTS, TOTAL)
    assert found.population_average is not None
    assert 0.5 < found.population_average < found.proportion


def test_heterogeneity_statistics_by_hand() -> None:
    x, n = np.array([2.0, 0.0, 5.0]), np.array([10.0, 4.0, 10.0])
    p = 7 / 24
    deviance = 2 * (
        2 * math.log(2 / (10 * p))
        + 8 * math.log(8 / (10 * (1 - p)))
        + 4 * math.log(1 / (1 - p))
        + 5 * math.log(5 / (10 * p))
        + 5 * math.log(5 / (10 * (1 - p)))
    )
    assert likelihood_ratio_q(x, n) == pytest.approx(deviance)
    # Without the zero cell: logits log(1/4) and 0, weights 1.6 and 2.5.
    assert wald_q(x, n) == pytest.approx(math.log(4) ** 2 * 1.6 * 2.5 / 4.1)


TABLES = st.lists(
    st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=3, max_size=10
)


@settings(deadline=None)
@given(TABLES)
def test_any_table_is_pooled_or_refused_and_mirrors(table: list[tuple[int, int]]) -> None:
    events, total = zip(*table, strict=True)
    one = pool_glmm(rows(events, total))
    mirrored = pool_glmm(rows([n - x for x, n in table], total))
    assert type(one) is type(mirrored)
    if isinstance(one, Pooled) and isinstance(mirrored, Pooled):
        assert one.estimate == pytest.approx(-mirrored.estimate, abs=1e-4)
        assert one.tau2 == pytest.approx(mirrored.tau2, abs=1e-4, rel=1e-4)
        assert one.proportion_ci[0] <= one.proportion <= one.proportion_ci[1]
        assert one.proportion == pytest.approx(1 - mirrored.proportion, abs=1e-4)


COUNTS = st.integers(1, 10**6).flatmap(
    lambda n: st.tuples(st.one_of(st.sampled_from([0, n]), st.integers(0, n)), st.just(n), st.integers(0, 5))
)


@settings(deadline=None, max_examples=60)
@given(st.lists(COUNTS, min_size=1, max_size=9))
def test_any_counts_in_any_arms_give_finite_numbers_or_a_reason(table: list[tuple[int, int, int]]) -> None:
    found = pool_glmm([Row(f"s{study}", f"arm {i}", x, n) for i, (x, n, study) in enumerate(table)])
    json.dumps(asdict(found), allow_nan=False)
    assert found.rows == len(table)
    assert found.k == len({study for _, _, study in table})
    if isinstance(found, NotPooled):
        assert found.reason
        assert found.proportion_ci[0] <= found.events / found.total <= found.proportion_ci[1]
    else:
        assert (found.population_average is not None) == (found.tau2 > 0)


@settings(deadline=None)
@given(TABLES, st.randoms())
def test_order_does_not_matter(table: list[tuple[int, int]], random: Random) -> None:
    shuffled = list(table)
    random.shuffle(shuffled)
    one, other = (pool_glmm(rows(*zip(*order, strict=True))) for order in (table, shuffled))
    if isinstance(one, Pooled) and isinstance(other, Pooled):
        assert one.estimate == pytest.approx(other.estimate, abs=1e-5)
        assert one.tau2 == pytest.approx(other.tau2, abs=1e-5, rel=1e-5)
    else:
        assert one == other


ARMS = [
    Row(f"s{s}", f"arm {i}", x, n)
    for i, (s, x, n) in enumerate(zip((1, 1, 2, 3, 3, 3, 4, 5, 6, 7, 8, 8, 9), EVENTS, TOTAL, strict=True))
]


def test_arms_of_one_study_share_its_random_effect() -> None:
    """R 4.2.2, lme4 1.1-31, a line an arm: glmer(cbind(x, n - x) ~ 1 + (1 | study), family = binomial, nAGQ = 7,
    control = glmerControl(optimizer = "nloptwrap", optCtrl = list(xtol_abs = 1e-10, ftol_abs = 1e-12)));
    Q by glm(cbind(x, n - x) ~ study) against ~ 1; conditional: sum(dbinom(x, n, x / n, log = TRUE)) - deviance / 2.
    """
    found = pool_glmm(ARMS, ci="z")
    assert isinstance(found, Pooled)
    assert (found.k, found.rows, found.events, found.total) == (9, 13, sum(EVENTS), sum(TOTAL))
    assert found.estimate == pytest.approx(1.7480356229, abs=1e-4)
    assert found.se == pytest.approx(0.2936180262, abs=1e-4)
    assert found.tau2 == pytest.approx(0.2554939954, abs=1e-4)
    assert found.conditional_loglik == pytest.approx(-19.6645134985, abs=1e-4)
    assert (found.Q, found.Q_df) == (pytest.approx(14.3159159250, abs=1e-6), 8)


def test_arms_are_no_studies_of_their_own() -> None:
    apart = pooled(EVENTS, TOTAL)
    together = pool_glmm(ARMS)
    assert isinstance(together, Pooled)
    assert apart.rows == apart.k == 13
    assert "t with 8 df" in together.ci_convention
    assert together.se != pytest.approx(apart.se, abs=1e-3)


def test_three_arms_of_two_studies_are_too_few() -> None:
    refused = pool_glmm([Row("a", "low", 3, 9), Row("a", "high", 5, 8), Row("b", "", 2, 20)])
    assert isinstance(refused, NotPooled)
    assert refused.reason == "2 studies reported; pooling needs at least 3"
    assert (refused.k, refused.rows) == (2, 3)


def test_log_likelihood_of_arms_by_plain_integration() -> None:
    """The product of the arms' binomial terms under one z, integrated as it stands."""
    rows_ = [Row("a", "low", 3, 9), Row("a", "high", 7, 8), Row("b", "", 2, 20), Row("c", "", 9, 15)]
    found = pool_glmm(rows_)
    assert isinstance(found, Pooled)
    assert found.loglik is not None
    mu, tau = found.estimate, math.sqrt(found.tau2)

    def study(name: str) -> float:
        def density(z: float) -> float:
            p = float(expit(mu + tau * z))
            arms = [
                math.comb(r.total, r.events) * p**r.events * (1 - p) ** (r.total - r.events)
                for r in rows_
                if r.study == name
            ]
            return math.prod(arms) * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

        return math.log(quad(density, -12, 12, epsabs=0, epsrel=1e-11, limit=400)[0])

    assert found.loglik == pytest.approx(sum(study(name) for name in "abc"), abs=1e-3)  # seven nodes


def test_more_studies_alike_narrow_the_interval() -> None:
    found = pooled(EVENTS, TOTAL)
    p = round(found.proportion * 100)
    more = pooled([*EVENTS, p, p, p], [*TOTAL, 100, 100, 100])
    assert more.ci_ub - more.ci_lb < found.ci_ub - found.ci_lb
    assert more.tau2 < found.tau2


def test_doubling_every_study_halves_the_variance_of_the_mean() -> None:
    found, twice = pooled(EVENTS, TOTAL), pooled(EVENTS * 2, TOTAL * 2)
    assert twice.estimate == pytest.approx(found.estimate, abs=1e-6)
    assert twice.tau2 == pytest.approx(found.tau2, abs=1e-6)
    assert twice.se == pytest.approx(found.se / math.sqrt(2), abs=1e-6)
