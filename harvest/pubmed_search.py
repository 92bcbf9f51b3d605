"""What PubMed finds for a query: the PMID of every hit, by ESearch, and how PubMed understood the query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lxml import etree

from db.errors import InputError, SourceError
from db.specs import SourceSpec
from harvest.pubmed_eutils import AGAIN, request, small_xml
from harvest.pubmed_split import MAX_HITS, Answer, Part, UnevenError, split
from harvest.pubmed_xml import one_line
from harvest.transport import Transport

Log = tuple[tuple[str, str], ...]
_WHOLE: Final = Part()


@dataclass(frozen=True, slots=True)
class Found:
    """The PMIDs of all hits, each once, in PubMed's order; the log is that of the whole search."""

    pmids: tuple[str, ...]
    log: Log


def find(spec: SourceSpec, transport: Transport) -> Found:
    """Every PMID that the protocol's query finds: one request, or several if the hits are more than 9,999.

    Raises InputError without a query, SourceError if PubMed refuses it, or names fewer PMIDs than it counts.
    """
    term = " ".join(spec.query.split())
    if not term:
        raise InputError(f"the source {spec.id!r} has no query: write one into protocol.toml")
    for last_try in (False, True):
        try:
            return _find(spec, term, transport)
        except UnevenError as error:
            if last_try:
                raise SourceError(f"{spec.id}: PubMed's counts do not add up, asked twice: {error}: {AGAIN}") from None
    raise AssertionError  # the loop returns or raises


def _find(spec: SourceSpec, term: str, transport: Transport) -> Found:
    whole, log = _ask(spec, term, _WHOLE, transport)
    if whole.count <= MAX_HITS:
        return Found(whole.pmids, log)
    parts = list(split(_WHOLE, whole.count, lambda part: _ask(spec, term, part, transport)[0]))
    pmids = tuple(dict.fromkeys(pmid for _, answer in parts for pmid in answer.pmids))
    if len(pmids) != whole.count:
        raise UnevenError(f"{len(pmids)} distinct PMIDs in {len(parts)} parts, but {whole.count} hits")
    return Found(pmids, (*log, *(("part", f"{part}: {answer.count}") for part, answer in parts)))


def _ask(spec: SourceSpec, term: str, part: Part, transport: Transport) -> tuple[Answer, Log]:
    """One ESearch; UnevenError if it names fewer PMIDs than it counts, though it might name all."""
    asked = request(spec, "esearch", *part.params(term), ("retmax", str(MAX_HITS)))
    root = small_xml(spec, transport.send(asked), "eSearchResult")
    count = root.findtext("Count", "")
    pmids = tuple(dict.fromkeys((element.text or "").strip() for element in root.iterfind("IdList/Id")))
    if not (count.isascii() and count.isdecimal()) or not all(pmid.isdecimal() for pmid in pmids):
        raise SourceError(f"{spec.id}: PubMed's search reply has no count, or an id that is no PMID: {AGAIN}")
    if int(count) <= MAX_HITS and len(pmids) != int(count):
        raise UnevenError(f"{count} hits, but {len(pmids)} PMIDs named")
    return Answer(int(count), pmids), _log(root, count)


def _log(root: etree._Element, count: str) -> Log:
    """How PubMed understood the query. A phrase it did not find was dropped, and a broader query ran."""
    log = [("hits", count), ("query translation", one_line(root.findtext("QueryTranslation", ""), 20_000))]
    for parent in ("ErrorList", "WarningList"):
        for child in root.iterfind(f"{parent}/*"):
            log.append((f"warning: {child.tag}", one_line(child.text or "", 1_000)))
    return tuple(log)
