"""How review.db gets its shape: all of a migration or nothing, views when their text changes, newer files refused."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from db import schema
from db.errors import ReviewFolderError
from db.review import FILE, Review


def test_a_failing_statement_rolls_everything_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = tmp_path / "0002_bad.sql"
    bad.write_text("CREATE TABLE fine (n INTEGER) STRICT;\nCREATE TABLE worse (n NONSENSE) STRICT;\n")
    folder = tmp_path / "review"
    folder.mkdir()
    Review.create(folder).close()
    with sqlite3.connect(folder / FILE) as raw:
        before = list(raw.iterdump())
    raw.close()
    monkeypatch.setattr(schema, "SCRIPTS", (*schema.SCRIPTS, bad))
    monkeypatch.setattr(schema, "VERSION", 2)
    with pytest.raises(ReviewFolderError, match="cannot be opened"):
        Review.open(folder)
    with sqlite3.connect(folder / FILE) as raw:
        assert list(raw.iterdump()) == before
        assert raw.execute("PRAGMA user_version").fetchone() == (1,)
    raw.close()
    bad.write_text("CREATE TABLE fine (n INTEGER) STRICT;\nCREATE TABLE better (n INTEGER) STRICT;\n")
    with Review.open(folder) as mended:
        assert mended.connection.execute("PRAGMA user_version").fetchone() == (2,)
        mended.connection.execute("INSERT INTO better VALUES (1)")
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            mended.connection.execute("DELETE FROM better")


def test_a_newer_file_is_refused_in_one_line(tmp_path: Path) -> None:
    Review.create(tmp_path).close()
    raw = sqlite3.connect(tmp_path / FILE)
    raw.execute("PRAGMA user_version = 99")
    raw.close()
    with pytest.raises(ReviewFolderError, match=r"made by a newer lsr \(format 99") as told:
        Review.open(tmp_path)
    assert "\n" not in str(told.value)


def test_views_are_made_anew_only_when_their_text_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def schema_version() -> int:
        with Review.open(tmp_path) as review:
            (number,) = review.connection.execute("PRAGMA schema_version").fetchone()
            return int(number)

    Review.create(tmp_path).close()
    first = schema_version()
    assert schema_version() == first
    changed = tmp_path / "views.sql"
    changed.write_text(schema.VIEWS.read_text("utf-8") + "\nCREATE VIEW v_more AS SELECT 1 one;\n", "utf-8")
    monkeypatch.setattr(schema, "VIEWS", changed)
    second = schema_version()
    assert second > first
    assert schema_version() == second
    with Review.open(tmp_path) as review:
        assert review.connection.execute("SELECT one FROM v_more").fetchall() == [(1,)]


def test_opening_a_finished_file_does_not_import_sqlite_utils(tmp_path: Path) -> None:
    """It costs half a second and 69 MB, and is only needed where a migration is due."""
    import subprocess
    import sys

    Review.create(tmp_path).close()
    program = (
        "import sys; from pathlib import Path; from db.review import Review; "
        "Review.open(Path(sys.argv[1])).close(); print('sqlite_utils' in sys.modules)"
    )
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
