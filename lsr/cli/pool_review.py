"""What `lsr pool` says of the review: estimates, their trace, their range, their history, their reproduction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsr.cli.common import out, percent, print_json, say, table
from lsr.cli.pool_file import HEADER, line

if TYPE_CHECKING:
    from lsr.workflow.folder import Open


def estimates(found: Open, as_json: bool, *, force: bool) -> None:
    """The review's estimates, pooled first if anything changed."""
    from analysis.refresh import refresh

    now = refresh(found.review, found.spec, force=force)
    if as_json:
        print_json({"fingerprint": now.fingerprint, "estimates": now.estimates, "pooled_again": now.pooled})
        return
    rows = []
    for outcome in (spec.id for spec in found.spec.outcomes if spec.id in now.estimates):
        body = now.estimates[outcome]
        name, *rest = line(outcome, body["primary"])
        rows.append((name, f"{len(body['rows'])} of {body['included']}", *rest[1:]))
    out(table(rows, ("outcome", "k of K", *HEADER[2:])))
    _subgroups(now.estimates)
    _say_conventions(now.estimates)
    _say_not_computed(now.estimates)
    if any(row["second_hand"] for body in now.estimates.values() for row in body["rows"]):
        say("Some rows are second-hand, from the previous review's table: lsr pool --explain OUTCOME")
    if any(row["composed"] for body in now.estimates.values() for row in body["rows"]):
        say("Some rows are composed for the demonstration: these estimates are no findings.")


def explained(found: Open, outcome: str, as_json: bool) -> None:
    """Every number of an outcome, down to the values it was taken from."""
    from analysis.explain import HEADER as TRACE_HEADER
    from analysis.explain import OVERLAPS_HEADER, REPORTS_HEADER, explain, overlap_words, report_words, words
    from db.errors import InputError
    from lsr.workflow.refresh import refresh

    stored = refresh(found).estimates
    spec = next((one for one in found.spec.outcomes if one.id == outcome), None)
    if spec is None or outcome not in stored:
        raise InputError(f"no outcome {outcome!r}: there are {', '.join(stored)}")
    trace = explain(found.review.connection, spec, stored[outcome])
    if as_json:
        print_json(trace)
        return
    model = trace["model"]
    out(f"{trace['label']}: {trace['k']} of {trace['included']} included studies, patients {trace['denominator']}")
    out(f"model: {model['title'] or model['name']}")
    for name in ("ci_convention", "prediction_convention"):
        if name in model:
            out(f"       {model[name]}")
    out(table([line("primary", trace["estimate"]), *(line(*item) for item in trace["sensitivity"].items())], HEADER))
    out("")
    out(table(words(trace), TRACE_HEADER))
    for lines, header in (
        (report_words(trace), REPORTS_HEADER),
        (overlap_words(trace), OVERLAPS_HEADER),
    ):
        if lines:
            out("")
            out(table(lines, header))
    unused = [
        (one["label"], "–" if one["events"] is None else f"{one['events']}/{one['total']}", one["cohort"],
         one["denominator"], one["reading"], one["not_used"])
        for one in trace["other_values"]
    ]  # fmt: skip
    if unused:
        out("")
        out(table(unused, ("in no part of it", "x/n", "cohort", "counted", "reading", "because")))


def check(found: Open, as_json: bool) -> None:
    """Pool again and compare; IntegrityError where the stored figures differ."""
    from analysis.dataset import datasets
    from analysis.estimation import pool_all
    from db.canonical import canonical
    from db.errors import IntegrityError
    from lsr.workflow.refresh import refresh

    stored = refresh(found)
    again = pool_all(datasets(found.review.connection, found.spec), found.spec)
    if canonical(again) != canonical(stored.estimates):
        raise IntegrityError("stored estimates are not what the rows give now: run `lsr pool --force`")
    words = f"The stored estimates are what the rows give ({stored.fingerprint[:12]})."
    print_json({"fingerprint": stored.fingerprint, "same": True}) if as_json else out(words)


def reproduction(found: Open, as_json: bool) -> None:
    """The published review's figures beside ours."""
    from dataclasses import asdict

    from analysis.reproduction import reproduction_table

    lines = reproduction_table(found.review.connection)
    if as_json:
        print_json([asdict(line) for line in lines])
        return
    words = {True: "yes", False: "NO", None: "cannot be"}
    rows = [
        (
            line.key,
            line.printed,
            "" if line.recomputed is None else f"{line.recomputed:.4g}",
            words[line.same],
            line.reason,
        )
        for line in lines
    ]
    out(table(rows, ("figure", "printed in the paper", "recomputed", "same?", "why not")))


def multiverses(found: Open, outcome: str | None, seconds: float, as_json: bool) -> None:
    """The range of one outcome, or of each, over all readings and declared choices."""
    from analysis.dataset import source
    from analysis.multiverse import multiverse, plain_multiverse
    from db import data
    from db.errors import InputError

    proportions = [spec for spec in found.spec.outcomes if spec.measure == "proportion"]
    wanted = [spec for spec in proportions if outcome in (None, spec.id)]
    if not wanted:
        raise InputError(f"no outcome {outcome!r}: there are {', '.join(spec.id for spec in proportions)}")
    known, others = source(found.review.connection, found.spec), data.alternative_values(found.review.connection)
    results = [multiverse(known, others, spec, found.spec, seconds=seconds) for spec in wanted]
    if as_json:
        print_json([plain_multiverse(result) for result in results])
        return
    rows = [
        (one.outcome, percent(one.published.proportion) if one.published else "not pooled",
         f"{percent(one.lowest.proportion)}–{percent(one.highest.proportion)}" if one.lowest and one.highest else "–",
         one.words, str(one.not_pooled),
         "; ".join(f"{mover.choice} ({100 * mover.spread:.1f})" for mover in one.movers[:3] if mover.spread > 0))
        for one in results
    ]  # fmt: skip
    out(table(rows, ("outcome", "%", "range", "covered", "not pooled", "moved most by (points between means)")))
    if outcome is not None:
        for name, end in (("lowest", results[0].lowest), ("highest", results[0].highest)):
            if end is not None:
                out(f"{name} {percent(end.proportion)}: " + "; ".join(f"{c}: {o}" for c, o in end.picks.items()))


def history_of(found: Open, as_json: bool) -> None:
    """The frozen estimates of each version."""
    from analysis.estimates import shared_conventions
    from analysis.history import NOTE, history
    from db import data

    versions = data.versions(found.review.connection)
    lines = history(versions)
    if as_json:
        print_json({"note": NOTE, "estimates": lines})
        return
    rows = [
        (one["version"], one["at"][:10], one["outcome"], f"{one['k']} of {one['included']}",
         f"{one['events']}/{one['total']}",
         percent(one["estimate"]) if one["estimate"] is not None else "not pooled",
         f"exact {_interval(one['exact'])}" if one["exact"] else _interval(one["ci"]), _interval(one["prediction"]),
         "" if one["change"] is None else f"{100 * one['change']:+.1f}", one["moved_by"])
        for one in lines
    ]  # fmt: skip
    header = ("version", "date", "outcome", "k of K", "x/n", "%", "CI", "prediction", "change", "moved most by")
    out(table(rows, header) if rows else "No version is published yet.")
    bodies = [body for version in versions for body in version.frozen["estimates"].values()]
    for words in shared_conventions(body["primary"] for body in bodies):
        say(words)
    say(NOTE)


def _interval(pair: list[float] | None) -> str:
    return "" if pair is None else f"{percent(pair[0])}–{percent(pair[1])}"


def _subgroups(estimates: dict[str, Any]) -> None:
    """The declared subgroups of studies that are computed, and their tests or why there are none."""
    rows, said = [], []
    for outcome, body in estimates.items():
        for subgroup, found in body["subgroups"].items():
            rows += [line(f"{outcome}, {subgroup}: {level}", one) for level, one in found["groups"].items()]
            test = f"between levels p {found['p_value']:.4g}" if found["p_value"] is not None else found["not_tested"]
            said.append(f"{outcome}, {subgroup}: {test}")
    if rows:
        out("")
        out(table(rows, ("subgroups of studies", *HEADER[1:])))
        out("\n".join(said))


def _say_conventions(estimates: dict[str, Any]) -> None:
    """How the intervals were made; the degrees of freedom differ by outcome and are in --explain and --json."""
    from analysis.estimates import shared_conventions

    for words in shared_conventions(body["primary"] for body in estimates.values()):
        say(words)


def _say_not_computed(estimates: dict[str, Any]) -> None:
    """What the protocol declares and the program left out, a line each; --json has the reason for every outcome."""
    lacking: dict[str, dict[str, str]] = {}
    for outcome, body in estimates.items():
        for name, why in body["not_computed"].items():
            lacking.setdefault(name, {})[outcome] = why
    for name, whys in lacking.items():
        where = "" if len(whys) == len(estimates) else f" for {', '.join(whys)}"
        outcome, why = next(iter(whys.items()))
        first = "" if len(set(whys.values())) == 1 else f"{outcome}: "
        say(f"declared, not computed{where}: {name} ({first}{why})")
