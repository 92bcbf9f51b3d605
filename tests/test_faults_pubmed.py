"""The bad inputs that concern PubMed, a test each, by their number: recovered, or loud with nothing lost.

Not here: 24 to 27 are other sources', 33 to 41 and 46 are the records' own shapes (test_pubmed_xml.py).
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from db.archive import Archive
from db.errors import SourceError
from db.specs import SourceSpec
from harvest import pubmed
from harvest.live import Clock, Identity, Limits, LiveTransport
from harvest.source import Harvest
from tests.servers.eutils import EutilsServer, article_set
from tests.servers.frame import Answer
from tests.test_pubmed import articles, ignore, replayed

KEY = "s3cret-0123456789"
QUERY = "an[tiab] AND example[tiab]"
WHOLE = tuple(str(number) for number in range(1, 251))  # 250 records: two pages


class Time:
    """A clock on which sleeping takes no time, yet time passes."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def clock(self) -> Clock:
        return Clock(
            monotonic=lambda: sum(self.slept),
            sleep=self.slept.append,
            now=lambda: datetime(2026, 11, 22, 16, tzinfo=UTC),
        )


Run = Callable[..., Harvest]


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def live(tmp_path: Path, time: Time) -> Iterator[LiveTransport]:
    identity = Identity("0.1", "team@example.org", api_keys={"pubmed": KEY})
    limits = Limits(tries=3, size=1 << 20)
    transport = LiveTransport(Archive(tmp_path / "archive"), identity, time.clock(), limits)
    yield transport
    transport.close()


@pytest.fixture
def archive(tmp_path: Path) -> Callable[[], bytes]:
    """All that is archived, in one."""
    return lambda: b"".join(gzip.decompress(path.read_bytes()) for path in sorted(tmp_path.glob("archive/*.gz")))


def server(fault: str = "", on: str = "", times: int | None = 1, records: int = 250) -> EutilsServer:
    return EutilsServer(articles(records), fault=fault, on=on, times=times)


def spec(one: EutilsServer) -> SourceSpec:
    return SourceSpec("pubmed", "database", "databases", query=QUERY, base_url=one.url)


def recovered(one: EutilsServer, live: LiveTransport) -> Harvest:
    """The harvest, which must be the undisturbed one; the fault must have come."""
    with one:
        found = pubmed.search(spec(one), live, ignore)
    assert all(switch.times == 0 for switch in one.switches), "the fault never came"
    assert found.native_ids == tuple(record.native_id for record in found.records) == WHOLE
    assert [record.title for record in found.records] == [f"Article {number}" for number in WHOLE]
    assert "unicorn" not in str(found.log)
    return found


def loud(one: EutilsServer, live: LiveTransport, words: str) -> str:
    """The one line of the error."""
    with one, pytest.raises(SourceError, match=words) as failure:
        pubmed.search(spec(one), live, ignore)
    line = str(failure.value)
    assert "\n" not in line
    assert KEY not in line
    assert "nothing was changed" in line or "mend the query" in line
    return line


def requests(one: EutilsServer, more: int = 0) -> None:
    """An undisturbed harvest takes one search and two pages."""
    assert len(one.asked) == 3 + more


# Protocol and transport


def test_01_rate_limit_is_waited_out(live: LiveTransport, time: Time, archive: Callable[[], bytes]) -> None:
    one = server("rate_limit", "efetch")
    recovered(one, live)
    requests(one, 1)
    assert 1.0 in time.slept
    assert b"rate limit" not in archive()


def test_02_rate_limit_without_retry_after_slows_all_callers(live: LiveTransport, time: Time) -> None:
    one = server("rate_limit_without_retry_after", "efetch", times=2)
    recovered(one, live)
    requests(one, 2)
    assert max(time.slept) >= 0.5


def test_03_rate_limit_with_status_200(live: LiveTransport) -> None:
    one = server("rate_limit_with_status_200", "esearch")
    recovered(one, live)
    requests(one, 1)


def test_04_rate_limit_though_the_pace_is_kept(live: LiveTransport) -> None:
    one = server("rate_limit_without_retry_after", times=None)
    loud(one, live, r"refused for now, too many requests \(3 tries\)")
    assert len(one.asked) == 3


@pytest.mark.parametrize("fault", ["refusal_with_status_400", "refusal_with_status_200"])
def test_05_retstart_beyond_9998_is_never_asked_and_its_refusal_is_loud(live: LiveTransport, fault: str) -> None:
    loud(server(fault, "esearch"), live, "'retstart' cannot be larger than 9998")
    with server() as one:
        pubmed.search(spec(one), live, ignore)
    assert not any("retstart" in asked.params for asked in one.asked)


def test_06_an_error_that_is_broken_json(live: LiveTransport) -> None:
    recovered(server("invalid_json_error", "esearch"), live)
    loud(server("invalid_json_error", "esearch", None), live, "something else in place of XML")


def test_07_retmax_clamped_to_9999(live: LiveTransport) -> None:
    """At most 9,999 are asked for, so nothing is clamped; a list one short is asked for again, and then loud."""
    one = server("pmid_not_named", "esearch")
    recovered(one, live)
    requests(one, 1)
    assert {asked.params["retmax"] for asked in one.asked if "retmax" in asked.params} == {"9999"}
    loud(server("pmid_not_named", "esearch", None), live, "250 hits, but 249 PMIDs named")


def test_08_external_viewer_error(live: LiveTransport) -> None:
    recovered(server("external_viewer_error", "efetch"), live)
    loud(server("external_viewer_error", "efetch", None), live, "unwell")


def test_09_error_with_status_200(live: LiveTransport) -> None:
    loud(server("search_error", "esearch"), live, "Invalid db name specified")
    recovered(server("fetch_error", "efetch"), live)
    loud(server("fetch_error", "efetch", None), live, "cannot get data")


def test_10_html_in_place_of_xml(live: LiveTransport, archive: Callable[[], bytes]) -> None:
    for utility in ("esearch", "efetch"):
        recovered(server("html_instead", utility), live)
        loud(server("html_instead", utility, None), live, "a page of HTML in place of XML")
    recovered(server("html_with_status_500", "efetch"), live)
    assert b"<html" not in archive()


@pytest.mark.parametrize(
    ("fault", "words"), [("challenge", "a page of HTML"), ("challenge_with_status_403", "answered 403: Just a moment")]
)
def test_11_a_challenge_is_no_content(live: LiveTransport, fault: str, words: str) -> None:
    loud(server(fault, "efetch", None), live, words)


@pytest.mark.parametrize("fault", ["reset", "closed_without_a_word"])
def test_12_connection_reset_at_the_first_request(live: LiveTransport, fault: str) -> None:
    recovered(server(fault, "esearch"), live)
    loud(server(fault, times=None), live, "could not be reached or broke off")


@pytest.mark.parametrize("fault", ["cut_body", "cut_chunked", "cut_headers"])
def test_13_connection_dropped_in_mid_body(live: LiveTransport, fault: str, archive: Callable[[], bytes]) -> None:
    recovered(server(fault, "efetch"), live)
    recovered(server(fault, "esearch"), live)
    assert archive().count(b"<PubmedArticle>") == 250
    loud(server(fault, "efetch", None), live, "broke off|bytes|nothing")


def test_14_a_hang_without_a_byte(tmp_path: Path, time: Time) -> None:
    live = LiveTransport(Archive(tmp_path / "archive"), Identity("0.1"), time.clock(), Limits(read=0.5, tries=2))
    recovered(server("hang", "efetch"), live)
    loud(server("hang", "esearch", None), live, "did not answer in time")
    live.close()


@pytest.mark.parametrize(
    ("fault", "words"), [("drip", "did not finish its reply"), ("drip_headers", "in time|broke off")]
)
def test_15_a_drip_feed_meets_the_deadline(tmp_path: Path, fault: str, words: str) -> None:
    """On the real clock: a byte every 20 ms never meets the read timeout of 5 s, but the deadline of 0.2 s."""
    limits = Limits(read=5.0, whole=0.2, tries=2)
    live = LiveTransport(Archive(tmp_path / "archive"), Identity("0.1"), Clock(sleep=lambda seconds: None), limits)
    recovered(server(fault, "esearch"), live)
    loud(server(fault, "esearch", None), live, words)
    live.close()


def test_16_a_body_cut_where_no_length_was_stated(live: LiveTransport, tmp_path: Path) -> None:
    """Nothing on the wire tells it from a whole one; the XML does. The page is asked for again, in a replay too."""
    found = recovered(server("cut_unsized", "efetch"), live)
    again = pubmed.search(SourceSpec("pubmed", "database", "databases", query=QUERY), replayed(live, tmp_path), ignore)
    assert again == found
    loud(server("cut_unsized", "efetch", None), live, "not whole, well-formed XML")
    loud(server("cut_unsized", "esearch", None), live, "not an E-utilities reply")


@pytest.mark.parametrize("fault", ["cut_gzip", "cut_gzip_unsized"])
def test_17_a_gzip_body_cut(live: LiveTransport, fault: str) -> None:
    recovered(server(fault, "efetch"), live)
    loud(server(fault, "efetch", None), live, "cut or oversized gzip")


def test_18_retry_after_as_a_date_as_junk_and_as_a_day(live: LiveTransport, time: Time) -> None:
    recovered(server("retry_after_date", "esearch"), live)
    assert 9.0 in time.slept
    recovered(server("retry_after_junk", "efetch"), live)
    one = server("retry_after_a_day", "esearch")
    loud(one, live, "asks to wait 86400 s")
    assert len(one.asked) == 1
    assert max(time.slept) < 10


def test_19_nothing_depends_on_a_history_that_expires(live: LiveTransport) -> None:
    one = server()
    recovered(one, live)
    assert not any({"WebEnv", "query_key", "usehistory"} & set(asked.params) for asked in one.asked)
    loud(server("history_expired", "efetch", None), live, "Unable to obtain query #1")


def test_20_no_list_of_ids_is_too_long_for_a_url(live: LiveTransport) -> None:
    numbers = [f"{10**7 + n}" for n in range(1_000)]
    with EutilsServer(articles(1)) as one:
        for number in numbers:
            one.put(articles(1)[0].replace(b'"1">1<', f'"1">{number}<'.encode()))
        assert pubmed.refresh(spec(one), numbers, live, ignore).native_ids == tuple(numbers)
        pubmed.search(SourceSpec("pubmed", "d", "d", query="word OR " * 2_000 + "word", base_url=one.url), live, ignore)
    assert all(asked.method == "POST" and asked.target == asked.path for asked in one.asked)


def test_21_fewer_records_than_asked_for(live: LiveTransport) -> None:
    one = server("record_lost", "efetch")
    recovered(one, live)
    requests(one, 1)
    line = loud(server("record_lost", "efetch", None), live, "found 250 records but sent 24")
    assert "missing" in line


def test_22_a_new_dtd_is_not_fetched(live: LiveTransport) -> None:
    recovered(server("unknown_dtd", "efetch"), live)


HOMELESS = """
import sys
from pathlib import Path
from db.archive import Archive
from db.specs import SourceSpec
from harvest import pubmed
from harvest.live import Identity, LiveTransport
folder = Path(sys.argv[1])
live = LiveTransport(Archive(folder / "archive"), Identity("0.1"), pace_folder=Path("/proc/none/pace"))
spec = SourceSpec("pubmed", "database", "databases", query="q", base_url=sys.argv[2])
print(len(pubmed.search(spec, live, lambda done, total: None).records))
"""


@pytest.mark.parametrize("home", [None, "/proc/none"])
def test_23_a_home_that_is_missing_or_cannot_be_written(tmp_path: Path, home: str | None) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("HOME", "XDG_CACHE_HOME")}
    environment |= {"HOME": home} if home else {}
    with server(records=3) as one:
        command = [sys.executable, "-c", HOMELESS, str(tmp_path), one.url]
        ran = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert (ran.returncode, ran.stdout) == (0, "3\n"), ran.stderr


# The query


def test_28_a_phrase_that_was_dropped_is_told(live: LiveTransport) -> None:
    with server("phrase_not_found", "esearch") as one:
        log = pubmed.search(spec(one), live, ignore).log
    assert [line for line in log if line[0].startswith("warning: ")] == [
        ("warning: PhraseNotFound", "unicornwombatxyz"), ("warning: QuotedPhraseNotFound", '"unicorn wombat"[tiab]')
    ]  # fmt: skip


def test_29_an_author_that_became_an_initial_is_told(live: LiveTransport) -> None:
    with server("author_became_initial", "esearch") as one:
        log = dict(pubmed.search(spec(one), live, ignore).log)
    assert log["query translation"] == "J[Author]"
    assert log["warning: PhraseNotFound"] == "Nemoxyz"


def test_30_no_hits_is_an_answer(live: LiveTransport) -> None:
    with server(records=0) as one:
        found = pubmed.search(spec(one), live, ignore)
    assert (found.hits, found.records) == (0, ())
    assert ("warning: OutputMessage", "No items found.") in found.log


def test_31_a_failure_is_not_no_news(live: LiveTransport) -> None:
    recovered(server("nothing_found_by_failure", "esearch"), live)
    loud(server("nothing_found_by_failure", "esearch", None), live, "unwell")
    loud(server("search_error", "esearch", None), live, "refused")


def test_32_a_record_that_becomes_visible_late_is_found(live: LiveTransport) -> None:
    """No window of dates: what was entered years before the last search and indexed after it is in the next one."""
    with server(records=2) as one:
        before = pubmed.search(spec(one), live, ignore)
        late = articles(3)[2].replace(
            b"</MedlineCitation>",
            b'</MedlineCitation><PubmedData><History><PubMedPubDate PubStatus="entrez"><Year>1998</Year>'
            b"<Month>1</Month><Day>1</Day></PubMedPubDate></History></PubmedData>",
        )
        one.put(late)
        after = pubmed.search(spec(one), live, ignore)
    assert set(after.native_ids) - set(before.native_ids) == {"3"}
    assert not any({"mindate", "reldate"} & set(asked.params) for asked in one.asked)


# Records


def test_42_withdrawn_records_and_versions_of_one(live: LiveTransport) -> None:
    with server("delete_citation", "efetch", records=3) as one:
        found = pubmed.refresh(spec(one), ["1", "2", "3"], live, ignore)
    assert (found.native_ids, found.deleted) == (("2", "3"), ("1",))
    loud(server("delete_citation", "efetch", records=3), live, "PMID 1 is missing")
    with server("version_repeated", "efetch", records=3) as one:
        first, *_ = pubmed.search(spec(one), live, ignore).records
    assert (first.native_id, first.extra["version"]) == ("1", "2")


def test_43_a_retraction_of_a_known_record_is_seen(live: LiveTransport) -> None:
    with server(records=2) as one:
        (before,) = pubmed.refresh(spec(one), ["2"], live, ignore).records
        notice = (
            b'<CommentsCorrectionsList><CommentsCorrections RefType="RetractionIn"><RefSource>Blood. 2026</RefSource>'
            b'<PMID Version="1">77</PMID></CommentsCorrections></CommentsCorrectionsList></MedlineCitation>'
        )
        one.put(articles(2)[1].replace(b"</MedlineCitation>", notice))
        (after,) = pubmed.refresh(spec(one), ["2"], live, ignore).records
    assert before != after
    assert "77" in str(after)


def test_44_a_control_character(live: LiveTransport) -> None:
    """Neither the page nor the record is lost, nothing is asked again, and the run says whose text it stood in."""
    for times in (1, None):
        one = server("control_character", "efetch", times)
        with one:
            found = pubmed.search(spec(one), live, ignore)
        assert found.native_ids == tuple(record.native_id for record in found.records) == WHOLE
        assert [asked.path.rsplit("/", 1)[1] for asked in one.asked] == ["esearch.fcgi", "efetch.fcgi", "efetch.fcgi"]
        titles = {record.native_id: record.title for record in found.records}
        spoilt = [pmid for pmid, title in titles.items() if "\ufffd" in title]
        assert spoilt[0] == "1"
        words = dict(found.log)["illegal characters replaced"]
        assert sorted(words.split(", ")) == sorted(f"1 in PMID {pmid}" for pmid in spoilt)
        assert not any("\x02" in title for title in titles.values())


@pytest.mark.parametrize(
    ("spoilt", "count"),
    [(b"\x00", 1), (b"a\x0b\x1fb", 2), (b"&#2;", 1), (b"&#x1F;&#xfffe;", 2), (b"\xef\xbf\xbe", 1), (b"\xe9", 1)],
)
def test_44_whatever_xml_forbids_is_replaced_and_counted(live: LiveTransport, spoilt: bytes, count: int) -> None:
    first, second, third = articles(3)
    page = Answer(article_set([first, titled(second, spoilt), third]))
    with EutilsServer(articles(3), script=[None, page]) as one:
        found = pubmed.search(spec(one), live, ignore)
    assert len(found.records) == 3
    assert found.log[-1] == ("illegal characters replaced", f"{count} in PMID 2")
    assert [record.title.count("\ufffd") for record in found.records] == [0, count, 0]
    with EutilsServer([second], script=[Answer(article_set([titled(second, spoilt)]))]) as one:
        assert pubmed.refresh(spec(one), ["2"], live, ignore).log[-1] == found.log[-1]


def titled(article: bytes, title: bytes) -> bytes:
    return article.replace(b"<ArticleTitle>", b"<ArticleTitle>" + title)


def test_44_what_is_legal_stays_and_a_broken_page_stays_broken(live: LiveTransport) -> None:
    page = Answer(article_set([titled(articles(1)[0], "&#x9;&#10;x&#31234;\U00010000é".encode())]))
    with EutilsServer(articles(1), script=[None, page]) as one:
        found = pubmed.search(spec(one), live, ignore)
    assert "illegal characters replaced" not in dict(found.log)
    assert found.records[0].title.startswith("x\u7a02\U00010000é")
    broken = Answer(article_set([titled(articles(1)[0], b"\x02</ArticleTitle><Unended>")]))
    one = EutilsServer(articles(1), script=[None, broken, broken])
    loud(one, live, "well-formed")


@pytest.mark.parametrize("fault", ["well_formed_html", "fetch_error", "external_viewer_error"])
def test_45_an_error_page_is_not_no_records(live: LiveTransport, fault: str) -> None:
    recovered(server(fault, "efetch"), live)
    loud(server(fault, "efetch", None), live, "HTML|cannot get data|unwell")


def test_47_neither_errors_nor_keys_are_kept(live: LiveTransport, archive: Callable[[], bytes], tmp_path: Path) -> None:
    one = server("rate_limit_with_status_200")
    one.switches[0].fault = Answer(b'{"error":"API rate limit exceeded","api-key":"' + KEY.encode() + b'"}', 200)
    recovered(one, live)
    assert any(asked.params.get("api_key") == KEY for asked in one.asked)
    assert KEY.encode() not in archive()
    assert b"rate limit" not in archive()
    assert KEY not in str(live.replies)
    assert not any(KEY in path.name for path in tmp_path.rglob("*"))


def test_another_record_than_asked_for_is_not_taken(live: LiveTransport) -> None:
    recovered(server("other_record", "efetch"), live)
    loud(server("other_record", "efetch", None), live, "PMID 159508, not asked for")


def test_a_body_beyond_the_size_limit(live: LiveTransport) -> None:
    for fault in ("oversized", "oversized_gzip"):
        recovered(server(fault, "efetch"), live)
        loud(server(fault, "efetch", None), live, "more than|oversized")
