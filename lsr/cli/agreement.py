"""How well the reviewers agree."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lsr.cli.app import app
from lsr.cli.common import Folder, Json, opened, out, print_json, say, table

if TYPE_CHECKING:
    from curation.agreement import Agreement, Coefficient
    from lsr.workflow.agreement import Pair


@app.command()
def agreement(review: Folder = Path(), as_json: Json = False) -> None:
    """How well reviewers agree: raw agreement, Cohen's kappa, PABAK and Gwet's AC1 with 95% intervals and the 2×2.

    Per stage, round and pair of reviewers, before adjudication; closed items only, so that no open vote shows.

    Example: lsr agreement --json
    """
    from lsr.workflow import agreement as work

    with opened(review) as found:
        told = work.report(found)
        pairs = work.pairs(found)
    if as_json:
        print_json(told)
        return
    out("\n\n".join(_block(pair, work.TWO, work.VERDICTS) for pair in pairs) or "No closed item has two votes yet.")
    for stage, n in told["in_conflict_not_counted"].items():
        say(f"{n} in conflict at {stage} await the adjudicator and are not counted: agreement is lower than it looks.")


def _block(pair: Pair, two: Sequence[str], three: Sequence[str]) -> str:
    lines = [f"{pair.stage}, round {pair.round}: {pair.first} (rows) and {pair.second} (columns), n = {pair.two.n}"]
    lines += [_counts(pair.two, two), _measures(pair.two)]
    if pair.three is not None:
        lines += ["with unsure by itself:", _counts(pair.three, three), _measures(pair.three)]
    return "\n".join(lines)


def _counts(found: Agreement, names: Sequence[str]) -> str:
    rows = [(name, *map(str, row)) for name, row in zip(names, found.table, strict=True)]
    return table(rows, ("", *names))


def _measures(found: Agreement) -> str:
    named = (("raw agreement", found.raw), ("Cohen's kappa", found.kappa), ("PABAK", found.pabak),
             ("Gwet's AC1", found.ac1))  # fmt: skip
    return "\n".join(f"  {name:14} {_words(value)}" for name, value in named)


def _words(found: Coefficient) -> str:
    if found.value is None:
        return f"not defined: {found.why}"
    if found.low is None or found.high is None:
        return f"{found.value:.3f} (no interval: {found.why})"
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"
