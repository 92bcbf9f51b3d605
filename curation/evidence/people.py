"""Authors and places: who wrote both, and whether it was done at the same centre."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from curation.evidence.tally import Tally
from curation.evidence.weights import (
    FEWEST_SHARED_AUTHORS,
    FIRST_AUTHOR,
    LONG_LIST,
    NO_SHARED_AUTHOR,
    OTHER_CENTRES,
    SAME_CENTRE,
    SAME_CITY,
    SHARED_AUTHORS,
)
from curation.normalise import Name, fold, same_person

_INSTITUTION: Final = re.compile(r"hospital|universit|institut|cent(?:er|re)\b|clinic|college|school of")
_LEAST_CITY: Final = 4  # letters; shorter folded names are found inside other words' places by chance


def weigh_people(tally: Tally, ours: Sequence[Name], theirs: Sequence[Sequence[Name]]) -> bool | None:
    """Whether any author is shared with one of the study's reports; None: the authors of one side are unknown.

    The report of the study that shares most counts. A list of one name is the first author, as short citations print.
    """
    best: tuple[float, list[str], int] = (0.0, [], 0)
    first = ""
    long = False
    for known in theirs:
        shorter = min(len(ours), len(known))
        if not shorter:
            continue
        shared = shared_names(ours, known)
        best = max(best, (len(shared) / shorter, shared, shorter))
        long = long or shorter >= LONG_LIST
        if same_person(ours[0], known[0]) and ours[0].initial and known[0].initial:
            first = printed(ours[0])
    share, names, shorter = best
    if not shorter:
        return None
    if len(names) >= FEWEST_SHARED_AUTHORS:
        tally.add(SHARED_AUTHORS * share, f"{len(names)} of {shorter} authors shared: {', '.join(names)}")
    elif first:
        tally.add(FIRST_AUTHOR, f"same first author: {first}")
    elif not names and long:
        tally.add(NO_SHARED_AUTHOR, "no author in common")
    return bool(names)


def shared_names(ours: Sequence[Name], theirs: Sequence[Name]) -> list[str]:
    """Our authors who may be one of theirs: family and initial agree, in either order; each of theirs counts once."""
    by_word = _places(tuple(theirs))
    if by_word.keys().isdisjoint(_places(tuple(ours))):
        return []
    taken: set[int] = set()
    found = set()
    for one in ours:
        places = sorted({place for word in {one.family, *one.words} for place in by_word.get(word, ())} - taken)
        met = next((place for place in places if same_person(one, theirs[place])), None)
        if met is not None:
            taken.add(met)
            found.add(printed(one))
    return sorted(found)


@lru_cache(maxsize=4096)  # the lists of known studies are compared with every new report's
def _places(names: tuple[Name, ...]) -> dict[str, list[int]]:
    """Where in a list each word of its names stands."""
    by_word: dict[str, list[int]] = defaultdict(list)
    for place, each in enumerate(names):
        for word in {each.family, *each.words}:
            by_word[word].append(place)
    return dict(by_word)


def printed(person: Name) -> str:
    """ "Tan Y" of a name in comparable form."""
    return f"{person.family.capitalize()} {person.initial.upper()}".strip()


def centres_in(affiliations: Iterable[str]) -> frozenset[str]:
    """The institutions that affiliations name, folded: the parts between commas that hold such a word."""
    parts = {fold(part) for affiliation in affiliations for part in re.split(r"[,;]", affiliation) if part.strip()}
    return frozenset(part for part in parts if _INSTITUTION.search(part) and len(part.split()) > 1)


def cities_in(facts: Iterable[str]) -> frozenset[str]:
    """The places of a register's list ("Beijing; Langfang"), folded."""
    return frozenset(city for text in facts for part in text.split(";") if len(city := fold(part)) >= _LEAST_CITY)


def weigh_places(
    tally: Tally, ours: frozenset[str], theirs: frozenset[str], text: str, cities: frozenset[str], *, strangers: bool
) -> None:
    """Centres of both; the register's cities in our affiliations (`text`, folded, a space at each end).

    Centres without one in common speak against only where no author is shared either (`strangers`): one hospital is
    printed under many names.
    """
    centres = sorted(ours & theirs)
    if centres:
        tally.add(SAME_CENTRE, f"same centre: {centres[0]}")
        return
    met = sorted(city for city in cities if f" {city} " in text)
    if met:
        tally.add(SAME_CITY, f"a city of the trial: {met[0]}")
    elif ours and theirs and strangers:
        tally.add(OTHER_CENTRES, "no centre in common")
