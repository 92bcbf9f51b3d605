"""One work of Crossref's JSON as a Record: pure, no network."""

from __future__ import annotations

import html
import re
from typing import Any, Final

from db.errors import SourceError
from db.identifiers import normalise_doi, registry_ids
from db.model import Author, Notice, Record

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
_TAG: Final = re.compile(r"</?[A-Za-z][^<>]*>")


def record_of(work: Work, source: str) -> Record:
    """The Record of a work; its native id is its DOI, normalised. SourceError if it has none."""
    doi = normalise_doi(str(work.get("DOI", "")))
    if not doi:
        raise SourceError(f"{source}: a work without a DOI (title {_first(work, 'title')[:80]!r}): report this")
    date = _date(work)
    title = plain(_first(work, "title"))
    abstract = plain(str(work.get("abstract", "")))
    numbers = [str(n.get("clinical-trial-number", "")) for n in work.get("clinical-trial-number", ())]
    return Record(
        source=source,
        native_id=doi,
        title=title,
        abstract=abstract,
        authors=tuple(_author(author) for author in work.get("author", ())),
        year=int(date[:4]) if date else None,
        date=date,
        journal=plain(_first(work, "container-title")),
        volume=str(work.get("volume", "")),
        issue=str(work.get("issue", "")),
        pages=str(work.get("page") or work.get("article-number", "")),
        doi=doi,
        registry_ids=registry_ids("\n".join((title, abstract, *numbers))),
        publication_types=_types(work, doi),
        vernacular_title=plain(_first(work, "original-title")),
        url=str(work.get("URL") or f"https://doi.org/{doi}"),
        notices=tuple(_notice(update) for update in work.get("update-to", ())),
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
    values = work.get(field) or [""]
    return str(values[0] if isinstance(values, list) else values)


def _author(author: Work) -> Author:
    places = "; ".join(str(place.get("name", "")) for place in author.get("affiliation", ()))
    given = str(author.get("given", ""))
    if suffix := author.get("suffix"):
        given = f"{given}, {suffix}"
    family = str(author.get("family", ""))
    return Author(family, given, "" if family else str(author.get("name", "")), places)


def _date(work: Work) -> str:
    """ "2021", "2021-11" or "2021-11-05" of [[2021, 11, 5]]; "" of [[null]]."""
    parts = (work.get("issued", {}).get("date-parts") or [[]])[0]
    if not parts or not parts[0]:
        return ""
    return "-".join([f"{parts[0]:04}", *(f"{part:02}" for part in parts[1:3] if part)])


def _types(work: Work, doi: str) -> tuple[str, ...]:
    """The type, and a hint: what stands in a journal's supplement is most likely a meeting abstract."""
    kind = str(work.get("type", ""))
    places = (str(work.get("issue", "")), str(work.get("volume", "")), str(work.get("page", "")))
    supplement = any(_SUPPLEMENT.search(place) for place in places[:2]) or "suppl" in f"{places[2]} {doi}".lower()
    hint = ("Meeting Abstract",) if supplement and kind == "journal-article" else ()
    return (*hint, _TYPES.get(kind, kind)) if kind else hint


def _notice(update: Work) -> Notice:
    kind = _UPDATES.get(str(update.get("type", "")), "UpdateOf")
    return Notice(kind, doi=normalise_doi(str(update.get("DOI", ""))), citation=str(update.get("label", "")))


def _extra(work: Work) -> dict[str, str]:
    subtitle = plain(_first(work, "subtitle"))
    issn = "; ".join(map(str, work.get("ISSN", ())))
    return {key: value for key, value in (("subtitle", subtitle), ("issn", issn)) if value}
