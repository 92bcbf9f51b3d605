"""What a record says that it is: article, correction, reply, preprint, figure … Publications of different kinds share
their title, and often their page, and are different all the same."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from db.model import Record

# Kinds that a source prints reliably: a record without the mark is not of the kind. A source that does not say
# "meeting abstract" says nothing.
ALWAYS_MARKED: Final = frozenset(
    {"correction", "retraction notice", "expression of concern", "reply", "preprint", "peer review", "component"}
)

_PREPRINT_SERVERS: Final = re.compile(
    r"\b(?:med|bio|chem|psy|soc)rxiv\b|\barxiv\b|research square|\bssrn\b|preprints(?:\.org|$)|authorea"
)
# DOI prefixes that only preprint servers use: Cold Spring Harbor's, openRxiv's, Research Square's, arXiv's, …
PREPRINT_DOIS: Final = (
    "10.1101/20", "10.1101/0", "10.1101/1", "10.64898/", "10.21203/rs", "10.48550/arxiv", "10.20944/preprints",
    "10.2139/ssrn", "10.22541/au",
)  # fmt: skip
# Figures, tables and supplements with a DOI of their own under the article's (PLOS, PeerJ, eLife as Crossref has them).
_COMPONENT_DOI: Final = re.compile(
    r"^10\.1371/journal\.[a-z]+\.\d+\.[gst]\d+$|^10\.7717/peerj\.\d+/(?:fig|table|supp)-\d+$|^10\.7554/elife\.\d+\.\d{3}$"
)
# A note that a database adds to the article's own title: "[Erratum appears in …]", "[Comment in …]".
APPENDED_NOTE: Final = re.compile(
    r"\s*[\[(]\s*(?:erratum|errata|corrigendum|correction|corrected|comment|republished|retract\w*|summary for|update)"
    r"\s(?:(?:and\s)?(?:appears?|in|on|of|from|for|published|republished)\b).*$",
    re.IGNORECASE | re.DOTALL,
)
# How citation indexes name a correction by what it corrects: "(vol 360, pg 542, 2009)" in Web of Science,
# "(New England Journal of Medicine (2009) 360 (542-544))" in Embase.
CORRECTED_PLACE: Final = re.compile(
    r"\s*\(\s*(?:vol\.?\s*[\w.]+\s*,\s*(?:p|pg|pp|page|art)?\b[^()]*|[^()]{4,120}\(\d{4}\)\s*\d+[:,]?\s*\([^()]*\)\s*)\)?\s*\.?\s*$"
    r"|\s*\(vol\.?\s*\d+\s*,?\s*$",
    re.IGNORECASE,
)
CUT_PLACE: Final = re.compile(r"\s*\([^()]{10,}\([^()]*$")  # … and where the title was cut within it
_OF: Final = r"(?:\s*[:.,–\-(\[]|\s+(?:to|of|for|in|note|notice)\b|\s*$)"
_CORRECTION_BEFORE: Final = (
    rf"(?:(?:author|publisher|published)(?:['’]s)? )?(?:errat(?:um|a)|corrigend(?:um|a)|corrections?|addendum){_OF}"
)
# What stands before the title of the corrected article.
MARK_OF_CORRECTION: Final = re.compile(
    rf"^\s*\[?\s*{_CORRECTION_BEFORE}\s*(?:(?:to|of|for)\b)?\s*[:.–\-]?\s*", re.IGNORECASE
)
# A title of another kind holds one of these; most titles hold none, and the patterns below are slow.
_HINTS: Final = (
    "retract", "errat", "corrig", "correct", "addend", "concern", "reply", "response", "comment", "letter",
    "review for", "re:", "(vol", "(19", "(20",
)  # fmt: skip
_BY_TITLE: Final = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        ("retraction notice", rf"^(?:notice of )?retraction(?: notice)?{_OF}|^retracted (?:to|of|for)\b"),
        ("correction", rf"^\[?{_CORRECTION_BEFORE}"),
        ("correction", r"[\[(:]\s*(?:erratum|corrigendum)\b|[\[(]\s*correction\s*(?:[\])]|to\b)"),
        ("correction", CORRECTED_PLACE.pattern),
        ("expression of concern", r"^(?:editorial )?expression of concern\b"),
        ("peer review", r"^(?:review for|decision letter for|author response for) [\"“‘']"),
        (
            "reply",
            r"^(?:(?:the )?authors?['’]?s? (?:reply|response)|(?:in )?reply|response to (?:the )?(?:letter|comment))\b",
        ),
        ("reply", r"[:.\-–(\[]\s*(?:(?:the )?authors?['’]?s? )?(?:in )?(?:reply|response)\s*[\])]?\.?$"),
        ("comment", r"^(?:comments? on|commentary on|letter to the editor|invited commentary|re:)"),
    )
)
_BY_TYPE: Final = {
    "published erratum": "correction",
    "retraction of publication": "retraction notice",
    "expression of concern": "expression of concern",
    "preprint": "preprint",
    "posted-content": "preprint",
    "meeting abstract": "meeting abstract",
    "abstract": "meeting abstract",
    "conference abstract": "meeting abstract",
    "registry entry": "registry entry",
    "peer-review": "peer review",
    "component": "component",
}


def kind_of(record: Record) -> str:
    """What the record says that it is, if not an ordinary article: correction, reply, preprint, meeting abstract …

    "" for an ordinary article, or where nothing is said. A record that names a journal and a place in it is no
    preprint, whatever DOI a reference manager looked up for its title.
    """
    for printed in record.publication_types:
        if kind := _BY_TYPE.get(printed.lower(), ""):
            return kind
    lower = record.title.lower()
    if any(map(lower.__contains__, _HINTS)):
        title = APPENDED_NOTE.sub("", record.title)
        for kind, pattern in _BY_TITLE:
            if pattern.search(title):
                return kind
    return _kind_by_source(record)


def _kind_by_source(record: Record) -> str:
    if record.journal and _is_preprint_server(record.journal):
        return "preprint"
    if not record.doi:
        return ""
    if record.doi.startswith(PREPRINT_DOIS):
        return "" if record.journal and (record.volume or record.pages) else "preprint"
    return "component" if _COMPONENT_DOI.match(record.doi) else ""


@lru_cache(maxsize=65536)
def _is_preprint_server(journal: str) -> bool:
    return _PREPRINT_SERVERS.search(journal.lower()) is not None
