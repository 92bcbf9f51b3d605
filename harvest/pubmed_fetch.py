"""PubMed's records by PMID: EFetch pages of 200, by POST, and what became of those that did not come."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from db.errors import InputError, SourceError
from db.model import Record
from db.specs import SourceSpec
from harvest.pubmed_eutils import AGAIN, refuse_status, request, small_xml
from harvest.pubmed_illegal import replace_illegal, replaced_words
from harvest.pubmed_xml import Deleted, Unnamed, one_line, parse_pubmed
from harvest.source import Progress
from harvest.transport import Reply, Transport

PAGE: Final = 200
REPLACED: Final = "illegal characters replaced"
_GONE: Final = "cannot get document summary"  # what ESummary says of a PMID that PubMed does not hold
_NAMED: Final = 5  # PMIDs that an error names; the rest it counts


@dataclass(slots=True)
class Fetched:
    """What came. `missing` are asked for twice and in no reply; `trouble` is why a page could not be read.

    `replaced` counts the characters, by PMID, that XML forbids and in whose place U+FFFD stands.
    """

    records: dict[str, Record] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    missing: tuple[str, ...] = ()
    trouble: str = ""
    replaced: Counter[str] = field(default_factory=Counter)

    @property
    def log(self) -> tuple[tuple[str, str], ...]:
        """What a run's log must say of it: nothing if the pages were as XML should be."""
        return ((REPLACED, replaced_words(self.replaced)),) if self.replaced else ()


def fetch(spec: SourceSpec, pmids: Sequence[str], transport: Transport, progress: Progress) -> Fetched:
    """The records of `pmids`, each once, in that order; ⌈n / 200⌉ requests if all come.

    What did not come, or came in a page that cannot be read, is asked for once more, alone.
    """
    came = Fetched(missing=tuple(dict.fromkeys(pmids)))
    total = len(came.missing)
    progress(0, total)
    for _ in ("first", "again"):
        came.trouble = ""
        pages = list(_pages(came.missing))
        asked = (request(spec, "efetch", ("id", ",".join(page))) for page in pages)
        for page, reply in zip(pages, transport.send_all(asked), strict=True):
            _take(spec, came, page, reply)
            progress(len(came.records), total)
        came.missing = tuple(p for p in came.missing if p not in came.records and p not in came.deleted)
        if not came.missing:
            break
    came.records = {pmid: came.records[pmid] for pmid in dict.fromkeys(pmids) if pmid in came.records}
    return came


def gone(spec: SourceSpec, pmids: Sequence[str], transport: Transport) -> tuple[str, ...]:
    """`pmids`, if ESummary says of each that PubMed does not hold it; SourceError if one was lost on the way."""
    pages = list(_pages(pmids))
    asked = (request(spec, "esummary", ("id", ",".join(page)), ("version", "2.0")) for page in pages)
    for page, reply in zip(pages, transport.send_all(asked), strict=True):
        root = small_xml(spec, reply, "eSummaryResult")
        absent = {
            summary.get("uid", "")
            for summary in root.iter("DocumentSummary")
            if _GONE in (summary.findtext("error") or "")
        }
        if held := [pmid for pmid in page if pmid not in absent]:
            raise SourceError(f"{spec.id}: PubMed does not send {named(held)} and does not say it is gone: {AGAIN}")
    return tuple(pmids)


def named(pmids: Sequence[str]) -> str:
    """The first PMIDs by name, the rest by number: "PMID 1, 2, 3, 4, 5 and 12 more"."""
    more = f" and {len(pmids) - _NAMED} more" if len(pmids) > _NAMED else ""
    return f"PMID {', '.join(pmids[:_NAMED])}{more}"


def _pages(pmids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (pmids[start : start + PAGE] for start in range(0, len(pmids), PAGE))


def _take(spec: SourceSpec, came: Fetched, page: Sequence[str], reply: Reply) -> None:
    """All of a page, or its trouble. Of several versions of a record the last is the newest, and stays.

    What a page says is deleted is no record, even if it holds one.
    """
    asked = set(page)
    try:
        refuse_status(spec, reply)
        found, replaced = _parse(reply.body, spec.id)
        records = {item.native_id: item for item in found if isinstance(item, Record)}
        if strange := records.keys() - asked:
            raise SourceError(f"{spec.id}: sent {named(sorted(strange))}, not asked for")
    except (InputError, SourceError) as error:
        came.trouble = f"records from PMID {page[0]} on: {one_line(str(error).removeprefix(f'{spec.id}: '))}"
        return
    came.replaced |= replaced
    deleted = [item.pmid for item in found if isinstance(item, Deleted) and item.pmid in asked]
    came.deleted += deleted
    came.records.update((pmid, record) for pmid, record in records.items() if pmid not in deleted)


def _parse(body: bytes, source: str) -> tuple[list[Record | Deleted | Unnamed], Counter[str]]:
    """All of a page; what XML forbids is replaced, and counted by PMID, only if the page cannot be read with it."""
    try:
        return list(parse_pubmed(io.BytesIO(body), source)), Counter()
    except InputError:
        mended, replaced = replace_illegal(body)
        if not replaced:
            raise
        return list(parse_pubmed(io.BytesIO(mended), source)), replaced
