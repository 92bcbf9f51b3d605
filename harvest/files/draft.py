"""From what a file prints of a publication or a trial, by neutral field names, to a Record: one way for all formats."""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import unquote

from rispy.config import TYPE_OF_REFERENCE_MAPPING  # type: ignore[import-untyped]

from db.identifiers import normalise_doi, registry_ids
from db.model import Author, Record
from harvest.files.names import author_of, authors_of, date_of, year_of
from harvest.files.origins import REGISTERS, UNKNOWN, accession_of, pmid_in, source_of
from harvest.files.shape import Unread

Fields = Mapping[str, Sequence[str]]
NOTHING_IN_IT: Final = "no title, abstract or identifier: not imported"

# Markup that exports leave in titles and abstracts; "p < 0.05" is none of it.
_TAG: Final = re.compile(
    r"</?(?:i|b|u|em|strong|sub|sup|inf|sc|p|br|span|div|h\d|bold|italic|(?:jats|mml):[\w-]+)(?:\s[^<>]*)?/?>", re.I
)
_BLOCK: Final = re.compile(r"<(?:/p|br|/div|/h\d)\s*/?>", re.I)
_MISSING: Final = frozenset({"na", "n/a", "nan", "none", "null", "unknown", "not available", "-", "no", "specified"})
_NO_ABSTRACT: Final = re.compile(r"\[?(?:no abstract(?: is)?(?: available)?|abstract not available)\.?\]?", re.I)
_DOI_IN_QUERY: Final = re.compile(r"[?&](?:id=|rft_id=info:)?doi(?:[:=/]|%3A|%2F)(10\.[^&\s]+)", re.I)
_PMID: Final = re.compile(r"(?:PMID:?\s*|MEDLINE:|PUBMED:?\s*)?(\d{1,8})(?:\.0)?")
# "Cancer (2004) 102:4 (253-258). Date of Publication: 25 Aug 2004": Embase prints all of it in one cell.
_EMBASE_SOURCE: Final = re.compile(
    r"(?P<journal>.+?)\s*\((?P<year>(?:1[5-9]|20)\d\d)\)\s*(?P<volume>[^\s:;.]*)(?::(?P<issue>[^.(]*?))?\s*"
    r"(?:\((?P<pages>[^)]*)\))?\.?(?:\s+Date of Publication:\s*(?P<date>.*))?",
    re.S,
)
# "Blood. Conference: 63rd Meeting. 138(SUPPL 1) (pp 2812), 2021.", "Blood. 138(5):281-9, 2021 Nov 05.": so does Ovid.
_OVID_SOURCE: Final = re.compile(
    r"(?P<journal>[^.]+)\.\s(?:Conference:.*\.\s)?\s*(?P<volume>\d\w*)\s*(?:\((?P<issue>[^()]*)\))?\s*"
    r"(?:\(pp?\.?\s*(?P<pages>[^()]*)\)|:\s*(?P<to>[^,;]*))?[,.]\s*(?:\(?(?P<year>(?:19|20)\d\d)\b\)?)"
    r"(?P<date>[^.]*)\.?(?:\s.*)?",
    re.S,
)
_LONGEST_SOURCE: Final = 2_000  # characters of a cell that is still searched for a journal with its volume
_LANGUAGES: Final = {  # ISO 639-2 as PubMed prints it, of the languages' names and two-letter codes
    "english": "eng", "en": "eng", "chinese": "chi", "zh": "chi", "french": "fre", "fr": "fre", "german": "ger",
    "de": "ger", "spanish": "spa", "es": "spa", "italian": "ita", "it": "ita", "japanese": "jpn", "ja": "jpn",
    "korean": "kor", "ko": "kor", "portuguese": "por", "pt": "por", "russian": "rus", "ru": "rus", "polish": "pol",
    "pl": "pol", "dutch": "dut", "nl": "dut", "turkish": "tur", "tr": "tur", "persian": "per", "fa": "per",
    "arabic": "ara", "ar": "ara", "swedish": "swe", "sv": "swe", "danish": "dan", "da": "dan", "czech": "cze",
    "cs": "cze", "hungarian": "hun", "hu": "hun", "ukrainian": "ukr", "uk": "ukr", "norwegian": "nor", "no": "nor",
}  # fmt: skip
# Codes of RIS, BibTeX and Zotero in words; those that PubMed has a word for in PubMed's. "GEN" says nothing.
_TYPES: Final = {
    **TYPE_OF_REFERENCE_MAPPING, "JOUR": "Journal Article", "EJOUR": "Journal Article", "GEN": "",
    "article": "Journal Article", "journalArticle": "Journal Article", "misc": "", "inproceedings": "Conference Paper",
    "conferencePaper": "Conference Paper", "preprint": "Preprint", "book": "Book", "incollection": "Book Section",
    "bookSection": "Book Section", "thesis": "Thesis", "phdthesis": "Thesis", "mastersthesis": "Thesis",
}  # fmt: skip
# Fields that only some sources have are kept under their own names.
_EXTRA: Final = (
    "journal_abbreviation", "issn", "pmcid", "scientific_title", "sponsor", "condition", "intervention", "status",
    "enrolment", "phase", "countries", "study_type", "registered", "secondary_ids", "register",
)  # fmt: skip


def item_of(fields: Fields, line: int, *, source: str = "", authors: Sequence[Author] = ()) -> Record | Unread:
    """The record that `fields` amount to, or Unread if they hold no title, abstract or identifier.

    `fields` holds texts as printed under neutral names (`harvest.files.columns`). `source` is what the format
    itself says; without it the names and addresses in the record tell, else "file". `authors` stand before those
    in the fields. The native id is the trial number of a register's entry; else the source's own number; else
    "pmid:" and the PMID of a source without numbers of its own; else the DOI; else a hash (`hash_id`).
    """
    urls, notes = fields.get("url", ()), fields.get("notes", ())
    printed = fields.get("accession", ())
    marked = (*fields.get("label", ()), *urls)
    source = (
        source or source_of(fields.get("database", ()), (*printed, *marked, *fields.get("trial_id", ()))) or UNKNOWN
    )
    texts = _bibliographic(fields)
    title, abstract = plain(_first(fields, "title")), paragraphs(_first(fields, "abstract"))
    accession = accession_of(source, printed, marked)
    doi = next((doi for text in (*fields.get("doi", ()), *_resolvers(urls)) if (doi := normalise_doi(text))), "")
    pmid = _pmid(fields, source, accession) or pmid_in(urls, notes)
    numbers = registry_ids("\n".join((title, abstract, *_searched(fields))))
    trial = _trial(fields, source)
    if not (title or abstract or accession or doi or pmid or trial):
        return Unread(line, NOTHING_IN_IT)
    people = tuple(authors) + _authors(fields)
    year, date = _dates(fields, texts)
    own = trial or (pmid if source == "pubmed" else "") or accession or doi or (f"pmid:{pmid}" if pmid else "")
    return Record(
        source=source, native_id=own or hash_id(title or abstract, year, people, texts["journal"]), title=title,
        abstract=abstract, authors=people, year=year, date=date, journal=texts["journal"], volume=texts["volume"],
        issue=texts["issue"], pages=texts["pages"], doi=doi, pmid=pmid,
        registry_ids=tuple(sorted({*numbers, *registry_ids(trial)})),
        publication_types=_types(fields), language=_language(fields),
        vernacular_title=plain(_first(fields, "vernacular_title")), url=_first(fields, "url").strip(),
        extra=_extra(fields, date),
    )  # fmt: skip


def hash_id(title: str, year: int | None, authors: Sequence[Author], journal: str) -> str:
    """The native id of a record without any number: "sha256:" and 24 hex digits.

    The SHA-256 is over title|year|first author|journal, each lower case with letters and digits only, so that
    the same entry in another export, with other punctuation, has the same id.
    """
    first = authors[0].family or authors[0].collective if authors else ""
    key = "|".join(re.sub(r"[\W_]+", "", part.lower()) for part in (title, str(year or ""), first, journal))
    return f"sha256:{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()[:24]}"


def plain(text: str) -> str:
    """`text` on one line, without markup and entities."""
    if "<" in text or "&" in text:
        text = html.unescape(_TAG.sub("", text))
    return " ".join(text.split())


def paragraphs(text: str) -> str:
    """`text` without markup and entities, its own line breaks kept, blank lines dropped."""
    if _NO_ABSTRACT.fullmatch(text.strip()):
        return ""
    if "\n" not in text and "<" not in text:
        return plain(text)
    return "\n".join(line for part in _BLOCK.sub("\n", text).split("\n") if (line := plain(part)))


def known(text: str) -> str:
    """`text` on one line, or "" for the words that exports print where they have nothing."""
    line = plain(text)
    return "" if line.lower() in _MISSING else line


def _first(fields: Fields, name: str) -> str:
    return next((text for text in fields.get(name, ()) if text.strip()), "")


def _bibliographic(fields: Fields) -> dict[str, str]:
    """Journal, volume, issue, pages, and year and date if they are printed in one cell with them (Embase)."""
    found = {name: known(_first(fields, name)) for name in ("journal", "volume", "issue")}
    found |= {"pages": _pages(fields), "year": "", "date": ""}
    cell = _first(fields, "citation")
    if cell and (parts := _EMBASE_SOURCE.fullmatch(cell.strip())):
        found |= {name: plain(text) for name, text in parts.groupdict("").items() if not found[name]}
    elif cell and not found["journal"]:
        found["journal"] = plain(cell)
    if len(found["journal"]) < _LONGEST_SOURCE and (parts := _OVID_SOURCE.fullmatch(found["journal"])):
        told = parts.groupdict("")
        found |= {"journal": told["journal"], "year": told["year"], "date": f"{told['year']}{told['date']}".strip()}
        found |= {name: found[name] or told[name].strip() for name in ("volume", "issue")}
        found["pages"] = found["pages"] or (told["pages"] or told["to"]).strip()
    if not found["journal"]:
        found["journal"] = known(_first(fields, "journal_abbreviation"))
    return found


def _pages(fields: Fields) -> str:
    whole, start, end = (known(_first(fields, name)) for name in ("pages", "start_page", "end_page"))
    if whole:
        return whole
    if start and end and start != end and "-" not in start:
        return f"{start}-{end}"
    return start or known(_first(fields, "article_number"))


def _dates(fields: Fields, texts: Mapping[str, str]) -> tuple[int | None, str]:
    printed = [text for text in (*fields.get("year", ()), texts["year"]) if text.strip()]
    dated = [text for text in (*fields.get("date", ()), texts["date"]) if text.strip()]
    year = next((year for text in (*printed, *dated) if (year := year_of(text))), None)
    for text in (*dated, *printed):
        date = date_of(year, text)
        if len(date) > 4 and (year is None or date.startswith(str(year))):
            return year, date
    return year, str(year) if year else ""


def _resolvers(urls: Sequence[str]) -> list[str]:
    """What addresses say of a DOI: those of a resolver, and a link server's "id=doi:10.1%2Fx" (Embase, ProQuest).

    A publisher's address may hold a DOI too, but with parts after it ("/full") that are none of it.
    """
    told = [url for url in urls if "doi.org/" in url]
    return told + [unquote(found[1]) for url in urls if (found := _DOI_IN_QUERY.search(url))]


def _authors(fields: Fields) -> tuple[Author, ...]:
    single = [author for text in fields.get("author", ()) if (author := author_of(text))]
    listed = [author for text in fields.get("authors", ()) for author in authors_of(text)]
    groups = [Author(collective=plain(text)) for text in fields.get("group_author", ()) if text.strip()]
    return (*single, *listed, *groups)


def _pmid(fields: Fields, source: str, accession: str) -> str:
    numbers = [*fields.get("pmid", ()), *([accession] if source in ("pubmed", "medline") else [])]
    return next((found[1].lstrip("0") for text in numbers if (found := _PMID.fullmatch(text.strip()))), "")


def _trial(fields: Fields, source: str) -> str:
    """The trial number of a register's entry, normalised; as printed if its shape is no registry's we know."""
    printed = _first(fields, "trial_id").strip()
    if printed and source in REGISTERS:
        if source == "isrctn" and printed.isdecimal():
            printed = f"ISRCTN{printed}"
        return next(iter(registry_ids(printed)), printed)
    return ""


def _searched(fields: Fields) -> list[str]:
    """Texts that may print a trial's number; reference lists (Scopus, in notes) name other people's trials."""
    notes = [text for text in fields.get("notes", ()) if not text.lstrip().lower().startswith("references")]
    named = [text for name in ("registry", "keywords", "vernacular_title", "secondary_ids", "trial_id")
             for text in fields.get(name, ())]  # fmt: skip
    return [*named, *notes, *fields.get("accession", ())]


def _types(fields: Fields) -> tuple[str, ...]:
    """Publication types in words, as printed where the word is not a code of a file format."""
    words = [_TYPES.get(plain(part), plain(part)) for text in fields.get("type", ()) for part in text.split(";")]
    return tuple(dict.fromkeys(word for word in words if word))


def _language(fields: Fields) -> str:
    words = [word.strip() for text in fields.get("language", ()) for word in re.split(r"[;,/]| and ", text)]
    codes = [_LANGUAGES.get(re.sub(r"-\w+$", "", word.lower()), word) for word in words if word]
    return "; ".join(dict.fromkeys(codes))


def _extra(fields: Fields, date: str) -> dict[str, str]:
    extra = {}
    for name in _EXTRA:
        if values := dict.fromkeys(value for text in fields.get(name, ()) if (value := known(text))):
            extra[name] = "; ".join(values)
    words = [plain(part).strip("*") for text in fields.get("keywords", ()) for part in _keywords(text)]
    if words := [word for word in words if word]:
        extra["keywords"] = "; ".join(dict.fromkeys(words))
    printed = plain(_first(fields, "year"))
    if printed and not date:
        extra["printed_date"] = printed
    return extra


def _keywords(text: str) -> list[str]:
    """Keywords of one cell: one a line (EndNote), or between semicolons, or a list that a program wrote."""
    if text.startswith("["):
        return [part.strip(" '\"") for part in text.strip("[]").split(",")]
    return re.split(r"[;\n]", text)
