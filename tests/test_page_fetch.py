"""Society pages: fetched only with permission, slowly, each once; joined as retrieval, which identifies nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from analysis.prisma import flow, imbalances, plain
from db import queries
from db.archive import Archive
from db.errors import InputError, ProtocolError, SourceError
from db.model import Record
from db.records import RunNote, from_json, store_run
from db.specs import SourceSpec
from db.verify import verify
from harvest import page_fetch
from harvest.live import Clock, Identity, LiveTransport
from harvest.page_fetch import LIMITS, Opened, open_pages
from lsr.protocol import parse_protocol
from lsr.workflow.bring import harvest
from lsr.workflow.files import import_files
from lsr.workflow.folder import Open, open_review
from lsr.workflow.settle import settle
from lsr.workflow.society_pages import fetch_pages, reread_pages
from lsr.workflow.sources import source_states
from lsr.workflow.wanted_pages import pages_to_open
from tests.conftest import Command
from tests.servers.faults import switch
from tests.servers.frame import Answer
from tests.servers.pages import PAGES, PagesServer, rules

ONE, TWO, DRIFTED = (f"10.1182/blood-2099-00000{n}" for n in (1, 2, 9))
CONTACT = "someone@example.org"
PERMITTED = (
    'page_fetch = "on"\npermission = { granted_by = "A. Person, ASH", date = "2099-01-02", scope = "CD7", '
    f'file_sha256 = "{"0" * 64}" }}'
)
AMENDED = (
    '\n[[amendment]]\ndate = "2099-01-03"\nwho = "demo-a"\nitem = "search.source.ash.page_fetch"\n'
    'reason = "permission"\nresults_known = false\n'
)


class Waits:
    """A clock on which nobody waits: what was slept is added up, and time goes on by it."""

    def __init__(self) -> None:
        self.time = 1_000.0

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def clock(self) -> Clock:
        return Clock(monotonic=lambda: self.time, sleep=self.sleep, wall=lambda: self.time)


def spec(server: PagesServer, society: str = "ash", *, on: bool = True) -> SourceSpec:
    return SourceSpec(society, "conference", "organisations", base_url=server.resolver, page_fetch=on)


def fetch(
    server: PagesServer, folder: Path, *dois: str, society: str = "ash", waits: Waits | None = None
) -> list[Opened]:
    identity = Identity("0.1", CONTACT)
    transport = LiveTransport(Archive(folder), identity, (waits or Waits()).clock(), LIMITS)
    return list(open_pages(spec(server, society), dois, transport, CONTACT))


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    init = LiveTransport.__init__
    defaults = init.__defaults__
    assert defaults
    monkeypatch.setattr(init, "__defaults__", (Waits().clock(), *defaults[1:]))


# One page, from a DOI ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("society", "doi"),
    [
        ("ash", ONE),
        ("ash", TWO),
        ("asco", "10.1200/jco.2099.41.16_suppl.e13545"),
        ("eha", "10.1097/01.hs9.0000000000.00000.01"),
        ("eha", "10.1002/hem3.00001"),
    ],
)
def test_a_doi_leads_to_its_record(tmp_path: Path, society: str, doi: str) -> None:
    with PagesServer() as server:
        (opened,) = fetch(server, tmp_path, doi, society=society)
    assert opened.record is not None, opened.trouble
    assert (opened.record.source, opened.record.doi, opened.trouble) == (society, doi, "")
    assert [asked.path for asked in server.asked][:2] == ["/robots.txt", f"/doi/{doi}"]
    agents = {asked.headers["User-Agent"] for asked in server.asked}
    assert len(agents) == 1
    assert CONTACT in agents.pop()


def test_robots_is_asked_once_and_pages_five_seconds_apart(tmp_path: Path) -> None:
    waits = Waits()
    with PagesServer(rules("User-agent: *\nDisallow: /search")) as server:
        began = waits.time
        opened = fetch(server, tmp_path, ONE, TWO, waits=waits)
    assert all(one.record for one in opened)
    assert [asked.path for asked in server.asked].count("/robots.txt") == 1
    assert len(server.asked) == 5
    assert waits.time - began >= 4 * page_fetch.SECONDS


def test_a_longer_crawl_delay_is_kept(tmp_path: Path) -> None:
    waits = Waits()
    with PagesServer(rules("User-agent: *\nCrawl-delay: 30")) as server:
        began = waits.time
        opened = fetch(server, tmp_path, ONE, TWO, waits=waits)
    assert all(one.record for one in opened)
    assert server.pages_asked == ["ash-silverchair", "ash-silverchair-newer"]
    assert waits.time - began >= 3 * 30


@pytest.mark.parametrize(
    "robots",
    [
        rules("User-agent: *\nDisallow: /page"),
        rules("User-agent: lsr\nDisallow: /"),
        rules("User-agent: *\nCrawl-delay: 86400"),
        Answer(b"", 500),
        Answer(b"", 403),
        Answer(drop=True),
        Answer(b"<html><title>Just a moment...</title></html>", 200, "text/html"),
        Answer(b"", 302, headers={"Location": "http://localhost:9/robots.txt"}),
    ],
    ids=["page", "by name", "a day", "500", "403", "unreachable", "challenge", "elsewhere"],
)
def test_robots_is_obeyed_and_unread_it_forbids(tmp_path: Path, robots: Answer) -> None:
    with PagesServer(robots) as server:
        (opened,) = fetch(server, tmp_path, ONE)
    assert opened.record is None
    assert "robots.txt" in opened.trouble
    assert server.pages_asked == []


@pytest.mark.parametrize("fault", ["challenge", "challenge_with_status_403", "unusual_traffic", "rate_limit"])
def test_a_block_ends_the_societys_pages(tmp_path: Path, fault: str) -> None:
    with PagesServer(switches=[switch(fault, on="/page/ash-silverchair", times=None)]) as server:
        first, second = fetch(server, tmp_path, ONE, TWO)
    assert first.record is second.record is None
    assert first.trouble
    assert second.trouble.startswith("not asked")
    assert server.pages_asked == ["ash-silverchair"]


@pytest.mark.parametrize(
    "fault",
    ["html_instead", "html_with_status_500", "reset", "closed_without_a_word", "cut_body", "cut_chunked", "cut_headers",
     "cut_unsized", "cut_gzip", "cut_gzip_unsized", "server_error", "empty"],
)  # fmt: skip
def test_a_fault_is_trouble_of_one_page_and_asked_once(tmp_path: Path, fault: str) -> None:
    with PagesServer(switches=[switch(fault, on="/page/ash-silverchair", times=None)]) as server:
        first, second = fetch(server, tmp_path, ONE, TWO)
    assert first.trouble
    assert first.record is None
    assert second.record is not None
    assert server.pages_asked == ["ash-silverchair", "ash-silverchair-newer"]


def test_a_page_without_end_is_cut_off(tmp_path: Path) -> None:
    huge = Answer(b"<html>" + b" " * (LIMITS.size + 1), 200, "text/html")
    with PagesServer(script=[None, None, huge]) as server:
        (opened,) = fetch(server, tmp_path, ONE)
    assert "more than" in opened.trouble


def test_a_redirect_leaves_the_societys_hosts_for_nobody(tmp_path: Path) -> None:
    with PagesServer() as other, PagesServer(elsewhere=other.url.replace("127.0.0.1", "localhost")) as server:
        (opened,) = fetch(server, tmp_path, ONE)
    assert "no host of this source" in opened.trouble
    assert other.asked == []


def test_another_abstracts_page_is_not_taken_for_it(tmp_path: Path) -> None:
    other = Answer((PAGES / "ash-silverchair-newer.html").read_bytes(), 200, "text/html")
    with PagesServer(script=[None, None, other]) as server:
        (opened,) = fetch(server, tmp_path, ONE)
    assert opened.record is None
    assert TWO in opened.trouble


@pytest.mark.parametrize(("on", "contact"), [(False, CONTACT), (True, "")])
def test_without_permission_or_contact_nothing_is_asked(tmp_path: Path, on: bool, contact: str) -> None:
    with PagesServer() as server:
        transport = LiveTransport(Archive(tmp_path), Identity("0.1"))
        with pytest.raises(InputError):
            next(open_pages(spec(server, on=on), [ONE], transport, contact))
    assert server.asked == []


# In a review ------------------------------------------------------------------------------------------------------


def works(*dois: str, **fields: str) -> list[Record]:
    return [Record("crossref", doi, title=fields.get("title", f"A trial {doi}"), year=2099, doi=doi) for doi in dois]


def find(opened: Open, *dois: str, **fields: str) -> None:
    """As a search of Crossref finds them: titles alone."""
    stored = store_run(
        opened.review, RunNote("crossref", "databases", "q", opened.review.clock(), None), works(*dois, **fields)
    )
    settle(opened, stored.new)


@pytest.fixture
def permitted(review_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Open, PagesServer]]:
    monkeypatch.setenv("LSR_CONTACT_EMAIL", CONTACT)
    switches = [switch("challenge", on="nothing")]
    with PagesServer(switches=switches) as server:
        path = review_folder / "protocol.toml"
        text = path.read_text("utf-8")
        at = text.index('id = "ash"')
        head, tail = text[:at], text[at:]
        tail = tail.replace('id = "ash"', f'id = "ash"\nbase_url = "{server.resolver}"', 1)
        start, end = tail.index("page_fetch"), tail.index("by_hand")
        path.write_text(head + tail[:start] + PERMITTED + "\n" + tail[end:] + AMENDED, "utf-8")
        with open_review(review_folder) as opened:
            yield opened, server


def counts(opened: Open) -> object:
    found = flow(opened.review.connection)
    assert imbalances(found) == []
    return plain(found)


def test_a_fetched_page_identifies_nothing_and_completes_its_report(permitted: tuple[Open, PagesServer]) -> None:
    opened, _ = permitted
    find(opened, ONE)
    before = counts(opened)
    fetched = fetch_pages(opened)
    assert (fetched.asked, fetched.joined, fetched.trouble) == (1, (f"crossref:{ONE}",), ())
    assert counts(opened) == before
    report = queries.record_of(opened.review.connection, f"crossref:{ONE}")
    assert (report.source, report.title) == ("crossref", f"A trial {ONE}")  # the kept record comes first
    assert "made-up patients" in report.abstract
    assert "NCT04984356" in report.registry_ids
    query = "SELECT trial FROM v_trial WHERE report = ? AND study IS NULL"
    linked = opened.review.connection.execute(query, (f"crossref:{ONE}",)).fetchall()
    assert ("NCT04984356",) in linked
    query = "SELECT record, report, evidence FROM v_assign WHERE record LIKE 'ash:%'"
    (assigned,) = opened.review.connection.execute(query).fetchall()
    assert assigned == (f"ash:{ONE}", f"crossref:{ONE}", f"the page opened for DOI {ONE}")
    assert verify(opened.review) == []
    assert pages_to_open(opened) == []


def test_a_page_is_asked_once_and_again_only_if_the_record_changed(permitted: tuple[Open, PagesServer]) -> None:
    opened, server = permitted
    find(opened, ONE, TWO)
    fetch_pages(opened)
    entries = opened.review.connection.execute("SELECT count(*) FROM entry").fetchone()
    asked = len(server.asked)
    assert fetch_pages(opened).asked == 0
    assert len(server.asked) == asked
    assert opened.review.connection.execute("SELECT count(*) FROM entry").fetchone() == entries
    assert sorted(server.pages_asked) == ["ash-silverchair", "ash-silverchair-newer"]


def test_a_drifted_page_is_told_and_not_asked_again(permitted: tuple[Open, PagesServer]) -> None:
    opened, server = permitted
    find(opened, DRIFTED)
    ((doi, why),) = fetch_pages(opened).trouble
    assert doi == DRIFTED
    assert "title" in why
    assert "ash/silverchair" in why
    again = fetch_pages(opened)
    assert again.asked == 0
    assert again.trouble
    assert server.pages_asked == ["drift-ash-silverchair.title"]
    (listed,) = pages_to_open(opened)
    assert (listed.doi, listed.url) == (DRIFTED, f"https://doi.org/{DRIFTED}")
    assert "title" in listed.trouble
    changed = Record("crossref", DRIFTED, title="A corrected title", year=2099, doi=DRIFTED)
    store_run(opened.review, RunNote("crossref", "databases", "q", opened.review.clock(), None), [changed])
    assert fetch_pages(opened).asked == 1


def test_a_blocked_page_is_listed(permitted: tuple[Open, PagesServer]) -> None:
    opened, server = permitted
    server.switches.insert(0, switch("challenge", on="/page/ash-silverchair", times=None))
    find(opened, ONE, TWO)
    assert len(fetch_pages(opened).trouble) == 2
    listed = {one.doi: one.trouble for one in pages_to_open(opened)}
    assert "blocked" in listed[ONE]
    assert listed[TWO].startswith("not asked")
    assert server.pages_asked == ["ash-silverchair"]


def test_excluded_reports_and_articles_want_no_page(permitted: tuple[Open, PagesServer]) -> None:
    opened, _ = permitted
    find(opened, ONE, "10.1182/blood.2099000001", "10.1200/jco.99.00389")
    with opened.review.transaction():
        for who in ("demo-a", "demo-b"):
            body = {"report": f"crossref:{ONE}", "stage": "title-abstract", "round": "", "verdict": "exclude",
                    "reason": None, "note": ""}  # fmt: skip
            opened.review.append(who, "vote", body)
    assert pages_to_open(opened) == []


def test_what_came_before_an_interruption_is_kept(
    permitted: tuple[Open, PagesServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, server = permitted
    find(opened, ONE, TWO)

    def interrupted(*given: object) -> Iterator[Opened]:
        yield next(open_pages(*given))  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("lsr.workflow.society_pages.open_pages", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fetch_pages(opened)
    assert fetch_pages(opened).asked == 1
    assert server.pages_asked == ["ash-silverchair", "ash-silverchair-newer"]
    assert pages_to_open(opened) == []


def test_a_replay_reads_the_archive_to_the_same_bytes(
    permitted: tuple[Open, PagesServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, server = permitted
    find(opened, ONE, DRIFTED)
    fetch_pages(opened)
    asked = len(server.asked)
    rows = "SELECT (SELECT count(*) FROM entry), (SELECT group_concat(sha256) FROM found)"
    before = opened.review.connection.execute(rows).fetchone()
    assert [doi for doi, _ in reread_pages(opened).trouble] == [DRIFTED]
    assert opened.review.connection.execute(rows).fetchone() == before
    newer = Record("ash", DRIFTED, title="Now understood", doi=DRIFTED, extra={"page_layout": "ash/silverchair"})
    same = page_fetch.read_page
    monkeypatch.setattr(
        "lsr.workflow.society_pages.read_page", lambda doi, body: newer if doi == DRIFTED else same(doi, body)
    )
    assert reread_pages(opened).joined == (f"crossref:{DRIFTED}",)
    assert len(server.asked) == asked


def test_opening_pages_is_no_search(permitted: tuple[Open, PagesServer]) -> None:
    opened, _ = permitted
    find(opened, ONE)
    fetch_pages(opened)
    assert next(state for state in source_states(opened) if state.source == "ash").last == "never"
    assert "GET" not in str(queries.archived_replies(opened.review.connection))


def test_no_contact_is_refused_and_said(permitted: tuple[Open, PagesServer], monkeypatch: pytest.MonkeyPatch) -> None:
    opened, server = permitted
    monkeypatch.delenv("LSR_CONTACT_EMAIL")
    find(opened, ONE)
    assert "LSR_CONTACT_EMAIL" in fetch_pages(opened).refused[0]
    assert server.asked == []


# A page that a person saved ----------------------------------------------------------------------------------------


def test_an_imported_page_of_a_known_doi_is_retrieval(opened: Open) -> None:
    find(opened, ONE)
    before = counts(opened)
    import_files(opened, [PAGES / "ash-silverchair.html"])
    assert counts(opened) == before
    assert "made-up patients" in queries.record_of(opened.review.connection, f"crossref:{ONE}").abstract
    run = list(queries.runs(opened.review.connection))[-1]
    assert (run.source, run.arm) == ("ash", "retrieval")
    import_files(opened, [PAGES / "ash-silverchair.html"])  # the same page again
    assert counts(opened) == before
    assert verify(opened.review) == []


def test_an_imported_page_of_an_unknown_doi_was_found_at_the_society(opened: Open) -> None:
    import_files(opened, [PAGES / "ash-silverchair.html"])
    found = flow(opened.review.connection)
    assert found.arms["other"].identified == 1
    assert found.arms["other"].sources == {"ash": 1}
    find(opened, ONE)  # a search meets it later: a duplicate of each other, as between any two sources
    assert counts(opened)["arms"]["other"]["identified"] == 1  # type: ignore[index]


def test_a_shared_registry_number_and_title_are_not_enough(opened: Open) -> None:
    find(opened, "10.1182/blood-2099-777777", title="A made-up trial of donor CAR T cells")
    import_files(opened, [PAGES / "ash-silverchair.html"])
    assert list(queries.runs(opened.review.connection))[-1].arm == "organisations"


def test_what_was_retrieved_and_then_searched_is_identified(opened: Open) -> None:
    """The society's own search finds the abstract after its page was opened, with the very same content."""
    find(opened, ONE)
    import_files(opened, [PAGES / "ash-silverchair.html"])
    report = queries.ids_of(opened.review.connection, f"crossref:{ONE}")
    page = next(record for record in report if record.startswith("ash:"))
    body = opened.review.connection.execute("SELECT body FROM v_content WHERE record = ?", (page,)).fetchone()[0]
    note = RunNote("ash", "organisations", "q", opened.review.clock(), None)
    assert store_run(opened.review, note, [from_json(body)]).new == (page,)
    found = flow(opened.review.connection)
    assert (found.arms["other"].identified, found.arms["other"].duplicates) == (1, 1)


# The protocol and the command line ----------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["granted_by", "date", "scope", "file_sha256"])
def test_page_fetch_wants_the_whole_permission(review_folder: Path, missing: str) -> None:
    text = (review_folder / "protocol.toml").read_text("utf-8")
    at = text.index('id = "ash"')
    head, tail = text[:at], text[at:]
    start, end = tail.index("page_fetch"), tail.index("by_hand")
    full = head + tail[:start] + PERMITTED + "\n" + tail[end:]
    assert parse_protocol(full).sources
    emptied = re.sub(rf'(permission = {{.*?){missing} = "[^"]+"', rf'\1{missing} = ""', full, count=1)
    line = emptied[: emptied.index('page_fetch = "on"')].count("\n") + 1
    with pytest.raises(ProtocolError, match=rf"page_fetch \(line {line}\).*permission\.{missing}"):
        parse_protocol(emptied)


def test_a_fresh_review_asks_no_publisher(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole harvest, with DOIs of all three societies wanted: nothing but the search sources is asked."""
    monkeypatch.setenv("LSR_CONTACT_EMAIL", CONTACT)
    find(opened, ONE, "10.1200/jco.2099.41.16_suppl.e13545", "10.1002/hem3.00001")
    hosts: set[str] = set()

    def refuse(self: LiveTransport, request: object, stop: object) -> object:
        hosts.add(request.host)  # type: ignore[attr-defined]
        raise SourceError("no network in this test")

    monkeypatch.setattr(LiveTransport, "_reply", refuse)
    harvest(opened)
    assert fetch_pages(opened).asked == 0
    assert hosts
    assert hosts <= {"eutils.ncbi.nlm.nih.gov", "api.crossref.org", "www.ebi.ac.uk", "clinicaltrials.gov"}
    assert len(pages_to_open(opened)) == 3


def test_status_counts_and_harvest_lists_the_pages_to_open(review_folder: Path, lsr: Command) -> None:
    with open_review(review_folder) as opened:
        find(opened, ONE)
    said = lsr("status", "--review", review_folder)
    assert "1 meeting abstracts whose page a person should open (lsr harvest --pages)" in said.out
    (listed,) = json.loads(lsr("harvest", "--pages", "--json", "--review", review_folder).out)
    assert (listed["url"], listed["lacks"]) == (f"https://doi.org/{ONE}", ["abstract", "registry id"])
    assert f"https://doi.org/{ONE}" in lsr("harvest", "--pages", "--review", review_folder).out
    assert lsr("import", PAGES / "ash-silverchair.html", "--review", review_folder).code == 0
    assert json.loads(lsr("harvest", "--pages", "--json", "--review", review_folder).out) == []
