"""What the exported scripts rerun: each analysis of the review with its rows and our figures, free of hostile text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from analysis.dataset import Dataset
from analysis.estimates import GLMM_LOGIT, MODEL_TITLES
from analysis.sensitivity import ARTICLES, BOUNDS, DENOMINATOR, FIRST_HAND, chosen
from db.model import Row

# Printed figures move at the third decimal of a percentage; lme4 itself stops within some 1e-5 of the maximum.
TOLERANCE = 1e-4
LABEL_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class Analysis:
    """One pooling: `name` is "primary" or a sensitivity analysis, `body` our stored estimate (analysis.estimation)."""

    outcome: str
    label: str
    name: str
    denominator: str
    model: str
    rows: tuple[Row, ...]
    included: int
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class About:
    """What the head of a script says of the review."""

    title: str
    version: str  # of the last published one, and whether these figures are that version's
    fingerprint: str
    level: float
    ci_method: str
    demonstration: bool


def analyses(found: list[Dataset], estimates: dict[str, Any], primary_model: str) -> list[Analysis]:
    """Every stored estimate with the rows that gave it, in the order of `found`. Leave-one-out is not among them."""
    by_denominator = {(d.outcome.id, d.denominator): d for d in found}
    made = []
    for main in (data for data in found if data.denominator == data.outcome.denominator):
        outcome, body = main.outcome.id, estimates[main.outcome.id]

        def one(name: str, stored: dict[str, Any], data: Dataset, rows: tuple[Row, ...], model: str) -> Analysis:
            spec = data.outcome
            return Analysis(spec.id, spec.label, name, data.denominator, model, rows, data.included, stored)

        made.append(one("primary", body["primary"], main, main.rows, primary_model))
        for name, stored in body["sensitivity"].items():
            if name in MODEL_TITLES:
                made.append(one(name, stored, main, main.rows, name))
            elif name.startswith(DENOMINATOR):
                other = by_denominator[outcome, name.removeprefix(DENOMINATOR)]
                made.append(one(name, stored, other, other.rows, primary_model))
            elif name in (ARTICLES, FIRST_HAND, *BOUNDS):
                made.append(one(name, stored, main, chosen(main, name), primary_model))
    return made


def comment(text: str) -> str:
    """Text for a comment line of any script: one line of printable ASCII, so that nothing in it can end the comment."""
    plain = " ".join(text.split()).encode("ascii", "replace").decode()
    return "".join(c if " " <= c <= "~" else "?" for c in plain)


def conventions(about: About, found: list[Analysis]) -> list[str]:
    """Lines for the head of a script: what was pooled, how the intervals are made, what is not there."""
    quantile = "z" if about.ci_method == "z" else "t with k - 1 df"
    lines = [
        f"Pooled data of the review: {about.title}",
        f"{about.version}; fingerprint {about.fingerprint}",
        "Model, unless an analysis names another: binomial-normal GLMM, logit, ML, adaptive Gauss-Hermite, 7 points.",
        f"Its CI and prediction interval: {quantile}, {about.level:.0%}; prediction: sqrt(tau2 + SE2), on the logit.",
        "Its estimate is the median study's, expit(mu); the mean over studies is another figure.",
        "Knapp-Hartung models: t with k - 1 df, 1/2 added to both cells of a study with a zero cell (logit only).",
        "ftt-dl reproduces the published review: CI by z, prediction by t (k - 1 df), back by the harmonic mean of n.",
        "beta-binomial: its estimate is the mean over studies; tau2 is the fitted Beta's variance on the logit.",
        "Studies are shown as x/n with the exact (Clopper-Pearson) interval. 'k of K': studies reporting of included.",
        "Counts only: no abstract and no quotation is in this file.",
    ]
    if any(row.second_hand for one in found for row in one.rows):
        lines.append("Some rows are second-hand: from the table of the review that this one continues.")
    if about.demonstration or any(row.composed for one in found for row in one.rows):
        lines.append("COMPOSED FOR A DEMONSTRATION in part: these figures are no findings.")
    return [comment(line) for line in lines]


def figures(one: Analysis) -> dict[str, float]:
    """Our figures that a script compares, as proportions, and tau2 on the model's scale; those of a refusal: its CI."""
    body = one.body
    if not body["pooled"]:
        return dict(zip(("ci_lb", "ci_ub"), body["proportion_ci"], strict=True))
    found = {"estimate": body["proportion"]}
    found |= dict(zip(("ci_lb", "ci_ub"), body["proportion_ci"], strict=True))
    if body["proportion_pi"]:
        found |= dict(zip(("pi_lb", "pi_ub"), body["proportion_pi"], strict=True))
    found["tau2"] = body["tau2"]
    if one.model == GLMM_LOGIT and body["population_average"] is not None:
        found["average"] = body["population_average"]
    return found
