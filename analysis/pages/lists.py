"""The lists behind the boxes of the diagram: every number is a list, or a sum of lists that stand on the same page."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.escape import report_url
from analysis.pages.site import Report, Site, cited
from analysis.pages.words import SIDES
from analysis.prisma import KNOWN
from analysis.prisma_boxes import arms


@dataclass(frozen=True, slots=True)
class Item:
    """One record, or one report, of a list."""

    id: str
    title: str
    cited: str
    url: str
    source: str
    reason: str
    composed: str


@dataclass(frozen=True, slots=True)
class Section:
    """What is behind one box: `items` listed here, or `parts`, the anchors of the boxes whose lists sum up to it."""

    anchor: str
    title: str
    n: int
    items: tuple[Item, ...] = ()
    parts: tuple[tuple[str, str, int], ...] = ()  # title, anchor, n
    note: str = ""


def sections(site: Site) -> list[Section]:
    """Every section of the page, in the order of the diagram."""
    found = [*_previous(site)]
    for side in arms(site.flow):
        found += _arm(site, side)
    return [*found, *_included(site)]


# (key, words, whether it is drawn when empty): the boxes whose records or reports are listed, in the diagram's order.
_LISTS = (
    ("known", "Removed before screening: already in the previous version", False),
    ("duplicates", "Removed before screening: duplicate records", False),
    ("automation", "Removed before screening: marked as ineligible by automation tools", False),
    ("other", "Removed before screening: for other reasons", False),
    ("awaiting-screening", "Awaiting screening", False),
    ("excluded", "Records excluded by people", True),
    ("not-retrieved", "Reports not retrieved", True),
    ("awaiting-retrieval", "Awaiting retrieval", False),
    ("awaiting-translation", "Awaiting translation", False),
    ("awaiting-classification", "Awaiting classification", False),
    ("awaiting-assessment", "Retrieved, awaiting assessment", False),
    ("excluded-reports", "Reports excluded, with reasons", True),
    ("included", "Reports included", True),
)
_RECORD_BOXES = {
    "known": KNOWN,
    "duplicates": "duplicate",
    "automation": "automation",
    "other": "other",
    "awaiting-screening": "awaiting screening",
    "excluded": "excluded",
}
_REPORT_BOXES = {
    "not-retrieved": "not retrieved",
    "awaiting-retrieval": "awaiting retrieval",
    "awaiting-translation": "awaiting translation",
    "awaiting-classification": "awaiting classification",
    "awaiting-assessment": "awaiting assessment",
    "excluded-reports": "excluded",
    "included": "included",
}
# (key, words, its parts): the boxes that are sums.
_SUMS = (
    ("identified", "Records identified", ("removed", "awaiting-screening", "screened")),
    ("removed", "Records removed before screening", ("known", "duplicates", "automation", "other")),
    ("screened", "Records screened", ("excluded", "sought")),
    ("sought", "Reports sought for retrieval",
     ("not-retrieved", "awaiting-retrieval", "awaiting-translation", "awaiting-classification", "awaiting-assessment",
      "assessed")),
    ("assessed", "Reports assessed for eligibility", ("excluded-reports", "included")),
)  # fmt: skip
_ORDER = (
    "identified", "removed", "known", "duplicates", "automation", "other", "awaiting-screening", "screened", "excluded",
    "sought", "not-retrieved", "awaiting-retrieval", "awaiting-translation", "awaiting-classification",
    "awaiting-assessment", "assessed", "excluded-reports", "included",
)  # fmt: skip


def _arm(site: Site, side: str) -> list[Section]:
    """An arm's lists, and the sums over them, so that each number of the diagram can be checked by counting."""
    found: dict[str, Section] = {}
    for key, words, always in _LISTS:
        level, box = ("box", _RECORD_BOXES[key]) if key in _RECORD_BOXES else ("report_box", _REPORT_BOXES[key])
        items = _records(site, side, level, box)
        if items or always:
            found[key] = Section(f"box-{side}-{key}", f"{words} ({SIDES[side]})", len(items), items)
    for key, words, parts in reversed(_SUMS):
        there = [found[part] for part in parts if part in found]
        kept = tuple((part.title, part.anchor, part.n) for part in there)
        total = sum(part.n for part in there)
        found[key] = Section(f"box-{side}-{key}", f"{words} ({SIDES[side]})", total, parts=kept)
    return [found[key] for key in _ORDER if key in found]


def _records(site: Site, side: str, level: str, box: str) -> tuple[Item, ...]:
    labels = {reason.code: reason.label for reason in site.spec.reasons}
    found = []
    for row in site.listing:
        if row["side"] != side or row[level] != box:
            continue
        record = site.records[row["record"]]
        reason = labels.get(row["reason"], row["reason"])
        if box in ("duplicate", KNOWN):
            reason = f"a record of the report {row['report']}"
        url = report_url(record.doi, record.pmid, record.id)
        title = record.title or "(no title)"
        found.append(Item(record.id, title, cited(record), url, record.source, reason, record.composed))
    return tuple(found)


def _item(site: Site, report: str, reason: str = "") -> Item:
    known = site.reports.get(report) or Report(report, "(no title)", "", False, "", "", "")
    url = report_url(known.doi, known.pmid, known.id)
    return Item(report, known.title, known.cited, url, report.partition(":")[0], reason, known.composed)


def _previous(site: Site) -> list[Section]:
    if not site.previous_reports:
        return []
    kept = {report for _, report, was in site.included if was}
    items = tuple(
        _item(site, report, "" if report in kept else "removed since") for report in sorted(site.previous_reports)
    )
    counts = site.flow.previous_counts
    note = "; ".join(f"records {name}: {value}" for name, value in counts.items())
    note = f"What the previous version says of its own search: {note}. “Not available” is not zero."
    return [Section("box-previous", "Reports of the previous version", len(items), items, note=note)]


def _included(site: Site) -> list[Section]:
    included = sorted((site.label(study), report, was) for study, report, was in site.included)
    new = tuple(_item(site, report, f"of the study {label}") for label, report, was in included if not was)
    all_of = tuple(_item(site, report, f"of the study {label}") for label, report, _ in included)
    linked = {report for _, report, _ in site.included}
    loose = tuple(
        _item(site, row["report"], "no person has said yet to which study it belongs")
        for row in site.listing
        if row["report_box"] == "included" and row["report"] not in linked
    )
    found = [Section("box-new", "New reports included", len(new), new)]
    if loose:
        found.append(Section("box-awaiting-link", "Included reports, awaiting their study", len(loose), loose))
    note = "A report on several studies stands under each of them." if len(all_of) != site.flow.total_reports else ""
    return [*found, Section("box-total", "All reports of included studies", site.flow.total_reports, all_of, note=note)]
