"""Elements of a large XML file one at a time, hardened: no entity, no network, no tree of the whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final, cast

from lxml import etree

from db.errors import InputError
from harvest.pubmed_xml import MAX_RECORD_BYTES, one_line

_CHUNK: Final = 1 << 16


def elements(stream: BinaryIO, name: str, what: str) -> Iterator[tuple[int, etree._Element]]:
    """Each element whose local name is `name`, with the line on which it begins; it is freed after its turn.

    InputError, possibly after some: XML that is broken or cut, or one element of more than 16 MB. Entities that
    a file defines for itself are never expanded. `what` names the format for people.
    """
    parser = etree.XMLPullParser(
        ("end",), tag=(name, f"{{*}}{name}"), resolve_entities=False, load_dtd=False, no_network=True,
        huge_tree=False, remove_comments=True, remove_pis=True, collect_ids=False,
    )  # fmt: skip
    waiting = 0
    try:
        while chunk := stream.read(_CHUNK):
            parser.feed(chunk)
            waiting += len(chunk)
            for item in _drain(parser):
                waiting = 0
                yield item
            if waiting > MAX_RECORD_BYTES:
                raise InputError(f"not {what}: {waiting >> 20} MB without the end of a record")
        parser.close()
    except etree.XMLSyntaxError as error:
        raise InputError(f"not whole, well-formed XML: {one_line(error.msg or 'no element found')}") from error
    yield from _drain(parser)


def _drain(parser: etree.XMLPullParser) -> Iterator[tuple[int, etree._Element]]:
    for _, found in parser.read_events():
        element = cast(etree._Element, found)
        yield cast(int, element.sourceline), element
        element.clear()
        parent = element.getparent()
        while parent is not None and element.getprevious() is not None:
            del parent[0]


def local(element: etree._Element) -> str:
    """The element's name without its namespace."""
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def text_of(element: etree._Element) -> str:
    """All text within the element."""
    return "".join(map(str, element.itertext()))
