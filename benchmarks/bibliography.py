"""Made-up records of two databases at any scale, with what the second's printing does to them; the truth is known.

Words, names and journals are those of the labelled sets in ../shared where these are (bibliographic facts; their order
is drawn anew, so that no title is anybody's), and made up where they are not. The errors are those of the field notes:
misprints, titles cut or in capitals, initials or full names, family and given name swapped, pages in four formats,
fields missing, journals abbreviated, a year off by one, DOIs missing or in capitals. Beside copies there are
publications that are alike and not the same: series whose titles differ by a word, further parts, replies.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

from benchmarks.row import LABELLED, SETS
from benchmarks.synthetic import SEED, _Words
from db.model import Author, Record

COPIES = 0.25  # share of records that another database printed before: between haematology's .10 and cytology's .42
ALIKE = 0.10  # share of records that are alike to an earlier one and another publication
KEPT = 2_000  # publications that the next ones are copied from: copies come in the neighbourhood of their originals
EACH_ANEW = 0.05  # share of articles that begin on page 1: of journals that are printed nowhere
TITLE = (6, 18)
MISPRINT, CUT, CAPITALS, FULL_NAMES, SWAPPED, OFF_BY_ONE, ABBREVIATED, LOST = 0.2, 0.03, 0.2, 0.4, 0.03, 0.05, 0.4, 0.08


class Vocabulary:
    """Words in the order in which they follow each other, family and given names, journals."""

    def __init__(self, random: Random, folder: Path = LABELLED) -> None:
        self.random = random
        self.after: dict[str, list[str]] = {}
        self.families: list[str] = []
        self.journals: list[str] = []
        for name in SETS:
            if (path := folder / f"{name}_records.csv").is_file():
                self._learn(path)
        if not self.after:
            self._invent()

    def _learn(self, path: Path) -> None:
        with path.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                words = [word.strip(".,:;()[]\"'") for word in row["title"].split()]
                for before, word in zip(["", *words], words, strict=False):
                    if word.isascii() and word:
                        self.after.setdefault(before.lower(), []).append(word)
                family = row["author"].split(",")[0].split(" and ")[0].strip()
                if family.isalpha() and family.isascii():
                    self.families.append(family.capitalize())
                if journal := row.get("journal", ""):
                    self.journals.append(journal)

    def _invent(self) -> None:
        made = _Words(self.random)
        self.after[""] = made.text(5_000).split()
        self.families = made.families
        self.journals = [f"Journal of {word.capitalize()}" for word in made.common]

    def title(self) -> str:
        pick, words, word = self.random.choice, [], ""
        for _ in range(self.random.randint(*TITLE)):
            # One word in four begins a new phrase: a chain of pairs alone would tell whole titles again.
            fresh = self.random.random() < 0.25
            word = pick(self.after[""] if fresh else self.after.get(word.lower()) or self.after[""])
            words.append(word)
        return " ".join(words).capitalize()

    def authors(self) -> tuple[Author, ...]:
        pick, initials = self.random.choice, "ABCDEFGHJKLMNPRSTWXYZ"
        given = [pick(initials) + pick(("", "ndrea", "eng", "iaohong", "osef", "uma")) for _ in range(8)]
        return tuple(Author(pick(self.families), given[n]) for n in range(self.random.randint(1, 8)))


def bibliography(count: int, seed: int = SEED, folder: Path = LABELLED) -> Iterator[tuple[Record, int]]:
    """`count` records, each with the number of its publication; the same each time."""
    random = Random(seed)
    words = Vocabulary(random, folder)
    kept: list[tuple[Record, int]] = []
    publications = 0
    for number in range(count):
        draw = random.random()
        if kept and draw < COPIES:
            record, publication = random.choice(kept)
            yield _copy(record, number, words), publication
            continue
        publications += 1
        record = _article(number, words)
        if kept and draw < COPIES + ALIKE:
            record = _alike(record, random.choice(kept)[0], words)
        if len(kept) < KEPT:
            kept.append((record, publications))
        else:
            kept[random.randrange(KEPT)] = (record, publications)
        yield record, publications


def _article(number: int, words: Vocabulary) -> Record:
    random = words.random
    first = 1 if random.random() < EACH_ANEW else random.randint(1, 2_500)
    return Record(
        "pubmed", str(number), title=words.title(), authors=words.authors(), year=random.randint(1990, 2025),
        journal=random.choice(words.journals), volume=str(random.randint(1, 80)), issue=str(random.randint(1, 12)),
        pages=f"{first}-{first + random.randint(3, 14)}", pmid=str(10_000_000 + number),
        doi=f"10.1000/{number:x}" if random.random() < 0.8 else "",
    )  # fmt: skip


def _alike(record: Record, other: Record, words: Vocabulary) -> Record:
    """Another publication with nearly the other's title: of a series, a further part, a reply."""
    random = words.random
    kind = random.randrange(3)
    if kind == 0:
        parts = other.title.split()
        parts[random.randrange(len(parts))] = random.choice(words.after[""])
        return replace(record, title=" ".join(parts), authors=other.authors)
    if kind == 1:
        return replace(record, title=f"{other.title}: part {random.randint(2, 5)}", authors=other.authors)
    return replace(record, title=f"{other.title} - Reply", journal=other.journal)


def _copy(record: Record, number: int, words: Vocabulary) -> Record:
    """The publication as another database prints it."""
    random = words.random

    def happens(share: float) -> bool:
        return random.random() < share

    title, first = record.title, record.pages.split("-")[0]
    last = record.pages.split("-")[1]
    if happens(MISPRINT):
        at = random.randrange(1, len(title))
        title = title[:at] + random.choice(("", title[at : at + 1] * 2, random.choice("aeiorst"))) + title[at + 1 :]
    if happens(CUT):
        title = title[: max(40, len(title) * 2 // 3)] + "..."
    authors = record.authors if happens(FULL_NAMES) else tuple(replace(a, given=a.given[:1]) for a in record.authors)
    if happens(SWAPPED):
        authors = tuple(Author(a.given, a.family) for a in authors)
    short = last[len(last) - 1 :] if len(last) == len(first) and last[:-1] == first[:-1] else last
    return replace(
        record, source="embase", native_id=str(number), pmid="", title=title.upper() if happens(CAPITALS) else title,
        authors=() if happens(LOST / 4) else authors,
        year=(record.year or 0) + random.choice((-1, 1)) if happens(OFF_BY_ONE) else record.year,
        journal=" ".join(w[:4] for w in record.journal.split()) if happens(ABBREVIATED) else record.journal,
        volume="" if happens(LOST) else record.volume, issue="" if happens(0.4) else record.issue,
        pages="" if happens(LOST) else random.choice((record.pages, f"{first}-{short}", f"pp. {first}–{last}", first)),
        doi=random.choice((record.doi, "")),
    )  # fmt: skip
