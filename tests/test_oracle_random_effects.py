"""Every univariate fit of R's oracle: proportions, two groups and generic effects, by every estimator and test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.effects import Effects, effect_sizes
from analysis.inverse_variance import Fit, pool_inverse_variance
from analysis.tau2 import TAU2, _creep, residuals
from db.errors import InputError

CLOSED_FORM, ITERATED = 1e-10, 1e-7
ITERATES = {"REML", "ML", "PM", "EB"}
GRID = {"EE_z", *(f"{name}_{test}" for name in TAU2 for test in ("z", "knha"))}
FIELDS = {
    "estimate": "estimate", "se": "se", "stat": "statistic", "pval": "p_value", "ci_lb": "ci_lb", "ci_ub": "ci_ub",
    "tau2": "tau2", "se_tau2": "tau2_se", "Q": "Q", "Q_df": "Q_df", "Q_p": "Q_p", "I2": "I2", "H2": "H2",
}  # fmt: skip
SETS_WITH_FITS = 29  # of the shared oracle: 16 of proportions, 8 of two groups, 5 generic; survival has none


def fits_of(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """{measure: yi, vi, fits}, whatever the kind of the set."""
    if "fits" in found:
        return {"generic": {**found["input"], "fits": found["fits"]}}
    return {name: measure for name, measure in found.get("measures", {}).items() if measure.get("fits")}


def ours(measure: dict[str, Any], fit: str) -> Fit:
    """Our fit by the oracle's name of it; a study without an effect (null) is left out, as R does."""
    known = [(y, v) for y, v in zip(measure["yi"], measure["vi"], strict=True) if y is not None and v is not None]
    yi, vi = (np.array(column, float) for column in zip(*known, strict=True))
    estimator, _, test = fit.partition("_")
    return pool_inverse_variance(Effects("PR", yi, vi), TAU2.get(estimator), test="z" if test == "z" else "knha")


def same(mine: float | None, theirs: float | str | None, tolerance: float) -> bool:
    """Equal up to the tolerance; R's infinity is written "Inf", and what is no number to R is none to us."""
    if mine is None or isinstance(theirs, str):
        return mine == (float(theirs) if theirs else theirs)
    return theirs is not None and abs(mine - theirs) <= tolerance * max(1.0, abs(theirs))


def differences(measure: dict[str, Any], name: str, expected: dict[str, Any]) -> list[str]:
    fit = ours(measure, name)
    tolerance = ITERATED if name.split("_")[0] in ITERATES else CLOSED_FORM
    wrong = [f"{r}: {getattr(fit, mine)} != {expected[r]}" for r, mine in FIELDS.items()
             if not same(getattr(fit, mine), expected[r], tolerance)]  # fmt: skip
    if not np.allclose(fit.weights, expected["weights_pct"], rtol=tolerance, atol=tolerance):
        wrong.append("weights")
    if name != "EE_z":
        quantile = fit.test if fit.test == "z" else "t"
        for keys, mine in (
            (("pi_lb", "pi_ub"), fit.prediction(quantile=quantile)),  # type: ignore[arg-type]
            (("pi_riley_lb", "pi_riley_ub"), fit.prediction(df=fit.Q_df - 1)),
        ):
            wrong += [f"{key}: {value} != {expected[key]}" for key, value in zip(keys, mine, strict=True)
                      if not same(value, expected[key], tolerance)]  # fmt: skip
    return wrong


def test_every_fit_of_every_set(shared: Path) -> None:
    sets, fits, wrong = 0, 0, []
    for path in sorted((shared / "data" / "oracle").glob("*.json")):
        measures = fits_of(json.loads(path.read_text("utf-8")))
        sets += bool(measures)
        for label, measure in measures.items():
            assert set(measure["fits"]) == GRID, f"{path.stem} {label}: another grid"
            for name, expected in measure["fits"].items():
                fits += 1
                if "error" in expected:
                    with pytest.raises(InputError):
                        ours(measure, name)
                    continue
                try:
                    wrong += [f"{path.stem} {label} {name}: {line}" for line in differences(measure, name, expected)]
                except InputError as error:
                    wrong.append(f"{path.stem} {label} {name}: refused ({error}), R: {expected['estimate']}")
    assert wrong == []
    assert sets >= SETS_WITH_FITS
    assert fits % len(GRID) == 0


numbers = st.floats(-50, 50)
variances = st.floats(1e-6, 1e6)


@pytest.mark.parametrize("name", TAU2)
@given(studies=st.lists(st.tuples(numbers, variances), min_size=1, max_size=12))
def test_any_effects_give_numbers_or_a_refusal(name: str, studies: list[tuple[float, float]]) -> None:
    yi, vi = (np.array(column) for column in zip(*studies, strict=True))
    try:
        fit = pool_inverse_variance(Effects("PR", yi, vi), TAU2[name], test="knha")
    except InputError:
        return
    assert np.isfinite([fit.estimate, fit.se, fit.ci_lb, fit.ci_ub, fit.tau2, fit.I2, fit.H2, fit.Q]).all()
    assert fit.tau2 >= 0


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 0.0, -1.0])
def test_a_variance_that_cannot_be_is_refused(bad: float) -> None:
    for estimator in (None, *TAU2.values()):
        with pytest.raises(InputError, match="variance"):
            pool_inverse_variance(Effects("PR", np.array([0.1, 0.2]), np.array([0.1, bad])), estimator)


def test_scoring_by_ever_smaller_steps_comes_to_an_end() -> None:
    """Two of two, twice, beside 20 of 30 and 98 of 154, as arcsines: each step is a tenth shorter than the last.

    They near a local maximum at 0.0317; the likelihood is higher at 0, which is metafor's answer too (`ll0check`).
    """
    effects = effect_sizes("PAS", [2, 2, 20, 98], [2, 2, 30, 154])
    assert TAU2["REML"](effects.yi, effects.vi) == 0
    assert _creep(lambda at: (0.0317 - at) / 10, 0.0318) == pytest.approx(0.0317, rel=1e-12)
    assert _creep(lambda at: -1e-9, 0.5) == 0


@given(studies=st.lists(st.tuples(numbers, variances), min_size=2, max_size=12))
def test_sums_over_the_projection_are_those_of_the_matrix(studies: list[tuple[float, float]]) -> None:
    yi, vi = (np.array(column) for column in zip(*studies, strict=True))
    fit = residuals(yi, vi, 0.1)
    projected = fit.P * vi
    assert fit.trace == pytest.approx(np.trace(fit.P), rel=1e-9)
    assert fit.squares() == pytest.approx(np.sum(fit.P**2), rel=1e-9)
    assert fit.squares(vi) == pytest.approx(np.sum(projected * fit.P), rel=1e-9)
    assert fit.squares(vi, vi) == pytest.approx(np.sum(projected * projected.T), rel=1e-9)
