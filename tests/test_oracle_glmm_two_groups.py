"""Two-group GLMMs beside R: UM.FS on every two-group set of the oracle, the other three on pinned answers.

How the pinned answers came about: R 4.2.2, metafor 3.8-1, lme4 1.1-31, numDeriv 2016.8-1.1, each by
`rma.glmm(measure="OR", ai=e1, n1i=n1, ci=e2, n2i=n2, model=MODEL, control=CONTROL)` with the CONTROL named below.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from analysis.glmm_two_groups import TwoGroups, pool_two_groups

ITERATED = 1e-4
ORACLE = (
    "edge_two_zero_cells",
    "two_bcg",
    "two_collins1985b_preecl",
    "two_hine1989",
    "two_laopaiboon2015",
    "two_li2007",
    "two_nielweise2007",
    "two_yusuf1985_t6",
)
FIELDS = ("estimate", "se", "tau2", "loglik")
# lme4 warned of these that it had not converged (max|grad| 0.0058 to 0.0089), and is off by up to 3e-3. These are its
# answers when it does: control=list(glmerCtrl=list(optimizer="bobyqa", optCtrl=list(rhoend=1e-9, maxfun=200000))).
CONVERGED = {
    "two_laopaiboon2015": (0.1129205154, 0.3072163712, 0.8987357619, -52.4028701620),
    "two_li2007": (-0.5797656953, 0.1657083864, 0.1744075002, -88.9610355565),
    "two_nielweise2007": (-1.2364934134, 0.2803374886, 0.3195129967, -49.5183588784),
}
UNCONVERGED = 3e-3
# MODEL="UM.FS", no CONTROL: QE.Wld, QE.LRT, I2.
HETEROGENEITY = {
    "two_bcg": (163.16491519, 176.95444819, 91.023506),
    "two_collins1985b_preecl": (27.26490166, 29.37607645, 72.662039),
    "two_hine1989": (1.51279787, 1.54004394, 0.0),
    "two_yusuf1985_t6": (7.70681863, 12.07462753, 0.0),
}
# MODEL="UM.RS", glmerCtrl=list(optimizer="bobyqa", tolPwrss=1e-11, optCtrl=list(rhoend=1e-9, maxfun=200000)): estimate,
# se, tau2, sigma2, logLik, QE.LRT. With lme4's own tolPwrss of 1e-7 its inner iterations stop early and the likelihoods
# are lower by up to 3e-4, the standard errors off by up to 1%. two_li2007: glmer itself with tolPwrss=1e-12, no Q.
RANDOM_STUDIES = {
    "edge_two_zero_cells": (-0.1350614560, 0.5715513077, 0.0, 0.0336266100, -10.9753389434, 4.51263588),
    "two_bcg": (-0.7616489347, 0.1821413350, 0.3198597581, 1.8616005255, -126.2962772842, 174.13146452),
    "two_hine1989": (0.5816629552, 0.2801126303, 0.0, 0.0, -21.8584988737, 0.81311963),
    "two_laopaiboon2015": (0.1805797680, 0.3294186144, 1.1256330094, 0.1529863459, -80.4903284908, 62.03238841),
    "two_li2007": (-0.5881946771, 0.1661899885, 0.1920418073, 0.2477858668, -135.6048926858, 69.38921975),
    "two_nielweise2007": (-1.2812255110, 0.3296463524, 0.7258416458, 0.5211803971, -74.8577152716, 28.43161778),
    "two_yusuf1985_t6": (-0.0720427017, 0.1193739500, 0.0, 0.6946495744, -99.7812867119, 13.44257300),
}
# MODEL="CM.AL", no CONTROL: estimate, se, tau2, logLik (conditional, as for UM.FS), QE.Wld, QE.LRT.
APPROXIMATE = {
    "edge_two_zero_cells": (-0.1145246167, 0.5176423459, 0.0, -4.7036954197, 0.0, 6.60330540),
    "two_bcg": (-0.7221169956, 0.1744019223, 0.2887103507, -31.5063065996, 147.90608160, 161.82096337),
    "two_collins1985b_preecl": (-0.4334824217, 0.1755572172, 0.1652276016, -20.9568981031, 23.85562064, 26.03677639),
    "two_hine1989": (0.5501175329, 0.2732625211, 0.0, -8.5196834042, 1.47730738, 1.50466981),
    "two_laopaiboon2015": (0.0970757149, 0.2864559479, 0.7396672191, -22.4103769815, 34.46140932, 53.29380878),
    "two_li2007": (-0.5357387517, 0.1629888932, 0.1545426067, -39.1692574203, 51.58218811, 63.08778193),
    "two_nielweise2007": (-1.3026530266, 0.3386409302, 0.6006847079, -17.9758337906, 11.11545400, 27.39173073),
    "two_yusuf1985_t6": (-0.0591831779, 0.1104150676, 0.0, -32.2703952119, 6.85239478, 11.04921185),
}
# MODEL="CM.EL", control=list(dnchgcalc="dnoncenhypergeom", optCtrl=list(reltol=1e-12, maxit=5000),
# intCtrl=list(rel.tol=1e-10)): estimate, tau2, logLik, QE.LRT. R failed on the other four ("did not achieve
# convergence"; for two_hine1989, where tau2 = 0, a standard error of 4e-7).
EXACT = {
    "two_bcg": (-0.7538105018, 0.3116348693, -48.3747912385, 176.87383931),
    "two_collins1985b_preecl": (-0.5132974384, 0.2600646437, -28.2853025227, 29.20303566),
    "two_laopaiboon2015": (0.1131657210, 1.0153391072, -35.0692693542, 61.32129870),
    "two_nielweise2007": (-1.3531581254, 0.6934578383, -24.9444566334, 28.60926771),
}


# Standard errors of CM.EL: R's Hessian takes steps so small that they measure the noise of its integrals (0.3208 for
# Laopaiboon 2015). By optimHess(c(estimate, log(tau2)), metafor:::.dnchg, random = TRUE, ndeps = c(.01, .01),
# intCtrl = list(subdivisions = 1000, rel.tol = 1e-11)):
EXACT_SE = {"two_collins1985b_preecl": 0.2108393918, "two_laopaiboon2015": 0.3234523057}


def tables(shared: Path, name: str) -> tuple[dict[str, Any], dict[str, list[int]]]:
    """A set of the oracle and its complete tables: R leaves out what is not reported, and we take no such rows."""
    case: dict[str, Any] = json.loads((shared / "data" / "oracle" / f"{name}.json").read_text("utf-8"))
    columns = [case["input"][column] for column in ("e1", "n1", "e2", "n2")]
    whole = [row for row in zip(*columns, strict=True) if None not in row]
    return case, dict(zip(("e1", "n1", "e2", "n2"), (list(column) for column in zip(*whole, strict=True)), strict=True))


def pooled(shared: Path, name: str, model: Any) -> TwoGroups:
    return pool_two_groups(**tables(shared, name)[1], model=model)


def close(ours: Any, theirs: Any, tolerance: float = ITERATED) -> None:
    assert ours == pytest.approx(theirs, rel=tolerance, abs=tolerance)


def test_the_grid_of_sets_is_complete(shared: Path) -> None:
    folder = shared / "data" / "oracle"
    assert {path.stem for kind in ("two_*", "edge_two_*") for path in folder.glob(f"{kind}.json")} == set(ORACLE)
    for name in ORACLE:
        warned = "converge" in " ".join(tables(shared, name)[0]["glmm_UM_FS"].get("warnings", []))
        assert warned == (name in CONVERGED)


@pytest.mark.parametrize("name", ORACLE)
def test_unconditional_with_fixed_studies(shared: Path, name: str) -> None:
    r, ours = tables(shared, name)[0]["glmm_UM_FS"], pooled(shared, name, "UM.FS")
    mine = [ours.estimate, ours.se, ours.tau2, ours.conditional_loglik]
    theirs = CONVERGED.get(name) or tuple(r[field] for field in FIELDS)
    close(mine, list(theirs))
    close([ours.ci_lb, ours.ci_ub], [r["ci_lb"], r["ci_ub"]], UNCONVERGED if name in CONVERGED else ITERATED)
    if name in HETEROGENEITY:
        close([ours.Q_wald, ours.Q, ours.I2], HETEROGENEITY[name])


@pytest.mark.parametrize("name", RANDOM_STUDIES)
def test_unconditional_with_random_studies(shared: Path, name: str) -> None:
    estimate, se, tau2, sigma2, loglik, lrt = RANDOM_STUDIES[name]
    ours = pooled(shared, name, "UM.RS")
    mine = [ours.estimate, ours.se, ours.tau2, ours.sigma2, ours.loglik, ours.Q]
    close(mine, [estimate, se, tau2, sigma2, loglik, lrt])


@pytest.mark.parametrize("name", APPROXIMATE)
def test_conditional_approximate(shared: Path, name: str) -> None:
    ours = pooled(shared, name, "CM.AL")
    mine = [ours.estimate, ours.se, ours.tau2, ours.conditional_loglik, ours.Q_wald, ours.Q]
    close(mine, list(APPROXIMATE[name]))


@pytest.mark.parametrize("name", EXACT)
def test_conditional_exact(shared: Path, name: str) -> None:
    ours = pooled(shared, name, "CM.EL")
    close([ours.estimate, ours.tau2, ours.loglik, ours.Q], list(EXACT[name]))
    if name in EXACT_SE:
        close(ours.se, EXACT_SE[name])
