"""Made-up input for the benchmarks: records, PubMed XML, reviews. The same seed gives the same bytes.

Titles draw on one vocabulary with a few frequent words, as a field's titles do, and come in series that differ by a
word: duplicates cannot be found by a rare word alone, and what is alike is often not the same.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from xml.sax.saxutils import escape

from db.ledger import heads
from db.model import Author, Record
from db.records import RunNote, store_run
from lsr.workflow import folder
from lsr.workflow.folder import Open
from lsr.workflow.refresh import frozen_now

SEED = 20250101
AT = "2026-01-05T06:00:00Z"
VOCABULARY = 3_000  # distinct words of the titles of 10,000 records of one field, roughly
COMMON = 60  # of which these make up half of every title
FAMILIES = 800
TITLE_WORDS = (7, 16)
ABSTRACT_WORDS = 220
DUPLICATES = 0.15  # share of records that are a second source's copy of another: what three databases overlap by
SERIES = 0.10  # share of records whose title is another's but for one word
SYLLABLES = ["ba", "ce", "di", "fo", "gu", "ka", "le", "mi", "no", "pu", "ra", "se", "ti", "vo", "xu"]
OUTCOMES = 4  # of the protocol's first ones, with counts in every study


class _Words:
    """A vocabulary, and titles and texts drawn from it."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.all = sorted({"".join(random.choices(SYLLABLES, k=random.randint(2, 5))) for _ in range(VOCABULARY)})
        self.common = random.sample(self.all, COMMON)
        self.families = sorted({word.capitalize() for word in random.sample(self.all, FAMILIES)})

    def text(self, length: int) -> str:
        pick, common, rare = self.random.random, self.common, self.all
        return " ".join(self.random.choice(common if pick() < 0.5 else rare) for _ in range(length))

    def authors(self) -> tuple[Author, ...]:
        initials = "ABCDEFGHJKLMNPRSTWXYZ"
        names = self.random.choices(self.families, k=self.random.randint(2, 9))
        return tuple(Author(name, self.random.choice(initials)) for name in names)


def records(count: int, seed: int = SEED, *, abstracts: bool = True) -> Iterator[Record]:
    """`count` records of two databases; DUPLICATES of them repeat an earlier one as another source prints it."""
    random = Random(seed)
    words = _Words(random)
    kept: list[Record] = []  # a sample to copy from: enough to spread the copies
    for number in range(count):
        draw = random.random()
        if kept and draw < DUPLICATES:
            record = _copy(random.choice(kept), number, random)
        else:
            record = _fresh(number, words, abstracts)
            if kept and draw < DUPLICATES + SERIES:
                record = replace(record, title=_next_of_series(random.choice(kept).title, words))
            if len(kept) < 1_000 or random.random() < 0.1:
                kept.append(record)
        yield record


def _fresh(number: int, words: _Words, abstracts: bool) -> Record:
    random = words.random
    first = random.randint(1, 3_000)
    return Record(
        "pubmed", str(number), title=words.text(random.randint(*TITLE_WORDS)).capitalize(),
        abstract=words.text(ABSTRACT_WORDS) if abstracts else "", authors=words.authors(),
        year=random.randint(2012, 2025), journal=f"Journal of {random.choice(words.common)}",
        volume=str(random.randint(1, 60)), issue=str(random.randint(1, 12)), pages=f"{first}-{first + 9}",
        doi=f"10.1000/{number}" if random.random() < 0.8 else "", pmid=str(number),
    )  # fmt: skip


def _copy(record: Record, number: int, random: Random) -> Record:
    """The record as another database prints it: capitals, a misprint, initials, no DOI, short pages."""
    title = record.title.upper() if random.random() < 0.3 else record.title
    if random.random() < 0.3:
        at = random.randrange(1, len(title))
        title = title[: at - 1] + title[at:]
    return replace(
        record, source="embase", native_id=str(number), title=title + ".", pmid="", issue="",
        doi=record.doi if random.random() < 0.5 else "", pages=record.pages.split("-")[0],
    )  # fmt: skip


def _next_of_series(title: str, words: _Words) -> str:
    parts = title.split()
    parts[words.random.randrange(len(parts))] = words.random.choice(words.all)
    return " ".join(parts)


def write_pubmed(path: Path, count: int) -> None:
    """`count` articles as NLM writes them, references included, as gzip."""
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=6) as stream:
        stream.write('<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE PubmedArticleSet PUBLIC ')
        stream.write('"-//NLM//DTD PubMedArticle, 1st January 2019//EN" ')
        stream.write('"https://dtd.nlm.nih.gov/ncbi/pubmed/out/pubmed_190101.dtd">\n<PubmedArticleSet>\n')
        stream.writelines(map(_article, records(count)))
        stream.write("</PubmedArticleSet>\n")


def _article(record: Record) -> str:
    date = f"<Year>{record.year}</Year><Month>05</Month><Day>03</Day>"
    authors = "\n".join(
        f'<Author ValidYN="Y">\n<LastName>{author.family}</LastName>\n<ForeName>{author.given}</ForeName>\n'
        f"<Initials>{author.given}</Initials>\n<AffiliationInfo>\n<Affiliation>{record.abstract[:90]}</Affiliation>\n"
        "</AffiliationInfo>\n</Author>"
        for author in record.authors
    )
    identifiers = f'<ArticleId IdType="pubmed">{record.native_id}</ArticleId>'
    if record.doi:
        identifiers += f'\n<ArticleId IdType="doi">{record.doi}</ArticleId>'
    reference = f"<Reference>\n<Citation>{record.title}</Citation>\n</Reference>\n"
    history = "\n".join(
        f'<PubMedPubDate PubStatus="{status}">{date}</PubMedPubDate>' for status in ("pubmed", "entrez")
    )
    return (
        f'<PubmedArticle>\n<MedlineCitation Status="MEDLINE" Owner="NLM">\n<PMID Version="1">{record.native_id}</PMID>'
        f'\n<DateRevised>{date}</DateRevised>\n<Article PubModel="Print">\n<Journal>\n<JournalIssue CitedMedium='
        f'"Print">\n<Volume>{record.volume}</Volume>\n<Issue>{record.issue}</Issue>\n<PubDate>{date}</PubDate>\n'
        f"</JournalIssue>\n<Title>{record.journal}</Title>\n</Journal>\n<ArticleTitle>{escape(record.title)}"
        f"</ArticleTitle>\n<Abstract>\n<AbstractText>{record.abstract}</AbstractText>\n</Abstract>\n"
        f'<AuthorList CompleteYN="Y">\n{authors}\n</AuthorList>\n<Language>eng</Language>\n<PublicationTypeList>\n'
        '<PublicationType UI="D016428">Journal Article</PublicationType>\n</PublicationTypeList>\n</Article>\n'
        f"<MedlineJournalInfo>\n<MedlineTA>{record.journal}</MedlineTA>\n</MedlineJournalInfo>\n</MedlineCitation>\n"
        f"<PubmedData>\n<History>\n{history}\n</History>\n<PublicationStatus>ppublish</PublicationStatus>\n"
        f"<ArticleIdList>\n{identifiers}\n</ArticleIdList>\n<ReferenceList>\n{reference * 20}</ReferenceList>\n"
        "</PubmedData>\n</PubmedArticle>\n"
    )


def make_review(path: Path, count: int, studies: int = 0) -> None:
    """A review from the shipped template with `count` more records, of which `studies` are included and extracted."""
    folder.init(path, folder.templates()[0], clock=lambda: AT)
    with folder.open_review(path, clock=lambda: AT) as opened:
        note = RunNote("pubmed", "databases", "benchmark", AT, None)
        store_run(opened.review, note, (replace(r, source="pubmed") for r in records(count)))
        with opened.review.transaction():
            for number in range(studies):
                _include(opened, f"pubmed:{number}", f"study:{number}")
                _extract(opened, f"pubmed:{number}", f"study:{number}", Random(SEED + number))
        if studies:
            _publish(opened)


def _include(opened: Open, report: str, study: str) -> None:
    append = opened.review.append
    for stage in ("title-abstract", "full-text"):
        if stage == "full-text":
            append("A", "retrieval", {"report": report, "got": 1, "route": "", "sha256": ""})
        for reviewer in ("A", "B"):
            vote = {"report": report, "stage": stage, "round": "", "verdict": "include", "reason": None, "note": ""}
            append(reviewer, "vote", vote)
    append("A", "study", {"study": study, "label": f"Author {study.partition(':')[2]} 2024", "patients": 40})
    append("A", "link", {"report": report, "study": study, "state": "linked", "evidence": ["benchmark"]})


def _extract(opened: Open, report: str, study: str, random: Random) -> None:
    proportions = [outcome for outcome in opened.spec.outcomes if outcome.measure == "proportion"]
    for outcome in proportions[:OUTCOMES]:
        total = random.randint(8, 60)
        body = {
            "study": study, "cohort": "all", "outcome": outcome.id, "timepoint": "", "round": "",
            "denominator": outcome.denominator, "reading": "as printed", "role": "primary", "report": report,
            "origin": "extracted", "status": "reported", "events": random.randint(total // 2, total), "total": total,
            "place": "Table 2", "quotation": "", "source_kind": "primary-article", "confidence": "sure", "why": "",
        }  # fmt: skip
        for extractor in ("A", "B"):
            opened.review.append(extractor, "datum", body)


def _publish(opened: Open) -> None:
    """A version, written as the ledger has it: the template's names are empty, so the command would refuse."""
    frozen = frozen_now(opened)
    body = {"number": "1.0", "reason": "benchmark", "heads": heads(opened.review.connection), "frozen": frozen,
            "signed_by": ["A", "B"], "demonstration": False}  # fmt: skip
    with opened.review.transaction():
        opened.review.append("A", "version", body)
