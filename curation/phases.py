"""Phases of trials, from the words of titles and the codes of registers."""

from __future__ import annotations

import re
from typing import Final

_ONE: Final = r"(?:iv|i{1,3}|[1-4])[ab]?(?![a-z0-9])"
_RUN: Final = re.compile(rf"(?<![a-z])phases?[\s_-]*({_ONE}(?:\s*(?:/|-|and|to|;)\s*(?:phase[\s_-]*)?{_ONE})*)", re.I)
_BARE: Final = re.compile(rf"\s*{_ONE}(?:\s*[/,-]\s*{_ONE})*\s*", re.I)
_NUMBER: Final = re.compile(r"iv|i{1,3}|[1-4]", re.I)
_ROMAN: Final = {"i": "1", "ii": "2", "iii": "3", "iv": "4"}


def phases_in(text: str) -> frozenset[str]:
    """The phases that a text names, as "1" to "4": "Phase II/III", "PHASE2; PHASE3", "phase IIa", or "II" alone."""
    runs = _RUN.findall(text) or ([text] if _BARE.fullmatch(text) else [])
    return frozenset(_ROMAN.get(one.lower(), one) for run in runs for one in _NUMBER.findall(run))
