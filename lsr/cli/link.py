"""Reports and studies: `lsr link`. Companions, overlap, which report's data count."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lsr.cli.app import app
from lsr.cli.common import Folder, Json, opened, out, print_json, say, table

if TYPE_CHECKING:
    from lsr.workflow.folder import Open
    from lsr.workflow.side_by_side import Pair

Certainty = Literal["certain", "probable", "possible", "none"]
WIDTH = 36  # of each report's column: both, the name and the verdict fit in 100 columns


@app.command()
def link(
    report: Annotated[
        str | None,
        typer.Argument(metavar="[REPORT]", help="A report, by id, DOI or PMID (with --overlap: or a study)."),
    ] = None,
    study: Annotated[str | None, typer.Argument(metavar="[STUDY]", help="A study, by id.")] = None,
    accept: Annotated[bool, typer.Option("--accept", help="The report belongs to the study.")] = False,
    refuse: Annotated[bool, typer.Option("--refuse", help="It does not.")] = False,
    new: Annotated[
        str | None, typer.Option("--new", metavar="LABEL", help="A study of its own, with this label.")
    ] = None,
    overlap: Annotated[
        Certainty | None, typer.Option("--overlap", help="Another study, but with patients in common; none: no more.")
    ] = None,
    patients: Annotated[
        int | None, typer.Option("--patients", min=1, help="With --overlap: how many, if known.")
    ] = None,
    keep: Annotated[
        str | None,
        typer.Option("--keep", metavar="STUDY", help="With --overlap: the one that is pooled; two people decide."),
    ] = None,
    ruling: Annotated[
        bool, typer.Option("--ruling", help="With --overlap: as the adjudicator, where two people differ.")
    ] = False,
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="REPORT", help="This report's data count, for --study and --outcome."),
    ] = None,
    subset: Annotated[
        str | None, typer.Option("--subset", metavar="REPORT", help="This report is of a part of --study's patients.")
    ] = None,
    of_study: Annotated[
        str | None, typer.Option("--study", metavar="STUDY", help="With --data or --subset: the study.")
    ] = None,
    outcome: Annotated[str | None, typer.Option("--outcome", help="With --data: the outcome.")] = None,
    cohort: Annotated[str, typer.Option("--cohort", help="With --data: the cohort.")] = "all",
    undo: Annotated[bool, typer.Option("--undo", help="With --data or --subset: take the choice back.")] = False,
    studies: Annotated[bool, typer.Option("--studies", help="List the studies and their reports.")] = False,
    overlaps: Annotated[bool, typer.Option("--overlaps", help="List the overlaps, and who said what.")] = False,
    walk: Annotated[bool, typer.Option("--walk", help="Answer the proposals one after another, by keys.")] = False,
    reviewer: Annotated[
        str, typer.Option("--reviewer", envvar="LSR_REVIEWER", help="Your name, as the protocol has it.")
    ] = "",
    why: Annotated[str, typer.Option("--why", help="Your reason.")] = "",
    review: Folder = Path(),
    as_json: Json = False,
) -> None:
    """Reports and studies: list what is proposed, see two reports side by side, accept, refuse, say that they overlap.

    Without a decision REPORT is shown beside the main report of STUDY (or of each study proposed for it). Of studies
    with patients in common one is pooled: as the protocol says, until two people choose the same with --keep.

    Example: lsr link 10.1200/jco.21.00389 study:tan-2023 --accept --reviewer demo-a
    """
    asked = [accept, refuse, new is not None, overlap is not None, data is not None, subset is not None, studies,
             overlaps, walk]  # fmt: skip
    if sum(asked) > 1:
        raise typer.BadParameter("say one thing: --accept, --refuse, --new, --overlap, --data, --subset or a list")
    if (accept or refuse or overlap) and (report is None or study is None):
        raise typer.BadParameter("say REPORT and STUDY")
    if new is not None and report is None:
        raise typer.BadParameter("say REPORT: a new study is opened for its first report")
    with opened(review) as found:
        if walk:
            from lsr.screens.links import answer_proposals

            answer_proposals(found, reviewer)
        elif data is not None or subset is not None:
            _choose(found, data, subset, of_study, outcome, cohort, reviewer, why, as_json, undo=undo)
        elif overlap is not None and report is not None and study is not None:
            _overlap(found, (report, study), reviewer, overlap, patients, keep, why, as_json, ruling=ruling)
        elif new is not None or accept or refuse:
            _decide(found, report or "", study, new, reviewer, why, as_json, accept=accept)
        else:
            _show(found, report, study, as_json, studies=studies, overlaps=overlaps)
            return
        from lsr.workflow.refresh import refresh

        if refresh(found).pooled:
            say("The data changed: pooled again.")


def _decide(
    found: Open,
    report: str,
    study: str | None,
    new: str | None,
    reviewer: str,
    why: str,
    as_json: bool,
    *,
    accept: bool,
) -> None:
    from lsr.workflow.studies import decide_link, new_study

    if new is not None:
        opened_study = new_study(found, report, reviewer, new)
        print_json({"study": opened_study}) if as_json else out(opened_study)
        return
    made = decide_link(found, report, study or "", reviewer, accept=accept, why=why)
    told = {"report": made.report, "study": made.study, "state": made.state}
    print_json(told) if as_json else out(f"{made.report} {made.state} {made.study}")


def _overlap(
    found: Open, of: tuple[str, str], reviewer: str, certainty: Certainty, patients: int | None, keep: str | None,
    why: str, as_json: bool, *, ruling: bool,
) -> None:  # fmt: skip
    from lsr.workflow.choices import overlapping

    own, state = overlapping(found, *of, reviewer, certainty, patients, keep, why, ruling=ruling)
    told = {"studies": [own, of[1]], "certainty": certainty, "state": state}
    print_json(told) if as_json else out(f"{own} and {of[1]}: {_standing(certainty, state)}")


def _standing(certainty: str, state: str) -> str:
    words = {
        "none": "no overlap",
        "undecided": "nobody has chosen which is pooled: the protocol's rule applies",
        "proposed": "one person has chosen which is pooled: a second must agree",
        "conflict": "two people chose differently: for the adjudicator (--ruling)",
        "decided": "two people chose which is pooled",
        "ruled": "the adjudicator chose which is pooled",
    }
    return words[state] if state == "none" else f"{certainty} overlap; {words[state]}"


def _choose(
    found: Open, data: str | None, subset: str | None, study: str | None, outcome: str | None, cohort: str,
    reviewer: str, why: str, as_json: bool, *, undo: bool,
) -> None:  # fmt: skip
    from lsr.workflow import choices

    if study is None or (data is not None and outcome is None):
        raise typer.BadParameter("say --study STUDY" + (" and --outcome OUTCOME" if data is not None else ""))
    told: dict[str, Any]
    if data is not None and outcome is not None:
        report = choices.count_report(found, data, study, outcome, reviewer, why, cohort, undo=undo)
        told = {"report": report, "study": study, "outcome": outcome, "cohort": cohort, "counts": not undo}
        words = f"{report} {'is no longer chosen' if undo else 'counts'} for {outcome} of {study} ({cohort})"
    else:
        report = choices.mark_subset(found, subset or "", study, reviewer, why, undo=undo)
        told = {"report": report, "study": study, "subset": not undo}
        words = f"{report} is {'not ' if undo else ''}of a part of the patients of {study}"
    print_json(told) if as_json else out(words)


def _show(found: Open, report: str | None, study: str | None, as_json: bool, *, studies: bool, overlaps: bool) -> None:
    if overlaps:
        _list_overlaps(found, as_json)
    elif report is None:
        _list_links(found, studies, as_json)
    else:
        from lsr.workflow.side_by_side import pairs, plain

        shown = pairs(found, report, study)
        if as_json:
            print_json([plain(pair) for pair in shown])
        else:
            for pair in shown:
                out("\n".join(lines(pair)))


def lines(pair: Pair) -> list[str]:
    """Two reports side by side, for people; what speaks for one study is marked +, what speaks against it -."""
    import textwrap

    shown = [f"{pair.report}  beside  {pair.label} ({pair.study}){'' if pair.included else ', not included'}"]
    for fact in pair.facts:
        columns = [textwrap.wrap(text, WIDTH) or ["–"] for text in (fact.left, fact.right)]
        for i in range(max(map(len, columns))):
            left, right = (column[i] if i < len(column) else "" for column in columns)
            head, mark, says = (fact.name, " +-"[fact.speaks], fact.says) if i == 0 else ("", "", "")
            shown.append(f"  {head:9}{left:{WIDTH}}  {right:{WIDTH}}  {mark} {says}".rstrip())
    if not pair.facts:
        shown.append("  the study has no report of its own to show")
    if pair.others:
        shown.append(f"  other reports of the study: {', '.join(pair.others)}")
    if pair.link is not None:
        shown.append(f"  {pair.link.state}: {'; '.join(pair.link.evidence) or 'no reason was given'}")
    if pair.overlap:
        shown.append(f"  {pair.overlap}")
    return shown


def _list_links(found: Open, studies: bool, as_json: bool) -> None:
    from db import queries

    connection = found.review.connection
    links = queries.links(connection, "linked" if studies else "proposed")
    labels = queries.study_labels(connection)
    if as_json:
        print_json([{"report": k.report, "study": k.study, "label": labels.get(k.study, ""), "state": k.state,
                     "evidence": list(k.evidence)} for k in links])  # fmt: skip
        return
    rows = [(k.report, k.study, labels.get(k.study, ""), "; ".join(k.evidence)) for k in links]
    out(table(rows, ("report", "study", "label", "evidence")) if rows else "Nothing is proposed.")


def _list_overlaps(found: Open, as_json: bool) -> None:
    from dataclasses import asdict

    from db.studies import overlaps

    known = overlaps(found.review.connection)
    if as_json:
        print_json([asdict(one) for one in known])
        return
    rows = [
        (one.a, one.b, one.certainty, "" if one.patients is None else str(one.patients), one.keep or "", one.state,
         "; ".join(f"{s.author}: {s.certainty}{f', keep {s.keep}' if s.keep else ''}{f' ({s.why})' if s.why else ''}"
                   for s in one.said))
        for one in known
    ]  # fmt: skip
    header = ("study", "study", "certainty", "patients", "pooled", "state", "said")
    out(table(rows, header) if rows else "No overlap is known.")
