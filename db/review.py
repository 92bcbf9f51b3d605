"""A review folder, opened: the connection, this copy's name, and the one way to write.

Writing is `with review.transaction():` around `review.append(...)`; killed anywhere, the file is as before.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from db import ledger, schema
from db.archive import Archive
from db.errors import ReviewFolderError

FILE = "review.db"
# A writer waits this long for another: eight people who vote at once each hold the file for milliseconds.
BUSY_SECONDS = 30
# recursive_triggers: without it INSERT OR REPLACE deletes a row of history, and no trigger hears of it.
PRAGMAS = ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON", "recursive_triggers = ON")


def now() -> str:
    """Wall time, UTC, in whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Review:
    """An open review. `clock` gives wall time; tests and replays inject their own."""

    def __init__(self, folder: Path, connection: sqlite3.Connection, clock: Callable[[], str] = now) -> None:
        self.folder = folder
        self.connection = connection
        self.archive = Archive(folder / "archive")
        self.clock = clock

    @classmethod
    def create(cls, folder: Path, clock: Callable[[], str] = now) -> Review:
        """A new review.db in an existing folder. ReviewFolderError if one is there or it cannot be written."""
        if (folder / FILE).exists():
            raise ReviewFolderError(f"{folder}: holds a review already: choose another folder")
        return cls._connect(folder, clock)

    @classmethod
    def open(cls, folder: Path, clock: Callable[[], str] = now) -> Review:
        """The review in `folder`. ReviewFolderError if there is none, or it is newer than this program."""
        if not (folder / FILE).is_file():
            raise ReviewFolderError(
                f"{folder}: no review here (no {FILE}): make one with `lsr init`, or name its folder with --review"
            )
        return cls._connect(folder, clock)

    @classmethod
    def _connect(cls, folder: Path, clock: Callable[[], str]) -> Review:
        path = folder / FILE
        connection = None
        try:
            connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_SECONDS)
            for pragma in PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
            schema.prepare(connection, path)
        except BaseException as error:
            if connection is not None:
                connection.close()
            if isinstance(error, sqlite3.DatabaseError):
                raise ReviewFolderError(
                    f"{path}: cannot be opened for writing ({error}): check the folder's rights, or restore a backup"
                ) from error
            raise
        return cls(folder, connection, clock)

    def close(self) -> None:
        self.connection.close()

    def __enter__(self) -> Review:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; nested use joins the outer transaction."""
        if self.connection.in_transaction:
            yield
            return
        try:
            self.connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise ReviewFolderError(
                f"{self.folder}: cannot be written ({error}): check its rights and who else is writing"
            ) from error
        try:
            yield
            self.connection.execute("COMMIT")
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise

    def append(self, author: str, kind: str, body: dict[str, Any]) -> str:
        """One entry of the ledger, by `author`; returns its hash. Call it inside a transaction."""
        return ledger.append(self.connection, f"{author}@{self.copy()}", self.clock(), author, kind, body)

    def copy(self) -> str:
        """This file's name among the copies of the review; a copied or restored file takes a new one here.

        Known by device and inode. A file deleted and restored may get the same inode again: restore with a
        new name, or into a new folder.
        """
        stat = (self.folder / FILE).stat()
        file = f"{stat.st_dev}:{stat.st_ino}"
        row = self.connection.execute("SELECT id, file FROM copy ORDER BY n DESC LIMIT 1").fetchone()
        if row and row[1] == file:
            return str(row[0])
        name = secrets.token_hex(4)
        self.connection.execute("INSERT INTO copy (id, file) VALUES (?, ?)", (name, file))
        return name
