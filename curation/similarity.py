"""What speaks for and against two records being one publication, field by field, each in words.

`describe` brings a record to its comparable form once; `veto` and `Comparison` then look at pairs. The vetoes are
the cases in which the fields agree and the publications still differ: an erratum repeats its article's title,
a reply stands on the page of its letter, a preprint and its article are two reports of one study.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from rapidfuzz import fuzz

from curation.normalise import (
    Name,
    Pages,
    journals_agree,
    name,
    numerals,
    pages,
    pages_agree,
    same_person,
    title_forms,
    volume,
)
from db.model import Record

_PREPRINT_SERVERS: Final = re.compile(
    r"\b(?:med|bio|chem|psy|soc)rxiv\b|\barxiv\b|research square|\bssrn\b|preprints(?:\.org|$)|authorea"
)
# DOI prefixes that only preprint servers use: Cold Spring Harbor's, openRxiv's, Research Square's, arXiv's, …
_PREPRINT_DOIS: Final = (
    "10.1101/20", "10.1101/0", "10.1101/1", "10.64898/", "10.21203/rs", "10.48550/arxiv", "10.20944/preprints",
    "10.2139/ssrn", "10.22541/au",
)  # fmt: skip
_OF: Final = r"(?:\s*[:.,–\-(\[]|\s+(?:to|of|for|in|note|notice)\b|\s*$)"
_KINDS_BY_TITLE: Final = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        ("retraction notice", rf"^(?:notice of )?retraction(?: notice)?{_OF}|^retracted (?:to|of|for)\b"),
        (
            "correction",
            rf"^(?:(?:author|publisher|published) )?(?:errat(?:um|a)|corrigend(?:um|a)|corrections?|addendum){_OF}",
        ),
        # "[Erratum appears in …]" is a database's note on the article itself.
        ("correction", r"[\[(:]\s*(?:erratum|corrigendum|correction)\b(?!\s+(?:appears|in)\b)"),
        ("expression of concern", r"^(?:editorial )?expression of concern\b"),
        (
            "reply",
            r"^(?:(?:the )?authors?['’]?s? (?:reply|response)|(?:in )?reply|response to (?:the )?(?:letter|comment))\b",
        ),
        ("reply", r"[:.\-–(\[]\s*(?:(?:the )?authors?['’]?s? )?(?:in )?(?:reply|response)\s*[\])]?\.?$"),
        ("comment", r"^(?:comments? on|commentary on|letter to the editor|invited commentary|re:)"),
    )
)
_KINDS_BY_TYPE: Final = {
    "published erratum": "correction",
    "retraction of publication": "retraction notice",
    "expression of concern": "expression of concern",
    "preprint": "preprint",
    "posted-content": "preprint",
    "meeting abstract": "meeting abstract",
    "abstract": "meeting abstract",
    "registry entry": "registry entry",
}
# Kinds that a source prints reliably: a record without the mark is not of the kind. A source that does not say
# "meeting abstract" says nothing.
_ALWAYS_MARKED: Final = frozenset({"correction", "retraction notice", "expression of concern", "reply", "preprint"})
_COCHRANE_VERSION: Final = re.compile(r"(10\.1002/14651858\.[a-z]*\d+)(?:\.pub(\d+))?$")


@dataclass(frozen=True)
class Described:
    """A record in comparable form."""

    record: Record
    title: str
    other_title: str
    names: tuple[Name, ...]
    pages: Pages | None
    volume: str
    kind: str  # "" for an ordinary article, or not known

    @cached_property
    def numerals(self) -> frozenset[str]:
        return numerals(self.title)


def describe(record: Record) -> Described:
    """The comparable form of `record`."""
    title, other = title_forms(record.title, record.vernacular_title)
    return Described(
        record,
        title,
        other,
        tuple(name(author) for author in record.authors),
        pages(record.pages) if record.pages else None,
        volume(record.volume),
        kind_of(record),
    )


def kind_of(record: Record) -> str:
    """What the record says that it is, if not an ordinary article: correction, reply, preprint, meeting abstract …"""
    for printed in record.publication_types:
        if kind := _KINDS_BY_TYPE.get(printed.lower(), ""):
            return kind
    for kind, pattern in _KINDS_BY_TITLE:
        if pattern.search(record.title):
            return kind
    if record.doi.startswith(_PREPRINT_DOIS) or _PREPRINT_SERVERS.search(record.journal.lower()):
        return "preprint"
    return ""


def veto(one: Described, other: Described) -> str:
    """Why the two can never be one publication however alike they are, in words; "" if nothing forbids it."""
    if one.kind != other.kind and ({one.kind, other.kind} & _ALWAYS_MARKED or (one.kind and other.kind)):
        kinds = sorted(kind or "article" for kind in (one.kind, other.kind))
        return f"{kinds[0]} and {kinds[1]}: two reports"
    a, b = (_COCHRANE_VERSION.match(each.record.doi) for each in (one, other))
    if a and b and a[1] == b[1] and a[2] != b[2]:
        return "two versions of one Cochrane review"
    if one.kind == other.kind == "registry entry":
        return "two registry entries"
    return ""


@dataclass(frozen=True)
class Comparison:
    """Two described records side by side; `title` is 0-100, or None if either has no title.

    Each of the other fields is True (agree), False (contradict) or None (one is missing, or they cannot be told).
    """

    one: Described
    other: Described
    title: float | None

    @cached_property
    def first_author(self) -> bool | None:
        if not self.one.names or not self.other.names:
            return None
        return _nearly_same(self.one.names[0], self.other.names[0])

    @cached_property
    def authors(self) -> float | None:
        """Share of the shorter list of authors that the other list has too, 0-1; None if either list is missing."""
        short, long = sorted((self.one.names, self.other.names), key=len)
        if not short:
            return None
        return sum(any(_nearly_same(a, b) for b in long) for a in short) / len(short)

    @cached_property
    def same_people(self) -> bool | None:
        """Most authors of the shorter list stand in the other; nearly all of several, if the first ones differ."""
        if self.authors is None:
            return None
        if self.first_author:
            return self.authors >= MOST_AUTHORS
        several = min(len(self.one.names), len(self.other.names)) > 1
        return several and self.authors >= NEARLY_ALL_AUTHORS

    @cached_property
    def same_range(self) -> bool:
        """First and last page both printed and equal."""
        a, b = self.one.pages, self.other.pages
        return a is not None and b is not None and bool(a.last) and a == b

    @cached_property
    def own_pages(self) -> bool:
        """The same range of pages, too long to hold two publications of the same people."""
        return self.same_range and ((self.one.pages and self.one.pages.length) or 0) >= OWN_PAGES

    @cached_property
    def one_title_within_the_other(self) -> bool:
        """The shorter title is the longer without its subtitle, or the subtitle alone."""
        short, long = sorted((self.one.title, self.other.title), key=len)
        return len(short.split()) >= TELLING_PART and (long.startswith(short + " ") or long.endswith(" " + short))

    @cached_property
    def part_of_title(self) -> float:
        """How well the shorter title fits somewhere in the longer (a title cut by its source), 0-100."""
        short = min(len(self.one.title.split()), len(self.other.title.split()))
        return fuzz.partial_ratio(self.one.title, self.other.title) if short >= TELLING_PART else 0.0

    @cached_property
    def journal(self) -> bool | None:
        return journals_agree(self.one.record.journal, self.other.record.journal)

    @cached_property
    def volume(self) -> bool | None:
        return _equal(self.one.volume, self.other.volume)

    @cached_property
    def issue(self) -> bool | None:
        a, b = self.one.record.issue.strip(), self.other.record.issue.strip()
        return _equal(a, b) if a.isdigit() and b.isdigit() else None  # "Suppl 1" and "3" can be one issue

    @cached_property
    def pages(self) -> bool | None:
        return pages_agree(self.one.pages, self.other.pages)

    @cached_property
    def doi(self) -> bool | None:
        return _equal(self.one.record.doi, self.other.record.doi)

    @cached_property
    def pmid(self) -> bool | None:
        return _equal(_version_free(self.one.record.pmid), _version_free(self.other.record.pmid))

    @cached_property
    def trials(self) -> bool | None:
        """Whether the two carry a trial number in common."""
        ours, theirs = set(self.one.record.registry_ids), set(self.other.record.registry_ids)
        return bool(ours & theirs) if ours and theirs else None

    @cached_property
    def years_apart(self) -> int | None:
        a, b = self.one.record.year, self.other.record.year
        return None if a is None or b is None else abs(a - b)

    @cached_property
    def numerals(self) -> bool:
        """Whether both titles hold the same numbers ("part I" and "part II" do not)."""
        return self.one.numerals == self.other.numerals

    @cached_property
    def distinct_title(self) -> bool:
        """Long enough to name one publication: "Editorial" and "Book review" do not."""
        return min(len(self.one.title.split()), len(self.other.title.split())) >= TELLING_WORDS


# Of the shorter author list; reference managers cut lists at three or six names and misspell some.
MOST_AUTHORS: Final = 0.6
NEARLY_ALL_AUTHORS: Final = 0.75
# rapidfuzz ratio of two family names, for misprints ("Che" for "Chen", "Muoz" for "Muñoz"); "Jiang" and "Zhang" are 80.
NAMES_ALIKE: Final = 85
# Two abstracts of the same people can share a page or two of a supplement, not three.
OWN_PAGES: Final = 3
TELLING_PART: Final = 3
# Titles of fewer words recur every year ("Editorial comment", "Book review", "Introduction to the special issue").
TELLING_WORDS: Final = 5


def _nearly_same(one: Name, other: Name) -> bool:
    if same_person(one, other):
        return True
    initials = not one.initial or not other.initial or one.initial == other.initial
    return initials and fuzz.ratio(one.family, other.family) >= NAMES_ALIKE


def _equal(one: str, other: str) -> bool | None:
    return one == other if one and other else None


def _version_free(pmid: str) -> str:
    """PubMed's versions of one article: "20029614.2" and "20029614"."""
    return pmid.split(".")[0].strip()
