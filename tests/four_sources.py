"""Four sources on loopback servers and a review that searches them: where the tests of whole harvests begin."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from db.model import Record
from db.records import RunNote, store_run
from lsr.workflow.folder import open_review
from lsr.workflow.refresh import refresh
from lsr.workflow.settle import settle
from tests.servers.crossref import CrossrefServer
from tests.servers.ctgov import CtgovServer
from tests.servers.europepmc import EuropePmcServer
from tests.servers.eutils import EutilsServer
from tests.servers.frame import LoopbackServer

SOURCES: Final = ("pubmed", "crossref", "europepmc", "ctgov")  # in the order in which they are searched
HITS: Final = {"pubmed": 250, "crossref": 7, "europepmc": 12, "ctgov": 3}
CAP: Final = 200  # lowered from PubMed's 9,999, so that its 250 hits come in parts
OUTSIDE, GONE = "900001", "900002"  # known from an earlier search; this one no longer finds them
NAMED_ONLY: Final = "NCT07000009"  # a trial that a report names and the register's search does not find
PHRASES: Final = "CAR T cells | GC027"
Servers = Mapping[str, Any]


def article(number: int, title: str = "", abstract: str = "") -> bytes:
    """One PubMed record, entered in a year of its own number."""
    return (
        f'<PubmedArticle><MedlineCitation Status="MEDLINE"><PMID Version="1">{number}</PMID><Article><ArticleTitle>'
        f"{title or f'Remission number {number} after cells of donor {number * 7}'}</ArticleTitle><Abstract>"
        f"<AbstractText>{abstract or f'Text {number}.'}</AbstractText></Abstract></Article></MedlineCitation>"
        f'<PubmedData><History><PubMedPubDate PubStatus="entrez"><Year>{1980 + number % 40}</Year><Month>5</Month>'
        "<Day>3</Day></PubMedPubDate></History></PubmedData></PubmedArticle>"
    ).encode()


def work(number: int) -> dict[str, Any]:
    """One work of Crossref; the first has a title that a record of PubMed has too."""
    title = "Remission number 3 after cells of donor 21: CAR T cells" if number == 1 else f"CAR T cells, work {number}"
    return {
        "DOI": f"10.5555/w.{number}", "title": [title], "container-title": ["Blood"],
        "issued": {"date-parts": [[2021, 5]]}, "type": "journal-article",
    }  # fmt: skip


def result(number: int) -> dict[str, Any]:
    """One result of Europe PMC; the first two are records of PubMed too."""
    if number <= 2:
        title = f"Remission number {number} after cells of donor {number * 7}"
        return {"id": str(number), "source": "MED", "pmid": str(number), "title": title, "pubYear": "2021"}
    return {"id": f"PPR{number}", "source": "PPR", "title": f"A preprint, number {number}", "pubYear": "2022"}


def study(trial: str) -> dict[str, Any]:
    """One registration."""
    return {"protocolSection": {"identificationModule": {"nctId": trial, "briefTitle": f"A CD7 trial {trial[-2:]}"}}}


@contextmanager
def serving(hits: Mapping[str, int] = HITS, **more: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The four servers, up, by source; `more` are arguments for a source's own server (`crossref={"script": …}`)."""
    named = article(5, abstract=f"Registered as {NAMED_ONLY}.")
    articles = [named if n == 5 else article(n) for n in range(1, hits["pubmed"] + 1)]
    trials = [study(f"NCT0600000{n}") for n in range(hits["ctgov"])]
    made: dict[str, LoopbackServer] = {
        "pubmed": EutilsServer(
            [*articles, article(int(OUTSIDE), "An older record, corrected")],
            **{"matches": lambda term, xml: b">9000" not in xml, "most": CAP, **more.get("pubmed", {})},
        ),
        "crossref": CrossrefServer([work(n) for n in range(1, hits["crossref"] + 1)], **more.get("crossref", {})),
        "europepmc": EuropePmcServer(
            [result(n) for n in range(1, hits["europepmc"] + 1)], **{"page": 5, **more.get("europepmc", {})}
        ),
        "ctgov": CtgovServer([*trials, study(NAMED_ONLY)], **{"page": 2, **more.get("ctgov", {})}),
    }
    register = made["ctgov"]
    register._wanted = lambda one, asked: (  # type: ignore[attr-defined]
        CtgovServer._wanted(one, asked) if "filter.ids" in asked.params else NAMED_ONLY not in str(one)
    )
    with ExitStack() as up:
        yield {name: up.enter_context(server) for name, server in made.items()}


def point(folder: Path, servers: Servers) -> None:
    """Have the review's protocol search these servers, for nothing in particular: it expects no known item."""
    path = folder / "protocol.toml"
    text = path.read_text("utf-8")
    text = re.sub(r"^\[\[known_item\]\]\n(?:[^\[\n].*\n|\n)*", "", text, flags=re.MULTILINE)
    text = re.sub(r"^base_url = .*\n", "", text, flags=re.MULTILINE)
    for name, server in servers.items():
        text = text.replace(f'id = "{name}"\n', f'id = "{name}"\nbase_url = "{server.url}"\n', 1)
    text = re.sub(r'^query = "CD7 chimeric.*$', f'query = "{PHRASES}"', text, flags=re.MULTILINE)
    path.write_text(text, "utf-8")


def with_known(folder: Path) -> Path:
    """The review with two records that an earlier search of PubMed brought; the protocol in it entered."""
    with open_review(folder) as opened, opened.review.transaction():
        note = RunNote("pubmed", "databases", "an earlier query", "2026-11-02T06:00:00Z", None)
        known = [Record("pubmed", pmid, "An older record", year=2019, pmid=pmid) for pmid in (OUTSIDE, GONE)]
        settle(opened, store_run(opened.review, note, known).new)
    with open_review(folder) as opened:
        refresh(opened)  # pooled once: no later command has to
    return folder


_LOCAL: Final = frozenset(
    {"n", "k", "hash", "run", "round", "id", "at", "searched_at", "records_sha256", "new_records"}
)
_LEFT_OUT: Final = ("entry", "copy", "estimate", "setting", "block", "run", "reply", "failure")


def content_of(folder: Path) -> dict[str, Counter[Any]]:
    """All that a review holds, by content: without local numbers, times, and what only counts how often it was run.

    Rows of the ledger's typed tables, how many of each; records with their contents; of each source, what its
    searches found, and how many records were new in all of them; the names in the archive, which are their digests.
    """
    connection = sqlite3.connect(folder / "review.db")
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    held: dict[str, Counter[Any]] = {}
    for table in sorted(set(tables) - set(_LEFT_OUT)):
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        kept = [name for name in columns if name not in _LOCAL or (name == "id" and table == "record")]
        held[table] = Counter(connection.execute(f"SELECT {', '.join(kept)} FROM {table}").fetchall())
    held["what was searched"] = Counter(
        connection.execute("SELECT DISTINCT source, query, replayed, hits, ids_sha256 FROM run").fetchall()
    )
    held["what was new"] = Counter(dict(connection.execute("SELECT source, sum(new_records) FROM run GROUP BY 1")))
    held["failures"] = Counter(connection.execute("SELECT source, why FROM failure").fetchall())
    connection.close()
    held["archive"] = Counter(path.name for path in (folder / "archive").glob("*.gz"))
    return held


def differences(one: Mapping[str, Counter[Any]], other: Mapping[str, Counter[Any]]) -> dict[str, Any]:
    """What one holds and the other does not, by table; nothing if they are the same."""
    return {
        name: {"only here": +(one[name] - other[name]), "only there": +(other[name] - one[name])}
        for name in one.keys() | other.keys()
        if one.get(name) != other.get(name)
    }
