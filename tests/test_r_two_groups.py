"""Random tables of two groups beside R itself, where R and metafor are installed: `validation/two_groups.R`."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from analysis.mantel_haenszel import pool_mantel_haenszel
from analysis.peto import pool_peto
from analysis.two_groups import Tables, tables, two_group_effects
from db.errors import InputError

SCRIPT = Path(__file__).parents[1] / "validation" / "two_groups.R"
SEED, SETS = 20261124, 400
# The worst of 34,000 numbers differs by 1.4e-10: Breslow-Day near an odds ratio of 1, where R's root cancels digits.
TOLERANCE = 1e-9
NO_VARIANCE = 1e-8  # R's standard error where there is no variance but rounding


def random_sets() -> dict[str, list[tuple[int, int, int, int]]]:
    """Sets of 1 to 8 tables, 2 to 3,000 patients a group, rare and common events, many zero cells."""
    rng = np.random.default_rng(SEED)
    found: dict[str, list[tuple[int, int, int, int]]] = {}
    for number in range(SETS):
        rows = []
        for _ in range(rng.integers(1, 9)):
            n1, n2 = (int(10 ** rng.uniform(0.3, 3.5)) + 1 for _ in range(2))
            p = rng.choice([rng.uniform(0, 1), 0.02, 0.98])
            rows.append((int(rng.binomial(n1, p)), n1, int(rng.binomial(n2, p)), n2))
        found[str(number)] = rows
    return found


def ours(what: str, found: Tables) -> list[float] | None:
    """The numbers that the script prints of `what`; None where we refuse."""
    if what.startswith("escalc"):
        effects = two_group_effects(what.split()[1], found)  # type: ignore[arg-type]
        return [*effects.yi, *effects.vi]
    try:
        fit = pool_peto(found) if what == "PETO" else pool_mantel_haenszel(what, found)  # type: ignore[arg-type]
    except InputError:
        return None
    numbers = [fit.estimate, fit.se, fit.p_value, fit.ci_lb, fit.ci_ub, fit.Q, fit.Q_p, fit.I2]
    return numbers + [test.statistic for test in (fit.cmh, fit.breslow_day, fit.tarone) if test is not None]


@pytest.mark.slow
def test_random_tables_beside_r() -> None:
    rscript = shutil.which("Rscript")
    if not rscript or subprocess.run([rscript, "-e", "library(metafor)"], capture_output=True, check=False).returncode:
        pytest.skip("R with metafor is not installed")
    sets = random_sets()
    lines = [f"{name},{','.join(map(str, row))}" for name, rows in sets.items() for row in rows]
    text = "\n".join(["set,a,n1,c,n2", *lines, ""])
    ran = subprocess.run([rscript, SCRIPT], input=text, capture_output=True, text=True, check=True)
    wrong, compared, refused = [], 0, 0
    for answer in ran.stdout.splitlines():
        name, what, *cells = (cell.strip() for cell in answer.split(","))
        theirs = [float("nan") if cell in ("NA", "NaN") else float(cell) for cell in cells]
        mine = ours(what, tables(*np.array(sets[name], float).T))
        if mine is None:
            refused += 1
            wrong += [f"{name} {what}: refused"] if np.isfinite(theirs[:3]).all() and theirs[1] > NO_VARIANCE else []
            continue
        compared += len(mine)
        wrong += [f"{name} {what}: {a} != {b}" for a, b in zip(mine, theirs, strict=True)
                  if not abs(a - b) <= TOLERANCE * max(1, abs(b))]  # fmt: skip
    assert wrong == []
    assert len(ran.stdout.splitlines()) == 9 * SETS
    assert compared > 20_000
    assert refused > 0
