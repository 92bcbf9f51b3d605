"""Europe PMC's /search over a list of results: cursor marks, page size, count; and the ways it is known to go wrong."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from tests.servers.frame import Answer, Asked, Fault, LoopbackServer

Result = dict[str, Any]
PREFIX = "/europepmc/webservices/rest"


class EuropePmcServer(LoopbackServer):
    """Every result matches every query. `overcount` is added to hitCount; `page` caps the page size.

    `marks` chooses what stands as nextCursorMark: "right", "same" (never moves), "none" (left out);
    with `repeats` each page begins with the last result of the page before.
    """

    def __init__(
        self,
        results: Sequence[Result],
        *,
        script: Iterable[Fault] = (),
        overcount: int = 0,
        page: int = 1_000,
        marks: str = "right",
        repeats: bool = False,
    ) -> None:
        super().__init__(self._search, PREFIX, script)
        self._results = list(results)
        self._overcount, self._page, self._marks, self._repeats = overcount, page, marks, repeats

    def _search(self, asked: Asked) -> Answer:
        if asked.path != "/search" or not asked.params.get("query"):
            return Answer(b'{"errCode": 404, "errMsg": "No results"}', 404, "application/json")
        size = min(int(asked.params.get("pageSize", "25")), self._page)
        mark = asked.params.get("cursorMark", "*")
        start = 0 if mark == "*" else int(mark.removeprefix("AoJ"))
        first = max(0, start - 1) if self._repeats else start
        body: dict[str, Any] = {
            "version": "6.9",
            "hitCount": len(self._results) + self._overcount,
            "request": {"queryString": asked.params["query"], "internalQuery": asked.params["query"]},
            "resultList": {"result": self._results[first : start + size]},
        }
        if self._marks == "same":
            body["nextCursorMark"] = mark
        elif self._marks == "right" and start + size < len(self._results) + self._overcount:
            body["nextCursorMark"] = f"AoJ{start + size}"
        return Answer(json.dumps(body).encode(), content_type="application/json")
