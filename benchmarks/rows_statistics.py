"""Rows of the statistics: how long pooling takes; agreement with R's stored answers, and with each peer."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.measure import command, task
from benchmarks.row import REPORTED, Agreement, AnyRow, Row, Sizes, within

EVERY_MODULE = (
    "import importlib, pkgutil, analysis\n"
    "for module in pkgutil.iter_modules(analysis.__path__): importlib.import_module(f'analysis.{module.name}')"
)
# What ours may be from R's: rounding; the stops of two iterations; lme4's optimiser (validation/README.md).
MOST = {"closed": 1e-10, "iterated": 1e-7, "GLMM": 1e-4}


def statistics_rows(sizes: Sizes) -> Iterator[AnyRow]:
    """Speed first, then agreement."""
    yield Row("GLMM, k = 13", "<= 50 ms", task("glmm"), within(0.05))
    yield Row(f"GLMM, k = {sizes.glmm:,}", "<= 1 s", task("glmm", str(sizes.glmm)), within(1))
    yield Row("import analysis.pooling", "<= 1 s", command("-c", "import analysis.pooling"), within(1))
    yield Row("every module of analysis imported", "<= 1 s", command("-c", EVERY_MODULE), within(1))
    for kind, most in MOST.items():
        yield Agreement(f"ours beside R's answers: {kind}", f"<= {most:.0e} from R", task("beside_r", kind), most=most)
    for name, methods in (("statsmodels", "EE DL PM"), ("PyMARE", "DL HE ML REML"), ("pimeta", "EE and all tau2")):
        yield Agreement(f"{name}: {methods}", REPORTED, task("beside_peer", name), peer=name)
    yield Agreement("R's metafor: EE and all tau2", REPORTED, task("beside_metafor", "rma"), peer="metafor")
    yield Agreement("pimeta: GLMM", REPORTED, task("beside_peer", "pimeta-GLMM"), peer="pimeta")
    yield Agreement("R's metafor: GLMM", REPORTED, task("beside_metafor", "GLMM"), peer="metafor")
