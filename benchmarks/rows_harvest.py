"""Rows of the harvest: PubMed's XML beside three readers of it, requests, pace."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from pathlib import Path

from benchmarks.measure import Compared, task
from benchmarks.row import REPORTED, AnyRow, Finding, Row, Sizes, at_least

ARTICLES_PER_SECOND = 4_000
MB_AT_ANY_SIZE = 50
ENTREZ_RUNS = 3  # it takes 25 s and 2.2 GB for a whole file
TIMES_ENTREZ = 6
PAGE = 200  # records of one EFetch
SHARE_OF_PACE = 0.9


def harvest_rows(work: Path, sizes: Sizes, real: Path) -> Iterator[AnyRow]:
    """In the order of the budgets."""
    yield from _pubmed(work, sizes, real)
    yield from _requests(sizes)
    yield from _pace(sizes)


def _pubmed(work: Path, sizes: Sizes, real: Path) -> Iterator[Row]:
    """Samples are taken in a process of their own: what this one held would count as its children's memory."""
    sample, budget = work / "pubmed.xml.gz", f">= {ARTICLES_PER_SECOND:,}/s, <= {MB_AT_ANY_SIZE} MB"
    name = "PubMed XML, a whole NLM file"
    if real.exists():
        ours, before, runs = task("parse", str(real)), (), ENTREZ_RUNS
        sampled, what = task("take_sample", str(real), str(sample), str(sizes.sample)), "a sample of it"
        yield Row(name, budget, ours, fast_and_small)
    else:
        whole, runs = work / "whole.xml.gz", None
        ours, before = task("parse", str(whole)), tuple(task("make_pubmed", str(whole), str(sizes.sample)))
        sampled, what = task("make_pubmed", str(sample), str(sizes.sample)), "made up"
        yield Row(name, budget, skip=f"{real.name} is not there")
    place = ours[-1]
    whole_or_not = "the same file" if real.exists() else "made up"
    yield Row(f"{whole_or_not}, beside Bio.Entrez.read", f">= {TIMES_ENTREZ} x", ours, at_least(TIMES_ENTREZ),
              task("entrez", place), before=before, runs=runs)  # fmt: skip
    yield Row(f"{whole_or_not}, beside pubmed_parser", REPORTED, ours, peer=task("pubmed_parser", place),
              before=before, runs=runs)  # fmt: skip
    yield Row(f"{what}, beside metapub", REPORTED, task("parse", str(sample)), peer=task("metapub", str(sample)),
              before=tuple(sampled))  # fmt: skip


def _requests(sizes: Sizes) -> Iterator[Finding]:
    asked, pages = task("requests", str(sizes.hits)), ceil(sizes.hits / PAGE)
    yield Finding(f"requests of a search with {sizes.hits:,} hits", f"<= 1 + n/200 = {1 + pages}", asked,
                  "{first}: {first_by}", lambda found: found["first"] <= 1 + pages)  # fmt: skip
    yield Finding(f"requests of an idle week, {sizes.hits:,} known", f"<= 2 + n/200 = {2 + pages}", asked,
                  "{idle}: {idle_by}", lambda found: found["idle"] <= 2 + pages)  # fmt: skip


def _pace(sizes: Sizes) -> Iterator[Finding]:
    limit, count = f"{sizes.per_second:g}", str(sizes.paced)
    late = f"{sizes.reply_seconds:g}"
    yield Finding(f"pace of {limit} a second used, replies after {late} s", f">= {SHARE_OF_PACE:.0%}",
                  task("pace", limit, late, count), "{share:.1%} over {requests} requests",
                  lambda found: found["share"] >= SHARE_OF_PACE)  # fmt: skip
    yield Finding("requests in any second, two processes", f"<= {limit}", task("pace", limit, "0", count, "2"),
                  "at most {most} of {requests}, {share:.1%} of the pace",
                  lambda found: found["most"] <= sizes.per_second)  # fmt: skip


def fast_and_small(found: Compared) -> bool:
    """The budget of the reader: in records a second, and in memory whatever the size of the file."""
    per_second = found.subject.count / found.subject.seconds
    return per_second >= ARTICLES_PER_SECOND and found.subject.megabytes <= MB_AT_ANY_SIZE
