"""The published figures, recomputed; and that what reproduces them feeds nothing else."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from analysis.refresh import refresh
from analysis.reproduction import reproduced, reproduction_table, rounds_to
from db import data
from lsr.workflow.folder import Open

PRINTED = {
    # outcome: estimate, lower, upper (percent), I2, p, as the paper prints them
    "crs_any": ("94", "88", "98", "32.71", "0.12"),
    "cr": ("87", "80", "94", "29.65", "0.15"),
    "icans_any": ("4", "1", "7", "0", "0.72"),
}


@pytest.mark.parametrize("outcome", PRINTED)
def test_the_published_figures_to_every_printed_digit(opened: Open, outcome: str) -> None:
    fit = reproduced(opened.review.connection)[outcome]
    ours = (fit.proportion * 100, fit.proportion_ci[0] * 100, fit.proportion_ci[1] * 100, fit.I2, fit.Q_p)
    for value, printed in zip(ours, PRINTED[outcome], strict=True):
        assert rounds_to(value, printed), (value, printed)


def test_icans_between_its_digits(opened: Open) -> None:
    fit = reproduced(opened.review.connection)["icans_any"]
    assert [round(bound * 100, 2) for bound in fit.proportion_ci] == [0.78, 7.46]


def test_every_printed_figure_is_same_or_has_its_reason(opened: Open) -> None:
    lines = reproduction_table(opened.review.connection)
    assert len(lines) > 40
    assert all(line.same or line.reason for line in lines)
    assert {line.key for line in lines if line.same is False} == {"cr.events", "cr.total", "crs_g3.discussion"}


def test_the_contradictions_of_the_paper_are_kept(opened: Open) -> None:
    previous = data.previous_review(opened.review.connection)
    assert previous is not None
    first = previous["contradictions"][0]
    assert "166" in first["arithmetic"]
    assert "39.13" in first["arithmetic"]


def test_changing_a_primary_reading_parts_the_two_tables(opened: Open) -> None:
    """The published estimate follows the primary reading; the reproduction does not know of it."""
    review = opened.review
    before = refresh(review, opened.spec)
    table = reproduction_table(review.connection)
    cell = next(
        cell for cell in data.cells(review.connection)
        if cell.study == "study:ghobadi-2023" and cell.outcome == "cr" and cell.role == "primary"
        and cell.denominator == "infused"
    )  # fmt: skip
    assert (cell.events, cell.total) == (7, 18)
    body = {key: value for key, value in asdict(cell).items() if key != "second_hand"}
    body |= {"events": 12, "origin": "previous", "round": "", "quotation": ""}
    with review.transaction():
        review.append("a test", "datum", body)
    after = refresh(review, opened.spec)
    assert after.pooled
    assert after.estimates["cr"]["primary"]["proportion"] != before.estimates["cr"]["primary"]["proportion"]
    assert after.estimates["crs_any"] == before.estimates["crs_any"]
    assert reproduction_table(review.connection) == table


def test_no_reading_that_reproduces_is_pooled(opened: Open) -> None:
    pooled = {(v.study, v.outcome, v.reading) for v in data.pool_values(opened.review.connection)}
    chosen = {(v.study, v.outcome, v.reading) for v in data.reproduction_values(opened.review.connection)}
    assert len(chosen) == 52
    assert not pooled & chosen


def test_absence_is_no_zero(opened: Open) -> None:
    estimates = refresh(opened.review, opened.spec).estimates
    icans = estimates["icans_any"]
    assert len(icans["rows"]) == 7
    assert {m["status"] for m in icans["missing"]} == {"not-in-source"}
    said_none = [row for row in icans["rows"] if row["events"] == 0]
    assert {row["label"] for row in said_none} == {"Li S 2023", "Zhang X 2023b"}


def test_half_way_figures_may_round_either_way() -> None:
    assert rounds_to(0.125, "0.12")
    assert rounds_to(0.125, "0.13")
    assert not rounds_to(0.1249, "0.13")
