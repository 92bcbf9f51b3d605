"""No abstract text, fetched or imported page, file or quotation leaves the folder: looked for in every byte written."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from db.model import Record
from db.records import RunNote, store_run
from harvest.live import LiveTransport
from lsr.workflow.files import import_files
from lsr.workflow.folder import open_review
from lsr.workflow.pages import write_site
from lsr.workflow.refresh import publish
from lsr.workflow.settle import settle
from lsr.workflow.society_pages import fetch_pages
from tests.conftest import Command
from tests.servers.frame import Answer
from tests.servers.pages import PAGES, PagesServer
from tests.test_page_fetch import AMENDED, CONTACT, ONE, PERMITTED, TWO, Waits

ABSTRACT = "Sentinelone of an abstract in a search reply"
FETCHED = "Sentineltwo of a page that was fetched"
IMPORTED = "Sentinelthree of a page that was saved"
QUOTED = "Sentinelfour quoted from a full text"
DRIFTED = "Sentinelfive of a page that was not understood"
SENTINELS = tuple(words.split()[0].encode() for words in (ABSTRACT, FETCHED, IMPORTED, QUOTED, DRIFTED))

COMMANDS = (
    "status", "status --json", "prisma", "prisma --json", "pool --json", "link", "link --json", "link --studies --json",
    "harvest --pages", "harvest --pages --json", "export metafor", "export stata", "verify",
)  # fmt: skip


def page(name: str, words: str, *swaps: tuple[str, str]) -> bytes:
    text = (PAGES / f"{name}.html").read_text("utf-8").replace("Made up", words).replace("made-up patients", words)
    for old, new in swaps:
        text = text.replace(old, new)
    assert words in text
    return text.encode()


@pytest.fixture
def told(demo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The played demonstration with a sentinel sentence in everything that must not leave it."""
    monkeypatch.setenv("LSR_CONTACT_EMAIL", CONTACT)
    defaults = LiveTransport.__init__.__defaults__
    assert defaults
    monkeypatch.setattr(LiveTransport.__init__, "__defaults__", (Waits().clock(), *defaults[1:]))
    drifted = page("drift-ash-silverchair-newer.abstract", DRIFTED)
    pages = [Answer(page("ash-silverchair", FETCHED), 200, "text/html"), Answer(drifted, 200, "text/html")]
    with PagesServer(script=[None, None, pages[0], None, pages[1]]) as server:
        path = demo_folder / "protocol.toml"
        text = path.read_text("utf-8")
        at = text.index('id = "ash"')
        tail = text[at:]
        start, end = tail.index("page_fetch"), tail.index("by_hand")
        tail = tail[:start] + PERMITTED + "\n" + tail[end:]
        tail = tail.replace('id = "ash"', f'id = "ash"\nbase_url = "{server.resolver}"', 1)
        path.write_text(text[:at] + tail + AMENDED, "utf-8")
        saved = tmp_path / "saved.html"
        saved.write_bytes(page("eha-wiley", IMPORTED))
        with open_review(demo_folder) as opened:
            found = [
                Record("pubmed", "900000001", title="With an abstract", abstract=ABSTRACT, pmid="900000001"),
                *(Record("crossref", doi, title=f"A trial {doi}", doi=doi) for doi in (ONE, TWO, "10.1002/hem3.00001")),
            ]
            stored = store_run(opened.review, RunNote("pubmed", "databases", "q", opened.review.clock(), None), found)
            settle(opened, stored.new)
            assert len(fetch_pages(opened).joined) == 1
            import_files(opened, [saved])
            query = """SELECT body FROM entry WHERE kind = 'datum' AND author = 'machine:previous'
                AND body ->> '$.outcome' = 'cr' AND body ->> '$.role' = 'primary' AND body ->> '$.events' > 1 LIMIT 1"""
            body = json.loads(opened.review.connection.execute(query).fetchone()[0])
            changed = {"events": body["events"] - 1, "quotation": QUOTED}
            with opened.review.transaction():
                opened.review.append("machine:previous", "datum", body | changed)
            publish(opened, [person.name for person in opened.spec.persons], "a version with sentinels in the review")
            write_site(opened)
    return demo_folder


def test_the_sentinels_are_in_the_review(told: Path) -> None:
    """Else the tests below would pass on nothing."""
    inside = b"".join(path.read_bytes() for path in told.glob("review.db*"))
    archived = b"".join(gzip.decompress(path.read_bytes()) for path in (told / "archive").glob("*.gz"))
    for sentinel in SENTINELS:
        assert sentinel in inside or sentinel in archived, sentinel


def test_no_page_holds_one(told: Path) -> None:
    files = [path for path in (told / "site").rglob("*") if path.is_file()]
    assert len(files) > 20
    for path in files:
        body = path.read_bytes()
        body = gzip.decompress(body) if path.suffix == ".gz" else body
        assert not [sentinel for sentinel in SENTINELS if sentinel in body], path


def test_no_export_and_no_report_of_a_command_holds_one(told: Path, lsr: Command) -> None:
    for command in COMMANDS:
        ran = lsr(*command.split(), "--review", told)
        assert ran.code == 0, (command, ran.err)
        assert not [sentinel for sentinel in SENTINELS if sentinel in (ran.out + ran.err).encode()], command
