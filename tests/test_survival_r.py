"""Made-up patients, ties and all, through R's package survival where it is installed: every number, every refusal."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from analysis.cox import cox
from analysis.logrank import logrank
from analysis.survival import kaplan_meier, number, quantiles, restricted_mean
from db.errors import InputError
from tests.test_oracle_survival import differ

SCRIPT = Path(__file__).parents[1] / "validation" / "survival.R"
SETS = 120
CLOSED_FORM, ITERATED = 1e-12, 1e-9


def made_up(seed: int) -> dict[str, Any]:
    """4 to 40 patients in up to four groups: whole, half or odd times, few or only events, delayed entry for some."""
    dice = random.Random(seed)
    n, levels = dice.randint(4, 40), "abcd"[: dice.randint(2, 4)]
    draw = dice.choice(
        [
            lambda: float(dice.randint(1, 12)),
            lambda: dice.randint(1, 20) / 2,
            lambda: round(dice.expovariate(0.1), 3) + 0.1,
        ]
    )
    time, share = [draw() for _ in range(n)], dice.choice([0.3, 0.6, 0.9, 1.0])
    return {
        "time": time,
        "event": [int(dice.random() < share) for _ in range(n)],
        "group": [*levels[:2], *(dice.choice(levels) for _ in range(n - 2))],
        "strata": [dice.choice("st") for _ in range(n)],
        "start": [t * dice.choice([0, 0, 0.3, 0.7]) for t in time],
        "tau": dice.choice([3, 6, 10]),
    }


def refused(theirs: Any) -> bool:
    """Whether R gave an error, a warning, or NA for a coefficient."""
    if isinstance(theirs, list):
        return bool(theirs) and isinstance(theirs[0], str)
    return bool(theirs["warnings"]) or None in theirs["coef"]


def set_differs(s: dict[str, Any], theirs: dict[str, Any], where: str) -> Iterator[str]:
    for scale in ("log-log", "log", "plain"):
        curve, r = kaplan_meier(s["time"], s["event"], scale=scale), theirs[scale]  # type: ignore[arg-type]
        for key in ("surv", "n_risk", "lower", "upper"):
            yield from differ([number(v) for v in getattr(curve, key)], r[key], CLOSED_FORM, f"{where} {scale} {key}")
        found = quantiles(curve)
        for key, mine in (("quantile", "time"), ("q_lower", "lower"), ("q_upper", "upper")):
            yield from differ([getattr(q, mine) for q in found], r[key], CLOSED_FORM, f"{where} {scale} {key}")
    if refused(theirs["rmst"]):
        with pytest.raises(InputError):
            restricted_mean(curve, s["tau"])
    else:
        mean = restricted_mean(curve, s["tau"])
        yield from differ([mean.mean, mean.se], theirs["rmst"], CLOSED_FORM, f"{where} rmst")
    levels = sorted(set(s["group"]))
    for key, extra in (("rho0", {}), ("rho1", {"rho": 1.0}), ("stratified", {"strata": s["strata"]})):
        try:
            test = logrank(s["time"], s["event"], s["group"], levels=levels, **extra)  # type: ignore[arg-type]
        except InputError:
            if not refused(theirs[key]):
                yield f"{where} {key}: refused, R has {theirs[key]}"
            continue
        p = test.p_value if (test.expected > 0).sum() > 1 else theirs[key][1]  # R's p of no degrees of freedom is none
        yield from differ([test.statistic, p], theirs[key], CLOSED_FORM, f"{where} {key}")
    yield from cox_differs(s, theirs, levels, where)


def cox_differs(s: dict[str, Any], theirs: dict[str, Any], levels: list[str], where: str) -> Iterator[str]:
    for ties in ("efron", "breslow"):
        for name, extra in (
            ("cox", {}),
            ("cox stratified", {"strata": s["strata"]}),
            ("cox delayed", {"strata": s["strata"], "start": s["start"]}),
        ):
            r = theirs[f"{name} {ties}"]
            place = f"{where} {name} {ties}"
            try:
                fit = cox(s["time"], s["event"], s["group"], ties=ties, levels=levels, **extra)  # type: ignore[arg-type]
            except InputError as error:
                if not refused(r):
                    yield f"{place}: refused ({error}), R has {r['coef']}"
                continue
            if refused(r):
                yield f"{place}: {fit.coef}, R refuses"
                continue
            yield from differ(list(fit.coef), r["coef"], ITERATED, f"{place} coef")
            yield from differ(list(fit.se), r["se"], ITERATED, f"{place} se")
            yield from differ([fit.loglik_null, fit.loglik], r["loglik"], ITERATED, f"{place} loglik")
            yield from differ([fit.score], r["score"], ITERATED, f"{place} score")


@pytest.mark.slow
def test_made_up_patients_are_what_r_gives(tmp_path: Path) -> None:
    rscript = shutil.which("Rscript")
    if rscript is None:
        pytest.skip("R is not installed")
    probe = subprocess.run(
        [rscript, "-e", "library(survival); library(jsonlite)"], capture_output=True, check=False, timeout=120
    )
    if probe.returncode:
        pytest.skip("R has no package survival, or no jsonlite")
    sets = [made_up(seed) for seed in range(SETS)]
    (tmp_path / "sets.json").write_text(json.dumps(sets), "utf-8")
    command = [rscript, str(SCRIPT), str(tmp_path / "sets.json"), str(tmp_path / "results.json")]
    subprocess.run(command, check=True, capture_output=True, timeout=280)
    results = json.loads((tmp_path / "results.json").read_text("utf-8"))
    assert len(results) == SETS
    wrong = [line for i, s in enumerate(sets) for line in set_differs(s, results[i], f"set {i}")]
    assert wrong == []
