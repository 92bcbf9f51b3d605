"""Trials and the articles that a hand search found for them (IntoValue): how high the right article is ranked."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from curation import title_text, trial_articles
from curation.trial_articles import Trial, compete
from db.identifiers import registry_ids
from db.model import Author, Record

GRID = {"ACRONYM": (0.05, 0.1, 0.2), "YEAR": (0.03, 0.06, 0.1), "PHASE": (0.0, 0.04, 0.08)}
SHARPNESS = (0.02, 0.03, 0.05)
SEED = 20_261_125


@dataclass(frozen=True)
class Linked:
    """Trials, articles, for each trial the place of its article, and whether the article prints the trial's number."""

    trials: tuple[Trial, ...]
    articles: tuple[Record, ...]
    right: tuple[int, ...]
    prints: tuple[bool, ...]


def load(folder: Path, *, numbers: bool = False) -> Linked:
    """The files of linking/ under `folder`; registration numbers only with `numbers`."""
    trials = _rows(folder, "trials")
    articles = _rows(folder, "articles")
    links = {row["trial_id"]: row for row in _rows(folder, "links")}
    place = {row["pmid"]: at for at, row in enumerate(articles)}
    linked = [row for row in trials if row["id"] in links]
    return Linked(
        tuple(
            Trial(row["id"], (row["trial_title"],), row["start_date"], row["completion_date"], row["phase"])
            for row in linked
        ),
        tuple(_article(row, numbers) for row in articles),
        tuple(place[links[row["id"]]["pmid"]] for row in linked),
        tuple(links[row["id"]]["own_trn_in_meta"] == "True" for row in linked),
    )


def _rows(folder: Path, name: str) -> list[dict[str, str]]:
    (path,) = sorted((folder / "linking").glob(f"intovalue_{name}_*.csv"))
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _article(row: dict[str, str], numbers: bool) -> Record:
    people = (name.rpartition(" ") for name in row["authors"].split(", ") if name)
    return Record(
        "pubmed",
        row["pmid"],
        row["title"],
        authors=tuple(Author(family or given, given if family else "") for family, _, given in people),
        year=int(row["year"]) if row["year"] else None,
        journal=row["journal"],
        doi=row["doi"],
        registry_ids=registry_ids(row["trn_in_metadata_or_abstract"]) if numbers else (),
        publication_types=tuple(row["pubtype"].split("; ")),
    )


def ranks(scores: Any, right: Sequence[int]) -> Any:
    """The place of the right article of each trial, 1 the first; ties count against."""
    at = np.array(right)
    own = scores[np.arange(len(at)), at][:, None]
    return (scores >= own).sum(axis=1)


def recall(places: Any, at: int) -> float:
    """The share of trials whose article is among the first `at`."""
    return float((places <= at).mean())


@dataclass(frozen=True)
class Parts:
    """What the scores are made of, so that other weights cost no new reading of the titles."""

    titles: Any
    acronyms: Any
    years: Any
    phases: Any

    def scores(self, weights: dict[str, float]) -> Any:
        """The scores with these weights in place of the program's."""
        return (
            self.titles
            + weights["ACRONYM"] * self.acronyms
            + weights["YEAR"] * self.years
            + weights["PHASE"] * self.phases
        )


def parts(found: Linked) -> Parts:
    """The program's own evidence, each kind by itself."""
    titles = [" ".join(trial.titles) for trial in found.trials]
    theirs = [article.title for article in found.articles]
    alike = np.zeros((len(titles), len(theirs)))
    for terms in (title_text.words_of, title_text.pieces_of):
        ours, other, _ = title_text.vectors(titles, theirs, terms)
        alike += np.asarray((ours @ other.T).todense()) / 2
    acronyms = np.zeros_like(alike)
    for (row, column), (telling, _) in title_text.acronyms_met(titles, theirs).items():
        acronyms[row, column] = telling
    years = trial_articles.years_fit(found.trials, found.articles)
    phases = trial_articles.phases_fit(found.trials, found.articles)
    return Parts(alike, acronyms, years, phases)


def held_out(found: Linked, folds: int) -> tuple[float, float, list[dict[str, float]]]:
    """Recall at 1 and at 10 over trials whose fold chose no weight, and the weights that the other folds chose.

    All trials compete, since that takes no knowledge of links; only the choice of weights does.
    """
    made, right = parts(found), np.array(found.right)
    grid = _weights()
    tried = [ranks(compete(made.scores(weights), weights["SHARPNESS"]), right) for weights in grid]
    fold = np.random.default_rng(SEED).permutation(len(right)) % folds
    places = np.zeros(len(right), dtype=int)
    chosen = []
    for each in range(folds):
        rest = fold != each
        best = max(range(len(grid)), key=lambda at: recall(tried[at][rest], 1) + recall(tried[at][rest], 10))
        chosen.append(grid[best])
        places[fold == each] = tried[best][fold == each]
    return recall(places, 1), recall(places, 10), chosen


def halves(found: Linked, weights: dict[str, float]) -> list[tuple[float, float]]:
    """Recall at 1 and at 10 of each half of the trials with its own articles alone, and against all articles."""
    fold = np.random.default_rng(SEED).permutation(len(found.right)) % 2
    told = []
    for each in (0, 1):
        rows = np.flatnonzero(fold == each)
        own = sorted({found.right[row] for row in rows})
        for columns in (own, range(len(found.articles))):
            place = {column: at for at, column in enumerate(columns)}
            half = Linked(
                tuple(found.trials[row] for row in rows),
                tuple(found.articles[column] for column in columns),
                tuple(place[found.right[row]] for row in rows),
                (),
            )
            places = ranks(compete(parts(half).scores(weights)), half.right)
            told.append((recall(places, 1), recall(places, 10)))
    return told


def _weights() -> list[dict[str, float]]:
    grid = product(*GRID.values(), SHARPNESS)
    return [dict(zip((*GRID, "SHARPNESS"), values, strict=True)) for values in grid]
