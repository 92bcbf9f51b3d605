"""How well the rules of duplicates do on the published sets: `python -m validation.dedupe [--data DIR]`.

Prints, in the "removed record" view of Hair 2023 and BibDedupe: the table per set and pooled; what is missed, by
reason; BibDedupe's named pairs and the pairs that it missed; with --fields, what happens when a field is missing; and
with --grid (a minute) the leave-one-set-out choice of the thresholds. The sets are not part of this project (README.md
says where they come from).
"""

from __future__ import annotations

import argparse
import csv
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
from rapidfuzz import fuzz, process

from curation.clusters import clusters, unsettled
from curation.dedupe import find_duplicates
from curation.recordtable import parse_authors, read_records
from curation.rules import contradictions, judge, may_match_otherwise
from curation.similarity import THRESHOLDS, Comparison, Described, Thresholds, compare, describe, veto
from db.identifiers import normalise_doi
from db.model import Duplicate, Record

HERE = Path(__file__).parent
SETS = ("cytology_screening", "haematology", "stroke", "diabetes", "digital_work", "special_cases")
VERDICTS = ("merged", "queued", "missed")
GRID = {"title_same": (80, 85, 90, 93, 96, 98), "title_alike": (75, 80, 85, 90), "most_authors": (0.4, 0.6, 0.75)}
FIELDS: dict[str, dict[str, Any]] = {
    "doi": {"doi": ""},
    "authors": {"authors": ()},
    "year": {"year": None},
    "journal": {"journal": ""},
    "issue": {"issue": ""},
    "volume, issue": {"volume": "", "issue": ""},
    "pages": {"pages": ""},
    "vol, issue, pages": {"volume": "", "issue": "", "pages": ""},
    "title": {"title": ""},
}
LOWEST_TITLE = 75  # what is compared for the grid
CHUNK = 500  # rows of the matrix of titles at once


@dataclass(frozen=True)
class Labelled:
    """A set with its gold standard: record id → cluster."""

    name: str
    records: list[Record]
    gold: Mapping[str, str]


@dataclass(frozen=True)
class Counts:
    """The removed view: duplicates removed, publications lost, duplicates kept; queued; kept after the queue."""

    records: int = 0
    removed: int = 0
    lost: int = 0
    missed: int = 0
    queued: int = 0
    missed_after: int = 0

    def __add__(self, other: Counts) -> Counts:
        mine, theirs = self.__dict__, other.__dict__
        return Counts(**{name: mine[name] + theirs[name] for name in mine})

    def row(self, name: str) -> str:
        recall = 1 - self.missed_after / max(self.removed + self.missed, 1)
        share = 100 * self.queued / max(self.records, 1)
        return (
            f"{name:20}{self.records:8}{self.removed:8}{self.lost:6}{self.missed:6}"
            f"{self.queued:9} ({share:.2f} %){recall:10.4f}"
        )


def load(data: Path, name: str) -> Labelled:
    records = read_records(data / f"{name}_records.csv")
    with (data / f"{name}_gold.csv").open(encoding="utf-8") as stream:
        gold = {f"table:{row[0]}": row[1] for row in list(csv.reader(stream))[1:]}
    return Labelled(name, records, gold)


def count(labelled: Labelled, duplicates: Sequence[Duplicate], records: Sequence[Record] = ()) -> Counts:
    """The removed view of `duplicates`; `records`, if given, are the set's with fields taken away."""
    gold, kept = labelled.gold, clusters(records or labelled.records, duplicates)
    open_pairs = unsettled(duplicates, kept)
    lost, missed = _lost_and_missed(gold, kept)
    after = dict(kept)
    for pair in open_pairs:  # as if people decided by the gold standard
        if gold[pair.record] == gold[pair.same_as]:
            one, other = sorted((after[pair.record], after[pair.same_as]))
            after = {record: one if head == other else head for record, head in after.items()}
    removed = len(kept) - len(set(kept.values())) - lost
    queued = {record for pair in open_pairs for record in (pair.record, pair.same_as)}
    return Counts(len(kept), removed, lost, missed, len(queued), _lost_and_missed(gold, after)[1])


def _lost_and_missed(gold: Mapping[str, str], kept: Mapping[str, str]) -> tuple[int, int]:
    entities = [gold[head] for head in sorted(set(kept.values()))]
    return len(set(gold.values())) - len(set(entities)), len(entities) - len(set(entities))


def misses(labelled: Labelled, duplicates: Sequence[Duplicate]) -> Iterator[tuple[str, str, str]]:
    """For each gold cluster that stays apart: two ids whose comparison comes nearest, and why they are not merged."""
    kept = clusters(labelled.records, duplicates)
    members: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for record, head in kept.items():
        members[labelled.gold[record]][head].append(record)
    described = {record.id: describe(record) for record in labelled.records}
    for groups in members.values():
        heads = list(groups)
        for number, head in enumerate(heads[1:], start=1):
            pairs = [
                compare(described[a], described[b])
                for other in heads[:number]
                for a, b in product(groups[other], groups[head])
            ]
            best = max(pairs, key=lambda pair: (judge(pair) is not None, not reason(pair)[1], pair.title or 0))
            yield _own_id(best.one), _own_id(best.other), reason(best)[0]


def _own_id(one: Described) -> str:
    return one.record.native_id


def reason(pair: Comparison) -> tuple[str, int]:
    """Why a pair is not merged, in words, and how many fields contradict."""
    against = contradictions(pair)
    if parted := veto(pair.one, pair.other):
        return f"{'queued: ' if judge(pair) else ''}{parted}", len(against)
    words = ", ".join(against) or (f"titles {pair.title:.0f} % alike" if pair.title is not None else "no title")
    if pair.other_word:
        words += f" ({pair.other_word})"
    return f"{'queued: ' if judge(pair) else ''}{words}", len(against)


def judged_apart() -> set[tuple[str, str]]:
    """The pairs of judged_apart.csv, set and id of the record that the gold standard joins to another publication."""
    with (HERE / "judged_apart.csv").open(encoding="utf-8") as stream:
        return {(row["set"], row["id"]) for row in csv.DictReader(stream)}


def verdict(pair: Comparison) -> str:
    found = judge(pair)
    return "missed" if found is None else "merged" if found.certain else "queued"


def named_pairs(data: Path) -> Iterator[tuple[str, bool, str]]:
    """BibDedupe's named pairs: name, whether they are one, what the rules say."""
    cases = json.loads((data / "bibdedupe_test_cases.json").read_text(encoding="utf-8"))["cases"]
    for case in cases:
        one, other = (describe(_record(case[key], case[key]["ID"])) for key in ("record_a", "record_b"))
        yield case["id"], case["expected_duplicate"], verdict(compare(one, other))


def hard_pairs(data: Path) -> Iterator[tuple[str, str]]:
    """Each pair that BibDedupe missed in April 2024: its set and what the rules say. Its text is normalised: no stop
    words, no points in DOIs (put back here as far as they are known)."""
    pairs: dict[tuple[str, str], list[Record]] = defaultdict(list)
    with (data / "hard_positive_pairs_bibdedupe_missed.csv").open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            cells = {**row, "journal": row["container_title"], "author": row["author_full"] or row["author"]}
            doi = re.sub(r"^10(\d{4,5})/", r"10.\1/", row["doi"])
            doi = re.sub(r"/14651858(cd\d+)", r"/14651858.\1", re.sub(r"(pub\d+)$", r".\1", doi))
            pairs[row["dataset"], row["case"]].append(_record({**cells, "doi": doi}, row["ID"]))
    for (name, _), records in sorted(pairs.items()):
        if len(records) == 2:
            yield name, verdict(compare(*map(describe, records)))


def _record(cells: Mapping[str, object], native_id: str) -> Record:
    text = {name: str(value) for name, value in cells.items() if value and str(value) not in ("nan", "UNKNOWN")}
    year = re.search(r"\d{4}", text.get("year", ""))
    return Record(
        "pair",
        native_id,
        title=text.get("title", ""),
        authors=parse_authors(text.get("author", "")),
        year=int(year.group()) if year else None,
        journal=text.get("journal", "") or text.get("booktitle", ""),
        volume=text.get("volume", ""),
        issue=text.get("number", ""),
        pages=text.get("pages", ""),
        doi=normalise_doi(text.get("doi", "")),
    )


def comparable(labelled: Labelled) -> list[Comparison]:
    """All pairs that any thresholds of the grid could call duplicates, without blocking."""
    described = [describe(record) for record in labelled.records]
    titles = [each.title for each in described]
    found: set[tuple[int, int]] = set()
    for start in range(0, len(titles), CHUNK):
        scores = process.cdist(titles[start : start + CHUNK], titles, scorer=fuzz.ratio, dtype=np.uint8)
        rows, columns = np.nonzero(scores >= LOWEST_TITLE)
        found.update((i + start, j) for i, j in zip(rows.tolist(), columns.tolist(), strict=True) if i + start < j)
    blocks: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, each in enumerate(described):
        family = each.names[0].family if each.names else ""
        for key in (("doi", each.doi), ("author", family, each.page), ("place", each.volume, each.page)):
            if all(key):
                blocks[key].append(number)
    for members in blocks.values():
        found.update((i, j) for i, j in combinations(members, 2) if may_match_otherwise(described[i], described[j]))
    return [compare(described[i], described[j]) for i, j in sorted(found)]


def with_thresholds(pairs: Sequence[Comparison], thresholds: Thresholds) -> list[Duplicate]:
    fresh = (Comparison(pair.one, pair.other, pair.title, thresholds) for pair in pairs)
    return [found for pair in fresh if (found := judge(pair))]


def leave_one_out(sets: Sequence[Labelled]) -> Iterator[str]:
    """For each set: the thresholds that lose nothing and miss least on the others, and what they give on it."""
    pairs = {each.name: comparable(each) for each in sets}
    choices = [replace(THRESHOLDS, **dict(zip(GRID, values, strict=True))) for values in product(*GRID.values())]
    counts = {
        (each.name, choice): count(each, with_thresholds(pairs[each.name], choice))
        for each in sets
        for choice in choices
    }
    for left_out in sets:

        def quality(choice: Thresholds, name: str = left_out.name) -> tuple[int, int, float]:
            others = [counts[each.name, choice] for each in sets if each.name != name]
            # Of equals the one nearest to the thresholds in use.
            far = abs(choice.title_same - 96) + abs(choice.title_alike - 85) / 5 + abs(choice.most_authors - 0.6) * 10
            return sum(each.lost for each in others), sum(each.missed for each in others), far

        best = min(choices, key=quality)
        chosen = ", ".join(f"{name} {getattr(best, name):g}" for name in GRID)
        yield f"{counts[left_out.name, best].row(left_out.name)}   {chosen}"
    lossless = [c for c in choices if not sum(counts[each.name, c].lost for each in sets)]
    yield f"{len(lossless)} of {len(choices)} choices lose no publication on any set"


HEADING = (
    f"{'set':20}{'records':>8}{'removed':>8}{'lost':>6}{'missed':>7}{'queued records':>17}{'recall with queue':>19}"
)


def report_sets(sets: Sequence[Labelled]) -> None:
    """The table, and each duplicate that is missed with the reason."""
    print(HEADING)
    total, missed = Counts(), []
    for each in sets:
        duplicates = find_duplicates(each.records)
        counts = count(each, duplicates)
        total += counts
        missed += [(each.name, *miss) for miss in misses(each, duplicates)]
        print(counts.row(each.name))
    print(total.row("pooled"))
    apart = judged_apart()
    marks = ["*" if {(name, one), (name, other)} & apart else " " for name, one, other, _ in missed]
    print(f"\nmissed: {len(missed)}; {marks.count('*')} of them (*) are two publications by hand (judged_apart.csv)")
    for mark, (name, one, other, why) in zip(marks, missed, strict=True):
        print(f"{mark} {name:20}{one} {other}  {why}")


def report_fields(sets: Sequence[Labelled]) -> None:
    """What is lost and missed when no record has the field: a rule that leans on one field shows itself."""
    print(f"\nwith a field taken away, lost/missed\n{'':20}" + "".join(f"{name:>18}" for name in FIELDS))
    for each in sets:
        row = ""
        for absent in FIELDS.values():
            bare = [replace(record, **absent) for record in each.records]
            counts = count(each, find_duplicates(bare), bare)
            row += f"{counts.lost:>12}/{counts.missed:<5}"
        print(f"{each.name:20}{row}")


def report_pairs(data: Path) -> None:
    """The named pairs that go wrong, and what becomes of the pairs that BibDedupe missed."""
    named = list(named_pairs(data))
    wrong = [(name, said) for name, one, said in named if (said == "merged") != one]
    print(f"\nnamed pairs of BibDedupe's tests: {len(named) - len(wrong)} of {len(named)} as expected", *wrong)
    print("\npairs that BibDedupe missed in April 2024")
    said = Counter(hard_pairs(data))
    rows = {name: Counter({what: said[name, what] for what in VERDICTS}) for name in sorted({name for name, _ in said})}
    for name, row in {**rows, "all": sum(rows.values(), Counter())}.items():
        print(f"{name:20}" + "".join(f"{row[what]:5} {what}" for what in VERDICTS))


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(prog="python -m validation.dedupe", description=__doc__)
    parser.add_argument("--data", type=Path, default=HERE.parents[1].parent / "shared" / "data" / "dedup")
    parser.add_argument("--grid", action="store_true", help="leave-one-set-out choice of the thresholds")
    parser.add_argument("--fields", action="store_true", help="again with one field taken away from all records")
    asked = parser.parse_args()
    if not asked.data.is_dir():
        parser.error(f"no folder {asked.data}: give the sets with --data")
    sets = [load(asked.data, name) for name in SETS]
    report_sets(sets)
    report_pairs(asked.data)
    if asked.fields:
        report_fields(sets)
    if asked.grid:
        print(f"\nleave one set out (all pairs compared, no blocking)\n{HEADING}   chosen on the others")
        for line in leave_one_out(sets):
            print(line)


if __name__ == "__main__":
    main()
