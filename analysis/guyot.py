"""Patient data from a published Kaplan-Meier curve: points read off it, and the numbers at risk printed under it.

Source: Guyot, Ades, Ouwens & Welton, BMC Med Res Methodol 2012;12:9. Three things differ from their program: the
times of the numbers at risk are points of their own, so that the number at risk is met at that very time; deaths
never undercut the next number at risk, a death too many waits for the next point; and where spreading the
censored evenly does not give back what is printed, they are moved earlier or later within all intervals alike.

The result is no patient's history: it is data that give the curve back. It is refused where it does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.survival import TOLERANCE, Curve, Floats, at_times, kaplan_meier, median
from db.errors import InputError

# A curve falls; a reading that rises by more than this is no slip of the hand but another curve, or another axis.
READING_NOISE: Final = 0.02
# Largest distance of the curve given back from a point read: Liu, Zhou & Lee, BMC Med Res Methodol 2021;21:111.
MAX_DISTANCE: Final = 0.05
# The rule of acceptance stated for this program: a median further than this from the printed one is another curve.
MEDIAN_TOLERANCE: Final = 0.05
MAX_PATIENTS: Final = 20_000  # a curve of more patients than any trial of the field has
MAX_ROUNDS: Final = 30  # Guyot's iteration settles in a few rounds or jumps to and fro
# Powers that bend the even spread of the censored: 1 is Guyot's; nearest to it first.
BENDS: Final = (1.0, *(2.0 ** (sign * step / 8) for step in range(1, 17) for sign in (1, -1)))


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """Patients who give the curve back, sorted by time, and how near they come to what is printed."""

    time: Floats
    event: NDArray[np.int64]
    curve: Curve
    median: float | None
    max_distance: float  # from the points read
    bend: float  # 1 unless the censored had to be moved to meet what is printed


@dataclass(frozen=True, slots=True)
class _Interval:
    """From one number at risk to the next: the points within, the first at the time of the number itself."""

    time: Floats
    height: Floats
    read: NDArray[np.bool_]  # False where only the time of a number at risk was put in: nobody dies there
    end: float  # the time of the next number at risk, or of the last point
    n: int
    target: int  # the next number at risk; 0 in the last interval


def reconstruct(
    time: ArrayLike,
    surv: ArrayLike,
    risk_time: ArrayLike,
    risk: Sequence[int],
    *,
    events: int | None = None,
    median_printed: float | None = None,
) -> Reconstruction:
    """Patients from points (time, surv) of the curve, surv from 0 to 1, and the numbers at risk.

    The first number at risk is at time 0. Points stand in the order of time; of several at one time the lowest counts.
    InputError: values that cannot be, and a result that does not give back N, the numbers at risk and the printed
    events exactly, the printed median within MEDIAN_TOLERANCE, and each point within MAX_DISTANCE; the message says
    what differs.
    """
    t, s = _points(time, surv)
    at, n = _risk(risk_time, risk)
    if events is not None and not 0 <= events <= n[0]:
        raise InputError(f"{events} events cannot be among {n[0]} patients")
    if median_printed is not None and not (np.isfinite(median_printed) and median_printed > 0):
        raise InputError(f"a median of {median_printed} is not a time above 0")
    intervals = list(_intervals(t, s, at, n))
    tries = []
    for bend in BENDS:
        found = _build(intervals, t, s, events, bend)
        tries.append((found, _differences(found, at, n, events, median_printed)))
        if not tries[-1][1]:
            return found
    fewest = min(tries, key=lambda one: len(one[1]))
    raise InputError(f"the curve cannot be reconstructed: {'; '.join(fewest[1])}; check the points and the numbers")


def _points(time: ArrayLike, surv: ArrayLike) -> tuple[Floats, Floats]:
    """Points of a falling curve that begins at (0, 1), the lowest of each time."""
    t, s = np.asarray(time, float), np.asarray(surv, float)
    if t.ndim != 1 or t.shape != s.shape or not t.size:
        raise InputError("the curve needs points: one time and one survival each")
    if not (np.isfinite(t).all() and np.isfinite(s).all() and (t >= 0).all()):
        raise InputError("a point of the curve is not a time from 0 up and a survival from 0 to 1")
    if (s < -READING_NOISE).any() or (s > 1 + READING_NOISE).any():
        raise InputError("a survival lies outside 0 to 1; divide percentages by 100")
    if (np.diff(t) < 0).any():
        raise InputError(f"the points are not in the order of time: see the one at {t[1:][np.diff(t) < 0][0]:g}")
    t, s = np.concatenate(([0.0], t)), np.clip(np.concatenate(([1.0], s)), 0, 1)
    lowest = np.minimum.accumulate(s)
    if (s > lowest + READING_NOISE).any():
        raise InputError(f"the curve rises at {t[s > lowest + READING_NOISE][0]:g}: a survival curve never does")
    last = np.append(np.diff(t) > 0, True)
    return t[last], lowest[last]


def _risk(risk_time: ArrayLike, risk: Sequence[int]) -> tuple[Floats, list[int]]:
    """Numbers at risk, checked: from time 0 on, never rising."""
    at, n = np.asarray(risk_time, float), [int(count) for count in risk]
    if at.ndim != 1 or len(at) != len(n) or not n:
        raise InputError("the numbers at risk need a time and a count each")
    if not np.isfinite(at).all() or at[0] != 0 or (np.diff(at) <= 0).any():
        raise InputError("the numbers at risk must begin at time 0 (all patients) and go on in the order of time")
    if n[0] < 1 or n[0] > MAX_PATIENTS or min(n) < 0:
        raise InputError(
            f"the numbers at risk must count from 1 to {MAX_PATIENTS:,} patients at time 0, then 0 or more"
        )
    if any(later > earlier for earlier, later in pairwise(n)):
        raise InputError("the numbers at risk rise: check them")
    return at, n


def _intervals(t: Floats, s: Floats, at: Floats, n: list[int]) -> Iterator[_Interval]:
    grid = np.union1d(t, at)
    heights, read = s[np.searchsorted(t, grid, "right") - 1], np.isin(grid, t)
    starts = [*np.searchsorted(grid, at), len(grid)]
    for i, (first, after) in enumerate(pairwise(starts)):
        end = grid[min(after, len(grid) - 1)]
        yield _Interval(
            grid[first:after], heights[first:after], read[first:after], end, n[i], n[i + 1] if i + 1 < len(n) else 0
        )


def _build(intervals: list[_Interval], t: Floats, s: Floats, events: int | None, bend: float) -> Reconstruction:
    """Deaths and censorings of each interval in turn, the last one so that the events come out as printed."""
    deaths: list[float] = []
    censored: list[float] = []
    height = 1.0
    for part in intervals[:-1]:
        died, left, height_after, spread = _within(part, height, bend)
        deaths += died
        censored += [*spread, *[float(part.time[-1] + part.end) / 2] * (left - part.target)]
        height = height_after
    last = intervals[-1]
    guess = _last_guess(intervals, len(censored))
    wanted = None if events is None else events - len(deaths)
    died, left, _, spread = _last(last, height, guess, wanted, bend)
    deaths += died
    censored += [*spread, *[last.end] * left]
    time = np.array(deaths + censored)
    event = np.repeat([1, 0], (len(deaths), len(censored)))
    order = np.lexsort((-event, time))
    curve = kaplan_meier(time[order], event[order])
    given_back = np.array([point.surv for point in at_times(curve, t)])
    distance = float(np.abs(given_back - s).max())
    return Reconstruction(time[order], event[order], curve, median(curve).time, distance, bend)


def _last_guess(intervals: list[_Interval], censored: int) -> int:
    """Censored before the last point, at the rate of the intervals before (Guyot)."""
    last = intervals[-1]
    before = float(last.time[0])
    return min(round(censored * (last.end - before) / before), last.n) if before > 0 else 0


Played = tuple[list[float], int, float, list[float]]
"""Times of the deaths, patients left at the end, height of the curve there, times of the censored."""


def _within(part: _Interval, height: float, bend: float) -> Played:
    """An interval that ends with as few above the next number at risk as can be, mostly none (Guyot's iteration)."""
    best = _play(part, height, 0, bend)  # deaths stop at the target, so nobody is missing without censoring
    stay = float(part.height[-1]) / height if height > 0 else 0.0  # the share that would be left without censoring
    m = min(max(round(part.n * stay - part.target), 0), part.n)
    for _ in range(MAX_ROUNDS):
        found = _play(part, height, m, bend)
        over = found[1] - part.target
        if 0 <= over <= best[1] - part.target:
            best = found
        if over == 0:
            break
        m = min(max(m + over, 0), part.n)
    return best


def _last(part: _Interval, height: float, guess: int, wanted: int | None, bend: float) -> Played:
    """The last interval with the wanted number of deaths, or near it: more censored mean fewer deaths."""
    found = _play(part, height, guess, bend)
    if wanted is None or len(found[0]) == wanted:
        return found
    too_many = len(found[0]) > wanted
    low, high = (guess, part.n) if too_many else (0, guess)
    while high - low > 1:
        middle = (low + high) // 2
        if len(_play(part, height, middle, bend)[0]) > wanted:
            low = middle
        else:
            high = middle
    # Rounding makes the count of deaths not quite fall with m, so the neighbours are looked at too.
    near = sorted(range(max(low - 2, 0), min(high + 2, part.n) + 1), key=lambda m: abs(m - guess))
    return min((_play(part, height, m, bend) for m in near), key=lambda one: abs(len(one[0]) - wanted))


def _play(part: _Interval, height: float, m: int, bend: float) -> Played:
    """Walk through the points with m censored spread over the interval: deaths follow from the heights."""
    start = float(part.time[0])
    share = (np.arange(1, m + 1) / (m + 1)) ** bend
    spread = start + share * (part.end - start) if part.end > start else np.empty(0)
    leave = np.bincount(np.searchsorted(part.time, spread, "right") - 1, minlength=len(part.time)).tolist()
    n, deaths, kept = part.n, [], 0
    for t, s, read, leaving in zip(*(one.tolist() for one in (part.time, part.height, part.read)), leave, strict=True):
        died = round(n * (1 - s / height)) if read and height > 0 and n else 0
        died = min(max(died, 0), n - part.target) if n > part.target else 0
        if died:
            height *= 1 - died / n
            deaths += [t] * died
            n -= died
        gone = min(leaving, n)
        n, kept = n - gone, kept + gone
    return deaths, n, height, spread[:kept].tolist()


def _differences(
    found: Reconstruction, at: Floats, n: list[int], events: int | None, median_printed: float | None
) -> list[str]:
    """What of the printed is not given back, in words; empty where all is."""
    wrong = []
    for point, printed in zip(at_times(found.curve, at), n, strict=True):
        if point.n_risk != printed:
            wrong.append(f"at risk at {point.time:g}: {point.n_risk} instead of {printed}")
    if events is not None and found.curve.events != events:
        wrong.append(f"events: {found.curve.events} instead of {events}")
    if median_printed is not None:
        if found.median is None:
            wrong.append(f"median: not reached instead of {median_printed:g}")
        elif abs(found.median - median_printed) > MEDIAN_TOLERANCE * median_printed * (1 + TOLERANCE):
            wrong.append(f"median: {found.median:.4g} instead of {median_printed:g}")
    if found.max_distance > MAX_DISTANCE:
        wrong.append(f"a point lies {found.max_distance:.3f} from the curve given back (at most {MAX_DISTANCE})")
    return wrong
