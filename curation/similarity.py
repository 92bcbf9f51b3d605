"""What speaks for and against two records being one publication, field by field.

`describe` (curation.described) brings a record to its comparable form once; `veto` and `Comparison` look at pairs.
The vetoes are the cases in which the fields agree and the publications still differ: an erratum repeats its article's
title, a reply stands on the page of its letter, a preprint and its article are two reports of one study.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from rapidfuzz import fuzz

from curation.described import Described, describe, issue_form, supplement_of, title_within
from curation.journals import journals_agree
from curation.kinds import ALWAYS_MARKED
from curation.normalise import Name, misprinted, pages, pages_agree, same_person
from curation.once import once
from curation.titles import GENERIC, RECURRING, TELLING_PART, TELLING_WORDS, is_telling, odd_words

__all__ = ["TELLING_WORDS", "THRESHOLDS", "Comparison", "Described", "Thresholds", "compare", "describe", "veto"]


@dataclass(frozen=True)
class Thresholds:
    """How alike is alike enough. Titles: rapidfuzz ratio, 0-100; authors: shares, 0-1.

    All are set where the five larger development sets lose no publication and fewest duplicates are missed; what
    another choice gives, and what each set gives with the thresholds chosen on the others, `python -m
    validation.dedupe` prints.
    """

    title_same: float = 96  # a misprint or two, a hyphen
    title_alike: float = 85  # words abbreviated or spelled otherwise: needs the place in the volume as well
    title_related: float = 60  # below it a shared identifier is taken for a misprint
    title_asked: float = 90  # what people are asked about, unless the rules say otherwise
    title_changed: float = 80  # … and where all else agrees: a title can change between proof and print
    most_authors: float = 0.6  # of the shorter list: reference managers cut lists at three or six names
    nearly_all_authors: float = 0.75  # where the first authors differ


THRESHOLDS: Final = Thresholds()

# rapidfuzz ratio of two family names, for misprints ("Che" for "Chen", "Muoz" for "Muñoz"); "Jiang" and "Zhang" are 80.
NAMES_ALIKE: Final = 85
_COCHRANE_VERSION: Final = re.compile(r"(10\.1002/14651858\.[a-z]*\d+)(?:\.pub(\d+))?$")
_EMBASE_MEETING: Final = re.compile(r"\.\s*conference\b", re.IGNORECASE)  # "Blood.Conference: 53rd Annual Meeting …"


def veto(one: Described, other: Described) -> str:
    """Why the two can never be one publication however alike they are, in words; "" if nothing forbids it."""
    if one.kind != other.kind:
        if {one.kind, other.kind} & ALWAYS_MARKED or (one.kind and other.kind):
            kinds = sorted(kind or "article" for kind in (one.kind, other.kind))
            return f"{kinds[0]} and {kinds[1]}: two reports"
    elif one.kind == "registry entry" and not set(one.record.registry_ids) & set(other.record.registry_ids):
        return "two registry entries"
    elif one.kind == "component" and one.doi != other.doi:
        return "two figures, tables or supplements"
    return ""


@dataclass(frozen=True)
class Comparison:
    """Two described records side by side; `title` is 0-100, or None if either has no title.

    Each of the other fields is True (agree), False (contradict) or None (one is missing, or they cannot be told).
    """

    one: Described
    other: Described
    title: float | None
    thresholds: Thresholds = THRESHOLDS

    @once
    def first_author(self) -> bool | None:
        if not self.one.names or not self.other.names:
            return None
        return _nearly_same(self.one.names[0], self.other.names[0])

    @once
    def authors(self) -> float | None:
        """Share of the shorter list of authors that the other list has too, 0-1; None if either list is missing."""
        short, long = sorted((self.one.names, self.other.names), key=len)
        if not short:
            return None
        if short == long:
            return 1.0
        forward = sum(any(_nearly_same(a, b) for b in long) for a in short)
        if len(short) < len(long):
            return forward / len(short)
        # Lists of one length: the same figure whichever stands first.
        return min(forward, sum(any(_nearly_same(a, b) for b in short) for a in long)) / len(short)

    @once
    def same_people(self) -> bool | None:
        """Most authors of the shorter list stand in the other; nearly all of several, if the first ones differ."""
        if self.authors is None:
            return None
        if self.first_author:
            return self.authors >= self.thresholds.most_authors
        several = min(len(self.one.names), len(self.other.names)) > 1
        return several and self.authors >= self.thresholds.nearly_all_authors

    @once
    def same_range(self) -> bool:
        """First and last page both printed and equal."""
        a, b = self.one.pages, self.other.pages
        return a is not None and b is not None and bool(a.last) and a == b

    @once
    def own_pages(self) -> bool:
        """The same range of pages, too long to hold two publications of the same people."""
        return self.same_range and self.one.pages is not None and self.one.pages.long

    @once
    def both_long(self) -> bool:
        """Each has a range of pages that is longer than a meeting abstract, an erratum or a reply."""
        a, b = self.one.pages, self.other.pages
        return a is not None and b is not None and a.long and b.long

    @once
    def page_misprint(self) -> bool:
        """The first pages differ in one digit."""
        a, b = self.one.pages, self.other.pages
        return a is not None and b is not None and misprinted(a, b)

    @once
    def one_title_within_the_other(self) -> bool:
        """The shorter title is the longer without its subtitle, or the subtitle alone."""
        return title_within(self.one, self.other)

    @once
    def part_of_title(self) -> float:
        """How well the shorter title fits somewhere in the longer (a title cut by its source), 0-100."""
        short, long = sorted((self.one.title, self.other.title), key=lambda title: (len(title), title))
        return fuzz.partial_ratio(short, long) if len(short.split()) >= TELLING_PART else 0.0

    @once
    def odd_words(self) -> tuple[str, str]:
        """A word of each title that the other has in no form, of the two forms of the titles that fit best."""
        found = odd_words(self.one.words, self.other.words)
        if any(found) and (self.one.other_title or self.other.other_title):
            forms = (self.one.other_title, self.other.title), (self.one.title, self.other.other_title)
            translated = [odd_words(tuple(a.split()), tuple(b.split())) for a, b in forms if a and b]
            return min(found, *translated, key=lambda words: sum(map(bool, words))) if translated else found
        return found

    @once
    def other_word(self) -> str:
        """The words in which the titles differ though neither is a misprint of the other ("mice/rats"); or ""."""
        return "/".join(sorted(self.odd_words)) if all(self.odd_words) else ""

    @once
    def extra_word(self) -> str:
        """A word that tells and that one title has and the other has not, in any form ("female"); or ""."""
        return next((word for word in sorted(self.odd_words, reverse=True) if is_telling(word)), "")

    @once
    def same_title(self) -> bool:
        """The same but for misprints. Abstracts of one group differ in a word; articles of the same pages do not."""
        if self.title is None or self.title < self.thresholds.title_same or self.other_word:
            return False
        return self.own_pages or not self.extra_word

    @once
    def journal(self) -> bool | None:
        return journals_agree(self.one.record.journal, self.other.record.journal)

    @once
    def volume(self) -> bool | None:
        """None too where one prints the year, or the number of a supplement, as the volume."""
        a, b = self.one.volume, self.other.volume
        if not a or not b or a == b:
            return _equal(a, b)
        years = {str(self.one.record.year), str(self.other.record.year)}
        shifted = a == supplement_of(self.other.record.issue) or b == supplement_of(self.one.record.issue)
        return None if shifted or a in years or b in years else False

    @once
    def issue(self) -> bool | None:
        """None where only one is a plain number: "Suppl 1" and "3" can be one issue."""
        if not self.one.record.issue or not self.other.record.issue:
            return None
        a, b = issue_form(self.one.record.issue), issue_form(self.other.record.issue)
        if a.isdigit() and b.isdigit():
            named = a == b or self.one.record.issue.isalpha() == self.other.record.issue.isalpha()
            return a == b if named else None  # a month and a number agree or say nothing
        return True if a and a == b else None

    @once
    def shifted(self) -> bool:
        """One holds the volume as its issue and the issue as its page (a source that lost a column)."""
        return _is_shifted(self.one, self.other) or _is_shifted(self.other, self.one)

    @once
    def pages(self) -> bool | None:
        return pages_agree(self.one.pages, self.other.pages)

    @once
    def doi(self) -> bool | None:
        """Two versions of one Cochrane review: None."""
        return None if self.cochrane_versions else _equal(self.one.doi, self.other.doi)

    @once
    def cochrane_versions(self) -> tuple[str, str] | None:
        """The numbers (pubN, "" for none) of two versions of one Cochrane review."""
        if not self.one.doi.startswith("10.1002/14651858") or self.one.doi == self.other.doi:
            return None
        a, b = _COCHRANE_VERSION.match(self.one.doi), _COCHRANE_VERSION.match(self.other.doi)
        return (a[2] or "", b[2] or "") if a and b and a[1] == b[1] else None

    @once
    def pmid(self) -> bool | None:
        a, b = self.one.record.pmid, self.other.record.pmid
        return _equal(_version_free(a), _version_free(b)) if a and b else None

    @once
    def trials(self) -> bool | None:
        """Whether the two carry a trial number in common."""
        ours, theirs = self.one.record.registry_ids, self.other.record.registry_ids
        return not set(ours).isdisjoint(theirs) if ours and theirs else None

    @once
    def years_apart(self) -> int | None:
        a, b = self.one.record.year, self.other.record.year
        return None if a is None or b is None else abs(a - b)

    @once
    def numerals(self) -> bool:
        """Whether both titles hold the same numbers ("part I" and "part II" do not)."""
        return self.one.numerals == self.other.numerals

    @once
    def distinct_title(self) -> bool:
        """Long enough to name one publication: "Editorial" and "Book review" do not."""
        return min(len(self.one.words), len(self.other.words)) >= TELLING_WORDS

    @once
    def recurring_title(self) -> bool:
        """A title that the same people give to another piece next year ("Introduction to the minitrack on …")."""
        return any(RECURRING.search(title) for title in (self.one.title, self.other.title))

    @once
    def telling_title(self) -> bool:
        """The same title with at least one word that is not a section's ("Poster abstracts" has none)."""
        return self.one.title == self.other.title and any(
            word not in GENERIC and not word.isdigit() for word in self.one.words
        )

    @once
    def meeting(self) -> bool:
        """One of the two says that it is a meeting's abstract, and the other does not."""
        return _of_meeting(self.one) != _of_meeting(self.other)


def compare(one: Described, other: Described, thresholds: Thresholds = THRESHOLDS) -> Comparison:
    """The two side by side, with the similarity of their titles as a table's worth of pairs gets it at once
    (curation.dedupe): the best of title with title and of either title with the other's second form."""
    if not one.title or not other.title:
        return Comparison(one, other, None, thresholds)
    forms = (one.title, other.title), (one.other_title, other.title), (one.title, other.other_title)
    best = max(fuzz.ratio(a, b) for a, b in forms if a and b)
    return Comparison(one, other, float(round(best)), thresholds)


def _nearly_same(one: Name, other: Name) -> bool:
    if same_person(one, other):
        return True
    initials = not one.initial or not other.initial or one.initial == other.initial
    return initials and fuzz.ratio(one.family, other.family) >= NAMES_ALIKE


def _is_shifted(one: Described, other: Described) -> bool:
    if one.volume or not one.pages or not other.volume or not other.record.issue:
        return False
    return one.record.issue.strip() == other.volume and one.pages == pages(other.record.issue)


def _of_meeting(one: Described) -> bool:
    return one.kind == "meeting abstract" or _EMBASE_MEETING.search(one.record.journal) is not None


def _equal(one: str, other: str) -> bool | None:
    return one == other if one and other else None


def _version_free(pmid: str) -> str:
    """PubMed's versions of one article: "20029614.2" and "20029614"."""
    return pmid.split(".")[0].strip()
