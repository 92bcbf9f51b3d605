"""PubMed through NCBI's E-utilities: one ESearch with the history server, then EFetch pages of 200, by POST.

Protocol: https://www.ncbi.nlm.nih.gov/books/NBK25499/ (parameters), NBK25497 (pace, tool and email).
The small ESearch reply is read with a hardened lxml parser rather than Bio.Entrez.read, which tries to download
a DTD it does not ship (biopython#4268) and fails where the home folder cannot be written.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import Final

from lxml import etree

from db.errors import InputError, SourceError
from db.model import Record, SourceSpec
from harvest.pubmed_xml import Deleted, one_line, parse_pubmed
from harvest.source import Harvest, Progress
from harvest.transport import Manners, Reply, Request, Transport

BASE_URL: Final = "https://eutils.ncbi.nlm.nih.gov/entrez/eutils"
MANNERS: Final = Manners(("tool", "email", "api_key"), per_second=3.0, per_second_with_key=10.0)
PAGE: Final = 200
# The documents say 10,000; the server refuses retstart above 9,998 (biopython#4193).
MAX_HITS: Final = 9_999
# What EFetch says once the history server has forgotten a search (after about 8 hours, rentrez#110).
_EXPIRED: Final = re.compile(r"WebEnv|query #\d|history", re.I)


@dataclass(frozen=True, slots=True)
class _History:
    """A search as the history server keeps it."""

    count: int
    web_env: str
    query_key: str
    log: tuple[tuple[str, str], ...]


class _ExpiredError(Exception):
    """The history server no longer knows the search."""


def search(spec: SourceSpec, transport: Transport, progress: Progress) -> Harvest:
    """Every record that PubMed finds for the protocol's query.

    1 + ⌈hits / 200⌉ requests; one search more if the history expires on the way. Raises SourceError if a reply
    is an error, is not PubMed's, or if one record fewer arrives than was found.
    """
    try:
        return _harvest(spec, transport, progress)
    except _ExpiredError:
        pass
    try:
        return _harvest(spec, transport, progress)
    except _ExpiredError as error:
        raise SourceError(f"{spec.id}: PubMed forgot the search twice ({error}): run the same command again") from None


def _harvest(spec: SourceSpec, transport: Transport, progress: Progress) -> Harvest:
    history = _esearch(spec, transport)
    records: dict[str, Record] = {}
    deleted: list[str] = []
    progress(0, history.count)
    for start in range(0, history.count, PAGE):
        expected = min(PAGE, history.count - start)
        page = _efetch(spec, transport, history, start)
        found = [item for item in page if isinstance(item, Record)]
        deleted += [item.pmid for item in page if isinstance(item, Deleted)]
        records.update((record.native_id, record) for record in found)
        if len(found) != expected or len(records) != start + expected:
            raise SourceError(
                f"{spec.id}: PubMed found {history.count} records but sent {len(records)} distinct ones of the "
                f"first {start + expected}: run the same command again; nothing was changed"
            )
        progress(len(records), history.count)
    log = (*history.log, ("fetched", str(len(records))))
    return Harvest(history.count, tuple(records), tuple(records.values()), log, tuple(deleted))


def _request(spec: SourceSpec, path: str, *params: tuple[str, str]) -> Request:
    base = spec.base_url or BASE_URL
    return Request(spec.id, "POST", base, path, (("db", "pubmed"), *params, ("retmode", "xml")), MANNERS)


def _esearch(spec: SourceSpec, transport: Transport) -> _History:
    term = " ".join(spec.query.split())
    if not term:
        raise InputError(f"the source {spec.id!r} has no query: write one into protocol.toml")
    request = _request(spec, "esearch.fcgi", ("term", term), ("usehistory", "y"), ("retmax", "0"))
    root = _small_xml(spec, transport.send(request), "eSearchResult")
    count = root.findtext("Count", "")
    web_env, query_key = root.findtext("WebEnv", ""), root.findtext("QueryKey", "")
    if not count.isdecimal() or (count != "0" and not (web_env and query_key)):
        raise SourceError(f"{spec.id}: PubMed's search reply has no count or no history: run the command again")
    if int(count) > MAX_HITS:
        raise SourceError(
            f"{spec.id}: PubMed finds {count} records and hands out {MAX_HITS} at most: "
            "narrow the query or its date range in protocol.toml"
        )
    return _History(int(count), web_env, query_key, _search_log(root, count))


def _search_log(root: etree._Element, count: str) -> tuple[tuple[str, str], ...]:
    """How PubMed understood the query. A phrase it did not find was dropped, and a broader query ran."""
    log = [("hits", count), ("query translation", one_line(root.findtext("QueryTranslation", ""), 20_000))]
    for parent in ("ErrorList", "WarningList"):
        for child in root.iterfind(f"{parent}/*"):
            log.append((f"warning: {child.tag}", one_line(child.text or "", 1_000)))
    return tuple(log)


def _efetch(spec: SourceSpec, transport: Transport, history: _History, start: int) -> list[Record | Deleted]:
    request = _request(
        spec,
        "efetch.fcgi",
        ("WebEnv", history.web_env),
        ("query_key", history.query_key),
        ("retstart", str(start)),
        ("retmax", str(PAGE)),
    )
    reply = transport.send(request)
    try:
        _refuse_status(spec, reply)
        return list(parse_pubmed(io.BytesIO(reply.body), spec.id))
    except (InputError, SourceError) as error:
        if _EXPIRED.search(str(error)):
            raise _ExpiredError(one_line(str(error))) from error
        raise SourceError(f"{spec.id}: records from {start + 1} on: {_said(spec, error)}") from error


def _said(spec: SourceSpec, error: Exception) -> str:
    return f"{str(error).removeprefix(f'{spec.id}: ')}; run the same command again, nothing was changed"


def _small_xml(spec: SourceSpec, reply: Reply, root_tag: str) -> etree._Element:
    """The root of a small E-utilities reply; SourceError if it is an error or anything else."""
    _refuse_status(spec, reply)
    parser = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(reply.body, parser)
    except etree.XMLSyntaxError:
        raise _not_pubmed(spec, reply) from None
    if root.tag != root_tag:
        raise _not_pubmed(spec, reply)
    errors = [one_line(element.text or "") for element in root.iter("ERROR")]
    if errors:
        raise SourceError(f"{spec.id}: PubMed refused the search: {'; '.join(errors)}: mend the query and try again")
    return root


def _refuse_status(spec: SourceSpec, reply: Reply) -> None:
    if reply.status != 200:
        words = one_line(re.sub(r"<[^>]*>", " ", reply.body[:2_000].decode("utf-8", "replace")))
        raise SourceError(f"{spec.id}: E-utilities answered {reply.status}: {words}")


def _not_pubmed(spec: SourceSpec, reply: Reply) -> SourceError:
    start = one_line(reply.body[:80].decode("utf-8", "replace"))
    return SourceError(f"{spec.id}: not an E-utilities reply but {start!r}: run the same command again")
