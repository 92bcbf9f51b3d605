"""Every raw reply and every imported file, as it came, gzip-compressed and named by its SHA-256."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from db.errors import IntegrityError, ReviewFolderError

# The fastest: replies are written while people wait, and the disk is cheap.
LEVEL = 1
CHUNK = 1 << 20


class Archive:
    """A folder of `<sha256>.gz` files. Writing is atomic, and writing the same bytes twice keeps one file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, body: bytes) -> str:
        """Store `body`; return its SHA-256 in hex."""
        digest = hashlib.sha256(body).hexdigest()
        target = self.path(digest)
        if not target.exists():
            with self._new_file(target) as temporary:
                temporary.write_bytes(gzip.compress(body, LEVEL, mtime=0))
        return digest

    def put_file(self, source: Path) -> str:
        """Store a file of any size as it is, in bounded memory; return its SHA-256 in hex."""
        with source.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        target = self.path(digest)
        if not target.exists():
            with (
                self._new_file(target) as temporary,
                source.open("rb") as stream,
                temporary.open("wb") as raw,
                gzip.GzipFile("", "wb", LEVEL, raw, mtime=0) as packed,
            ):
                shutil.copyfileobj(stream, packed, CHUNK)
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes named `digest`; IntegrityError if they are missing or are not what the name says."""
        body = b"".join(self._chunks(digest))
        _same(hashlib.sha256(body), digest)
        return body

    def check(self, digest: str) -> None:
        """As `get`, without the bytes: bounded memory at any size."""
        found = hashlib.sha256()
        for chunk in self._chunks(digest):
            found.update(chunk)
        _same(found, digest)

    def digests(self) -> Iterator[str]:
        """The names in the archive, sorted."""
        return iter(sorted(path.name.removesuffix(".gz") for path in self.folder.glob("*.gz")))

    def path(self, digest: str) -> Path:
        return self.folder / f"{digest}.gz"

    def _chunks(self, digest: str) -> Iterator[bytes]:
        try:
            with gzip.open(self.path(digest), "rb") as stream:
                while chunk := stream.read(CHUNK):
                    yield chunk
        except (OSError, EOFError, zlib.error) as error:
            raise IntegrityError(f"archive/{digest}.gz cannot be read ({error}): restore it from a backup") from error

    def _new_file(self, target: Path) -> _Atomic:
        return _Atomic(target)


def _same(found: hashlib._Hash, digest: str) -> None:
    if found.hexdigest() != digest:
        raise IntegrityError(f"archive/{digest}.gz does not hold what its name says: restore it from a backup")


class _Atomic:
    """A temporary file beside `target` that takes its place on success and vanishes on failure."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __enter__(self) -> Path:
        try:
            self.target.parent.mkdir(exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=".new-", dir=self.target.parent)
        except OSError as error:
            raise ReviewFolderError(
                f"{self.target.parent}: cannot be written ({error.strerror}): check the folder's rights and space"
            ) from error
        os.close(handle)
        self.temporary = Path(name)
        return self.temporary

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.temporary.replace(self.target)
        else:
            self.temporary.unlink(missing_ok=True)
