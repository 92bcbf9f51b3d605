"""What a protocol declares is computed, or named as not computed: nothing declared is dropped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis import estimates as names
from analysis.dataset import Dataset, Missing, _article, datasets
from analysis.estimation import fit, plain, pool_all
from analysis.refresh import METHOD, fingerprint
from analysis.sensitivity import (
    ALL_HAD_IT,
    ARTICLES,
    BOUNDS,
    FIRST_HAND,
    LEAVE_ONE_OUT,
    MODELS,
    NONE_HAD_IT,
    chosen,
    declared,
    not_computed,
)
from db.data import Value
from db.model import Row
from db.specs import OutcomeSpec
from lsr.workflow.folder import Open
from tests.conftest import Command

CR = OutcomeSpec("cr", "CR", "proportion", "infused")
DATA = Dataset(
    CR,
    "infused",
    (Row("a", "A", 3, 9), Row("b", "B", 4, 8, second_hand=True), Row("c", "C", 5, 5, composed=True)),
    (
        Missing("d", "D", "silent", 10),
        Missing("e", "E", "not-extracted", None),
        Missing("f", "F", "held-out", 7),
        Missing("g", "G", "not-in-source", 4),
    ),
    ("a", "b"),
)


def test_the_names_of_the_models_are_the_programs() -> None:
    assert set(MODELS.values()) == set(names.MODEL_TITLES)
    assert all(MODELS[model] == model for model in names.MODEL_TITLES)


def test_case_spaces_and_remarks_do_not_matter() -> None:
    said = declared(
        ["Evaluable denominators", "logit-REML-HK", "Freeman-Tukey-DL (reproduction only)", "ARCSINE", "articles  only",
         "leave_one_out", "best/worst case for unreported", "low risk of bias only", "primary data only"]
    )  # fmt: skip
    assert said.models == ("logit-reml-hk", "ftt-dl", "arcsine-reml-hk")
    assert said.reproduction_only == {"ftt-dl"}
    assert said.denominators == ("evaluable",)
    assert said.choices == (ARTICLES, LEAVE_ONE_OUT, *BOUNDS, FIRST_HAND)
    assert said.unknown == ("low risk of bias only",)


@given(st.lists(st.one_of(st.text(max_size=20), st.sampled_from(["Beta-Binomial", "articles only", "x denominators"]))))
def test_every_name_is_read_or_listed(written: list[str]) -> None:
    said = declared(written)
    for name in written:
        alone = declared([name])
        found = (*alone.models, *alone.choices, *alone.denominators, *alone.unknown)
        assert found, name
        assert set(found) <= {*said.models, *said.choices, *said.denominators, *said.unknown}
    assert set(not_computed(said, CR, [CR])) >= set(said.unknown)


def test_the_rows_of_each_choice() -> None:
    assert [row.study for row in chosen(DATA, ARTICLES)] == ["a", "b"]
    assert [row.study for row in chosen(DATA, FIRST_HAND)] == ["a", "c"]
    none, every = chosen(DATA, NONE_HAD_IT), chosen(DATA, ALL_HAD_IT)
    assert [(r.study, r.events, r.total) for r in none[3:]] == [("d", 0, 10), ("g", 0, 4)]  # held out counts elsewhere
    assert [(r.study, r.events, r.total) for r in every[3:]] == [("d", 10, 10), ("g", 4, 4)]
    assert none[:3] == every[:3] == DATA.rows


@pytest.mark.parametrize(
    ("kind", "types", "expected"),
    [
        ("primary-article", (), True),
        ("primary-abstract", ("Journal Article",), False),
        ("secondary-review", ("article",), True),
        ("secondary-review", ("meeting-abstract",), False),
        ("composed", ("Journal Article", "Congress"), False),
        ("composed", ("Preprint",), False),
        ("composed", (), False),
    ],
)
def test_an_article_is_one_by_its_extractors_or_its_publication_type(
    kind: str, types: tuple[str, ...], expected: bool
) -> None:
    value = Value("cr", "infused", "a", "reported", 1, 2, "r", "x", second_hand=False, source_kind=kind)
    assert _article(value, types) is expected


def test_bounds_need_patients_and_denominators_need_an_outcome() -> None:
    said = declared(["best/worst case", "evaluable denominators", "fancy denominators", "GRADE"])
    evaluable = OutcomeSpec("bm", "BM", "proportion", "with-marrow", "", ("evaluable",))
    assert set(not_computed(said, CR, [CR, evaluable])) == {"denominator fancy", "GRADE"}
    assert set(not_computed(said, evaluable, [CR, evaluable])) == {"denominator fancy", "GRADE", *BOUNDS}


def test_the_stored_estimates_hold_each_analysis_and_equal_a_fit_of_its_rows(opened: Open) -> None:
    found = datasets(opened.review.connection, opened.spec)
    body = pool_all(found, opened.spec)["cr"]
    main = next(d for d in found if (d.outcome.id, d.denominator) == ("cr", "infused"))
    synthesis = opened.spec.synthesis
    assert body["included"] == main.included == len(body["rows"]) + len(body["missing"]) == 13
    for model in ("ftt-dl", "logit-reml-hk", "arcsine-reml-hk"):
        assert body["sensitivity"][model] == plain(fit(main.rows, model, synthesis))
    for choice in (ARTICLES, FIRST_HAND, *BOUNDS):
        assert body["sensitivity"][choice] == plain(fit(chosen(main, choice), synthesis.model, synthesis))
    assert body["sensitivity"]["denominator evaluable"]["pooled"]
    assert [one["study"] for one in body["leave_one_out"]] == [row.study for row in main.rows]
    without = plain(fit(main.rows[1:], synthesis.model, synthesis))
    assert body["leave_one_out"][0]["estimate"] == without
    assert {"low risk of bias only", "one pooled report v its parts"} <= set(body["not_computed"])
    low, high = (body["sensitivity"][bound]["proportion"] for bound in BOUNDS)
    assert low < body["primary"]["proportion"] < high


def test_the_fingerprint_moves_with_what_is_declared(lsr: Command, review_folder: Path) -> None:
    assert METHOD == 3
    path = review_folder / "protocol.toml"
    first = json.loads(lsr("pool", "--json", "-R", review_folder).out)
    path.write_text(path.read_text("utf-8").replace('"leave-one-out", ', ""), "utf-8")
    second = json.loads(lsr("pool", "--json", "-R", review_folder).out)
    assert first["fingerprint"] != second["fingerprint"]
    assert first["estimates"]["cr"]["leave_one_out"]
    assert second["estimates"]["cr"]["leave_one_out"] == []


def test_pool_says_k_of_k_the_conventions_and_what_was_not_computed(lsr: Command, review_folder: Path) -> None:
    ran = lsr("pool", "-R", review_folder)
    assert ran.code == 0
    assert "11 of 13" in ran.out
    assert "95% CI: t with k − 1 df" in ran.err
    assert "declared, not computed: low risk of bias only (not known to this program" in ran.err
    assert "declared, not computed for agvhd_any, cr_bm, relapse_cd7neg: unreported: all had it" in ran.err


def test_an_article_moves_the_fingerprint(opened: Open) -> None:
    """What decides which rows an analysis has is part of what the pooling depends on."""
    found = datasets(opened.review.connection, opened.spec)
    assert any(data.articles for data in found)
    bare = [Dataset(d.outcome, d.denominator, d.rows, d.missing) for d in found]
    assert fingerprint(found, opened.spec) != fingerprint(bare, opened.spec)
