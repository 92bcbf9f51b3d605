"""What a forest plot of proportions says, line by line and note by note, before anything is drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from analysis.estimates import (
    ARCSINE_REML_HK,
    BETA_BINOMIAL,
    FTT_DL,
    GLMM_LOGIT,
    LOGIT_REML_HK,
    MIN_STUDIES_PREDICTION,
    MODEL_TITLES,
    NotPooled,
    Pooled,
)
from analysis.intervals import DEFAULT_LEVEL, clopper_pearson
from db.model import Row

Kind = Literal["group", "study", "second-hand", "pooled", "also", "prediction", "sum", "text"]
Numbers = tuple[str, str, str]
MODEL_LABELS = {
    GLMM_LOGIT: "Random effects (GLMM, logit)",
    FTT_DL: "Random effects (DL, Freeman-Tukey)",
    LOGIT_REML_HK: "Random effects (REML, logit, Knapp-Hartung)",
    ARCSINE_REML_HK: "Random effects (REML, arcsine, Knapp-Hartung)",
    BETA_BINOMIAL: "Random effects (beta-binomial)",
}
COMPOSED_MARK = " †"
NO_NUMBERS: Numbers = ("", "", "")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the plot. `centre`, `low`, `high` are percent; `share` is the marker's area over the largest."""

    kind: Kind
    label: str
    events: str = ""
    total: str = ""
    weight: str = ""
    numbers: Numbers = NO_NUMBERS  # estimate, lower, upper, as printed
    centre: float | None = None
    low: float = 0.0
    high: float = 0.0
    share: float = 0.0


def study_lines(rows: Sequence[Row], pooled: Pooled | NotPooled) -> list[Line]:
    """A line for each row: x/n as it is, its exact CI, its weight if the model has weights."""
    level = _level(pooled)
    weights = pooled.weights if isinstance(pooled, Pooled) else None
    if weights is not None and len(weights) != len(rows):
        raise ValueError(f"{len(weights)} weights for {len(rows)} rows: the estimate is not of these rows")
    sizes = weights or tuple(float(row.total) for row in rows)
    lower, upper = clopper_pearson([row.events for row in rows], [row.total for row in rows], level=level)
    lines = [
        Line(
            kind="second-hand" if row.second_hand else "study",
            label=row.label + (COMPOSED_MARK if row.composed else ""),
            events=str(row.events),
            total=str(row.total),
            weight=f"{weights[i]:.1f}" if weights else "",
            numbers=_numbers(row.events / row.total, lower[i], upper[i]),
            centre=100 * row.events / row.total,
            low=100 * float(lower[i]),
            high=100 * float(upper[i]),
            share=sizes[i] / max(sizes),
        )
        for i, row in enumerate(rows)
    ]
    return list(_with_groups(rows, lines))


def summary_lines(pooled: Pooled | NotPooled, also: Sequence[Pooled]) -> list[Line]:
    """The pooled estimate with prediction interval and heterogeneity, then the other models'."""
    if isinstance(pooled, NotPooled):
        lines = list(_sum_lines(pooled))
    else:
        lines = [_diamond(pooled, "pooled"), *_prediction(pooled), Line("text", heterogeneity_words(pooled))]
    for other in also:
        lines += [_diamond(other, "also"), Line("text", heterogeneity_words(other))]
    return lines


def notes(rows: Sequence[Row], pooled: Pooled | NotPooled, also: Sequence[Pooled]) -> list[str]:
    """How to read the plot: conventions of the intervals, models, marks. One sentence or two an item."""
    said = [f"Studies: events / n with exact (Clopper-Pearson) {_level(pooled):.0%} CI; nothing is back-transformed."]
    if isinstance(pooled, Pooled):
        said += _model_notes(pooled, "Pooled")
        if pooled.k < MIN_STUDIES_PREDICTION:
            said.append(f"No prediction interval: fewer than {MIN_STUDIES_PREDICTION} studies.")
    for other in also:
        said += _model_notes(other, "Open diamond")
    said.append(_area_note(pooled))
    if any(row.second_hand for row in rows):
        said.append("● Circle: counts taken second-hand, from a published review's table.")
    if any(row.composed for row in rows):
        said.append("† Composed for the demonstration.")
    return said


def heterogeneity_words(pooled: Pooled) -> str:
    """tau2, I2, Q with its degrees of freedom, p and the test, as one line."""
    p = "p < 0.001" if pooled.Q_p < 0.001 else f"p = {pooled.Q_p:.3f}"
    return (
        f"Heterogeneity: τ² = {pooled.tau2:.3f}, I² = {pooled.I2:.1f}%,"
        f" Q = {pooled.Q:.2f}, df = {pooled.Q_df}, {p} ({pooled.Q_test})"
    )


def description(rows: Sequence[Row], pooled: Pooled | NotPooled, denominator: str) -> str:
    """The plot in words, for who does not see it."""
    studies = "; ".join(f"{row.label} {row.events}/{row.total}" for row in rows)
    if isinstance(pooled, NotPooled):
        found = f"Not pooled: {pooled.reason}. Sum {pooled.events}/{pooled.total}."
    else:
        low, high = pooled.proportion_ci
        found = (
            f"Pooled by {MODEL_TITLES[pooled.model]}: {_percent(pooled.proportion)}%,"
            f" {pooled.level:.0%} CI {_percent(low)} to {_percent(high)}%. {heterogeneity_words(pooled)}."
        )
    count = "1 study" if len(rows) == 1 else f"{len(rows)} studies"
    return f"Forest plot of {count}, percent of {denominator}. {found} Studies: {studies}."


def _with_groups(rows: Sequence[Row], lines: Sequence[Line]) -> Iterator[Line]:
    """The lines under headings of their groups, in order of appearance, if there is more than one group."""
    groups = list(dict.fromkeys(row.group for row in rows))
    for group in groups:
        if len(groups) > 1:
            yield Line("group", group or "Not grouped")
        yield from (line for row, line in zip(rows, lines, strict=True) if row.group == group)


def _diamond(pooled: Pooled, kind: Kind) -> Line:
    low, high = pooled.proportion_ci
    return Line(
        kind=kind,
        label=MODEL_LABELS[pooled.model],
        events=str(pooled.events),
        total=str(pooled.total),
        weight="100.0" if pooled.weights and kind == "pooled" else "",
        numbers=_numbers(pooled.proportion, low, high),
        centre=100 * pooled.proportion,
        low=100 * low,
        high=100 * high,
    )


def _prediction(pooled: Pooled) -> Iterator[Line]:
    if pooled.proportion_pi is None or pooled.k < MIN_STUDIES_PREDICTION:
        return
    low, high = pooled.proportion_pi
    numbers = ("", *_numbers(0, low, high)[1:])
    yield Line(
        "prediction",
        f"{pooled.level:.0%} prediction interval",
        numbers=numbers,
        low=100 * low,
        high=100 * high,
    )


def _sum_lines(refused: NotPooled) -> Iterator[Line]:
    low, high = refused.proportion_ci
    yield Line(
        kind="sum",
        label="Not pooled: sum, exact CI",
        events=str(refused.events),
        total=str(refused.total),
        numbers=_numbers(refused.events / refused.total, low, high),
    )
    yield Line("text", f"Not pooled: {refused.reason}.")


def _model_notes(pooled: Pooled, what: str) -> list[str]:
    title = MODEL_TITLES[pooled.model]
    said = [f"{what}: {title[0].lower()}{title[1:]}; {pooled.ci_convention}."]
    if what == "Pooled" and pooled.k >= MIN_STUDIES_PREDICTION:
        said.append(f"{pooled.prediction_convention}.")
    if pooled.model == GLMM_LOGIT:
        mean = pooled.population_average
        beside = "" if mean is None else f"; the mean over studies is {_percent(mean)}%"
        said.append(f"The diamond is the median study, expit(μ){beside}.")
    return said


def _area_note(pooled: Pooled | NotPooled) -> str:
    if isinstance(pooled, NotPooled):
        return "Marker area: n."
    return "Marker area: weight." if pooled.weights else "Marker area: n (this model gives studies no weights)."


def _level(pooled: Pooled | NotPooled) -> float:
    return pooled.level if isinstance(pooled, Pooled) else DEFAULT_LEVEL


def _numbers(estimate: float, low: float, high: float) -> Numbers:
    return _percent(estimate), f"[{_percent(low)},", f"{_percent(high)}]"


def _percent(proportion: float) -> str:
    return f"{100 * proportion:.1f}"
