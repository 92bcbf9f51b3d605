"""BibTeX, read by bibtexparser 2; LaTeX's accents and commands are decoded."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from db.errors import InputError
from db.model import Author
from harvest.files.columns import fields_of
from harvest.files.draft import item_of
from harvest.files.names import author_of
from harvest.files.shape import Item, Unread
from harvest.files.text import head_text, lines

NAME: Final = "BibTeX"
_START: Final = re.compile(r"^\s*@\s*[A-Za-z]+\s*[{(]", re.M)
# bibtexparser holds the whole library; a reference manager's export of 10,000 entries with abstracts has 30 MB.
MAX_FILE: Final = 128 << 20
_SPECIAL: Final = re.compile(r"[\\{}$~]|--|``|''")


def sniff(head: bytes) -> bool:
    """Whether an entry begins among the first lines."""
    return bool(_START.search(head_text(head)))


def read(stream: BinaryIO) -> Iterator[Item]:
    """Each entry of a BibTeX file, or its line and why it is no record."""
    from bibtexparser import model
    from bibtexparser.entrypoint import parse_string

    for name in ("bibtexparser", "pylatexenc"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what they would warn of is named by its line here
    library = parse_string(_whole(stream))
    for block in library.blocks:
        entry = block
        if isinstance(entry, model.DuplicateFieldKeyBlock | model.DuplicateBlockKeyBlock | model.MiddlewareErrorBlock):
            entry = entry.ignore_error_block  # type: ignore[assignment]
        line = (block.start_line or 0) + 1
        if isinstance(entry, model.Entry):
            yield _item(entry.entry_type, {f.key.lower(): str(f.value) for f in reversed(entry.fields)}, line)
        elif isinstance(block, model.ParsingFailedBlock):
            yield Unread(line, "a BibTeX entry that does not close or lacks a comma: not imported")


def _whole(stream: BinaryIO) -> str:
    parts: list[str] = []
    size = 0
    for _, text in lines(stream):
        parts.append(text)
        size += len(text) + 1
        if size > MAX_FILE:
            raise InputError(f"BibTeX of more than {MAX_FILE >> 20} MB: export it in parts, or as RIS")
    return "\n".join(parts)


def _item(kind: str, values: dict[str, str], line: int) -> Item:
    fields: dict[str, list[str]] = {"type": [kind.lower()]}
    for key, value in values.items():
        if key == "month":
            fields.setdefault("date", []).append(f"{value.strip('{}')} {values.get('year', '').strip('{}')}")
        elif key == "pages":
            fields["pages"] = [re.sub("-+", "-", _unwrapped(value))]
        elif key not in ("author", "type"):
            for name in fields_of(key):
                fields.setdefault(name, []).append(_decoded(_unwrapped(value)) if name not in ("doi", "url") else value)
    people = _people(_unwrapped(values.get("author", "")))
    return item_of(fields, line, authors=people)


def _unwrapped(value: str) -> str:
    """The value without the braces or quotes around it: those of a duplicate entry are still there."""
    value = value.strip()
    if len(value) > 1 and ((value[0], value[-1]) in (("{", "}"), ('"', '"'))) and _closes_at_end(value):
        return value[1:-1]
    return value


def _closes_at_end(value: str) -> bool:
    depth = 0
    for position, character in enumerate(value):
        depth += (character == "{") - (character == "}")
        if depth == 0 and value[0] == "{" and position < len(value) - 1:
            return False
    return True


def _decoded(value: str) -> str:
    """LaTeX as text: accents, commands, dashes; protecting braces go."""
    if not _SPECIAL.search(value):
        return value
    from pylatexenc.latex2text import LatexNodes2Text  # type: ignore[import-untyped,unused-ignore]
    from pylatexenc.latexwalker import LatexWalkerError  # type: ignore[import-untyped,unused-ignore]

    # A per cent sign begins a comment in LaTeX, but exports print "95% CI" as it is.
    escaped = re.sub(r"(?<!\\)([%#&])", r"\\\1", value)
    try:
        text = str(LatexNodes2Text(math_mode="text", keep_comments=True).latex_to_text(escaped))
    except (LatexWalkerError, ValueError, IndexError, RecursionError):
        text = value
    return text


def _people(value: str) -> tuple[Author, ...]:
    """The names between " and " outside braces; a name wholly in braces is a group's."""
    people: list[Author] = []
    for name in _split_and(value):
        if name.startswith("{") and name.endswith("}") and _closes_at_end(name):
            people.append(Author(collective=" ".join(_decoded(name[1:-1]).split())))
        elif author := author_of(_suffix_last(_decoded(name))):
            people.append(author)
    return tuple(people)


def _split_and(value: str) -> list[str]:
    parts, depth, start = list[str](), 0, 0
    for found in re.finditer(r"[{}]|\s+and\s+", value):
        if found[0] in "{}":
            depth += 1 if found[0] == "{" else -1
        elif depth <= 0:
            parts.append(value[start : found.start()])
            start = found.end()
    return [part.strip() for part in (*parts, value[start:]) if part.strip()]


def _suffix_last(name: str) -> str:
    """ "von Last, Jr, First", BibTeX's order, as "von Last, First, Jr"."""
    parts = [part.strip() for part in name.split(",")]
    return f"{parts[0]}, {parts[2]}, {parts[1]}" if len(parts) == 3 else name
