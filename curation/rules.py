"""Which pairs of records are one publication: the rules, each with its evidence in words.

Exact identifiers first, unless the rest contradicts them; then title, authors, journal and place. A pair is
*certain* (merged by itself, reversibly) or only *proposed* to people. Losing a publication is the worst error, so a
doubt proposes. The rules are those published for BibDedupe (Wagner, JOSS 2024, doi 10.21105/joss.06318: similar
author, title and container with no contradicting volume, number, pages, year), brought to few. What they miss and
why: validation/dedupe/README.md.
"""

from __future__ import annotations

from typing import Final

from curation.described import Described, title_within
from curation.similarity import THRESHOLDS, Comparison, veto
from curation.titles import LONG_TITLE
from db.model import Duplicate

TITLE_ALIKE: Final = THRESHOLDS.title_changed  # below it a pair is judged only if `may_match_otherwise`
MOST_YEARS_APART: Final = 1  # ahead of print in December, in an issue in January
MOST_CONTRADICTIONS_ASKED: Final = 1  # with two, a congress abstract and its article would be asked about each time
ISSUE_FRONT: Final = 20  # pages, in journals that number each issue from 1, among which the columns stand
SEVERAL_AUTHORS: Final = 3  # columns and editorials have one or two


def judge(pair: Comparison) -> Duplicate | None:
    """The pair's Duplicate with its evidence, or None if nothing much suggests one publication.

    A pure function of the two records, the same whichever of them stands first.
    """
    if reason := veto(pair.one, pair.other):
        evidence = (_in_words(pair), f"{reason}, unless one lacks its mark")
        return _duplicate(pair, evidence, certain=False) if _perhaps_unmarked(pair) else None
    identifier = _same_identifier(pair)
    if not identifier and not _conceivable(pair):
        return None
    against = contradictions(pair)
    if identifier:
        return _by_identifier(pair, identifier, against)
    if pair.trials is False:
        return None
    if not against and _alike_enough(pair):
        return _duplicate(pair, (_in_words(pair),), certain=True)
    if against and _misprint_only(pair, against):
        return _duplicate(pair, (_in_words(pair), *against), certain=True)
    if _worth_asking(pair, against):
        return _duplicate(pair, (_in_words(pair), *against), certain=False)
    return None


def _conceivable(pair: Comparison) -> bool:
    """Whether any rule without an identifier could apply: asked first, since most pairs with one page in common are
    two articles."""
    lowest = min(pair.thresholds.title_alike, pair.thresholds.title_changed)
    return pair.title is None or pair.title >= lowest or pair.same_range or pair.one_title_within_the_other


def contradictions(pair: Comparison) -> tuple[str, ...]:
    """What the two records print differently although one publication has only one of it, in words."""
    found = []
    if pair.pmid is False:
        found.append("different PMIDs")
    if pair.doi is False:
        found.append("different DOIs")
    if pair.years_apart is not None and pair.years_apart > MOST_YEARS_APART:
        found.append(f"{pair.years_apart} years apart")
    if pair.volume is False:
        found.append("different volumes")
    if not pair.shifted:
        if pair.pages is False:
            found.append("different pages")
        if pair.issue is False and (pair.pages is not True or pair.recurring_title):
            found.append("different issues")
    if not pair.numerals and not (pair.same_range and pair.one.pages and pair.one.pages.length != 1):
        found.append("different numbers in the titles")
    if pair.cochrane_versions and "" in pair.cochrane_versions:
        found.append("a Cochrane protocol or first version, and a later version")
    return tuple(found)


def _alike_enough(pair: Comparison) -> bool:
    """The rules without an identifier, given that nothing contradicts."""
    if pair.recurring_title and not pair.issue and not _inside_volume(pair):
        return False
    if pair.same_people and pair.own_pages and _one_volume(pair):
        return True  # whatever the titles: one is missing or in another language
    if pair.title is None:
        return False
    # Whoever the authors: a group's name, misprints. But a letter and its reply can share a page and a title.
    not_a_reply = pair.own_pages or pair.authors is None or pair.authors > 0
    if pair.same_title and pair.distinct_title and pair.same_range and (pair.volume or pair.journal) and not_a_reply:
        return True
    if _same_in_all(pair):
        return True
    if pair.same_people is None and pair.same_title and (pair.volume or pair.journal):
        return pair.pages is True or (pair.distinct_title and _one_issue(pair))
    if pair.same_title and pair.distinct_title and pair.first_author and pair.pages and pair.volume and pair.journal:
        return True  # of two authors, one misprinted
    if not pair.same_people:
        return False
    return _alike_in_place(pair) or (pair.same_title and pair.distinct_title and _one_source(pair))


def _inside_volume(pair: Comparison) -> bool:
    """One place in a volume that is not the front of an issue, where a column begins on the same page each time."""
    page = pair.one.page
    inside = bool(pair.pages and pair.volume) and page.isdigit() and int(page) > ISSUE_FRONT
    return inside and pair.distinct_title and pair.years_apart == 0


def _one_volume(pair: Comparison) -> bool:
    """One volume of one journal; or one year and issue under titles that have much in common, where the journal's name
    is transliterated and the volume missing."""
    related = pair.title is not None and pair.title >= pair.thresholds.title_related
    if pair.volume and pair.journal and pair.issue is not False:
        # One author can write on the same pages of two issues; where the issue is not printed, two people do not.
        return related or pair.title is None or bool(pair.issue) or min(len(pair.one.names), len(pair.other.names)) > 1
    return related and bool(pair.issue) and pair.years_apart == 0


def _same_in_all(pair: Comparison) -> bool:
    """The same short title ("Coronary artery disease") in the same issue, by the same people or by nobody in both."""
    if not (pair.telling_title and _one_issue(pair) and pair.one.record.issue and pair.other.record.issue):
        return False
    same_issue = pair.issue or pair.one.record.issue.strip().lower() == pair.other.record.issue.strip().lower()
    return bool(same_issue) and (pair.one.names == pair.other.names or bool(pair.same_people))


def _alike_in_place(pair: Comparison) -> bool:
    """The same people on the same page; or in the same volume with a title that lacks its subtitle."""
    assert pair.title is not None
    within = pair.one_title_within_the_other
    if pair.title >= pair.thresholds.title_alike or within:
        same_words = not pair.other_word and (within or not pair.extra_word)
        if pair.pages and (pair.volume or pair.journal):
            return pair.own_pages or same_words
        if pair.pages is None and pair.one.pages and pair.other.pages and pair.volume and pair.journal:
            return same_words and pair.distinct_title
    one_title = within and pair.distinct_title and not pair.recurring_title
    return bool(one_title and pair.journal and pair.years_apart == 0 and pair.issue)


def _one_source(pair: Comparison) -> bool:
    """The same journal or meeting, as far as it is printed, given the same title and people."""
    placed = pair.volume is True or pair.pages is True
    if pair.meeting and not placed and not (pair.journal and pair.years_apart == 0):
        return False  # an abstract, and perhaps the article
    if pair.years_apart not in (0, None):
        # Not a placeless record of last year: that may be the abstract of the article.
        if not placed and (pair.recurring_title or not (_numbers_itself(pair.one) or _numbers_itself(pair.other))):
            return False
        return bool(pair.journal) or (pair.journal is None and pair.own_pages)
    if pair.journal:
        return True
    if pair.volume and pair.issue and pair.years_apart == 0:
        return True  # the journal's name is another one, or translated
    return pair.years_apart == 0 and (pair.journal is None or pair.same_range)


def _numbers_itself(one: Described) -> bool:
    """Pages from 1 and no volume: ahead of print, or in proceedings that are dated by meeting or by publication."""
    return one.page == "1" and not one.volume


def _has_place(one: Described) -> bool:
    return bool(one.volume or one.pages)


def _one_issue(pair: Comparison) -> bool:
    return bool(pair.journal and pair.volume and pair.years_apart == 0)


def _misprint_only(pair: Comparison, against: tuple[str, ...]) -> bool:
    """Nothing but the page, or the issue, differs between two records of one title in one volume: one is misprinted.

    Not the page of an erratum, an abstract or a reply: the issue is the same, or both are articles of three pages and
    more, or the first pages differ in one digit, or are equal in spite of different issues.
    """
    if not pair.same_title or pair.extra_word or pair.recurring_title:
        return False
    if not (pair.distinct_title and pair.same_people and pair.journal and pair.years_apart in (0, 1, None)):
        return False
    if against == ("different issues",):
        same_first = pair.one.pages and pair.other.pages and pair.one.pages.first == pair.other.pages.first
        return bool(same_first and pair.volume and _own_title(pair) and _several_authors(pair))
    if against != ("different pages",):
        return False
    if pair.issue and not pair.meeting:
        return True
    if not _own_title(pair) or pair.years_apart:
        return False
    return (pair.both_long and not pair.meeting) or bool(pair.volume and pair.page_misprint)


def _worth_asking(pair: Comparison, against: tuple[str, ...]) -> bool:
    """Whether people are asked: the titles are alike and no more than one field contradicts, or one of the patterns
    below, in which more contradicts and which have been found to be one publication."""
    if pair.title is None or not pair.distinct_title or not pair.numerals:
        return False
    if pair.same_people is False:  # a letter and its reply, or authors misprinted
        return pair.same_title and not against and pair.same_range and bool(pair.volume and pair.journal)
    if pair.title >= pair.thresholds.title_asked and len(against) <= MOST_CONTRADICTIONS_ASKED:
        return True
    if pair.same_title and pair.same_people:
        elsewhere = _own_title(pair) and (_in_one_volume(pair, against) or _two_abstracts(pair, against))
        return elsewhere or _printed_again(pair) or (not against and _little_printed(pair))
    changed = pair.title >= pair.thresholds.title_changed and not against and pair.years_apart == 0
    return changed and bool(pair.first_author) and _little_printed(pair)


def _in_one_volume(pair: Comparison, against: tuple[str, ...]) -> bool:
    """Only the page and the issue differ: an abstract and its article, an erratum without its mark, or a misprint."""
    return bool(pair.journal and pair.volume) and not set(against) - {"different pages", "different issues"}


def _two_abstracts(pair: Comparison, against: tuple[str, ...]) -> bool:
    """One abstract in the supplements of two journals in one year."""
    places = {"different pages", "different issues", "different volumes"}
    short = not any(place is None or place.long for place in (pair.one.pages, pair.other.pages))
    return short and pair.years_apart == 0 and not set(against) - places


def _printed_again(pair: Comparison) -> bool:
    """An article of the same length in the same journal, this year or the next."""
    a, b = pair.one.pages, pair.other.pages
    if a is None or b is None or not (a.long and b.long):
        return False
    return a.length == b.length and bool(pair.journal) and pair.years_apart in (0, 1)


def _little_printed(pair: Comparison) -> bool:
    """A title that was changed before print (one record has no place yet, all authors are the same), or two records
    of which nothing but title, author and year is known."""
    placed = [_has_place(pair.one), _has_place(pair.other)]
    if pair.journal:
        return not all(placed) and pair.authors == 1 and _several_authors(pair)
    return not any(placed) and not pair.one.record.journal and not pair.other.record.journal


def _own_title(pair: Comparison) -> bool:
    """A title that no column or editorial has: it is long, or has several authors."""
    return min(len(pair.one.words), len(pair.other.words)) >= LONG_TITLE or _several_authors(pair)


def _several_authors(pair: Comparison) -> bool:
    return min(len(pair.one.names), len(pair.other.names)) >= SEVERAL_AUTHORS


def _perhaps_unmarked(pair: Comparison) -> bool:
    """A correction, and a record of a page or none in the same issue under the same title: perhaps the correction too,
    from a source that does not mark it."""
    unmarked = pair.one if pair.one.kind == "" else pair.other
    if {pair.one.kind, pair.other.kind} != {"", "correction"} or (unmarked.pages and unmarked.pages.length != 1):
        return False
    return pair.same_title and bool(pair.same_people and _one_issue(pair) and pair.issue) and pair.doi is None


def _same_identifier(pair: Comparison) -> str:
    if pair.pmid:
        return f"same PMID {pair.one.record.pmid.split('.')[0]}"
    return f"same DOI {pair.one.doi}" if pair.doi else ""


def _by_identifier(pair: Comparison, identifier: str, against: tuple[str, ...]) -> Duplicate | None:
    """An identifier decides, unless the titles are unlike: then it may be a misprint, or a whole supplement's DOI, and
    people look."""
    limits = pair.thresholds
    if pair.title is None:
        alike = pair.same_people is not False and pair.pages is not False
    else:
        alike = pair.title >= limits.title_alike or pair.part_of_title >= limits.title_alike
    # Two abstracts under their supplement's DOI.
    two_in_one = bool(pair.other_word or pair.extra_word) and "different pages" in against
    not_two_ids = pair.pmid is not False
    if alike and not two_in_one:
        return _duplicate(pair, (identifier, *against), certain=not_two_ids)
    evidence = (identifier, _in_words(pair), *against)
    if pair.pmid and pair.doi:
        return _duplicate(pair, evidence, certain=True)
    related = pair.title is not None and pair.title >= limits.title_related and not against and not pair.other_word
    if pair.same_people is not False or pair.own_pages:
        in_place = bool(pair.own_pages and pair.same_people)
        return _duplicate(pair, evidence, certain=not_two_ids and (in_place or related))
    return None


def may_match_otherwise(one: Described, other: Described) -> bool:
    """Whether the pair can be a duplicate although the titles are unlike: an identifier or the first page agrees, or
    one title lacks the other's subtitle. Never False for a pair that `judge` would call a duplicate."""
    if (one.doi and one.doi == other.doi) or (one.record.pmid and other.record.pmid):
        return True
    if one.page and one.page == other.page:
        return True
    return bool(one.title and other.title) and title_within(one, other)


def _in_words(pair: Comparison) -> str:
    """What agrees: "titles 98 % alike, same first author, same volume and pages"."""
    parts = [f"titles {pair.title:.0f} % alike" if pair.title is not None else "one title missing"]
    if pair.other_word:
        parts[0] += f" ({pair.other_word})"
    if pair.same_people:
        parts.append("same first author" if pair.first_author else "same authors in another order")
    same = [field for field in ("journal", "volume", "pages") if getattr(pair, field)]
    if pair.years_apart == 0:
        same.append("year")
    if same:
        parts.append("same " + (", ".join(same[:-1]) + " and " + same[-1] if len(same) > 1 else same[0]))
    if pair.cochrane_versions:
        first, second = sorted(pair.cochrane_versions)
        parts.append(f"versions {first or 1} and {second or 1} of one Cochrane review")
    return ", ".join(parts)


def _duplicate(pair: Comparison, evidence: tuple[str, ...], certain: bool) -> Duplicate:
    score = 1.0 if pair.pmid or pair.doi else (pair.title or 0.0) / 100
    return Duplicate(pair.other.record.id, pair.one.record.id, evidence, certain, score)
