"""Fixtures that several test files share."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lsr.demo import demo_protocol, demo_template, run_demo
from lsr.workflow import folder as folders
from lsr.workflow.folder import Open


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Ran]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the project; tests that need it skip where it is absent."""
    folder = Path(__file__).parents[2] / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("the folder of real data (../shared/data) is not here")
    return folder


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test writes into the cache of the person who runs it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def lsr(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command as a user runs it, through the same door, in this process."""
    from lsr.__main__ import main

    monkeypatch.delenv("LSR_DEBUG", raising=False)

    def run(*arguments: str | Path, stdin: str | None = None) -> Ran:
        import io

        capsys.readouterr()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["lsr", *map(str, arguments)])
            if stdin is not None:
                patch.setattr(sys, "stdin", io.StringIO(stdin))
            try:
                main()
                code = 0
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(end.code is not None)
        written = capsys.readouterr()
        return Ran(code, written.out, written.err)

    return run


@pytest.fixture(scope="session")
def _template_review(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("made") / "review"
    folders.init(made, demo_template(), protocol_text=lambda _: demo_protocol())
    return made


@pytest.fixture(scope="session")
def _demo_review(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    made = tmp_path_factory.mktemp("made") / "demo"
    return made, list(run_demo(made, lambda what, done, total: None))


@pytest.fixture
def review_folder(_template_review: Path, tmp_path: Path) -> Path:
    """A review fresh from the template, with the demonstration's people."""
    return Path(shutil.copytree(_template_review, tmp_path / "review"))


@pytest.fixture
def demo_folder(_demo_review: tuple[Path, list[str]], tmp_path: Path) -> Path:
    """The demonstration, played once a session and copied for each test."""
    return Path(shutil.copytree(_demo_review[0], tmp_path / "demo"))


@pytest.fixture
def demo_lines(_demo_review: tuple[Path, list[str]]) -> list[str]:
    """What the demonstration printed."""
    return _demo_review[1]


@pytest.fixture
def opened(review_folder: Path) -> Iterator[Open]:
    """The fresh review, open."""
    with folders.open_review(review_folder) as found:
        yield found


@pytest.fixture
def demo(demo_folder: Path) -> Iterator[Open]:
    """The played demonstration, open."""
    with folders.open_review(demo_folder) as found:
        yield found
