"""Identifiers as people print them, brought to one form each: DOIs and trial registration numbers.

Pure functions, no SQL. They stand here because harvest and curation both need them and do not know each
other: a number read from a record and one typed by a person must meet in the same form.

The shapes are those of the registries of the WHO's ICTRP network and the notations that abstracts use for
them ("#NCT04984356", "NCT#04984356", "ChiCTR-OCB-15007326").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final
from urllib.parse import unquote

_DASHES: Final = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe63\uff0d"
_INVISIBLE: Final = "\u00ad\u200b\u200c\u200d\u2060\ufeff"

_DOI: Final = re.compile(r"(?<![\d.])10\.\d{4,9}/\S+")
_BRACKETS: Final = ("()", "[]", "{}", "<>")


def _as_typed(text: str) -> str:
    """`text` with plain hyphens for all dashes and without invisible characters."""
    if not text.isascii():
        for dash in _DASHES:
            text = text.replace(dash, "-")
        for character in _INVISIBLE:
            text = text.replace(character, "")
    return text


def normalise_doi(text: str) -> str:
    """The first DOI in `text`, lower case, without resolver, label or closing punctuation; or "".

    DOIs are case-insensitive (DOI Handbook, 3.4): lower case is this project's one form.
    """
    plain = _as_typed(text)
    if "://" in plain or "doi.org/" in plain or "%2f" in plain.lower():
        plain = unquote(re.split(r"[?#]", plain, maxsplit=1)[0])
    found = _DOI.search(plain)
    return _without_closing(found.group().lower()) if found else ""


def _without_closing(doi: str) -> str:
    """Drop what a sentence put after the DOI: commas, stops, quotes, and brackets that never opened."""
    while not doi[-1].isalnum() and _closes(doi):
        doi = doi[:-1]
    return doi


def _closes(doi: str) -> bool:
    last = doi[-1]
    return last in ".,;:'\"”’" or any(last == b and doi.count(a) < doi.count(b) for a, b in _BRACKETS)


def registry_ids(*texts: str) -> tuple[str, ...]:
    """Every trial registration number printed in `texts`, normalised, distinct and sorted.

    The normal form has the registry's prefix in its own case and no spaces: NCT01234567, ChiCTR2000034762,
    ChiCTR-OCB-15007326, ISRCTN15323014, EudraCT2015-001234-12, EUCT2022-500000-00-00, JPRN-UMIN000012345,
    CTRI/2020/01/022222, ACTRN12605000000000 (its suffix "p" says when it was registered, not which trial).
    A number with a digit too many or too few may be another trial's with a slip: it is left out.
    """
    found: set[str] = set()
    for text in texts:
        # Over every abstract, so it must be cheap: the patterns run on the few texts that may hold a number at all.
        if _may_hold_long_number(text):
            found.update(_numbers(text.lower(), _LONG))
        if "NTR" in text or "RBR" in text or "SLCTR" in text:  # the stems of _SHORT
            found.update(_numbers(text, _SHORT))
    return tuple(sorted(found))


def _may_hold_long_number(text: str) -> bool:
    """Whether five digits stand on end, or four and one with a space between, as halves of an NCT number may.

    By the shapes of characters: a third of the time that a pattern takes. What is not ASCII counts as nothing, since
    invisible characters may stand anywhere in a number. False alarms cost time, never a number.
    """
    shape = text.encode("ascii", "ignore").translate(_SHAPES)
    return b"00000" in shape or b"0000_0" in shape


def _numbers(text: str, registries: Mapping[str, tuple[_Registry, ...]]) -> Iterator[str]:
    stems = [stem for stem in registries if stem in text]
    plain = _as_typed(text) if stems else text
    for stem in stems:
        for pattern, form in registries[stem]:
            for match in pattern.finditer(plain):
                yield form(match)


# Digits are "0", white space is "_", the rest is "x".
_SHAPES: Final = bytes(48 if 48 <= c <= 57 else 95 if chr(c).isspace() else 120 for c in range(256))
# What stands between a registry's prefix and its digits in print: "NCT-04…", "ISRCTN, 22…", "ISRCTN No. 15…".
_GAP: Final = r"(?:[\s:#=_+,()\-]|(?i:no\.?|number|identifier|id)){0,8}"
_Form = Callable[["re.Match[str]"], str]
_Registry = tuple["re.Pattern[str]", _Form]


def _joined(prefix: str, separator: str = "") -> _Form:
    return lambda match: prefix + separator.join(part.upper() for part in match.groups())


def _registry(key: str, rest: str, form: _Form) -> _Registry:
    """A registry whose numbers begin with `key`, not inside a longer word."""
    return re.compile(rf"{key}(?<![A-Za-z]{key}){_GAP}{rest}(?!\d)"), form


def _european(rest: str, prefix: str) -> _Registry:
    """A number that is distinctive by its shape, printed with or without its registry's name."""
    return re.compile(rf"20(?<![\d-]20){rest}(?!-?\d)"), _joined(f"{prefix}20", "-")


# The registries by a stem that all their numbers hold, in a text in lower case.
_LONG: Final[Mapping[str, tuple[_Registry, ...]]] = {
    "nct": (_registry("nct", r"(\d{4})\s?(\d{4})", _joined("NCT")),),
    "ctr": (
        _registry("chictr", r"(\d{2})\s?(\d{6,8})", _joined("ChiCTR")),
        _registry("chictr", r"([a-z]{3,5})-?\s?(\d{8})", _joined("ChiCTR-", "-")),
        _registry("ctri", r"/?\s?(20\d\d)\s?[/-]\s?(\d{2,3})\s?[/-]\s?(\d{6})", _joined("CTRI/", "/")),
        _registry("actrn", r"(\d{14})", _joined("ACTRN")),
        _registry("pactr", r"(\d{15,16})", _joined("PACTR")),
        _registry("tctr", r"(\d{11})", _joined("TCTR")),
    ),
    "rct": (
        _registry("isrctn", r"(\d{4})\s?(\d{4})", _joined("ISRCTN")),
        _registry("jrcts", r"(\d{9})", _joined("JPRN-jRCTs")),
        _registry("jrct", r"(\d{10})", _joined("JPRN-jRCT")),
        _registry("irct", r"(\d{8,20})\s?(n\d{1,3})", _joined("IRCT")),
    ),
    "20": (
        _european(r"(\d\d)-(\d{6})-(\d\d)", "EudraCT"),
        _european(r"(\d\d)-(5\d{5})-(\d\d)-(\d\d)", "EUCT"),
    ),
    "umin": (_registry("umin", r"(?:-?ctr)?[\s:]?(?:umin)?(\d{9})", _joined("JPRN-UMIN")),),
    "japic": (_registry("japic", r"(?:cti)-?(\d{6})", _joined("JPRN-JapicCTI-")),),
    "jma": (_registry("jma", r"iia-?(\d{5})", _joined("JPRN-JMA-IIA")),),
    "drks": (_registry("drks", r"(\d{8})", _joined("DRKS")),),
    "kct": (_registry("kct", r"(\d{7})", _joined("KCT")),),
    "rpcec": (_registry("rpcec", r"(\d{8})", _joined("RPCEC")),),
}
# Those whose numbers may be shorter (NTR123, SLCTR/2015/022, RBR-4a5b6c): so little is a number only after a prefix in
# capitals, as these registries print it.
_SHORT: Final[Mapping[str, tuple[_Registry, ...]]] = {
    "NTR": (_registry("NTR", r"(\d{3,5})", _joined("NTR")),),
    "SLCTR": (_registry("SLCTR", r"/?\s?(20\d\d)/(\d{3})", _joined("SLCTR/", "/")),),
    "RBR": (_registry("RBR", r"(\d[0-9A-Za-z]{5,7})(?![A-Za-z])", lambda match: f"RBR-{match[1].lower()}"),),
}
