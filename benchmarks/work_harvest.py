"""Tasks of the harvest: PubMed's XML read by us and by the peers, and what a harvest asks of a server."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.measure import ROOT, command

ARTICLE_END = b"</PubmedArticle>"
KNOWN_ITEM = re.compile(r"^\[\[known_item\]\]\n(?:[^\[\n].*\n|\n)*", re.M)
PAGE_BODY = b"<PubmedArticleSet>\n</PubmedArticleSet>"


def parse(path: str) -> tuple[float, int]:
    """Every record of a PubMed file as a user's `lsr import` reads it; dropped as they come."""
    from db.model import Record
    from harvest.files.reading import read_file

    start = time.process_time()
    count = sum(isinstance(item, Record) for item in read_file(Path(path), lambda done, total: None))
    return time.process_time() - start, count


def entrez(path: str) -> tuple[float, int]:
    """The same by Biopython, which holds the whole document."""
    from Bio import Entrez

    with gzip.open(path, "rb") as stream:
        start = time.process_time()
        found = Entrez.read(stream)  # type: ignore[no-untyped-call]
        return time.process_time() - start, len(found["PubmedArticle"])


def pubmed_parser(path: str) -> tuple[float, int]:
    """The same by pubmed_parser, with the authors; it reads no other date than that of publication."""
    from pubmed_parser import parse_medline_xml

    start = time.process_time()
    found = parse_medline_xml(path, year_info_only=False, author_list=True)
    count = sum(not article["delete"] for article in found)
    return time.process_time() - start, count


def metapub(path: str) -> tuple[float, int]:
    """The same by metapub, which reads an article at a time; splitting the file is not counted."""
    os.environ.setdefault("NCBI_API_KEY", "")  # it warns without one, though no request is made
    from metapub import PubMedArticle

    with gzip.open(path, "rb") as stream:
        alone = [b"<PubmedArticleSet>" + a + b"</PubmedArticleSet>" for a in _articles(stream.read())]
    start = time.process_time()
    count = sum(bool(PubMedArticle(article).pmid) for article in alone)
    return time.process_time() - start, count


def take_sample(real: str, sample: str, count: str) -> tuple[float, int]:
    """Preparation: articles spread evenly over a real file, in which revised old ones stand first, new ones last."""
    start = time.process_time()
    with gzip.open(real, "rb") as stream:
        articles = stream.read().split(ARTICLE_END)[:-1]
    head = articles[0][: articles[0].index(b"<PubmedArticle>")]
    articles[0] = articles[0].removeprefix(head)
    taken = articles[:: max(1, len(articles) // int(count))][: int(count)]
    end = b"\n</PubmedArticleSet>"
    Path(sample).write_bytes(gzip.compress(head + ARTICLE_END.join([*taken, end]), compresslevel=6))
    return time.process_time() - start, len(taken)


def make_pubmed(sample: str, count: str) -> tuple[float, int]:
    """Preparation: made-up articles, where the real file is not there."""
    from benchmarks.synthetic import write_pubmed

    start = time.process_time()
    write_pubmed(Path(sample), int(count))
    return time.process_time() - start, int(count)


def requests(hits: str) -> dict[str, Any]:
    """What `lsr harvest pubmed` asks the first time, and in a week without news, of `hits` made-up articles.

    By utility, and in all; the server listens on this machine. RuntimeError unless each run brings all of them.
    """
    from benchmarks.synthetic import write_pubmed
    from lsr.workflow.folder import init, templates
    from tests.servers.eutils import EutilsServer

    with tempfile.TemporaryDirectory() as work:
        made, review = Path(work) / "made.xml.gz", Path(work) / "review"
        write_pubmed(made, int(hits))
        with EutilsServer(list(_articles(gzip.decompress(made.read_bytes())))) as server:
            init(review, templates()[0], protocol_text=lambda text: _pointed(text, server.url))
            weeks = []
            for _ in range(2):
                server.asked.clear()
                _harvest(review, Path(work), int(hits))
                weeks.append(Counter(asked.path.rsplit("/", 1)[-1].removesuffix(".fcgi") for asked in server.asked))
    return {"first": sum(weeks[0].values()), "idle": sum(weeks[1].values()),
            "first_by": _by(weeks[0]), "idle_by": _by(weeks[1])}  # fmt: skip


def _pointed(protocol: str, url: str) -> str:
    """The protocol with PubMed at `url`, without the reports a search must find: made-up articles are others."""
    there = protocol.replace('id = "pubmed"', f'id = "pubmed"\nbase_url = "{url}"', 1)
    return KNOWN_ITEM.sub("", there)


def _articles(document: bytes) -> Iterator[bytes]:
    for part in document.split(ARTICLE_END)[:-1]:
        yield part[part.index(b"<PubmedArticle>") :] + ARTICLE_END


def _harvest(review: Path, work: Path, hits: int) -> None:
    """One harvest by the command, with a cache folder of its own; RuntimeError unless it finds `hits`."""
    arguments = command("-m", "lsr", "harvest", "pubmed", "--review", str(review), "--json")
    environment = {name: value for name, value in os.environ.items() if name != "NCBI_API_KEY"}
    ran = subprocess.run(
        arguments, cwd=ROOT, env=environment | {"XDG_CACHE_HOME": str(work)}, capture_output=True, check=False
    )
    if ran.returncode:
        raise RuntimeError(ran.stderr.decode(errors="replace"))
    run = json.loads(ran.stdout)["runs"][0]
    if run["seen"] != hits:
        raise RuntimeError(f"of {hits} records {run['seen']} came")


def _by(counted: Counter[str]) -> str:
    return ", ".join(f"{count} {utility}" for utility, count in sorted(counted.items(), reverse=True))


def pace(per_second: str, reply_seconds: str, count: str, processes: str = "1") -> dict[str, Any]:
    """How much of the pace allowed is used by `count` requests, each answered after `reply_seconds`.

    `share` is of the first to the last arrival; `most` is the most arrivals in any second. With more processes
    each sends `count`, and all share one folder that holds the pace.
    """
    from tests.servers.frame import Answer, LoopbackServer

    answer = Answer(PAGE_BODY, delay=float(reply_seconds))
    with tempfile.TemporaryDirectory() as work, LoopbackServer(lambda asked: answer) as server:
        asking = command("-m", "benchmarks.work_harvest", server.url, work, per_second, count)
        started = [subprocess.Popen(asking, cwd=ROOT) for _ in range(int(processes))]
        ended = [process.wait() for process in started]  # all of them, before the server closes
        if any(ended):
            raise RuntimeError("a process that asks the server failed")
        at = sorted(asked.at for asked in server.asked)
    if len(at) != int(count) * int(processes):
        raise RuntimeError(f"{len(at)} requests came")
    return {"share": (len(at) - 1) / (at[-1] - at[0]) / float(per_second), "most": most_in_a_second(at),
            "requests": len(at)}  # fmt: skip


def most_in_a_second(at: Sequence[float]) -> int:
    """The most of the sorted moments `at` that lie in any one second (its end not included)."""
    return max(sum(start <= moment < start + 1 for moment in at) for start in at)


def ask(url: str, folder: str, per_second: str, count: str) -> None:
    """One of the processes of `pace`: requests as to PubMed, but for the pace."""
    from contextlib import closing

    from db.archive import Archive
    from harvest.live import Identity, LiveTransport
    from harvest.pubmed_eutils import MANNERS
    from harvest.transport import Request

    manners = replace(MANNERS, per_second=float(per_second))
    asked = (Request("pubmed", "POST", url, "efetch.fcgi", (("id", str(n)),), manners) for n in range(int(count)))
    pace_folder = Path(folder) / "pace"
    with closing(
        LiveTransport(Archive(Path(folder) / f"archive-{os.getpid()}"), Identity("0"), pace_folder=pace_folder)
    ) as live:
        for _ in live.send_all(asked):
            pass


TASKS: dict[str, Callable[..., tuple[float, int]]] = {
    "parse": parse, "entrez": entrez, "pubmed_parser": pubmed_parser, "metapub": metapub,
    "take_sample": take_sample, "make_pubmed": make_pubmed,
}  # fmt: skip
FINDINGS: dict[str, Callable[..., dict[str, Any]]] = {"requests": requests, "pace": pace}

if __name__ == "__main__":
    import sys

    ask(*sys.argv[1:])
