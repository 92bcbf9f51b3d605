"""Which pairs of records are one publication: the rules, each with its evidence in words.

Exact identifiers first, unless the rest contradicts them; then title, authors, journal and place. A pair is
*certain* (merged by itself, reversibly) or only *proposed* to people. Losing a publication is the worst error, so a
doubt proposes. The rules are those published for BibDedupe (Wagner, JOSS 2024, doi 10.21105/joss.06318: similar
author, title and container with no contradicting volume, number, pages, year), brought to few.
"""

from __future__ import annotations

from typing import Final

from curation.similarity import Comparison, Described, veto
from db.model import Duplicate

# Similarities of titles, 0-100, set where ../shared/data/dedup's five development sets lose no publication
# (tests/test_dedupe_data.py holds the figures).
TITLE_SAME: Final = 96  # a misprint or two, a hyphen
TITLE_ALIKE: Final = 85  # words abbreviated or spelled otherwise: needs the place in the volume as well
TITLE_RELATED: Final = 60  # below it a shared identifier is taken for a misprint
TITLE_WORTH_ASKING: Final = 90
MOST_YEARS_APART: Final = 1  # ahead of print in December, in an issue in January
MOST_CONTRADICTIONS_ASKED: Final = 1  # with two, a congress abstract and its article would be asked about each time


def judge(pair: Comparison) -> Duplicate | None:
    """The pair's Duplicate with its evidence, or None if nothing much suggests one publication."""
    if veto(pair.one, pair.other):
        return None
    against = contradictions(pair)
    if identifier := _same_identifier(pair):
        return _by_identifier(pair, identifier, against)
    if pair.trials is False:
        return None
    if not against and _alike_enough(pair):
        return _duplicate(pair, (_in_words(pair),), certain=True)
    if _worth_asking(pair) and len(against) <= MOST_CONTRADICTIONS_ASKED:
        return _duplicate(pair, (_in_words(pair), *against), certain=False)
    return None


def _worth_asking(pair: Comparison) -> bool:
    alike = pair.title is not None and pair.title >= TITLE_WORTH_ASKING
    return alike and pair.distinct_title and pair.numerals and pair.same_people is not False


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
    if pair.pages is False:
        found.append("different pages")
    if pair.issue is False and pair.pages is not True:
        found.append("different issues")
    if not pair.numerals and pair.pages is not True:
        found.append("different numbers in the titles")
    return tuple(found)


def _alike_enough(pair: Comparison) -> bool:
    """The rules without an identifier, given that nothing contradicts."""
    volume_or_journal = pair.volume is True or pair.journal is True
    if pair.same_people and pair.own_pages and pair.volume and pair.journal and pair.issue is not False:
        return True  # whatever the titles: one is missing or in another language
    if pair.title is None:
        return False
    if pair.title >= TITLE_SAME and pair.distinct_title and pair.same_range and volume_or_journal:
        return True  # whoever the authors: a group's name, misprints; a reply has been vetoed
    if pair.same_people is None and pair.title >= TITLE_SAME and volume_or_journal:
        return pair.pages is True or (pair.distinct_title and _one_issue(pair))
    if not pair.same_people:
        return False
    if pair.pages and volume_or_journal and (pair.title >= TITLE_ALIKE or pair.one_title_within_the_other):
        return True
    if pair.title < TITLE_SAME or not pair.distinct_title:
        return False
    if pair.journal:
        return True
    return pair.years_apart == 0 and (pair.journal is None or pair.same_range)


def _one_issue(pair: Comparison) -> bool:
    return bool(pair.journal and pair.volume and pair.years_apart == 0)


def _same_identifier(pair: Comparison) -> str:
    if pair.pmid:
        return f"same PMID {pair.one.record.pmid}"
    return f"same DOI {pair.one.record.doi}" if pair.doi else ""


def _by_identifier(pair: Comparison, identifier: str, against: tuple[str, ...]) -> Duplicate | None:
    """An identifier decides, unless the titles are unlike: then it may be a misprint, and people look."""
    titles = pair.title is None or pair.title >= TITLE_ALIKE or pair.part_of_title >= TITLE_ALIKE
    if titles or (pair.pmid and pair.doi):
        return _duplicate(pair, (identifier, *against), certain=True)
    evidence = (identifier, _in_words(pair), *against)
    if pair.title is not None and pair.title >= TITLE_RELATED and pair.same_people is not False:
        return _duplicate(pair, evidence, certain=not against)
    if pair.same_people is not False or pair.own_pages:
        return _duplicate(pair, evidence, certain=bool(pair.same_people and pair.own_pages))
    return None


def may_match_otherwise(one: Described, other: Described) -> bool:
    """Whether the pair can be a duplicate although the titles are unlike: an identifier or the first page agrees."""
    a, b = one.record, other.record
    if (a.doi and a.doi == b.doi) or (a.pmid and b.pmid):
        return True
    return one.pages is not None and other.pages is not None and one.pages.first == other.pages.first


def _in_words(pair: Comparison) -> str:
    """What agrees: "titles 98 % alike, same first author, same volume and pages"."""
    parts = [f"titles {pair.title:.0f} % alike" if pair.title is not None else "one title missing"]
    if pair.same_people:
        parts.append("same first author" if pair.first_author else "same authors in another order")
    same = [field for field in ("journal", "volume", "pages") if getattr(pair, field)]
    if pair.years_apart == 0:
        same.append("year")
    if same:
        parts.append("same " + (", ".join(same[:-1]) + " and " + same[-1] if len(same) > 1 else same[0]))
    return ", ".join(parts)


def _duplicate(pair: Comparison, evidence: tuple[str, ...], certain: bool) -> Duplicate:
    score = 1.0 if pair.pmid or pair.doi else (pair.title or 0.0) / 100
    return Duplicate(pair.other.record.id, pair.one.record.id, evidence, certain, score)
