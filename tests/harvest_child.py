"""Whole `lsr` commands in processes of their own, started at once: each a fork of one that has imported all.

Read from stdin, a line each, as JSON: `arguments` of the command; `answered`, after how many answers it is killed;
`statement`, before which writing statement of SQLite; `archived`, before which file of the archive gets its name.
Told on stdout: how it ended, and how many of each there were. It is SIGKILL, which no process can catch.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
import threading
from datetime import UTC, datetime
from typing import Any

import db.review
from db.archive import _Atomic
from harvest import crossref, pubmed_search, pubmed_split
from harvest.live import Clock, Limits, LiveTransport
from harvest.transport import Reply, Request
from lsr.__main__ import main
from lsr.cli import app
from lsr.workflow import bring, pages, refresh  # noqa: F401  (imported now, so that no child has to)
from tests.four_sources import CAP

WRITES = ("BEGIN", "COMMIT", "INSERT", "CREATE", "DROP", "SAVEPOINT", "RELEASE")


class Counted:
    """Answers and statements, counted; the process ends at the one it was told."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.end = {what: order.get(what, 0) for what in ("answered", "statement", "archived")}
        self.count = dict.fromkeys(self.end, 0)
        self.lock = threading.Lock()

    def one(self, what: str) -> None:
        with self.lock:
            self.count[what] += 1
            if self.count[what] == self.end[what]:
                os.kill(os.getpid(), signal.SIGKILL)


def lower_the_limits() -> None:
    """Pauses are not waited, time stands still, PubMed's cap and Crossref's pages are small."""
    moment = datetime(2026, 11, 22, 16, tzinfo=UTC)
    LiveTransport.__init__.__defaults__ = (Clock(sleep=lambda seconds: None, now=lambda: moment), Limits())
    pubmed_split.MAX_HITS = pubmed_search.MAX_HITS = CAP  # type: ignore[misc]
    crossref.ROWS = 5  # type: ignore[misc]


def count(counted: Counted) -> None:
    ask, connect, name = LiveTransport._reply, sqlite3.connect, _Atomic.__exit__

    def named(self: _Atomic, *how: Any) -> None:
        counted.one("archived")
        name(self, *how)

    def asked(self: LiveTransport, request: Request, stop: threading.Event) -> Reply:
        reply = ask(self, request, stop)
        counted.one("answered")
        return reply

    def connected(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        connection = connect(*args, **kwargs)
        connection.set_trace_callback(
            lambda text: counted.one("statement") if text.lstrip().upper().startswith(WRITES) else None
        )
        return connection

    _Atomic.__exit__ = named  # type: ignore[method-assign]
    LiveTransport._reply = asked  # type: ignore[method-assign]
    db.review.sqlite3.connect = connected  # type: ignore[attr-defined,assignment]


def run(order: dict[str, Any], told: int) -> None:
    """In the child: the command, then its counts to `told`."""
    counted = Counted(order)
    count(counted)
    output = os.open(order["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.argv = ["lsr", *order["arguments"]]
    code: object = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
    sys.stdout.flush()
    os.write(told, json.dumps({"code": code, **counted.count}).encode())
    os._exit(0)


def serve() -> None:
    lower_the_limits()
    assert app
    for line in sys.stdin:
        order = json.loads(line)
        here, there = os.pipe()
        child = os.fork()
        if child == 0:
            run(order, there)
        os.close(there)
        with os.fdopen(here, "rb") as stream:
            said = stream.read()
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        print(json.dumps(json.loads(said) if said else {"killed": killed}), flush=True)


if __name__ == "__main__":
    serve()
