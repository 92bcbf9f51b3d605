"""One small question to each source, to see on the live service whether it still answers in the form that is read here.

A search source is asked for a single hit; a page source for one page. Nothing is kept: the caller gives a transport
whose archive is thrown away.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from lxml import etree

from db.errors import InputError, SourceError
from db.specs import SourceSpec
from harvest import asco, crossref, ctgov, europepmc
from harvest.page_fetch import open_pages
from harvest.pages import LAYOUT
from harvest.pubmed_eutils import request as eutils_request
from harvest.transport import Request, Transport


@dataclass(frozen=True, slots=True)
class Answer:
    """What one source answered: `well` is None if it was not asked."""

    source: str
    asked: str
    well: bool | None
    words: str


def probe_search(spec: SourceSpec, transport: Transport) -> Answer:
    """Ask a built-in search source for one hit of a one-word query, and read the count that the harvest relies on."""
    question = _QUESTIONS.get(spec.id)
    if question is None:
        return Answer(
            spec.id, "nothing", None, "not asked: searched by hand, by file, or by a source of another package"
        )
    request, read = question(spec)
    try:
        reply = transport.send(request)
        if reply.status != 200:
            return Answer(spec.id, request.url, False, f"status {reply.status}")
        return Answer(spec.id, request.url, True, f"as expected: {read(reply.body)} hits")
    except (SourceError, etree.XMLSyntaxError, ValueError, KeyError, TypeError) as error:
        what = str(error) if isinstance(error, SourceError) else f"not in the form that is read: {error!r}"[:200]
        return Answer(spec.id, request.url, False, what)


def probe_page(spec: SourceSpec, doi: str, transport: Transport, contact: str) -> Answer:
    """Open one page and read it: which layout matched, and which fields it gave."""
    asked = f"https://doi.org/{doi}"
    try:
        opened = next(open_pages(spec, [doi], transport, contact))
    except InputError as error:
        return Answer(spec.id, asked, None, str(error))
    if opened.record is None:
        return Answer(spec.id, asked, False, opened.trouble)
    found = opened.record
    named = {"title": found.title, "abstract": found.abstract, "authors": found.authors, "date": found.date,
             "affiliations": any(a.affiliation for a in found.authors), "registry ids": found.registry_ids,
             "number": found.extra.get("abstract_number"), "session": found.extra.get("session")}  # fmt: skip
    there, not_there = ([k for k, v in named.items() if bool(v) is wanted] for wanted in (True, False))
    without = f"; without {', '.join(not_there)}" if not_there else ""
    return Answer(spec.id, asked, True, f"read as layout {found.extra[LAYOUT]}: {', '.join(there)}{without}")


_Question = tuple[Request, Callable[[bytes], int]]


def _pubmed(spec: SourceSpec) -> _Question:
    request = eutils_request(spec, "esearch", ("term", "neoplasms"), ("retmax", "1"))
    return request, lambda body: int(
        etree.fromstring(body, etree.XMLParser(resolve_entities=False)).findtext("Count") or ""
    )


def _crossref(spec: SourceSpec) -> _Question:
    params = (("query.bibliographic", "neoplasms"), ("rows", "1"), ("select", crossref.SELECT))
    request = Request(spec.id, "GET", spec.base_url or crossref.BASE_URL, "works", params, crossref.MANNERS)
    return request, lambda body: int(json.loads(body)["message"]["total-results"])


def _europepmc(spec: SourceSpec) -> _Question:
    params = (("query", "neoplasms"), ("format", "json"), ("resultType", "core"), ("pageSize", "1"))
    request = Request(spec.id, "GET", spec.base_url or europepmc.BASE_URL, "search", params, europepmc.MANNERS)
    return request, lambda body: int(json.loads(body)["hitCount"])


def _ctgov(spec: SourceSpec) -> _Question:
    asked = (("query.term", "neoplasms"), ("format", "json"), ("fields", ctgov.FIELDS))
    params = (*asked, ("pageSize", "1"), ("countTotal", "true"))
    request = Request(spec.id, "GET", spec.base_url or ctgov.BASE_URL, "studies", params, ctgov.MANNERS)
    return request, lambda body: int(json.loads(body)["totalCount"])


def _asco(spec: SourceSpec) -> _Question:
    request = asco.request(replace(spec, query="neoplasms"), "neoplasms", None)
    return request, lambda body: int(json.loads(body)["data"]["search"]["result"]["total"])


_QUESTIONS: Final[Mapping[str, Callable[[SourceSpec], _Question]]] = {
    "pubmed": _pubmed, "crossref": _crossref, "europepmc": _europepmc, "ctgov": _ctgov, "asco": _asco,
}  # fmt: skip
