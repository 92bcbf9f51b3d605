"""PubMed through NCBI's E-utilities: one ESearch names all hits, EFetch brings their records in pages of 200.

The query runs whole each time and the caller compares PMIDs with what it has: no date window can miss a record that
was indexed late or entered under an old date. Nothing is kept on NCBI's history server, so nothing expires.
"""

from __future__ import annotations

from collections.abc import Sequence

from db.errors import InputError, SourceError
from db.specs import SourceSpec
from harvest.pubmed_eutils import AGAIN
from harvest.pubmed_eutils import database_build as database_build  # which is part of a source's shape
from harvest.pubmed_fetch import Fetched, fetch, gone, named
from harvest.pubmed_search import find
from harvest.source import Harvest, Progress
from harvest.transport import Transport


def search(spec: SourceSpec, transport: Transport, progress: Progress) -> Harvest:
    """Every record that PubMed finds for the protocol's query.

    1 search and ⌈hits / 200⌉ fetches; beyond 9,999 hits the search takes about two requests for each part. Raises
    SourceError if a reply is an error, is not PubMed's, or if one record that was found does not come.
    """
    found = find(spec, transport)
    came = fetch(spec, found.pmids, transport, progress)
    lost = [pmid for pmid in found.pmids if pmid not in came.records]
    if lost:
        raise SourceError(
            f"{spec.id}: PubMed found {len(found.pmids)} records but sent {len(came.records)}, asked twice: "
            f"{named(lost)} {'is' if len(lost) == 1 else 'are'} missing{_because(came)}: {AGAIN}"
        )
    log = (*found.log, ("fetched", str(len(came.records))), *came.log)
    return Harvest(len(found.pmids), found.pmids, tuple(came.records.values()), log)


def refresh(spec: SourceSpec, native_ids: Sequence[str], transport: Transport, progress: Progress) -> Harvest:
    """The present state of records that are known already: retracted, corrected, indexed, withdrawn.

    ⌈n / 200⌉ requests; no id, no request. An id is in `deleted` only if PubMed left it out twice and ESummary says
    that it does not hold it; if one fails to come for another reason, SourceError.
    """
    strange = [native_id for native_id in native_ids if not (native_id.isascii() and native_id.isdecimal())]
    if strange:
        raise InputError(f"{spec.id}: {strange[0][:40]!r} is no PMID and cannot be refreshed")
    came = fetch(spec, native_ids, transport, progress)
    if came.missing and came.trouble:
        raise SourceError(f"{spec.id}: {named(came.missing)} could not be refreshed{_because(came)}: {AGAIN}")
    deleted = (*came.deleted, *gone(spec, came.missing, transport))
    log = (("refreshed", str(len(came.records))), ("deleted", str(len(deleted))), *came.log)
    return Harvest(len(came.records), tuple(came.records), tuple(came.records.values()), log, deleted)


def _because(came: Fetched) -> str:
    return f" ({came.trouble})" if came.trouble else ""
