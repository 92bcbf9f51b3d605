"""Authors and dates as databases and reference managers print them in one cell or one line."""

from __future__ import annotations

import ast
import re
from typing import Final

from db.model import Author

_NOBODY: Final = re.compile(
    r"(?:et\.? al\.?|others|\[?anon(?:ymous)?\.?\]?|"
    r"\[?no authors?(?: name| id)? (?:listed|available|found)\]?|unknown|na|n/a)",
    re.I,
)
# Words that no person's name is, in the names of groups, offices and societies.
_GROUP: Final = re.compile(
    r"\b(?:group|consortium|investigators|committee|collaborati(?:on|ve|ng)|society|team|association|network|"
    r"organi[sz]ation|institutes?|foundation|initiative|trialists|council|agency|department|ministry|university|"
    r"hospital|registry|federation|academy|panel|company|inc\.?|ltd\.?|gmbh|centers? for)\b",
    re.I,
)
_INITIALS: Final = re.compile(r"(?:[A-ZÀ-ÖØ-Þ]\.?[\s-]?){1,4}")
_SUFFIX: Final = re.compile(r"(?:jr|sr|2nd|3rd|4th|i{2,3}|iv)\.?", re.I)
_PARTICLES: Final = frozenset(
    [
        "van",
        "von",
        "vom",
        "der",
        "den",
        "de",
        "del",
        "della",
        "di",
        "da",
        "dos",
        "das",
        "du",
        "la",
        "le",
        "les",
        "ten",
        "ter",
        "zu",
        "zur",
        "zum",
        "af",
        "av",
        "al",
        "el",
        "bin",
        "ibn",
        "st.",
        "st",
    ]
)
_NUMBER: Final = re.compile(r"\s*\(\d{6,}\)$")  # Scopus prints its author number after the name
_LONGEST_LIST: Final = 200_000  # characters of a cell that may still be a list written by a program


def authors_of(text: str) -> tuple[Author, ...]:
    """The authors in one cell: "A, B; C, D", "A, B and C, D", "A B., C D.", "['A, B', 'C, D']", one a line."""
    return tuple(author for part in split_authors(text) if (author := author_of(part)))


def author_of(text: str) -> Author | None:
    """One author, or None for "et al." and "Anonymous".

    A comma parts family and given names (a suffix such as Jr joins the given ones), else the side on which the
    initials stand tells them apart, else the last word and its particles are the family name. A name with a
    group's words in it, or with a closing comma and nothing after it (EndNote), is a group author.
    """
    ends_in_comma = text.rstrip().endswith(",")
    name = _NUMBER.sub("", " ".join(text.split()).strip(" ,;*"))
    if not name or _NOBODY.fullmatch(name):
        return None
    family, comma, given = name.partition(",")
    if (ends_in_comma and not comma) or (_GROUP.search(name) and not _is_person(comma, given)):
        return Author(collective=name)
    if comma:
        return Author(family.strip(), " ".join(part.strip() for part in given.split(",")).strip())
    return _without_comma(name.split())


def _is_person(comma: str, given: str) -> bool:
    return bool(comma) and bool(_INITIALS.fullmatch(given.strip()))


def _without_comma(words: list[str]) -> Author:
    if len(words) > 2 and _SUFFIX.fullmatch(words[-1]) and _INITIALS.fullmatch(words[-2]):
        return Author(" ".join(words[:-2]), " ".join(words[-2:]))
    ending = next((n for n in range(1, len(words)) if _INITIALS.fullmatch(" ".join(words[n:]))), 0)
    if ending:  # "Adeli K.", "O'Donnell C. P.", "van der Ende J"
        return Author(" ".join(words[:ending]), " ".join(words[ending:]))
    start = len(words) - 1
    while start > 1 and words[start - 1].lower() in _PARTICLES:
        start -= 1
    return Author(" ".join(words[start:]), " ".join(words[:start]))


def split_authors(text: str) -> list[str]:
    """The names in one cell, each as printed."""
    stripped = text.strip()
    if stripped.startswith("[") and stripped.endswith("]") and (listed := _list(stripped)) is not None:
        return listed
    for separator in (r"\s*;\s*", r"\s*\n\s*", r"\s*\|\s*", r"\s+and\s+|\s+&\s+"):
        parts = [part for part in re.split(separator, stripped) if part.strip(" ,")]
        if len(parts) > 1:
            return [name for part in parts for name in _by_comma(part)] if "and" in separator else parts
    return _by_comma(stripped.rstrip(";"))


def _by_comma(text: str) -> list[str]:
    """ "A B., C D." (Embase), "A, B., C, D." (old Scopus), "A B, C D"; a single comma is within one name."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) < 2:
        return [text]
    if all(" " in part and _INITIALS.fullmatch(part.split()[-1]) for part in parts if part):
        return [part for part in parts if part]
    if len(parts) % 2 == 0 and all(_INITIALS.fullmatch(part) for part in parts[1::2]):
        return [f"{family}, {given}" for family, given in zip(parts[::2], parts[1::2], strict=True)]
    return [part for part in parts if part] if len(parts) > 2 and not _SUFFIX.fullmatch(parts[-1]) else [text]


def _list(text: str) -> list[str] | None:
    """The names of a Python or JSON list, as data tools write it into a cell; None if it is none."""
    if len(text) > _LONGEST_LIST:
        return None
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return [str(name) for name in found] if isinstance(found, list) else None


_YEAR: Final = re.compile(r"(?<!\d)(1[5-9]\d\d|20\d\d)(?!\d)")
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH: Final = re.compile(r"\b(" + "|".join(_MONTHS) + r")[a-z]*\b", re.I)
_NUMERIC: Final = re.compile(r"(?<!\d)((?:1[5-9]|20)\d\d)[-/.](\d{1,2})(?!\d)(?:[-/.](\d{1,2})(?!\d))?")
_COMPACT: Final = re.compile(r"(?<!\d)((?:1[5-9]|20)\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?!\d)")
_DAY_FIRST: Final = re.compile(r"(?<!\d)(\d{1,2})[-/.](\d{1,2})[-/.]((?:1[5-9]|20)\d\d)(?!\d)")
_DAY: Final = re.compile(r"(?<![\d/:])(\d{1,2})(?:st|nd|rd|th)?(?![\d/:])")


def year_of(text: str) -> int | None:
    """The first year (1500 to 2099) in `text`, or None: "2019//", "c2017", "10 15" (none)."""
    found = _YEAR.search(text) or _COMPACT.search(text)
    return int(found[1]) if found else None


def date_of(year: int | None, text: str) -> str:
    """`text` as a partial ISO 8601 date, its year taken from `year` where it prints none; "" without any year.

    "2021/02/04/", "2019/10//undefined", "25 Aug 2004", "Mar 1", "SEP", "20200106". Of "03/04/2020" the year
    alone unless one number cannot be a month: which of the two is the month is not printed.
    """
    if (compact := _COMPACT.search(text)) or (compact := _NUMERIC.search(text)):
        return _iso(int(compact[1]), int(compact[2]), int(compact[3] or 0))
    if slashed := _DAY_FIRST.search(text):
        first, second, printed = (int(part) for part in slashed.groups())
        if first > 12 >= second:
            return _iso(printed, second, first)
        return _iso(printed, first, second) if second > 12 >= first or first == second else str(printed)
    printed_year = _YEAR.search(text)
    known = int(printed_year[1]) if printed_year else year
    if known is None:
        return ""
    without = _YEAR.sub(" ", text)
    month = _MONTH.search(without)
    if not month:
        return str(known)
    day = _DAY.search(without)
    return _iso(known, _MONTHS.index(month[1].lower()) + 1, int(day[1]) if day and "-" not in without else 0)


def _iso(year: int, month: int, day: int) -> str:
    if not 1 <= month <= 12:
        return str(year)
    return f"{year}-{month:02}-{day:02}" if 1 <= day <= 31 else f"{year}-{month:02}"
