"""How values read on a page: numbers as the field prints them, states and roles as words. None of them is ever zero."""

from __future__ import annotations

from typing import Any

from analysis.escape import pubmed_url, report_url, trial_url
from analysis.estimates import MIN_STUDIES_PREDICTION, shared_conventions
from analysis.forest_lines import MODEL_LABELS
from analysis.pages.site import Report

MISSING = {
    "not-in-source": "not in the review's table",
    "silent": "the report is silent",
    "not-extracted": "not yet extracted",
    "held-out": "held out: overlap",
}
# Answers to a field of the dictionary that are no value, beside silence.
NO_VALUE = {"not-applicable": "not applicable", "unclear": "unclear in the report"}
ROLES = {
    "primary": "primary",
    "alternative": "alternative: feeds no estimate here",
    "reproduction": "feeds the reproduction table only",
}
KINDS = {
    "secondary-review": "second-hand: from the previous review's table",
    "composed": "composed for the demonstration",
}
STATISTICS = {
    "estimate": "pooled estimate",
    "ci_lb": "lower limit of the CI",
    "ci_ub": "upper limit of the CI",
    "i2": "I²",
    "p": "p of heterogeneity",
}
SIDES = {"databases": "databases and registers", "other": "other methods", "previous": "previous version"}
STAGES = {
    "title-abstract": "screening of title and abstract",
    "full-text": "assessment of the full text",
    "extraction": "extraction",
}


def percent(value: float | None) -> str:
    """A proportion in percent with one decimal, as in the forest plots."""
    return "–" if value is None else f"{100 * value:.1f}%"


def interval(pair: list[float] | tuple[float, float] | None) -> str:
    """Two proportions as percent, or a dash."""
    return "–" if pair is None else f"{100 * pair[0]:.1f} to {100 * pair[1]:.1f}%"


def p_value(value: float) -> str:
    """A p value as journals print it."""
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def prediction(estimate: dict[str, Any]) -> str:
    """The prediction interval, where the studies are enough for one to be printed."""
    if not estimate["pooled"] or estimate["k"] < MIN_STUDIES_PREDICTION:
        return "–"
    return interval(estimate["proportion_pi"])


def model(name: str) -> str:
    """A model's short name for people."""
    return MODEL_LABELS.get(name, name)


def whom(denominator: str) -> str:
    """Whom n counts: "patients infused"."""
    return f"patients {denominator.replace('-', ' ')}"


def value(status: str, events: int | None, total: int | None) -> str:
    """A cell: x/n, or the state in words."""
    if events is None or total is None:
        return MISSING.get(status, status)
    return f"{events}/{total}" + (" (the report says none)" if status == "none" else "")


def fact(status: str, said: str) -> str:
    """What a report says in words; the ways of saying nothing stay apart."""
    if status == "reported":
        return said
    if status == "none":
        return "none (the source says so)" if said in ("", "none") else said
    words = (MISSING | NO_VALUE).get(status, status)
    return f"{words} ({said})" if said else words


def field(name: str) -> str:
    """The name of a fact as a heading."""
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def date(at: str) -> str:
    """The day of a time."""
    return at[:10] if at else "not yet"


def report_link(report: Report | None) -> str:
    """Where a report can be read, or ""."""
    return report_url(report.doi, report.pmid, report.id) if report else ""


def many(n: int, one: str, more: str = "") -> str:
    """ "1 study", "2 studies"."""
    return f"{n:,} {one if n == 1 else more or one + 's'}"


def public(protocol: str) -> str:
    """The protocol's text without its [mail] table: people's addresses are not published."""
    lines, hidden = [], False
    for line in protocol.splitlines():
        if line.lstrip().startswith("["):
            hidden = line.strip().startswith("[mail]")
            if hidden:
                lines.append("# [mail]: not published")
        if not hidden:
            lines.append(line)
    return "\n".join(lines)


FILTERS = {
    "public": public,
    "percent": percent,
    "interval": interval,
    "conventions": shared_conventions,
    "p_value": p_value,
    "prediction": prediction,
    "model": model,
    "whom": whom,
    "field": field,
    "date": date,
    "many": many,
    "report_link": report_link,
    "report_url": lambda native: report_url(native_id=native),
    "trial_url": trial_url,
    "pubmed_url": pubmed_url,
    "role": lambda name: ROLES.get(name, name),
    "kind": lambda name: KINDS.get(name, name.replace("-", " ")),
    "statistic": lambda name: STATISTICS.get(name, name),
    "stage": lambda name: STAGES.get(name, name),
    "missing": lambda name: MISSING.get(name, name),
}
