"""Files from a person: formats told from bytes, and every broken one refused in one line."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from db.errors import InputError, SourceError
from db.model import Record
from harvest.files import Item, packed, read_file
from harvest.pubmed_xml import Deleted
from tests.servers.eutils import article_set
from tests.test_pages import ASH, CHALLENGE
from tests.test_pubmed import articles

XML = article_set([*articles(3), b"<DeleteCitation><PMID>9</PMID></DeleteCitation>"])


def ignore(done: int, total: int | None) -> None:
    pass


def read(path: Path, content: bytes) -> list[Item]:
    path.write_bytes(content)
    return list(read_file(path, ignore))


@pytest.mark.parametrize("content", [XML, gzip.compress(XML), b"\xef\xbb\xbf" + XML], ids=["plain", "gzip", "BOM"])
@pytest.mark.parametrize("name", ["a.xml", "a.xml.gz", "a"])
def test_pubmed_xml_is_known_by_its_bytes(tmp_path: Path, content: bytes, name: str) -> None:
    found = read(tmp_path / name, content)
    assert [item.pmid for item in found if isinstance(item, Record | Deleted)] == ["1", "2", "3", "9"]
    assert isinstance(found[3], Deleted)


def test_a_saved_page_is_read(tmp_path: Path) -> None:
    (record,) = read(tmp_path / "page.htm", ASH.encode())
    assert isinstance(record, Record)
    assert record.source == "ash"


def test_a_gzip_file_of_two_members_is_one(tmp_path: Path) -> None:
    assert len(read(tmp_path / "a.gz", gzip.compress(XML[:500]) + gzip.compress(XML[500:]))) == 4


def test_progress_reaches_the_files_size(tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    path = tmp_path / "a.xml"
    path.write_bytes(article_set(articles(2_000)))
    list(read_file(path, lambda done, total: seen.append((done, total))))
    size = path.stat().st_size
    assert seen[-1] == (size, size)
    assert len(seen) > 2
    assert seen == sorted(seen, key=lambda pair: pair[0])


BROKEN = {
    "empty": (b"", "is empty"),
    "blank lines": (b"\n \r\n", "is empty"),
    "columns of nobody": (b"foo,bar,baz\n1,2,3\n", "whose heading names a title column"),
    "RIS of nothing": (b"TY  - JOUR\nER  - \n", "nothing in it can be imported; line 1: an empty record"),
    "RTF": (b"{\\rtf1 Title, Authors", "readable are saved abstract page"),
    "old Excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old kind"),
    "a heading alone": (b"Title,Authors,Year\n", "without a single record"),
    "PDF": (b"%PDF-1.7\x00\x01", "unknown format"),
    "cut XML": (XML[:-25], "not whole"),
    "cut gzip": (gzip.compress(XML)[:-20], "cut or broken"),
    "gzip without its checksum": (gzip.compress(XML)[:-8], "cut or broken"),
    "gzip of garbage": (b"\x1f\x8b\x08\x00" + b"\x07" * 50, "cut or broken"),
    "empty gzip": (gzip.compress(b""), "is empty"),
    "other XML": (b"<?xml version='1.0'?><rss/>", "root element is <rss>"),
    "other page": (b"<html><body>News</body></html>", "no abstract page"),
}


@pytest.mark.parametrize(("content", "words"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_is_refused_by_name(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words) as failure:
        read(tmp_path / "given.file", content)
    assert str(failure.value).startswith(str(tmp_path / "given.file"))
    assert "\n" not in str(failure.value)


def test_a_robot_check_is_refused_as_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="blocked"):
        read(tmp_path / "page.html", CHALLENGE.encode())


def test_a_gzip_bomb_is_refused_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "RATIO_AFTER", 1 << 20)
    start, end = b"<PubmedArticleSet><!--", b"--></PubmedArticleSet>"
    with pytest.raises(InputError, match="gzip bomb"):
        read(tmp_path / "bomb.gz", gzip.compress(start + b" " * (64 << 20) + end))


def test_a_file_too_large_unpacked_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "MAX_UNPACKED", 100_000)
    with pytest.raises(InputError, match="gzip bomb"):
        read(tmp_path / "large.gz", gzip.compress(article_set(articles(2_000))))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        list(read_file(tmp_path / "none.xml", ignore))
    with pytest.raises(InputError, match="cannot be read"):
        list(read_file(tmp_path, ignore))


@pytest.mark.slow
def test_a_whole_file_of_nlm_is_accounted_for(shared: Path) -> None:
    path = shared / "data/pubmed/pubmed21n1298.xml.gz"
    seen = [0]
    found = [item.pmid for item in read_file(path, lambda done, total: seen.append(done)) if isinstance(item, Record)]
    assert (len(found), len(set(found))) == (20_788, 20_783)
    assert seen[-1] == path.stat().st_size
