"""Values of the data dictionary's fields: what people write in a cell, brought to one canonical form or refused.

Two extractors agree when their canonical forms do. NR (not reported), NA (not applicable) and UNCLEAR are answers to
every field; an empty cell is no answer. Pure functions of text.
"""

from __future__ import annotations

import datetime
import re
from decimal import Decimal, InvalidOperation
from typing import Final

from db.model import FieldStatus
from db.specs import FieldSpec

# What people write for an answer that is no value; the dictionary's notes name the three in capitals.
_ANSWERS: Final[dict[str, FieldStatus]] = {
    "nr": "silent", "not reported": "silent", "na": "not-applicable", "n/a": "not-applicable",
    "not applicable": "not-applicable", "unclear": "unclear",
}  # fmt: skip
WORDS: Final[dict[str, str]] = {"silent": "NR", "not-applicable": "NA", "unclear": "UNCLEAR"}
LONGEST: Final = 2000  # letters of one value; a cell with more is a text that was pasted by mistake
_BETWEEN: Final = re.compile(r"\s*[;\n]\s*")  # commas stand inside names: "Hebei Yanda Ludaopei, Sanhe"


class ValueFault(ValueError):  # noqa: N818 - a fault is what sheets name, by row and column
    """What is wrong with a cell, in words that follow "column value: "."""


def read_value(field: FieldSpec, text: str) -> tuple[FieldStatus, str]:
    """The status and the canonical value of what stands in a cell of `field`; ValueFault says what is wrong with it.

    The value is "" for NR, NA and UNCLEAR. An empty text is a fault: whoever calls knows cells without an answer.
    """
    text = " ".join(text.split()) if field.type != "list" else text.strip()
    if not text:
        raise ValueFault("is empty: write the value, NR, NA or UNCLEAR")
    # A field's own value comes first: the answer "unclear" of a risk-of-bias item is a judgement, not a gap.
    own = {value.casefold() for value in field.values}
    if text.casefold() in _ANSWERS and text.casefold() not in own:
        return _ANSWERS[text.casefold()], ""
    if len(text) > LONGEST:
        raise ValueFault(f"has {len(text)} letters: a value has at most {LONGEST}")
    return "reported", _READERS[field.type](field, text)


def number_of(field: FieldSpec, value: str) -> float | None:
    """A decimal's canonical value as a number, for the tolerance; None for every other type."""
    return float(value) if field.type == "decimal" and value else None


def allowed(field: FieldSpec) -> str:
    """What may stand in the field's cell, in words for a form or a sheet."""
    values = ", ".join(field.values)
    unit = f" of {field.unit}" if field.type == "integer" and field.unit else f", {field.unit}" if field.unit else ""
    return {
        "text": "words", "integer": f"a whole number{unit}", "decimal": f"a number with a decimal point{unit}",
        "yes-no": "yes or no", "choice": f"one of: {values}", "choices": f"one or more, with ; between: {values}",
        "list": "names, with ; between", "date": "YYYY-MM-DD, YYYY-MM or YYYY",
    }[field.type]  # fmt: skip


def _text(field: FieldSpec, text: str) -> str:
    return text


def _integer(field: FieldSpec, text: str) -> str:
    if not (text.isascii() and text.isdigit()):
        raise ValueFault(f'"{text[:40]}" is no whole number')
    return str(int(text))


def _decimal(field: FieldSpec, text: str) -> str:
    if "," in text:
        raise ValueFault(f'"{text[:40]}" has a comma: write a decimal point, and nothing between thousands')
    try:
        number = Decimal(text.rstrip("% ") if field.unit == "%" else text)
    except InvalidOperation:
        raise ValueFault(f'"{text[:40]}" is no number') from None
    if not number.is_finite() or number.adjusted() > _MOST_DIGITS or -number.adjusted() > _MOST_DIGITS:
        raise ValueFault(f'"{text[:40]}" is no number of this kind')
    plain = f"{number.normalize():f}"
    return "0" if plain in ("-0", "") else plain


_MOST_DIGITS: Final = 15  # what a double holds exactly; a percentage, a month or an age has no more


def _yes_no(field: FieldSpec, text: str) -> str:
    found = {"yes": "yes", "y": "yes", "no": "no", "n": "no"}.get(text.casefold())
    if found is None:
        raise ValueFault(f'"{text[:40]}" is neither yes nor no')
    return found


def _choice(field: FieldSpec, text: str) -> str:
    by_key = {value.casefold(): value for value in field.values}
    found = by_key.get(text.casefold())
    if found is None:
        raise ValueFault(f'"{text[:40]}" is none of: {", ".join(field.values)}')
    return found


def _choices(field: FieldSpec, text: str) -> str:
    given = {_choice(field, part) for part in _BETWEEN.split(text) if part}
    if not given:
        raise ValueFault("names nothing")
    return "; ".join(value for value in field.values if value in given)


def _list(field: FieldSpec, text: str) -> str:
    """Names in alphabetical order, each once: two people who list the same centres agree."""
    given = {" ".join(part.split()) for part in _BETWEEN.split(text)} - {""}
    if not given:
        raise ValueFault("names nothing")
    return "; ".join(sorted(given, key=lambda name: (name.casefold(), name)))


_DATE: Final = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")


def _date(field: FieldSpec, text: str) -> str:
    found = _DATE.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        datetime.date(int(found[1]), int(found[2] or 1), int(found[3] or 1))
    except ValueError:
        raise ValueFault(f'"{text[:40]}" is no date: YYYY-MM-DD, YYYY-MM or YYYY') from None
    return text


_READERS: Final = {
    "text": _text, "integer": _integer, "decimal": _decimal, "yes-no": _yes_no, "choice": _choice,
    "choices": _choices, "list": _list, "date": _date,
}  # fmt: skip
