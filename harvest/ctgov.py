"""ClinicalTrials.gov's API v2: /studies by the protocol's query, and by number for every trial that a report names.

Documents: https://clinicaltrials.gov/data-api/api. A registration is a record of a register (PRISMA's own box) when the
search found it; looked up by its number it identifies nothing and gives facts for linking.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from db.errors import InputError, SourceError
from db.model import Record
from db.specs import SourceSpec
from harvest.ctgov_study import record_of
from harvest.json_replies import json_object, objects_at, text_at
from harvest.source import Harvest, Progress
from harvest.transport import Manners, Request, Transport

BASE_URL: Final = "https://clinicaltrials.gov/api/v2"
# About 50 requests a minute are let through, as third parties report (field notes of biowatch: 46 a minute).
MANNERS: Final = Manners(per_second=0.75, per_second_with_key=0.75, speaks="json")
PAGE: Final = 1_000  # the most that one page may hold
LOOKED_UP: Final = 100  # numbers of a look-up: 1,300 characters of an address, well below any server's limit
FIELDS: Final = (
    "NCTId,OfficialTitle,BriefTitle,Acronym,OrgStudyId,SecondaryId,SecondaryIdType,BriefSummary,OverallStatus,StartDate,"
    "PrimaryCompletionDate,CompletionDate,StudyFirstPostDate,LastUpdatePostDate,LeadSponsorName,CollaboratorName,"
    "OverallOfficialName,OverallOfficialAffiliation,Condition,Keyword,StudyType,Phase,EnrollmentCount,EnrollmentType,"
    "InterventionName,InterventionOtherName,LocationFacility,LocationCity,LocationCountry,ReferencePMID,ReferenceType,"
    "HasResults"
)


def search(spec: SourceSpec, transport: Transport, progress: Progress) -> Harvest:
    """Every registration that the register finds for the protocol's query.

    1 + ⌊hits / 1000⌋ requests. Raises SourceError if a reply is no list of studies, or if fewer arrive than it counts.
    """
    term = " ".join(spec.query.split())
    if not term:
        raise InputError(f"the source {spec.id!r} has no query: write one into protocol.toml")
    records, hits = _pages(spec, (("query.term", term),), transport, progress)
    log = (("hits", str(hits)), ("query as sent", term), ("fetched", str(len(records))))
    return Harvest(hits, tuple(records), tuple(records.values()), log)


def refresh(spec: SourceSpec, native_ids: Sequence[str], transport: Transport, progress: Progress) -> Harvest:
    """The registrations with these NCT numbers; those that the register does not know are named as deleted.

    ⌈numbers / 100⌉ requests. An obsolete number answers under the number that replaced it: it is not deleted.
    SourceError if fewer arrive than the register counts: then none is known to be unknown.
    """
    records: dict[str, Record] = {}
    wanted = sorted(set(native_ids))
    for start in range(0, len(wanted), LOOKED_UP):
        asked = wanted[start : start + LOOKED_UP]
        found, _ = _pages(spec, (("filter.ids", "|".join(asked)),), transport, lambda done, total: None)
        records.update(found)
        progress(min(start + LOOKED_UP, len(wanted)), len(wanted))
    known = {trial for record in records.values() for trial in record.registry_ids}
    gone = tuple(trial for trial in wanted if trial not in known)
    log = (("looked up by number", str(len(wanted))),)
    return Harvest(len(records), tuple(records), tuple(records.values()), log, gone)


def _pages(
    spec: SourceSpec, question: tuple[tuple[str, str], ...], transport: Transport, progress: Progress
) -> tuple[dict[str, Record], int]:
    """All studies of a question, and the register's count of them; SourceError if they are not as many."""
    records: dict[str, Record] = {}
    token, hits = "", -1
    while True:
        reply = transport.send(_request(spec, question, token))
        found = json_object(spec.id, "ClinicalTrials.gov", reply, studies=list)
        if hits < 0:  # only the first page carries the count
            hits = _count(spec, found)
        before = len(records)
        for study in objects_at(found, "studies"):
            record = _record(spec, study)
            records[record.native_id] = record
        progress(len(records), hits)
        token = text_at(found, "nextPageToken")
        if not token or len(records) == before:
            break
    if len(records) != hits:
        raise SourceError(
            f"{spec.id}: ClinicalTrials.gov counts {hits} studies but sent {len(records)} distinct ones: "
            "run the same command again; nothing was changed"
        )
    return records, hits


def _count(spec: SourceSpec, found: dict[str, Any]) -> int:
    count = text_at(found, "totalCount")
    if not count.isdecimal():
        raise SourceError(f"{spec.id}: ClinicalTrials.gov's reply has no count: run the same command again")
    return int(count)


def _request(spec: SourceSpec, question: tuple[tuple[str, str], ...], token: str) -> Request:
    params = [*question, ("format", "json"), ("fields", FIELDS), ("pageSize", str(PAGE)), ("countTotal", "true")]
    if token:
        params.append(("pageToken", token))
    return Request(spec.id, "GET", spec.base_url or BASE_URL, "studies", tuple(params), MANNERS)


def _record(spec: SourceSpec, study: dict[str, Any]) -> Record:
    record = record_of(study, spec.id)
    if record is None:
        raise SourceError(f"{spec.id}: ClinicalTrials.gov sent a study without an NCT number: run the command again")
    return record
