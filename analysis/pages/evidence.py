"""The pages of an outcome and of a study: every value with its reading, its reason and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from analysis import escape
from analysis.dataset import COMPOSED
from analysis.estimates import FTT_DL, MIN_STUDIES_PREDICTION, NotPooled, Pooled
from analysis.estimation import restore
from analysis.forest import forest_svg
from analysis.forest_lines import heterogeneity_words
from analysis.intervals import clopper_pearson
from analysis.pages.site import Report, Site
from analysis.pages.words import MISSING, fact, model, value, whom
from analysis.sensitivity import ARTICLES, BOUNDS, DENOMINATOR, FIRST_HAND
from db.data import Cell
from db.model import Row
from db.specs import OutcomeSpec


@dataclass(frozen=True, slots=True)
class DataLine:
    """A study in the pool of an outcome."""

    row: Row
    ci: tuple[float, float]
    report: Report | None
    reading: str


@dataclass(frozen=True, slots=True)
class Reading:
    """One value in force, in words. `used`: it stands in the pool; `superseded`: it could, but another one does."""

    cell: Cell
    value: str
    report: Report | None
    used: bool
    superseded: bool
    composed: bool


@dataclass(frozen=True, slots=True)
class Other:
    """Another model or denominator beside the primary estimate."""

    name: str
    denominator: str
    estimate: dict[str, Any]
    heterogeneity: str


def outcome_page(site: Site, outcome: OutcomeSpec) -> dict[str, Any]:
    """All that the page of an outcome shows."""
    body = site.estimates[outcome.id]
    rows = [_clean(Row(**row)) for row in body["rows"]]
    estimate = restore(body["primary"])
    return {
        "outcome": outcome,
        "body": body,
        "forest": Markup(_forest(outcome, rows, estimate, body)),
        "lines": _lines(site, outcome, rows, body),
        "others": [_other(outcome, name, found) for name, found in body["sensitivity"].items()],
        "missing": _missing(site, body),
        "readings": readings(site, [cell for cell in site.cells if cell.outcome == outcome.id]),
        "heterogeneity": heterogeneity_words(estimate) if isinstance(estimate, Pooled) else "",
        "few_for_prediction": MIN_STUDIES_PREDICTION,
        "second_hand": sum(row.second_hand for row in rows),
        "composed": sum(row.composed for row in rows),
    }


def readings(site: Site, cells: list[Cell]) -> list[Reading]:
    """The cells in words, those of included studies first by label."""
    main = {outcome.id: outcome.denominator for outcome in site.spec.outcomes}
    pooled = {(outcome, row["study"]) for outcome, body in site.estimates.items() for row in body["rows"]}
    used = {(v.study, v.outcome, v.denominator, v.report, v.reading, v.second_hand) for v in site.values}
    found = []
    for cell in cells:
        could = cell.role == "primary" and cell.cohort == "all" and cell.denominator == main.get(cell.outcome)
        could = could and (cell.outcome, cell.study) in pooled
        key = (cell.study, cell.outcome, cell.denominator, cell.report, cell.reading, cell.second_hand)
        found.append(
            Reading(
                cell=cell,
                value=value(cell.status, cell.events, cell.total),
                report=site.reports.get(cell.report),
                used=could and key in used,
                superseded=could and key not in used,
                composed=cell.source_kind == COMPOSED,
            )
        )
    order = {"primary": 0, "alternative": 1, "reproduction": 2}
    return sorted(found, key=lambda one: (site.label(one.cell.study), not one.used, order.get(one.cell.role, 3)))


def study_page(site: Site, study: str) -> dict[str, Any]:
    """All that the page of a study shows."""
    reports = [(site.reports[r], was) for s, r, was in site.included if s == study and r in site.reports]
    cells = readings(site, [cell for cell in site.cells if cell.study == study])
    by_outcome = [(spec, [one for one in cells if one.cell.outcome == spec.id]) for spec in site.spec.outcomes]
    return {
        "study": site.studies[study],
        "trials": site.trials.get(study, ()),
        "reports": reports,
        "facts": [(one, fact(one.status, one.value)) for one in site.facts if one.study == study],
        "outcomes": [(spec, found) for spec, found in by_outcome if found],
        "held": site.held.get(study, ""),
        "reopened": [(stage, why) for subject, stage, why in site.reopened if subject == study],
    }


def study_list(site: Site) -> list[dict[str, Any]]:
    """Included studies by label, with their reports and whether the previous version had them."""
    found = []
    for study in sorted({study for study, _, _ in site.included}, key=lambda s: (site.label(s), s)):
        mine = [(report, was) for s, report, was in site.included if s == study]
        composed = any(cell.study == study and cell.source_kind == COMPOSED for cell in site.cells)
        found.append(
            {
                "id": study,
                "label": site.label(study),
                "patients": site.studies[study].patients if study in site.studies else None,
                "trials": site.trials.get(study, ()),
                "reports": [(site.reports.get(report), report, was) for report, was in mine],
                "previous": any(was for _, was in mine),
                "composed_values": composed,
                "second_hand": any(cell.study == study and cell.second_hand for cell in site.cells),
                "held": site.held.get(study, ""),
            }
        )
    return found


def _forest(outcome: OutcomeSpec, rows: list[Row], estimate: Pooled | NotPooled, body: dict[str, Any]) -> str:
    if not rows:
        return ""
    beside = restore(body["sensitivity"][FTT_DL]) if FTT_DL in body["sensitivity"] else None
    svg = forest_svg(
        rows,
        estimate,
        title=escape.clean(outcome.label),
        denominator=whom(outcome.denominator),
        reporting=(len(rows), len(rows) + len(body["missing"])),
        also=(beside,) if isinstance(beside, Pooled) else (),
    )
    return svg[svg.index("<svg") :]


def _clean(row: Row) -> Row:
    return Row(**{name: getattr(row, name) for name in row.__slots__} | {"label": escape.clean(row.label)})


def _lines(site: Site, outcome: OutcomeSpec, rows: list[Row], body: dict[str, Any]) -> list[DataLine]:
    if not rows:
        return []
    level = body["primary"].get("level", site.spec.synthesis.ci_level)
    lower, upper = clopper_pearson([row.events for row in rows], [row.total for row in rows], level=level)
    source = {v.study: v for v in site.values if (v.outcome, v.denominator) == (outcome.id, outcome.denominator)}
    found = []
    for i, row in enumerate(rows):
        own = source.get(row.study)
        report = site.reports.get(own.report) if own else None
        found.append(DataLine(row, (float(lower[i]), float(upper[i])), report, own.reading if own else ""))
    return found


def _other(outcome: OutcomeSpec, name: str, body: dict[str, Any]) -> Other:
    estimate = restore(body)
    denominator = name.removeprefix(DENOMINATOR) if name.startswith(DENOMINATOR) else outcome.denominator
    words = model(body["model"]) if body["model"] else model(name)
    if name in (ARTICLES, FIRST_HAND, *BOUNDS) or name.startswith("overlap: "):
        words = f"{words}; {name}"
    return Other(words, whom(denominator), body, heterogeneity_words(estimate) if isinstance(estimate, Pooled) else "")


def _missing(site: Site, body: dict[str, Any]) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """[(the state in words, [(study, label, why)])] in the order of MISSING; empty states left out."""
    found = []
    for status, words in MISSING.items():
        studies = [(m["study"], m["label"], m.get("why", "") if status == "held-out" else "")
                   for m in body["missing"] if m["status"] == status]  # fmt: skip
        if studies:
            found.append((words, studies))
    return found
