"""One work of Crossref's JSON as a Record: pure, no network."""

from __future__ import annotations

import html
import re
from itertools import takewhile
from typing import Any, Final

from db.errors import SourceError
from db.identifiers import normalise_doi, registry_ids
from db.model import Author, Notice, Record
from harvest.json_replies import objects_at, text_at, texts_at

Work = dict[str, Any]

# Crossref's work types in PubMed's words, where PubMed has one.
_TYPES: Final = {"journal-article": "Journal Article", "posted-content": "Preprint"}
# update-to of this work names the work that it changes: PubMed's "…Of" and "…For". The rest is an update.
_UPDATES: Final = {
    "retraction": "RetractionOf",
    "removal": "RetractionOf",
    "withdrawal": "RetractionOf",
    "partial_retraction": "PartialRetractionOf",
    "correction": "ErratumFor",
    "corrigendum": "ErratumFor",
    "erratum": "ErratumFor",
    "expression_of_concern": "ExpressionOfConcernFor",
}
# Society meetings print their abstracts in supplements: "Supplement 1", "16_suppl", "S2".
_SUPPLEMENT: Final = re.compile(r"suppl|^S\d+$", re.I)
_BLOCK: Final = re.compile(r"<\s*(/?)\s*(?:jats:)?(p|title|sec|list-item|br|abstract)\b[^<>]*>", re.I)
_LAST_YEAR: Final = 9999
_TAG: Final = re.compile(r"</?[A-Za-z][^<>]*>")


def record_of(work: Work, source: str) -> Record:
    """The Record of a work; its native id is its DOI, normalised. SourceError if it has none."""
    doi = normalise_doi(text_at(work, "DOI"))
    if not doi:
        raise SourceError(f"{source}: a work without a DOI (title {_first(work, 'title')[:80]!r}): report this")
    date = _date(work)
    title = plain(_first(work, "title"))
    abstract = plain(text_at(work, "abstract"))
    numbers = [text_at(number, "clinical-trial-number") for number in objects_at(work, "clinical-trial-number")]
    return Record(
        source=source,
        native_id=doi,
        title=title,
        abstract=abstract,
        authors=tuple(_author(author) for author in objects_at(work, "author")),
        year=int(date[:4]) if date else None,
        date=date,
        journal=plain(_first(work, "container-title")),
        volume=text_at(work, "volume"),
        issue=text_at(work, "issue"),
        pages=text_at(work, "page") or text_at(work, "article-number"),
        doi=doi,
        registry_ids=registry_ids("\n".join((title, abstract, *numbers))),
        publication_types=_types(work, doi),
        vernacular_title=plain(_first(work, "original-title")),
        url=text_at(work, "URL") or f"https://doi.org/{doi}",
        notices=tuple(_notice(update) for update in objects_at(work, "update-to")),
        extra=_extra(work),
    )


def plain(markup: str) -> str:
    """Text without JATS or HTML markup; paragraphs a line each, a section's title before its text ("Methods: …")."""
    titled = re.sub(r"(?is)<(?:jats:)?title[^<>]*>\s*abstract\s*</(?:jats:)?title>", "", markup)
    titled = re.sub(r"(?is)<(?:jats:)?title[^<>]*>(.*?)</(?:jats:)?title>\s*", r"\n\1: ", titled)
    titled = re.sub(r"(?i): <(?:jats:)?p\b[^<>]*>", ": ", titled)
    text = html.unescape(_TAG.sub("", _BLOCK.sub("\n", titled)))
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if line).replace("::", ":")


def words_of(text: str) -> set[str]:
    """The words of `text`, lower case, a plural's "s" taken off."""
    return {word.removesuffix("s") for word in re.findall(r"\w+", text.lower())}


def _first(work: Work, field: str) -> str:
    return next(iter(texts_at(work, field)), "") or text_at(work, field)


def _author(author: Work) -> Author:
    places = "; ".join(text_at(place, "name") for place in objects_at(author, "affiliation"))
    given = text_at(author, "given")
    if suffix := text_at(author, "suffix"):
        given = f"{given}, {suffix}"
    family = text_at(author, "family")
    return Author(family, given, "" if family else text_at(author, "name"), places)


def _date(work: Work) -> str:
    """ "2021", "2021-11" or "2021-11-05" of [[2021, 11, 5]]; "" of [[null]] and of all that is no date."""
    issued = work.get("issued")
    dates = issued.get("date-parts") if isinstance(issued, dict) else None
    parts = dates[0] if isinstance(dates, list) and dates and isinstance(dates[0], list) else []
    named = list(takewhile(lambda part: isinstance(part, int) and 0 < part <= _LAST_YEAR, parts[:3]))
    return "-".join(f"{part:0{width}}" for part, width in zip(named, (4, 2, 2), strict=False))


def _types(work: Work, doi: str) -> tuple[str, ...]:
    """The type, and a hint: what stands in a journal's supplement is most likely a meeting abstract."""
    kind = text_at(work, "type")
    places = (text_at(work, "issue"), text_at(work, "volume"), text_at(work, "page"))
    supplement = any(_SUPPLEMENT.search(place) for place in places[:2]) or "suppl" in f"{places[2]} {doi}".lower()
    hint = ("Meeting Abstract",) if supplement and kind == "journal-article" else ()
    return (*hint, _TYPES.get(kind, kind)) if kind else hint


def _notice(update: Work) -> Notice:
    kind = _UPDATES.get(text_at(update, "type"), "UpdateOf")
    return Notice(kind, doi=normalise_doi(text_at(update, "DOI")), citation=text_at(update, "label"))


def _extra(work: Work) -> dict[str, str]:
    subtitle = plain(_first(work, "subtitle"))
    issn = "; ".join(texts_at(work, "ISSN"))
    return {key: value for key, value in (("subtitle", subtitle), ("issn", issn)) if value}
