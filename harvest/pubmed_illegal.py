"""Characters that XML forbids and pages of PubMed have held (cazy_webscraper#127): one fails a page of 200 records."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

# XML 1.0, 2.2 Char; lone surrogates stand for bytes that are no UTF-8. A reference to such a character is as illegal.
_ILLEGAL: Final = re.compile(
    "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
    "|&#(?:0*(?:[0-8]|1[124-9]|2\\d|3[01])|x0*(?:[0-8bcef]|1[0-9a-f]|fff[ef]));",
    re.I,
)
_REPLACEMENT: Final = "\ufffd"
_OTHER_ENCODING: Final = re.compile(rb"""\s*<\?xml[^>]*encoding=["'](?!utf-?8["'])""", re.I)
_PMID: Final = re.compile(r"<PMID\b[^>]*>\s*(\d+)\s*</PMID>")
_RECORD: Final = re.compile(r"<Pubmed(?:Book)?Article>")


def replace_illegal(body: bytes) -> tuple[bytes, Counter[str]]:
    """A page with U+FFFD for each character that XML forbids, and how many there were by the record's PMID.

    By "" those outside all records. A page that says that it is not in UTF-8 is returned as it is, and none counted.
    """
    if _OTHER_ENCODING.match(body):
        return body, Counter()
    text = body.decode("utf-8", "surrogateescape")
    counted: Counter[str] = Counter()
    starts = [found.start() for found in _RECORD.finditer(text)]
    for found in _ILLEGAL.finditer(text):
        start = max((start for start in starts if start < found.start()), default=-1)
        pmid = _PMID.search(text, start) if start >= 0 else None
        counted[pmid[1] if pmid else ""] += 1
    return _ILLEGAL.sub(_REPLACEMENT, text).encode(), counted


def replaced_words(counted: Counter[str]) -> str:
    """For a run's log: "1 in PMID 123, 2 in PMID 456"."""
    return ", ".join(f"{count} in {f'PMID {pmid}' if pmid else 'no record'}" for pmid, count in sorted(counted.items()))
