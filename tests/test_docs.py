"""docs/pooling.md: every command in it runs on the files it prints, and every option of a file is explained."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.conftest import Command

PAGE = (Path(__file__).parents[1] / "docs" / "pooling.md").read_text("utf-8")


def block(after: str) -> str:
    """The indented lines below a line."""
    found = re.search(rf"^{re.escape(after)}\n\n((?:    .+\n)+)", PAGE, re.M)
    assert found, after
    return re.sub(r"^    ", "", found[1], flags=re.M)


def test_every_command_of_the_page_runs(lsr: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("rates.csv", "trials.csv"):
        Path(name).write_text(block(f"`{name}`"))
    commands = re.findall(r"^    (lsr pool .+)$", PAGE, re.M)
    assert len(commands) == 10
    for command in commands:
        ran = lsr(*shlex.split(command)[1:])
        assert ran.code == 0, (command, ran)


def test_every_option_of_a_file_is_explained(lsr: Command) -> None:
    help_ = lsr("pool", "--help").out
    options = re.findall(r"^  (--[a-z-]+)[^\n]* FILE", help_, re.M)
    assert len(options) == 13
    assert [option for option in options if f"`{option}" not in PAGE and f"{option} " not in PAGE] == []
