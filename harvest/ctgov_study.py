"""One study of ClinicalTrials.gov's API v2 as a Record: pure, no network."""

from __future__ import annotations

from typing import Any, Final

from db.identifiers import registry_ids
from db.model import Author, Record
from harvest.json_replies import objects_at, text_at, texts_at

Study = dict[str, Any]

PAGE_URL: Final = "https://clinicaltrials.gov/study/{}"
REGISTRATION: Final = "Trial Registration"  # the publication type of a register's record


def record_of(study: Study, source: str) -> Record | None:
    """The Record of a study, None without its NCT number.

    What helps linking stands in `extra`: sponsor, cities, enrolment, dates, product names. `registry_ids` are the
    study's own number and every number of another register among its secondary ids.
    """
    section = study.get("protocolSection")
    names = section.get("identificationModule") if isinstance(section, dict) else None
    numbers = registry_ids(text_at(names, "nctId"))
    if len(numbers) != 1:
        return None
    other = [text_at(item, "id") for item in objects_at(names, "secondaryIdInfos")]
    other.append(text_at(names, "orgStudyIdInfo", "id"))
    date = text_at(section, "statusModule", "studyFirstPostDateStruct", "date")
    return Record(
        source=source,
        native_id=numbers[0],
        title=text_at(names, "officialTitle") or text_at(names, "briefTitle"),
        abstract=text_at(section, "descriptionModule", "briefSummary"),
        authors=_officials(section),
        year=int(date[:4]) if date[:4].isdecimal() else None,
        date=date,
        journal="ClinicalTrials.gov",
        registry_ids=tuple(sorted({*numbers, *registry_ids("\n".join(other))})),
        publication_types=(REGISTRATION,),
        url=PAGE_URL.format(numbers[0]),
        extra={key: value for key, value in _facts(study, section).items() if value},
    )


def _officials(section: Any) -> tuple[Author, ...]:
    """The investigators as printed ("Ji Wang, MD, PhD"): degrees are left off, the last word is the family name."""
    found = []
    for official in objects_at(section, "contactsLocationsModule", "overallOfficials"):
        given, _, family = text_at(official, "name").split(",")[0].strip().rpartition(" ")
        if family:
            found.append(Author(family, given, "", text_at(official, "affiliation")))
    return tuple(found)


def _facts(study: Study, section: Any) -> dict[str, str]:
    places = objects_at(section, "contactsLocationsModule", "locations")
    interventions = objects_at(section, "armsInterventionsModule", "interventions")
    products = [text_at(item, "name") for item in interventions]
    products += [name for item in interventions for name in texts_at(item, "otherNames")]
    sponsors = [text_at(section, "sponsorCollaboratorsModule", "leadSponsor", "name")]
    sponsors += [text_at(item, "name") for item in objects_at(section, "sponsorCollaboratorsModule", "collaborators")]
    names, status = "identificationModule", "statusModule"
    return {
        "brief_title": text_at(section, names, "briefTitle"),
        "acronym": text_at(section, names, "acronym"),
        "status": text_at(section, status, "overallStatus"),
        "start_date": text_at(section, status, "startDateStruct", "date"),
        "primary_completion_date": text_at(section, status, "primaryCompletionDateStruct", "date"),
        "completion_date": text_at(section, status, "completionDateStruct", "date"),
        "last_update": text_at(section, status, "lastUpdatePostDateStruct", "date"),
        "sponsor": _joined(sponsors),
        "centres": _joined([text_at(place, "facility") for place in places]),
        "cities": _joined([text_at(place, "city") for place in places]),
        "countries": _joined([text_at(place, "country") for place in places]),
        "enrolment": text_at(section, "designModule", "enrollmentInfo", "count"),
        "enrolment_type": text_at(section, "designModule", "enrollmentInfo", "type").lower(),
        "study_type": text_at(section, "designModule", "studyType"),
        "phases": _joined(texts_at(section, "designModule", "phases")),
        "conditions": _joined(texts_at(section, "conditionsModule", "conditions")),
        "keywords": _joined(texts_at(section, "conditionsModule", "keywords")),
        "products": _joined(products),
        "results_pmids": _joined(
            [
                text_at(reference, "pmid")
                for reference in objects_at(section, "referencesModule", "references")
                if text_at(reference, "type") in ("RESULT", "DERIVED")
            ]
        ),
        "has_results": "yes" if study.get("hasResults") is True else "",
    }


def _joined(values: list[str]) -> str:
    """The distinct values in their order, "; " between them."""
    return "; ".join(dict.fromkeys(value for value in values if value))
