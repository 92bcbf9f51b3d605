"""Which pairs of records are worth comparing: those that share a blocking key and whose titles allow it.

n records make n²/2 pairs; the keys leave a few for each record. Whether a pair is worth comparing depends on the two
records alone, never on what else is in the set: the order of the input, its parts and its size change nothing. So no
block is cut; each key is specific enough instead, and pairs are filtered by title in vectorised chunks.

Keys are of two kinds, told by their lowest bit. *Telling* keys hold an identifier, a place or a name beside the
title: such a pair is one publication even with unlike titles, if the rules say so (`may_match_otherwise`). Pairs of
*title* keys must have titles alike. Each key survives the loss or the misprint of the fields that the others rest on.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Final
from zlib import crc32

import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz, process

from curation.rules import TITLE_ALIKE
from curation.similarity import TELLING_WORDS, Described

Indices = npt.NDArray[np.int64]
Scores = npt.NDArray[np.uint8]
Objects = npt.NDArray[np.object_]

# Rises with every change of `blocking_keys`: stored keys of another version are made anew (db.blocks).
KEY_VERSION: Final = 1
# Letters of the title, without spaces, that make its keys: with more, one misprint hides the pair; with fewer,
# blocks fill with "the effect of …".
TITLE_LETTERS: Final = 24
LONGEST_WORDS: Final = 3
# Of each of these words, beside the first author: a misprint further on in the word does no harm.
WORD_LETTERS: Final = 5
# Pairs scored at once: 50 MB of numbers and references, and calls few enough to cost nothing.
CHUNK: Final = 500_000
_PAGE_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_TITLE_KEY: Final = 1  # the lowest bit of a key


def blocking_keys(one: Described) -> set[int]:
    """The keys of a record as integers of 33 bits, the same in every process; equal keys make a candidate pair.

    They are CRC-32 sums: among a million records some ten thousand pairs share one by chance, and are compared in vain.
    """
    record = one.record
    year = record.year
    family = one.names[0].family if one.names else ""
    page = one.pages.first.lstrip(_PAGE_LETTERS) if one.pages else ""
    telling: list[str] = []
    if one.doi:
        telling.append(f"doi {one.doi}")
    if record.pmid:
        telling.append(f"pmid {record.pmid.split('.')[0].strip()}")
    if one.pages and page and one.volume:  # the rules look past unlike titles only where a whole range agrees
        last = one.pages.last.lstrip(_PAGE_LETTERS)
        telling += [f"place {one.volume} {page} {last} {near}" for near in _years(year)]
    if page and family:  # page 1 alone would hold a tenth of all records
        telling.append(f"author and page {family} {page} {one.volume}")
    title: list[str] = []
    for text in (one.title, one.other_title):
        if text:
            _title_keys(text, family, page, one.volume, year, telling, title)
    found = {crc32(key.encode("utf-8", "replace")) << 1 for key in telling}
    found.update(crc32(key.encode("utf-8", "replace")) << 1 | _TITLE_KEY for key in title)
    return found


def _years(year: int | None) -> tuple[int, ...]:
    """The year and the next: two records whose years differ by one have one of them in common."""
    return () if year is None else (year, year + 1)


def _title_keys(
    text: str, family: str, page: str, volume: str, year: int | None, telling: list[str], title: list[str]
) -> None:
    letters = text.replace(" ", "")
    begins, ends = letters[:TITLE_LETTERS], letters[-TITLE_LETTERS:]
    words = sorted(set(text.split()), key=lambda word: (-len(word), word))[:LONGEST_WORDS]
    if page:  # a title that its source cut, or the subtitle alone
        telling += [f"begins {begins} {page}", f"ends {ends} {page}"]
    if family:
        telling.append(f"begins {begins} by {family}")
        title += [f"author and word {family} {word[:WORD_LETTERS]}" for word in words]
    if len(letters) >= TITLE_LETTERS or text.count(" ") + 1 >= TELLING_WORDS:
        title += [f"begins {begins}", f"ends {ends}", f"words {' '.join(sorted(words))}"]
    else:  # "Editorial": a third of one journal's records may bear it, and the rules ask for more than a title
        title += [f"short {letters} volume {volume}", f"short {letters} year {year}"]


class Blocks:
    """The keys and titles of many records, and the pairs among them that are worth comparing."""

    def __init__(self) -> None:
        self.titles: list[str] = []
        self.others: dict[int, str] = {}  # second forms of titles: few records have one
        self._keys = array("q")
        self._owners = array("i")
        self._keyed = bytearray()

    def add(self, one: Described) -> None:
        """Take in the next record."""
        number = len(self.titles)
        self.titles.append(one.title)
        if one.other_title:
            self.others[number] = one.other_title
        keys = blocking_keys(one)
        self._keys.extend(keys)
        self._owners.extend([number] * len(keys))
        self._keyed.append(bool(keys))

    def has_key(self, number: int) -> bool:
        """Whether anything can be compared with the record of this number."""
        return bool(self._keyed[number])

    def pairs(self, wanted: npt.NDArray[np.bool_] | None = None) -> tuple[Indices, Indices, Scores]:
        """Numbers of the records of each pair with the score of their titles, 0-100: first < second, ordered.

        With `wanted`, only pairs of which at least one is. Titles are alike, or the pair shares a telling key.
        """
        total = len(self.titles)
        keys, owners = np.frombuffer(self._keys, np.int64), np.frombuffer(self._owners, np.int32)
        titles, others = np.array(self.titles, dtype=object), self._second_titles()
        lengths, second_forms = np.fromiter(map(len, self.titles), np.int32, total), others != ""
        codes = [np.empty(0, np.int64)]
        for kind in (0, _TITLE_KEY):
            of_kind = keys & 1 == kind
            for one, other in _chunked(_sharing(keys[of_kind], owners[of_kind], wanted)):
                if kind == _TITLE_KEY:
                    kept = _lengths_alike(lengths, second_forms, one, other)
                    one, other = one[kept], other[kept]
                    kept = title_scores(titles, others, one, other, int(TITLE_ALIKE) - 1) >= TITLE_ALIKE
                    one, other = one[kept], other[kept]
                codes.append(np.unique(np.minimum(one, other) * total + np.maximum(one, other)))
        if not total:
            return codes[0], codes[0], np.empty(0, np.uint8)
        first, second = np.divmod(np.unique(np.concatenate(codes)), total)
        scores = [
            title_scores(titles, others, first[at : at + CHUNK], second[at : at + CHUNK])
            for at in range(0, len(first), CHUNK)
        ]
        return first, second, np.concatenate([np.empty(0, np.uint8), *scores])

    def _second_titles(self) -> Objects:
        others = np.full(len(self.titles), "", dtype=object)
        for number, text in self.others.items():
            others[number] = text
        return others


def _sharing(
    keys: npt.NDArray[np.int64], owners: npt.NDArray[np.int32], wanted: npt.NDArray[np.bool_] | None
) -> Iterator[tuple[Indices, Indices]]:
    """All pairs of owners of equal keys; a pair once for each key that it shares."""
    order = np.argsort(keys, kind="stable")
    keys, owners = keys[order], owners[order]
    begins = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]]) if len(keys) else np.empty(0, np.int64)
    sizes = np.diff(np.r_[begins, len(keys)])
    if wanted is not None and len(keys):  # blocks without a wanted record give nothing
        sizes = np.where(np.add.reduceat(wanted[owners].astype(np.int64), begins) > 0, sizes, 1)
    begins, sizes = begins[sizes > 1], sizes[sizes > 1]
    ends = np.repeat(begins + sizes, sizes)
    places = np.repeat(begins - np.cumsum(sizes) + sizes, sizes) + np.arange(len(ends))
    for shift in count(1):  # each with the next of its block, then with the one after the next, …
        within = places + shift < ends
        places, ends = places[within], ends[within]
        if not len(places):
            return
        for at in range(0, len(places), CHUNK):
            one = owners[places[at : at + CHUNK]].astype(np.int64)
            other = owners[places[at : at + CHUNK] + shift].astype(np.int64)
            if wanted is not None:
                touching = wanted[one] | wanted[other]
                one, other = one[touching], other[touching]
            yield one, other


def _chunked(parts: Iterator[tuple[Indices, Indices]]) -> Iterator[tuple[Indices, Indices]]:
    """The same pairs in few arrays of about CHUNK each."""
    held: list[tuple[Indices, Indices]] = []
    size = 0
    for part in parts:
        held.append(part)
        size += len(part[0])
        if size >= CHUNK:
            yield np.concatenate([one for one, _ in held]), np.concatenate([other for _, other in held])
            held, size = [], 0
    if size:
        yield np.concatenate([one for one, _ in held]), np.concatenate([other for _, other in held])


def _lengths_alike(
    lengths: npt.NDArray[np.int32], second_forms: npt.NDArray[np.bool_], first: Indices, second: Indices
) -> npt.NDArray[np.bool_]:
    """Whether the titles' lengths alone leave room for TITLE_ALIKE: the ratio is at most 2 × shorter / (sum of both).

    A second form of a title has its own length: such pairs pass.
    """
    short = np.minimum(lengths[first], lengths[second])
    room = 200 * short >= (int(TITLE_ALIKE) - 1) * (lengths[first] + lengths[second])
    passing: npt.NDArray[np.bool_] = room | second_forms[first] | second_forms[second]
    return passing


def title_scores(titles: Objects, others: Objects, first: Indices, second: Indices, cutoff: int = 0) -> Scores:
    """Similarity of the titles of each pair, 0-100 (rapidfuzz ratio: normalised Indel distance); 0 below `cutoff`.

    The better of the titles themselves and of either's title with the other's second form (a translation).
    """
    best = _ratio(titles[first], titles[second], cutoff)
    for one, other in ((first, second), (second, first)):
        with_other = np.flatnonzero(others[one] != "")
        if len(with_other):
            translated = _ratio(others[one[with_other]], titles[other[with_other]], cutoff)
            best[with_other] = np.maximum(best[with_other], translated)
    return best


def _ratio(one: Sequence[str] | Objects, other: Sequence[str] | Objects, cutoff: int) -> Scores:
    scores: Scores = process.cpdist(one, other, scorer=fuzz.ratio, score_cutoff=cutoff, dtype=np.uint8)
    return scores
