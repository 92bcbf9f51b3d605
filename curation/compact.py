"""Records by the hundred thousand in little memory: each is a few hundred bytes, taken apart when it is asked for.

A million records as objects take four gigabytes, as bytes half of one. What a comparison never looks at is not
kept: abstracts, affiliations, addresses, what only one source has (`db.records.from_json` calls such records slim).
"""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from sys import intern
from typing import Any, Final, overload

from db.model import Author, Notice, Record

# Marshal's first format: the same fields give the same bytes, whatever else refers to their strings.
_FORMAT: Final = 0
_FIELDS: Final = tuple(field.name for field in fields(Record))


def content(record: Record) -> bytes:
    """All that a comparison can see of `record`, as bytes: equal for two records that print the same.

    The source is part of it, the native id is not.
    """
    return marshal.dumps(
        (
            record.source, record.title, tuple((a.family, a.given, a.collective) for a in record.authors), record.year,
            record.date, record.journal, record.volume, record.issue, record.pages, record.doi, record.pmid,
            record.registry_ids, record.publication_types, record.language, record.vernacular_title,
            tuple((n.kind, n.pmid, n.doi, n.citation) for n in record.notices), record.composed,
        ),
        _FORMAT,
    )  # fmt: skip


def filled_fields(record: Record) -> int:
    """How many of a record's fields hold anything."""
    return sum(bool(getattr(record, name)) for name in _FIELDS)


def ids_of(records: Sequence[Record]) -> list[str]:
    """The ids of `records`, in their order; compact ones are not taken apart for that."""
    return records.ids() if isinstance(records, CompactRecords) else [record.id for record in records]


def content_of(records: Sequence[Record], number: int) -> bytes:
    """What `content` gives for the record of this number."""
    return records.content(number) if isinstance(records, CompactRecords) else content(records[number])


class CompactRecords(Sequence[Record]):
    """A sequence of slim records: each is made anew when it is asked for."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._ids: list[str] = []
        self._sources: list[str] = []
        self._contents: list[bytes] = []
        self._filled = bytearray()
        for record in records:
            self.append(record)

    def append(self, record: Record) -> None:
        """Keep what a comparison can see of `record`."""
        self._ids.append(record.native_id)
        self._sources.append(intern(record.source))
        self._contents.append(content(record))
        self._filled.append(filled_fields(record))

    def ids(self) -> list[str]:
        """The records' ids, in their order."""
        return [f"{source}:{native_id}" for source, native_id in zip(self._sources, self._ids, strict=True)]

    def content(self, number: int) -> bytes:
        """What `content` gives for the record of this number, without making it."""
        return self._contents[number]

    def filled(self, number: int) -> int:
        """How many fields the record of this number came with, those that are not kept here among them."""
        return self._filled[number]

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[Record]:
        return map(_record, self._ids, self._contents)

    @overload
    def __getitem__(self, place: int) -> Record: ...
    @overload
    def __getitem__(self, place: slice) -> list[Record]: ...
    def __getitem__(self, place: int | slice) -> Record | list[Record]:
        if isinstance(place, slice):
            return list(map(_record, self._ids[place], self._contents[place]))
        return _record(self._ids[place], self._contents[place])


def _record(native_id: str, packed: bytes) -> Record:
    fields: tuple[Any, ...] = marshal.loads(packed)
    (source, title, authors, year, date, journal, volume, issue, pages, doi, pmid, registry_ids, types, language,
     vernacular, notices, composed) = fields  # fmt: skip
    return Record(
        source, native_id, title=title, authors=tuple(Author(*names) for names in authors), year=year, date=date,
        journal=journal, volume=volume, issue=issue, pages=pages, doi=doi, pmid=pmid, registry_ids=registry_ids,
        publication_types=types, language=language, vernacular_title=vernacular,
        notices=tuple(Notice(*parts) for parts in notices), composed=composed,
    )  # fmt: skip
