"""Migrations and views: how review.db gets its shape, and how it is told from a newer program's file."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from pathlib import Path

from db.errors import ReviewFolderError

HERE = Path(__file__).parent
SCRIPTS = tuple(sorted((HERE / "migrations").glob("*.sql")))
VIEWS = HERE / "views.sql"
VERSION = len(SCRIPTS)  # PRAGMA user_version of a file that has them all

# The cache may be dropped and `copy` is local; all else is history, and a row of history never changes.
CHANGEABLE = frozenset({"block", "copy", "estimate", "setting"})
# Filled by triggers on `entry`: `lsr verify` fills them again from the entries and compares.
TYPED_TABLES = [
    "protocol",
    "protocol_reason",
    "protocol_outcome",
    "run",
    "reply",
    "previous",
    "previous_review",
    "assign",
    "removal",
    "study",
    "link",
    "trial_link",
    "overlap",
    "vote",
    "resolution",
    "reopen",
    "retrieval",
    "cohort",
    "fact",
    "datum",
    "version",
    "failure",
    "acceptance",
    "registration",
    "pair",
    "protocol_report_rule",
    "report_choice",
    "reopen_cause",
    "reopen_withdrawal",
    "awaiting",
    "contact",
]

APPEND_ONLY = """
CREATE TRIGGER IF NOT EXISTS {table}_is_history_u BEFORE UPDATE ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is append-only: undo is another row'); END;
CREATE TRIGGER IF NOT EXISTS {table}_is_history_d BEFORE DELETE ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is append-only: undo is another row'); END;
"""


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the file to this program's shape. ReviewFolderError if a newer program made it."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise ReviewFolderError(
            f"{path}: made by a newer lsr (format {version}, this program reads up to {VERSION}): upgrade lsr"
        )
    if version < VERSION:
        _migrate(connection)
    _refresh_views(connection)


def rebuild(connection: sqlite3.Connection) -> None:
    """An empty database of the same shape: what `verify` fills and compares."""
    for script in SCRIPTS:
        connection.executescript(script.read_text("utf-8"))
    _forbid_change(connection)
    _create_views(connection)


def shape(connection: sqlite3.Connection) -> dict[str, str]:
    """{table, index, trigger or view: its SQL}, without SQLite's and sqlite-utils' own."""
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT GLOB '*sqlite_*'")
    return dict(rows.fetchall())


def temporary_views() -> str:
    """The views as TEMP views: they shadow the permanent ones and rest on a TEMP `seen`."""
    return re.sub(r"^CREATE VIEW", "CREATE TEMP VIEW", VIEWS.read_text("utf-8"), flags=re.MULTILINE)


def _migrate(connection: sqlite3.Connection) -> None:
    # Imported here: it costs half a second and 69 MB, and a file that is up to date never needs it.
    from sqlite_utils import Database, Migrations

    migrations = Migrations("lsr")
    for script in SCRIPTS:

        def apply(database: Database, text: str = script.read_text("utf-8")) -> None:
            for statement in statements(text):
                database.execute(statement)

        migrations(name=script.stem)(apply)
    database = Database(connection)
    migrations.apply(database)
    _forbid_change(connection)
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _forbid_change(connection: sqlite3.Connection) -> None:
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '*sqlite_*'")
    for (table,) in tables.fetchall():
        if table not in CHANGEABLE:
            connection.executescript(APPEND_ONLY.format(table=table))


def statements(script: str) -> list[str]:
    """The statements of a script, one by one, so that a failing one rolls back with all the others."""
    found, text = [], ""
    for line in script.splitlines(keepends=True):
        text += line
        if sqlite3.complete_statement(text):
            found.append(text)
            text = ""
    return found


def _refresh_views(connection: sqlite3.Connection) -> None:
    text = VIEWS.read_text("utf-8")
    digest = hashlib.sha256(text.encode()).hexdigest()
    stored = connection.execute("SELECT value FROM setting WHERE key = 'views'").fetchone()
    if stored == (digest,):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        views = connection.execute("SELECT name FROM sqlite_master WHERE type = 'view'").fetchall()
        for (name,) in views:
            connection.execute(f"DROP VIEW {name}")
        _create_views(connection)
        connection.execute("INSERT OR REPLACE INTO setting VALUES ('views', ?)", (digest,))
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _create_views(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE VIEW seen AS SELECT * FROM entry")
    for statement in statements(VIEWS.read_text("utf-8")):
        connection.execute(statement)
