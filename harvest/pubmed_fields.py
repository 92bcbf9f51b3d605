"""One PubmedArticle or PubmedBookArticle element as a Record.

Each element that carries a field has one small function; the tables at the end say which. Walking the children once,
and never below what is asked for, is fast: a search by path visits all of a record for each field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from db.identifiers import normalise_doi, registry_ids
from db.model import Author, Notice, Record
from harvest.pubmed_authors import authors_of
from harvest.pubmed_dates import iso_date
from harvest.pubmed_text import Element, plain, text_of

PAGE_URL: Final = "https://pubmed.ncbi.nlm.nih.gov/{}/"


@dataclass(slots=True)
class _Fields:
    """What has been read of one record so far."""

    pmid: str = ""
    title: str = ""
    vernacular: str = ""
    abstract: str = ""
    journal: str = ""
    volume: str = ""
    issue: str = ""
    pages: str = ""
    date: str = ""
    dois: dict[str, str] = field(default_factory=dict)
    authors: list[Author] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    languages: list[str] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)
    extra: dict[str, str] = field(default_factory=dict)


def citation(element: Element, source: str) -> Record:
    """The Record of a PubmedArticle element."""
    fields = _Fields()
    _walk(fields, element, _ARTICLE_SET)
    return _record(fields, source)


def book(element: Element, source: str) -> Record:
    """The Record of a PubmedBookArticle element: a chapter, with the book as its journal, or a whole book."""
    fields = _Fields()
    _walk(fields, element, _BOOK_SET)
    if not fields.title:
        fields.title, fields.journal = fields.journal, ""
    return _record(fields, source)


def _record(fields: _Fields, source: str) -> Record:
    """The finished record. Its DOI is the valid ELocationID, else that of the article's own id list."""
    date = fields.date or fields.extra.get("electronic_date", "")
    extra = fields.extra
    texts = (fields.title, fields.vernacular, fields.abstract, extra.get("other_abstract", ""))
    return Record(
        source=source,
        native_id=fields.pmid,
        title=fields.title,
        abstract=fields.abstract,
        authors=tuple(fields.authors),
        year=int(date[:4]) if date else None,
        date=date,
        journal=fields.journal,
        volume=fields.volume,
        issue=fields.issue,
        pages=fields.pages,
        doi=fields.dois.get("location") or fields.dois.get("list", ""),
        pmid=fields.pmid,
        registry_ids=registry_ids("\n".join((*texts, *fields.numbers, extra.get("keywords", "")))),
        publication_types=tuple(fields.types),
        language="; ".join(fields.languages),
        vernacular_title=fields.vernacular,
        url=PAGE_URL.format(fields.pmid),
        notices=tuple(fields.notices),
        extra=extra,
    )


_Reader = Callable[[_Fields, Element], None]
_Table = Mapping[str, _Reader]


def _walk(fields: _Fields, element: Element, table: _Table) -> None:
    for child in element:
        reader = table.get(child.tag)
        if reader is not None:
            reader(fields, child)


def _into(table: _Table) -> _Reader:
    reader_of = table.get  # not by way of _walk: a call less for each of the nine containers of a record

    def read(fields: _Fields, element: Element) -> None:
        for child in element:
            reader = reader_of(child.tag)
            if reader is not None:
                reader(fields, child)

    return read


def _set(name: str, text_of: Callable[[Element], str] = text_of) -> _Reader:
    return lambda fields, element: setattr(fields, name, text_of(element))


def _keep(key: str) -> _Reader:
    """Into extra, unless empty or already there."""

    def read(fields: _Fields, element: Element) -> None:
        if text := plain(element):
            fields.extra.setdefault(key, text)

    return read


def _pmid(fields: _Fields, element: Element) -> None:
    fields.pmid = plain(element)
    version = element.get("Version", "1")
    if version != "1":
        fields.extra["version"] = version


def _medline_citation(fields: _Fields, element: Element) -> None:
    if status := element.get("Status"):
        fields.extra["status"] = status
    _walk(fields, element, _CITATION)


def _abstract(element: Element) -> str:
    """The parts of an abstract a line each, with their labels: "METHODS: …". NLM's UNLABELLED is no label."""
    parts = []
    for part in element.iterchildren("AbstractText"):
        text, label = text_of(part), part.get("Label", "")
        if text:
            parts.append(f"{label}: {text}" if label and label != "UNLABELLED" else text)
    return "\n".join(parts)


def _main_abstract(fields: _Fields, element: Element) -> None:
    fields.abstract = _abstract(element)


def _other_abstract(fields: _Fields, element: Element) -> None:
    if text := _abstract(element):
        fields.extra.setdefault("other_abstract", text)


def _authors(fields: _Fields, element: Element) -> None:
    if element.get("Type") != "editors":
        fields.authors += authors_of(element)


def _location(fields: _Fields, element: Element) -> None:
    if element.get("EIdType") == "doi" and element.get("ValidYN", "Y") == "Y":
        fields.dois.setdefault("location", normalise_doi(plain(element)))


def _article_id(fields: _Fields, element: Element) -> None:
    kind = element.get("IdType")
    if kind == "doi":
        if not fields.dois.get("location"):  # which comes first, and counts first
            fields.dois.setdefault("list", normalise_doi(plain(element)))
    elif kind in ("pmc", "pii"):
        _keep(kind)(fields, element)


def _notice(fields: _Fields, element: Element) -> None:
    citation_text = "".join(text_of(child) for child in element.iterchildren("RefSource"))
    pmid = "".join(text_of(child) for child in element.iterchildren("PMID"))
    doi = normalise_doi(citation_text)
    fields.notices.append(Notice(element.get("RefType", ""), pmid, doi, citation_text))


def _accessions(fields: _Fields, element: Element) -> None:
    fields.numbers.extend(map(text_of, element))


def _mesh(fields: _Fields, element: Element) -> None:
    """Descriptors with their qualifiers ("Leukemia, T-Cell/therapy/genetics"), joined by "; "."""
    headings: list[str] = []
    for part in element.iter("DescriptorName", "QualifierName"):
        if part.tag == "QualifierName" and headings:
            headings[-1] += f"/{text_of(part)}"
        else:
            headings.append(text_of(part))
    fields.extra["mesh"] = "; ".join(headings)


def _keywords(fields: _Fields, element: Element) -> None:
    words = [word for child in element if (word := text_of(child))]
    earlier = fields.extra.get("keywords")
    if words:
        fields.extra["keywords"] = "; ".join([earlier, *words] if earlier else words)


def _electronic_date(fields: _Fields, element: Element) -> None:
    fields.extra["electronic_date"] = iso_date(element)


def _publication_date(fields: _Fields, element: Element) -> None:
    fields.date = iso_date(element)
    last = element[-1].tag if len(element) else ""
    if last in ("MedlineDate", "Season"):
        fields.extra["printed_date"] = " ".join(map(text_of, element))


_ISSUE: Final[_Table] = {"Volume": _set("volume", plain), "Issue": _set("issue", plain), "PubDate": _publication_date}
_JOURNAL: Final[_Table] = {
    "ISSN": _keep("issn"),
    "JournalIssue": _into(_ISSUE),
    "Title": _set("journal"),
    "ISOAbbreviation": _keep("journal_abbreviation"),
}
_TYPES: Final[_Table] = {"PublicationType": lambda fields, element: fields.types.append(plain(element))}
_BANKS: Final[_Table] = {"DataBank": _into({"AccessionNumberList": _accessions})}
_ARTICLE: Final[_Table] = {
    "Journal": _into(_JOURNAL),
    "ArticleTitle": _set("title"),
    "VernacularTitle": _set("vernacular"),
    "Pagination": _into({"MedlinePgn": _set("pages", plain)}),
    "ELocationID": _location,
    "Abstract": _main_abstract,
    "AuthorList": _authors,
    "Language": lambda fields, element: fields.languages.append(plain(element)),
    "DataBankList": _into(_BANKS),
    "PublicationTypeList": _into(_TYPES),
    "ArticleDate": _electronic_date,
}
_CITATION: Final[_Table] = {
    "PMID": _pmid,
    "Article": _into(_ARTICLE),
    "CommentsCorrectionsList": _into({"CommentsCorrections": _notice}),
    "MeshHeadingList": _mesh,
    "OtherAbstract": _other_abstract,
    "KeywordList": _keywords,
}
_DATA: Final[_Table] = {"ArticleIdList": _into({"ArticleId": _article_id})}
_ARTICLE_SET: Final[_Table] = {"MedlineCitation": _medline_citation, "PubmedData": _into(_DATA)}

_BOOK: Final[_Table] = {
    "BookTitle": _set("journal"),
    "PubDate": _publication_date,
    "AuthorList": _authors,
    "Volume": _set("volume", plain),
    "ELocationID": _location,
    "Isbn": _keep("isbn"),
}
_BOOK_DOCUMENT: Final[_Table] = {
    **_ARTICLE,
    **_TYPES,
    "PMID": _pmid,
    "Book": _into(_BOOK),
    "ArticleIdList": _into({"ArticleId": _article_id}),
    "KeywordList": _keywords,
}
_BOOK_SET: Final[_Table] = {"BookDocument": _into(_BOOK_DOCUMENT)}
