"""The AuthorList of a record. There are six times more authors than records, and reading them takes the most time."""

from __future__ import annotations

from typing import Final

from db.model import Author
from harvest.pubmed_text import Element, plain, text_of

# What is read of an author. Affiliation and CollectiveName may hold markup, which a name by the DTD may not.
_PARTS: Final = ("Author", "LastName", "ForeName", "Initials", "Suffix", "CollectiveName", "Affiliation")


def authors_of(element: Element) -> list[Author]:
    """The authors, in one pass over what is read of them, the most frequent parts first.

    An entry with ValidYN="N" is a misspelling that another entry corrects, and is left out.
    """
    authors: list[Author] = []
    valid = False  # whether an author was begun who counts
    family = given = initials = suffix = collective = affiliation = ""
    for part in element.iter(*_PARTS):
        tag = part.tag
        if tag == "Affiliation":
            text = text_of(part)
            affiliation = f"{affiliation}; {text}" if affiliation and text else affiliation or text
        elif tag == "LastName":
            family = plain(part)
        elif tag == "ForeName":
            given = plain(part)
        elif tag == "Initials":
            initials = plain(part)
        elif tag == "Author":
            if valid:
                names = given or initials
                authors.append(Author(family, _with(names, suffix) if suffix else names, collective, affiliation))
            valid = part.get("ValidYN") != "N"
            family = given = initials = suffix = collective = affiliation = ""
        elif tag == "Suffix":
            suffix = plain(part)
        else:
            collective = text_of(part)
    if valid:
        names = given or initials
        authors.append(Author(family, _with(names, suffix) if suffix else names, collective, affiliation))
    return authors


def _with(names: str, suffix: str) -> str:
    """Given names or initials, and what follows the family name in print: "X, Jr"."""
    return f"{names}, {suffix}" if names else suffix
