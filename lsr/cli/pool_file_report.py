"""The report of `lsr pool FILE` for people: the studies and pools, then what was asked for around them."""

from __future__ import annotations

from typing import Any

from lsr.cli.common import out, percent, say, table

SCALES = {"RR": "risk ratio", "OR": "odds ratio", "RD": "risk difference", "AS": "arcsine difference",
          "PETO": "Peto odds ratio", "HR": "hazard ratio", "GEN": "effect"}  # fmt: skip


def print_report(body: dict[str, Any]) -> None:
    """The studies, the pool and the groups as one table; heterogeneity, conventions; then what stands around."""
    share = body["kind"] == "proportions"
    level = f"{body['level'] * 100:g}% CI"
    method = f"{body['method']} {body['glmm']}" if "glmm" in body else body["method"]
    pools = {method: body["result"]} | {f"group {name}": part for name, part in body["groups"].items()}
    rows = [_study(study, share) for study in body["studies"]] + [_pool(*each, share) for each in pools.items()]
    header = ("", _counted(body), "%" if share else SCALES[body["measure"]], level, "weight %", "prediction")
    out(table(rows, header))
    for name, part in pools.items():
        out(f"{name}: {_heterogeneity(part, share) if part['pooled'] else 'not pooled: ' + part['reason']}")
    if "tau2_lb" in body.get("heterogeneity", {}):
        out(_tau2_interval(body["heterogeneity"]))
    if "subgroups" in body:
        out(_between(body["subgroups"]))
    average = body["result"].get("details", {}).get("population_average")
    if average is not None:
        out(
            f"%: the median study's, the inverse logit of the pooled mean; the mean over studies is {percent(average)}%"
        )
    out("; ".join(body["conventions"]))
    _print_around(body, share)
    for note in body["notes"]:
        say(note)


def _tau2_interval(found: dict[str, Any]) -> str:
    ranges = "; ".join(f"{name} {found[name + '_lb']:.4g}–{found[name + '_ub']:.4g}" for name in ("tau2", "I2", "H2"))
    se = "" if found["tau2_se"] is None else f"; SE of tau2 {found['tau2_se']:.4g}"
    return f"{found['interval']} intervals: {ranges}{se}"


def _between(found: dict[str, Any]) -> str:
    whose = "studies" if found["level"] == "study" else "patients within studies"
    said = f"Subgroups of {whose}, {found['tau2_is']} tau2: "
    if found["not_tested"] or found["p_value"] is None:
        return said + (found["not_tested"] or "no test can be made")
    name = "chi-squared" if found["df2"] is None else "F"
    df = str(found["df"]) if found["df2"] is None else f"{found['df']} and {found['df2']}"
    return said + f"between them {name} {found['Q_between']:.3f}, df {df}, p {found['p_value']:.4g}"


def _print_around(body: dict[str, Any], share: bool) -> None:
    if "moderators" in body:
        _print_regression(body["moderators"])
    for key, title in (("leave_one_out", "Without"), ("cumulative", "With")):
        if key in body:
            rows = [_step(step, share) for step in body[key]]
            out("")
            out(table(rows, (title, "", "%" if share else SCALES[body["measure"]], "CI", "tau2", "I2")))
    if "influence" in body:
        _print_influence(body["influence"])
    if "small_study" in body:
        _print_small_study(body["small_study"], share)


def _print_regression(found: dict[str, Any]) -> None:
    rows = [
        (one["name"], f"{one['estimate']:.4f}", f"{one['se']:.4f}", _p(one["p_value"]),
         f"{one['ci_lb']:.4f} to {one['ci_ub']:.4f}")
        for one in found["coefficients"]
    ]  # fmt: skip
    out("")
    out(table(rows, (f"meta-regression, {found['method']}", "estimate", "SE", "p", "CI")))
    r2 = "" if found["R2"] is None else f", R2 {found['R2']:.1f}%"
    left = f"QE {found['QE']:.2f}, df {found['QE_df']}, p {found['QE_p']:.4g}"
    joint = "" if found["QM"] is None else f"; moderators {found['QM']:.2f}, df {found['QM_df']}, p {_p(found['QM_p'])}"
    out(f"left over: tau2 {found['tau2']:.4g}, I2 {found['I2']:.1f}%{r2}, {left}{joint}")


def _step(step: dict[str, Any], share: bool) -> tuple[str, ...]:
    name = step["study"] + (f" ({step['at']})" if "at" in step else "")
    if not step["pooled"]:
        exact = "" if step["total"] is None else f"{_exact(step, share)}: "
        counts = "" if step["total"] is None else f", {step['events']}/{step['total']}"
        return name, f"k={step['k']}{counts}", "not pooled", exact + step["reason"], "", ""
    back = step["back"]
    tau2 = "" if step["tau2"] is None else f"{step['tau2']:.4g}"
    ends = _interval(back["ci_lb"], back["ci_ub"], share)
    return name, f"k={step['k']}", _number(back["estimate"], share), ends, tau2, f"{step['I2']:.1f}"


def _print_influence(found: dict[str, Any]) -> None:
    if "refused" in found:
        say(f"influence: {found['refused']}")
        return
    names = ("rstudent", "dffits", "cook_d", "cov_r", "tau2_del", "hat", "dfbetas")
    rows = [
        (one["label"], *("" if one[name] is None else f"{one[name]:.4g}" for name in names),
         "*" if one["influential"] else "")
        for one in found["studies"]
    ]  # fmt: skip
    out("")
    out(table(rows, (f"influence, {found['method']}", *names, "influential")))


def _print_small_study(found: dict[str, Any], share: bool) -> None:
    out("")
    if "refused" in found:
        out(f"small-study effects: {found['refused']}")
        return
    rows = []
    for name, one in found.items():
        if name == "method":
            continue
        if "refused" in one:
            rows.append((name, "refused", one["refused"]))
        elif name == "ranktest":
            rows.append((name, f"tau {_p(one['tau'])}", f"p {_p(one['p_value'])}"))
        elif name.startswith("trimfill"):
            back = one["back"]
            ends = f"{_number(back['estimate'], share)} ({_interval(back['ci_lb'], back['ci_ub'], share)})"
            rows.append((name, f"{one['missing']} missing on the {one['side']}", ends))
        else:
            rows.append((name, f"slope {one['slope']:.4g}", f"p {_p(one['p_value'])}"))
    out(table(rows, (f"small-study effects, {found['method']}", "", "")))


def _p(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _counted(body: dict[str, Any]) -> str:
    return {"proportions": "x/n", "two groups": "x/n, x/n"}.get(body["kind"], "")


def _study(study: dict[str, Any], share: bool) -> tuple[str, ...]:
    counts = f"{study['events']}/{study['total']}" if "events" in study else ""
    if "events1" in study:
        counts = f"{study['events1']}/{study['total1']}, {study['events2']}/{study['total2']}"
    weight = "" if study["weight"] is None else f"{study['weight']:.1f}"
    name = study.get("label", study["study"]) + (f" ({study['group']})" if study["group"] else "")
    interval = _interval(study["effect_lb"], study["effect_ub"], share)
    return name, counts, _number(study["effect"], share), interval, weight, ""


def _pool(name: str, part: dict[str, Any], share: bool) -> tuple[str, ...]:
    if not part["pooled"]:
        if part["total"] is None:
            return name, f"k={part['k']}", "not pooled", "", "", ""
        counts = f"k={part['k']}, {part['events']}/{part['total']}"
        return name, counts, "not pooled", _exact(part, share), "", ""
    back = part["back"]
    prediction = "" if part["pi_lb"] is None else _interval(back["pi_lb"], back["pi_ub"], share)
    interval = _interval(back["ci_lb"], back["ci_ub"], share)
    return name, f"k={part['k']}", _number(back["estimate"], share), interval, "", prediction


def _exact(part: dict[str, Any], share: bool) -> str:
    low, high = part["proportion_ci"]
    return f"exact {_interval(low, high, share)}"


def _heterogeneity(part: dict[str, Any], share: bool) -> str:
    tau2 = "" if part["tau2"] is None else f"tau2 {part['tau2']:.4g}, "
    p_value = "" if share or part["p_value"] is None else f"; no effect: p {part['p_value']:.4g}"
    tests = "".join(
        f"; {name} {test['statistic']:.3f}, df {test['df']}"
        + ("" if test["p_value"] is None else f", p {test['p_value']:.4g}")
        for name, test in part["tests"].items()
    )
    return f"{tau2}I2 {part['I2']:.1f}%, Q {part['Q']:.2f}, df {part['Q_df']}, p {part['Q_p']:.4g}{p_value}{tests}"


def _number(value: float | None, share: bool) -> str:
    if value is None:
        return "too large"
    return percent(value) if share else f"{value:.3g}" if 0 < abs(value) < 0.01 or abs(value) >= 1e5 else f"{value:.2f}"


def _interval(lower: float | None, upper: float | None, share: bool) -> str:
    words = "–" if lower is not None and lower >= 0 else " to "
    return words.join((_number(lower, share), _number(upper, share)))
