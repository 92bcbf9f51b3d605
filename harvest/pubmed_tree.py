"""A large XML document as a tree that is read and pruned while it grows: hardened, no entity, no network.

lxml can report the end of each record as an event, but then calls Python at the end of every element: half again of the
parser's time. Here it calls Python for processing instructions only, and one of them is ours: it stands before the root
element and leads to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, cast

from lxml import etree

_MARK: Final = b"<?lsr?>"
_DECLARATION: Final = re.compile(rb"(?:\xef\xbb\xbf)?(?:<\?xml\s[^>]*>)?")
_DECLARED_WITHIN: Final = 1_024  # bytes, in which the XML declaration of any document ends


class GrowingTree:
    """The tree of a document whose bytes are fed as they come, from `marked`.

    `feed` and `close` raise etree.XMLSyntaxError.
    """

    def __init__(self) -> None:
        self._parser = etree.XMLPullParser(
            ("pi",), resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False,
            remove_comments=True, collect_ids=False,
        )  # fmt: skip
        self._mark: etree._Element | None = None
        self._split: set[etree._Element] = set()

    def feed(self, chunk: bytes) -> None:
        """The document's next bytes."""
        self._parser.feed(chunk)
        for _, found in self._parser.read_events():
            instruction = cast(etree._Element, found)
            self._mark = self._mark if self._mark is not None else instruction
            self._split.update([*instruction.iterancestors()][-2:-1])  # the root's child that it is in

    def close(self) -> etree._Element:
        """The root, with those of its children that were not pruned: the document is whole."""
        root = self._parser.close()
        for element in root:
            self._join(element)
        return root

    def root(self) -> etree._Element | None:
        """The root, if it has begun."""
        node = self._mark
        while isinstance(node, etree._ProcessingInstruction):
            node = node.getnext()
        return node

    def whole(self) -> list[etree._Element]:
        """The root's children that have surely ended: all but the last."""
        root: Any = self.root()  # lxml's stubs know nothing of slices, which it makes and deletes in one step
        found: list[etree._Element] = [] if root is None else root[:-1]
        for element in found:
            self._join(element)
        return found

    def prune(self, count: int) -> None:
        """Free the first `count` of the root's children."""
        root: Any = self.root()
        if root is not None:
            del root[:count]

    def _join(self, element: etree._Element) -> None:
        """Take out the processing instructions, which split a text in two. PubMed itself writes <?pmcsd ?>."""
        if element in self._split:
            self._split.discard(element)
            etree.strip_elements(element, etree.ProcessingInstruction, with_tail=False)


def marked(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes of a document with the processing instruction that leads to its root.

    In UTF-16 it has none, and is only read when it is closed.
    """
    rest = iter(chunks)
    head = b""
    for chunk in rest:
        head += chunk
        if b">" in head or len(head) > _DECLARED_WITHIN:
            break
    found = _DECLARATION.match(head)
    if found and b"\0" not in head[:4]:
        head = head[: found.end()] + _MARK + head[found.end() :]
    yield head
    yield from rest
