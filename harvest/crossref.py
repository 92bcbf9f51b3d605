"""Crossref's REST API: /works, one search a phrase over all containers (journals), by cursor.

Documents: https://github.com/CrossRef/rest-api-doc, https://api.crossref.org/swagger-ui. Crossref ranks: it returns
every work with any word of the phrase, tens of thousands in three large journals, and has no AND. A phrase of
the protocol means all of its words, so a work counts as found when its title or deposited abstract holds them
all; how many were ranked and how many found stands in the search log, and all replies are in the archive.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from db.errors import InputError, SourceError
from db.model import Record
from db.specs import SourceSpec
from harvest.crossref_work import plain, record_of, words_of
from harvest.json_replies import objects_at, text_at, texts_at
from harvest.pubmed_xml import one_line
from harvest.source import Harvest, Progress
from harvest.transport import Manners, Reply, Request, Transport

BASE_URL: Final = "https://api.crossref.org"
# Lists are limited to 3 requests a second in the polite pool (announced for 2025-12-01).
MANNERS: Final = Manners(("mailto",), per_second=3.0, per_second_with_key=3.0, speaks="json")
ROWS: Final = 1_000  # the most that one page may hold
# Reference lists make up nine tenths of a work; only what a Record keeps is asked for.
SELECT: Final = (
    "DOI,URL,title,subtitle,original-title,abstract,author,container-title,issued,volume,issue,page,"
    "article-number,type,update-to,clinical-trial-number,ISSN"
)


@dataclass(frozen=True, slots=True)
class _Ranked:
    """All works Crossref returned for one phrase."""

    total: int
    works: dict[str, dict[str, Any]]  # by DOI


def search(spec: SourceSpec, transport: Transport, progress: Progress) -> Harvest:
    """Every work in the protocol's containers whose title or abstract holds all words of one of its phrases.

    `spec.query` holds phrases separated by "|". Raises SourceError if a reply is no list of works, or if fewer
    works arrive than Crossref counted.
    """
    phrases = [" ".join(phrase.split()) for phrase in spec.query.split("|") if phrase.strip()]
    if not phrases:
        raise InputError(f"the source {spec.id!r} has no query: write phrases separated by | into protocol.toml")
    records: dict[str, Record] = {}
    log: list[tuple[str, str]] = [("filter", _filter(spec))]
    for phrase in phrases:
        ranked = _rank(spec, phrase, transport, progress)
        found = [work for work in ranked.works.values() if words_of(phrase) <= _words(work)]
        for work in found:
            record = record_of(work, spec.id)
            records.setdefault(record.native_id, record)
        log.append((phrase, f"{ranked.total} works ranked, {len(found)} hold all words"))
    log += [("hits", str(len(records))), ("fetched", str(len(records)))]
    return Harvest(len(records), tuple(records), tuple(records.values()), tuple(log))


def _words(work: dict[str, Any]) -> set[str]:
    texts = [*texts_at(work, "title"), *texts_at(work, "subtitle"), text_at(work, "abstract")]
    return words_of(plain(" ".join(texts)))


def _rank(spec: SourceSpec, phrase: str, transport: Transport, progress: Progress) -> _Ranked:
    """All pages of one phrase.

    Crossref may repeat its cursor from page to page, so the end is told by the count, an empty page, or a page
    without anything new (a server that ignores the cursor would otherwise be asked for ever).
    """
    works: dict[str, dict[str, Any]] = {}
    cursor = "*"
    while True:
        message = _message(spec, transport.send(_request(spec, phrase, cursor)))
        total, before = int(message["total-results"]), len(works)
        works.update((text_at(work, "DOI").lower(), work) for work in objects_at(message, "items"))
        progress(len(works), total)
        cursor = text_at(message, "next-cursor")
        if len(works) >= total or len(works) == before or not cursor:
            break
    if len(works) < total:
        raise SourceError(
            f"{spec.id}: Crossref counts {total} works for {phrase!r} but sent {len(works)}: "
            "run the same command again; nothing was changed"
        )
    return _Ranked(total, works)


def _request(spec: SourceSpec, phrase: str, cursor: str) -> Request:
    params = [("query.bibliographic", phrase), ("rows", str(ROWS)), ("cursor", cursor), ("select", SELECT)]
    if restriction := _filter(spec):
        params.append(("filter", restriction))
    return Request(spec.id, "GET", spec.base_url or BASE_URL, "works", tuple(params), MANNERS)


def _filter(spec: SourceSpec) -> str:
    """Filters of the same name are alternatives, others must all hold; a comma cannot be written in a value."""
    for container in spec.containers:
        if "," in container:
            raise InputError(f"the source {spec.id!r}: Crossref cannot filter a container with a comma: {container!r}")
    parts = [f"container-title:{container}" for container in spec.containers]
    if spec.date_from:
        parts.append(f"from-pub-date:{spec.date_from}")
    return ",".join(parts)


def _message(spec: SourceSpec, reply: Reply) -> dict[str, Any]:
    """The list in a reply; SourceError for an error, a page of HTML, or JSON of another kind."""
    text = reply.body.decode("utf-8", "replace")
    if reply.status != 200:
        words = one_line(re.sub(r"<[^>]*>", " ", text[:2_000]))
        raise SourceError(f"{spec.id}: Crossref answered {reply.status}: {words}: nothing was changed")
    try:
        message = json.loads(text, strict=False)["message"]
        if isinstance(message["items"], list) and isinstance(message["total-results"], int):
            return dict(message)
    except (ValueError, KeyError, TypeError):
        pass
    raise SourceError(
        f"{spec.id}: not a list of Crossref works but {one_line(text[:80])!r}: run the same command again"
    )
