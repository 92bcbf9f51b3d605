"""Survival by R's rules on data of its own, refusals, and any numbers at all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.comparison import compare
from analysis.cox import cox
from analysis.landmark import landmark, mantel_byar
from analysis.logrank import logrank
from analysis.survival import at_times, kaplan_meier, median, number, quantiles, restricted_mean
from db.errors import InputError

# Freireich et al., Blood 1963;21:699: weeks to relapse under 6-mercaptopurine; the curve of most textbooks.
MERCAPTOPURINE = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
RELAPSED = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
BOTH = (MERCAPTOPURINE + PLACEBO, RELAPSED + [1] * 21, ["6-MP"] * 21 + ["placebo"] * 21)


def test_the_textbook() -> None:
    """Cox & Oakes 1984, tables 1.1 and 4.1; the hazard ratios as they, and R's coxph, give them."""
    curve = kaplan_meier(MERCAPTOPURINE, RELAPSED)
    assert [round(s, 3) for s in curve.surv[curve.n_event > 0]] == [0.857, 0.807, 0.753, 0.69, 0.627, 0.538, 0.448]
    assert median(curve).time == 23
    assert round(logrank(*BOTH).statistic, 1) == 16.8
    assert round(float(cox(*BOTH, ties="efron").coef[0]), 3) == 1.572
    assert round(float(cox(*BOTH, ties="breslow").coef[0]), 3) == 1.509


def test_a_flat_stretch_at_one_half_gives_its_middle() -> None:
    assert median(kaplan_meier([2, 4, 6, 8], [1, 1, 1, 1])).time == 5  # R: 5
    assert median(kaplan_meier([2, 4, 6, 8], [1, 1, 0, 0])).time == 6  # R: 6, the middle of 4 and the last time
    assert median(kaplan_meier([1, 2, 3], [0, 0, 0])).time is None


def test_a_time_given_twice_with_another_rounding_is_one_time() -> None:
    assert len(kaplan_meier([0.3, 0.1 + 0.2], [1, 0]).time) == 1
    assert len(kaplan_meier([0.3, 0.3001], [1, 0]).time) == 2


def test_the_curve_before_and_after_its_times() -> None:
    before, between, after = at_times(kaplan_meier([3, 5, 5], [1, 0, 0]), [0, 4, 9])
    assert (before.n_risk, before.surv, before.lower, before.upper) == (3, 1, 1, 1)
    assert (between.n_risk, round(between.surv, 3)) == (2, 0.667)
    assert (after.n_risk, round(after.surv, 3)) == (0, 0.667)


def test_a_mean_beyond_the_last_patient_says_so() -> None:
    assert restricted_mean(kaplan_meier([1, 2], [1, 0]), 4).extended
    assert not restricted_mean(kaplan_meier([1, 2], [1, 1]), 4).extended
    assert not restricted_mean(kaplan_meier([1, 2], [1, 0]), 2).extended


@pytest.mark.parametrize(
    ("time", "event", "word"),
    [
        ([], [], "no patients"),
        ([1, 2], [1], "one length"),
        ([1, -1], [1, 0], "from 0"),
        ([1, float("nan")], [1, 0], "from 0"),
        ([1, float("inf")], [1, 0], "from 0"),
        ([1, 2], [1, 2], "neither"),
    ],
)
def test_values_that_cannot_be_are_refused(time: list[float], event: list[int], word: str) -> None:
    group = ["a", "b"][: len(time)]
    for call in (kaplan_meier, lambda t, e: logrank(t, e, group), lambda t, e: cox(t, e, group)):
        with pytest.raises(InputError, match=word):
            call(time, event)


def test_other_refusals() -> None:
    curve = kaplan_meier([1, 2], [1, 1])
    for call in (
        lambda: kaplan_meier([1], [1], scale="logit"),  # type: ignore[arg-type]
        lambda: kaplan_meier([1], [1], level=95),
        lambda: quantiles(curve, 1.0),
        lambda: at_times(curve, float("nan")),
        lambda: restricted_mean(curve, 0.5),
        lambda: restricted_mean(curve, float("nan")),
        lambda: logrank([1, 2], [1, 1], ["a", "a"]),
        lambda: logrank([1, 2], [1, 1], ["a"]),
        lambda: logrank([1, 2], [1, 1], ["a", "b"], strata=["x"]),
        lambda: logrank([1, 2], [1, 1], ["a", "b"], rho=-1),
        lambda: logrank([1, 2], [1, 1], ["a", "b"], levels=["a", "c"]),
        lambda: logrank([1, 2], [1, 1], ["a", "b"], start=[0, 2]),
        lambda: cox([1, 2], [1, 1], ["a", "b"], start=[0, float("nan")]),
        lambda: cox([1, 2], [1, 1], ["a", "b"], ties="exact"),  # type: ignore[arg-type]
    ):
        with pytest.raises(InputError):
            call()


def test_strata_compare_within_only() -> None:
    """Two studies with other hazards and the same balance within: the difference between them is not the groups'."""
    time, event = [1, 1, 2, 2, 11, 11, 12, 12], [1] * 8
    group, study = ["a", "b"] * 4, ["s"] * 4 + ["t"] * 4
    assert logrank(time, event, group, strata=study).statistic == 0
    assert abs(float(cox(time, event, group, strata=study).coef[0])) < 1e-12


def test_never_at_risk_together_is_no_comparison() -> None:
    found = compare([1, 2, 3, 4], [1, 1, 1, 1], ["a", "a", "b", "b"], strata=["s", "s", "t", "t"])
    assert found.test is None
    assert found.hazard is None
    assert found.refused


sound = st.one_of(st.integers(0, 12).map(float), st.floats(0, 1e6), st.sampled_from([0.3, 0.1 + 0.2, 1e-9, 1e15]))
times = sound | st.floats()


def rows_of(time: st.SearchStrategy[float]) -> st.SearchStrategy[list[Any]]:
    events, groups, studies = st.sampled_from([0, 1]), st.sampled_from("abc"), st.sampled_from("st")
    return st.lists(st.tuples(time, events, groups, studies, st.none() | time), max_size=25)


patients = rows_of(sound) | rows_of(times)


def finite(*values: Any) -> bool:
    return bool(np.isfinite(np.concatenate([np.atleast_1d(np.asarray(v, float)).ravel() for v in values])).all())


@settings(max_examples=150, deadline=None)
@given(rows=patients, tau=times)
def test_any_patients_give_a_curve_or_a_refusal(rows: list[Any], tau: float) -> None:
    time, event = [row[0] for row in rows], [row[1] for row in rows]
    for scale in ("log-log", "log", "plain"):
        try:
            curve = kaplan_meier(time, event, scale=scale)  # type: ignore[arg-type]
        except InputError:
            return
        assert curve.n_event.sum() + curve.n_censor.sum() == curve.n == len(rows)
        assert finite(curve.surv)
        assert (np.diff(curve.surv) <= 0).all()
        for low, s, high in zip(curve.lower, curve.surv, curve.upper, strict=True):
            assert (number(low) is None) == (number(high) is None)
            assert not low > s + 1e-12
            assert not high < s - 1e-12
        for q in quantiles(curve):
            assert all(v is None or 0 <= v <= curve.time[-1] for v in (q.time, q.lower, q.upper))
        try:
            mean = restricted_mean(curve, tau)
        except InputError:
            continue
        assert finite(mean.mean, mean.se)
        assert -1e-9 <= mean.mean <= tau * (1 + 1e-9)


@settings(max_examples=150, deadline=None)
@given(rows=patients, rho=st.sampled_from([0.0, 0.5, 1.0]), stratified=st.booleans())
def test_any_groups_give_numbers_or_a_refusal(rows: list[Any], rho: float, stratified: bool) -> None:
    time, event, group, study, _ = (list(column) for column in zip(*rows, strict=True)) if rows else ([],) * 5
    strata = study if stratified else None
    try:
        test = logrank(time, event, group, strata=strata, rho=rho)
        assert finite(test.observed, test.expected, test.var, test.statistic, test.p_value)
        assert 0 <= test.p_value <= 1
        assert abs(test.observed.sum() - test.expected.sum()) < 1e-9
    except InputError:
        pass
    for ties in ("efron", "breslow"):
        try:
            fit = cox(time, event, group, strata=strata, ties=ties)  # type: ignore[arg-type]
        except InputError:
            continue
        assert finite(fit.coef, fit.se, fit.ci_lb, fit.ci_ub, fit.p_value, fit.loglik, fit.score)
        assert fit.loglik >= fit.loglik_null - 1e-9


@settings(max_examples=150, deadline=None)
@given(rows=patients, at=times)
def test_any_transplants_give_numbers_or_a_refusal(rows: list[Any], at: float) -> None:
    time, event, _, study, moved = (list(column) for column in zip(*rows, strict=True)) if rows else ([],) * 5
    try:
        cut = landmark(time, event, moved, at, strata=study)
        assert cut.n + cut.event_before + cut.censored_before == len(rows)
        assert sum(curve.n for curve in cut.curves.values()) == cut.n
    except InputError:
        pass
    try:
        split = mantel_byar(time, event, moved, strata=study)
        assert sum(split.events) == sum(event)
        assert abs(sum(split.time_at_risk) - sum(time)) <= 1e-6 * max(1.0, sum(time))
        assert split.comparison.test or split.comparison.refused
    except InputError:
        pass
