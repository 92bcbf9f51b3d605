"""The protocol's terms found in a text: where they stand, so that a screen may mark them, and which they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Kind = Literal["include", "exclude"]
# What may stand between the words of a term: "CAR-T", "CAR T" and "CAR‑T" (with a hyphen that does not break) are one.
_BETWEEN = r"[\s\u00a0‐‑‒–-]+"
_BETWEEN_AT = re.compile(_BETWEEN)


@dataclass(frozen=True, slots=True)
class Span:
    """Text from `start` to before `end` is a term of the protocol; `term` as the protocol writes it."""

    start: int
    end: int
    kind: Kind
    term: str


def spans(text: str, include: Sequence[str], exclude: Sequence[str]) -> list[Span]:
    """Where the terms stand in `text`, in order, none overlapping: the first, then the longer, then inclusion.

    Whole words in either case; a term ending in * also begins longer words; hyphens and spaces inside are alike.
    """
    pattern, named = _pattern(tuple(include), tuple(exclude))
    if pattern is None:
        return []
    return [Span(*match.span(), *named[(match.lastindex or 1) - 1]) for match in pattern.finditer(text)]


def terms_in(text: str, include: Sequence[str], exclude: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The inclusion and the exclusion terms that the text holds, each once, in the protocol's order, without *."""
    held = {(span.kind, span.term) for span in spans(text, include, exclude)}
    found = [dict.fromkeys(term.rstrip("*") for term in terms if (kind, term) in held)
             for kind, terms in (("include", include), ("exclude", exclude))]  # fmt: skip
    return tuple(found[0]), tuple(found[1])


def marked(text: str, include: Sequence[str], exclude: Sequence[str]) -> str:
    """The text with inclusion terms in [+ +] and exclusion terms in [- -]: marks that need no colour and no font."""
    parts, at = [], 0
    for span in spans(text, include, exclude):
        sign = "+" if span.kind == "include" else "-"
        parts += [text[at : span.start], f"[{sign}{text[span.start : span.end]}{sign}]"]
        at = span.end
    return "".join([*parts, text[at:]])


@lru_cache(maxsize=8)
def _pattern(
    include: tuple[str, ...], exclude: tuple[str, ...]
) -> tuple[re.Pattern[str] | None, list[tuple[Kind, str]]]:
    """One pattern with a group for each term, the longer first, and whose group it is: a text is read once."""
    terms: list[tuple[Kind, str]] = [*(("include", term) for term in include), *(("exclude", term) for term in exclude)]
    named = [(kind, term) for kind, term in terms if _BETWEEN_AT.sub("", term.rstrip("*"))]
    named.sort(key=lambda one: (-len(one[1].rstrip("*")), one[1].endswith("*")))
    if not named:
        return None, []
    groups = "|".join(f"({_of_term(term)})" for _, term in named)
    return re.compile(rf"(?<![^\W_])(?:{groups})", re.IGNORECASE), named


def _of_term(term: str) -> str:
    words = [re.escape(word) for word in _BETWEEN_AT.split(term.rstrip("*")) if word]
    return _BETWEEN.join(words) + (r"[^\W_]*" if term.endswith("*") else r"(?![^\W_])")
