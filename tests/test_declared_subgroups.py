"""Subgroups that a protocol declares: computed from facts, or named as not computed with the reason; never absent."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.dataset import datasets
from analysis.declared_subgroups import PATIENTS, declared_subgroups, placed
from analysis.estimation import fit, plain, pool_all
from analysis.refresh import fingerprint
from db.specs import SubgroupSpec
from lsr.workflow.folder import Open
from tests.conftest import Command
from tests.test_sensitivity import DATA

BINDER = SubgroupSpec("binder", ("scFv", "nanobody"), "arm")
KNOWN = (("binder", "a", "scFv"), ("binder", "b", " SCFV"), ("binder", "c", "nanobody"))


def test_each_row_stands_in_the_level_that_its_fact_says() -> None:
    rows, reason = placed(replace(DATA, facts=KNOWN), BINDER)
    assert reason == ""
    assert [(row.study, row.group) for row in rows] == [("a", "scFv"), ("b", "scFv"), ("c", "nanobody")]


@pytest.mark.parametrize(
    ("facts", "spec", "why"),
    [
        (KNOWN[:2], BINDER, "of 1 of 3 studies no fact 'binder' says one of scFv, nanobody: C"),
        ((*KNOWN, ("binder", "c", "scFv")), BINDER, "of 1 of 3 studies"),  # its cohorts differ
        ((*KNOWN[:2], ("binder", "c", "nanobody (title)")), BINDER, "of 1 of 3 studies"),  # nothing is guessed
        (KNOWN, replace(BINDER, level="patient"), PATIENTS),
    ],
)
def test_what_cannot_be_placed_is_named(facts: tuple[tuple[str, str, str], ...], spec: SubgroupSpec, why: str) -> None:
    rows, reason = placed(replace(DATA, facts=facts), spec)
    assert rows == ()
    assert reason.startswith(why)


def test_every_declared_subgroup_is_computed_or_named(opened: Open) -> None:
    assert [one.id for one in opened.spec.subgroups] == ["hsct", "editing", "source", "binder", "disease"]
    for outcome, body in pool_all(datasets(opened.review.connection, opened.spec), opened.spec).items():
        for one in opened.spec.subgroups:
            assert (one.id in body["subgroups"]) != (f"subgroup {one.id}" in body["not_computed"]), outcome
        assert body["not_computed"]["subgroup hsct"] == PATIENTS


def test_the_levels_are_pooled_apart_and_tested_by_the_rule_only(opened: Open) -> None:
    main = next(d for d in datasets(opened.review.connection, opened.spec) if d.outcome.id == "cr")
    synthesis, k = opened.spec.synthesis, len(main.rows)
    for first, tested in ((5, True), (2, False)):
        facts = tuple(("binder", row.study, "scFv" if i < first else "nanobody") for i, row in enumerate(main.rows))
        found, lacking = declared_subgroups(replace(main, facts=facts), [BINDER], synthesis)
        assert lacking == {}
        body = found["binder"]
        part = [replace(row, group="nanobody") for row in main.rows[first:]]
        assert body["groups"]["nanobody"] == plain(fit(part, synthesis.model, synthesis))
        assert body["groups"]["scFv"]["pooled"] is tested
        assert (body["p_value"] is not None) is (tested and k >= 10)
        assert bool(body["not_tested"]) is not (tested and k >= 10)


def test_the_fingerprint_moves_with_subgroups_and_their_facts(opened: Open) -> None:
    found = datasets(opened.review.connection, opened.spec)
    names = {
        fingerprint(found, opened.spec),
        fingerprint(found, replace(opened.spec, subgroups=())),
        fingerprint([replace(found[0], facts=KNOWN), *found[1:]], opened.spec),
    }
    assert len(names) == 3


def test_pool_says_what_is_declared_and_not_computed(lsr: Command, review_folder: Path) -> None:
    ran = lsr("pool", "-R", review_folder)
    assert ran.code == 0
    for name in ("hsct", "editing", "source", "binder", "disease"):
        assert f"subgroup {name} (" in ran.err, name
    body = json.loads(lsr("pool", "--json", "-R", review_folder).out)["estimates"]["cr"]
    assert body["subgroups"] == {}
