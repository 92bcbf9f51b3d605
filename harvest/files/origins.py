"""Which source a file is from: databases, platforms and registers by the names and marks in their exports."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

# Sources that are registers of trials: their runs stand in PRISMA's own box.
REGISTERS: Final = frozenset({"ctgov", "ictrp", "isrctn", "chictr", "euctr", "drks", "anzctr", "jrct", "ctri"})
UNKNOWN: Final = "file"  # the source of a record whose file does not tell

_NAMES: Final = tuple(
    (re.compile(pattern, re.I), source)
    for pattern, source in (
        (r"\bembase\b|^em(?:ez|ed)", "embase"),
        (r"\bpubmed\b|^nlm$", "pubmed"),
        (r"\bmedline\b|^ppez|^med[a-z0-9]", "medline"),
        (r"\bscopus\b", "scopus"),
        (r"web of science|\bwos\b|science citation index", "wos"),
        (r"psyc-?info|^psyc", "psycinfo"),
        (r"\bcinahl\b", "cinahl"),
        (r"europe ?pmc|europe pubmed", "europepmc"),
        (r"cochrane|\bcentral\b|^cctr", "cochrane"),
        (r"\blilacs\b", "lilacs"),
        (r"clinicaltrials\.gov", "ctgov"),
        (r"\bictrp\b", "ictrp"),
        (r"\bisrctn\b", "isrctn"),
        (r"\bchictr\b|chinese clinical trial", "chictr"),
        (r"crossref", "crossref"),
        (r"proquest|ptsdpubs", "proquest"),
    )
)
# Marks that a database's own number or address bears.
_MARKS: Final = tuple(
    (re.compile(pattern), source)
    for pattern, source in (
        (r"embase\.com/|\bsid=EMBASE\b", "embase"),
        (r"\b2-s2\.0-\d|scopus\.com/", "scopus"),
        (r"\bWOS:[A-Z0-9]|webofknowledge\.com|webofscience\.com", "wos"),
        (r"ovidweb\.cgi\S*[?&]D=psyc", "psycinfo"),
        (r"ovidweb\.cgi\S*[?&]D=em[a-z0-9]", "embase"),
        (r"ovidweb\.cgi\S*[?&]D=(?:med|ppez|pmnm|prem)", "medline"),
        (r"(?:search|www)\.proquest\.com/", "proquest"),
        (r"cochranelibrary\.com/", "cochrane"),
    )
)
_EID: Final = re.compile(r"\b2-s2\.0-\d+")
_L_NUMBER: Final = re.compile(r"(?:[?&]id=|^)(L\d{5,})\b")
_UT: Final = re.compile(r"\b(?:WOS|MEDLINE|BIOSIS|CCC|KJD|RSCI|SCIELO|DIIDW|INSPEC|CABI|ZOOREC|FSTA|PPRN|BCI):\w+")
_RAYYAN: Final = re.compile(r"^rayyan-\d+$")
_PMID_URL: Final = re.compile(
    r"(?:pubmed\.ncbi\.nlm\.nih\.gov/|ncbi\.nlm\.nih\.gov/pubmed/|europepmc\.org/(?:article|abstract)/MED/)(\d{1,8})\b",
    re.I,
)
_PMID_NOTE: Final = re.compile(r"\bPMID\s*[:\-]?\s*(\d{1,8})\b")


def source_of(databases: Iterable[str], marks: Iterable[str]) -> str:
    """The source that the names of databases tell, else the addresses and numbers; "" if none does."""
    for name in databases:
        for pattern, source in _NAMES:
            if pattern.search(name):
                return source
    text = "\n".join(marks)
    return next((source for pattern, source in _MARKS if pattern.search(text)), "")


def accession_of(source: str, numbers: Iterable[str], urls: Iterable[str]) -> str:
    """The source's own number of a record: L-number, EID, UT, ProQuest id, Ovid or Rayyan number; or "".

    Numbers that bear their database's mark are known anywhere. A bare number is one only where its source is
    known: EndNote and Zotero number the entries of a person's library in the same fields.
    """
    given = [number.strip() for number in numbers if number.strip()]
    for text in (*given, *urls):
        for pattern in (_L_NUMBER, _EID, _UT, _RAYYAN):
            if found := pattern.search(text):
                return found[found.lastindex or 0]
    if source in ("", UNKNOWN) or not given:
        return ""
    return given[0].split(";")[0].strip()


def pmid_in(urls: Iterable[str], notes: Iterable[str]) -> str:
    """The PMID that an address of PubMed or Europe PMC, or a note "PMID: …", holds; or ""."""
    for pattern, texts in ((_PMID_URL, urls), (_PMID_NOTE, notes)):
        for text in texts:
            if found := pattern.search(text):
                return found[1]
    return ""
