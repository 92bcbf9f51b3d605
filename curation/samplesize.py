"""The number of patients that a title and abstract report, read from their words."""

from __future__ import annotations

import re
from typing import Final

_UNITS: Final = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS: Final = "twenty thirty forty fifty sixty seventy eighty ninety"
_NUMBER_WORDS: Final = {word: n for n, word in enumerate(_UNITS.split(), start=1)} | {
    word: 10 * n for n, word in enumerate(_TENS.split(), start=2)
}
_NUMBER: Final = rf"(?P<n>\d{{1,4}}|(?:(?:{'|'.join(_TENS.split())})[- ])?(?:{'|'.join(_NUMBER_WORDS)}))"
_PEOPLE: Final = r"(?:patients|participants|subjects|children|adults)"
_SAMPLE: Final = (  # surest first
    re.compile(rf"\b{_NUMBER} (?:\S+ ){{0,6}}?{_PEOPLE} (?:\S+ ){{0,4}}?(?:enrolled|infused|treated|received)\b", re.I),
    re.compile(rf"\b(?:enrolled|infused|treated|included|analysis of) {_NUMBER}\b(?=[^.%]{{0,60}}\b{_PEOPLE})", re.I),
    re.compile(rf"(?<![\w.,]){_NUMBER} (?!%)(?:[^\W\d][\w/-]* ){{0,4}}?{_PEOPLE}\b", re.I),
    re.compile(r"\bn\s*=\s*(?P<n>\d{1,4})\b", re.I),
)


def patients_in(text: str) -> int | None:
    """The number of patients that a title and abstract report: the largest that the surest wording gives."""
    for pattern in _SAMPLE:
        numbers = [_value(match["n"]) for match in pattern.finditer(text)]
        if numbers:
            return max(numbers)
    return None


def _value(text: str) -> int:
    if text.isdigit():
        return int(text)
    return sum(_NUMBER_WORDS[word] for word in re.split(r"[- ]", text.lower()))
