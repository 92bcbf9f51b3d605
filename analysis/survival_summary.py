"""What a file of patients says: a curve for each study and group, comparisons stratified by study, as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from analysis.comparison import Comparison, compare
from analysis.cox import Cox
from analysis.landmark import landmark, mantel_byar, refuse_naive
from analysis.logrank import LogRank
from analysis.patients import Patients, groups, transplant_times
from analysis.survival import MAX_TIME, Curve, Scale, at_times, kaplan_meier, number, quantiles, restricted_mean
from db.errors import InputError

POOLED: Final = "all studies"
DESCRIPTIVE: Final = (
    "the curves over several studies are descriptive: they mix studies that differ; tests and hazard ratios are"
    " stratified by study"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to compute; times in the file's unit."""

    at: tuple[float, ...] = ()
    tau: float | None = None
    by_group: bool = False
    landmark: float | None = None
    mantel_byar: bool = False
    scale: Scale = "log-log"


def summarise(patients: Patients, wanted: Wanted) -> dict[str, Any]:
    """Curves and comparisons as values for JSON: no NaN, None where R has NA, `refused` where there is no answer.

    InputError: groups or transplant times that are wanted and not there, and what each analysis refuses as a whole.
    """
    if wanted.tau is not None and not 0 < wanted.tau <= MAX_TIME:
        raise InputError(f"tau = {wanted.tau} is not a time above 0")
    rows = patients.rows
    time = np.array([row.time for row in rows])
    event = np.array([row.event for row in rows], np.int64)
    studies = [row.study for row in rows]
    several = len(patients.studies) > 1
    strata = studies if several else None
    by_group = _groups(patients) if wanted.by_group else None
    curves = []
    for study in patients.studies:
        curves.append(_curve("study", study, time, event, [name == study for name in studies], wanted, pooled=False))
    if several:
        curves.append(_curve("pooled", POOLED, time, event, [True] * len(rows), wanted, pooled=True))
    for group in dict.fromkeys(by_group or ()):
        chosen = [name == group for name in by_group or ()]
        curves.append(_curve("group", group, time, event, chosen, wanted, pooled=several))
    found: dict[str, Any] = {
        "n": len(rows),
        "events": int(event.sum()),
        "studies": list(patients.studies),
        "reconstructed": sum(row.reconstructed for row in rows),
        "curves": curves,
        "notes": _notes(patients, several),
    }
    if by_group is not None:
        found["comparison"] = comparison(compare(time, event, by_group, strata=strata))
    if wanted.landmark is not None or wanted.mantel_byar:
        found |= _transplant(patients, time, event, strata, wanted)
    return found


def curve_values(curve: Curve, at: Sequence[float] = (), tau: float | None = None) -> dict[str, Any]:
    """A curve as values for JSON, with its quantiles, the times asked for and the restricted mean."""
    body: dict[str, Any] = {
        "n": curve.n,
        "events": curve.events,
        "interval": curve.scale,
        "level": curve.level,
        "quantiles": [{"prob": q.prob, "time": q.time, "lower": q.lower, "upper": q.upper} for q in quantiles(curve)],
        "at": [
            {"time": p.time, "n_risk": p.n_risk, "surv": p.surv, "se": p.se, "lower": p.lower, "upper": p.upper}
            for p in (at_times(curve, at) if at else ())
        ],
        "steps": {
            **{key: getattr(curve, key).tolist() for key in ("time", "n_risk", "n_event", "n_censor", "surv")},
            "lower": [number(bound) for bound in curve.lower],
            "upper": [number(bound) for bound in curve.upper],
        },
    }
    if tau is not None:
        try:
            mean = restricted_mean(curve, tau)
        except InputError as error:
            body["restricted_mean"] = {"tau": tau, "refused": str(error)}
        else:
            body["restricted_mean"] = {"tau": tau, "mean": mean.mean, "se": mean.se, "extended": mean.extended}
    return body


def comparison(found: Comparison) -> dict[str, Any]:
    """A comparison as values for JSON."""
    return {
        "logrank": _logrank(found.test) if found.test else None,
        "cox": _cox(found.hazard) if found.hazard else None,
        "refused": list(found.refused),
    }


def _groups(patients: Patients) -> list[str]:
    """The groups, unless they are nothing but ever transplanted against never under another name."""
    found = groups(patients)
    pairs = {(group, row.transplanted) for group, row in zip(found, patients.rows, strict=True)}
    if len(pairs) == len(set(found)) == 2 and {moved for _, moved in pairs} == {True, False}:
        refuse_naive()
    return found


def _curve(
    kind: str, name: str, time: Any, event: Any, chosen: list[bool], wanted: Wanted, *, pooled: bool
) -> dict[str, Any]:
    mask = np.array(chosen)
    body = curve_values(kaplan_meier(time[mask], event[mask], scale=wanted.scale), wanted.at, wanted.tau)
    return {"kind": kind, "name": name, "descriptive": pooled, **body}


def _transplant(
    patients: Patients, time: Any, event: Any, strata: Sequence[str] | None, wanted: Wanted
) -> dict[str, Any]:
    moved = transplant_times(patients)
    found: dict[str, Any] = {}
    if wanted.landmark is not None:
        cut = landmark(time, event, moved, wanted.landmark, strata=strata)
        found["landmark"] = {
            "at": cut.at,
            "n": cut.n,
            "event_before": cut.event_before,
            "censored_before": cut.censored_before,
            "transplanted_later": cut.later,
            "curves": {name: curve_values(curve) for name, curve in cut.curves.items()},
            "comparison": comparison(cut.comparison),
        }
    if wanted.mantel_byar:
        split = mantel_byar(time, event, moved, strata=strata)
        found["mantel_byar"] = {
            "n": split.n,
            "transplanted": split.transplanted,
            "events": list(split.events),
            "time_at_risk": list(split.time_at_risk),
            "comparison": comparison(split.comparison),
        }
    return found


def _notes(patients: Patients, several: bool) -> list[str]:
    notes = [DESCRIPTIVE] if several else []
    made = sum(row.reconstructed for row in patients.rows)
    if made:
        notes.append(
            f"{made} of {len(patients.rows)} patients are reconstructed from published curves, not patients' own data"
        )
    return notes


def _logrank(test: LogRank) -> dict[str, Any]:
    return {
        "levels": list(test.levels),
        "n": list(test.n),
        "observed": test.observed.tolist(),
        "expected": test.expected.tolist(),
        "statistic": test.statistic,
        "df": test.df,
        "p_value": test.p_value,
        "strata": test.strata,
    }


def _cox(fit: Cox) -> dict[str, Any]:
    rows = zip(fit.levels[1:], fit.coef, fit.se, fit.ci_lb, fit.ci_ub, fit.p_value, strict=True)
    return {
        "reference": fit.levels[0],
        "ties": fit.ties,
        "strata": fit.strata,
        "levels": [
            {
                "level": level,
                "coef": float(coef),
                "se": float(se),
                "hazard_ratio": float(np.exp(coef)),
                "hazard_ratio_ci": [number(np.exp(min(bound, 700.0))) for bound in (lower, upper)],
                "p_value": float(p),
            }
            for level, coef, se, lower, upper, p in rows
        ],
    }
