"""Words of titles without their endings, for comparing titles that are never equal."""

from __future__ import annotations

from typing import Final


def each_word(text: str) -> tuple[str, ...]:
    """The words of a list written as text."""
    return tuple(text.split())


STOP: Final = frozenset(each_word("a an the of in on and or for to with by from at as is are be"))
_ENDINGS: Final = each_word(  # longest first where one ends in another
    "isations izations isation ization ically ations ation ments ment ings ing ies ive ous ical ics ic "
    "al es ed ly s e y"
)
_SHORTEST_STEM: Final = 4


def stem(word: str) -> str:
    """`word` without its ending, if four letters or more are left: "surgical" and "surgically" become one."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            return word[: -len(ending)]
    return word
