"""The forest plot: what it says, where things stand, and that the same input gives the same bytes."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from typing import Any

import pytest

from analysis.forest import forest_png, forest_svg
from analysis.forest_lines import Line, notes, study_lines, summary_lines
from analysis.pooling import FTT_DL, NotPooled, Pooled, pool
from db.model import Row

SVG = "{http://www.w3.org/2000/svg}"
EVENTS = [8, 10, 10, 20, 10, 51]
TOTAL = [8, 12, 10, 20, 12, 54]
WORDS: dict[str, Any] = {"title": "CRS, any grade", "denominator": "patients infused", "reporting": (6, 9)}


def rows(events: Sequence[int] = EVENTS, total: Sequence[int] = TOTAL, **more: Any) -> list[Row]:
    pairs = zip(events, total, strict=True)
    return [Row(f"s{i}", f"Author {i} 2023", x, n, **more) for i, (x, n) in enumerate(pairs)]


def texts(svg: str) -> list[str]:
    return ["".join(found.itertext()) for found in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def draw(table: list[Row], model: str = "glmm-logit", **more: Any) -> str:
    return forest_svg(table, pool(table, model), **{**WORDS, **more})


def test_a_study_is_printed_as_counted_never_back_transformed() -> None:
    said = texts(draw(rows(), FTT_DL))
    assert {"51", "54", "94.4", "[84.6,", "98.8]"} <= set(said)
    assert "97.0" not in said


def test_the_plot_names_all_that_it_must() -> None:
    said = " ".join(texts(draw(rows(), also=[pool(rows(), FTT_DL)])))
    for part in (
        "CRS, any grade",
        "n: patients infused · 6 of 9 included studies report this outcome",
        "% of patients infused",
        "Random effects (GLMM, logit)",
        "Random effects (DL, Freeman-Tukey)",
        "95% prediction interval",
        "τ² =",
        "I² =",
        "df = 5",
        "(likelihood-ratio test)",
        "binomial-normal GLMM",
        "t with 5 df",
        "exact (Clopper-Pearson)",
    ):
        assert part in said, part


def test_pooled_numbers_are_those_of_the_estimate() -> None:
    table = rows()
    found = pool(table)
    assert isinstance(found, Pooled)
    line = summary_lines(found, [])[0]
    low, high = found.proportion_ci
    assert line.numbers == (f"{100 * found.proportion:.1f}", f"[{100 * low:.1f},", f"{100 * high:.1f}]")
    assert (line.events, line.total) == ("109", "116")
    assert line.centre == pytest.approx(100 * found.proportion)


def test_weights_are_shown_where_the_model_has_them_and_said_to_be_absent_where_not() -> None:
    weighted, plain = texts(draw(rows(), FTT_DL)), texts(draw(rows()))
    assert "Weight %" in weighted
    assert "100.0" in weighted
    assert "Weight %" not in plain
    assert "gives studies no weights" in " ".join(plain)


def test_marker_area_is_the_share_of_the_weight_or_of_n() -> None:
    table = rows()
    by_n, found = study_lines(table, pool(table)), pool(table, FTT_DL)
    assert isinstance(found, Pooled)
    assert found.weights is not None
    assert [line.share for line in by_n] == [n / 54 for n in TOTAL]
    assert [line.share for line in study_lines(table, found)] == pytest.approx(
        [weight / max(found.weights) for weight in found.weights]
    )


def test_second_hand_rows_have_another_shape_and_composed_ones_a_dagger() -> None:
    table = [*rows(), Row("p", "Pan 2021", 3, 7, composed=True), Row("q", "Hu 2022", 3, 7, second_hand=True)]
    lines = study_lines(table, pool(table))
    assert [line.kind for line in lines][-2:] == ["study", "second-hand"]
    assert lines[-2].label == "Pan 2021 †"
    said = " ".join(notes(table, pool(table), []))
    assert "† Composed for the demonstration" in said
    assert "second-hand" in said
    plain = " ".join(notes(rows(), pool(rows()), []))
    assert "†" not in plain
    assert "second-hand" not in plain


def test_markers_stand_at_the_raw_proportion_between_exact_bounds() -> None:
    lines = study_lines(rows(), pool(rows()))
    assert [line.centre for line in lines] == [100 * x / n for x, n in zip(EVENTS, TOTAL, strict=True)]
    assert (round(lines[5].low, 1), round(lines[5].high, 1)) == (84.6, 98.8)
    assert (lines[0].high, round(lines[0].low, 1)) == (100, 63.1)


def test_markers_at_0_and_100_percent_are_not_clipped() -> None:
    root = ElementTree.fromstring(draw([*rows(), Row("z", "Zed 2020", 0, 9)]))
    markers = [found for group in root.iter(f"{SVG}g") if "PathCollection" in group.get("id", "") for found in group]
    assert len(markers) >= 7
    assert not any("clip-path" in found.attrib for found in markers)


def test_what_is_not_pooled_has_no_diamond_and_its_reason() -> None:
    table = rows([5, 7, 9], [5, 7, 9])
    refused = pool(table)
    assert isinstance(refused, NotPooled)
    lines = summary_lines(refused, [])
    assert [line.kind for line in lines] == ["sum", "text"]
    assert lines[0].centre is None
    said = " ".join(texts(draw(table)))
    assert "every study has events in all its patients" in said
    assert "Random effects" not in said


def test_no_prediction_interval_below_five_studies() -> None:
    def kinds(table: list[Row]) -> list[Line]:
        return [line for line in summary_lines(pool(table), []) if line.kind == "prediction"]

    assert len(kinds(rows())) == 1
    few = rows(EVENTS[1:5], TOTAL[1:5])
    assert kinds(few) == []
    assert "fewer than 5 studies" in " ".join(notes(few, pool(few), []))


def test_groups_have_headings_in_order_of_appearance() -> None:
    table = [*rows(group="b"), Row("z", "Zed 2020", 3, 9, group="a")]
    lines = study_lines(table, pool(table))
    assert [line.label for line in lines if line.kind == "group"] == ["b", "a"]
    assert [line.kind for line in study_lines(rows(group="b"), pool(rows()))].count("group") == 0


def test_numbers_stand_right_aligned_in_their_columns() -> None:
    root = ElementTree.fromstring(draw(rows(), FTT_DL))
    anchored: dict[str, set[str]] = {}
    for found in root.iter(f"{SVG}text"):
        words = "".join(found.itertext())
        if re.fullmatch(r"[\d.]+\]", words):
            place = re.search(r"translate\(([\d.]+)", found.get("transform", "")) or re.search(
                r"([\d.]+)", found.get("x", "")
            )
            assert place
            assert "end" in found.get("style", "")
            anchored.setdefault(place[1], set()).add(words)
    assert len(anchored) == 1, anchored


def test_the_same_input_gives_the_same_bytes() -> None:
    table = rows()
    assert draw(table) == draw(table)
    assert forest_png(table, pool(table), **WORDS) == forest_png(table, pool(table), **WORDS)
    assert "<dc:date>" not in draw(table)


def test_height_grows_with_the_rows_and_no_row_overlaps() -> None:
    def height(svg: str) -> float:
        return float(ElementTree.fromstring(svg).get("height", "").removesuffix("pt"))

    few, many = draw(rows(EVENTS[:5], TOTAL[:5])), draw(rows(EVENTS * 10, TOTAL * 10))
    each = (height(many) - height(few)) / 55
    assert each == pytest.approx(0.245 * 72, rel=0.02)


def test_title_and_description_for_who_does_not_see_it() -> None:
    root = ElementTree.fromstring(draw(rows()))
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == "CRS, any grade"
    words = root.findtext(f"{SVG}desc") or ""
    assert "Author 5 2023 51/54" in words
    assert "percent of patients infused" in words


@pytest.mark.parametrize("label", ["<script>alert(1)</script>", "$x^2$ & Co", "a\x00\x1b[31m\nb", "张 2021", "x" * 300])
def test_hostile_labels_are_harmless(label: str) -> None:
    table = [*rows(), Row("h", label, 3, 9)]
    svg = draw(table, title=label, footnotes=[label])
    ElementTree.fromstring(svg)
    assert "<script" not in svg
    assert forest_png(table, pool(table), **WORDS).startswith(b"\x89PNG")


def test_weights_of_other_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="6 weights for 5 rows"):
        study_lines(rows()[:5], pool(rows(), FTT_DL))


def test_matplotlib_is_imported_only_to_draw_and_never_pyplot() -> None:
    code = (
        "import sys, analysis.forest; print('matplotlib' in sys.modules);"
        "from analysis.pooling import pool; from db.model import Row;"
        "rows = [Row(str(i), str(i), i + 1, 9) for i in range(5)];"
        "analysis.forest.forest_svg(rows, pool(rows), title='t', denominator='d', reporting=(5, 5));"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "False"]
