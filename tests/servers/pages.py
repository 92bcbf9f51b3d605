"""A stand-in for doi.org and the societies' sites: redirects from DOIs, robots.txt, pages of every layout, refusals.

Faults are those of tests/servers/faults.py, by switch: `switch("challenge", on="/page/ash-silverchair")`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from tests.servers.frame import Answer, Asked, Fault, LoopbackServer, Switch

PAGES: Final = Path(__file__).parents[1] / "pages"
OF_DOI: Final[Mapping[str, str]] = MappingProxyType(
    {
        "10.1182/blood-2099-000001": "ash-silverchair",
        "10.1182/blood-2099-000002": "ash-silverchair-newer",
        "10.1182/blood-2099-000009": "drift-ash-silverchair.title",
        "10.1200/jco.2099.41.16_suppl.e13545": "asco-atypon",
        "10.1097/01.hs9.0000000000.00000.01": "eha-lww",
        "10.1002/hem3.00001": "eha-wiley",
    }
)
NO_RULES: Final = Answer(b"not found", 404, "text/plain")


def rules(text: str) -> Answer:
    """A robots.txt."""
    return Answer(text.encode(), 200, "text/plain; charset=utf-8")


class PagesServer(LoopbackServer):
    """/doi/10.… leads to /page/NAME on this host, or to `elsewhere`; a DOI that it does not know is 404.

    A drifted page of tests/pages keeps the DOI of its layout; here it gets the DOI that it is asked for by.
    """

    def __init__(
        self,
        robots: Answer = NO_RULES,
        *,
        elsewhere: str = "",
        script: Iterable[Fault] = (),
        switches: Iterable[Switch] = (),
    ) -> None:
        super().__init__(self._site, "", script, switches)
        self._robots = robots
        self._elsewhere = elsewhere

    @property
    def resolver(self) -> str:
        return f"{self.url}/doi"

    @property
    def pages_asked(self) -> list[str]:
        return [asked.path.removeprefix("/page/") for asked in self.asked if asked.path.startswith("/page/")]

    def _site(self, asked: Asked) -> Answer:
        if asked.path == "/robots.txt":
            return self._robots
        if asked.path.startswith("/doi/"):
            doi = asked.path.removeprefix("/doi/")
            if doi not in OF_DOI:
                return Answer(b"DOI Not Found", 404, "text/html")
            to = f"{self._elsewhere}/page/{OF_DOI[doi]}"
            return Answer(b"", 302, headers={"Location": to})
        file = PAGES / f"{asked.path.removeprefix('/page/')}.html"
        if asked.path.startswith("/page/") and file.is_file():
            body = file.read_bytes()
            if "drift" in file.name:
                body = body.replace(b"10.1182/blood-2099-000001", b"10.1182/blood-2099-000009")
            return replace(Answer(body), content_type="text/html; charset=utf-8")
        return Answer(b"<html><body>No such page</body></html>", 404, "text/html")
