"""Every survival set of R's oracle: curves, intervals, quantiles, restricted means, log-rank, Cox; none left out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.cox import cox
from analysis.logrank import logrank
from analysis.survival import at_times, kaplan_meier, number, quantiles, restricted_mean
from db.errors import InputError

CLOSED_FORM = 1e-12
# R stops its iterations when the likelihood, not the coefficient, moves by less than 1e-9 (coxph.control).
ITERATED = 1e-8
SETS = 9  # of the shared oracle: 6 real, 3 of edges
SCALES = {"log-log", "log", "plain"}
CURVE = {"n", "events", "steps", "rmst", *SCALES}
TESTS = {"logrank_rho0", "logrank_rho1", "coxph_efron", "coxph_breslow"}
KNOWN = {"id", "kind", "source", "versions", "input", "overall", "by_group", "pairwise_logrank", "logrank_stratified"}


def differ(mine: Any, theirs: Any, tolerance: float, where: str) -> Iterator[str]:
    """What is not the same; None only equals None, R's NA."""
    if isinstance(theirs, list):
        if len(mine) != len(theirs):
            yield f"{where}: {len(mine)} values, R has {len(theirs)}"
        for i, (a, b) in enumerate(zip(mine, theirs, strict=False)):
            yield from differ(a, b, tolerance, f"{where}[{i}]")
    elif mine is None or theirs is None:
        if mine is not theirs:
            yield f"{where}: {mine} != {theirs}"
    elif not abs(mine - theirs) <= tolerance * max(1.0, abs(theirs)):
        yield f"{where}: {mine} != {theirs}"


def curve_differs(time: Any, event: Any, expected: dict[str, Any], where: str) -> Iterator[str]:
    assert set(expected) == CURVE, f"{where}: another grid"
    for scale in SCALES:
        curve = kaplan_meier(time, event, scale=scale)  # type: ignore[arg-type]
        theirs = expected[scale]
        points = at_times(curve, theirs["at_times"]["time"])
        for key, mine in (("surv", "surv"), ("std_err", "se"), ("lower", "lower"), ("upper", "upper"),
                          ("n_risk", "n_risk")):  # fmt: skip
            values = [getattr(point, mine) for point in points]
            yield from differ(values, theirs["at_times"][key], CLOSED_FORM, f"{where} {scale} at {key}")
        found = quantiles(curve, theirs["quantile_probs"])
        for key, mine in (("quantiles", "time"), ("q_lower", "lower"), ("q_upper", "upper")):
            yield from differ([getattr(q, mine) for q in found], theirs[key], CLOSED_FORM, f"{where} {scale} {key}")
    curve = kaplan_meier(time, event)
    yield from differ([curve.n, curve.events], [expected["n"], expected["events"]], 0, f"{where} n, events")
    for key, column in expected["steps"].items():
        yield from differ([number(v) for v in getattr(curve, key)], column, CLOSED_FORM, f"{where} steps {key}")
    mean = expected["rmst"]
    if "error" in mean:
        with pytest.raises(InputError, match="before the first time"):
            restricted_mean(curve, 10)
    else:
        mine_mean = restricted_mean(curve, mean["tau"])
        yield from differ([mine_mean.mean, mine_mean.se], [mean["rmean"], mean["se"]], CLOSED_FORM, f"{where} rmst")


def logrank_differs(data: dict[str, Any], expected: dict[str, Any], rho: float, where: str) -> Iterator[str]:
    arguments = (data["time"], data["event"], data["group"])
    if "error" in expected:
        with pytest.raises(InputError, match="no test"):
            logrank(*arguments, rho=rho)
        return
    test = logrank(*arguments, rho=rho, levels=expected["levels"])
    assert list(test.n) == expected["n"]
    mine = {"observed": test.observed, "expected": test.expected, "chisq": test.statistic, "df": test.df,
            "pval": test.p_value, "var": np.diag(test.var)}  # fmt: skip
    for key, value in mine.items():
        yield from differ(value, expected[key], CLOSED_FORM, f"{where} {key}")


def cox_differs(found: dict[str, Any], ties: Any, where: str) -> Iterator[str]:
    data, expected = found["input"], found[f"coxph_{ties}"]
    levels = found["logrank_rho0"].get("levels")
    if "warnings" in expected or None in expected["coef"]:  # R's infinite, or absent, coefficient
        with pytest.raises(InputError, match=r"no finite estimate|cannot be estimated"):
            cox(data["time"], data["event"], data["group"], ties=ties, levels=levels)
        return
    fit = cox(data["time"], data["event"], data["group"], ties=ties, levels=levels)
    yield from differ(list(fit.coef), expected["coef"], ITERATED, f"{where} coef")
    yield from differ(list(fit.se), expected["se"], ITERATED, f"{where} se")
    if "loglik" in expected:
        yield from differ([fit.loglik_null, fit.loglik], expected["loglik"], CLOSED_FORM, f"{where} loglik")
        yield from differ(fit.score, expected["score_chisq"], CLOSED_FORM, f"{where} score")
        yield from differ(fit.likelihood_ratio, expected["lr_chisq"], CLOSED_FORM * 100, f"{where} likelihood ratio")


def set_differs(found: dict[str, Any]) -> Iterator[str]:
    where, data = found["id"], found["input"]
    assert set(found) <= KNOWN | TESTS, f"{where}: another grid"
    assert set(found) >= TESTS | {"overall", "by_group"}
    time, event, group = (np.array(data[key]) for key in ("time", "event", "group"))
    yield from curve_differs(time, event, found["overall"], where)
    assert set(found["by_group"]) == set(group)
    for level, expected in found["by_group"].items():
        yield from curve_differs(time[group == level], event[group == level], expected, f"{where} {level}")
    for rho in (0, 1):
        yield from logrank_differs(data, found[f"logrank_rho{rho}"], rho, f"{where} rho {rho}")
    for ties in ("efron", "breslow"):
        yield from cox_differs(found, ties, f"{where} {ties}")
    assert ("logrank_stratified" in found) == (data["strata"] is not None)
    if "logrank_stratified" in found:
        test = logrank(time, event, data["group"], strata=data["strata"])
        for key, mine in (("chisq", test.statistic), ("df", test.df), ("pval", test.p_value)):
            yield from differ(mine, found["logrank_stratified"][key], CLOSED_FORM, f"{where} stratified {key}")
    for pair, expected in found.get("pairwise_logrank", {}).items():
        chosen = np.isin(group, pair.split(" vs "))
        test = logrank(time[chosen], event[chosen], list(group[chosen]))
        mine_pair = [test.statistic, test.p_value]
        yield from differ(mine_pair, [expected["chisq"], expected["pval"]], CLOSED_FORM, f"{where} {pair}")


def test_every_number_of_every_set(shared: Path) -> None:
    paths = sorted((shared / "data" / "oracle").glob("*surv_*.json"))
    assert len(paths) >= SETS
    wrong = [line for path in paths for line in set_differs(json.loads(path.read_text("utf-8")))]
    assert wrong == []
