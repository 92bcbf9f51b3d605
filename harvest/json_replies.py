"""What sources that answer in JSON share: a reply is an object of the expected kind, or the run fails in words."""

from __future__ import annotations

import json
import re
from typing import Any

from db.errors import SourceError
from harvest.pubmed_xml import one_line
from harvest.transport import Reply


def json_object(source: str, place: str, reply: Reply, **members: type) -> dict[str, Any]:
    """The object in `reply`, which has `members` of these types; SourceError naming `place` for anything else.

    `strict=False`: some services print raw control characters inside strings (jannisborn/paperscraper#40).
    """
    text = reply.body.decode("utf-8", "replace")
    if reply.status != 200:
        words = one_line(re.sub(r"<[^>]*>", " ", text[:2_000]))
        raise SourceError(f"{source}: {place} answered {reply.status}: {words}: nothing was changed")
    try:
        found = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict) and all(isinstance(found.get(name), kind) for name, kind in members.items()):
        return found
    raise SourceError(f"{source}: not an answer of {place} but {one_line(text[:80])!r}: run the same command again")


def text_at(value: Any, *path: str) -> str:
    """The text or number at a path of member names, as text; "" where anything on the way is missing."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return _whole(str(value)) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def objects_at(value: Any, *path: str) -> list[dict[str, Any]]:
    """The objects in the list at a path of member names; what is no object is left out, a missing list is empty."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def texts_at(value: Any, *path: str) -> list[str]:
    """The texts in the list at a path of member names."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return [_whole(item) for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _whole(text: str) -> str:
    """U+FFFD for each half of a UTF-16 pair, which JSON can say ("\\ud800") and no database can hold."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
