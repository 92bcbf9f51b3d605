"""Europe PMC's REST service: /search with full records ("core"), page by page with a cursor mark.

Documents: https://europepmc.org/RestfulWebService. Its index holds PubMed, preprints, and abstracts of meetings that
journals print. The end of the pages is told by the count, by an empty page, or by a mark that does not move: some
replies repeat their mark for ever (ContentMine/getpapers#153, #162).
"""

from __future__ import annotations

from typing import Any, Final

from db.errors import InputError, SourceError
from db.model import Record
from db.specs import SourceSpec
from harvest.europepmc_result import record_of
from harvest.json_replies import json_object, objects_at, text_at
from harvest.source import Harvest, Progress
from harvest.transport import Manners, Request, Transport

BASE_URL: Final = "https://www.ebi.ac.uk/europepmc/webservices/rest"
# No limit is printed; the service's own client for R paces itself to fewer than ten requests a second.
MANNERS: Final = Manners(("email",), per_second=3.0, per_second_with_key=3.0, speaks="json")
PAGE: Final = 1_000  # the most that one page may hold


def search(spec: SourceSpec, transport: Transport, progress: Progress) -> Harvest:
    """Every record that Europe PMC finds for the protocol's query, from `spec.date_from` on.

    1 + ⌊hits / 1000⌋ requests. Raises SourceError if a reply is no list of results, if a result is no record, or if
    fewer records arrive than were counted.
    """
    query = _query(spec)
    records: dict[str, Record] = {}
    mark, hits, version = "*", 0, ""
    while True:
        request = _request(spec, query, mark)
        found = json_object(spec.id, "Europe PMC", transport.send(request), hitCount=int, resultList=dict)
        hits, version, before = int(found["hitCount"]), text_at(found, "version"), len(records)
        for result in objects_at(found, "resultList", "result"):
            record = _record(spec, result)
            records[record.native_id] = record
        progress(len(records), hits)
        following = text_at(found, "nextCursorMark")
        if len(records) >= hits or len(records) == before or following in ("", mark):
            break
        mark = following
    if len(records) != hits:
        raise SourceError(
            f"{spec.id}: Europe PMC counts {hits} records but sent {len(records)} distinct ones: "
            "run the same command again; nothing was changed"
        )
    translation = text_at(found, "request", "internalQuery") or text_at(found, "request", "queryString")
    log = [("hits", str(hits)), ("query as sent", query), ("query translation", translation)]
    log += [("service version", version), ("fetched", str(len(records)))]
    return Harvest(hits, tuple(records), tuple(records.values()), tuple(log))


def _query(spec: SourceSpec) -> str:
    query = " ".join(spec.query.split())
    if not query:
        raise InputError(f"the source {spec.id!r} has no query: write one into protocol.toml")
    if not spec.date_from:
        return query
    start = f"{spec.date_from}-01-01"[:10] if len(spec.date_from) == 4 else f"{spec.date_from}-01"[:10]
    return f"({query}) AND FIRST_PDATE:[{start} TO 3000-12-31]"


def _request(spec: SourceSpec, query: str, mark: str) -> Request:
    params = (
        ("query", query),
        ("format", "json"),
        ("resultType", "core"),
        ("synonym", "false"),  # a widening by synonyms would change from week to week
        ("pageSize", str(PAGE)),
        ("cursorMark", mark),
    )
    return Request(spec.id, "GET", spec.base_url or BASE_URL, "search", params, MANNERS)


def _record(spec: SourceSpec, result: dict[str, Any]) -> Record:
    record = record_of(result, spec.id)
    if record is None:
        raise SourceError(
            f"{spec.id}: Europe PMC sent a result without an id (title {text_at(result, 'title')[:80]!r}): "
            "run the same command again; nothing was changed"
        )
    return record
