"""Files a person gives: what they are is told from their bytes, never from their names.

Each format is one module of one shape (a name, `sniff` over the first bytes, `read` over the stream) and one line
in `harvest.files.reading.FORMATS`. All of them hand what a file prints, under neutral names, to one function
(`harvest.files.draft.item_of`), so that a DOI, a date or an author is understood in one way.
"""

from harvest.files.origins import REGISTERS, UNKNOWN
from harvest.files.reading import FORMATS, format_of, has_own_ids, read_file
from harvest.files.shape import Format, Item, Unread

__all__ = ["FORMATS", "REGISTERS", "UNKNOWN", "Format", "Item", "Unread", "format_of", "has_own_ids", "read_file"]
