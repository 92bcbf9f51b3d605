"""The one place where text from outside is made harmless for pages, diagrams and tables.

Markup is escaped by jinja2's autoescape (templates) or `text` (diagrams); here go the characters that no page may
hold, formulas in tables, and links: an address is never taken from a record, but built from an identifier that has
the form of one. Storage keeps what came, byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from markupsafe import Markup, escape

# C0 and C1 controls but tab and line feed; overrides of the direction of text (they turn "gpj.exe" round); lone
# surrogates and non-characters, which neither UTF-8 nor XML can hold.
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
# A cell that begins so is run as a formula by spreadsheets (OWASP, "CSV Injection"; full-width forms are read alike).
_FORMULA = re.compile(r"\s*[=+\-@\t\r＝＋－＠]")
_DOI = re.compile(r"10\.\d{4,9}/\S+")
_PMID = re.compile(r"[1-9]\d{0,8}")
_TRIAL = re.compile(r"[A-Za-z]{2,10}[A-Za-z0-9/-]{3,40}")
_UNSAFE_IN_NAME = re.compile(r"[^0-9A-Za-z_.-]+")


def clean(value: str) -> str:
    """`value` without the characters that no page may hold; line breaks and tabs stay."""
    return value if isinstance(value, Markup) else _FORBIDDEN.sub("", value)


def finalize(value: Any) -> Any:
    """What jinja2 calls on each value before it is escaped: cleans text, and text alone."""
    return clean(value) if isinstance(value, str) else value


def text(value: str) -> str:
    """`value` cleaned and escaped for HTML or XML, attributes included."""
    return str(escape(clean(value)))


def csv_cell(value: object) -> object:
    """A cell that no spreadsheet runs: text that begins like a formula gets an apostrophe; numbers stay numbers."""
    if not isinstance(value, str):
        return value
    plain = " ".join(clean(value).split())
    return f"'{plain}" if _FORMULA.match(plain) else plain


def doi_url(doi: str) -> str:
    """The resolver's address of a DOI, or "" if it has not the form of one."""
    return f"https://doi.org/{quote(doi, safe='/:;().-_')}" if _DOI.fullmatch(doi) else ""


def pubmed_url(pmid: str) -> str:
    """PubMed's address of a PMID, or ""."""
    return f"https://pubmed.ncbi.nlm.nih.gov/{pmid}/" if _PMID.fullmatch(pmid) else ""


def trial_url(trial: str) -> str:
    """The address of a registry entry: ClinicalTrials.gov, ISRCTN, else WHO ICTRP's search portal; or ""."""
    if re.fullmatch(r"NCT\d{8}", trial):
        return f"https://clinicaltrials.gov/study/{trial}"
    if re.fullmatch(r"ISRCTN\d{8}", trial):
        return f"https://www.isrctn.com/{trial}"
    if not _TRIAL.fullmatch(trial):
        return ""
    return f"https://trialsearch.who.int/Trial2.aspx?TrialID={quote(trial, safe='')}"


def report_url(doi: str = "", pmid: str = "", native_id: str = "") -> str:
    """The best address of a report: its DOI, its PMID, or a native id that is one of them; or ""."""
    native = native_id.partition(":")[2] or native_id
    return doi_url(doi) or pubmed_url(pmid) or doi_url(native) or (
        pubmed_url(native) if native_id.startswith("pubmed:") else ""
    )  # fmt: skip


def file_names(ids: Iterable[str]) -> dict[str, str]:
    """{id: a name that is safe in a path and an address}. Ids that would meet in one name get a piece of their hash."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for one in sorted(set(ids)):
        name = _UNSAFE_IN_NAME.sub("-", one).strip("-.") or "x"
        if name.lower() in taken:
            name = f"{name}-{sha256(one.encode('utf-8', 'backslashreplace')).hexdigest()[:8]}"
        taken.add(name.lower())
        found[one] = name
    return found
