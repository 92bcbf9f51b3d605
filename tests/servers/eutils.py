"""NCBI E-utilities over a corpus of PubMed XML: ESearch, EFetch, ESummary 2.0 and EInfo, with PubMed's own faults.

The replies have the shape of the real ones in biopython's Tests/Entrez (esearch1.xml, esearch8.xml, pubmed1.xml).
Which faults are PubMed's, and where each was reported, stands beside its name in FAULTS.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from xml.sax.saxutils import escape

from lxml import etree

from tests.servers.faults import HTML, switch
from tests.servers.frame import Answer, Asked, Fault, LoopbackServer, Switch

_ESEARCH = (
    '<?xml version="1.0" encoding="UTF-8" ?>\n'
    '<!DOCTYPE eSearchResult PUBLIC "-//NLM//DTD esearch 20060628//EN" '
    '"https://eutils.ncbi.nlm.nih.gov/eutils/dtd/20060628/esearch.dtd">\n'
)
_EFETCH = (
    b'<?xml version="1.0" ?>\n<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle, 1st January 2025//EN" '
    b'"https://dtd.nlm.nih.gov/ncbi/pubmed/out/pubmed_250101.dtd">\n<PubmedArticleSet>\n'
)
_EINFO = (
    b'<?xml version="1.0" encoding="UTF-8" ?>\n<eInfoResult>\n\t<DbInfo>\n\t<DbName>pubmed</DbName>\n'
    b"\t<DbBuild>Build261122-0805.1</DbBuild>\n\t<Count>39000000</Count>\n"
    b"\t<LastUpdate>2026/11/22 08:05</LastUpdate>\n\t</DbInfo>\n</eInfoResult>\n"
)
_MOST = 9_999  # of a search, named or fetched, whatever retmax asks for
_LONGEST_URL = 4_096  # bytes; beyond it a GET gets 414
_UID_RANGE = re.compile(r"^\((?P<term>.*)\) AND (?P<low>\d+):(?P<high>\d+)\[uid\]$", re.S)

Matches = Callable[[str, bytes], bool]


def _error(root: str, words: str, status: int = 200) -> Answer:
    return Answer(f"<{root}>\n\t<ERROR>{words}</ERROR>\n</{root}>\n".encode(), status)


def _edit(pattern: bytes, by: bytes, count: int = 1) -> Callable[[Answer], Answer]:
    """A change to the right reply's body; an error if it does not change it, so that no fault is void."""

    def change(right: Answer) -> Answer:
        body, changed = re.subn(pattern, by, right.body, count=count, flags=re.S)
        assert changed, pattern
        return replace(right, body=body)

    return change


_TOO_FAR: Final = "Exception:\n'retstart' cannot be larger than 9998."
FAULTS: Final[Mapping[str, Fault]] = {
    "refusal_with_status_400": _error("eFetchResult", _TOO_FAR, 400),  # 5, biopython#4193
    "refusal_with_status_200": _error("eSearchResult", _TOO_FAR),  # 5, paperscraper#40
    "invalid_json_error": Answer(  # 6, paperscraper#40: the line break within the text makes it no JSON
        b'{"header":{"type":"esearch"},"esearchresult":{"ERROR":"' + _TOO_FAR.encode() + b'"}}',
        content_type="application/json; charset=UTF-8",
    ),
    "pmid_not_named": _edit(rb"<Id>\d+</Id>\n</IdList>", b"</IdList>"),  # 7: a list silently one short
    "external_viewer_error": Answer(  # 8, manubot#374
        b"<eFetchResult>\n<ERROR>Error: External viewer error: Empty Response</ERROR>"
        b"<ERROR>Timeout</ERROR></eFetchResult>"
    ),
    "search_backend_failed": _error("eSearchResult", "Search Backend failed: Database is not supported: pubmed"),
    "search_error": _error("eSearchResult", "Invalid db name specified: pubmed"),  # 9, biopython epost3.xml
    "fetch_error": _error("eFetchResult", "UID=x: cannot get data"),  # 9, 45
    "history_expired": _error("eFetchResult", "Unable to obtain query #1", 400),  # 19, rentrez#110
    "record_lost": _edit(rb"<Pubmed(Book)?Article>.*?</Pubmed(Book)?Article>", b""),  # 21, RISmed#12, pubmedR#9
    "all_records_lost": _edit(rb"<Pubmed(Book)?Article>.*</Pubmed(Book)?Article>", b""),  # 21
    "unknown_dtd": _edit(  # 22, biopython#4268
        rb"<!DOCTYPE[^>]*>", b'<!DOCTYPE PubmedArticleSet SYSTEM "https://127.0.0.1:9/pubmed_290101.dtd">'
    ),
    "phrase_not_found": _edit(  # 28, mims-harvard/ToolUniverse#502
        rb"</QueryTranslation>.*</eSearchResult>",
        b"</QueryTranslation><ErrorList><PhraseNotFound>unicornwombatxyz</PhraseNotFound></ErrorList><WarningList>"
        b"<QuotedPhraseNotFound>&quot;unicorn wombat&quot;[tiab]</QuotedPhraseNotFound></WarningList></eSearchResult>",
    ),
    "author_became_initial": _edit(  # 29, ReCiter#282
        rb"<QueryTranslation>.*</eSearchResult>",
        b"<QueryTranslation>J[Author]</QueryTranslation><ErrorList><PhraseNotFound>Nemoxyz</PhraseNotFound>"
        b"</ErrorList></eSearchResult>",
    ),
    "nothing_found_by_failure": Answer(  # 31, ReCiter#689: what a careless reader takes for no news
        b"<eSearchResult><Count>0</Count><RetMax>0</RetMax><RetStart>0</RetStart><IdList/>"
        b"<ERROR>Search Backend failed: read failed</ERROR></eSearchResult>"
    ),
    "delete_citation": _edit(  # 42
        rb"<PubmedArticle>.*?</PubmedArticle>(.*)</PubmedArticleSet>",
        rb'\1<DeleteCitation><PMID Version="1">1</PMID></DeleteCitation></PubmedArticleSet>',
    ),
    "version_repeated": _edit(  # 42: one PMID twice, the newer version last
        rb'(<PubmedArticle>.*?)<PMID Version="1">(.*?</PubmedArticle>)',
        rb'\1<PMID Version="1">\2\1<PMID Version="2">\2',
    ),
    "control_character": _edit(rb"<ArticleTitle>", b"<ArticleTitle>\x02"),  # 44, cazy_webscraper#127
    "well_formed_html": Answer(HTML[HTML.index(b"<html>") :], content_type="text/html"),  # 45
    "other_record": _edit(rb'<PMID Version="1">\d+</PMID>', b'<PMID Version="1">159508</PMID>'),  # civic-client#1612
}  # fmt: skip
"""PubMed's own, by name; those of the way from any source are in faults.TRANSPORT."""


@dataclass(frozen=True)
class _Entry:
    pmid: str
    day: str  # of entry, YYYY/MM/DD
    xml: bytes


class EutilsServer(LoopbackServer):
    """Finds every article for any term, unless `matches(term, article)` says otherwise.

    `articles` are PubmedArticle (or PubmedBookArticle) elements, or one whole PubmedArticleSet. `warnings` is the
    inner XML that follows QueryTranslation in ESearch replies. `lost` is how many records of each page go missing.
    `fault` names one of FAULTS or TRANSPORT, on for `times` requests (None: all) to the utility `on` ("efetch").
    A history server it has not: whoever trusts one finds it expired.
    """

    def __init__(
        self,
        articles: Sequence[bytes] | bytes,
        *,
        script: Iterable[Fault] = (),
        matches: Matches = lambda term, article: True,
        warnings: str = "",
        lost: int = 0,
        fault: str = "",
        on: str = "",
        times: int | None = 1,
        most: int = _MOST,
    ) -> None:
        super().__init__(self._dispatch, "/entrez/eutils", script, [pubmed_switch(fault, on, times)] if fault else ())
        self._entries: dict[str, _Entry] = {}
        for article in _split(articles) if isinstance(articles, bytes) else articles:
            self.put(article)
        self._matches = matches
        self._warnings = warnings
        self._lost = lost
        self._most = most

    def put(self, article: bytes) -> None:
        """Add a record, or another state of one."""
        entry = _entry(article)
        self._entries[entry.pmid] = entry

    def remove(self, pmid: str) -> None:
        """Withdraw a record."""
        del self._entries[pmid]

    def count(self, utility: str) -> int:
        """How many requests one utility has got."""
        return sum(asked.path.endswith(f"/{utility}.fcgi") for asked in self.asked)

    def _dispatch(self, asked: Asked) -> Answer:
        utilities = {
            "/esearch.fcgi": self._esearch, "/efetch.fcgi": self._efetch, "/esummary.fcgi": self._esummary,
            "/einfo.fcgi": lambda asked: Answer(_EINFO),
        }  # fmt: skip
        if len(asked.target) > _LONGEST_URL:
            return Answer(b"<html><body><h1>414 Request-URI Too Long</h1></body></html>", 414, "text/html")
        if asked.path not in utilities:
            return Answer(b"<html><body>404 Not Found</body></html>", 404, "text/html")
        return utilities[asked.path](asked)

    def _esearch(self, asked: Asked) -> Answer:
        term, found = asked.params.get("term", ""), self._found(asked.params)
        start, size = int(asked.params.get("retstart", "0")), int(asked.params.get("retmax", "20"))
        if start >= self._most:
            return _error("eSearchResult", "'retstart' cannot be larger than 9998", 400)
        ids = [entry.pmid for entry in found][start : min(start + size, self._most)]
        history = "<QueryKey>1</QueryKey><WebEnv>MCID_1</WebEnv>" if asked.params.get("usehistory") == "y" else ""
        listed = "<IdList>\n" + "".join(f"<Id>{i}</Id>\n" for i in ids) + "</IdList>" if ids else "<IdList/>"
        none = "" if found else "<WarningList><OutputMessage>No items found.</OutputMessage></WarningList>"
        body = (
            f"{_ESEARCH}<eSearchResult><Count>{len(found)}</Count><RetMax>{len(ids)}</RetMax>"
            f"<RetStart>{start}</RetStart>{history}{listed}<TranslationSet/>"
            f"<QueryTranslation>{escape(term)}</QueryTranslation>{self._warnings or none}</eSearchResult>\n"
        )
        return Answer(body.encode())

    def _found(self, params: Mapping[str, str]) -> list[_Entry]:
        term, low, high = params.get("term", ""), 0, 10**9
        if cut := _UID_RANGE.match(term):
            term, low, high = cut["term"], int(cut["low"]), int(cut["high"])
        # One of the two dates alone is silently ignored, as PubMed does.
        first, last = params.get("mindate", ""), params.get("maxdate", "")
        if not (first and last):
            first, last = "0000/00/00", "9999/99/99"
        return [
            entry
            for entry in self._entries.values()
            if low <= int(entry.pmid) <= high and first <= entry.day <= last and self._matches(term, entry.xml)
        ]

    def _efetch(self, asked: Asked) -> Answer:
        if "WebEnv" in asked.params:
            return _error("eFetchResult", "Unable to obtain query #1", 400)
        wanted = [pmid for pmid in asked.params.get("id", "").split(",") if pmid.isdecimal()]
        if not wanted:
            return _error("eFetchResult", "ID list is empty! Possibly it has no correct IDs.", 400)
        page = [self._entries[pmid].xml for pmid in dict.fromkeys(wanted) if pmid in self._entries]
        return Answer(article_set(page[: len(page) - self._lost]))

    def _esummary(self, asked: Asked) -> Answer:
        summaries = "".join(
            f'<DocumentSummary uid="{uid}"><Title>A title</Title></DocumentSummary>'
            if uid in self._entries
            else f'<DocumentSummary uid="{uid}"><error>cannot get document summary</error></DocumentSummary>'
            for uid in asked.params.get("id", "").split(",")
        )
        body = f'<eSummaryResult><DocumentSummarySet status="OK">{summaries}</DocumentSummarySet></eSummaryResult>'
        return Answer(body.encode())


def pubmed_switch(name: str, on: str = "", times: int | None = 1) -> Switch:
    """The named fault, PubMed's own or the way's, on for `times` requests to the utility `on` ("efetch")."""
    return switch(name, f"{on}.fcgi", times, FAULTS)


def article_set(articles: Sequence[bytes]) -> bytes:
    """A whole EFetch reply holding `articles`."""
    return _EFETCH + b"\n".join(articles) + b"\n</PubmedArticleSet>"


def _entry(article: bytes) -> _Entry:
    root = etree.fromstring(article)
    entered = root.find(".//PubMedPubDate[@PubStatus='entrez']")
    parts = ("2020", "1", "1") if entered is None else (entered.findtext(tag, "1") for tag in ("Year", "Month", "Day"))
    year, month, day = (int(part) for part in parts)
    return _Entry(root.findtext(".//PMID", ""), f"{year:04}/{month:02}/{day:02}", article)


def _split(article_set_xml: bytes) -> list[bytes]:
    root = etree.fromstring(article_set_xml)
    return [
        etree.tostring(element, with_tail=False, encoding="UTF-8")
        for element in root
        if element.tag != "DeleteCitation"
    ]
