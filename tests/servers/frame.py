"""A loopback HTTP server around a plain function, which records what it was asked and can be told to misbehave."""

from __future__ import annotations

import gzip
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request as it arrived; `params` are the query's and the form's, `at` is the server's monotonic time."""

    method: str
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    target: str = ""  # path and query as sent
    at: float = 0.0
    body: str = ""  # of a POST, as sent


@dataclass(frozen=True)
class Answer:
    """One reply, and how it goes over the wire. Names of whole faults are in tests/servers/faults.py."""

    body: bytes = b""
    status: int = 200
    content_type: str = "text/xml; charset=UTF-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0  # seconds before the first byte
    drip: float = 0.0  # seconds between single bytes
    slow_head: float = 0.0  # seconds between single bytes of the status line and headers
    cut_head: bool = False  # break off in the middle of the headers
    cut: int = 0  # bytes of the body's end that are promised and not sent
    drop: bool = False  # close the connection without a word
    reset: bool = False  # break the connection off (RST) without a word
    hang: bool = False  # keep the connection open and say nothing
    unsized: bool = False  # no Content-Length: the body ends where the connection does
    chunked: bool = False  # in chunks; with `cut`, the last ones are missing

    def gzipped(self, cut: int = 0) -> Answer:
        """The same body in gzip, `cut` bytes of its end missing though Content-Length agrees."""
        packed = gzip.compress(self.body, mtime=0)
        headers = {**self.headers, "Content-Encoding": "gzip"}
        return replace(self, body=packed[: len(packed) - cut], headers=headers)


Handler = Callable[[Asked], Answer]
Fault = Answer | Callable[[Answer], Answer] | None
"""A reply instead, a change to the right reply, or None for the right reply."""


@dataclass
class Switch:
    """A fault that is on for the first `times` requests whose path ends in `on`; for ever if `times` is None."""

    fault: Fault
    on: str = ""
    times: int | None = 1

    def turn(self, path: str) -> Fault:
        """The fault, if it is this request's; each turn uses one of `times`."""
        if not path.endswith(self.on) or self.times == 0:
            return None
        if self.times is not None:
            self.times -= 1
        return self.fault


class LoopbackServer:
    """Serves `handler` on 127.0.0.1 at a free port while the context is open.

    `script` is used up one entry a request; after it the handler's replies go out, changed by the first of
    `switches` that is on for the request. Handlers run one at a time; their delays do not.
    """

    def __init__(
        self, handler: Handler, prefix: str = "", script: Iterable[Fault] = (), switches: Iterable[Switch] = ()
    ) -> None:
        self.asked: list[Asked] = []
        self.switches = list(switches)
        self._handler = handler
        self._prefix = prefix
        self._script = list(script)
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), self._listener())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}{prefix}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, asked: Asked) -> Answer:
        with self._lock:
            self.asked.append(asked)
            fault = self._fault(asked)
            if isinstance(fault, Answer):
                return fault
            right = self._handler(replace(asked, path=asked.path.removeprefix(self._prefix)))
            return fault(right) if fault else right

    def _fault(self, asked: Asked) -> Fault:
        if self._script:
            return self._script.pop(0)
        return next((fault for switch in self.switches if (fault := switch.turn(asked.path))), None)

    def _listener(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Listener(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # head and body go out apart: the second would wait 40 ms for an ACK

            def do_GET(self) -> None:
                self._reply("")

            def do_POST(self) -> None:
                self._reply(self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode())

            def _reply(self, form: str) -> None:
                arrived = time.monotonic()
                address = urlsplit(self.path)
                params = dict(parse_qsl(address.query) + parse_qsl(form))
                asked = Asked(self.command, address.path, params, dict(self.headers), self.path, arrived, form)
                answer = server.answer(asked)
                if answer.delay or answer.hang:
                    server._closing.wait(None if answer.hang else answer.delay)
                if answer.drop or answer.hang or answer.reset:
                    self._leave(answer.reset)
                    return
                try:
                    if answer.slow_head or answer.cut_head:
                        self._broken_head(answer)
                        return
                    self._head(answer)
                    self._body(answer)
                except OSError:
                    self.close_connection = True  # the caller gave up, which is what the faults are for

            def _leave(self, reset: bool) -> None:
                self.close_connection = True
                if reset:  # closing a socket that lingers for no time sends RST
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

            def _head(self, answer: Answer) -> None:
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.content_type)
                if answer.chunked:
                    self.send_header("Transfer-Encoding", "chunked")
                elif answer.unsized:
                    self.send_header("Connection", "close")
                else:
                    self.send_header("Content-Length", str(len(answer.body)))
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def _broken_head(self, answer: Answer) -> None:
                self.close_connection = True
                head = b"HTTP/1.1 200 OK\r\nServer: slow\r\nX-Filler: " + b"x" * 10_000
                if answer.cut_head:
                    self.wfile.write(head[:-9_990] + b"\r\n")
                    return
                for index in range(len(head)):
                    self.wfile.write(head[index : index + 1])
                    if server._closing.wait(answer.slow_head):
                        break

            def _body(self, answer: Answer) -> None:
                body = answer.body[: len(answer.body) - answer.cut]
                self.close_connection = bool(answer.cut or answer.unsized)
                if answer.chunked:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(body), body) if body else b"")
                    self.wfile.write(b"" if answer.cut else b"0\r\n\r\n")
                elif not answer.drip:
                    self.wfile.write(body)
                else:
                    for index in range(len(body)):
                        self.wfile.write(body[index : index + 1])
                        self.wfile.flush()
                        if server._closing.wait(answer.drip):
                            break

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Listener


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64  # many callers at once, as a real service has

    def handle_error(self, request: object, client_address: object) -> None:
        """A caller that hangs up is no error here; anything else is the test's and must be seen."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        """Only close: a polite shutdown first would turn a reset into an ordinary end."""
        self.close_request(request)
