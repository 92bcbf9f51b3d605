"""Titles beside each other: whether a word differs, whether one lacks a subtitle, whether they name anything."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from rapidfuzz import fuzz

from curation.normalise import word_set

# rapidfuzz ratio of two words, for misprints: "eculizumab" and "eculizamab", "haemolytic" and "hemolytic" are one
# word; "resistant" and "sensitive" (44), "adult" and "adolescent" (53), "men" and "women" (75) are two.
WORDS_ALIKE: Final = 80
# Shorter words are acronyms and names of things ("HIV", "HBV", "mice", "rats"): one letter makes another word.
SHORT_WORD: Final = 4
# Fewer words of a title can stand in another title by chance.
TELLING_PART: Final = 3
# Titles of fewer words recur every year ("Editorial comment", "Book review", "Introduction to the special issue").
TELLING_WORDS: Final = 5
# Titles of as many words are not chosen twice; a column's ("Remarks from the editor of …") has fewer.
LONG_TITLE: Final = 8
# Pieces which the same people write again under the same title.
RECURRING: Final = re.compile(
    r"\b(?:editorial|editors?|preface|foreword|minitrack|announcement|obituary|news|book reviews?|abstracts?|"
    r"proceedings|annual report|year in review|conference report|meeting report|call for papers|message from|"
    r"introduction to the (?:special|issue|section|mini))\b"
)
GENERIC: Final = word_set(
    "editorial editorials editor editors introduction preface foreword comment comments commentary letter letters "
    "reply response discussion correspondence news abstracts abstract poster posters oral meeting book books review "
    "reviews announcement erratum correction contents index summary report reports case poem obituary untitled the a "
    "an of to from and in for on with"
)


# Short words that make another publication when they stand in one title only.
_TURNING: Final = word_set("non not no pre post anti un")


def odd_words(one: Sequence[str], other: Sequence[str]) -> tuple[str, str]:
    """In each title the first word that the other has in no form, not even misprinted or run together; "" if none."""
    if one == other:
        return "", ""
    ours, theirs = set(one), set(other)
    left, right = [word for word in one if word not in theirs], [word for word in other if word not in ours]
    if "".join(left) == "".join(right):  # "post operative" and "postoperative"
        return "", ""
    return _unlike(left, right), _unlike(right, left)


def is_telling(word: str) -> bool:
    """Whether a word that only one of two titles has tells them apart: "the" and "of" do not, "female" and "non" do."""
    return len(word) >= SHORT_WORD or word in _TURNING


def _unlike(words: list[str], others: list[str]) -> str:
    """The first of `words` that is no misprint and no part of any of `others` or of all of them together; one that
    tells, if there is any."""
    joined = "".join(others)
    odd = ""
    for word in words:
        if word in joined and len(word) >= SHORT_WORD:
            continue
        least = WORDS_ALIKE if len(word) > SHORT_WORD else 100
        if not any(fuzz.ratio(word, each) >= least or (len(each) > SHORT_WORD and each in word) for each in others):
            if is_telling(word):
                return word
            odd = odd or word
    return odd
