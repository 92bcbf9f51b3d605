"""ASCO's own search (api.asco.org/graphql2), with the key that a user was given; without one it is searched by hand.

The site's search page sends this query itself; its key is not copied here. Names of the query's fields are those that a
public tool reads (MultiSearch, hits with uid, title, abstractNumber, doi, …). None of it was tried live.
"""

from __future__ import annotations

import json
from typing import Any, Final

from db.errors import InputError, SourceError
from db.identifiers import normalise_doi, registry_ids
from db.model import Author, Record
from db.specs import SourceSpec
from harvest.json_replies import json_object, objects_at, text_at
from harvest.pages.asco import JOURNAL
from harvest.pages.common import iso_date, lines_in, person
from harvest.source import Harvest, Progress
from harvest.transport import Manners, Request, Transport

BASE_URL: Final = "https://api.asco.org"
MANNERS: Final = Manners(
    per_second=1.0, per_second_with_key=1.0, hosts=("api.asco.org",), speaks="json", key_header="x-api-key"
)
QUERY: Final = (
    "query MultiSearch($input: SearchInput!) { search(input: $input) { result { total hits { uid score title "
    "abstractNumber body summary doi contentId meetingName contentUrl { path } primaryPerson { displayName role } "
    "date { start } meeting { year } } } } }"
)
SITE: Final = "https://www.asco.org"


def search(spec: SourceSpec, transport: Transport, progress: Progress) -> Harvest:
    """Every meeting abstract that the society's search finds for the protocol's query, from `date_from` on.

    All years are asked for and the earlier ones left out here, so that the request is the same every week and every
    year. SourceError if a reply is no list of hits, or if fewer distinct ones arrive than it counts.
    """
    words = " ".join(spec.query.split())
    if not words:
        raise InputError(f"the source {spec.id!r} has no query: write one into protocol.toml")
    hits: dict[str, dict[str, Any]] = {}
    after: dict[str, Any] | None = None
    while True:
        total, page = _page(spec, words, after, transport)
        before = len(hits)
        hits.update((_uid(spec, hit), hit) for hit in page)
        progress(len(hits), total)
        if len(hits) >= total or len(hits) == before:
            break
        after = {"uid": text_at(page[-1], "uid"), "score": page[-1].get("score")}
    if len(hits) != total:
        raise SourceError(
            f"{spec.id}: ASCO's search counts {total} abstracts but sent {len(hits)} distinct ones: "
            "run the same command again; nothing was changed"
        )
    first = int(spec.date_from[:4]) if spec.date_from else 0
    records = [record for hit in hits.values() if (record := _record(spec, hit)).year is None or record.year >= first]
    log = [
        ("hits of all years", str(total)),
        ("query as sent", words),
        ("limits", f"from {first}" if first else "none"),
    ]
    ids = tuple(record.native_id for record in records)
    return Harvest(len(records), ids, tuple(records), (*log, ("fetched", str(len(records)))))


def request(spec: SourceSpec, words: str, after: dict[str, Any] | None) -> Request:
    """One page of the search, from the hit `after` on."""
    filters = {"contentTypes": ["Presentation"], "mediaTypes": ["Abstracts"]}
    asked = {"userInput": words, "searchAfter": after, "filters": filters, "sortBy": "Relevancy"}
    content = json.dumps(
        {"operationName": "MultiSearch", "query": QUERY, "variables": {"input": asked}}, sort_keys=True
    )
    return Request(spec.id, "POST", spec.base_url or BASE_URL, "graphql2", (), MANNERS, content)


def _page(
    spec: SourceSpec, words: str, after: dict[str, Any] | None, transport: Transport
) -> tuple[int, list[dict[str, Any]]]:
    reply = json_object(spec.id, "ASCO's search", transport.send(request(spec, words, after)))
    if errors := objects_at(reply, "errors"):
        told = "; ".join(text_at(error, "message")[:200] for error in errors)
        raise SourceError(f"{spec.id}: ASCO's search refused the request: {told}: nothing was changed")
    total = text_at(reply, "data", "search", "result", "total")
    if not total.isdecimal():
        raise SourceError(f"{spec.id}: ASCO's search sent no count of its hits: run the same command again")
    return int(total), objects_at(reply, "data", "search", "result", "hits")


def _uid(spec: SourceSpec, hit: dict[str, Any]) -> str:
    if uid := text_at(hit, "uid"):
        return uid
    raise SourceError(f"{spec.id}: ASCO's search sent a hit without a uid ({text_at(hit, 'title')[:80]!r})")


def _record(spec: SourceSpec, hit: dict[str, Any]) -> Record:
    """A hit's Record. Its id has the society's name before it where it is a number: 159508 is no PMID."""
    date = iso_date(text_at(hit, "date", "start")) or text_at(hit, "meeting", "year")
    title, text = (
        lines_in(text_at(hit, "title")).replace("\n", " "),
        lines_in(text_at(hit, "body") or text_at(hit, "summary")),
    )
    doi, path = normalise_doi(text_at(hit, "doi")), text_at(hit, "contentUrl", "path")
    name = text_at(hit, "primaryPerson", "displayName")
    authors: tuple[Author, ...] = (person(name),) if name else ()
    extra = {
        "abstract_number": text_at(hit, "abstractNumber"),
        "meeting": text_at(hit, "meetingName"),
        "uid": _uid(spec, hit),
    }
    return Record(
        source=spec.id,
        native_id=doi or f"asco-{_uid(spec, hit)}",
        title=title,
        abstract=text,
        authors=authors,
        year=int(date[:4]) if date[:4].isdecimal() else None,
        date=date,
        journal=JOURNAL if doi else "",
        doi=doi,
        registry_ids=registry_ids(title, text),
        publication_types=("Meeting Abstract",),
        url=f"{SITE}{path}" if path.startswith("/") else path,
        extra={key: value for key, value in extra.items() if value},
    )
