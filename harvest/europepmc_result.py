"""One result of Europe PMC's JSON ("core") as a Record: pure, no network."""

from __future__ import annotations

import re
from typing import Any, Final

from db.identifiers import normalise_doi, registry_ids
from db.model import Author, Notice, Record
from harvest.crossref_work import plain
from harvest.json_replies import objects_at, text_at, texts_at

Result = dict[str, Any]

PAGE_URL: Final = "https://europepmc.org/article/{}/{}"
# Europe PMC prints PubMed's links to other publications in words.
_NOTICES: Final = {
    "Retraction in": "RetractionIn",
    "Retraction of": "RetractionOf",
    "Partial retraction in": "PartialRetractionIn",
    "Partial retraction of": "PartialRetractionOf",
    "Erratum in": "ErratumIn",
    "Erratum for": "ErratumFor",
    "Expression of concern in": "ExpressionOfConcernIn",
    "Expression of concern for": "ExpressionOfConcernFor",
    "Corrected and republished in": "CorrectedandRepublishedIn",
    "Corrected and republished from": "CorrectedandRepublishedFrom",
    "Update in": "UpdateIn",
    "Update of": "UpdateOf",
    "Preprint in": "UpdateIn",
    "Preprint of": "UpdateOf",
}


def record_of(result: Result, source: str) -> Record | None:
    """The Record of a result, None without an id; its native id is its index and its id there ("MED/22663011").

    Indices: MED PubMed, PMC, PPR preprints, AGR Agricola, and others.
    """
    index, name = text_at(result, "source"), text_at(result, "id")
    if not index or not name:
        return None
    title, abstract = plain(text_at(result, "title")), _abstract(result)
    keywords = "; ".join(texts_at(result, "keywordList", "keyword"))
    date = _date(result)
    return Record(
        source=source,
        native_id=f"{index}/{name}",
        title=title,
        abstract=abstract,
        authors=_authors(result),
        year=int(date[:4]) if date else None,
        date=date,
        journal=text_at(result, "journalInfo", "journal", "title") or text_at(result, "journalTitle"),
        volume=text_at(result, "journalInfo", "volume") or text_at(result, "journalVolume"),
        issue=text_at(result, "journalInfo", "issue") or text_at(result, "issue"),
        pages=text_at(result, "pageInfo"),
        doi=normalise_doi(text_at(result, "doi")),
        pmid=text_at(result, "pmid"),
        registry_ids=registry_ids("\n".join((title, abstract, keywords))),
        publication_types=_types(result, index),
        language=text_at(result, "language"),
        url=PAGE_URL.format(index, name),
        notices=tuple(_notices(result)),
        extra=_extra(result, keywords),
    )


def _abstract(result: Result) -> str:
    """The abstract; its section headings, which Europe PMC prints as <h4>, read as JATS titles are."""
    return plain(re.sub(r"(?i)<(/?)h[1-6]\b[^<>]*>", r"<\1title>", text_at(result, "abstractText")))


def _date(result: Result) -> str:
    """When it was first public; in a journal without that date, the year it prints."""
    first = text_at(result, "firstPublicationDate")
    if len(first) == 10 and first[:4].isdecimal():
        return first
    year = text_at(result, "journalInfo", "yearOfPublication") or text_at(result, "pubYear")
    return year if len(year) == 4 and year.isdecimal() else ""


def _authors(result: Result) -> tuple[Author, ...]:
    """The authors with their affiliations; where only the printed line is there, that line's names."""
    found = []
    for author in objects_at(result, "authorList", "author"):
        places = objects_at(author, "authorAffiliationDetailsList", "authorAffiliation")
        affiliation = "; ".join(text for place in places if (text := text_at(place, "affiliation")))
        family = text_at(author, "lastName")
        given = text_at(author, "firstName") or text_at(author, "initials")
        collective = "" if family else text_at(author, "collectiveName") or text_at(author, "fullName")
        found.append(Author(family, given, collective, affiliation or text_at(author, "affiliation")))
    if found:
        return tuple(found)
    line = text_at(result, "authorString").rstrip(".")
    return tuple(_printed(name) for name in line.split(", ") if name)


def _printed(name: str) -> Author:
    """ "Flaherty KT" is a person, "METRIC Study Group" is not: initials are capitals, three at most."""
    family, _, initials = name.rpartition(" ")
    is_person = family and initials.isupper() and initials.replace("-", "").isalpha() and len(initials) <= 3
    return Author(family, initials) if is_person else Author(collective=name)


def _types(result: Result, index: str) -> tuple[str, ...]:
    """PubMed's types in its own capitals ("Journal Article"); a preprint is named as elsewhere in this program."""
    found = texts_at(result, "pubTypeList", "pubType") or [
        name for name in text_at(result, "pubType").split("; ") if name
    ]
    types = [name if name != name.lower() else name.title() for name in found]
    return tuple(dict.fromkeys(["Preprint", *types] if index == "PPR" else types))


def _notices(result: Result) -> list[Notice]:
    found = []
    for notice in objects_at(result, "commentCorrectionList", "commentCorrection"):
        kind = text_at(notice, "type")
        name = text_at(notice, "id")
        pmid = name if text_at(notice, "source") == "MED" else ""
        reference = text_at(notice, "reference")
        found.append(Notice(_NOTICES.get(kind, kind), pmid, normalise_doi(reference), reference))
    return found


def _extra(result: Result, keywords: str) -> dict[str, str]:
    values = {
        "keywords": keywords,
        "pmcid": text_at(result, "pmcid"),
        "issn": text_at(result, "journalInfo", "journal", "issn") or text_at(result, "journalIssn").rstrip("; "),
        "journal_abbreviation": text_at(result, "journalInfo", "journal", "medlineAbbreviation"),
        "first_indexed": text_at(result, "firstIndexDate"),
    }
    return {key: value for key, value in values.items() if value}
