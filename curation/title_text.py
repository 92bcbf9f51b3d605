"""Titles as vectors: words, pieces of words and the initials of names, each weighed by how rare it is.

For titles of two kinds that never agree word by word, as a registration's and its article's. No language's grammar is
known here beyond the endings of English words; pieces of words carry what other languages inflect.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from math import log
from typing import Any, Final

import numpy as np
from scipy import sparse

from curation.normalise import fold
from curation.title_words import STOP, stem

# A rare word tells more than its plain idf says: registers and articles share the common ones by chance. On one half
# of the links that a hand search found, 1.5 was better than 1 for pieces of words and as good for words.
IDF_POWER: Final = 1.5
SHORTEST_PIECE, LONGEST_PIECE = 3, 5  # characters; the usual range for matching names across spellings
# Initials of two words are met by chance in any title; of more than six nobody makes an acronym.
FEWEST_INITIALS, MOST_INITIALS = 3, 6
LONGEST_ACRONYM: Final = 10

Matrix = Any  # a sparse matrix of scipy; its stubs change the class from one operation to the next


def words_of(title: str) -> list[str]:
    """The stems of a title's words, without articles and prepositions."""
    return [stem(word) for word in fold(title).split() if word not in STOP]


def pieces_of(title: str) -> list[str]:
    """Every run of three to five characters of each word, with its ends marked by a space."""
    found = []
    for word in fold(title).split():
        if word in STOP:
            continue
        marked = f" {word} "
        for length in range(SHORTEST_PIECE, LONGEST_PIECE + 1):
            found += [marked[start : start + length] for start in range(max(1, len(marked) - length + 1))]
    return found


def acronyms_of(title: str) -> frozenset[str]:
    """Words with two capitals or more ("PONV", "mRNA", "BiPAP"), in lower case, without the plural's s."""
    printed = (word for word in re.findall(r"[^\W_]+", title) if sum(map(str.isupper, word)) > 1)
    lower = {word.lower() for word in printed if FEWEST_INITIALS <= len(word) <= LONGEST_ACRONYM}
    return frozenset(lower | {word[:-1] for word in lower if word.endswith("s") and len(word) > FEWEST_INITIALS})


def initials_of(title: str) -> frozenset[str]:
    """The initials of every run of three to six words, with and without its small words, that are no acronym in it."""
    words = [word for word in re.split(r"[\W_]+", title.lower()) if word]
    found = set()
    for run_of in (words, [word for word in words if word not in STOP]):
        for length in range(FEWEST_INITIALS, MOST_INITIALS + 1):
            for start in range(len(run_of) - length + 1):
                run = run_of[start : start + length]
                if run[0] not in STOP and run[-1] not in STOP:
                    found.add("".join(word[0] for word in run))
    return frozenset(found) - acronyms_of(title)


def vectors(
    ours: Sequence[str], theirs: Sequence[str], terms: Callable[[str], list[str]]
) -> tuple[Matrix, Matrix, list[str]]:
    """TF-IDF rows of unit length for both lists, and the terms of the columns; a title without terms is all zero."""
    place: dict[str, int] = {}
    rows: list[int] = []
    columns: list[int] = []
    for row, title in enumerate((*ours, *theirs)):
        found = terms(title)
        rows += [row] * len(found)
        columns += [place.setdefault(term, len(place)) for term in found]
    count = len(ours) + len(theirs)
    matrix: Matrix = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(count, len(place)))
    frequency = np.bincount(matrix.indices, minlength=len(place))
    matrix.data = 1 + np.log(matrix.data)
    matrix = matrix @ sparse.diags((np.log((1 + count) / (1 + frequency)) + 1) ** IDF_POWER)
    length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    matrix = (sparse.diags(1 / np.where(length == 0, 1, length)) @ matrix).tocsr()
    return matrix[: len(ours)], matrix[len(ours) :], list(place)


def acronyms_met(ours: Sequence[str], theirs: Sequence[str]) -> dict[tuple[int, int], tuple[float, str]]:
    """{(our title, their title): (how telling, the acronym)} where one prints the acronym of words in the other.

    How telling is 1 for initials that no other title has, 0 for those that all have.
    """
    printed = [(acronyms_of(title), initials_of(title)) for title in (*ours, *theirs)]
    total, split = len(printed), len(ours)
    with_acronym, with_initials = _where(one for one, _ in printed), _where(one for _, one in printed)
    met: dict[tuple[int, int], tuple[float, str]] = {}
    for acronym, holders in with_acronym.items():
        spelled = with_initials.get(acronym, ())
        if not spelled or total < 2:
            continue
        telling = max(0.0, log(total / (len(holders) + len(spelled))) / log(total))
        for one in holders:
            for other in spelled:
                if (one < split) != (other < split):
                    pair = (min(one, other), max(one, other) - split)
                    met[pair] = max(met.get(pair, (0.0, "")), (telling, acronym))
    return met


def _where(sets: Iterable[Iterable[str]]) -> dict[str, list[int]]:
    places: dict[str, list[int]] = defaultdict(list)
    for place, found in enumerate(sets):
        for each in found:
            places[each].append(place)
    return places
