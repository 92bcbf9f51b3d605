"""Which society's meeting abstract a DOI is of, told from the DOI alone: `lsr status` reads no page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

# The beginnings of DOIs of abstracts. Articles of Blood are "10.1182/blood.…"; those of JCO and HemaSphere begin as
# their abstracts do. All of these are in PubMed.
PREFIXES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "ash": ("10.1182/blood-",),
        "asco": ("10.1200/jco.",),
        "eha": ("10.1097/hs9.", "10.1097/01.hs9.", "10.1002/hem3."),
    }
)
# 10.1200/jco.2023.41.16_suppl.e13545: year, volume, issue, abstract number.
JCO_SUPPLEMENT: Final = re.compile(r"/jco\.(\d{4})\.(\d+)\.(\d+_suppl)\.(\w+)$")


def society_of(doi: str) -> str:
    """The society that a DOI's abstract is of, or "": an article of the same journal is no abstract."""
    found = next((name for name, prefixes in PREFIXES.items() if doi.startswith(prefixes)), "")
    return "" if found == "asco" and not JCO_SUPPLEMENT.search(doi) else found
