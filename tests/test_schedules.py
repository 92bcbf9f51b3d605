"""The schedules that ship: each runs a command that is there, and none knows a machine."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer

from lsr.cli import app
from lsr.workflow.folder import TEMPLATES

SCHEDULES = TEMPLATES / "schedules"
FILES = sorted(path.name for path in SCHEDULES.iterdir())
GROUP: Any = typer.main.get_command(app)
MACHINE = re.compile(r"(?<![\w.])/(work|home|root|tmp|Users|mnt)\b|localhost|127\.0\.0\.1")


def text(name: str) -> str:
    return (SCHEDULES / name).read_text("utf-8")


def is_the_weekly_job(words: list[str]) -> None:
    """The words are a command of this program that parses."""
    assert words[0].rpartition("/")[2] == "lsr"
    command = GROUP.commands[words[1]]
    assert command.make_context(words[1], words[2:]).params["review"]
    assert words[1] == "run"


def unit(name: str) -> configparser.ConfigParser:
    parsed = configparser.ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read_string(text(name))
    return parsed


def test_the_readme_names_them_all() -> None:
    assert FILES == ["crontab", "github-actions.yml", "lsr.service", "lsr.timer"]
    readme = (Path(__file__).parents[1] / "schedules" / "README.md").read_text("utf-8")
    for name in FILES:
        assert f"`{name}`" in readme


@pytest.mark.parametrize("name", FILES)
def test_none_knows_a_machine_or_holds_a_secret(name: str) -> None:
    assert not MACHINE.search(text(name)), name
    for line in text(name).splitlines():
        value = re.search(r"NCBI_API_KEY[:=]\s*(\S+)", line)
        assert value is None or value[1] in ("${{", "..."), line


def test_the_crontab_runs_once_a_week_under_a_lock() -> None:
    settings: dict[str, str] = {}
    jobs = []
    for line in text("crontab").splitlines():
        if assigned := re.fullmatch(r"([A-Z_]+)=(\S+)", line):
            settings[assigned[1]] = assigned[2]
        elif line and not line.startswith("#"):
            jobs.append(line)
    (job,) = jobs
    minute, hour, day, month, weekday, command = job.split(None, 5)
    assert minute.isdecimal()
    assert 0 <= int(minute) < 60
    assert hour.isdecimal()
    assert 0 <= int(hour) < 24
    assert (day, month, weekday) == ("*", "*", "1")
    assert "%" not in command  # cron takes it for the end of the line
    assert set(re.findall(r"\$(\w+)", command)) <= set(settings)
    words = [re.sub(r"\$(\w+)", lambda name: settings[name[1]], word) for word in shlex.split(command)]
    assert words[:2] == ["flock", "--nonblock"]
    assert words[2].startswith(settings["REVIEW"])
    is_the_weekly_job(words[3:])


def test_the_units_have_what_systemd_needs() -> None:
    service, timer = unit("lsr.service"), unit("lsr.timer")
    assert service.sections() == ["Unit", "Service"]
    assert timer.sections() == ["Unit", "Timer", "Install"]
    assert service["Service"]["Type"] == "oneshot"
    words = shlex.split(service["Service"]["ExecStart"])
    is_the_weekly_job(words)
    assert Path(words[0]).is_absolute()  # systemd searches no PATH
    review = words[words.index("--review") + 1]
    assert service["Service"]["WorkingDirectory"] == review
    assert review in service["Service"]["ReadWritePaths"].split()  # ProtectSystem=strict leaves nothing else writable
    assert service["Service"]["EnvironmentFile"].startswith("-")  # it may be absent
    assert timer["Timer"]["Persistent"] == "yes" or timer["Timer"]["Persistent"] == "true"
    assert re.fullmatch(r"Mon \*-\*-\* \d\d:\d\d:\d\d", timer["Timer"]["OnCalendar"])
    assert timer["Install"]["WantedBy"] == "timers.target"


def test_systemd_finds_no_fault(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed here")
    for name in ("lsr.service", "lsr.timer"):
        words = text(name).replace("/opt/lsr/.venv/bin/lsr", shutil.which("true") or "/bin/true")
        (tmp_path / name).write_text(words, "utf-8")
    ran = subprocess.run(
        [program, "verify", str(tmp_path / "lsr.service"), str(tmp_path / "lsr.timer")],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    faults = [line for line in ran.stderr.splitlines() if "lsr." in line]
    assert not faults


def test_the_workflow_is_well_formed_and_runs_the_job() -> None:
    """There is no YAML parser among the dependencies: the lines are checked for what YAML asks of them."""
    lines = text("github-actions.yml").splitlines()
    indents = [0]
    block: int | None = None
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        assert "\t" not in line, number
        indent = len(line) - len(line.lstrip())
        if block is not None and indent > block:
            continue  # inside a block of text
        block = None
        assert indent % 2 == 0, number
        assert indent <= indents[-1] + 4, number
        indents.append(indent)
        content = line.strip().removeprefix("- ")
        assert re.fullmatch(r"[\w-]+:( .+)?", content), (number, line)
        if content.endswith(("|", ">")):
            block = indent
    keys = [line.rstrip(":").split(":")[0] for line in lines if re.match(r"[a-z]", line)]
    assert keys == ["name", "on", "permissions", "concurrency", "jobs"]
    runs = [line.split("run:", 1)[1].strip() for line in lines if re.match(r"\s+- run: \S", line)]
    (job,) = (run for run in runs if run.startswith("lsr "))
    is_the_weekly_job(shlex.split(job))
    crons = re.findall(r'cron: "([^"]+)"', text("github-actions.yml"))
    assert [len(cron.split()) for cron in crons] == [5]
    assert "cancel-in-progress: false" in text("github-actions.yml")  # a run is not cut off in the middle
