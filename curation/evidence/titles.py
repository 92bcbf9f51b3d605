"""How alike two titles are beyond the words that all titles of one field share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from math import log
from typing import Final

from curation.evidence.tally import Tally
from curation.evidence.weights import FEWEST_TITLE_WORDS, TITLE, TITLE_FROM
from curation.normalise import fold, title_forms
from curation.title_words import STOP, each_word, stem

_ACRONYMS: Final = {
    "chimeric antigen receptor": "car",
    "t cells": "t cell",
    "cart": "car t",
    "relapsed or refractory": "r r",
    "relapsed and refractory": "r r",
    "refractory or relapsed": "r r",
}
_ROUTINE: Final = frozenset(
    map(
        stem,
        each_word(
            "study trial report analysis result clinical patient treatment therapy use efficacy safety new novel phase "
            "open label single arm first human case cohort interim final long term follow up using treated treat i ii "
            "successful robust enhanced evaluation experience outcome 1 2 3"
        ),
    )
)


@lru_cache(maxsize=65536)
def title_terms(title: str) -> frozenset[str]:
    """The stems of a title's telling words; those of every trial's title ("phase", "safety") are left out."""
    text = f" {title_forms(title)[0] or fold(title)} "
    for long, short in _ACRONYMS.items():
        text = text.replace(f" {long} ", f" {short} ")
    return frozenset(stem(word) for word in text.split() if word not in STOP) - _ROUTINE


class TitleWeights:
    """How telling a word is: 1 if no study of the review prints it in a title, 0 if all do."""

    def __init__(self, studies: Iterable[Iterable[frozenset[str]]]) -> None:
        counted: Counter[str] = Counter()
        total = 0
        for titles in studies:
            total += 1
            counted.update(set().union(*titles))
        scale = log(total + 1) or 1.0
        self._weight = {word: log((total + 1) / count) / scale for word, count in counted.items()}
        self._length: dict[frozenset[str], float] = {}

    def of(self, word: str) -> float:
        """Between 0 and 1; with one study only, all words weigh alike."""
        return self._weight.get(word, 1.0)

    def likeness(self, ours: frozenset[str], theirs: frozenset[str]) -> float:
        """Twice the weight of the shared words over the weight of both titles' words; 0 from too few shared words."""
        shared = ours & theirs
        if len(shared) < FEWEST_TITLE_WORDS:
            return 0.0
        both = self._sum(ours) + self._sum(theirs)
        return 2 * sum(map(self.of, sorted(shared))) / both if both else 0.0

    def _sum(self, title: frozenset[str]) -> float:
        """The weight of a title's words, always added in the same order: a sum must not depend on a set's."""
        if title not in self._length:
            self._length[title] = sum(map(self.of, sorted(title)))
        return self._length[title]


def weigh_titles(tally: Tally, likeness: float) -> None:
    """Titles that are alike beyond the words of their field."""
    if likeness >= TITLE_FROM:
        tally.add(TITLE * likeness, f"titles alike ({likeness:.2f})")
