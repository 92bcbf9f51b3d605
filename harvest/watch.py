"""What a search shows that a person should look at before it counts: pure functions, no review and no network.

A search that ran to its end may still be wrong: PubMed drops a phrase it does not know and runs a broader query
(ToolUniverse#502), a term of the thesaurus is renamed, an index loses a part of its records. Each sign is a
question with a key that stays the same from week to week, so that what a person accepted does not ask again.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from db.specs import KnownItemSpec, SourceSpec

if TYPE_CHECKING:  # `lsr status` asks for known items alone
    from harvest.source import Harvest

WARNING: Final = "warning: "  # how a source's log names a warning: "warning: TAG"
TRANSLATION: Final = "query translation"
# ESearch's names for a part of the query that it did not use (eutils' esearch.dtd: ErrorList, WarningList).
DROPPED: Final = frozenset({"PhraseNotFound", "QuotedPhraseNotFound", "FieldNotFound", "PhraseIgnored"})
RUNS: Final = 8  # a median over two months of weekly runs (protocol, search.max_jump)
# Hits are counts: by chance alone a count near m strays by some sqrt(m), and by more than three times that in about
# one of 370 weeks. Under 36 hits this allows more than half of the median does, so two new records never ask.
CHANCE: Final = 3.0


@dataclass(frozen=True, slots=True)
class Question:
    """Something a person must accept before the run counts; `key` names it from week to week."""

    key: str
    words: str


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier whole run of the source: what the next one is compared with."""

    run: str
    query: str
    hits: int
    log: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """The known items that a source should hold, by DOI or "pmid:…": which were found."""

    found: tuple[str, ...]
    missing: tuple[str, ...]


def known_items(items: Iterable[KnownItemSpec], source: str, held: Collection[str]) -> Known:
    """Which known items the source has brought, in the protocol's order. `held`: DOIs and "pmid:…" of its records."""
    expected = [item for item in items if source in item.expected_in]
    names = list(dict.fromkeys(name for item in expected for name in (*item.dois, *(f"pmid:{p}" for p in item.pmids))))
    found = [name for name in names if name in held]
    return Known(tuple(found), tuple(name for name in names if name not in held))


def questions(
    found: Harvest,
    spec: SourceSpec,
    earlier: Sequence[Earlier],
    accepted: Collection[str],
    *,
    max_jump: float,
    missing: Sequence[str] = (),
) -> list[Question]:
    """What a person must answer before this run counts, without what was accepted; nothing if all is well.

    `earlier`: the source's whole runs, oldest first; `missing`: known items that it should hold and never brought.
    On the first run each warning asks; the translation, which nothing can be compared with, does not.
    """
    asked = [*_warnings(found, earlier), *_translation(found, spec, earlier)]
    asked += [Question(f"known item: {name}", f"the known item {name} was not found") for name in missing]
    asked = [question for question in asked if question.key not in accepted]
    return [*asked, *_jump(found.hits, spec.query, earlier, accepted, max_jump)]


def _warnings(found: Harvest, earlier: Sequence[Earlier]) -> list[Question]:
    before = set(earlier[-1].log) if earlier else set()
    fresh = [(n, text) for n, text in dict.fromkeys(found.log) if n.startswith(WARNING) and (n, text) not in before]
    asked = []
    for name, text in fresh:
        tag = name.removeprefix(WARNING)
        words = f"the source dropped {text!r} from the query ({tag})" if tag in DROPPED else f"it warns: {tag}: {text}"
        asked.append(Question(f"{name}: {text}", words))
    return asked


def _translation(found: Harvest, spec: SourceSpec, earlier: Sequence[Earlier]) -> list[Question]:
    """The same query understood in another way: a renamed heading, another automatic mapping."""
    if not earlier or earlier[-1].query != spec.query:
        return []
    now, before = dict(found.log).get(TRANSLATION), dict(earlier[-1].log).get(TRANSLATION)
    if now is None or before is None or now == before:
        return []
    key = f"translation: {hashlib.sha256(now.encode()).hexdigest()[:16]}"
    return [Question(key, f"the same query was translated in another way than in run {earlier[-1].run}: {now}")]


def _jump(
    hits: int, query: str, earlier: Sequence[Earlier], accepted: Collection[str], max_jump: float
) -> list[Question]:
    """Hits far from the median of the last runs of the same query.

    A run whose jump a person accepted is a new level: the runs before it no longer count, so an accepted jump does
    not ask again week after week, and a later one is judged anew. Its key names the run before it and the hits;
    the same jump some records higher or lower a few days on is the one that was accepted.
    """
    level: list[Earlier] = []
    for run in (run for run in earlier if run.query == query):
        if level and jumped(run.hits, _median(level), max_jump):
            level = []
        level.append(run)
    if not level or not jumped(hits, _median(level), max_jump):
        return []
    prefix = f"jump after {level[-1].run}: "
    levels = [int(key.removeprefix(prefix)) for key in accepted if key.startswith(prefix)]
    if any(not jumped(hits, one, max_jump) for one in levels):
        return []
    counted = min(len(level), RUNS)
    words = f"{hits} hits, where the median of the last {counted} run{'s' if counted > 1 else ''} of the same query is"
    return [Question(f"{prefix}{hits}", f"{words} {_median(level):g}")]


def jumped(hits: int, usual: float, max_jump: float) -> bool:
    """Whether hits differ from the usual by more than the share allowed and by more than chance; from some to none
    is always a jump, since a query that is run whole again finds what it found before."""
    if hits == 0:
        return usual > 0
    return abs(hits - usual) > max(max_jump * usual, CHANCE * math.sqrt(max(usual, 1.0)))


def _median(runs: Sequence[Earlier]) -> float:
    from statistics import median  # with random and decimal, which `lsr status` does not need

    return float(median(run.hits for run in runs[-RUNS:]))
