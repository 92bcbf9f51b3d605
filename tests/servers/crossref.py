"""Crossref's /works over a corpus of works: any-word ranking, container and date filters, cursor paging, select."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from tests.servers.frame import Answer, Asked, Fault, LoopbackServer

Work = dict[str, Any]


class CrossrefServer(LoopbackServer):
    """Answers as the live service does: a work is ranked if any word of the phrase stands in it.

    `overcount` is added to total-results, as when an index changes under a crawl; with `same_cursor` every page
    carries the same next-cursor, as the live service often does, and the server keeps the place itself.
    """

    def __init__(
        self, items: Sequence[Work], *, script: Iterable[Fault] = (), overcount: int = 0, same_cursor: bool = False
    ) -> None:
        super().__init__(self._works, "", script)
        self._items = list(items)
        self._overcount = overcount
        self._same_cursor = same_cursor
        self._place: dict[str, int] = {}

    def _works(self, asked: Asked) -> Answer:
        if asked.path != "/works":
            return Answer(b"Resource not found.", 404, "text/plain")
        phrase = asked.params.get("query.bibliographic", "")
        ranked = [item for item in self._items if _any_word(phrase, item) and _passes(asked.params, item)]
        rows = min(int(asked.params.get("rows", "20")), 1_000)
        start = self._start(asked.params.get("cursor", "*"), phrase, rows)
        fields = [field for field in asked.params.get("select", "").split(",") if field]
        page = [_selected(item, fields) for item in ranked[start : start + rows]]
        message = {
            "facets": {},
            "next-cursor": "DnF1ZXJ5VGhlbkZldGNo" if self._same_cursor else f"DnF1ZXJ5VGhlbkZldGNo{start + rows}",
            "total-results": len(ranked) + self._overcount,
            "items": page,
            "items-per-page": rows,
            "query": {"start-index": 0, "search-terms": phrase},
        }
        reply = {"status": "ok", "message-type": "work-list", "message-version": "1.0.0", "message": message}
        return Answer(json.dumps(reply).encode(), content_type="application/json")

    def _start(self, cursor: str, phrase: str, rows: int) -> int:
        if cursor == "*":
            self._place[phrase] = 0
            return 0
        if self._same_cursor:
            self._place[phrase] += rows
            return self._place[phrase]
        return int(cursor.removeprefix("DnF1ZXJ5VGhlbkZldGNo"))


def _any_word(phrase: str, item: Work) -> bool:
    text = json.dumps([item.get("title"), item.get("author"), item.get("container-title")]).lower()
    return any(word in text for word in re.findall(r"\w+", phrase.lower()))


def _passes(params: Any, item: Work) -> bool:
    """Filters of one name are alternatives; different names must all hold."""
    stated = [part.split(":", 1) for part in params.get("filter", "").split(",") if part]
    containers = [value for name, value in stated if name == "container-title"]
    since = next((value for name, value in stated if name == "from-pub-date"), "")
    parts = (item.get("issued", {}).get("date-parts") or [[0]])[0]
    date = "-".join(f"{part:02}" for part in parts)
    in_container = not containers or any(name in containers for name in item.get("container-title", ()))
    return in_container and date >= since[: len(date)]


def _selected(item: Work, fields: list[str]) -> Work:
    return {name: value for name, value in item.items() if name in fields} if fields else item
