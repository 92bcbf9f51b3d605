"""Web of Science's tagged plain text: FN, VR, then records from PT to ER, values going on in indented lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from harvest.files.columns import WOS_TAGS
from harvest.files.draft import item_of
from harvest.files.shape import Item
from harvest.files.text import head_text, lines

NAME: Final = "Web of Science tagged text"
_START: Final = re.compile(r"\s*FN [^\n]*\r?\n|\s*PT [A-Z]\r?\nAU ")
_TAG: Final = re.compile(r"([A-Z][A-Z0-9])(?: (.*)|\s*)$", re.S)
_REPEATED: Final = frozenset({"AU", "AF", "CA", "GP"})  # one name a line; other values are wrapped text
_TYPES: Final = {"J": "Journal Article", "B": "Book", "S": "Book Series", "P": "Patent"}


def sniff(head: bytes) -> bool:
    """Whether the file begins as Web of Science's does."""
    return bool(_START.match(head_text(head).lstrip("\ufeff")))


def read(stream: BinaryIO) -> Iterator[Item]:
    """Each record of the file, or its line and why it is none."""
    for line, tags in _records(lines(stream)):
        yield item_of(wos_fields({tag: tuple(parts) for tag, parts in tags.items()}), line, source="wos")


def wos_fields(tags: dict[str, tuple[str, ...]]) -> dict[str, list[str]]:
    """Neutral fields from Web of Science's tags: full names where they are printed, else the short ones."""
    fields: dict[str, list[str]] = {}
    for tag, parts in tags.items():
        if name := WOS_TAGS.get(tag):
            fields.setdefault(name, []).extend(parts if tag in _REPEATED else [" ".join(parts)])
    fields["author"] = fields.get("author") or fields.get("short_author", [])
    if not fields.get("issue"):  # meeting abstracts stand in supplements, which Crossref counts as issues
        fields["issue"] = [f"Supplement {number}" for number in fields.get("supplement", [])]
    if not fields.get("journal_abbreviation"):
        fields["journal_abbreviation"] = fields.get("short_journal", [])
    if not fields.get("type"):
        fields["type"] = [_TYPES.get(kind, "") for kind in tags.get("PT", ())]
    return fields


def _records(numbered: Iterator[tuple[int, str]]) -> Iterator[tuple[int, dict[str, list[str]]]]:
    tags: dict[str, list[str]] = {}
    begun, current = 0, ""
    for number, text in numbered:
        found = _TAG.match(text.lstrip("\ufeff"))
        tag = found[1] if found else ""
        if tag in ("FN", "VR", "EF"):
            current = ""
        elif tag == "ER" or (tag == "PT" and tags):
            if tags:
                yield begun, tags
            tags, current = {}, ""
        if tag and tag not in ("FN", "VR", "EF", "ER"):
            begun = number if not tags else begun
            current = tag
            tags.setdefault(tag, []).append((found[2] or "").strip() if found else "")
        elif not tag and current and text.strip():
            tags[current].append(text.strip())
    if tags:
        yield begun, tags
