"""NCBI E-utilities over a corpus of PubMed XML: ESearch with the history server, EFetch by page.

The replies have the shape of the real ones in biopython's Tests/Entrez (esearch1.xml, esearch8.xml, pubmed1.xml).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from xml.sax.saxutils import escape

from lxml import etree

from tests.servers.frame import Answer, Asked, Fault, LoopbackServer

_ESEARCH = (
    '<?xml version="1.0" encoding="UTF-8" ?>\n'
    '<!DOCTYPE eSearchResult PUBLIC "-//NLM//DTD esearch 20060628//EN" '
    '"https://eutils.ncbi.nlm.nih.gov/eutils/dtd/20060628/esearch.dtd">\n'
)
_EFETCH = (
    b'<?xml version="1.0" ?>\n<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle, 1st January 2025//EN" '
    b'"https://dtd.nlm.nih.gov/ncbi/pubmed/out/pubmed_250101.dtd">\n<PubmedArticleSet>\n'
)
_EXPIRED = b"<eFetchResult>\n\t<ERROR>Unable to obtain query #1</ERROR>\n</eFetchResult>\n"

Matches = Callable[[str, bytes], bool]


class EutilsServer(LoopbackServer):
    """Finds every article for any term, unless `matches(term, article)` says otherwise.

    `articles` are PubmedArticle (or PubmedBookArticle) elements, or one whole PubmedArticleSet. `warnings` is the
    inner XML that follows QueryTranslation in ESearch replies. `lost` is how many records of each page go missing.
    """

    def __init__(
        self,
        articles: Sequence[bytes] | bytes,
        *,
        script: Iterable[Fault] = (),
        matches: Matches = lambda term, article: True,
        warnings: str = "",
        lost: int = 0,
    ) -> None:
        super().__init__(self._dispatch, "/entrez/eutils", script)
        self._articles = _split(articles) if isinstance(articles, bytes) else list(articles)
        self._matches = matches
        self._warnings = warnings
        self._lost = lost
        self._histories: dict[str, list[bytes]] = {}

    def forget(self) -> None:
        """Let every search expire."""
        self._histories.clear()

    def _dispatch(self, asked: Asked) -> Answer:
        if asked.path == "/esearch.fcgi":
            return self._esearch(asked)
        if asked.path == "/efetch.fcgi":
            return self._efetch(asked)
        return Answer(b"<html><body>404 Not Found</body></html>", 404, "text/html")

    def _esearch(self, asked: Asked) -> Answer:
        term = asked.params.get("term", "")
        found = [article for article in self._articles if self._matches(term, article)]
        start, size = int(asked.params.get("retstart", "0")), int(asked.params.get("retmax", "20"))
        ids = [pmid(article) for article in found][start : start + size]
        history = ""
        if asked.params.get("usehistory") == "y" and found:
            web_env = f"MCID_{hashlib.sha256(term.encode()).hexdigest()[:24]}"
            self._histories[web_env] = found
            history = f"<QueryKey>1</QueryKey><WebEnv>{web_env}</WebEnv>"
        listed = "<IdList>\n" + "".join(f"<Id>{i}</Id>\n" for i in ids) + "</IdList>" if ids else "<IdList/>"
        none = "" if found else "<WarningList><OutputMessage>No items found.</OutputMessage></WarningList>"
        body = (
            f"{_ESEARCH}<eSearchResult><Count>{len(found)}</Count><RetMax>{len(ids)}</RetMax>"
            f"<RetStart>{start}</RetStart>{history}{listed}<TranslationSet/>"
            f"<QueryTranslation>{escape(term)}</QueryTranslation>{self._warnings or none}</eSearchResult>\n"
        )
        return Answer(body.encode())

    def _efetch(self, asked: Asked) -> Answer:
        found = self._histories.get(asked.params.get("WebEnv", ""))
        if found is None or asked.params.get("query_key") != "1":
            return Answer(_EXPIRED, 400)
        start, size = int(asked.params.get("retstart", "0")), int(asked.params.get("retmax", "20"))
        page = found[start : start + size]
        return Answer(article_set(page[: len(page) - self._lost]))


def article_set(articles: Sequence[bytes]) -> bytes:
    """A whole EFetch reply holding `articles`."""
    return _EFETCH + b"\n".join(articles) + b"\n</PubmedArticleSet>"


def pmid(article: bytes) -> str:
    return etree.fromstring(article).findtext(".//PMID", "")


def _split(article_set_xml: bytes) -> list[bytes]:
    root = etree.fromstring(article_set_xml)
    return [
        etree.tostring(element, with_tail=False, encoding="UTF-8")
        for element in root
        if element.tag != "DeleteCitation"
    ]
