"""The richest record of a report, field by field, each field with the records that it comes from.

Sources print one publication with more or less of it: one cuts the abstract, one has initials only, one lacks the last
page. What is shown to people is the best of each. Where two records contradict each other one of them is chosen, never
a mixture, and the contradiction is named. PRISMA's kept record, the one that is counted, is another matter:
db/views.sql.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from curation.compact import filled_fields
from curation.journals import journals_agree
from curation.kinds import kind_of
from curation.normalise import fold, pages, pages_agree, volume
from db.identifiers import normalise_doi
from db.model import Author, Record

# These stand or fall together: the volume of one record never meets the pages of another that prints another volume.
PLACE: Final = ("journal", "year", "date", "volume", "issue", "pages")
UNITED: Final = ("registry_ids", "publication_types", "notices")
_CUT: Final = re.compile(r"(?:\.\.\.|…|\[?\(?abstract truncated[^\]\)]*[\]\)]?)\s*$", re.IGNORECASE)
_DATE_PRECISION: Final = len("2021-05-30")


@dataclass(frozen=True, slots=True)
class Kept:
    """The richest record, the records that each of its fields is from, and the fields in which records contradict."""

    record: Record
    origin: Mapping[str, tuple[str, ...]]
    contradicting: Mapping[str, tuple[tuple[str, str], ...]]  # field: (record id, what it prints), …


def richest(records: Sequence[Record], report: str = "") -> Kept:
    """The richest of `records` (at least one), in whatever order they come; its key is that of `report`, the report's
    id, or else of the fullest record.

    A database's record goes before a register's; then the fullest first. Of each field the best form wins: see
    `_BETTER`. Registry ids, types and notices are united. A composed record makes the whole composed.
    """
    ordered = sorted(records, key=_preference)
    values: dict[str, Any] = {}
    origin: dict[str, tuple[str, ...]] = {}
    for name, better in _BETTER.items():
        having = [record for record in ordered if getattr(record, name)]
        if having:
            best = max(having, key=lambda record: (*better(record), -ordered.index(record)))
            values[name], origin[name] = getattr(best, name), (best.id,)
    _most_printed(ordered, values, origin)
    _one_place(ordered, values, origin)
    for name in UNITED:
        _unite(name, ordered, values, origin)
    values["composed"] = next((record.composed for record in ordered if record.composed), "")
    values["extra"] = {key: text for record in reversed(ordered) for key, text in record.extra.items()}
    source, _, native = (report or ordered[0].id).partition(":")
    made = replace(ordered[0], **values, source=source, native_id=native)
    return Kept(made, origin, _contradicting(ordered))


def _preference(record: Record) -> tuple[bool, int, str]:
    return kind_of(record) == "registry entry", -filled_fields(record), record.id


def _named(authors: Sequence[Author]) -> list[Author]:
    return [author for author in authors if (author.collective or author.family).lower().strip(". ") != "et al"]


def _authors(record: Record) -> tuple[int, int, int]:
    """The longest list; of equal ones that with more given names in full, then more affiliations."""
    named = _named(record.authors)
    in_full = sum(any(len(word) > 1 and not word.isupper() for word in author.given.split()) for author in named)
    return len(named), in_full, sum(bool(author.affiliation) for author in named)


def _text(name: str) -> Callable[[Record], tuple[bool, bool, int]]:
    """A text that was not cut, not all in capitals, the longest: a mark such as "RETRACTED:" or a subtitle stays."""

    def better(record: Record) -> tuple[bool, bool, int]:
        text = str(getattr(record, name)).strip()
        return not _CUT.search(text), not text.isupper(), len(fold(text))

    return better


_BETTER: Final[Mapping[str, Callable[[Record], tuple[Any, ...]]]] = {
    "title": _text("title"),
    "abstract": _text("abstract"),
    "vernacular_title": _text("vernacular_title"),
    "authors": _authors,
    "language": lambda record: (),
    "url": lambda record: (),
}


def _most_printed(ordered: Sequence[Record], values: dict[str, Any], origin: dict[str, tuple[str, ...]]) -> None:
    """Identifiers: a valid one before any other, then the one that most records print, then the preferred record's."""
    valid = {"doi": lambda text: normalise_doi(text) == text, "pmid": str.isdecimal}
    for name, is_valid in valid.items():
        printed = Counter(text for record in ordered if (text := getattr(record, name)))
        if printed:
            best = max(printed, key=lambda text: (is_valid(text), printed[text]))  # the first of equals: ordered
            values[name] = best
            origin[name] = tuple(record.id for record in ordered if getattr(record, name) == best)[:1]


def _one_place(ordered: Sequence[Record], values: dict[str, Any], origin: dict[str, tuple[str, ...]]) -> None:
    """Where and when it was printed: from the record that says it best, its gaps filled by records that agree."""

    def better(record: Record) -> tuple[bool, bool, bool, int]:
        at = pages(record.pages) if record.pages else None
        return bool(at and at.last), bool(record.volume and record.pages), bool(record.volume), -ordered.index(record)

    best = max(ordered, key=better)
    agreeing = [record for record in ordered if record is not best and not _places_differ(best, record)]
    for name in PLACE:
        having = [record for record in (best, *agreeing) if getattr(record, name)]
        values[name] = getattr(best, name)
        if not having:
            continue
        chosen = having[0]
        if name == "journal":  # the full name rather than an abbreviation of it
            chosen = max(having, key=lambda record: len(record.journal))
        elif name == "date":  # the day rather than the year, of the same year
            same = [record for record in having if not values["year"] or record.date[:4] == str(values["year"])]
            chosen = max(same or having[:1], key=lambda record: min(len(record.date), _DATE_PRECISION))
        values[name], origin[name] = getattr(chosen, name), (chosen.id,)


def _places_differ(one: Record, other: Record) -> bool:
    return any(_differ(name, one, other) for name in PLACE)


def _differ(name: str, one: Record, other: Record) -> bool:
    """Whether both print the field and mean different things by it."""
    a, b = getattr(one, name), getattr(other, name)
    if not a or not b:
        return False
    if name == "journal":
        return journals_agree(a, b) is False
    if name == "pages":
        return pages_agree(pages(a), pages(b)) is False
    if name == "volume":
        return volume(a) != volume(b)
    if name == "pmid":  # PubMed numbers the versions of an article after a stop
        return bool(a.split(".")[0] != b.split(".")[0])
    if name == "date":
        short = min(len(a), len(b))
        return bool(a[:short] != b[:short])
    return bool(str(a).strip().lower() != str(b).strip().lower())


def _contradicting(ordered: Sequence[Record]) -> dict[str, tuple[tuple[str, str], ...]]:
    found = {}
    for name in ("doi", "pmid", "journal", "year", "volume", "issue", "pages"):
        having = [record for record in ordered if getattr(record, name)]
        if any(_differ(name, one, other) for n, one in enumerate(having) for other in having[n + 1 :]):
            found[name] = tuple((record.id, str(getattr(record, name))) for record in having)
    return found


def _unite(name: str, ordered: Sequence[Record], values: dict[str, Any], origin: dict[str, tuple[str, ...]]) -> None:
    united = dict.fromkeys(one for record in ordered for one in getattr(record, name))
    if united:
        values[name] = tuple(sorted(united)) if name == "registry_ids" else tuple(united)
        origin[name] = tuple(record.id for record in ordered if getattr(record, name))
