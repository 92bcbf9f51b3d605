"""The command in a real terminal, under tmux: drawn, driven by keys, left; the votes are there."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lsr.workflow import judge
from lsr.workflow.folder import open_review
from tests.scene import REPORTS, A, searched

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")]
PATIENCE_SECONDS = 60  # a busy machine; nothing is measured


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """tmux with a server of its own."""

    def run(*words: str) -> str:
        done = subprocess.run(["tmux", "-S", str(tmp_path / "socket"), *words], capture_output=True, text=True)
        return done.stdout

    yield run
    run("kill-server")


def until(told: Callable[[], str], words: str) -> str:
    end = time.monotonic() + PATIENCE_SECONDS
    while words not in (seen := told()):
        assert time.monotonic() < end, seen
        time.sleep(0.2)
    return seen


@pytest.mark.parametrize("bare", [False, True], ids=["colours", "NO_COLOR"])
def test_a_sitting(
    tmux: Callable[..., str], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, bare: bool
) -> None:
    folder = searched(tmp_path_factory, tmp_path / "review")
    command = shlex.join([sys.executable, "-m", "lsr", "screen", "--reviewer", A, "--review", str(folder)])
    root = Path(__file__).parents[1]
    setting = f"PYTHONPATH={shlex.quote(str(root))} " + ("NO_COLOR=1 " if bare else "")
    tmux("new-session", "-d", "-x", "80", "-y", "24", f"LANG=C.UTF-8 {setting}{command}; echo LEFT; sleep 60")

    def screen(*more: str) -> str:
        return tmux("capture-pane", "-p", *more)

    first = until(screen, "EXCLUDE WITH REASON")
    assert "Outcomes of a first cohort in Oslo" in first
    assert len(first.splitlines()) == 24
    if bare:
        for colour in re.findall(r"[34]8;2;(\d+);(\d+);(\d+)", screen("-e")):
            assert len(set(colour)) == 1, "a grey is no colour"
    tmux("send-keys", "i")
    until(screen, f"Saved: include · {REPORTS[0]}")
    tmux("send-keys", "3")
    until(screen, f"Saved: exclude, X03_population · {REPORTS[1]}")
    tmux("resize-window", "-x", "100", "-y", "30")
    until(screen, "2 voted")
    tmux("send-keys", "BSpace")
    until(screen, f"Undone: {REPORTS[1]}")
    tmux("send-keys", "q")
    left = until(screen, "LEFT")
    assert "1 votes; 7 of this queue left." in left
    assert "Traceback" not in left
    with open_review(folder) as opened:
        found = {report: judge.item(opened, report, "title-abstract").votes for report in REPORTS}
    assert [report for report in REPORTS if found[report]] == [REPORTS[0]]
