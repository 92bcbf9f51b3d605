"""An abstract's page that a person saved from the site of ASH, ASCO or EHA."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final

from db.errors import InputError
from harvest.files.shape import Item
from harvest.files.text import head_text
from harvest.pages import parse_page

NAME: Final = "saved abstract page (ASH, ASCO, EHA)"
MAX_PAGE: Final = 32 << 20  # an abstract page with everything inline has 2 MB


def sniff(head: bytes) -> bool:
    """Whether it is HTML."""
    text = head_text(head).lstrip("\ufeff \t\r\n").lower()
    return text.startswith(("<!doctype html", "<html")) or (
        "<html" in text and "<pubmed" not in text and text.startswith("<")
    )


def read(stream: BinaryIO) -> Iterator[Item]:
    """The page's one record."""
    html = stream.read(MAX_PAGE + 1)
    if len(html) > MAX_PAGE:
        raise InputError(f"a page of more than {MAX_PAGE >> 20} MB is no abstract page")
    yield parse_page(html)
