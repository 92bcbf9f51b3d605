"""Who may not judge a report: those who wrote it, or any report of its study. Pure rules over printed names."""

from __future__ import annotations

from collections.abc import Iterable

from curation.normalise import fold, name, same_person
from db.model import Author, Record
from db.specs import PersonSpec


def authored(person: PersonSpec, record: Record) -> str | None:
    """The author of `record`, as printed, who is `person` by a name the protocol lists; None if none is.

    Family name and initial must agree, and the given names too where both print them in full: "Zhang Xian" is "Zhang
    X", not "Zhang Xinyu". A person with no listed name is never found: common names would refuse the wrong people.
    """
    listed = [reading for text in person.author_names for reading in listed_name(text)]
    for author in record.authors:
        if not author.collective and any(_same(author, other) for other in listed):
            return f"{author.family} {author.given}".strip()
    return None


def listed_name(text: str) -> list[Author]:
    """What a name of the protocol may be, the family name first: "Zhang, Xian", "Zhang Xian", "van der Berg J".

    A comma says where the family name ends; without one it may end after each word.
    """
    family, comma, given = (part.strip() for part in text.partition(","))
    if comma:
        return [Author(family=family, given=given)]
    words = text.split()
    ends = range(1, max(len(words), 2))
    return [Author(family=" ".join(words[:end]), given=" ".join(words[end:])) for end in ends]


def is_one_of(names: Iterable[str], references: Iterable[str]) -> bool:
    """Whether any of `names` (a report's ids, DOI, PMID) is among `references`, whatever the case and prefix."""
    return not {_bare(name) for name in names if name}.isdisjoint(map(_bare, references))


def _bare(reference: str) -> str:
    text = reference.strip().lower()
    for prefix in ("https://doi.org/", "http://doi.org/", "doi:", "pmid:"):
        text = text.removeprefix(prefix)
    return text


def _same(author: Author, listed: Author) -> bool:
    one, other = name(author), name(listed)
    if not one.family or not other.family or not same_person(one, other):
        return False
    if one.family != other.family or not one.initial or not other.initial:
        return True  # family and given names are swapped, or one of them is not printed
    return _given_agree(fold(author.given).split(), fold(listed.given).split())


def _given_agree(printed: list[str], listed: list[str]) -> bool:
    """Whether the first given names can be one: the same word, or an initial of it ("X", and "XY" for "Xian Yu")."""
    a, b = printed[0], listed[0]
    return a == b or _is_initials(a, listed) or _is_initials(b, printed)


# Initials are printed together ("JM"); a given name of so few letters ("Xi") is one of these as well, and then refuses.
_INITIALS = 2


def _is_initials(word: str, names: list[str]) -> bool:
    if len(word) > _INITIALS:
        return False
    return names[0].startswith(word[0]) and (len(word) == 1 or len(names) == 1 or names[1].startswith(word[1]))
