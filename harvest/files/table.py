"""Rows under a heading as records, from whatever file they stand in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from db.errors import InputError
from harvest.files.columns import WOS_TAGS, fields_of, is_heading, source_by_headings
from harvest.files.draft import item_of
from harvest.files.origins import REGISTERS
from harvest.files.shape import Item, Unread
from harvest.files.trial import as_trial
from harvest.files.wos import wos_fields

HEADING_WITHIN: Final = 15  # lines of preamble (query, date of export) that exports print before the heading
NO_HEADING: Final = f"no heading with a title column in the first {HEADING_WITHIN} lines: name the columns, one Title"


def items(rows: Iterable[tuple[int, Sequence[str]] | Unread]) -> Iterator[Item]:
    """Each row (line, cells) as a record, or its line and why it is none; the first heading found is the heading.

    A heading that is repeated, as in tables joined from several exports, begins the next table.
    """
    table: _Table | None = None
    before = 0
    for row in rows:
        if isinstance(row, Unread):
            yield row
            continue
        line, cells = row
        if table is None or [cell.strip() for cell in cells] == table.headings:
            before += 1
            if is_heading(cells):
                table = _Table(cells)
            elif before >= HEADING_WITHIN:
                break
            continue
        if any(cell.strip() for cell in cells):
            yield table.item(line, cells)
    if table is None:
        raise InputError(NO_HEADING)


def is_upright(rows: Sequence[tuple[int, Sequence[str]] | Unread]) -> bool:
    """Whether the first rows are those of a table with a field in each row, named in its first cell (Embase)."""
    names = [fields_of(row[1][0]) for row in rows if not isinstance(row, Unread) and row[1]]
    return len(names) > 2 and names[0] == ("title",) and all(names)


def upright_items(rows: Iterable[tuple[int, Sequence[str]] | Unread]) -> Iterator[Item]:
    """The records of a table with a field in each row; each record begins with its title."""
    fields: dict[str, list[str]] = {}
    begun = 0
    names: list[str] = []
    for row in rows:
        if isinstance(row, Unread):
            yield row
            continue
        line, cells = row
        found = fields_of(cells[0]) if cells else ()
        if found == ("title",):
            if names:
                yield item_of(fields, begun, source=source_by_headings(names))
            fields, names, begun = {}, [], line
        if begun and cells:
            names.append(cells[0])
            for name in found:
                values = [cell for cell in cells[1:] if cell.strip()]
                name = "author" if name == "authors" and len(values) > 1 else name
                fields.setdefault(name, []).extend(values)
    if names:
        yield item_of(fields, begun, source=source_by_headings(names))


class _Table:
    """A heading, understood once for all rows."""

    def __init__(self, headings: Sequence[str]) -> None:
        self.headings = [heading.strip() for heading in headings]
        self.source = source_by_headings(self.headings)
        self._columns = [fields_of(heading) for heading in self.headings]
        self._tagged = self.source == "wos" and "UT" in self.headings and "TI" in self.headings

    def item(self, line: int, cells: Sequence[str]) -> Item:
        if any(cell.strip() for cell in cells[len(self.headings) :]):
            return Unread(line, f"{len(cells)} cells under {len(self.headings)} columns: quote the text; not imported")
        if self._tagged:
            return item_of(self._tags(cells), line, source=self.source)
        fields: dict[str, list[str]] = {}
        for names, cell in zip(self._columns, cells, strict=False):
            if cell.strip():
                for name in names:
                    fields.setdefault(name, []).append(cell)
        _one_author_column(fields)
        _split_cells(fields)
        if self.source in REGISTERS:
            fields = as_trial(fields)
        return item_of(fields, line, source=self.source)

    def _tags(self, cells: Sequence[str]) -> dict[str, list[str]]:
        tags = {
            tag: tuple(part.strip() for part in cell.split(";")) if tag in ("AU", "AF", "CA", "GP") else (cell,)
            for tag, cell in zip(self.headings, cells, strict=False)
            if tag in WOS_TAGS or tag == "PT"
            if cell.strip()
        }
        return wos_fields(tags)


def _one_author_column(fields: dict[str, list[str]]) -> None:
    """Of "Authors" and "Author full names", which print the same people, the fuller one."""
    if len(columns := fields.get("authors", [])) > 1:
        fields["authors"] = [max(columns, key=len)]


def _split_cells(fields: dict[str, list[str]]) -> None:
    """A column named Source holds the database's name (Scopus), or the journal with its volume (Embase)."""
    if (citations := fields.get("citation")) and fields.get("journal"):
        fields["database"] = [*fields.get("database", []), *(text for text in citations if len(text) < 60)]
        fields["citation"] = []
    for name in ("url", "doi"):
        if name in fields:
            fields[name] = [part for text in fields[name] for part in text.split()]
