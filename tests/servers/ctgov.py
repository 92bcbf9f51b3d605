"""ClinicalTrials.gov's /api/v2/studies over a list of studies: terms, numbers, page tokens, a count."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from tests.servers.frame import Answer, Asked, Fault, LoopbackServer

Study = dict[str, Any]
PREFIX = "/api/v2"


class CtgovServer(LoopbackServer):
    """`query.term` finds a study whose JSON holds its first word; `filter.ids` finds by number. `page` caps pages."""

    def __init__(
        self, studies: Sequence[Study], *, script: Iterable[Fault] = (), overcount: int = 0, page: int = 1_000
    ) -> None:
        super().__init__(self._studies, PREFIX, script)
        self._all = list(studies)
        self._overcount, self._page = overcount, page

    def _studies(self, asked: Asked) -> Answer:
        if asked.path != "/studies":
            return Answer(b"Not found", 404, "text/plain")
        found = [study for study in self._all if self._wanted(study, asked)]
        size = min(int(asked.params.get("pageSize", "10")), self._page)
        start = int(asked.params.get("pageToken", "t0").removeprefix("t"))
        body: dict[str, Any] = {"studies": found[start : start + size]}
        if start == 0 and asked.params.get("countTotal") == "true":
            body["totalCount"] = len(found) + self._overcount
        if start + size < len(found):
            body["nextPageToken"] = f"t{start + size}"
        return Answer(json.dumps(body).encode(), content_type="application/json")

    @staticmethod
    def _wanted(study: Study, asked: Asked) -> bool:
        if numbers := asked.params.get("filter.ids", ""):
            return study["protocolSection"]["identificationModule"]["nctId"] in numbers.split("|")
        return asked.params.get("query.term", "").split()[0].lower() in json.dumps(study).lower()
