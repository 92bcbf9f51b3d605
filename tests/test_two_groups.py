"""Two groups and generic effects: zero cells, refusals as R's, and numbers or our refusal for any input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import hypergeom, norm

from analysis.generic import (
    from_intervals,
    from_standard_errors,
    from_variances,
    log_hazard_ratio,
    lopsided,
)
from analysis.mantel_haenszel import _expected, pool_mantel_haenszel
from analysis.peto import pool_peto
from analysis.stratified import StratifiedFit
from analysis.two_groups import Tables, TwoGroupRow, peto_terms, tables, tables_of, two_group_effects
from db.errors import InputError

MEASURES = ("RR", "OR", "RD", "AS", "PETO")

# metafor 3.8-1 under R 4.2.2, escalc(measure=M, ai=c(5,5,5), n1i=c(5,5,9), ci=c(5,0,2), n2i=c(5,5,8))
ESCALC: dict[str, tuple[list[float], list[float]]] = {
    "OR": ([0.0, 4.7957905456, 1.3217558400], [4.3636363636, 4.3636363636, 1.1166666667]),
    "RR": ([0.0, 2.3978952728, 0.7985076962], [0.0303030303, 1.8484848485, 0.4638888889]),
    "RD": ([0.0, 0.8333333333, 0.3055555556], [0.0254629630, 0.0254629630, 0.0508723422]),
    "AS": ([0.0, 1.5707963268, 0.3174698950], [0.1000000000, 0.1000000000, 0.0590277778]),
    "PETO": ([0.0, 3.0555555556, 1.1873015873], [4.0000000000, 1.2222222222, 0.9174603175]),
}


@pytest.mark.parametrize("measure", MEASURES)
def test_zero_cells_all_events_and_none_as_in_r(measure: Any) -> None:
    effects = two_group_effects(measure, tables([5, 5, 5], [5, 5, 9], [5, 0, 2], [5, 5, 8]))
    yi, vi = ESCALC[measure]
    assert effects.yi == pytest.approx(yi, abs=1e-9)
    assert effects.vi == pytest.approx(vi, abs=1e-9)


def test_double_zeros_stay_unless_they_are_to_go() -> None:
    found = tables([0, 3, 5], [5, 5, 5], [0, 2, 6], [5, 5, 6])
    assert len(two_group_effects("OR", found).yi) == 3
    assert two_group_effects("OR", found, drop_double_zero=True).yi == pytest.approx([np.log(3 / 2 / (2 / 3))])
    with pytest.raises(InputError, match="nothing to compare"):
        two_group_effects("OR", tables([0], [5], [0], [5]), drop_double_zero=True)


def test_peto_variance_is_the_hypergeometric_one() -> None:
    found = tables([3], [10], [6], [12])
    difference, variance = peto_terms(found)
    exact = hypergeom(22, 9, 10)
    assert difference[0] == pytest.approx(3 - exact.mean())
    assert variance[0] == pytest.approx(exact.var())


# metafor 3.8-1: rma.mh and weights(…) of ai=c(3,4,5), n1i=c(10,11,12), ci=c(2,6,7), n2i=c(9,13,15)
THREE = ([3, 4, 5], [10, 11, 12], [2, 6, 7], [9, 13, 15])


@pytest.mark.parametrize(
    ("measure", "weights"),
    [
        ("OR", [17.12926, 40.68200, 42.18874]),
        ("RR", [15.22521, 39.77585, 44.99894]),
        ("RD", [27.28306, 34.31856, 38.39838]),
    ],
)
def test_weights_as_in_r(measure: Any, weights: list[float]) -> None:
    assert pool_mantel_haenszel(measure, tables(*THREE)).weights == pytest.approx(weights, abs=1e-5)


def test_peto_weights_and_tests_of_the_odds_ratio_as_in_r() -> None:
    assert pool_peto(tables(*THREE)).weights == pytest.approx([23.13855, 36.06527, 40.79618], abs=1e-5)
    fit = pool_mantel_haenszel("OR", tables(*THREE))
    assert fit.cmh is not None
    assert fit.breslow_day is not None
    assert fit.tarone is not None
    assert fit.cmh.statistic == pytest.approx(0.000555508937714852, rel=1e-9)
    assert fit.breslow_day.statistic == pytest.approx(0.375626258049811201, rel=1e-9)
    assert fit.tarone.statistic == pytest.approx(0.375625633402643155, rel=1e-9)
    assert fit.tarone.p_value == pytest.approx(0.828769824584149828, rel=1e-9)
    assert pytest.approx(0.186352607623865518, rel=1e-9) == fit.H2


@pytest.mark.parametrize(
    ("measure", "estimate", "se", "p_value"),
    [
        ("OR", 0.405465108108164, 1.05785047102491, 0.701503630924323),
        ("RR", 0.300104592450338, 0.788810637746615, 0.703609913625957),
        ("RD", 0.0777777777777778, 0.200510322863338, 0.698090689423741),
    ],
)
def test_one_study_as_in_r(measure: Any, estimate: float, se: float, p_value: float) -> None:
    fit = pool_mantel_haenszel(measure, tables([3], [10], [2], [9]))
    assert (fit.estimate, fit.se, fit.p_value) == pytest.approx((estimate, se, p_value), rel=1e-10)
    assert (fit.Q, fit.Q_df, fit.Q_p, fit.I2, fit.H2) == (0.0, 0, 1.0, 0.0, 1.0)
    assert fit.breslow_day is None or fit.breslow_day.p_value is None


def test_equal_odds_leave_nothing_to_test() -> None:
    fit = pool_mantel_haenszel("OR", tables([3, 6], [10, 20], [3, 6], [10, 20]))
    assert (fit.estimate, fit.p_value, fit.Q) == (0.0, 1.0, 0.0)
    assert fit.breslow_day is not None
    assert fit.breslow_day.statistic == pytest.approx(0, abs=1e-20)


@pytest.mark.parametrize("odds_ratio", [1e-6, 0.5, 1 - 1e-9, 1.0, 1 + 1e-9, 2.0, 1e6])
@pytest.mark.parametrize("margins", [(1e9, 1e9, 3.0), (10.0, 12.0, 21.0), (5.0, 1e9, 1e8)])
def test_the_table_of_breslow_and_day_has_the_odds_ratio(
    margins: tuple[float, float, float], odds_ratio: float
) -> None:
    n1, n2, events = (np.array([value]) for value in margins)
    a = _expected(n1, n2, events, odds_ratio)
    assert a * (n2 - events + a) == pytest.approx(odds_ratio * (n1 - a) * (events - a), rel=1e-6)


NOTHING = {  # R: no estimate, or none with a standard error
    "no events": ([0, 0], [10, 12], [0, 0], [9, 8]),
    "all events": ([10, 12], [10, 12], [9, 8], [9, 8]),
    "one group all, the other none": ([10, 12], [10, 12], [0, 0], [9, 8]),
}


@pytest.mark.parametrize("name", NOTHING)
@pytest.mark.parametrize("measure", ["OR", "RR", "RD"])
def test_mantel_haenszel_refuses_where_r_has_no_answer(name: str, measure: Any) -> None:
    with pytest.raises(InputError):
        pool_mantel_haenszel(measure, tables(*NOTHING[name]))


@pytest.mark.parametrize("name", ["no events", "all events"])
def test_peto_refuses_where_r_does(name: str) -> None:
    with pytest.raises(InputError, match="never occurs"):
        pool_peto(tables(*NOTHING[name]))


def test_a_double_zero_study_moves_no_ratio_and_no_heterogeneity() -> None:
    with_it = tables([3, 4, 0], [10, 11, 7], [2, 6, 0], [9, 13, 9])
    without = tables([3, 4], [10, 11], [2, 6], [9, 13])
    pools: list[Callable[[Tables], StratifiedFit]] = [
        lambda t: pool_mantel_haenszel("OR", t), lambda t: pool_mantel_haenszel("RR", t), pool_peto,
    ]  # fmt: skip
    for pool in pools:
        a, b = pool(with_it), pool(without)
        assert (a.estimate, a.se, a.Q, a.Q_df) == pytest.approx((b.estimate, b.se, b.Q, b.Q_df))
        assert (a.k, a.k_informative) == (3, 2)


@pytest.mark.parametrize("bad", [(4, 3, 0, 3), (-1, 3, 0, 3), (0, 0, 0, 3), (0, 3, 2, 1), (0.5, 3, 0, 3)])
def test_counts_that_cannot_be_are_refused_by_the_name_of_the_study(bad: tuple[int, int, int, int]) -> None:
    with pytest.raises(InputError, match="study Ada"):
        tables_of([TwoGroupRow("Ada", *bad)])
    for cell in (float("nan"), float("inf"), 10**400, "x", None):
        with pytest.raises(InputError):
            tables([1, cell], [2, 2], [1, 1], [2, 2])  # type: ignore[list-item]
    with pytest.raises(InputError, match="same length"):
        tables([1, 1], [2, 2], [1], [2, 2])
    with pytest.raises(InputError, match="no rows"):
        tables_of([])


def finite(fit: StratifiedFit) -> bool:
    numbers = [fit.estimate, fit.se, fit.statistic, fit.p_value, fit.ci_lb, fit.ci_ub, fit.Q, fit.Q_p, fit.I2, fit.H2]
    for test in (fit.cmh, fit.breslow_day, fit.tarone):
        numbers += [] if test is None else [test.statistic, test.p_value or 0.0]
    return bool(np.isfinite([*numbers, *fit.weights]).all()) and fit.se > 0 and 0 <= fit.I2 <= 100


sizes = st.one_of(st.integers(1, 12), st.integers(1, 10**10), st.just(2**53))
groups = sizes.flatmap(lambda n: st.tuples(st.one_of(st.integers(0, n), st.sampled_from([0, n])), st.just(n)))
studies = st.lists(st.tuples(groups, groups).map(lambda pair: (*pair[0], *pair[1])), min_size=1, max_size=6)


@example(
    [(2**53, 2**53, 0, 2**53), (2**53, 2**53, 0, 2**53), (0, 1, 1, 1)]
)  # an odds ratio that no table can be fitted to
@given(studies)
def test_any_tables_give_numbers_or_a_refusal(rows: list[tuple[int, int, int, int]]) -> None:
    found = tables(*np.array(rows, float).T)
    for measure in MEASURES:
        effects = two_group_effects(measure, found)  # type: ignore[arg-type]
        assert np.isfinite(effects.yi).all()
        assert np.isfinite(effects.vi).all()
        assert (effects.vi > 0).all()
    for pool in (*((lambda t, m=m: pool_mantel_haenszel(m, t)) for m in ("OR", "RR", "RD")), pool_peto):
        try:
            fit = pool(found)
        except InputError:
            continue
        assert finite(fit), fit


anything = st.one_of(st.floats(), st.integers())


@given(st.lists(st.tuples(anything, anything, anything, anything), min_size=1, max_size=3))
def test_any_numbers_are_tables_or_refused(rows: list[tuple[float, float, float, float]]) -> None:
    try:
        found = tables(*zip(*rows, strict=True))
    except InputError:
        return
    assert (found.N >= 2).all()


@given(studies)
def test_swapping_the_groups_turns_the_sign(rows: list[tuple[int, int, int, int]]) -> None:
    a, n1, c, n2 = np.array(rows, float).T
    for measure in MEASURES:
        there = two_group_effects(measure, tables(a, n1, c, n2))  # type: ignore[arg-type]
        back = two_group_effects(measure, tables(c, n2, a, n1))  # type: ignore[arg-type]
        assert there.yi == pytest.approx(-back.yi, rel=1e-6, abs=1e-9)
        assert there.vi == pytest.approx(back.vi, rel=1e-6)


def test_a_standard_error_from_an_interval_at_its_level() -> None:
    half = norm.ppf(0.95) * 0.2
    effects = from_intervals([1.0], [1.0 - half], [1.0 + half], level=0.9)
    assert effects.vi == pytest.approx([0.04])
    ratio = from_intervals([0.7, 0.8], [0.5, 0.6], [0.98, 16 / 15], measure="HR", level=[0.95, 0.99])
    assert ratio.yi == pytest.approx(np.log([0.7, 0.8]))
    widths = np.log([0.98 / 0.5, 16 / 15 / 0.6])
    assert np.sqrt(ratio.vi) == pytest.approx(widths / (2 * norm.ppf([0.975, 0.995])))


def test_an_estimate_off_the_middle_of_its_interval_is_told() -> None:
    bounds = ([0.5, 0.1], [0.98, 0.9])
    ratio = from_intervals([0.7, 0.8], *bounds, measure="HR")
    assert lopsided(ratio, *bounds) == [1]
    assert lopsided(from_intervals([0.7, 0.8], *bounds), *bounds) == [0, 1]  # hazard ratios taken for differences


def test_observed_less_expected() -> None:
    effects = log_hazard_ratio([-2.0, 1.0], [4.0, 8.0])
    assert effects.yi == pytest.approx([-0.5, 0.125])
    assert effects.vi == pytest.approx([0.25, 0.125])


@pytest.mark.parametrize(
    ("refused", "message"),
    [
        (lambda: from_standard_errors([1.0, 2.0], [0.1, 0.0]), "study 2 needs a number with a standard error"),
        (lambda: from_variances([float("nan")], [1.0]), "study 1 needs a number with a variance"),
        (lambda: from_intervals([1.0], [1.1], [1.2]), "inside its interval"),
        (lambda: from_intervals([1.0], [1.0], [1.0]), "inside its interval"),
        (lambda: from_intervals([0.5], [-0.1], [0.9], measure="HR"), "as ratios, not as logarithms"),
        (lambda: from_intervals([1.0], [0.9], [1.1], level=95), "between 0 and 1"),
        (lambda: from_intervals([1.0, 1.0], [0.9, 0.9], [1.1, 1.1], level=[0.9]), "same length"),
        (lambda: log_hazard_ratio([1.0], [0.0]), "V above 0"),
        (lambda: from_variances([], []), "at least one"),
        (lambda: from_variances(["x"], [1.0]), "no number"),
    ],
)
def test_what_no_effect_can_be_made_of(refused: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        refused()


@settings(max_examples=200)
@given(
    st.lists(st.tuples(anything, anything, anything, st.floats()), min_size=1, max_size=3),
    st.sampled_from(["GEN", "HR"]),
)
def test_any_numbers_give_effects_or_a_refusal(rows: list[tuple[float, ...]], measure: Any) -> None:
    a, b, c, level = map(list, zip(*rows, strict=True))
    for make in (
        lambda: from_standard_errors(a, b, measure=measure),
        lambda: from_variances(a, b, measure=measure),
        lambda: from_intervals(a, b, c, measure=measure, level=level),
        lambda: from_intervals(a, b, c, measure=measure),
        lambda: log_hazard_ratio(a, b),
    ):
        try:
            effects = make()
        except InputError:
            continue
        assert np.isfinite(effects.yi).all()
        assert (effects.vi > 0).all()
