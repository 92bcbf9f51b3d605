"""Brings what sources print about one publication to comparable forms: titles, names, pages, volumes.

Pure functions of text. A normal form is for comparing only; nothing here is ever shown or stored as the record.
"""

from __future__ import annotations

import html
import re
import unicodedata
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

from curation.kinds import APPENDED_NOTE, CORRECTED_PLACE, CUT_PLACE, MARK_OF_CORRECTION
from db.model import Author


def word_set(text: str) -> frozenset[str]:
    """The words of a list written as one text."""
    return frozenset(text.split())


_TAG: Final = re.compile(r"</?[a-zA-Z][^<>]{0,80}>")
_NOT_WORD: Final = re.compile(r"[\W_]+")
_GREEK_NAMES: Final = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon phi "
    "chi psi omega"
)
_GREEK: Final = dict(zip(map(ord, "αβγδεζηθικλμνξοπρστυφχψω"), _GREEK_NAMES.split(), strict=True))
_UNSPLIT: Final = {ord(a): b for a, b in zip("øłđıæœþð", ["o", "l", "d", "i", "ae", "oe", "th", "d"], strict=True)}


def fold(text: str) -> str:
    """`text` without markup, accents, punctuation and case: words of letters and digits, one space between.

    Letters of other scripts stay (Hangul is recomposed after accents are dropped); Greek letters are spelled
    out, because half of the sources print "TNF-alpha" where the others print "TNF-α".
    """
    if "&" in text or "<" in text:
        text = _TAG.sub("", html.unescape(text))
    if not text.isascii():
        apart = unicodedata.normalize("NFKD", text.casefold())
        bare = "".join(c for c in apart if not unicodedata.combining(c))
        # Case once more: a mathematical capital alpha becomes a plain capital only when it is taken apart.
        text = unicodedata.normalize("NFC", bare).casefold().translate(_UNSPLIT | _GREEK)
    return _NOT_WORD.sub(" ", text.replace("'", "").replace("’", "").casefold()).strip()


# A trailing bracket of few words is a label ("[Chinese]", "[abstract]"), a longer one is a translated title.
_LABEL_WORDS: Final = 3
_TRAILING_BRACKET: Final = re.compile(r"^(?P<head>.*?\S)\s*\[(?P<inner>[^\[\]]+)\]\s*\.?\s*$", re.DOTALL)
_WHOLE_BRACKET: Final = re.compile(r"^\s*\[(?P<inner>.+)\]\s*\.?\s*(?:\((?:author'?s? transl)\))?\s*$", re.DOTALL)
# Labels that databases print in round brackets behind a title.
_TRAILING_LABEL: Final = re.compile(
    r"\s*\((?:multiple letters|letters?|review|abstract|conference abstract|correspondence|author'?s? transl)\)"
    r"\s*\.?\s*$",
    re.IGNORECASE,
)
# Marks set before a title by publishers and by meetings; they are not words of it. "RETRACTED:" marks the
# article itself; "Retraction:" is the notice and stays.
_MARK_BEFORE: Final = re.compile(
    r"^\s*(?:retracted(?:\s+article)?\s*[:.\-–]|withdrawn\s*[:.\-–]|(?:abstract\s+)?[a-z]{0,3}-?\d{1,5}\s*:)\s*", re.I
)
# A title that its source cut: "… for pediatric and ... (title truncated)".
_CUT: Final = re.compile(r"^(?P<head>.{15,}?)\s*(?:\.\.\.|…)\s*(?:\([^()]*\))?\s*$", re.DOTALL)
_UNKNOWN: Final = {"unknown", "untitled", "no title", "no title available", "not available", "anonymous", "anon"}


def title_forms(title: str, vernacular: str = "", kind: str = "") -> tuple[str, str]:
    """The folded title and its second form ("" if none): what a bracket translates, or the vernacular title.

    "[Original]." loses its brackets; a trailing "[Chinese]", "(letter)" or "[Erratum in …]" is dropped; so are
    "RETRACTED:" and a meeting's number ("P1389:") in front. Of a "correction" (its `kind`, see curation.kinds) the
    title is the corrected article's, since each source marks it otherwise.
    """
    text = _MARK_BEFORE.sub("", title, count=1)
    if ("..." in text or "…" in text) and (cut := _CUT.match(text)):
        text = cut["head"]
    if kind == "correction":
        text = CUT_PLACE.sub("", CORRECTED_PLACE.sub("", MARK_OF_CORRECTION.sub("", text, count=1)))
    other = vernacular
    if "[" in text:
        text, other = _without_brackets(text, other)
    if text.rstrip(" .").endswith(")"):
        text = _TRAILING_LABEL.sub("", text)
    key = fold(text)
    return ("" if key in _UNKNOWN else key), fold(other)


def _without_brackets(text: str, other: str) -> tuple[str, str]:
    """`text` without what databases bracket, and the second form: `other`, or else what a bracket translates."""
    text = APPENDED_NOTE.sub("", text) or text
    if whole := _WHOLE_BRACKET.match(text):
        text = whole["inner"]
    while "[" in text and (parts := _TRAILING_BRACKET.match(text)):  # "… . [Review] [33 refs]"
        text = _TRAILING_LABEL.sub("", parts["head"])
        if len(parts["inner"].split()) > _LABEL_WORDS:
            other = other or parts["inner"]
    return text, other


_ROMAN: Final = {"ii": "2", "iii": "3", "iv": "4", "vi": "6", "vii": "7", "viii": "8", "ix": "9"}
_ORDINALS: Final = {"i": "1", "v": "5", "x": "10", "one": "1", "two": "2", "three": "3", "first": "1", "second": "2"}
_COUNTED: Final = {"part", "phase", "type", "stage", "chapter", "volume", "paper", "section", "level", "wave"}


def numerals(title_key: str) -> frozenset[str]:
    """The numbers in a folded title: "part i", "phase II", "2019". Publications of one series differ in these."""
    words = title_key.split()
    found = {_ROMAN.get(word, word) for word in words if word.isdigit() or word in _ROMAN}
    for before, word in pairwise(words):
        if before in _COUNTED and word in _ORDINALS:
            found.add(_ORDINALS[word])
    return frozenset(found)


# Particles that one source files under the family name and another under the given names, or drops.
_PARTICLES: Final = word_set(
    "van von de der den del della di da dos das du des la le les el al bin ibn ter ten zu zur af av vom"
)
_SUFFIXES: Final = word_set("jr sr ii iii iv phd md")


class Name(NamedTuple):
    """One author's name in comparable form: `family` without spaces or particles, `initial` may be ""."""

    family: str
    initial: str
    words: frozenset[str]  # all words longer than one letter: the order of family and given does not matter
    initials: frozenset[str]  # of all words


def name(author: Author) -> Name:
    """The comparable form of one author; a group author's family is its folded collective name."""
    return _name(author.family, author.given, author.collective)


# "SternP.R.": a family name with its initials run together.
_GLUED_INITIALS: Final = re.compile(r"^(?P<family>.*[^\W\d_A-Z])(?P<initials>(?:[A-Z]\.[\s-]?)+)$")


@lru_cache(maxsize=65536)  # by name alone: affiliations differ from paper to paper
def _name(family_name: str, given_name: str, collective: str) -> Name:
    if not given_name and (glued := _GLUED_INITIALS.match(family_name)):
        family_name, given_name = glued["family"], glued["initials"]
    family_words, given_words = fold(family_name).split(), fold(given_name).split()
    family = [word for word in family_words if word not in _PARTICLES and word not in _SUFFIXES]
    if not family and len(given_words) > 1 and len(given_words[0]) > 1 and len(given_words[-1]) == 1:
        family, given_words = given_words[:1], given_words[1:]  # "De, Vriese A.": the particle was cut off
    family = family or family_words or fold(collective).split()
    given = [word for word in given_words if word not in _PARTICLES and word not in _SUFFIXES]
    words = frozenset(word for word in family + given if len(word) > 1 or not word.isascii())
    initials = frozenset(word[0] for word in family + given)
    return Name("".join(family), given[0][:1] if given else "", words, initials)


def same_person(one: Name, other: Name) -> bool:
    """Whether two printed names can be one person's: family and initial agree, family and given are swapped, or one
    source took half of a double family name for a given name ("Giorgi Rossi P", "Rossi P G")."""
    if one.family == other.family:
        return not one.initial or not other.initial or one.initial == other.initial
    return _swapped(one, other) or _swapped(other, one) or _halved(one, other) or _halved(other, one)


def _swapped(one: Name, other: Name) -> bool:
    """`one`'s family name stands among the other's given names, whose family fits `one`'s initial, or likewise."""
    if not one.family or one.family not in other.words:
        return False
    return other.family in one.words or one.initial == other.family[:1]


def _halved(one: Name, other: Name) -> bool:
    """`one`'s family name is one word of several of the other's, and the initials of both names are the same."""
    return one.family in other.words and len(one.initials) > 1 and one.initials == other.initials


_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
# Two abstracts of the same people can share a page or two of a supplement, not three.
OWN_PAGES: Final = 3


class Pages(NamedTuple):
    """First and last page without letters' case and leading zeros; `last` is "" when only one is printed."""

    first: str
    last: str

    @property
    def bare_first(self) -> str:
        """The first page without the letters that some sources leave out ("S69" and "69")."""
        return self.first.lstrip(_LETTERS)

    @property
    def length(self) -> int | None:
        """Number of pages, if both ends are plain numbers."""
        if self.first.isdigit() and self.last.isdigit():
            return int(self.last) - int(self.first) + 1
        return None

    @property
    def long(self) -> bool:
        """Longer than a meeting abstract, an erratum or a reply; no two publications of the same people share it."""
        return (self.length or 0) >= OWN_PAGES


_PAGE: Final = re.compile(r"([a-z]{0,4})0*(\d+)([a-z]{0,2})")
_DASH: Final = re.compile(r"\s*[-–—‐‑]+\s*")
_ELOCATOR_DIGITS: Final = 5  # a number of five digits or more without a range is an article number, not a page


_EXTENT: Final = re.compile(r"\d+ ?p(?:p|ages?)?\.?$")  # "215 p": how long a thesis is, not where it stands


def pages(text: str) -> Pages | None:
    """First and last page of "123-8", "123–128" or "pp. 123 -- 128" (123, 128), "e0143396" (e143396); None if none."""
    text = text.lower()
    if text.endswith(("p", "p.", "pages")) and _EXTENT.fullmatch(text.strip()):
        return None
    parts = _DASH.split(text.replace("pp.", "").replace(" ", "").split(";")[0].split(",")[0])
    ends = [_PAGE.search(part) for part in parts[:2]]
    if not ends or ends[0] is None:
        return None
    start, end = ends[0], ends[1] if len(ends) > 1 else None
    first = start.group(1) + start.group(2) + start.group(3)
    if end is None:
        return Pages(first, "")
    digits = end.group(2)
    if len(digits) < len(start.group(2)):  # "221-8", "S221-8"
        digits = start.group(2)[: -len(digits)] + digits
    return Pages(first, (end.group(1) or start.group(1)) + digits + end.group(3))


def pages_agree(one: Pages | None, other: Pages | None) -> bool | None:
    """True: one place in the volume. False: two places. None: cannot be told (one missing, a locator against a range,
    the 1-17 of an article ahead of print against 566-582, or a slip: the ranges meet or end on the same page)."""
    if one is None or other is None:
        return None
    if one.first == other.first:
        return True if one.last == other.last or not one.last or not other.last else None
    if _is_locator(one) != _is_locator(other) or _meet(one, other):
        return None
    if "1" in (one.first, other.first) and (one.length == other.length or not (one.last and other.last)):
        return None  # ahead of print, or an article that counts its own pages against its number
    if one.bare_first == other.bare_first:  # "S69" and "69", "c37-c42" and "37-42"
        return True if one.last.lstrip(_LETTERS) == other.last.lstrip(_LETTERS) else None
    return False


def _meet(one: Pages, other: Pages) -> bool:
    """Whether the ranges have a page in common, or the same last page: "2297-2108" and "2097-2108" are one misprinted.

    A page alone counts inside a range only: some journals count from the page on which the printed part begins.
    """
    if one.last and one.last == other.last:
        return True
    spans = []
    for place in (one, other):
        if not (place.first.isdigit() and (place.last.isdigit() or not place.last)):
            return False
        spans.append((int(place.first), int(place.last or place.first)))
    (a, b), (c, d) = spans
    return a <= d and c <= b


def misprinted(one: Pages, other: Pages) -> bool:
    """Whether the first pages differ in one digit: "2141" and "2142", "S22" and "52"."""
    a, b = one.bare_first, other.bare_first
    return len(a) == len(b) > 1 and sum(x != y for x, y in zip(a, b, strict=True)) == 1


def _is_locator(place: Pages) -> bool:
    bare = place.first.lstrip("e")
    return not place.last and (place.first != bare or len(bare) >= _ELOCATOR_DIGITS)


_VOLUME: Final = re.compile(r"\d+")


def volume(text: str) -> str:
    """The volume's first number: "4 (1) (no pagination)" → "4", "Vol. 12" → "12"; "" if there is none.

    "1)" is what a broken export leaves of "39 (Suppl. 1)": no volume.
    """
    if text.count(")") > text.count("("):
        return ""
    found = _VOLUME.search(text)
    return found.group().lstrip("0") if found else ""
