"""Whether two printed journal names can be one journal's: abbreviations, acronyms, second names, meetings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from curation.normalise import fold, word_set

# What follows a journal's name: its meeting, subtitle, place or parallel title.
_AFTER_NAME: Final = re.compile(r"\.\s*conference\b.*|\s*[/=:;(\[].*", re.IGNORECASE | re.DOTALL)
# The second names among these: "Zhonghua Xue Ye Xue Za Zhi [Chinese journal of hematology]", "X = Y", and the meeting
# in "Pediatric Nephrology.Conference: 44th Annual Meeting of …", which another source prints alone.
_SECOND_NAME: Final = re.compile(
    r"\.\s*conference\s*:(?P<meeting>.+?)(?:\.\s.*)?$|[\[(](?P<bracket>[^\[\]()]+)[\])]|=(?P<parallel>.+)$",
    re.IGNORECASE | re.DOTALL,
)
_STOP: Final = word_set(
    "of the and for in on a an de la le les et und der die das del fur supplement supplements suppl"
)
# Contractions of the ISO 4 list that do not begin the word they stand for.
_CONTRACTED: Final = {"natl": "national", "intl": "international", "jpn": "japanese", "dtsch": "deutsche"}
# Words that one source puts round a meeting's name and another leaves out, beside ordinals and years.
_MEETING_WORDS: Final = word_set("proceedings annual conference symposium international meeting joint")
_ORDINAL: Final = re.compile(r"\d+(?:st|nd|rd|th)?|(?:twent|thirt|fort|fift|sixt|sevent|eight|ninet)\w*|\w+teenth")
# One name inside another is the same periodical only if it is this long: "Cancer" is not "Cancer Research".
_NAMING_WORDS: Final = 3
# An acronym takes so many letters of a word at most: "AMCIS" is Americas Conference on Information Systems.
_LETTERS_OF_A_WORD: Final = 2


@lru_cache(maxsize=65536)
def journals_agree(one: str, other: str) -> bool | None:
    """Whether two printed journal names can be one journal's; None if either is missing.

    They agree when, in any of their names, the words of one begin with the words of the other in turn ("Am J
    Hematol"), when one is the other's acronym ("PNAS", "AMCIS 2017 Proceedings"), or when all words of one stand in
    the other in their order (a meeting's name).
    """
    ours, theirs = journal_names(one), journal_names(other)
    if not ours or not theirs:
        return None
    return any(_one_name(a, b) for a in ours for b in theirs)


@lru_cache(maxsize=65536)
def journal_names(text: str) -> tuple[tuple[str, ...], ...]:
    """The names in `text` as words without articles and ordinals, the journal's own first: (("am", "j", "hematol"),).

    A second name (a translation, a meeting) counts if it has at least three words.
    """
    names = [words] if (words := _words(_AFTER_NAME.sub("", text) or text)) else []
    for found in _SECOND_NAME.finditer(text):
        words = _words(found["meeting"] or found["bracket"] or found["parallel"] or "")
        if len(words) >= _NAMING_WORDS:
            names.append(words)
    return tuple(names)


def _words(text: str) -> tuple[str, ...]:
    words = tuple(_CONTRACTED.get(word, word) for word in fold(text).split())
    return tuple(word for word in words if word not in _STOP and not _ORDINAL.fullmatch(word)) or words


def _one_name(one: Sequence[str], other: Sequence[str]) -> bool:
    if one == other or (len(one) == len(other) and all(map(_abbreviates, one, other))):
        return True
    short, long = sorted((one, other), key=len)
    plain = [word for word in short if word not in _MEETING_WORDS] or list(short)
    if len(plain) == 1 and len(long) >= _NAMING_WORDS:
        return _is_acronym(plain[0], long)
    return len(short) >= _NAMING_WORDS and _in_order(plain, long)


def _abbreviates(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _is_acronym(letters: str, words: Sequence[str]) -> bool:
    """Whether `letters` is made of the beginnings of all `words` in turn, one or two letters of each."""
    if not words:
        return not letters
    return any(
        letters[:n] == words[0][:n] and _is_acronym(letters[n:], words[1:])
        for n in range(1, min(_LETTERS_OF_A_WORD, len(letters), len(words[0])) + 1)
    )


def _in_order(words: Sequence[str], longer: Sequence[str]) -> bool:
    rest = iter(longer)
    return all(any(_abbreviates(word, candidate) for candidate in rest) for word in words)
