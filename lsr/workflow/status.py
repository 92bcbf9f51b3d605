"""What awaits whom, and how old each search is. Counts of open items only: no vote shows through."""

from __future__ import annotations

from typing import Any, Final, get_args

from curation.verdicts import able
from db import data, extraction, queries, screening, studies
from db.duplicates import queue_length
from db.model import Stage
from db.records import RETRIEVAL
from lsr.workflow import choices, sources
from lsr.workflow.folder import PREVIOUS, Open
from lsr.workflow.items import adjudicators, item, today
from lsr.workflow.notices import grave
from lsr.workflow.refresh import refresh
from lsr.workflow.wanted_pages import pages_to_open

STAGES: Final[tuple[Stage, ...]] = get_args(Stage)


def status(opened: Open) -> dict[str, Any]:
    """Plain values for --json; `lines` is the same for people."""
    spec = opened.spec
    searched = sources.source_states(opened)
    found: dict[str, Any] = {
        "review": spec.id,
        **_studies(opened),
        "searches": {state.source: state.last for state in searched},
        "sources": [sources.plain(state) for state in searched],
        "press": {name: getattr(spec.search.press, name) for name in ("reviewer", "date", "outcome")},
        "notices": [{"report": noticed.report, "notice": noticed.words} for noticed in grave(opened)],
        **_screening(opened),
        **_extraction(opened),
        **_version(opened),
    }
    found["lines"] = [*_study_lines(found), *sources.lines(searched), *_lines(found)]
    return found


def _studies(opened: Open) -> dict[str, Any]:
    connection = opened.review.connection
    return {
        "new_reports": [
            {"report": report, "study": study, "state": state}
            for report, study, state in studies.new_reports(connection)
        ],
        "reopened": [
            {"study": one.study, "report": one.report, "why": one.why, "lacking": one.lacking}
            for one in studies.reopenings(connection)
        ],
        "data_questions": choices.questions(opened),
        "overlaps_undecided": sum(o.state not in ("decided", "ruled") for o in studies.overlaps(connection)),
        "pairs_in_doubt": queue_length(connection),
        "proposed_links": len(queries.links(connection, "proposed")),
        "included_without_study": data.unlinked(connection),
    }


def _screening(opened: Open) -> dict[str, Any]:
    connection, spec = opened.review.connection, opened.spec
    needed = spec.screening.votes_needed
    screeners = {stage: [person.name for person in able(spec, "screener", stage, today(opened))] for stage in STAGES}
    asked = [contact for contact in screening.contacts(connection) if not contact.answer]
    boxes: dict[tuple[str, str], int] = {}
    for level, _, box, n in data.boxes(connection):
        boxes[level, box] = boxes.get((level, box), 0) + n
    return {
        "to_vote": {
            person.name: {
                stage: len(queries.to_vote_on(connection, stage, person.name, needed)) if person.name in names else 0
                for stage, names in screeners.items()
            }
            for person in spec.persons
            if any(person.name in names for names in screeners.values())
        },
        "too_few_screeners": [stage for stage, names in screeners.items() if 0 < len(names) < needed],
        "conflicts": len(queries.conflicts(connection)),
        "conflicts_nobody_may_resolve": _stuck(opened),
        "awaiting_retrieval": boxes.get(("report", "awaiting retrieval"), 0),
        "awaiting_translation": boxes.get(("report", "awaiting translation"), 0),
        "awaiting_classification": boxes.get(("report", "awaiting classification"), 0),
        "authors_asked": len({contact.report for contact in asked}),
        "abstracts_to_open": len(pages_to_open(opened)),
    }


def _extraction(opened: Open) -> dict[str, Any]:
    """Cells of outcomes and of the dictionary's fields together."""
    connection = opened.review.connection
    states = [state["state"] for state in data.extraction_states(connection)]
    states += extraction.field_states(connection).values()
    return {
        "extractions_awaiting_second": states.count("awaiting"),
        "extraction_conflicts": states.count("conflict"),
    }


def _version(opened: Open) -> dict[str, Any]:
    connection = opened.review.connection
    included, versions, now = data.included(connection), data.versions(connection), refresh(opened)
    return {
        "included": {
            "studies": len({study for study, _, _ in included}),
            "reports": len({report for _, report, _ in included}),
        },
        "version": versions[-1].number if versions else None,
        "released": bool(versions) and versions[-1].frozen["fingerprint"] == now.fingerprint,
        "fingerprint": now.fingerprint,
    }


def _study_lines(found: dict[str, Any]) -> list[str]:
    """What a living review waits for first: new reports of its studies, and what they ask for."""
    lines = [
        f"new reports of included studies: {one['report']} {'of' if one['state'] == 'linked' else 'perhaps of'} "
        f"{one['study']}{'' if one['state'] == 'linked' else ' (lsr link)'}"
        for one in found["new_reports"]
    ]
    lines += [
        f"reopened for extraction: {one['study']}: {one['why']} (lsr extract --study {one['study']})"
        for one in found["reopened"]
    ]
    return lines + [
        f"which report counts? {one['study']}, {one['outcome']}: {one['question']} (lsr link --data REPORT)"
        for one in found["data_questions"]
    ]


def _stuck(opened: Open) -> int:
    """Conflicts that no adjudicator of the protocol may rule on: a number, since which ones would tell who voted."""
    found = (item(opened, report, stage) for report, stage in queries.conflicts(opened.review.connection))
    return sum(not adjudicators(opened, one) for one in found)


def last_searches(opened: Open) -> dict[str, str]:
    """{source: when it last answered}; "never" for enabled sources that were not searched yet."""
    last = {source.id: "never" for source in opened.spec.sources if source.enabled}
    for run in queries.runs(opened.review.connection):
        if run.source != PREVIOUS and run.arm != RETRIEVAL:
            last[run.source] = max(run.searched_at, last.get(run.source, "").replace("never", ""))
    return last


def _lines(found: dict[str, Any]) -> list[str]:
    lines = [f"WARNING, still included: {noticed['report']}: {noticed['notice']}" for noticed in found["notices"]]
    for name, counts in found["to_vote"].items():
        lines.append(
            f"{name}: {counts['title-abstract']} titles and abstracts, {counts['full-text']} full texts to vote on"
        )
    named = (
        ("conflicts", "conflicts for the adjudicator (lsr resolve)"),
        ("conflicts_nobody_may_resolve", "of them nobody may resolve: name another adjudicator in protocol.toml"),
        ("awaiting_retrieval", "full texts to retrieve (lsr decide REPORT --retrieved)"),
        ("awaiting_translation", "full texts await translation (lsr status --only awaiting-translation)"),
        ("awaiting_classification", "reports await classification (lsr status --only awaiting-classification)"),
        ("authors_asked", "reports whose authors were asked and have not answered (lsr status --only contacted)"),
        ("abstracts_to_open", "meeting abstracts whose page a person should open (lsr harvest --pages)"),
        ("pairs_in_doubt", "pairs of records may be duplicates (lsr dedupe)"),
        ("proposed_links", "proposed links to answer (lsr link)"),
        ("overlaps_undecided", "overlaps that two people have not decided (lsr link --overlaps)"),
        ("extractions_awaiting_second", "cells await their second extractor (lsr extract)"),
        ("extraction_conflicts", "cells on which extractors differ (lsr extract --differences)"),
    )
    lines += [
        f"{stage}: fewer people may vote than votes are needed: name a successor in protocol.toml"
        for stage in found["too_few_screeners"]
    ]
    lines += [f"{found[key]} {words}" for key, words in named if found[key]]
    if found["included_without_study"]:
        lines.append(f"included, but in no study yet: {', '.join(found['included_without_study'])} (lsr link)")
    included = found["included"]
    lines.append(f"included: {included['studies']} studies, {included['reports']} reports")
    version = f"version {found['version']}" if found["version"] else "no version published"
    lines.append(f"{version}; figures {'released' if found['released'] else 'are a draft'}")
    return lines
