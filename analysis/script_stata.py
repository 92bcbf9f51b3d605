"""A Stata do-file that holds the review's pooled data and pools them again. Written from Stata's manuals, not run."""

from __future__ import annotations

from analysis.estimates import ARCSINE_REML_HK, FTT_DL, GLMM_LOGIT, LOGIT_REML_HK
from analysis.scripts import LABEL_CHARACTERS, TOLERANCE, About, Analysis, comment, conventions, figures

HEAD = r"""
version 16
clear all
set more off
scalar disagreements = 0

program define same
    // same NAME OURS STATA
    if missing(`3') | abs(`2' - `3') > tolerance * max(1, abs(`3')) {
        display as error "  DISAGREES: `1' ours " %12.0g `2' ", Stata " %12.0g `3'
        scalar disagreements = disagreements + 1
    }
end

program define glmm
    // Intervals are made here, by the review's own convention, and not by the command's normal one.
    gen long study_id = _n
    quietly melogit events || study_id:, binomial(total) intmethod(mvaghermite) intpoints(7)
    scalar mu = _b[_cons]
    scalar se = _se[_cons]
    scalar tau2 = _b[/var(_cons[study_id])]
    scalar crit = cond(ci_t, invttail(_N - 1, (1 - level) / 2), invnormal((1 + level) / 2))
    scalar half_new = crit * sqrt(tau2 + se^2)
    scalar estimate = invlogit(mu)
    scalar ci_lb = invlogit(mu - crit * se)
    scalar ci_ub = invlogit(mu + crit * se)
    scalar pi_lb = invlogit(mu - half_new)
    scalar pi_ub = invlogit(mu + half_new)
end

program define two_step
    // two_step SCALE METHOD: effect sizes yi, their standard errors sei; Knapp-Hartung for REML, z for DL
    args scale method
    if "`scale'" == "logit" {
        gen double add = cond(events == 0 | events == total, 0.5, 0)
        gen double yi = ln((events + add) / (total - events + add))
        gen double sei = sqrt(1 / (events + add) + 1 / (total - events + add))
    }
    if "`scale'" == "arcsine" {
        gen double yi = asin(sqrt(events / total))
        gen double sei = sqrt(1 / (4 * total))
    }
    if "`scale'" == "ftukey" {
        gen double yi = (asin(sqrt(events / (total + 1))) + asin(sqrt((events + 1) / (total + 1)))) / 2
        gen double sei = sqrt(1 / (4 * total + 2))
    }
    quietly meta set yi sei
    if "`method'" == "reml" quietly meta summarize, random(reml) se(khartung) tolerance(1e-10) nrtolerance(1e-10)
    else quietly meta summarize, random(dlaird)
    scalar mu = r(theta)
    scalar se = r(se)
    scalar tau2 = r(tau2)
    scalar crit = cond("`method'" == "reml", invttail(_N - 1, (1 - level) / 2), invnormal((1 + level) / 2))
    scalar half = crit * se
    scalar half_new = invttail(_N - 1, (1 - level) / 2) * sqrt(tau2 + se^2)
    gen double inverse = 1 / total
    quietly summarize inverse
    scalar harmonic = 1 / r(mean)
    back estimate `scale' mu
    back ci_lb `scale' mu - half
    back ci_ub `scale' mu + half
    back pi_lb `scale' mu - half_new
    back pi_ub `scale' mu + half_new
end

program define back
    // back NAME SCALE EXPRESSION
    gettoken name 0 : 0
    gettoken scale 0 : 0
    tempname value
    scalar `value' = `0'
    if "`scale'" == "logit" scalar `name' = invlogit(`value')
    if "`scale'" == "arcsine" scalar `name' = sin(min(max(`value', 0), _pi / 2))^2
    if "`scale'" == "ftukey" {
        if `value' <= asin(sqrt(1 / (harmonic + 1))) / 2 scalar `name' = 0
        else if `value' >= (asin(sqrt(harmonic / (harmonic + 1))) + _pi / 2) / 2 scalar `name' = 1
        else scalar `name' = 0.5 * (1 - sign(cos(2 * `value')) * sqrt(max(0, 1 - (sin(2 * `value') + ///
            (sin(2 * `value') - 1 / sin(2 * `value')) / harmonic)^2)))
    }
end

program define show
    display as text "  estimate " %7.2f 100 * estimate "%, CI " %7.2f 100 * ci_lb " to " %7.2f 100 * ci_ub ///
        ", prediction " %7.2f 100 * pi_lb " to " %7.2f 100 * pi_ub ", tau2 " %8.4f tau2
end
"""
END = r"""
if disagreements > 0 {
    display as error "figures that disagree: " disagreements
    exit 9
}
display as result "Every figure agrees."
"""
CALLS = {
    GLMM_LOGIT: "glmm",
    LOGIT_REML_HK: "two_step logit reml",
    ARCSINE_REML_HK: "two_step arcsine reml",
    FTT_DL: "two_step ftukey dl",
}


def stata_script(about: About, found: list[Analysis]) -> str:
    """The do-file, for Stata 16 or later; `exit 9` where a figure differs by more than TOLERANCE.

    Labels keep letters, digits and a little punctuation: quotes, backticks and dollar signs would be macros.
    """
    lines = [f"* {_words(line)}" for line in conventions(about, found)]
    lines.append(
        "* Written from the manuals of Stata 16 and not run before it was handed out: tell the review what you see."
    )
    lines.append(HEAD)
    lines += [f"scalar level = {about.level!r}", f"scalar tolerance = {TOLERANCE!r}"]
    lines.append(f"scalar ci_t = {int(about.ci_method != 'z')}")
    for one in found:
        lines += _analysis(one)
    return "\n".join([*lines, END])


def _words(text: str) -> str:
    """Text that Stata reads as text: also no `/*`, `//` or `///`, which begin a comment anywhere on a line."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c in " .,;:-+()=%") else " " for c in comment(text))
    return " ".join(kept.split())


def _analysis(one: Analysis) -> list[str]:
    k, title = len(one.rows), f"{one.outcome}: {one.label}; {one.name}, patients {one.denominator}"
    lines = ["", f'display as result "{_words(title)} ({k} of {one.included})"']
    if not one.body["pooled"]:
        x, n = one.body["events"], one.body["total"]
        return [*lines, f'display as text "  not pooled: {_words(one.body["reason"])}; {x} of {n}"']
    if one.model not in CALLS:
        return [*lines, f'display as text "  by {_words(one.model)}: not rerun here"']
    lines += ["clear", f"input str{LABEL_CHARACTERS} study double(events total)"]
    lines += [f'"{_words(row.label)[:LABEL_CHARACTERS]}" {row.events} {row.total}' for row in one.rows]
    lines += ["end", CALLS[one.model], "show"]
    compared = {name: value for name, value in figures(one).items() if name != "average"}
    return [*lines, *(f"same {name} {value!r} {name}" for name, value in compared.items())]
