"""ASCO's search by POST of a GraphQL query with a key in the header, paging by the last hit's uid and score."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tests.servers.frame import Answer, Asked, LoopbackServer

PAGE = 2


class AscoServer(LoopbackServer):
    """Finds the abstracts whose title holds the words; 403 without its key; `overcount` adds to the total."""

    def __init__(self, hits: Sequence[dict[str, Any]], key: str, *, overcount: int = 0) -> None:
        super().__init__(self._search)
        self._hits = list(hits)
        self._key = key
        self._overcount = overcount

    def _search(self, asked: Asked) -> Answer:
        if asked.headers.get("x-api-key") != self._key:
            return Answer(b'{"message":"Forbidden"}', 403, "application/json")
        body = json.loads(asked.body)
        wanted = body["variables"]["input"]
        if asked.path != "/graphql2" or "MultiSearch" not in body["query"]:
            return Answer(b'{"errors":[{"message":"unknown query"}]}', 200, "application/json")
        found = [hit for hit in self._hits if wanted["userInput"].lower() in hit["title"].lower()]
        after = wanted["searchAfter"]
        start = 0 if after is None else [hit["uid"] for hit in found].index(after["uid"]) + 1
        result = {"total": len(found) + self._overcount, "hits": found[start : start + PAGE]}
        return Answer(json.dumps({"data": {"search": {"result": result}}}).encode(), 200, "application/json")
