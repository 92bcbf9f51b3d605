"""The scripts that rerun the review's pooling elsewhere: R must agree, and must say so when a figure is wrong."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.estimation import fit, plain
from analysis.pooling import MODEL_TITLES, available
from analysis.script_metafor import RERUN, metafor_script, r_string
from analysis.script_stata import CALLS, stata_script
from analysis.scripts import About, Analysis
from db.model import Row
from db.specs import SynthesisSpec
from tests.conftest import Command

SYNTHESIS = SynthesisSpec("glmm-logit", 0.95, "t", "t(k-1)", 3)
ABOUT = About("A made-up review", "version 1.0", "f" * 64, 0.95, "t", demonstration=False)
EVENTS = (3, 0, 11, 7, 2, 19, 5, 1)
TOTAL = (9, 6, 14, 20, 8, 41, 5, 12)
HOSTILE = (
    'Broken" ); quit(status = 3) #',
    "back\\slash\\",
    "line\nbreak\r\n",
    "`quote' \"' $macro /* // ///",
    "Ünï ©ode – 𝕏 \u202e",
    "\x1b[2J\x00\x07",
    "%s %d",
    "<script>",
)


@pytest.fixture(scope="session")
def rscript() -> str:
    """Rscript with metafor and lme4; a skip where they are not installed, a failure there if LSR_REQUIRE_R is set."""
    found = shutil.which("Rscript")
    wanted = 'for (p in c("metafor", "lme4")) loadNamespace(p)'
    if found and subprocess.run([found, "-e", wanted], capture_output=True, timeout=120, check=False).returncode == 0:
        return found
    if os.environ.get("LSR_REQUIRE_R") == "1":
        pytest.fail("LSR_REQUIRE_R is set, and there is no R with metafor and lme4")
    pytest.skip("no R with metafor and lme4 on this machine")


def run(rscript: str, script: Path) -> subprocess.CompletedProcess[str]:
    settings = os.environ | {"LC_ALL": "C"}  # the least that R may have: nothing may depend on UTF-8
    return subprocess.run(
        [rscript, script], capture_output=True, text=True, errors="replace", env=settings, timeout=250, check=False
    )


def made_up(labels: tuple[str, ...] = HOSTILE, ci: str = "t", level: float = 0.95) -> tuple[About, list[Analysis]]:
    """Every model over one table, three refusals, and labels that try to break out."""
    synthesis = SynthesisSpec("glmm-logit", level, ci, "t(k-1)", 3)
    rows = tuple(Row(f"s{i}", labels[i], EVENTS[i], TOTAL[i]) for i in range(len(EVENTS)))
    made = []
    for model in ("glmm-logit", "ftt-dl", "logit-reml-hk", "arcsine-reml-hk", "beta-binomial"):
        if available(model):
            body = plain(fit(rows, model, synthesis))
            made.append(Analysis("one", labels[0], model, "infused", model, rows, 9, body))
    for few in ((), rows[:2], tuple(Row(r.study, r.label, r.total, r.total) for r in rows)):
        body = plain(fit(few, "glmm-logit", synthesis))
        made.append(Analysis("two", labels[3], "primary", "infused", "glmm-logit", few, 9, body))
    return About(labels[0], labels[2], "f" * 64, level, ci, demonstration=True), made


@pytest.mark.parametrize(("ci", "level"), [("t", 0.95), ("z", 0.9)])
def test_r_agrees_on_a_made_up_review_with_hostile_labels(rscript: str, tmp_path: Path, ci: str, level: float) -> None:
    path = tmp_path / "made up.R"
    path.write_text(metafor_script(*made_up(ci=ci, level=level)), "utf-8")
    ran = run(rscript, path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Every figure compared agrees" in ran.stdout
    assert ran.stdout.count("8 of 9: 48/115") == sum(map(available, RERUN))
    assert ran.stdout.count("not pooled") == 2
    assert "no included study reports it" in ran.stdout


def test_r_says_so_when_a_figure_is_wrong(rscript: str, tmp_path: Path) -> None:
    about, found = made_up()
    one, broken = found[0], []
    for figure in ("proportion", "proportion_ci", "proportion_pi", "tau2", "population_average"):
        right = one.body[figure]
        wrong = (right[0], right[1] + 3e-4) if isinstance(right, tuple) else right + 3e-4
        broken.append(replace(one, body=one.body | {figure: wrong}))
    refused = found[-1]
    broken.append(replace(refused, body=refused.body | {"proportion_ci": (0.5, 1.0)}))
    path = tmp_path / "wrong.R"
    path.write_text(metafor_script(about, broken), "utf-8")
    ran = run(rscript, path)
    assert ran.returncode == 1
    names = re.findall(r"DISAGREES: (\w+)", ran.stdout)
    assert names == ["estimate", "ci_ub", "pi_ub", "tau2", "average", "ci_lb"]
    assert "6 figures disagree" in ran.stdout


@pytest.mark.slow
def test_r_agrees_on_the_demonstration(rscript: str, lsr: Command, demo_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "pooling.R"
    assert lsr("export", "metafor", "--out", path, "-R", demo_folder).code == 0
    ran = run(rscript, path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "primary, patients infused (glmm-logit), 13 of 14: 187/235, 81.94%" in ran.stdout
    counted = [line for line in ran.stdout.splitlines() if "differs" in line]
    assert all("tau2 is extreme" in line for line in counted)


def test_the_head_names_the_conventions_and_what_the_figures_are(lsr: Command, demo_folder: Path) -> None:
    for name, mark in (("metafor", "#"), ("stata", "*")):
        ran = lsr("export", name, "-R", demo_folder)
        assert ran.code == 0
        head = " ".join(line for line in ran.out.splitlines() if line.startswith(mark))
        for words in ("GLMM", "t with k", "95%", "median study", "k of K", "second", "DEMONSTRATION", "version 1.1"):
            assert words.casefold() in head.casefold(), (name, words)
        assert "previous:" not in ran.out  # no report, no quotation: counts and labels alone
    assert "not run" in head


def test_an_unknown_format_names_the_known_ones(lsr: Command, demo_folder: Path, tmp_path: Path) -> None:
    ran = lsr("export", "sas", "-R", demo_folder)
    assert (ran.code, ran.out) == (1, "")
    assert "metafor, stata" in ran.err
    ran = lsr("export", "stata", "--out", tmp_path / "no" / "x.do", "-R", demo_folder)
    assert (ran.code, ran.out) == (1, "")
    assert "cannot be written" in ran.err


@given(st.text(max_size=30))
def test_a_label_stays_inside_its_r_string(text: str) -> None:
    made = r_string(text)
    assert re.fullmatch(r'"([ !#-\[\]-~]|\\["\\n]|\\u[0-9a-f]{4}|\\U[0-9a-f]{8})*"', made)


@given(st.lists(st.text(max_size=30), min_size=8, max_size=8).map(tuple))
def test_no_label_changes_the_shape_of_a_script(labels: tuple[str, ...]) -> None:
    """The same lines with any labels as with plain ones, comments and strings apart; none of Stata's macro marks."""
    plain_labels = tuple(f"Study {i}" for i in range(8))
    about, found = _bare(labels)
    sober = metafor_script(*_bare(plain_labels))
    script = metafor_script(about, found)
    strings = re.compile(r'"(?:[^"\\]|\\.)*"')
    assert [strings.sub('""', line).split("#")[0] for line in script.splitlines()] == [
        strings.sub('""', line).split("#")[0] for line in sober.splitlines()
    ]
    stata = [line for line in stata_script(about, found).splitlines() if line.startswith('"')]
    assert len(stata) == 8
    assert all(re.fullmatch(r'"[A-Za-z0-9 .,;:\-+()=%]{0,80}" \d+ \d+', line) for line in stata)


BODY = plain(fit([Row(str(i), "", x, n) for i, (x, n) in enumerate(zip(EVENTS, TOTAL, strict=True))], "glmm-logit",
                 SYNTHESIS))  # fmt: skip


def _bare(labels: tuple[str, ...]) -> tuple[About, list[Analysis]]:
    rows = tuple(Row(f"s{i}", labels[i], EVENTS[i], TOTAL[i]) for i in range(8))
    about = About(labels[0], labels[1], "f" * 64, 0.95, "t", demonstration=False)
    return about, [Analysis("one", labels[2], "primary", labels[3], "glmm-logit", rows, 8, BODY)]


def test_every_model_is_rerun_by_r_and_all_but_the_beta_binomial_by_stata() -> None:
    assert set(RERUN) == set(MODEL_TITLES)
    assert set(CALLS) == set(RERUN) - {"beta-binomial"}
    about, found = made_up()
    stata = stata_script(about, found)
    assert all(f"\n{call}\n" in stata for call in CALLS.values())
    assert stata.count("same tau2") == len(CALLS)
