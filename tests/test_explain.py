"""Every number traced to the rows it came from; and the estimates as each version froze them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from analysis.explain import explain
from analysis.history import history
from db import data
from lsr.workflow.folder import Open
from lsr.workflow.refresh import refresh
from tests.conftest import Command


def trace(opened: Open, outcome: str) -> dict[str, Any]:
    spec = next(one for one in opened.spec.outcomes if one.id == outcome)
    return explain(opened.review.connection, spec, refresh(opened).estimates[outcome])


@pytest.mark.parametrize("outcome", ["cr", "crs_any", "icans_any", "cr_bm", "nrm"])
def test_every_row_and_every_value_in_force_has_its_place(demo: Open, outcome: str) -> None:
    found = trace(demo, outcome)
    assert found["k"] + len(found["missing"]) == found["included"] == 14
    for row in found["rows"]:
        assert row["report"]
        assert row["reading"]
        assert row["place"]
        assert row["origin"] in ("previous", "agreed", "resolved")
        assert bool(row["given_by"]) == (row["origin"] != "previous") == (not row["second_hand"])
    assert sum(row["events"] for row in found["rows"]) == found["estimate"]["events"]
    assert sum(row["total"] for row in found["rows"]) == found["estimate"]["total"]
    cells = [cell for cell in data.cells(demo.review.connection) if cell.outcome == outcome]
    assert len(found["rows"]) + len(found["other_values"]) == len(cells)  # nothing in force is left untold
    assert all(one["not_used"] for one in found["other_values"])
    if found["k"] >= 3:
        assert "t with" in found["model"]["ci_convention"]


def test_who_gave_a_value_and_how_it_was_settled(demo: Open) -> None:
    rows = {row["label"]: row for row in trace(demo, "cr")["rows"]}
    given = rows["Tan 2022"]
    assert (given["origin"], given["source_kind"]) == ("agreed", "composed")
    assert given["given_by"] == [{"who": "demo-a", "as": "extracted"}, {"who": "demo-b", "as": "extracted"}]
    assert rows["Chen 2023"]["given_by"] == []


def test_missing_and_held_out_studies_say_why(demo: Open) -> None:
    with demo.review.transaction():
        both = {"a": "study:chen-2023", "b": "study:tan-2023", "certainty": "probable", "patients": None}
        demo.review.append("demo-a", "overlap", both | {"keep": "study:tan-2023", "why": "one centre"})
    found = trace(demo, "cr")
    missing = {one["label"]: one for one in found["missing"]}
    assert missing["Chen 2023"]["status"] == "held-out"
    assert "study:tan-2023" in missing["Chen 2023"]["why"]
    assert missing["Zhang Y 2023"]["status"] == "not-in-source"
    assert missing["Zhang Y 2023"]["why"].startswith("Table 1 gives CR in the marrow")
    assert "study:chen-2023" not in {row["study"] for row in found["rows"]}


def test_no_quotation_leaves(lsr: Command, demo_folder: Path, demo: Open) -> None:
    quotations = {row[0] for row in demo.review.connection.execute("SELECT quotation FROM datum WHERE quotation <> ''")}
    for words in (("--explain", "cr"), ("--explain", "cr", "--json")):
        ran = lsr("pool", *words, "-R", demo_folder)
        assert ran.code == 0
        assert not any(quotation in ran.out for quotation in quotations)
        assert "quotation" not in ran.out


def test_explain_in_words(lsr: Command, demo_folder: Path) -> None:
    out = lsr("pool", "--explain", "cr", "-R", demo_folder).out
    assert "13 of 14 included studies, patients infused" in out
    assert re.search(r"95% CI: t with 12 df", out)
    assert re.search(r"Tan 2022\s+42/55\s+composed for the demonstration\s+agreed \(demo-a, demo-b\)", out)
    assert "another reading: feeds the multiverse alone" in out


def test_the_history_is_what_was_frozen(demo: Open, lsr: Command, demo_folder: Path) -> None:
    versions = data.versions(demo.review.connection)
    lines = history(versions)
    assert len(lines) == sum(len(version.frozen["estimates"]) for version in versions)
    for line in lines:
        frozen = next(v for v in versions if v.number == line["version"]).frozen["estimates"][line["outcome"]]
        assert line["estimate"] == frozen["primary"].get("proportion")
        assert line["k"] == len(frozen["rows"])
    first, last = (next(x for x in lines if (x["version"], x["outcome"]) == (v, "cr")) for v in ("1.0", "1.1"))
    assert first["change"] is None
    assert last["change"] == pytest.approx(last["estimate"] - first["estimate"])
    assert last["moved_by"] == "Tan 2022"
    assert "t with 12 df" in last["conventions"][0]
    told = json.loads(lsr("pool", "--history", "--json", "-R", demo_folder).out)
    assert told["estimates"] == lines
    assert "not adjusted" in told["note"]
    ran = lsr("pool", "--history", "-R", demo_folder)
    assert re.search(r"1\.1 .* cr_bm +1 of 14 +7/7 +not pooled +exact 59\.0–100\.0", ran.out)
    for words in ("95% CI: t with k − 1 df", "95% prediction interval: t with k − 1 df", "the median study's"):
        assert words in ran.out + ran.err


def test_a_frozen_version_of_an_older_method_is_told_as_it_stands(demo: Open) -> None:
    """Bodies frozen before an estimate had more fields than these; nothing is recomputed to fill them."""
    (first, _) = data.versions(demo.review.connection)
    for body in first.frozen["estimates"].values():
        for name in ("included", "leave_one_out", "not_computed", "articles"):
            body.pop(name)
    assert [line["included"] for line in history([first])] == [13] * 15


def test_no_version_yet(lsr: Command, review_folder: Path) -> None:
    ran = lsr("pool", "--history", "-R", review_folder)
    assert (ran.code, ran.out) == (0, "No version is published yet.\n")
