"""Redirects: followed within a source's own hosts, and nowhere else; and TLS that is verified."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from db.archive import Archive
from db.errors import SourceError
from harvest import redirects
from harvest.live import Clock, Identity, Limits, LiveTransport
from harvest.redirects import MAX_HOPS, next_url
from harvest.transport import Manners, Request
from tests.servers.frame import Answer, Asked, LoopbackServer

KEY = "s3cret-0123456789"
OWN = Manners(("api_key",), per_second=1_000.0, hosts=("127.0.0.1",))
Addresses = Callable[[dict[str, str]], None]


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveTransport]:
    identity = Identity("0.1", api_keys={"pubmed": KEY})
    transport = LiveTransport(Archive(tmp_path), identity, Clock(sleep=lambda seconds: None), Limits(tries=2))
    yield transport
    transport.close()


@pytest.fixture
def addresses(monkeypatch: pytest.MonkeyPatch) -> Addresses:
    """Names resolve as the test says; an unknown one does not."""

    def use(known: dict[str, str]) -> None:
        def resolve(host: str, port: object) -> list[tuple[object, ...]]:
            if host not in known:
                raise OSError("unknown")
            return [(0, 0, 0, "", (known[host], 0))]

        monkeypatch.setattr(redirects.socket, "getaddrinfo", resolve)

    return use


def moved(to: str, status: int = 302) -> Answer:
    return Answer(b"", status, headers={"Location": to})


def ask(base: str, manners: Manners = OWN, method: str = "GET") -> Request:
    return Request("pubmed", method, base, "a", (("id", "1"),), manners)  # type: ignore[arg-type]


def chain(hops: int) -> Callable[[Asked], Answer]:
    """/a leads to /1, /1 to /2, and so on for `hops` redirects."""

    def handler(asked: Asked) -> Answer:
        at = 0 if asked.path == "/a" else int(asked.path[1:])
        return moved(f"/{at + 1}") if at < hops else Answer(b"<here/>")

    return handler


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_within_the_source_is_followed(live: LiveTransport, status: int) -> None:
    new = LoopbackServer(lambda asked: Answer(b"<here/>"))
    with new, LoopbackServer(lambda asked: moved(f"{new.url}/b?page=2", status)) as old:
        reply = live.send(ask(old.url))
    assert reply.body == b"<here/>"
    assert reply.request_key == "GET a?id=1"
    assert (new.asked[0].path, new.asked[0].params) == ("/b", {"page": "2"})  # no key goes to an address it was not in


@pytest.mark.parametrize(
    ("status", "method"), [(301, "POST"), (302, "POST"), (303, "GET"), (307, "POST"), (308, "POST")]
)
def test_a_form_stays_a_form_unless_the_source_says_see_other(live: LiveTransport, status: int, method: str) -> None:
    handler = {"/a": moved("/b", status), "/b": Answer(b"<here/>")}
    with LoopbackServer(lambda asked: handler[asked.path]) as server:
        live.send(ask(server.url, method="POST"))
    assert (server.asked[1].method, server.asked[1].params.get("id")) == (method, "1" if method == "POST" else None)


@pytest.mark.parametrize(("hops", "followed"), [(1, True), (MAX_HOPS, True), (MAX_HOPS + 1, False), (10**6, False)])
def test_five_redirects_and_no_more(live: LiveTransport, hops: int, followed: bool) -> None:
    with LoopbackServer(chain(hops)) as server:
        if followed:
            assert live.send(ask(server.url)).body == b"<here/>"
        else:
            with pytest.raises(SourceError, match="redirects more than 5 times"):
                live.send(ask(server.url))
    assert len(server.asked) == min(hops, MAX_HOPS) + 1


def test_by_default_none_is_followed(live: LiveTransport) -> None:
    with LoopbackServer(chain(1)) as server, pytest.raises(SourceError, match="set base_url of the source"):
        live.send(ask(server.url, Manners(per_second=1_000.0)))
    assert len(server.asked) == 1


def test_a_redirect_that_names_no_place(live: LiveTransport) -> None:
    with LoopbackServer(lambda asked: Answer(b"", 302)) as server, pytest.raises(SourceError, match="where to"):
        live.send(ask(server.url))


PUBLIC = {"eutils.nih.gov": "130.14.29.110", "www.nih.gov": "130.14.29.110", "inside.nih.gov": "10.0.0.7"}
NOWHERE = "https://eutils.nih.gov"


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("https://evilnih.gov/x?api_key=s3cret-0123456789", "no host of this source"),
        ("https://nih.gov.evil.org/x", "no host of this source"),
        ("https://nih.gov@evil.org/x", "no host of this source"),
        ("https://127.0.0.1/x", "no host of this source"),
        ("file:///etc/passwd", "no host of this source"),
        ("https://[::1/x", "no address"),
        ("http://www.nih.gov/x", "without https"),
        ("https://inside.nih.gov/x", "private network"),
    ],
)
def test_where_no_redirect_leads(addresses: Addresses, location: str, words: str) -> None:
    addresses(PUBLIC)
    request = ask(NOWHERE, Manners(hosts=("nih.gov",)))
    with pytest.raises(SourceError, match=words) as failure:
        next_url(request, f"{NOWHERE}/a?api_key={KEY}", 302, location)
    assert KEY not in str(failure.value)
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize(
    ("location", "to"),
    [
        ("https://www.nih.gov/x", "https://www.nih.gov/x"),
        ("//WWW.NIH.GOV/x", "https://WWW.NIH.GOV/x"),
        ("/x", "https://eutils.nih.gov/x"),
        ("https://unknown.nih.gov/x", "https://unknown.nih.gov/x"),  # behind a proxy this machine resolves no name
    ],
)
def test_where_a_redirect_leads(addresses: Addresses, location: str, to: str) -> None:
    addresses(PUBLIC)
    assert next_url(ask(NOWHERE, Manners(hosts=("nih.gov",))), f"{NOWHERE}/a", 302, location) == to


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "fe80::1%eth0"])
def test_a_public_name_with_a_private_address(addresses: Addresses, address: str) -> None:
    addresses({**PUBLIC, "www.nih.gov": address})
    with pytest.raises(SourceError, match="private network"):
        next_url(ask(NOWHERE, Manners(hosts=("nih.gov",))), f"{NOWHERE}/a", 302, "https://www.nih.gov/x")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate that nobody should trust")
def test_a_certificate_that_nobody_vouches_for_is_refused(live: LiveTransport, tmp_path: Path) -> None:
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1",
            "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"]  # fmt: skip
    subprocess.run(made, cwd=tmp_path, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    asked: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)

    server = HTTPServer(("127.0.0.1", 0), Listener)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda request, address: None  # type: ignore[method-assign]
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        with pytest.raises(SourceError, match="no certificate that this machine trusts"):
            live.send(ask(f"https://127.0.0.1:{server.server_address[1]}"))
    finally:
        server.shutdown()
        server.server_close()
    assert asked == []


def test_loopback_is_only_for_a_source_that_is_there_itself() -> None:
    with socket.create_server(("127.0.0.1", 0)) as somewhere:
        to = f"http://127.0.0.1:{somewhere.getsockname()[1]}/x"
    assert next_url(ask("http://127.0.0.1:1"), "http://127.0.0.1:1/a", 302, to) == to
    with pytest.raises(SourceError, match="private network"):
        next_url(ask("http://130.14.29.110", OWN), "http://130.14.29.110/a", 302, to)
