"""No patient counts twice in one pool: which of the studies with patients in common are pooled.

The choice is made anew for each set of rows that is pooled, since a study that is silent on an outcome holds nothing
out of it. Studies are taken one after another, the best first, and whoever overlaps with one that was taken is held
out: a largest possible set in the sense that nobody more can be added (a maximal independent set, greedily), the same
whatever the order of the input. A pooled report is therefore taken whole, or its parts are, never both.

Best first means: (1) with numbers before silent; (2) where two people, or the adjudicator, chose which of two studies
counts, that one before the other; (3) the protocol's rule, [overlap] keep. Cochrane Handbook 5.2.1; MECIR C42.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from db.specs import OverlapSpec
from db.studies import Overlap

STRENGTH = {"possible": 1, "probable": 2, "certain": 3}
KEEPING = "overlap: keeping "  # prefix of the sensitivity analyses that keep another study of an overlap
APART = "overlap: possible overlaps held out"
RULES = {
    "larger": "the study with more patients is kept",
    "later": "the study with the latest report is kept",
    "first": "the study with the earliest report is kept",
    "ask": "the study that came into the review first stays",
}


@dataclass(frozen=True, slots=True)
class Ranked:
    """What the rules ask of a study: patients, the dates printed on its reports, when it came into the review."""

    study: str
    label: str
    patients: int = 0
    first: str = ""
    last: str = ""
    seen: int = 0


@dataclass(frozen=True)
class Overlaps:
    """The overlaps of a review with the protocol's rule; `known` has each study that a choice may name."""

    pairs: tuple[Overlap, ...] = ()
    rule: OverlapSpec = field(default_factory=OverlapSpec)
    known: Mapping[str, Ranked] = field(default_factory=dict)

    def held_out(
        self, studies: Iterable[str], numbers: Collection[str], keep: Sequence[str] = (), hold_from: str = ""
    ) -> dict[str, str]:
        """{study: why} of those of `studies` that may not be pooled beside the others.

        `numbers`: the studies that give the outcome. `keep`: studies taken before all others (the other choice of an
        overlap). `hold_from` replaces the protocol's own.
        """
        here = sorted(set(studies))
        edges = self._edges(here, hold_from or self.rule.hold_from)
        if not edges:
            return {}
        beats = {(o.keep, o.b if o.keep == o.a else o.a) for o in edges.values() if o.keep is not None}
        near = _neighbours(here, edges)
        left, held = set(here), dict[str, str]()
        while left:
            best = self._best(left, set(numbers), keep, beats)
            left.discard(best)
            for other in sorted(near[best] & left):
                held[other] = self._why(edges[_pair(best, other)], best, best in keep)
                left.discard(other)
        return held

    def alternatives(self, studies: Iterable[str], numbers: Collection[str]) -> list[tuple[str, dict[str, str]]]:
        """[(name, held out)]: each overlapping study kept in its turn; and, where possible overlaps are pooled, none.

        The choice in force is among them by its name, so that both sides of every overlap stand beside each other.
        """
        here = sorted(set(studies))
        named = [
            (KEEPING + name, self.held_out(here, numbers, keep=(study,))) for name, study in self.options(here, numbers)
        ]
        apart = self.held_out(here, numbers, hold_from="possible")
        if apart.keys() & set(numbers) != self.held_out(here, numbers).keys() & set(numbers):
            named.append((APART, apart))
        return named

    def options(self, studies: Iterable[str], numbers: Collection[str]) -> list[tuple[str, str]]:
        """[(names, study)]: the studies an overlap may keep; those whose keeping amounts to the same share a line."""
        here, given = sorted(set(studies)), set(numbers)
        pairs = self._edges(here, self.rule.hold_from)
        found: dict[frozenset[str], list[str]] = {}
        for study in sorted({s for pair in pairs if set(pair) <= given for s in pair}):
            held = self.held_out(here, given, keep=(study,)).keys() & given
            found.setdefault(frozenset(held), []).append(study)
        return sorted((" and ".join(sorted(map(self.label, kept))), kept[0]) for kept in found.values())

    def label(self, study: str) -> str:
        """A study as people cite it; with its id where two have one label."""
        mine = self.known[study].label if study in self.known else study
        same = sum(one.label == mine for one in self.known.values())
        return f"{mine} ({study})" if same > 1 else mine

    def _edges(self, here: Sequence[str], hold_from: str) -> dict[tuple[str, str], Overlap]:
        """The pairs that may not share a pool: certain enough, or people chose one of them."""
        least = STRENGTH[hold_from]
        inside = set(here)
        return {
            (o.a, o.b): o
            for o in self.pairs
            if {o.a, o.b} <= inside and (STRENGTH[o.certainty] >= least or o.keep is not None)
        }

    def _best(self, left: set[str], numbers: set[str], keep: Sequence[str], beats: set[tuple[str, str]]) -> str:
        """The next study to take. People's choices that go round in a circle leave it to the rule."""
        wanted = left & set(keep) & numbers or left & numbers or left
        free = {s for s in wanted if not any(winner in wanted and loser == s for winner, loser in beats)}
        return max(free or wanted, key=self._rank)

    def _rank(self, study: str) -> tuple[object, ...]:
        one = self.known.get(study, Ranked(study, study))
        rule: Callable[[], tuple[object, ...]] = {
            "larger": lambda: (one.patients,),
            "later": lambda: (one.last,),
            "first": lambda: (bool(one.first), _backwards(one.first)),
            "ask": lambda: (),
        }[self.rule.keep]
        return (*rule(), -one.seen, _backwards(study))

    def _why(self, overlap: Overlap, best: str, forced: bool) -> str:
        """Why the other study of an overlap is held out, in words."""
        some = f", {overlap.patients} patients" if overlap.patients else ""
        with_ = f"{overlap.certainty} overlap{some} with {self.label(best)} ({best})"
        if forced:
            return f"{with_}: kept in this analysis"
        if overlap.keep == best:
            how = "the adjudicator chose it" if overlap.state == "ruled" else "two people chose it"
            return f"{with_}: {how}"
        if overlap.keep is not None:
            return f"{with_}: of the study that people chose no row is pooled here"
        word = {"proposed": ", one person has chosen", "conflict": ", two people chose differently"}
        return f"{with_}: overlap not yet decided{word.get(overlap.state, '')}; {RULES[self.rule.keep]}"


def _neighbours(here: Sequence[str], edges: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    near: dict[str, set[str]] = {study: set() for study in here}
    for a, b in edges:
        near[a].add(b)
        near[b].add(a)
    return near


def _pair(one: str, other: str) -> tuple[str, str]:
    return (one, other) if one < other else (other, one)


def _backwards(text: str) -> tuple[int, ...]:
    """Sorts texts the other way round: the greatest key is the least text."""
    return (*(-ord(letter) for letter in text), 0)


def held_out_of(estimates: Mapping[str, Any]) -> dict[str, str]:
    """{study: of which outcomes its rows are held out, and why}, from the stored estimates of all outcomes."""
    found: dict[str, dict[str, list[str]]] = {}
    for outcome, body in estimates.items():
        for missing in body["missing"]:
            if missing["status"] == "held-out":
                found.setdefault(missing["study"], {}).setdefault(missing.get("why", ""), []).append(outcome)
    everywhere = len(estimates)
    return {
        study: "; ".join(f"of {', '.join(of)}: {why}" if len(of) < everywhere else why for why, of in whys.items())
        for study, whys in found.items()
    }
