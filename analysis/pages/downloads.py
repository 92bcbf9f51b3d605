"""Files for programs: figures as JSON, included set and values as CSV. No quotation, no abstract, no formula."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence

from analysis.dataset import COMPOSED
from analysis.escape import clean, csv_cell
from analysis.pages.site import Site
from db.canonical import canonical

VALUES = ("study", "label", "cohort", "outcome", "timepoint", "denominator", "reading", "role", "status", "events",
          "total", "second_hand", "source_kind", "composed", "report")  # fmt: skip
INCLUDED = ("study", "label", "patients", "report", "doi", "pmid", "title", "trials", "previous", "composed")


def estimates_json(site: Site) -> str:
    """The estimates with the data they rest on, and what they are: a draft, a version, a demonstration."""
    body = {
        "review": site.spec.id,
        "version": site.last.number if site.last and site.released else None,
        "draft": not site.released,
        "demonstration": site.demonstration,
        "fingerprint": site.fingerprint,
        "as_of": site.now,
        "outcomes": site.estimates,
    }
    return json.dumps(json.loads(clean(canonical(body))), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def included_csv(site: Site) -> str:
    """One line for each report of an included study."""
    lines = []
    for study, report, was in site.included:
        known, found = site.studies.get(study), site.reports.get(report)
        patients = "" if known is None or known.patients is None else known.patients
        doi, pmid, title, composed = (found.doi, found.pmid, found.title, found.composed) if found else ("",) * 4
        trials = " ".join(site.trials.get(study, ()))
        lines.append((study, site.label(study), patients, report, doi, pmid, title, trials, int(was), composed))
    return _csv(INCLUDED, lines)


def values_csv(site: Site) -> str:
    """One line for each value in force: study × cohort × outcome × time point × denominator × reading."""
    lines = [
        (c.study, site.label(c.study), c.cohort, c.outcome, c.timepoint, c.denominator, c.reading, c.role, c.status,
         "" if c.events is None else c.events, "" if c.total is None else c.total, int(c.second_hand), c.source_kind,
         int(c.source_kind == COMPOSED), c.report)
        for c in site.cells
    ]  # fmt: skip
    return _csv(VALUES, lines)


def _csv(header: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([csv_cell(value) for value in line] for line in lines)
    return stream.getvalue()
