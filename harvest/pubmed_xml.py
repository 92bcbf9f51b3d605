"""PubMed's XML as records: a pure function of bytes, sent by E-utilities or read from NLM's yearly files.

The elements are those of NLM's DTD (https://dtd.nlm.nih.gov/ncbi/pubmed/out/); what real files do with them
is in the tests. The document is never held whole: each record is read, handed out and dropped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final, cast

from lxml import etree

from db.errors import InputError
from db.model import Record
from harvest.pubmed_fields import book, citation
from harvest.pubmed_tree import GrowingTree, marked

_CHUNK: Final = 1 << 18  # below it the bookkeeping of chunks shows; above it nothing is gained
# References are 28 % of the bytes of a real file, dates of PubMed's own bookkeeping a fifth of its elements.
_UNREAD: Final = (b"ReferenceList", b"History")
# The largest of 20,788 real records (pubmed21n1298) has 0.5 MB, references included: room for thirty of it.
MAX_RECORD_BYTES: Final = 16 << 20
_ROOTS: Final = ("PubmedArticleSet", "PubmedBookArticleSet")
_RECORDS: Final = {"PubmedArticle": citation, "PubmedBookArticle": book}
_TAGS: Final = (*_RECORDS, "DeleteCitation", "ERROR")


@dataclass(frozen=True, slots=True)
class Deleted:
    """NLM withdrew this record: an update file's DeleteCitation."""

    pmid: str


@dataclass(frozen=True, slots=True)
class Unnamed:
    """A record without a PMID, which nothing can be told by: the line on which it begins.

    Beyond line 65,535 libxml2 counts from what follows, and may be one line late.
    """

    line: int


def parse_pubmed(stream: BinaryIO, source: str = "pubmed") -> Iterator[Record | Deleted | Unnamed]:
    """Every record and every deletion in a PubmedArticleSet, in the file's order.

    A PMID may come more than once: extra["version"] ("1" if absent) tells its versions apart, and the last is
    the newest. Raises InputError, possibly after some records: broken or cut XML, another document, an ERROR
    of E-utilities. A caller keeps nothing of a document that raised.
    """
    tree = GrowingTree()
    waiting = 0
    try:
        for chunk in marked(without_unread(stream)):
            tree.feed(chunk)
            waiting += len(chunk)
            root = tree.root()
            if root is not None and root.tag in _ROOTS:
                whole = tree.whole()
                for element in whole:
                    if element.tag in _TAGS:
                        waiting = 0
                        yield from _items(element, source)
                tree.prune(len(whole))
            if waiting > MAX_RECORD_BYTES:
                raise InputError(f"not PubMed XML: {waiting >> 20} MB without the end of a record")
        root = tree.close()
    except etree.XMLSyntaxError as error:
        raise InputError(_syntax(error)) from error
    yield from _rest(root, source)


def _items(element: etree._Element, source: str) -> Iterator[Record | Deleted | Unnamed]:
    """What one child of the root says."""
    if element.tag == "ERROR":
        raise InputError(_refusal(element))
    if element.tag == "DeleteCitation":
        yield from (Deleted((pmid.text or "").strip()) for pmid in element.iter("PMID"))
    elif element.tag in _RECORDS:
        record = _RECORDS[element.tag](element, source)
        yield record if record.pmid.isdecimal() else Unnamed(cast(int, element.sourceline))


def _rest(root: etree._Element, source: str) -> Iterator[Record | Deleted | Unnamed]:
    """The end of a document that was read whole, or why it is none of PubMed's."""
    if root.tag not in _ROOTS:
        for error in root.iter("ERROR"):
            raise InputError(_refusal(error))
        raise InputError(f"not PubMed XML: its root element is <{root.tag}>, not <PubmedArticleSet>")
    for element in root:
        yield from _items(element, source)


def _refusal(error: etree._Element) -> str:
    return f"not PubMed XML but an error of E-utilities: {one_line(''.join(map(str, error.itertext())))}"


def without_unread(stream: BinaryIO) -> Iterator[bytes]:
    """The stream's bytes without the elements that no field is read from and that are half of a real file.

    Their line breaks stay, so that the parser's line numbers are the file's.
    """
    chunks: Iterator[bytes] = iter(lambda: stream.read(_CHUNK), b"")
    for name in _UNREAD:
        chunks = _without(chunks, name)
    return chunks


def _without(chunks: Iterator[bytes], name: bytes) -> Iterator[bytes]:
    """`chunks` without the elements called `name`, which may hold others of their kind.

    In PubMed's XML these bytes can be nothing but tags: "<" in text is written &lt;. A file cut inside such an element
    stays cut: its end never comes.
    """
    start, end = b"<" + name + b">", b"</" + name + b">"
    buffer, depth = b"", 0
    for chunk in chunks:
        buffer += chunk
        kept: list[bytes] = []
        position = 0
        while (found := buffer.find(end if depth else start, position)) >= 0:
            if depth:
                depth += buffer.count(start, position, found) - 1
                kept.append(b"\n" * buffer.count(b"\n", position, found))
                position = found + len(end)
            else:
                kept.append(buffer[position:found])
                position, depth = found + len(start), 1
        rest = max(position, len(buffer) - len(end))  # a tag may be split between two chunks
        if depth:
            depth += buffer.count(start, position, rest + len(start) - 1)  # those that begin before `rest`
            kept.append(b"\n" * buffer.count(b"\n", position, rest))
        else:
            kept.append(buffer[position:rest])
        buffer = buffer[rest:]
        yield b"".join(kept)
    if not depth:
        yield buffer


def _syntax(error: etree.XMLSyntaxError) -> str:
    """The parser's own words: "Premature end of data …" is what a cut file says."""
    return f"not whole, well-formed XML: {one_line(error.msg or 'no element found')}"


def one_line(text: str, limit: int = 200) -> str:
    """`text` without line breaks and control characters, cut at `limit`: what is from outside, made printable."""
    plain = "".join(character if character.isprintable() else " " for character in text)
    short = " ".join(plain.split())
    return short if len(short) <= limit else short[: limit - 1] + "…"
