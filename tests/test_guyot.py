"""Curves read off and built again: what is accepted gives back what is printed, exactly, and the rest is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.guyot import MAX_DISTANCE, MEDIAN_TOLERANCE, Reconstruction, _differences, reconstruct
from analysis.survival import Curve, Floats, at_times, kaplan_meier, median
from db.errors import InputError

FIGURES = 6  # numbers at risk printed under a curve, as most figures have
READING = 0.002  # a reading's error in height: two pixels of a figure a thousand high


def printed(curve: Curve, columns: int = FIGURES) -> tuple[Floats, list[int]]:
    """Numbers at risk at round places of the axis."""
    times = np.linspace(0, curve.time[-1], columns + 1)[:-1]
    return times, [point.n_risk for point in at_times(curve, times)]


def read_off(curve: Curve, noise: float, seed: int, points: int = 0) -> tuple[Floats, Floats]:
    """Points at each step, or evenly along the axis, with an error in height."""
    steps = curve.time[curve.n_event > 0] if not points else np.linspace(0, curve.time[-1], points)
    times = np.unique(np.append(steps, curve.time[-1]))
    heights = np.array([point.surv for point in at_times(curve, times)])
    return times, np.clip(heights + np.random.default_rng(seed).uniform(-noise, noise, len(times)), 0, 1)


def gives_back(found: Reconstruction, curve: Curve, times: Floats, counts: list[int]) -> None:
    """The promise, checked from the patients alone."""
    again = kaplan_meier(found.time, found.event)
    assert again.n == curve.n
    assert again.events == curve.events
    assert [point.n_risk for point in at_times(again, times)] == counts
    middle, known = median(again).time, median(curve).time
    assert known is None or (middle is not None and abs(middle - known) <= MEDIAN_TOLERANCE * known * (1 + 1e-6))
    assert found.max_distance <= MAX_DISTANCE


@pytest.mark.parametrize("noise", [0, READING])
def test_the_oracle_s_curves_are_given_back(shared: Path, noise: float) -> None:
    """Steps read with rounding: what is accepted keeps its promise, and curves of thirty patients or more are."""
    tried = refused = 0
    for path in sorted((shared / "data" / "oracle").glob("*surv_*.json")):
        data = json.loads(path.read_text("utf-8"))["input"]
        time, event, group = (np.array(data[key]) for key in ("time", "event", "group"))
        for chosen in (np.full(len(time), True), *(group == level for level in dict.fromkeys(data["group"]))):
            curve = kaplan_meier(time[chosen], event[chosen])
            times, counts = printed(curve)
            points = read_off(curve, noise, seed=len(time))
            tried += curve.n >= 30
            try:
                found = reconstruct(*points, times, counts, events=curve.events, median_printed=median(curve).time)
            except InputError:
                refused += curve.n >= 30
                continue
            gives_back(found, curve, times, counts)
    assert tried >= 15
    assert refused == 0


@settings(max_examples=60, deadline=None)
@given(
    patients=st.lists(st.tuples(st.integers(1, 60), st.sampled_from([0, 1, 1])), min_size=1, max_size=80),
    noise=st.sampled_from([0, READING, 0.02]),
    points=st.sampled_from([0, 12, 100]),
    columns=st.integers(1, 8),
    seed=st.integers(0, 9),
)
def test_what_is_accepted_gives_back_what_is_printed(
    patients: list[tuple[int, int]], noise: float, points: int, columns: int, seed: int
) -> None:
    curve = kaplan_meier(*zip(*patients, strict=True))
    times, counts = printed(curve, columns)
    try:
        found = reconstruct(
            *read_off(curve, noise, seed, points), times, counts, events=curve.events,
            median_printed=median(curve).time,
        )  # fmt: skip
    except InputError:
        return
    gives_back(found, curve, times, counts)


@settings(max_examples=40, deadline=None)
@given(patients=st.lists(st.integers(1, 40), min_size=1, max_size=60), columns=st.integers(1, 6))
def test_without_censoring_before_the_end_nothing_is_lost(patients: list[int], columns: int) -> None:
    """All die: the curve holds every patient, and the patients come back, each of them."""
    curve = kaplan_meier(patients, [1] * len(patients))
    times, counts = printed(curve, columns)
    found = reconstruct(*read_off(curve, 0, 0), times, counts)
    assert sorted(found.time) == sorted(patients)
    assert found.event.all()


numbers = st.floats() | st.floats(0, 1) | st.integers(0, 30).map(float)


@settings(max_examples=100, deadline=None)
@given(
    points=st.lists(st.tuples(numbers, st.floats(0, 1) | numbers), max_size=12),
    risk=st.lists(st.tuples(numbers, st.integers(-1, 40)), max_size=4),
    begin=st.integers(0, 40),
    events=st.none() | st.integers(-1, 40),
    middle=st.none() | numbers,
)
def test_any_numbers_are_patients_or_a_refusal(
    points: list[tuple[float, float]], risk: list[tuple[float, int]], begin: int, events: int | None,
    middle: float | None,
) -> None:  # fmt: skip
    risk = [(0.0, begin), *sorted(risk, key=lambda pair: pair[0])]
    try:
        found = reconstruct(
            [t for t, _ in sorted(points)], [s for _, s in sorted(points)], [t for t, _ in risk], [n for _, n in risk],
            events=events, median_printed=middle,
        )  # fmt: skip
    except InputError:
        return
    assert len(found.time) == begin
    assert np.isfinite(found.time).all()
    assert (found.time >= 0).all()


STEPS = ([0, 2, 4, 6, 8], [1, 0.9, 0.8, 0.7, 0.6])
RISK = ([0, 5], [10, 8])


def test_a_plain_curve() -> None:
    found = reconstruct(*STEPS, *RISK, events=4)
    assert list(found.time[found.event == 1]) == [2, 4, 6, 8]
    assert list(found.time[found.event == 0]) == [8] * 6


@pytest.mark.parametrize(
    ("events", "middle", "word"),
    [
        (9, None, "events: 4 instead of 9"),
        (3, None, "a point lies"),
        (None, 8, "median: not reached instead of 8"),
        (11, None, "cannot be among"),
    ],
)
def test_a_curve_that_is_not_the_printed_one(events: int | None, middle: float | None, word: str) -> None:
    with pytest.raises(InputError, match=word):
        reconstruct(*STEPS, *RISK, events=events, median_printed=middle)


def test_a_median_more_than_a_twentieth_away_is_refused() -> None:
    curve = ([2, 4, 6, 8], [0.8, 0.6, 0.4, 0.2])
    assert reconstruct(*curve, [0], [5], median_printed=6.3).median == 6
    with pytest.raises(InputError, match=r"median: 6 instead of 6\.5"):
        reconstruct(*curve, [0], [5], median_printed=6.5)


def test_a_point_read_too_low_does_not_undercut_the_next_number_at_risk() -> None:
    """0.873 for 0.9 would be two deaths where the numbers at risk leave room for one; the next point puts it right."""
    found = reconstruct([2, 4, 6], [0.95, 0.873, 0.85], [0, 5], [20, 18], events=3)
    assert list(found.time[found.event == 1]) == [2, 4, 6]


def test_what_differs_is_named() -> None:
    found = reconstruct(*STEPS, *RISK, events=4)
    wrong = _differences(found, np.array([0.0, 5.0]), [10, 7], 5, 9)
    assert wrong == ["at risk at 5: 8 instead of 7", "events: 4 instead of 5", "median: not reached instead of 9"]


def test_numbers_at_risk_that_the_curve_cannot_have() -> None:
    """Nine of ten are at risk at 5, but the curve has lost a fifth by then."""
    with pytest.raises(InputError, match="a point lies"):
        reconstruct(*STEPS, [0, 5], [10, 10])


@pytest.mark.parametrize(
    ("curve", "risk", "word"),
    [
        (([], []), RISK, "needs points"),
        (([1], [90]), RISK, "percentages"),
        (([1, 2], [0.5, 0.6]), RISK, "rises at 2"),
        (([2, 1], [0.6, 0.5]), RISK, "order of time"),
        (([1], [float("nan")]), RISK, "a point of the curve"),
        (STEPS, ([1, 5], [10, 8]), "begin at time 0"),
        (STEPS, ([0, 5], [8, 10]), "rise"),
        (STEPS, ([0, 5, 5], [10, 8, 7]), "order of time"),
        (STEPS, ([0], [0]), "count from 1"),
        (STEPS, ([0], [10**9]), "count from 1"),
        (STEPS, ([], []), "a time and a count"),
    ],
)
def test_values_that_cannot_be(
    curve: tuple[list[float], list[float]], risk: tuple[list[float], list[int]], word: str
) -> None:
    with pytest.raises(InputError, match=word):
        reconstruct(*curve, *risk)
