"""What the order of the queue would have saved: `python -m validation.ranking.backtest DATA` prints the table.

DATA is a folder with seed/cd7_reports.json, seed/seed_references.json, pubmed/pubmed21n1298_haem_subset.xml and
imports/*. Titles alone are read, on both sides: the reports' abstracts are not in the data. It writes nothing.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from curation.ranking import MIN_EACH, recall_of_order, replay, term_score
from db.model import Record
from harvest.pubmed_xml import parse_pubmed
from lsr.protocol import parse_protocol
from lsr.screens.session import RELEARN
from lsr.workflow.folder import TEMPLATES

SEEDS = 10  # ties before the model has enough to learn from fall by chance
# What people would have carried on at title and abstract: eligible reports, whatever became of them later.
RELEVANT = {"included", "update-after-seed", "duplicate-report", "overlapping-population"}
Labelled = list[tuple[str, bool]]


def near(data: Path) -> Labelled:
    """The CD7 reports, eligible and near misses, and the other references of the published review."""
    reports = json.loads((data / "seed/cd7_reports.json").read_text("utf-8"))
    known = {_folded(report["title"]) for report in reports} | {report["doi"] for report in reports if report["doi"]}
    found = [(report["title"], report["role"] in RELEVANT) for report in reports]
    for reference in json.loads((data / "seed/seed_references.json").read_text("utf-8")):
        if reference["title"] and _folded(reference["title"]) not in known and reference["doi"] not in known:
            found.append((reference["title"], False))
    return found


def wide(data: Path) -> Labelled:
    """The same among haematology records of one PubMed file, none of which is eligible."""
    with (data / "pubmed/pubmed21n1298_haem_subset.xml").open("rb") as stream:
        records = [item for item in parse_pubmed(stream) if isinstance(item, Record)]
    return [*near(data), *((record.title, False) for record in records if record.title)]


def labelled_imports(data: Path) -> Iterator[tuple[str, int, int]]:
    """The import files that carry labels: name, relevant, not relevant."""
    for path in sorted((data / "imports").glob("*.csv")):
        with path.open(encoding="utf-8", errors="replace", newline="") as stream:
            labels = [row[key] for row in csv.DictReader(stream) for key in row if key and key.endswith("included")]
        if labels:
            yield path.name, labels.count("1"), labels.count("0")
    for path in sorted((data / "imports").glob("*.ris")):
        text = path.read_text("utf-8", errors="replace")
        kinds = [len(re.findall(rf"ASReview_{kind}\b", text)) for kind in ("relevant", "irrelevant")]
        if any(kinds):
            yield path.name, kinds[0], kinds[1]


def lines(data: Path) -> Iterator[str]:
    """The table of the README."""
    template = next(path for path in sorted(TEMPLATES.iterdir()) if (path / "protocol.toml").is_file())
    screen = parse_protocol((template / "protocol.toml").read_text("utf-8")).screen
    terms = screen.include_terms, screen.exclude_terms
    yield "| set | relevant / all | order | WSS@95, median (range) | read for 95% | found in the first 20% |"
    yield "|---|---|---|---|---|---|"
    for name, found in (("near", near(data)), ("wide", wide(data))):
        texts, relevant = [text for text, _ in found], [one for _, one in found]
        orders = {
            "terms alone": [sorted(range(len(texts)), key=lambda i: -term_score(texts[i], *terms))],
            "as shipped: terms, then both": [replay(texts, relevant, seed, terms, RELEARN) for seed in range(SEEDS)],
            "learnt, without terms": [replay(texts, relevant, seed, every=RELEARN) for seed in range(SEEDS)],
        }
        for told, runs in orders.items():
            each = [recall_of_order([relevant[i] for i in run]) for run in runs]
            saved = [one.wss for one in each]
            spread = f"{median(saved):.2f} ({min(saved):.2f} to {max(saved):.2f})"
            read, early = median(one.read_for_goal for one in each), median(dict(one.at)[0.2] for one in each)
            yield f"| {name} | {sum(relevant)} / {len(texts)} | {told} | {spread} | {read:g} | {early:.0%} |"
    yield ""
    for name, yes, no in labelled_imports(data):
        few = "" if min(yes, no) >= MIN_EACH else ": too few to learn from"
        yield f"- {name}: {yes} relevant, {no} not{few}"


def _folded(title: str) -> str:
    return re.sub(r"\W+", " ", title.lower()).strip()


if __name__ == "__main__":
    for line in lines(Path(sys.argv[1])):
        print(line)
