"""The walls of the house: who may import whom, where SQL and printing live, and that no room knows the review."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("db", "harvest", "curation", "analysis", "lsr")
MAY_IMPORT = {
    "db": {"db"},
    "harvest": {"harvest", "db"},
    "curation": {"curation", "db"},
    "analysis": {"analysis", "db"},
    "lsr": set(ROOMS),
}
# A statement, not a word: "update" and "select" are words of this field too.
SQL = re.compile(
    r"\b(SELECT\s.+\sFROM|INSERT\s+(OR\s+\w+\s+)?INTO|DELETE\s+FROM|CREATE\s+(TEMP\s+)?(TABLE|VIEW)|PRAGMA)\b",
    re.DOTALL,
)


def modules(*rooms: str) -> Iterator[Path]:
    for room in rooms or ROOMS:
        yield from sorted((ROOT / room).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide which room is meant"
            yield node.module or ""


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_it_may(room: str) -> None:
    for path in modules(room):
        for name in imports(path):
            head = name.split(".")[0]
            assert head not in ROOMS or head in MAY_IMPORT[room], f"{path.relative_to(ROOT)} imports {name}"


def test_sql_lives_in_db_only() -> None:
    for path in modules("harvest", "curation", "analysis", "lsr"):
        strings = (n.value for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Constant))
        for text in strings:
            assert not (isinstance(text, str) and SQL.search(text)), f"{path.relative_to(ROOT)}: {text[:60]}"


def test_printing_and_exiting_live_in_lsr_only() -> None:
    for path in modules("db", "harvest", "curation", "analysis"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            where = path.relative_to(ROOT)
            assert called not in ("print", "exit", "quit", "sys.exit", "os._exit"), f"{where}: {called}"


def test_only_the_protocol_reader_reads_toml() -> None:
    # The third reads the user's own keys; the last two read shipped templates.
    allowed = {"lsr/protocol.py", "lsr/dictionary.py", "lsr/keys.py", "lsr/demo.py", "lsr/workflow/folder.py"}
    users = {str(path.relative_to(ROOT)) for path in modules() if "tomllib" in set(imports(path))}
    assert users <= allowed


def test_no_package_names_the_review_it_ships_with() -> None:
    """One review's target must not leak into the program: its templates are data."""
    for path in modules():
        text = path.read_text("utf-8")
        found = [line for line in text.splitlines() if re.search(r"cd-?7", line, re.IGNORECASE)]
        named = [line for line in found if "cd7-car-t" not in line]  # the name of a template, in help texts
        assert not named, f"{path.relative_to(ROOT)}: {named[0].strip()}"


def test_no_import_cycles() -> None:
    graph = {}
    for path in modules():
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        tree = ast.parse(path.read_text("utf-8"))
        top = [n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
        graph[name] = {other for n in top if isinstance(n, ast.ImportFrom) for other in _targets(n)} - {name}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " → ".join((*trail, name))
        if name in done or name not in graph:
            return
        for other in graph[name]:
            visit(other, (*trail, name))
        done.add(name)

    for name in graph:
        visit(name, ())


def _targets(node: ast.ImportFrom) -> Iterator[str]:
    """`from a.b import c` means the module a.b.c if there is one, else a.b."""
    for alias in node.names:
        parts = (node.module or "").split(".")
        inner = ROOT.joinpath(*parts, alias.name)
        yield f"{node.module}.{alias.name}" if inner.with_suffix(".py").exists() else str(node.module)


def test_nothing_names_this_machine_or_an_index_host() -> None:
    text = (ROOT / "constraints.txt").read_text("utf-8")
    assert "--hash=sha256:" in text
    assert not re.search(r"https?://|--index|--extra-index|file://", text)


def test_every_public_function_says_what_it_does() -> None:
    for path in modules():
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{path.relative_to(ROOT)}: {node.name}"
