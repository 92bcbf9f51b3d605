"""What a report says of itself: that it follows another, covers several trials, corrects, comments or reviews."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from curation.evidence.tally import Tally
from curation.evidence.weights import CITES_REPORT, CORRECTS_REPORT, SAYS_SO
from db.identifiers import normalise_doi
from db.model import Record

_FOLLOW_UP: Final = re.compile(
    r"\b(?:previously|already|earlier) (?:reported|published|described|presented)\b|\breported (?:previously|before)\b"
    r"|\b(?:long[- ]term|extended|updated) (?:follow[- ]up|results|analysis|outcomes?)\b"
    r"|\b(?:follow[- ]up|interim|final) (?:results|data|report|analysis)\b",
    re.IGNORECASE,
)
_COUNT: Final = r"(?:two|three|four|five|six|seven|eight|nine|ten|\d+)"
_POOLED: Final = re.compile(
    rf"\bpooled\b|\bcombined analysis\b|\bmeta-?analy|\bsystematic review\b|\breal[- ]world\b"
    rf"|(?<!phase )\b{_COUNT} (?:\w+[- ]){{0,4}}(?:trials|studies)\b",
    re.IGNORECASE,
)
_OTHERS: Final = frozenset(
    ("review", "systematic review", "meta-analysis", "editorial", "comment", "news", "practice guideline", "guideline")
)
_OTHERS_TITLE: Final = re.compile(
    r"\b(?:systematic|narrative|scoping) review\b|\bmeta-?analysis\b|\brecent advances\b|:\s*(?:a|an)?\s*\w*\s*review\b"
    r"|^\s*(?:comment|commentary|editorial|reply)\b|\b(?:comment|reply) (?:on|to)\b",
    re.IGNORECASE,
)
_TRIAL_TYPE: Final = re.compile(r"clinical trial|randomi[sz]ed controlled|case reports|multicenter study", re.I)
# PubMed's RefTypes by which a record names the publication that it corrects or brings up to date.
_CORRECTS: Final = frozenset(
    (
        *("ErratumFor", "CorrectedandRepublishedFrom", "RepublishedFrom", "UpdateOf", "RetractionOf"),
        "ExpressionOfConcernFor",
    )
)
_CORRECTS_TITLE: Final = re.compile(r"^\s*(?:author |publisher )?(?:correction|erratum|corrigendum|addendum)\b", re.I)
_COMMENTS: Final = "CommentOn"
_PMID: Final = re.compile(r"\bpmid\W{0,3}(\d{5,9})\b", re.I)


def follow_up_in(text: str) -> str:
    """The words by which a text says that it follows earlier reports; "" if none."""
    found = _FOLLOW_UP.search(text)
    return found.group().lower() if found else ""


def is_pooled(text: str) -> bool:
    """Whether a text speaks of several trials or studies."""
    return bool(_POOLED.search(text))


def is_no_report(record: Record) -> bool:
    """Whether a record is a review, comment or editorial by its type, title or notice: no report of patients.

    A publication that is typed as a trial or case report too is one.
    """
    types = "; ".join(record.publication_types)
    if _TRIAL_TYPE.search(types):
        return False
    typed = any(kind.lower() in _OTHERS for kind in record.publication_types)
    return typed or bool(_OTHERS_TITLE.search(record.title)) or any(n.kind == _COMMENTS for n in record.notices)


def is_correction(record: Record) -> bool:
    """Whether a record is an erratum or its like."""
    typed = any("erratum" in kind.lower() or "retraction of" in kind.lower() for kind in record.publication_types)
    named = any(notice.kind in _CORRECTS - {"UpdateOf", "RepublishedFrom"} for notice in record.notices)
    return typed or named or bool(_CORRECTS_TITLE.search(record.title))


def cited_in(record: Record) -> dict[str, str]:
    """{DOI or "pmid:…": "cites" or "corrects"} of the publications that a record names in its abstract and notices."""
    found = {doi: "cites" for part in record.abstract.split() if "10." in part and (doi := normalise_doi(part))}
    found |= {f"pmid:{pmid}": "cites" for pmid in _PMID.findall(record.abstract)}
    for notice in record.notices:
        if notice.kind == _COMMENTS:
            continue
        how = "corrects" if notice.kind in _CORRECTS else "cites"
        for key in names_of(notice.doi, notice.pmid):
            found[key] = how
    for own in names_of(record.doi, record.pmid):
        found.pop(own, None)
    return found


def names_of(doi: str, pmid: str) -> tuple[str, ...]:
    """The keys by which `cited_in` names a publication."""
    return tuple(key for key in (doi, f"pmid:{pmid}" if pmid else "") if key)


def weigh_citations(tally: Tally, cited: dict[str, str], known: Collection[str], citing: Collection[str]) -> None:
    """A report that names one of the study's publications, or that one of them names (`citing`)."""
    met = sorted(key for key in cited if key in known)
    if any(cited[key] == "corrects" for key in met):
        tally.add(CORRECTS_REPORT, f"corrects or updates {', '.join(met)}")
    elif met:
        tally.add(CITES_REPORT, f"names a report of the study: {', '.join(met)}")
    elif citing:
        tally.add(CITES_REPORT, f"a report of the study names it: {', '.join(sorted(citing))}")


def weigh_follow_up(tally: Tally, ours: str) -> None:
    """Its own words that it follows earlier reports."""
    if ours:
        tally.add(SAYS_SO, f'it says "{ours}"')
