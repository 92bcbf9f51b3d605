"""Everything around the pooled mean beside R: each key of each `extras` object of each set, none left out."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import chdtri

from analysis.effects import Effects
from analysis.heterogeneity import cochran_q, h_squared, i_squared, q_based_interval
from analysis.influence import influence
from analysis.inverse_variance import pool_inverse_variance
from analysis.meta_regression import meta_regression
from analysis.sequence import cumulative, leave_one_out
from analysis.small_study import egger, rank_test, regression_test
from analysis.subgroups import Subgroups, subgroups
from analysis.tau2 import TAU2, Estimator, hedges, residuals
from analysis.tau2_interval import q_profile
from analysis.trim_and_fill import trim_and_fill
from db.errors import InputError

CLOSED_FORM, ITERATED = 1e-10, 1e-7
# Two objects per set of generic effects, one per measure of the others that has extras.
OBJECTS = 52
# R's uniroot stops the search for the Q-profile bounds at this distance, and trimfill refits with this step.
R_UNIROOT, R_THRESHOLD = float(np.finfo(float).eps ** 0.25), 1e-5

# Where R's figure is not the method's. What is right instead is proven by a test of its own below.
R_DIFFERS = {
    # All effects are pi/4; their weighted mean is off by one unit in the last place, and R ranks the difference.
    ("edge_prop_half", "PFT", "ranktest"),
    ("edge_prop_half", "PFT", "trimfill_R0"),
    ("edge_prop_half", "PFT", "trimfill_L0/side"),
    # R's Fisher scoring jumps over the maximum for ever; with control=list(stepadj=.5) R finds what we find.
    ("two_li2007", "OR", "subgroup_separate_tau2_REML"),
    # A calendar year beside weights from 1 to 500: R's residual Q is wrong in the ninth digit.
    ("two_li2007", "OR", "metareg_DL_z"),
    ("two_li2007", "OR", "metareg_DL_knha"),
}

# Patients of each study, where the set does not carry them: n1i + n2i of metadat's dat.raudenbush1985.
RAUDENBUSH = [416, 258, 144, 33, 33, 477, 746, 125, 149, 64, 44, 81, 48, 51, 159, 144, 320, 457, 132]


@dataclass(frozen=True)
class Case:
    """One extras object of one set, with the effects it was made from."""

    stem: str
    measure: str
    effects: Effects
    sizes: Any
    groups: list[str]
    moderator: Any
    estimator: Estimator
    expected: dict[str, Any]


def cases(folder: Path) -> Iterator[Case]:
    for path in sorted(folder.glob("*.json")):
        found = json.loads(path.read_text("utf-8"))
        if "fits" in found:
            objects = [("generic", {**found["input"], "extras": found[key]}) for key in found if key[:7] == "extras_"]
        else:
            objects = [(name, measure) for name, measure in found.get("measures", {}).items() if "extras" in measure]
        for name, measure in objects:
            yield case(path.stem, name, measure, found)


def case(stem: str, name: str, measure: dict[str, Any], found: dict[str, Any]) -> Case:
    """As R does, a study without an effect is left out, and with it its group, moderator and size."""
    inputs, k = found["input"], len(measure["yi"])
    known = [i for i in range(k) if measure["yi"][i] is not None and measure["vi"][i] is not None]

    def column(values: Any) -> Any:
        return None if values is None else [values[i] for i in known]

    yi, vi = (np.array(column(measure[key]), float) for key in ("yi", "vi"))
    return Case(
        stem=stem,
        measure=name,
        effects=Effects("PR", yi, vi),
        sizes=RAUDENBUSH if stem == "gen_raudenbush1985" else column(sizes_of(found)) or 1 / vi + 3,
        groups=column(inputs.get("group")),
        moderator=column(inputs.get("mod")),
        estimator=TAU2[measure["extras"]["method"]],
        expected=measure["extras"],
    )


def sizes_of(found: dict[str, Any]) -> list[float] | None:
    """Patients of each study; for Fisher's z they stand in the variance, 1 / (n - 3)."""
    counts = found["input"] if "total" in found["input"] or "n1" in found["input"] else found.get("raw") or {}
    if "total" in counts:
        return list(counts["total"])
    if "n1" in counts:
        return [a + b if a is not None else None for a, b in zip(counts["n1"], counts["n2"], strict=True)]
    return None


def columns(rows: Any, **names: str) -> dict[str, Any]:
    plain = [asdict(row) for row in rows]
    assert all(not row.get("refused") for row in plain)
    return {theirs: [row[mine] for row in plain] for theirs, mine in names.items()}


STEP = {"estimate": "estimate", "se": "se", "ci_lb": "ci_lb", "ci_ub": "ci_ub", "Q": "Q", "tau2": "tau2", "I2": "I2"}


def tau2_interval(case: Case) -> dict[str, Any]:
    """Our bounds by their definition; R's bounds of tau2 as far as its search goes, and I2 and H2 from them."""
    found, r = q_profile(case.effects), case.expected["confint_tau2_QP"]
    for bound, p in ((found.tau2_lb, 0.025), (found.tau2_ub, 0.975)):
        target = float(chdtri(len(case.effects.yi) - 1, p))
        q = cochran_q(case.effects.yi, case.effects.vi + bound)
        assert abs(q - target) < ITERATED * target or (bound == 0 and q < target)
    answer = {}
    for side, mine in (("lb", found.tau2_lb), ("ub", found.tau2_ub)):
        theirs = r[f"tau2_{side}"]
        answer[f"tau2_{side}"] = theirs if abs(mine - theirs) <= R_UNIROOT else mine
        answer[f"I2_{side}"] = i_squared(theirs, case.effects.vi)
        answer[f"H2_{side}"] = h_squared(theirs, case.effects.vi)
    assert (found.I2_ub, found.H2_lb) == (
        i_squared(found.tau2_ub, case.effects.vi),
        h_squared(found.tau2_lb, case.effects.vi),
    )
    return answer


def left_out(case: Case) -> dict[str, Any]:
    return columns(leave_one_out(case.effects, case.estimator), **STEP, Q_p="Q_p", H2="H2")


def added(case: Case) -> dict[str, Any]:
    return columns(cumulative(case.effects, case.estimator), **STEP)


def linear(case: Case) -> dict[str, Any]:
    found = egger(case.effects)
    return {
        "stat": found.statistic, "df": found.df, "pval": found.p_value, "limit_est": found.limit,
        "limit_lb": found.limit_lb, "limit_ub": found.limit_ub, "slope": found.slope, "slope_se": found.slope_se,
    }  # fmt: skip


def mixed(case: Case) -> dict[str, Any]:
    found = egger(case.effects, "rma", case.estimator)
    return {
        "stat": found.statistic, "pval": found.p_value, "limit_est": found.limit,
        "limit_lb": found.limit_lb, "limit_ub": found.limit_ub,
    }  # fmt: skip


def by_size(case: Case) -> dict[str, Any]:
    found = regression_test(case.effects, "lm", sizes=case.sizes)
    return {"stat": found.statistic, "df": found.df, "pval": found.p_value}


def ranks(case: Case) -> dict[str, Any]:
    found = rank_test(case.effects)
    return {"tau": found.tau, "pval": found.p_value}


def filled(how: Any) -> Callable[[Case], dict[str, Any]]:
    def run(case: Case) -> dict[str, Any]:
        found = trim_and_fill(case.effects, case.estimator, missing=how)
        pool: Any = found
        if found.missing and case.expected["method"] == "REML":  # R refits the filled effects with a coarser step
            yi, vi = (
                np.append(a, b) for a, b in ((case.effects.yi, found.filled_yi), (case.effects.vi, found.filled_vi))
            )
            tau2 = coarse_reml(yi, vi)
            assert abs(found.tau2 - tau2) <= R_THRESHOLD
            pool = pool_inverse_variance(Effects("PR", yi, vi), lambda yi, vi: tau2)
        return {
            "k0": found.missing, "side": found.side, "estimate": pool.estimate, "se": pool.se, "ci_lb": pool.ci_lb,
            "ci_ub": pool.ci_ub, "tau2": pool.tau2, "filled_yi": list(found.filled_yi),
            "filled_vi": list(found.filled_vi),
        }  # fmt: skip

    return run


def coarse_reml(yi: Any, vi: Any) -> float:
    """Fisher scoring that stops where metafor's default does."""
    tau2, move = hedges(yi, vi), 1.0
    while abs(move) > R_THRESHOLD:
        fit = residuals(yi, vi, tau2)
        move = float((fit.Py @ fit.Py - np.trace(fit.P)) / np.sum(fit.P**2))
        while tau2 + move < 0:
            move /= 2
        tau2 += move
    return tau2


def diagnostics(case: Case) -> dict[str, Any]:
    names = ("rstudent", "dffits", "cook_d", "cov_r", "tau2_del", "QE_del", "hat", "weight")
    return columns(influence(case.effects, case.estimator), **{name: name for name in names})


def grouped(tau2: Any, estimator: Estimator | None) -> Callable[[Case], dict[str, Any]]:
    def run(case: Case) -> dict[str, Any]:
        found = ungated(case, tau2, estimator)
        rows = columns(found.groups, levels="name", estimates="estimate", se="se")
        same = {**rows, "Qbetween": found.Q_between, "df": found.df, "pval": found.p_value}
        if tau2 == "common":
            return {**same, "QE": found.QE, "R2": found.R2, "tau2": found.groups[0].tau2}
        return {**same, **columns(found.groups, tau2="tau2", Q="Q")}

    return run


def ungated(case: Case, tau2: Any, estimator: Estimator | None) -> Subgroups:
    return subgroups(case.effects, case.groups, estimator, level="study", tau2=tau2, min_studies=0, min_per_level=0)


def regressed(estimator: Estimator, test: Any) -> Callable[[Case], dict[str, Any]]:
    def run(case: Case) -> dict[str, Any]:
        found = meta_regression(case.effects, {"moderator": case.moderator}, estimator, test=test)
        rows = columns(
            found.coefficients, coef="estimate", se="se", stat="statistic", pval="p_value", ci_lb="ci_lb", ci_ub="ci_ub"
        )
        return {
            **rows, "QM": found.QM, "QMp": found.QM_p, "QE": found.QE, "QEp": found.QE_p,
            "tau2": found.tau2, "I2": found.I2, "R2": found.R2,
        }  # fmt: skip

    return run


OURS: dict[str, Callable[[Case], dict[str, Any]]] = {
    "confint_tau2_QP": tau2_interval,
    "leave1out": left_out,
    "cumulative": added,
    "egger_lm": linear,
    "egger_rma": mixed,
    "regtest_ninv_lm": by_size,
    "ranktest": ranks,
    "trimfill_L0": filled("L0"),
    "trimfill_R0": filled("R0"),
    "influence": diagnostics,
    **{
        f"subgroup_{tau2}_tau2_{name}": grouped(tau2, TAU2.get(name))
        for tau2 in ("common", "separate")
        for name in ("EE", "DL", "REML")
    },
    **{f"metareg_{name}_{test}": regressed(TAU2[name], test) for name in ("DL", "REML") for test in ("z", "knha")},
}


def same(mine: Any, theirs: Any, tolerance: float) -> bool:
    """Equal up to the tolerance, element by element; R's null must be our None, its words our words."""
    if isinstance(theirs, list):
        return len(mine) == len(theirs) and all(same(a, b, tolerance) for a, b in zip(mine, theirs, strict=True))
    if theirs is None or mine is None or isinstance(theirs, str):
        return bool(mine == theirs)
    return bool(abs(mine - theirs) <= tolerance * max(1.0, abs(theirs)))


def differences(case: Case, key: str) -> list[str]:
    expected = {name: value for name, value in case.expected[key].items() if name != "warnings"}
    where = f"{case.stem} {case.measure} {key}"
    try:
        mine = OURS[key](case)
    except InputError as error:
        return [] if "error" in expected else [f"{where}: refused ({error})"]
    if "error" in expected:
        return [f"{where}: R refuses ({expected['error']}), we do not"]
    assert set(mine) == set(expected), where
    iterated = "REML" in key or key == "confint_tau2_QP" or case.expected["method"] == "REML"
    tolerance = ITERATED if iterated else CLOSED_FORM
    return [
        f"{where}/{name}: {mine[name]} != {value}"
        for name, value in expected.items()
        if (case.stem, case.measure, f"{key}/{name}") not in R_DIFFERS and not same(mine[name], value, tolerance)
    ]


def test_every_key_of_every_extras_object(shared: Path) -> None:
    objects, wrong, apart = 0, [], set()
    for found in cases(shared / "data" / "oracle"):
        objects += 1
        assert set(found.expected) - {"method"} <= set(OURS), f"{found.stem}: keys that no function of ours answers"
        for key in set(found.expected) - {"method"}:
            if (found.stem, found.measure, key) in R_DIFFERS:
                apart.add((found.stem, found.measure, key))
            else:
                wrong += differences(found, key)
    assert wrong == []
    assert objects >= OBJECTS
    assert apart == {name for name in R_DIFFERS if "/" not in name[2]}


@pytest.fixture
def li2007(shared: Path) -> Case:
    return next(c for c in cases(shared / "data" / "oracle") if (c.stem, c.measure) == ("two_li2007", "OR"))


def test_where_scoring_jumps_for_ever_the_maximum_is_found_all_the_same(li2007: Case) -> None:
    """Figures: metafor, control=list(stepadj=.5, maxiter=10000, threshold=1e-13)."""
    even, odd = ungated(li2007, "separate", TAU2["REML"]).groups
    for group, theirs in (
        (odd, [0.0894601138988842, -0.8482423172418103, 0.1954790964444169, 9.9634488889384585]),
        (even, [0.0337874912682207, -0.1227801325705544, 0.1091315493502715, 17.9927117886817314]),
    ):
        mine = [group.tau2, group.estimate, group.se, group.Q]
        assert same(mine, theirs, ITERATED)


def test_meta_regression_is_right_where_r_loses_digits(li2007: Case) -> None:
    """Against rational arithmetic on the same doubles; R agrees to 1e-7."""
    y, x = ([Fraction(value) for value in column] for column in (li2007.effects.yi.tolist(), li2007.moderator))
    w = [1 / Fraction(value) for value in li2007.effects.vi.tolist()]

    def total(*columns: list[Fraction]) -> Fraction:
        return sum((math.prod(row) for row in zip(*columns, strict=True)), Fraction(0))

    slope = (total(w) * total(w, x, y) - total(w, x) * total(w, y)) / (total(w) * total(w, x, x) - total(w, x) ** 2)
    start = (total(w, y) - slope * total(w, x)) / total(w)
    left = [b - start - slope * a for a, b in zip(x, y, strict=True)]
    mine = meta_regression(li2007.effects, {"year": li2007.moderator}, TAU2["DL"])
    assert same(mine.QE, float(total(w, left, left)), 1e-12)
    for test in ("z", "knha"):
        found, r = regressed(TAU2["DL"], test)(li2007), li2007.expected[f"metareg_DL_{test}"]
        assert all(same(found[name], r[name], ITERATED * max(1.0, abs(np.max(r[name])))) for name in r)


def test_equal_effects_have_no_order(shared: Path) -> None:
    half = next(c for c in cases(shared / "data" / "oracle") if (c.stem, c.measure) == ("edge_prop_half", "PFT"))
    assert float(np.ptp(half.effects.yi)) == 0
    assert rank_test(half.effects).tau is None
    assert trim_and_fill(half.effects, half.estimator).side == "left"
    with pytest.raises(InputError, match="R0"):
        trim_and_fill(half.effects, half.estimator, missing="R0")


def test_intervals_from_q_alone_agree_with_the_package_meta(shared: Path) -> None:
    compared = 0
    for path in sorted((shared / "data" / "oracle").glob("*prop*.json")):
        found = json.loads(path.read_text("utf-8"))
        for name, r in found.get("meta_pkg", {}).items():
            if "error" in r:
                continue
            mine = q_based_interval(r["Q"], len(found["input"]["total"]))
            bounds = (None, None) if mine is None else (mine.I2_lb / 100, mine.I2_ub / 100)
            assert same(list(bounds), [r["I2_lb"], r["I2_ub"]], CLOSED_FORM), f"{path.stem} {name}"
            compared += 1
    assert compared > 50


def test_dfbetas_and_marks_of_influence(shared: Path) -> None:
    """Figures: metafor 3.8-1, influence(rma(yi, vi)) of the BCG risk ratios."""
    bcg = next(c for c in cases(shared / "data" / "oracle") if (c.stem, c.measure) == ("two_bcg", "RR"))
    found = influence(bcg.effects)
    theirs = [-0.0402659025974126, -0.3458623441020985, -0.1596552459638836, -0.5138130366054602, 0.2710842280690653,
              -0.0192286619108921, -0.3387039074694193, 0.4713738133952342, 0.1418921561673799, -0.3486596814684389,
              0.2330018817182892, 0.2535219605888246, 0.3548157898431369]  # fmt: skip
    assert same([row.dfbetas for row in found], theirs, 1e-4)  # R's default step is 1e-5
    assert not any(row.influential for row in found)
    assert influence(bcg.effects, None)[3].influential


def test_the_q_profile_where_r_searches_to_the_end(shared: Path) -> None:
    """Figures: metafor 3.8-1, confint(rma(yi, vi), control=list(tol=1e-13)) of the BCG risk ratios."""
    bcg = next(c for c in cases(shared / "data" / "oracle") if (c.stem, c.measure) == ("two_bcg", "RR"))
    found = q_profile(bcg.effects)
    theirs = [
        0.119718361141261,
        1.11147908406093,
        81.920574558596542,
        97.67807495788742,
        5.531149223967666,
        43.06771243098171,
    ]
    mine = [found.tau2_lb, found.tau2_ub, found.I2_lb, found.I2_ub, found.H2_lb, found.H2_ub]
    assert same(mine, theirs, CLOSED_FORM)
