"""A file's bytes as they are read: counted for the progress bar, and unpacked if they are gzip."""

from __future__ import annotations

import gzip
import io
import zlib
from typing import BinaryIO, Final, cast

from isal import igzip, isal_zlib

from db.errors import InputError
from harvest.source import Progress

# The library's stubs do not say that it is an exception.
_BROKEN: Final = cast(type[Exception], isal_zlib.error)
BUFFER: Final = 1 << 16
# deflate cannot exceed 1032:1; NLM's yearly files unpack 6:1, XML of nothing but repetition about 60:1.
MAX_RATIO: Final = 200
RATIO_AFTER: Final = 16 << 20  # bytes unpacked before the ratio is judged: small files may be all repetition
MAX_UNPACKED: Final = 4 << 30  # the largest of NLM's yearly files unpacks to 0.4 GB


class Counted(io.RawIOBase):
    """A raw file that reports how far it has been read."""

    def __init__(self, raw: BinaryIO, size: int, progress: Progress) -> None:
        self._raw, self._size, self._progress = raw, size, progress
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._raw.read(len(buffer))
        buffer[: len(data)] = data
        self.count += len(data)
        self._progress(self.count, self._size)
        return len(data)


class Unpacked(io.RawIOBase):
    """A gzip file unpacked as it is read, refused when it is cut, broken or a bomb."""

    def __init__(self, packed: Counted) -> None:
        self._packed = packed
        # Unpacks in a third of zlib's time, which is an eighth of all that a yearly file of NLM takes.
        self._gzip = igzip.IGzipFile(fileobj=cast(BinaryIO, io.BufferedReader(packed, BUFFER)))  # type: ignore[no-untyped-call]
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            data = self._gzip.read1(len(buffer))
        except (EOFError, zlib.error, _BROKEN, gzip.BadGzipFile) as error:
            raise InputError(f"the gzip file is cut or broken ({error})") from error
        buffer[: len(data)] = data
        self._count += len(data)
        if is_bomb(self._packed.count, self._count):
            raise InputError(
                f"a gzip bomb? {self._packed.count} bytes unpack to more than {self._count >> 20} MB; refused"
            )
        return len(data)


def is_bomb(packed: int, unpacked: int) -> bool:
    """Whether `packed` bytes that unpack to `unpacked` bytes are more than any honest file."""
    return unpacked > MAX_UNPACKED or (unpacked > RATIO_AFTER and unpacked > MAX_RATIO * packed)
