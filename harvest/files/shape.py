"""What every reader of a file has in common: the items it yields and how it is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from db.model import Record
from harvest.pubmed_xml import Deleted


@dataclass(frozen=True, slots=True)
class Unread:
    """A row of a file that became no record: the line on which it begins (from 1), and why, in words."""

    line: int
    why: str


Item = Record | Deleted | Unread


@dataclass(frozen=True, slots=True)
class Format:
    """A format: its name for people, how its first bytes are known, and its reader.

    `may_be_empty`: a file without a record is a fact and not a fault. `keyed`: the format's own ids tell its
    records apart, and one id may come twice (PubMed's versions).
    """

    name: str
    sniff: Callable[[bytes], bool]
    read: Callable[[BinaryIO], Iterator[Item]]
    may_be_empty: bool = False
    keyed: bool = False
