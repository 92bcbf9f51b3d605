"""Transplant by landmark and by Mantel-Byar, beside R; the naive comparison is refused.

The numbers are R's (survival 3.5-3), from the same 36 patients, made up: d has columns s, t, e, tx.

    k <- subset(d, t > 2); k$z <- !is.na(k$tx) & k$tx <= 2; k$since <- k$t - 2
    survdiff(Surv(since, e) ~ z + strata(s), k)                          # LANDMARK
    coxph(Surv(since, e) ~ z + strata(s), k)                             # ties "efron" and "breslow"
    m has a row (0, t] z = 0 for who has no transplant before t, else (0, tx] z = 0 without event and (tx, t] z = 1
    coxph(Surv(a, b, e) ~ z + strata(s), m, ties = "exact")$score        # MANTEL_BYAR; without strata(s): UNSTRATIFIED
    coxph(Surv(a, b, e) ~ z + strata(s), m)

each with coxph.control(eps = 1e-13, toler.chol = 1e-14).
"""

from __future__ import annotations

import pytest

from analysis.cox import cox
from analysis.landmark import LEVELS, landmark, mantel_byar, refuse_naive
from analysis.logrank import logrank
from db.errors import InputError

MADE_UP = [
    ("A", 6, 0, 2), ("A", 18, 1, 2.5), ("A", 2, 1, None), ("A", 12, 1, None), ("A", 8, 1, None), ("A", 2, 1, None),
    ("A", 15, 1, None), ("A", 18, 0, None), ("A", 15, 1, None), ("A", 4, 1, None), ("A", 5, 1, 2.5), ("A", 2, 1, None),
    ("A", 18, 1, 2.5), ("A", 15, 0, 1), ("B", 2, 1, None), ("B", 15, 1, None), ("B", 9, 0, 2), ("B", 6, 1, 2),
    ("B", 6, 1, None), ("B", 24, 0, None), ("B", 15, 1, 2), ("B", 6, 0, 1), ("B", 15, 0, None), ("B", 12, 1, 1),
    ("B", 3, 0, 2), ("B", 1, 0, None), ("C", 12, 1, 1), ("C", 6, 0, 2.5), ("C", 9, 1, 2), ("C", 2, 0, 1),
    ("C", 9, 0, None), ("C", 1, 0, 1), ("C", 18, 1, 3), ("C", 9, 1, 2), ("C", 18, 1, 2), ("C", 6, 1, None),
]  # fmt: skip
STUDY, TIME, EVENT, MOVED = (list(column) for column in zip(*MADE_UP, strict=True))
EXACT = {"rel": 1e-12, "abs": 1e-12}


def test_landmark_is_what_r_gives() -> None:
    found = landmark(TIME, EVENT, MOVED, 2, strata=STUDY)
    assert (found.n, found.event_before, found.censored_before, found.later) == (29, 4, 3, 5)
    test, fit = found.comparison.test, found.comparison.hazard
    assert test is not None
    assert fit is not None
    assert test.statistic == pytest.approx(0.10184921866203792, **EXACT)
    assert list(test.observed) == [12, 7]
    assert list(test.expected) == pytest.approx([12.50588023088023, 6.4941197691197692], **EXACT)
    assert float(fit.coef[0]) == pytest.approx(0.18230531587445817, **EXACT)
    assert float(fit.se[0]) == pytest.approx(0.54109910255456273, **EXACT)
    assert fit.score == pytest.approx(0.11369057817005984, **EXACT)
    assert (fit.loglik_null, fit.loglik) == pytest.approx((-29.56219798122597808, -29.50585669397917599), **EXACT)


def test_breslow_stratified_is_what_r_gives() -> None:
    kept = [row for row in MADE_UP if row[1] > 2]
    group = [LEVELS[row[3] is not None and row[3] <= 2] for row in kept]
    study, time, event, _ = (list(column) for column in zip(*kept, strict=True))
    fit = cox(time, event, group, strata=study, ties="breslow", levels=LEVELS)
    assert float(fit.coef[0]) == pytest.approx(0.14974067617873568, **EXACT)
    assert float(fit.se[0]) == pytest.approx(0.54155607209117829, **EXACT)


@pytest.mark.parametrize(
    ("strata", "score", "coef", "se", "loglik"),
    [
        (STUDY, 0.25792335093765767, -0.19776219503361903, 0.51337669918509199, -39.57439281064487346),
        (None, 0.051739976066032936, -0.010003145807103235, 0.44081421797428644, -62.216716826200717),
    ],
)
def test_mantel_byar_is_what_r_gives(
    strata: list[str] | None, score: float, coef: float, se: float, loglik: float
) -> None:
    found = mantel_byar(TIME, EVENT, MOVED, strata=strata)
    assert (found.n, found.transplanted, found.events, found.time_at_risk) == (36, 18, (12, 11), (191, 153))
    test, fit = found.comparison.test, found.comparison.hazard
    assert test is not None
    assert fit is not None
    assert test.statistic == pytest.approx(score, **EXACT)
    assert float(fit.coef[0]) == pytest.approx(coef, **EXACT)
    assert float(fit.se[0]) == pytest.approx(se, **EXACT)
    assert fit.loglik == pytest.approx(loglik, **EXACT)


def test_groups_as_strata_free_test_is_what_r_gives() -> None:
    """survdiff(Surv(t, e) ~ s, d, rho = 0 and 1): three groups."""
    for rho, statistic, expected in (
        (0, 0.28353957164139876, [9.98558998048162039, 6.91892003765068697, 6.09548998186769087]),
        (1, 0.64543997448320345, [6.46228991596638558, 4.85675770308123145, 4.10794817927170808]),
    ):
        test = logrank(TIME, EVENT, STUDY, rho=rho)
        assert test.statistic == pytest.approx(statistic, **EXACT)
        assert list(test.expected) == pytest.approx(expected, **EXACT)


def test_time_before_the_transplant_is_not_counted_for_it() -> None:
    """Without any effect, who lives longer is transplanted more often: ever v never would favour transplant greatly."""
    time = [float(t) for t in range(1, 41)]
    moved = [4.5 if t > 20 else None for t in time]  # the transplanted are those who lived past 20
    naive = logrank(time, [1] * 40, [LEVELS[m is not None] for m in moved], levels=LEVELS)
    assert naive.expected[1] > naive.observed[1] + 10
    assert naive.p_value < 1e-6
    with pytest.raises(InputError, match="immortal time"):
        refuse_naive()


def test_a_transplant_at_the_end_of_the_time_changes_nothing() -> None:
    without = mantel_byar([5, 6, 7], [1, 1, 0], [2, None, None])
    with_late = mantel_byar([5, 6, 7], [1, 1, 0], [2, 6, 7.5])
    assert with_late.events == without.events
    assert with_late.transplanted == without.transplanted == 1
    assert with_late.time_at_risk == without.time_at_risk == (15, 3)


def test_a_transplant_at_time_zero_has_no_time_before() -> None:
    found = mantel_byar([5, 6, 7], [1, 1, 0], [0, None, None])
    assert found.time_at_risk == (13, 5)
    assert found.events == (1, 1)


@pytest.mark.parametrize(
    ("moved", "at", "word"),
    [
        ([1, None, None], 0, "not a time above 0"),
        ([1, None, None], float("nan"), "not a time above 0"),
        ([1, None, None], 9, "nobody is followed"),
        ([None, None, None], 2, "all 3 patients were not transplanted"),
        ([1, 1, 1], 2, "all 3 patients were transplanted"),
        ([1, -1, None], 2, "from 0 up"),
        ([1, float("nan"), None], 2, "from 0 up"),
        ([1, None], 2, "one transplant time"),
    ],
)
def test_what_a_landmark_cannot_compare(moved: list[float | None], at: float, word: str) -> None:
    with pytest.raises(InputError, match=word):
        landmark([5, 6, 7], [1, 1, 0], moved, at)


@pytest.mark.parametrize(("moved", "word"), [([None, 6, 8], "nobody was transplanted"), ([0, 0, 0], "time zero")])
def test_what_mantel_byar_cannot_compare(moved: list[float | None], word: str) -> None:
    with pytest.raises(InputError, match=word):
        mantel_byar([5, 6, 7], [1, 1, 0], moved)
