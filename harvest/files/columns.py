"""What columns are called, in one place: every database's, reference manager's and register's heading → one name.

A heading is compared in lower case with its punctuation as spaces. The names on the left are the neutral field
names that `harvest.files.draft.item_of` reads. Headings are as the databases' own exports print them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_SYNONYMS: Final = {
    "title": "title; article title; document title; primary title; ti; t1; public title; "
    "study title; titles; reference title; paper title; brief title",
    "abstract": "abstract; abstracts; ab; n2; notes abstract; abstract note; summary; brief summary; "
    "plain english summary; abstract text",
    "authors": "authors; author; author names; author s; first authors; au; a1; authors full names; creator; "
    "creators; author full names",
    "group_author": "group authors; group author; corporate author; corporate authors; collective name",
    "year": "year; publication year; py; pub year; pubyear; published year; year published; y1; publicationyear; "
    "year of publication; yr",
    "date": "date; publication date; date of publication; pubdate; da; publication date online; "
    "date of publication online; pub date; cover date",
    "journal": "journal; journal title; journal book; source title; secondary title; jf; jt; t2; so; jn; "
    "publication title; pubtitle; publicationtitle; periodical; container title; alternate title3; journal name; "
    "title of journal; full journal title; booktitle; book title; conference title",
    "journal_abbreviation": "journal abbreviation; abbreviated source title; journal iso abbreviation; "
    "iso source abbreviation; ja; j2; ta; jo; alternate title2; short journal title",
    "citation": "source; citation",
    "volume": "volume; vl; vi; vol",
    "issue": "issue; number; is; ip; issue number; no",
    "pages": "pages; page; pg; pagination; page range; pages from to",
    "start_page": "start page; page start; sp; beginning page; first page; bp; startpage",
    "end_page": "end page; page end; ep; ending page; last page; endpage",
    "article_number": "art no; article number; article no; ar",
    "doi": "doi; do; digitalobjectidentifier; digital object identifier doi; doi link; di; "
    "digital object identifier; doi number; doi url",
    "pmid": "pmid; pubmed id; pubmedid; pubmed; pm; medline pmid; pubmed pmid; medline id",
    "pmcid": "pmcid; pmc id; pmc; pubmed central id",
    "accession": "accession number; an; accession no; eid; ut unique wos id; ut unique id; ut; pui; "
    "embase accession id; embase id; embase link; unique identifier; ui; proquest document id; storeid; "
    "unique wos id; accession id; record owner id; accession zr",
    "label": "key; covidence; id; record id; ref; refid; reference id; study id",
    "url": "url; urls; link; ur; open url link; documenturl; document url; full text link; web address; study url; "
    "trial url; uri; links",
    "language": "language; la; article language; language of original document; lang; languages; language of article",
    "type": "type; document type; type of reference; publication type; item type; pt; entrytype; reference type; "
    "article type; dt; ref type; dc type; work type; documenttype; objecttype",
    "keywords": "keywords; author keywords; kw; index keywords; keywords plus; emtree drug index terms; "
    "emtree medical index terms; manual tags; automatic tags; subject; subjects; subject headings; mesh; mesh terms; "
    "subjectterms; descriptors; key words; id keywords; kf; mesh subject headings; mesh headings",
    "notes": "notes; note; n1; rn; extra; research notes",
    "registry": "clinical trial numbers; clinical trial number; clinical trial; registration number; "
    "trial registration; eudract number; clinicaltrials gov number; protocol serial number; nct number; "
    "eudract ctis number; iras number",
    "database": "database; database name; db; data base; name of database; data source; provider; dp",
    "vernacular_title": "original title; original non english title; vernacular title; foreign title; "
    "original foreign language title",
    "issn": "issn; sn; issn isbn; issn print; print issn",
    "trial_id": "trialid; trial id; nct number; isrctn; main id; main id number; trial registration number",
    "scientific_title": "scientific title; official title",
    "sponsor": "primary sponsor; sponsor; sponsor names; sponsor s",
    "condition": "condition; conditions; condition category",
    "intervention": "intervention; interventions",
    "status": "recruitment status; study status; overall trial status; trial status",
    "enrolment": "target size; enrollment; target number of participants; target sample size",
    "phase": "phase; phases",
    "countries": "countries; country of recruitment; countries of recruitment",
    "study_type": "study type",
    "registered": "date registration; date registration3; date assigned; date of registration; date applied; "
    "registration date; study first submitted; first posted",
    "secondary_ids": "secondary id; secondary ids; other ids; secondary identifying numbers",
    "register": "source register",
}  # fmt: skip
_FIELD_OF: Final = {word.strip(): field for field, words in _SYNONYMS.items() for word in words.split(";")}
# Some headings mean two fields: the number of a register's entry is both its id and a registration number.
_ALSO: Final = {"nct number": ("registry", "trial_id"), "isrctn": ("registry", "trial_id")}
# Web of Science heads its tab-delimited table with the tags of its tagged files.
WOS_TAGS: Final = {
    "TI": "title", "AB": "abstract", "AF": "author", "AU": "short_author", "CA": "group_author",
    "GP": "group_author", "PY": "year", "PD": "date", "SO": "journal", "J9": "short_journal",
    "JI": "journal_abbreviation", "VL": "volume", "IS": "issue", "SU": "supplement", "BP": "start_page",
    "EP": "end_page", "AR": "article_number", "DI": "doi", "PM": "pmid", "UT": "accession", "LA": "language",
    "DT": "type",
    "DE": "keywords", "ID": "keywords", "SN": "issn", "FT": "vernacular_title",
}  # fmt: skip

# Headings that only one source prints, and so tell it.
_SIGNATURES: Final = (
    ({"emtree drug index terms", "emtree medical index terms"}, "embase"),
    ({"embase accession id"}, "embase"),
    ({"pui"}, "embase"),  # no other database prints this number
    ({"eid", "source title"}, "scopus"),
    ({"ut unique wos id"}, "wos"),
    ({"ut unique id"}, "wos"),
    ({"ut", "ti", "so"}, "wos"),
    ({"storeid", "documenturl"}, "proquest"),
    ({"proquest document id"}, "proquest"),
    ({"pmid", "journal book"}, "pubmed"),
    ({"trialid", "source register"}, "ictrp"),
    ({"trialid", "scientific title"}, "ictrp"),
    ({"isrctn", "scientific title"}, "isrctn"),
    ({"isrctn", "date assigned"}, "isrctn"),
    ({"nct number", "study title"}, "ctgov"),
    ({"nct number", "title"}, "ctgov"),
)


def normalise_heading(heading: str) -> str:
    """A heading in lower case, its punctuation, underscores and line breaks as single spaces."""
    return " ".join(re.sub(r"[\W_]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", heading).lower()).split())


def fields_of(heading: str) -> tuple[str, ...]:
    """The fields that a column of this heading holds; () for a heading that is none of ours."""
    found: list[str] = []
    for name in dict.fromkeys((normalise_heading(heading), normalise_heading(heading.lower()))):
        found += _ALSO.get(name) or ((_FIELD_OF[name],) if name in _FIELD_OF else ())
        if found:
            break
    return tuple(found)


def source_by_headings(headings: Sequence[str]) -> str:
    """The source whose signature the headings bear, or ""."""
    names = {name for heading in headings for name in (normalise_heading(heading), normalise_heading(heading.lower()))}
    return next((source for signature, source in _SIGNATURES if signature <= names), "")


def is_heading(cells: Sequence[str]) -> bool:
    """Whether a row is a table's heading: a title column beside another, or at least two other columns that we know."""
    if len(cells) < 2:
        return False
    names = [field for cell in cells if len(cell) < 60 for field in fields_of(cell)]
    return "title" in names or len({name for name in names if name != "label"}) >= 2
