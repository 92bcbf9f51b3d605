"""`lsr demo` runs from the built wheel, in an empty environment."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_demonstration_from_the_built_wheel(tmp_path: Path) -> None:
    """Dependencies come from this environment's site-packages; the program comes from the wheel alone."""
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path / "dist"), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, timeout=280)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {
        "analysis", "curation", "db", "harvest", "lsr"
    }  # fmt: skip
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True, timeout=280)
    python = tmp_path / "venv" / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(install, check=True, timeout=280)
    site = next((Path(sys.prefix) / "lib").glob("python3*/site-packages"))
    (own,) = (tmp_path / "venv" / "lib").glob("python3*/site-packages")
    # A plain path line: the libraries are found, the .pth file that makes this checkout importable is not read.
    (own / "libraries.pth").write_text(f"{site}\n", "utf-8")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    where = subprocess.run(
        [str(python), "-c", "import db, lsr; print(lsr.__file__, db.__file__)"],
        check=True, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=60,
    ).stdout  # fmt: skip
    assert str(ROOT) not in where.replace(str(tmp_path), "")
    command = [str(tmp_path / "venv" / "bin" / "lsr"), "demo", str(tmp_path / "demo")]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=280)
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "demo" / "site" / "index.html").is_file()
    assert "version 1.1" in ran.stdout
