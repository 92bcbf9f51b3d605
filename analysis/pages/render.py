"""From the picture of the review to the text of its pages, by templates that escape everything by themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from analysis.escape import file_names, finalize
from analysis.estimates import FTT_DL, MODEL_TITLES
from analysis.pages import downloads, evidence, overview
from analysis.pages.lists import sections
from analysis.pages.searchlog import search_log
from analysis.pages.site import Site
from analysis.pages.words import FILTERS, date
from analysis.prisma_diagram import prisma_svg
from db.data import Version

TEMPLATES = Path(__file__).parent / "templates"
STYLE = "style.css"


def render(site: Site) -> dict[str, str]:
    """{relative path: text} of the whole site."""
    pages = _Pages(site)
    pages.add("index.html", "index", **_overview(site))
    for outcome in site.proportions:
        pages.add(f"outcomes/{site.names[outcome.id]}.html", "outcome", **evidence.outcome_page(site, outcome))
    studies = evidence.study_list(site)
    pages.add("studies.html", "studies", studies=studies)
    for study in studies:
        pages.add(f"studies/{site.names[study['id']]}.html", "study", **evidence.study_page(site, study["id"]))
    pages.add("prisma.html", "prisma", diagram=Markup(_diagram(site)), sections=sections(site))
    pages.add("reproduction.html", "reproduction", **_reproduction(site))
    pages.add("search-log.html", "search_log", sources=search_log(site))
    pages.add("versions.html", "versions")
    for version in site.versions:
        pages.add(
            f"versions/{pages.common['version_names'][version.number]}.html", "version", **_version(site, version)
        )
    pages.add("methods.html", "methods", models=MODEL_TITLES)
    return pages.found | {
        STYLE: (TEMPLATES / STYLE).read_text("utf-8"),
        "data/estimates.json": downloads.estimates_json(site),
        "data/included.csv": downloads.included_csv(site),
        "data/values.csv": downloads.values_csv(site),
    }


class _Pages:
    """Renders templates with what every page has: the way to the root, the site, its banners."""

    def __init__(self, site: Site) -> None:
        self.found: dict[str, str] = {}
        self.common: dict[str, Any] = {
            "site": site,
            "demonstration": site.demonstration,
            "differs": overview.differs(site),
            "version_names": file_names(version.number for version in site.versions),
            "included_ids": {study for study, _, _ in site.included},
        }
        self.environment = Environment(
            loader=FileSystemLoader(TEMPLATES), autoescape=True, finalize=finalize, undefined=StrictUndefined,
            trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
        )  # fmt: skip
        self.environment.filters |= FILTERS

    def add(self, path: str, template: str, **values: Any) -> None:
        root = "../" * path.count("/")
        page = self.environment.get_template(f"{template}.html.j2")
        self.found[path] = page.render(root=root, path=path, **self.common, **values)


def _overview(site: Site) -> dict[str, Any]:
    main, others = overview.summaries(site)
    return {
        "badges": overview.badges(site),
        "searches": overview.searches(site),
        "summaries": main,
        "others": others,
        "not_pooled_kinds": [o for o in site.spec.outcomes if o.id not in site.estimates],
        "changes": overview.changes(site),
        "new": overview.new_since(site),
        "waiting": overview.waiting(site),
    }


def _diagram(site: Site) -> str:
    last = site.last
    state = f"Version {last.number}" if last and not overview.differs(site) else "Draft, not released"
    searched = [f"{s.source} {date(s.at)}" for s in overview.searches(site) if s.at]
    caption = f"{state}, as of {date(site.now)}. Last search: {'; '.join(searched) or 'none yet'}."
    caption += " Dashed boxes await people; they are part of the sums."
    if site.demonstration:
        caption = f"DEMONSTRATION: composed records and decisions, no finding. {caption}"
    reasons = {reason.code: reason.label for reason in site.spec.reasons}
    return prisma_svg(site.flow, title="PRISMA 2020 flow diagram", caption=caption, link="", reasons=reasons)


def _reproduction(site: Site) -> dict[str, Any]:
    compared = [
        (line, _like(line.printed, line.recomputed)) for line in site.reproduction if line.recomputed is not None
    ]
    return {
        "method": MODEL_TITLES[FTT_DL],
        "compared": compared,
        "same": sum(bool(line.same) for line, _ in compared),
        "impossible": [line for line in site.reproduction if line.recomputed is None],
        "contradictions": site.previous.get("contradictions", []),
    }


def _like(printed: str, value: float | None) -> str:
    """A recomputed figure with two more decimals than the printed one; a whole number stays whole."""
    if value is None:
        return ""
    decimals = len(printed.partition(".")[2])
    return str(int(value)) if value == int(value) and not decimals else f"{value:.{decimals + 2}f}"


def _version(site: Site, version: Version) -> dict[str, Any]:
    """A frozen page shows what was frozen and nothing that may change later."""
    summaries = [
        {"id": name, "label": body["label"], "denominator": body["denominator"], "estimate": body["primary"],
         "reporting": len(body["rows"]), "included": len(body["rows"]) + len(body["missing"]),
         "second_hand": sum(row["second_hand"] for row in body["rows"]),
         "composed": sum(row["composed"] for row in body["rows"])}
        for name, body in version.frozen["estimates"].items()
    ]  # fmt: skip
    return {
        "version": version,
        "frozen": version.frozen,
        "summaries": summaries,
        "changes": version.frozen.get("changes"),
        "signed_by": site.signers.get(version.number, []),
    }
