"""Where a report stands at a stage, and who may still act on it: what all decisions of people begin with."""

from __future__ import annotations

from dataclasses import dataclass

from curation.people import authored, is_one_of
from curation.verdicts import ADJUDICATOR, able, rule_of, verdict_of
from db import queries, screening
from db.errors import DecisionError
from db.model import Stage, Verdict
from db.specs import PersonSpec
from lsr.workflow.folder import Open


@dataclass(frozen=True, slots=True)
class Item:
    """Where a report stands at a stage, in its newest round."""

    report: str
    stage: Stage
    round: str
    votes: tuple[queries.Vote, ...]
    state: str  # awaiting, include, exclude or conflict


def item(opened: Open, report: str, stage: Stage) -> Item:
    """The newest round of a report at a stage, with all its votes: for the rules, never shown to a reviewer."""
    connection, spec = opened.review.connection, opened.spec
    round = queries.current_round(connection, report, stage)
    votes = tuple(queries.votes(connection, report, stage, round))
    ruled = queries.resolutions(connection, report, stage, round)
    if ruled:
        state = ruled[0] if len(ruled) == 1 else "conflict"
    else:
        verdicts: list[Verdict] = [vote.verdict for vote in votes]  # type: ignore[misc]
        state = verdict_of(verdicts, spec.screening.votes_needed, rule_of(spec, stage))
        reasons = {vote.reason for vote in votes}
        if state == "exclude" and spec.screening.reasons_must_agree and len(reasons) > 1:
            state = "conflict"
    return Item(report, stage, round, votes, state)


def today(opened: Open) -> str:
    """The day (ISO, UTC) by the review's clock."""
    return opened.review.clock()[:10]


def may_resolve(opened: Open, stage: Stage, adjudicator: str) -> list[Item]:
    """The conflicts at a stage on which this adjudicator may rule: not those with an own vote, nor of an own study."""
    connection = opened.review.connection
    found = [item(opened, report, at) for report, at in queries.conflicts(connection) if at == stage]
    return [one for one in found if adjudicator in adjudicators(opened, one)]


def adjudicators(opened: Open, found: Item) -> list[str]:
    """Who may rule on an item today: adjudicators at its stage who did not vote on it and had no part in its study."""
    voters = {vote.reviewer for vote in found.votes}
    named = able(opened.spec, ADJUDICATOR, found.stage, today(opened))
    return [p.name for p in named if p.name not in voters and involvement(opened, p, found.report) is None]


def involvement(opened: Open, person: PersonSpec, report: str) -> str | None:
    """Why this person had a part in what a report reports, in words; None if not, as far as the protocol says.

    A part in any report of its study is a part in the study.
    """
    if not person.author_names and not person.involved_in:
        return None
    connection = opened.review.connection
    studies = screening.linked_reports(connection, report)
    if mine := sorted(studies.keys() & set(person.involved_in)):
        return f"the protocol names {person.name} as involved in {mine[0]}"
    return _wrote_one_of(opened, person, [report, *(other for reports in studies.values() for other in reports)])


def check_uninvolved(opened: Open, name: str, report: str) -> None:
    """DecisionError where the person wrote the report, or had a part in its study: nobody judges their own work."""
    person = next((p for p in opened.spec.persons if p.name == name), None)
    why = involvement(opened, person, report) if person else None
    if why:
        raise DecisionError(f"{report}: not for {name} to judge: {why}")


def check_uninvolved_in_study(opened: Open, name: str, study: str) -> None:
    """DecisionError where the person had a part in the study: nobody extracts their own work."""
    person = next((p for p in opened.spec.persons if p.name == name), None)
    if person is None:
        return
    if study in person.involved_in:
        raise DecisionError(f"{study}: not for {name} to extract: the protocol names {name} as involved in it")
    if person.author_names:
        why = _wrote_one_of(opened, person, screening.reports_of(opened.review.connection, study))
        if why:
            raise DecisionError(f"{study}: not for {name} to extract: {why}")


def _wrote_one_of(opened: Open, person: PersonSpec, reports: list[str]) -> str | None:
    connection = opened.review.connection
    for report in dict.fromkeys(reports):
        records = screening.printed(connection, report)
        names = [name for record in records if (name := authored(person, record))]
        ids = [report, *queries.ids_of(connection, report), *(i for r in records for i in (r.doi, r.pmid))]
        if names and not is_one_of(ids, person.namesake_in):
            return (
                f"its author {names[0]!r} ({report}) is a name the protocol lists for {person.name}: if that is "
                f"somebody else, put the report under namesake_in of {person.name}"
            )
    return None
