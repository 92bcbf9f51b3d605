"""A loopback HTTP server around a plain function, which records what it was asked and can be told to misbehave."""

from __future__ import annotations

import gzip
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
    """One request as it arrived; `params` are the query's and the form's."""

    method: str
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    """One reply. The last three are faults: bytes a time, how many to keep back, and no reply at all."""

    body: bytes = b""
    status: int = 200
    content_type: str = "text/xml; charset=UTF-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    drip: float = 0.0  # seconds between single bytes
    cut: int = 0  # bytes promised by Content-Length and not sent
    drop: bool = False  # close the connection without a word

    def gzipped(self, cut: int = 0) -> Answer:
        """The same body in gzip, `cut` bytes of its end missing though Content-Length agrees."""
        packed = gzip.compress(self.body, mtime=0)
        headers = {**self.headers, "Content-Encoding": "gzip"}
        return replace(self, body=packed[: len(packed) - cut], headers=headers)


Handler = Callable[[Asked], Answer]
Fault = Answer | Callable[[Answer], Answer] | None
"""In a script of faults: a reply instead, a change to the right reply, or None for the right reply."""


class LoopbackServer:
    """Serves `handler` on 127.0.0.1 at a free port while the context is open.

    `script` is used up one entry a request; after it the handler's replies go out unchanged.
    """

    def __init__(self, handler: Handler, prefix: str = "", script: Iterable[Fault] = ()) -> None:
        self.asked: list[Asked] = []
        self._handler = handler
        self._prefix = prefix
        self._script = list(script)
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._listener())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}{prefix}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, asked: Asked) -> Answer:
        with self._lock:
            self.asked.append(asked)
            fault = self._script.pop(0) if self._script else None
        if isinstance(fault, Answer):
            return fault
        right = self._handler(replace(asked, path=asked.path.removeprefix(self._prefix)))
        return fault(right) if fault else right

    def _listener(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Listener(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._reply("")

            def do_POST(self) -> None:
                self._reply(self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode())

            def _reply(self, form: str) -> None:
                address = urlsplit(self.path)
                params = dict(parse_qsl(address.query) + parse_qsl(form))
                answer = server.answer(Asked(self.command, address.path, params, dict(self.headers)))
                if answer.drop:
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.content_type)
                self.send_header("Content-Length", str(len(answer.body)))
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self._send(answer)

            def _send(self, answer: Answer) -> None:
                body = answer.body[: len(answer.body) - answer.cut]
                self.close_connection = bool(answer.cut)
                try:
                    if not answer.drip:
                        self.wfile.write(body)
                        return
                    for index in range(len(body)):
                        self.wfile.write(body[index : index + 1])
                        self.wfile.flush()
                        time.sleep(answer.drip)
                except OSError:
                    self.close_connection = True  # the caller gave up, which is what the drip is for

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Listener
