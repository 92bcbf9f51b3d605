"""The archive: bytes as they came, under their own hash, whole or not at all."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.archive import CHUNK, Archive
from db.errors import IntegrityError, ReviewFolderError


@given(st.binary(max_size=1000))
def test_what_is_put_comes_back(tmp_path_factory: pytest.TempPathFactory, body: bytes) -> None:
    archive = Archive(tmp_path_factory.getbasetemp() / "bodies")
    digest = archive.put(body)
    assert digest == hashlib.sha256(body).hexdigest()
    assert archive.get(digest) == body
    archive.check(digest)


def test_the_same_bytes_are_one_file_and_the_file_is_always_the_same(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "a")
    digest = archive.put(b"a reply")
    first = archive.path(digest).read_bytes()
    assert archive.put(b"a reply") == digest
    assert list(archive.digests()) == [digest]
    other = Archive(tmp_path / "b")
    other.put(b"a reply")
    assert other.path(digest).read_bytes() == first, "no name and no time in the gzip header"


def test_a_file_of_any_size_goes_in_as_it_is(tmp_path: Path) -> None:
    source = tmp_path / "export.xml"
    body = b"<x>" + b"0123456789" * (CHUNK // 5) + b"</x>"
    source.write_bytes(body)
    archive = Archive(tmp_path / "archive")
    digest = archive.put_file(source)
    assert archive.put_file(source) == digest == archive.put(body)
    assert archive.get(digest) == body
    archive.check(digest)


@pytest.mark.parametrize("method", ["get", "check"])
def test_what_is_not_what_its_name_says_is_refused(tmp_path: Path, method: str) -> None:
    archive = Archive(tmp_path)
    digest = archive.put(b"a reply that is long enough to rot " * 9)
    whole = archive.path(digest).read_bytes()
    read = getattr(archive, method)
    for harm in (gzip.compress(b"another"), whole[:-4], whole[:20] + b"\xff" * 20 + whole[40:], b"", b"plain"):
        archive.path(digest).write_bytes(harm)
        with pytest.raises(IntegrityError, match=f"archive/{digest}.gz .*restore it from a backup"):
            read(digest)
    archive.path(digest).unlink()
    with pytest.raises(IntegrityError, match="cannot be read"):
        read(digest)


def test_killed_while_writing_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = Archive(tmp_path / "archive")

    def killed(body: bytes, *_: object, **__: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(gzip, "compress", killed)
    with pytest.raises(KeyboardInterrupt):
        archive.put(b"a reply")
    assert list((tmp_path / "archive").iterdir()) == []


def test_where_it_cannot_write_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "archive").write_text("a file stands in the way")
    with pytest.raises(ReviewFolderError, match="cannot be written"):
        Archive(tmp_path / "archive").put(b"a reply")
