"""Which key does what on the reviewer's screen: the defaults, what the protocol says, what the user's own file says.

The user's file is `screen.toml` in the configuration folder of `lsr` (on Linux ~/.config/lsr/), with one table:

    [keys]
    include = "y"
    undo = ["z", "ctrl+z"]
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from db.errors import InputError

Keys = Mapping[str, tuple[str, ...]]
# As Rayyan has them, and undo where every editor has it. Names are Textual's; letters count in either case.
DEFAULTS: Final[Keys] = {
    "include": ("i",),
    "exclude": ("e",),
    "unsure": ("u",),
    "skip": ("s",),
    "undo": ("z", "backspace"),
    "previous": ("[", "left"),
    "next": ("]", "right"),
    "note": ("n",),
    "open": ("o",),
    "search": ("/",),
    "help": ("?",),
    "leave": ("q",),
}
# Keys with a name that may be given to an action; up, down, page up, page down and space scroll until they are.
NAMED: Final = frozenset(
    ("backspace", "delete", "insert", "enter", "tab", "space", "home", "end", "left", "right", "up", "down", "pageup",
     "pagedown", *(f"f{n}" for n in range(1, 13)),
     *(f"ctrl+{letter}" for letter in "abdefgknoprtuvwxyz"))  # the other letters are the terminal's own
)  # fmt: skip
FILE: Final = "screen.toml"


def as_keys(table: Mapping[str, str | list[str]]) -> dict[str, tuple[str, ...]]:
    """A table of keys as people write it, one key or several for an action, in one form."""
    return {
        action: tuple(one.lower() for one in ([keys] if isinstance(keys, str) else keys))
        for action, keys in table.items()
    }


def check_keys(changes: Keys) -> str:
    """What is wrong with a table of keys laid over the defaults; "" if nothing is."""
    for action, keys in changes.items():
        if action not in DEFAULTS:
            return f"no action {action!r}: there are {', '.join(DEFAULTS)}"
        if not keys:
            return f"{action} has no key"
        for key in keys:
            if key not in NAMED and not (len(key) == 1 and key.isprintable() and key != " "):
                return f"{key!r} is no key that can be given to {action}: a letter, a sign, or one of {_some_names()}"
            if key.isdecimal():
                return f"{key!r} cannot be given to {action}: digits exclude with that reason"
    return _met_twice(changes)


def keymap(*layers: Keys) -> dict[str, str]:
    """{key: action}: the defaults, layers over them, the last one winning. InputError if a key would do two things."""
    merged: dict[str, tuple[str, ...]] = dict(DEFAULTS)
    for layer in layers:
        merged |= layer
    if wrong := check_keys(merged):
        raise InputError(f"the keys of the reviewer's screen: {wrong}")
    return {key: action for action, keys in merged.items() for key in keys}


def user_keys(path: Path | None = None) -> dict[str, tuple[str, ...]]:
    """The keys that the user's own file gives; none without a file. InputError says what is wrong in it."""
    if path is None:
        from platformdirs import user_config_path

        path = user_config_path("lsr") / FILE
    try:
        tree = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: cannot be read as TOML ({error}): correct it, or remove it") from error
    table = tree.get("keys", {})
    if set(tree) - {"keys"} or not _is_table(table):
        raise InputError(f"{path}: it holds one table, [keys], of actions with a key or a list of keys")
    keys = as_keys(table)
    if wrong := check_keys(keys):
        raise InputError(f"{path}: {wrong}")
    return keys


def _is_table(table: Any) -> bool:
    lists = [[keys] if isinstance(keys, str) else keys for keys in table.values()] if isinstance(table, dict) else [0]
    return all(isinstance(keys, list) and all(isinstance(key, str) for key in keys) for keys in lists)


def _met_twice(changes: Keys) -> str:
    seen: dict[str, str] = {}
    for action, keys in {**DEFAULTS, **changes}.items():
        for key in keys:
            if seen.setdefault(key, action) != action:
                return f"{key!r} would both {seen[key]} and {action}: give one of them another key"
    return ""


def _some_names() -> str:
    return "backspace, delete, enter, tab, space, home, end, left, right, f1 to f12, ctrl+z …"
