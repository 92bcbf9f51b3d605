"""Registers' XML exports: the WHO's ICTRP (ChiCTR's trials come through it) and ISRCTN.

Their tables are read as any table is (`harvest.files.delimited`, `harvest.files.workbook`): the same names mean
the same fields there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

from lxml import etree

from harvest.files.columns import fields_of
from harvest.files.draft import item_of
from harvest.files.shape import Item
from harvest.files.text import head_text
from harvest.files.trial import as_trial
from harvest.files.xml import elements, local, text_of

ICTRP: Final = "ICTRP XML"
ISRCTN: Final = "ISRCTN XML"
_ISRCTN_PATHS: Final = {  # the API's names (www.isrctn.com/api/query) where they differ from the table's
    "externalRefs/doi": "doi", "externalRefs/eudraCTNumber": "registry",
    "externalRefs/clinicalTrialsGovNumber": "registry", "externalRefs/protocolSerialNumber": "secondary_ids",
    "secondaryNumbers/secondaryNumber": "secondary_ids",
}  # fmt: skip


def sniff_ictrp(head: bytes) -> bool:
    """Whether the root is that of a download from ICTRP."""
    return "<trials_downloaded_from_ictrp" in head_text(head).lower()


def sniff_isrctn(head: bytes) -> bool:
    """Whether the root is that of ISRCTN's API."""
    text = head_text(head)
    return "<allTrials" in text or "<fullTrial" in text


def read_ictrp(stream: BinaryIO) -> Iterator[Item]:
    """Each trial of an ICTRP download."""
    yield from _read(stream, "Trial", "ictrp", ICTRP, _children)


def read_isrctn(stream: BinaryIO) -> Iterator[Item]:
    """Each trial of an ISRCTN download."""
    yield from _read(stream, "trial", "isrctn", ISRCTN, _isrctn)


def _read(
    stream: BinaryIO, tag: str, source: str, what: str, fields: Callable[[etree._Element], dict[str, list[str]]]
) -> Iterator[Item]:
    for line, element in elements(stream, tag, what):
        yield item_of(as_trial(fields(element)), line, source=source)


def _children(element: etree._Element) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for child in element:
        for name in fields_of(local(child)):
            fields.setdefault(name, []).append(text_of(child))
    return fields


def _isrctn(element: etree._Element) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for found in element.iter():
        if not len(found) and found.text and found.text.strip():
            parent = found.getparent()
            path = f"{local(parent)}/{local(found)}" if parent is not None else local(found)
            names = (_ISRCTN_PATHS[path],) if path in _ISRCTN_PATHS else _isrctn_fields(path, local(found))
            for name in names:
                fields.setdefault(name, []).append(found.text)
        if local(found) == "isrctn" and found.get("dateAssigned"):
            fields.setdefault("registered", []).append(str(found.get("dateAssigned")))
    return fields


def _isrctn_fields(path: str, name: str) -> tuple[str, ...]:
    """A leaf's fields by its name, within the parts of the document where that name is the trial's own."""
    if name == "isrctn":
        return ("trial_id",)
    inside = path.split("/")[0]
    if inside == "trialDescription":
        return fields_of(name)
    wanted = {"condition/description": "condition", "intervention/description": "intervention",
              "sponsor/organisation": "sponsor", "recruitmentCountries/country": "countries",
              "participants/targetEnrolment": "enrolment", "phase": "phase"}  # fmt: skip
    return (wanted[path],) if path in wanted else (("phase",) if name == "phase" else ())
