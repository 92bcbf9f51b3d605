"""PubMed's dates, which are as partial as the journal printed them, as partial ISO 8601 text."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from lxml import etree

_MONTH_NAMES: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS: Final = {name: f"{number:02}" for number, name in enumerate(_MONTH_NAMES, start=1)}


def iso_date(element: etree._Element) -> str:
    """A date element as partial ISO 8601 text: "2021", "2021-05", "2021-05-30"; "" without a year.

    Of a MedlineDate ("2021 May-Jun", "1998 Dec-1999 Jan") the start; of a Season the year alone.
    """
    year = month = day = ""
    for child in element:
        tag, text = child.tag, child.text or ""
        if tag == "Year":
            year = text
        elif tag == "Month":
            month = text
        elif tag == "Day":
            day = text
        elif tag == "MedlineDate":
            return _free_date(text)
    return _iso(year.strip(), month.strip(), day.strip())


@lru_cache(maxsize=4096)  # the days of eleven years: two dates for a record, and most of them the same few
def _iso(year: str, month: str, day: str) -> str:
    if not (len(year) == 4 and year.isdecimal()):
        return ""
    number = _month(month)
    if not number:
        return year
    return f"{year}-{number}-{day:0>2}" if day.isdecimal() and 1 <= int(day) <= 31 else f"{year}-{number}"


def _free_date(text: str) -> str:
    found = re.search(r"\b(\d{4})\b(?:\s+([A-Za-z]{3})[a-z]*)?", text)
    if not found:
        return ""
    month = _month(found[2] or "")
    return f"{found[1]}-{month}" if month else found[1]


def _month(text: str) -> str:
    """The number, with two digits, of "5", "05" or "May"; "" if it is no month."""
    if text.isdecimal():
        return f"{text:0>2}" if 1 <= int(text) <= 12 else ""
    return _MONTHS.get(text[:3].lower(), "")
