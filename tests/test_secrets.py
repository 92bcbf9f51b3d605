"""Keys and contact come from the environment and stay there: no byte that is kept or said after a run holds them."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.four_sources import point, serving
from tests.servers.frame import Answer, Switch

KEY = "5e97inel0123456789abcdef0123456789ab"
CONTACT = "sentinel.person@example.org"
ROOT = Path(__file__).parents[1]
ECHO = b'{"error":"API key invalid","api-key":"' + KEY.encode() + b'","limit":"3"}'
ECHOES = {  # each is the server's only answer, and ends the run
    "429 with the key": Answer(ECHO, 429, "application/json", {"Retry-After": "7200"}),
    "400 with the key": Answer(ECHO, 400, "application/json"),
    "XML of another kind": Answer(f"<{KEY}/>".encode()),
    "an XML error": Answer(f"<eSearchResult><ERROR>bad key {KEY}</ERROR></eSearchResult>".encode()),
    "a redirect to the key": Answer(b"", 302, headers={"Location": f"https://{KEY}.example.org/?api_key={KEY}"}),
    "a page with the key": Answer(f"<html><title>{KEY}</title></html>".encode(), 403, "text/html"),
}
COMMAND = "import sys; from lsr.__main__ import main; sys.argv[0] = 'lsr'; main()"
QUICK = (
    "from harvest.live import Clock, Limits, LiveTransport; "
    "LiveTransport.__init__.__defaults__ = (Clock(sleep=lambda seconds: None), Limits(tries=2)); "
)


def run(folder: Path, cache: Path, *arguments: str) -> tuple[int, bytes]:
    """The command in a process of its own, with the secrets in its environment: its code, and all that it said."""
    environment = os.environ | {"NCBI_API_KEY": KEY, "LSR_CONTACT_EMAIL": CONTACT, "XDG_CACHE_HOME": str(cache)}
    environment |= {"LSR_DEBUG": "1"}
    command = [sys.executable, "-c", QUICK + COMMAND, *arguments, "--review", str(folder)]
    ran = subprocess.run(command, capture_output=True, env=environment, cwd=ROOT, check=False)
    return ran.returncode, ran.stdout + ran.stderr


def held(*folders: Path) -> Iterator[tuple[str, bytes]]:
    """Every file, by name, with its bytes and what they unpack to."""
    for folder in folders:
        for path in folder.rglob("*"):
            yield str(path), str(path).encode()
            if path.is_file():
                body = path.read_bytes()
                yield str(path), body
                if path.suffix == ".gz":
                    yield str(path), gzip.decompress(body)


def nowhere(secret: str, *folders: Path) -> None:
    assert [name for name, body in held(*folders) if secret.encode() in body] == []


@pytest.fixture
def places(review_folder: Path, tmp_path: Path) -> tuple[Path, Path]:
    return review_folder, tmp_path / "cache"


@pytest.mark.slow
def test_after_a_whole_run(places: tuple[Path, Path]) -> None:
    folder, cache = places
    echo = Switch(Answer(ECHO, 429, "application/json"), "esearch.fcgi", 1)  # fault 1, once: then it goes on
    with serving({"pubmed": 9, "crossref": 3, "europepmc": 4, "ctgov": 2}) as servers:
        servers["pubmed"].switches.append(echo)
        point(folder, servers)
        code, said = run(folder, cache, "run")
    assert code == 0, said
    assert echo.times == 0
    assert list((cache / "lsr" / "pace").iterdir())
    assert (folder / "site" / "index.html").is_file()
    for secret in (KEY, CONTACT):
        assert secret.encode() not in said
        nowhere(secret, folder, cache)
    pubmed, *others = (servers[name].asked for name in ("pubmed", "crossref", "europepmc", "ctgov"))
    assert all(asked.params["api_key"] == KEY for asked in pubmed)
    assert not any(KEY in str(asked) for server in others for asked in server)
    assert all(f"mailto:{CONTACT}" in asked.headers["User-Agent"] for server in (pubmed, *others) for asked in server)


@pytest.mark.slow
@pytest.mark.parametrize("echo", ECHOES)
def test_after_a_run_that_failed(places: tuple[Path, Path], echo: str) -> None:
    folder, cache = places
    with serving({"pubmed": 9, "crossref": 0, "europepmc": 0, "ctgov": 0}) as servers:
        one: Any = servers["pubmed"]
        one.switches.append(Switch(ECHOES[echo], times=None))
        point(folder, {"pubmed": one})
        code, said = run(folder, cache, "harvest", "pubmed")
    assert code == 1, said
    assert said.split(b"\n")[-2].startswith(b"lsr: pubmed: ")
    assert KEY.encode() not in said
    nowhere(KEY, folder, cache)
    nowhere(CONTACT, folder, cache)


def test_a_good_answer_that_echoes_the_key_is_kept_without_it(places: tuple[Path, Path]) -> None:
    folder, cache = places
    with serving({"pubmed": 9, "crossref": 0, "europepmc": 0, "ctgov": 0}) as servers:
        one: Any = servers["pubmed"]
        one._warnings = f"<WarningList><OutputMessage>asked with api_key={KEY}</OutputMessage></WarningList>"
        point(folder, {"pubmed": one})
        code, said = run(folder, cache, "harvest", "pubmed")
    assert code == 1  # a new warning is a question for a person
    assert b"asked with api_key=***" in said
    assert KEY.encode() not in said
    nowhere(KEY, folder, cache)
