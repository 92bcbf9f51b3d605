"""Duplicates: time and accuracy of ours at scale, and beside BibDedupe and splink on the labelled sets."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.row import LABELLED

AT = "2026-01-05T06:00:00Z"
# splink: the level from which a pair is taken for one publication; its documentation's example of clustering.
SPLINK_THRESHOLD = 0.95


def dedupe(count: str) -> tuple[float, int]:
    """Pairs and clusters among made-up records of several databases."""
    from benchmarks.bibliography import bibliography
    from curation.clusters import clusters
    from curation.compact import CompactRecords
    from curation.dedupe import find_duplicates

    records = CompactRecords(record for record, _ in bibliography(int(count)))
    start = time.process_time()
    clusters(records, find_duplicates(records))
    return time.process_time() - start, len(records)


def scale(count: str) -> dict[str, Any]:
    """Publications lost and duplicates removed among made-up records, whose truth is known."""
    from benchmarks.bibliography import bibliography
    from curation.clusters import clusters, unsettled
    from curation.compact import CompactRecords
    from curation.dedupe import find_duplicates

    truth: dict[str, int] = {}

    def told() -> Any:
        for record, publication in bibliography(int(count)):
            truth[record.id] = publication
            yield record

    records = CompactRecords(told())
    found = find_duplicates(records)
    kept = clusters(records, found)
    removed, lost, missed = removed_view(truth, kept)
    return {"removed": removed, "lost": lost, "missed": missed, "queued": len(unsettled(found, kept)),
            "recall": removed / max(1, removed + missed)}  # fmt: skip


def removed_view(gold: Mapping[str, object], kept: Mapping[str, str]) -> tuple[int, int, int]:
    """Duplicates removed, publications lost, duplicates kept; of each cluster one record is kept (Hair 2023)."""
    entities = [gold[record] for record, head in kept.items() if record == head]
    lost = len(set(gold.values())) - len(set(entities))
    return len(gold) - len(entities) - lost, lost, len(entities) - len(set(entities))


def make_known(folder: str, count: str, new: str) -> tuple[float, int]:
    """Preparation: a review with an index of `count` known records, and `new` more that just came."""
    from itertools import islice

    from benchmarks.bibliography import bibliography
    from benchmarks.db_scale import PROTOCOL
    from curation.blocking import KEY_VERSION
    from curation.increment import keys_of
    from db import blocks
    from db.records import RunNote, store_run
    from db.review import Review

    start = time.process_time()
    Path(folder).mkdir()
    records = (record for record, _ in bibliography(int(count) + int(new)))
    with Review.create(Path(folder), clock=lambda: AT) as review:
        with review.transaction():
            review.append("ed", "protocol", PROTOCOL)
        store_run(review, RunNote("known", "databases", "benchmark", AT, None), islice(records, int(count)))
        blocks.fill(review, keys_of, KEY_VERSION)
        store_run(review, RunNote("new", "databases", "benchmark", AT, None), records)
    return time.process_time() - start, int(count)


def week(folder: str) -> tuple[float, int]:
    """The last run's records against all others: index brought up to date, groups read and compared, clusters."""
    from curation.blocking import KEY_VERSION
    from curation.clusters import clusters
    from curation.increment import keys_of, touched
    from db import blocks
    from db.review import Review

    with Review.open(Path(folder)) as review:
        connection = review.connection
        rows = connection.execute("SELECT record FROM found WHERE run = (SELECT id FROM run ORDER BY n DESC LIMIT 1)")
        ids = [record for (record,) in rows]
        with review.transaction():  # left as it was, so that each run finds the same
            start = time.process_time()
            blocks.fill(review, keys_of, KEY_VERSION)
            new = list(blocks.load(connection, ids))
            found = touched(new, lambda keys: blocks.having(connection, keys), lambda w: blocks.load(connection, w))
            clusters(found.records, found.duplicates)
            took = time.process_time() - start
            connection.execute("ROLLBACK")
            connection.execute("BEGIN")
    return took, len(ids)


Found = tuple[dict[str, str], int]
"""Record → the record kept for it; and how many records are put before people."""


def _ours(name: str) -> Found:
    from curation.clusters import clusters, unsettled
    from curation.dedupe import find_duplicates
    from curation.recordtable import read_records

    records = read_records(LABELLED / f"{name}_records.csv")
    found = find_duplicates(records)
    kept = clusters(records, found)
    queued = {end for pair in unsettled(found, kept) for end in (pair.record, pair.same_as)}
    return {record.native_id: kept[record.id].partition(":")[2] for record in records}, len(queued)


def _bibdedupe(name: str) -> Found:
    """As its documentation has it: prep, block, match, cluster. One process, so that its CPU time is all counted."""
    import pandas as pd
    from bib_dedupe.bib_dedupe import block, cluster, match, prep

    table = pd.read_csv(LABELLED / f"{name}_records.csv", dtype=str, keep_default_na=False)
    table = table.rename(columns={"id": "ID", "entrytype": "ENTRYTYPE"})
    matched = match(block(prep(table, verbosity_level=0, cpu=1), verbosity_level=0, cpu=1), verbosity_level=0, cpu=1)
    queued = set(matched.loc[matched["duplicate_label"] == "maybe", "ID_2"]) if len(matched) else set()
    return _kept(table["ID"], cluster(matched, verbosity_level=0)), len(queued)


def _splink(name: str) -> Found:
    """Fellegi and Sunter's model: titles and authors by Jaro-Winkler, the rest exact, trained on the set itself."""
    import pandas as pd
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    table = pd.read_csv(LABELLED / f"{name}_records.csv", dtype=str)
    for column in ("title", "author", "year", "journal", "volume", "pages", "doi"):
        given = table[column] if column in table else pd.Series(None, index=table.index, dtype=object)
        plain = given.str.lower().str.replace(r"[^\w ]", " ", regex=True).str.split().str.join(" ")
        table[column] = plain.where(plain.fillna("") != "", None)
    table["start"] = table["title"].str.replace(" ", "").str[:20]
    rules = [block_on("start"), block_on("doi"), block_on("volume", "pages"), block_on("author", "year")]
    settings = SettingsCreator(
        link_type="dedupe_only", unique_id_column_name="id", blocking_rules_to_generate_predictions=rules,
        comparisons=[
            cl.JaroWinklerAtThresholds("title", [0.97, 0.9]), cl.JaroWinklerAtThresholds("author", [0.95, 0.85]),
            cl.JaroWinklerAtThresholds("journal", [0.95, 0.85]), cl.ExactMatch("year"), cl.ExactMatch("volume"),
            cl.ExactMatch("pages"), *([cl.ExactMatch("doi")] if table["doi"].notna().any() else []),
        ],
    )  # fmt: skip
    database = DuckDBAPI()
    linker = Linker(database.register(table), settings)
    train = linker.training
    train.estimate_probability_two_random_records_match([block_on("title")], recall=0.8)
    train.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    train.estimate_parameters_using_expectation_maximisation(block_on("start"))
    train.estimate_parameters_using_expectation_maximisation(block_on("volume", "pages"))
    predictions = linker.inference.predict(threshold_match_probability=0.5)
    grouped = linker.clustering.cluster_pairwise_predictions_at_threshold(predictions, SPLINK_THRESHOLD)
    frame = grouped.as_pandas_dataframe()
    sets = [list(ids) for _, ids in frame.groupby("cluster_id")["id"] if len(ids) > 1]
    return _kept(table["id"], sets), 0


def _kept(ids: Any, sets: list[list[str]]) -> dict[str, str]:
    kept = {record: record for record in ids}
    for members in sets:
        kept |= dict.fromkeys(members, min(members))
    return kept


MODULES = {
    "ours": ("curation.clusters", "curation.dedupe", "curation.recordtable"),
    "BibDedupe": ("pandas", "bib_dedupe.bib_dedupe"),
    "splink": ("pandas", "splink", "splink.comparison_library", "splink.internals.duckdb.database_api"),
}
TOOLS: dict[str, Callable[[str], Found]] = {"ours": _ours, "BibDedupe": _bibdedupe, "splink": _splink}


def labelled(tool: str, name: str) -> dict[str, Any]:
    """What a tool makes of a labelled set in the "removed" view, and its CPU seconds, reading included, imports not."""
    for module in MODULES[tool]:
        import_module(module)
    start = _cpu()
    kept, queued = TOOLS[tool](name)
    took = _cpu() - start
    with (LABELLED / f"{name}_gold.csv").open(encoding="utf-8") as stream:
        gold = {row[0]: row[1] for row in list(csv.reader(stream))[1:]}
    removed, lost, missed = removed_view(gold, kept)
    return {"removed": removed, "lost": lost, "missed": missed, "queued": queued, "seconds": took}


def of_set(tool: str, name: str) -> tuple[float, int]:
    """The CPU time of `labelled`, for a ratio."""
    found = labelled(tool, name)
    return found["seconds"], 0


def _cpu() -> float:
    """User and system time of this process and of those it waited for."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


TASKS: dict[str, Callable[..., tuple[float, int]]] = {
    "dedupe": dedupe, "make_known": make_known, "week": week, "of_set": of_set,
}  # fmt: skip
FINDINGS: dict[str, Callable[..., dict[str, Any]]] = {"scale": scale, "labelled": labelled}
