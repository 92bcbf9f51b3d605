"""Records → reports inside a review: machines join what is certain and put the rest before people.

The reports are worked out anew, by curation.clusters.cluster, for the records around what is new or newly decided: a
function of those records, their duplicates and people's decisions. The ledger gets what differs from what it says.
What a machine joined and people have since worked on stands.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from curation.blocking import KEY_VERSION
from curation.clusters import Clustering, Two, cluster
from curation.dedupe import find_duplicates
from curation.increment import keys_of, touched
from db import blocks, queries
from db import duplicates as stored
from db.duplicates import Pair
from db.model import Duplicate, Record, Stage
from lsr.workflow.folder import PREVIOUS, Open

DEDUPER = "machine:dedupe"
NEVER = 1 << 62  # the clock at which a search first found a record that was only retrieved
MOST_HOPS = 16  # a longer way to the report's name is cut short: views follow 32 hops (db/views.sql, v_report_of)
STAGES: tuple[Stage, ...] = tuple(stage for stage in get_args(Stage))
Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True, slots=True)
class Scope:
    """Records (without abstracts) that nothing connects with any other, and all the duplicates among them."""

    records: tuple[Record, ...]
    found: tuple[Duplicate, ...]


@dataclass(frozen=True, slots=True)
class Settled:
    """What was entered: records joined to a report, records parted from one, pairs put before people, reopenings."""

    joined: tuple[Duplicate, ...] = ()
    parted: tuple[str, ...] = ()
    proposed: int = 0
    reopened: tuple[tuple[str, Stage, str], ...] = ()  # report, stage, why


def dedupe(opened: Open, new: Sequence[str], progress: Progress | None = None) -> Settled:
    """Compare the records that are new, or newly printed, with all; join, part and propose what follows from it."""
    with opened.review.transaction():
        return settle_scope(opened, candidates(opened, new, progress))


def candidates(opened: Open, new: Sequence[str], progress: Progress | None = None) -> Scope:
    """The groups of records that the new ones touch, with their duplicates: the one place that looks at the whole
    review, by an index of blocking keys that is brought up to date first."""
    connection = opened.review.connection
    tell = (lambda done, total: progress("comparing records", done, total)) if progress else (lambda done, total: None)
    blocks.fill(opened.review, keys_of, KEY_VERSION, tell)
    found = touched(
        list(blocks.load(connection, new)),
        lambda keys: blocks.having(connection, keys),
        lambda ids: blocks.load(connection, ids),
        lambda ids: stored.neighbourhood(connection, set(ids) | stored.touched(connection, frozenset(ids))),
    )
    return Scope(found.records, found.duplicates)


def candidates_around(opened: Open, seeds: Collection[str]) -> Scope:
    """The records that reports and known pairs connect with the seeds: nothing else can have changed by a decision."""
    connection = opened.review.connection
    records = stored.contents(connection, stored.neighbourhood(connection, seeds), slim=True)
    return Scope(tuple(records), tuple(find_duplicates(records)))


def settle_all(opened: Open, progress: Progress | None = None) -> Settled:
    """Work out all reports anew: after two copies of a review were merged, each with decisions of its own."""
    return dedupe(opened, sorted(stored.all_ids(opened.review.connection)), progress)


def settle_scope(opened: Open, scope: Scope) -> Settled:
    """Enter what follows from the scope; nothing if the ledger says so already. Inside a transaction."""
    if not scope.records:
        return Settled()
    known = _Known.read(opened, scope)
    alone = {record for record, report in known.pinned.items() if record == report}
    scope = Scope(scope.records, tuple(pair for pair in scope.found if not {pair.record, pair.same_as} & alone))
    made = _cluster(scope, known)
    target = _targets(made, known)
    items = _items(target, made, known)
    differing = _differing_verdicts(opened, target, known)
    review = opened.review
    words = _words(scope, made, known)
    for state, rows in words.items():
        if rows:
            review.append(DEDUPER, "pair", {"state": state, "items": sorted(rows)})
    if items:
        review.append(DEDUPER, "assign", {"items": sorted(items)})
    for subject, other, stage, why in differing:
        review.append(DEDUPER, "reopen", {"subject": subject, "other": other, "stage": stage, "why": why})
    return Settled(
        tuple(Duplicate(record, target[record], (evidence,), True) for record, _, evidence, *_ in sorted(items)
              if target[record] != record),
        tuple(sorted(record for record, report, *_ in items if report == record)),
        len(words["proposed"]),
        tuple((target[subject], stage, why) for subject, _, stage, why in differing),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Known:
    """What the ledger says of a scope's records."""

    pairs: Mapping[Two, Pair]
    assigned: Mapping[str, tuple[str, str, str]]  # record: report, author, evidence
    pages: Mapping[str, str]  # record: report, as another machine joined it
    report: Mapping[str, str]  # as it is named now
    first: Mapping[str, int]
    acts: Mapping[str, int]  # report: the clock of the last act of a person on it
    back: Mapping[
        str, tuple[str, int]
    ]  # record: the report it was of before, since when; unless people acted on it since

    @classmethod
    def read(cls, opened: Open, scope: Scope) -> _Known:
        connection = opened.review.connection
        ids = [record.id for record in scope.records]
        pairs = {(pair.a, pair.b): pair for pair in stored.pairs(connection, ids)}
        assigned = stored.assignments(connection, ids)
        direct = {record: report for record, (report, _, _) in assigned.items() if report != record}
        report = {record: _resolve(direct, record)[-1] for record in ids}
        acts: dict[str, int] = {}
        worked_on = stored.worked_on(connection, ids)
        for record, clock in worked_on.items():
            acts[report[record]] = max(clock, acts.get(report[record], 0))
        back = {
            record: (before, since)
            for record, (before, since, until) in stored.former_assignments(connection, ids).items()
            if worked_on.get(record, 0) < until
        }
        pages = stored.assigned_otherwise(connection, ids, DEDUPER)
        return cls(pairs, assigned, pages, report, stored.first_found(connection, ids), acts, back)

    @property
    def pinned(self) -> dict[str, str]:
        """{record: report} where a person assigned by hand: no machine assigns that record."""
        return {r: report for r, (report, who, _) in self.assigned.items() if not who.startswith("machine:")}

    def standing(self, pair: Pair) -> bool:
        """Whether people worked on the report since the machine joined the pair in it."""
        report = self.report.get(pair.a)
        return (
            pair.found == "joined" and report == self.report.get(pair.b) and pair.since < self.acts.get(report or "", 0)
        )


def _cluster(scope: Scope, known: _Known) -> Clustering:
    pinned = known.pinned
    there = {record.id for record in scope.records}
    decided = [two for two, pair in known.pairs.items() if pair.decided == "same"]
    apart = [two for two, pair in known.pairs.items() if pair.decided == "different"]
    by_hand = [two for two in pinned.items() if two[0] != two[1] and two[1] in there]
    standing = [two for two, pair in known.pairs.items() if known.standing(pair)]
    # A page that was opened for the report belongs to it, whatever its title.
    standing += [(page, report) for page, report in known.pages.items() if page not in pinned and report in there]
    certain = {_two(pair) for pair in scope.found if pair.certain}
    former = [
        Duplicate(pair.b, pair.a, (pair.evidence,), True, pair.score) for two, pair in known.pairs.items()
        if pair.found == "joined" and two not in certain and not any(pinned.get(end) == end for end in two)
    ]  # fmt: skip
    return cluster(scope.records, scope.found, [*decided, *by_hand], apart, standing, former)


def _targets(made: Clustering, known: _Known) -> dict[str, str]:
    """{record: the report that it should be a record of}. A report is named by a record of the previous version, else
    by the one that was there first, else by the least id."""
    members: dict[str, list[str]] = {}
    for record, kept in made.kept.items():
        members.setdefault(kept, []).append(record)
    pinned = known.pinned

    def rank(record: str) -> tuple[bool, bool, bool, int, str]:
        elsewhere = pinned.get(record, record) != record
        return (
            elsewhere,
            record not in pinned,
            not record.startswith(f"{PREVIOUS}:"),
            known.first.get(record, NEVER),
            record,
        )

    return {record: head for group in members.values() for head in [min(group, key=rank)] for record in group}


def _items(target: Mapping[str, str], made: Clustering, known: _Known) -> list[list[Any]]:
    """The assignments to enter so that every record is found at its target: of whole reports the name alone.

    What was assigned to a report's name follows it, and comes back with it when they are parted again. A record that
    comes back where it was counts as never gone: what was voted on the whole meanwhile stays the last word.
    """
    direct = {record: report for record, (report, _, _) in known.assigned.items() if report != record}
    movable = [record for record in target if record not in known.pinned]
    changed: dict[str, str] = {}

    def home(record: str) -> str:
        """What the record was assigned to before, if that is to be in the same report; "" if not."""
        before = known.back.get(record, ("", 0))[0]
        fits = target.get(before) == target[record] and record not in (before, target[record])
        fits = fits and before not in known.pinned and len(_resolve(direct, before)) < MOST_HOPS
        return before if fits and record not in _resolve(direct, before) else ""

    def move(records: Iterable[str]) -> bool:
        any_moved = False
        for record in records:
            to = home(record) or target[record]
            if direct.get(record, record) != to:
                changed[record] = direct[record] = to
                any_moved = True
                if to == record:
                    del direct[record]
        return any_moved

    def wrong() -> list[str]:
        way = {record: _resolve(direct, record) for record in movable}
        return [record for record in movable if way[record][-1] != target[record] or len(way[record]) > MOST_HOPS]

    move(record for record in wrong() if record not in direct or home(record))
    while move(wrong()):
        pass
    move(r for r in movable if r not in changed and known.back.get(r, ("", 0))[0] in changed and home(r))
    evidence = _evidence(made, known)
    items: list[list[Any]] = []
    for record, report in changed.items():
        words = evidence.get(record, "joined through another record") if report != record else "parted again"
        before, since = known.back.get(record, ("", 0))
        items.append([record, report, words, since] if before == report != record else [record, report, words])
    return items


def _evidence(made: Clustering, known: _Known) -> dict[str, str]:
    """{record: what joined it, in words}: a person's word before a machine's, the surest pair before others."""
    words: dict[str, str] = {}
    for (a, b), pair in known.pairs.items():
        if pair.decided == "same":
            for record in (a, b):
                words.setdefault(record, f"{pair.decider}: the same{f' ({pair.why})' if pair.why else ''}")
    for join in made.joins:
        for record in (join.record, join.same_as):
            words.setdefault(record, "; ".join(join.evidence))
    return words


def _words(scope: Scope, made: Clustering, known: _Known) -> dict[str, list[list[Any]]]:
    """What the machines have to say anew of pairs: {state: its items}. Nothing is said where people decided."""
    answered = {
        _between(made, two) for two, pair in known.pairs.items() if pair.decided == "different"
    }  # fmt: skip
    joined = {_two(pair) for pair in made.joins}
    words: dict[str, list[list[Any]]] = {"joined": [], "proposed": [], "dropped": []}
    now = {_two(pair): pair for pair in scope.found}
    for two, found in now.items():
        one, other = _between(made, two)
        state = "joined" if two in joined else "proposed" if one != other and (one, other) not in answered else ""
        before, evidence = known.pairs.get(two), "; ".join(found.evidence)
        said = before is not None and before.found == state and (state == "joined" or before.evidence == evidence)
        if state and not said:
            words[state].append([*two, round(found.score, 6), evidence])
    for two, pair in known.pairs.items():
        one, other = _between(made, two)
        gone = two not in now and one != other and (one, other) not in answered
        if gone and pair.found in ("proposed", "joined"):
            words["dropped"].append([*two, 0.0, "no longer found alike"])
    return words


def _differing_verdicts(opened: Open, target: Mapping[str, str], known: _Known) -> list[tuple[str, str, Stage, str]]:
    """(report, another, stage, why) where two reports that become one were closed with different verdicts."""
    connection = opened.review.connection
    judged = stored.judged(connection)
    if not judged:
        return []
    named = {known.report[record] for record in judged if record in known.report}
    meeting: dict[str, list[str]] = {}
    for report in sorted(named):
        if target.get(known.back.get(report, ("", 0))[0], "") == target.get(report, report) != report:
            continue  # it comes back where it was: what held there holds again
        meeting.setdefault(target.get(report, report), []).append(report)
    previous = queries.previous_reports(connection)
    found: list[tuple[str, str, Stage, str]] = []
    for reports in meeting.values():
        for stage in STAGES if len(reports) > 1 else ():
            verdicts = {
                report: queries.verdict_in_force(connection, report, stage) or ("include" if report in previous else "")
                for report in reports
            }
            closed = [report for report in reports if verdicts[report]]
            other = next((report for report in closed if verdicts[report] != verdicts[closed[0]]), None)
            if other is not None and not stored.reopened_for(connection, stage, closed[0], other):
                why = f"{closed[0]} and {other} were found to be one publication, and their verdicts differ"
                found.append((closed[0], other, stage, why))
    return found


def _resolve(direct: Mapping[str, str], record: str) -> list[str]:
    """The way from a record to its report, which is the last: as view v_report_of follows it."""
    path = [record]
    while path[-1] in direct:
        report = direct[path[-1]]
        if report in path:  # assigned in a circle: one report, named by the least of its records
            return [*path, min(path[path.index(report) :])]
        path.append(report)
    return path


def _between(made: Clustering, two: Iterable[str]) -> Two:
    a, b = sorted(made.kept[record] for record in two)
    return a, b


def _two(pair: Duplicate) -> Two:
    a, b = sorted((pair.record, pair.same_as))
    return a, b
