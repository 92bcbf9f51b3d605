"""The flow diagram: text stays in its box, arrows cross none, numbers are never broken, sums are printed."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from analysis.prisma import Arm, Flow, imbalances
from analysis.prisma_diagram import FONT, prisma_svg

SVG = "{http://www.w3.org/2000/svg}"
NOT_AVAILABLE = {"identified": "not available", "screened": "not available", "excluded": "not available"}
LONG = "Not a primary clinical report (review, editorial, guideline, protocol, trial in progress without results)"


@dataclass
class Drawn:
    """A box as it stands in the SVG."""

    id: str
    x: float
    y: float
    right: float
    bottom: float
    dashed: bool
    texts: list[tuple[float, float, str]]

    @property
    def words(self) -> str:
        return " ".join(words for _, _, words in self.texts).replace("\u00a0", " ")


def parse(svg: str) -> etree._Element:
    return etree.fromstring(svg.encode(), etree.XMLParser(resolve_entities=False))


def boxes(root: etree._Element) -> list[Drawn]:
    found = []
    for link in root.iter(f"{SVG}a"):
        rect = link.find(f"{SVG}rect")
        assert rect is not None
        x, y, width, height = (float(rect.attrib[name]) for name in ("x", "y", "width", "height"))
        texts = [(float(t.attrib["x"]), float(t.attrib["y"]), t.text or "") for t in link.iter(f"{SVG}text")]
        name = link.attrib["href"].partition("#")[2]
        found.append(Drawn(name, x, y, x + width, y + height, "stroke-dasharray" in rect.attrib, texts))
    return found


def segments(root: etree._Element) -> list[tuple[float, float, float, float]]:
    found = []
    for line in root.iter(f"{SVG}polyline"):
        points = [tuple(float(v) for v in point.split(",")) for point in line.attrib["points"].split()]
        found += [(*a, *b) for a, b in itertools.pairwise(points)]
    return found


def drawn_width(words: str) -> float:
    """Width in px as matplotlib measures it in DejaVu Sans: not by the table of the diagram itself."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family="DejaVu Sans", size=FONT)
    return float(text_to_path.get_text_width_height_descent(words, font, ismath=False)[0])


def arm(**counts: object) -> Arm:
    return Arm(**counts)  # type: ignore[arg-type]


def flow(databases: Arm, other: Arm | None = None, **counts: object) -> Flow:
    """A flow around two arms; what is not said follows from the arms."""
    both = {"databases": databases, "other": other or Arm()}
    included = sum(one.included for one in both.values())
    base: dict[str, object] = {
        "arms": both, "previous_studies": 13, "previous_reports": 14, "removed_since": 0, "new_studies": included,
        "new_reports": included, "new_reports_of_previous_studies": 0, "awaiting_link": 0,
        "total_studies": 13 + included, "total_reports": 14 + included, "previous_counts": NOT_AVAILABLE,
    }  # fmt: skip
    return Flow(**(base | counts))  # type: ignore[arg-type]


BUSY = arm(
    identified=60, sources={"pubmed": 35, "crossref": 25}, duplicates=10, other=1, previous=14, screened=33,
    excluded=20, awaiting_screening=2, sought=13, not_retrieved=1, awaiting_retrieval=1, assessed=10,
    excluded_reports={"X01": 2, "X06": 3}, awaiting_assessment=1, included=5,
)  # fmt: skip
HAND = arm(identified=21, sources={"ash": 21}, duplicates=2, screened=18, excluded=18, awaiting_screening=1)


def check_geometry(svg: str) -> list[Drawn]:
    root = parse(svg)
    _, _, width, height = (float(v) for v in root.attrib["viewBox"].split())
    found = boxes(root)
    for box in found:
        assert box.x >= 0
        assert box.right <= width
        assert box.bottom <= height
        for x, y, words in box.texts:
            assert x >= box.x
            assert x + drawn_width(words) <= box.right + 0.5, words
            assert box.y + FONT * 0.8 <= y <= box.bottom - FONT * 0.2, words
    for i, a in enumerate(found):
        for b in found[i + 1 :]:
            assert a.right <= b.x or b.right <= a.x or a.bottom <= b.y or b.bottom <= a.y, (a.id, b.id)
    for x0, y0, x1, y1 in segments(root):
        for box in found:
            across = min(x0, x1) < box.right - 0.2 and max(x0, x1) > box.x + 0.2
            along = min(y0, y1) < box.bottom - 0.2 and max(y0, y1) > box.y + 0.2
            assert not (across and along), f"an arrow runs through {box.id}"
    for text in root.iter(f"{SVG}text"):
        assert (text.text or "").count("(n") == len(re.findall(r"\(n\u00a0=\u00a0[\d,]+\)", text.text or ""))
    return found


def test_everything_stands_in_its_place() -> None:
    svg = prisma_svg(flow(BUSY, HAND, removed_since=2), title="A review", caption="As of 2026", reasons={"X01": LONG})
    found = {box.id: box for box in check_geometry(svg)}
    assert "Records identified (n = 60)" in found["box-databases-identified"].words
    assert "already in the previous version (n = 14)" in found["box-databases-removed"].words
    assert "duplicate records (n = 10)" in found["box-databases-removed"].words
    assert "Records removed before screening (n = 25)" in found["box-databases-removed"].words
    assert f"{LONG} (n = 2)" in found["box-databases-excluded-reports"].words
    assert "X06 (n = 3)" in found["box-databases-excluded-reports"].words
    assert "Records identified (n = 21)" in found["box-other-identified"].words
    assert "removed since: reports (n = 2)" in found["box-previous"].words
    assert "Total studies included in review (n = 18)" in found["box-total"].words


def test_printed_numbers_balance_row_by_row() -> None:
    """The boxes beside a main box are what is taken from it before the next one: read off the drawing itself."""
    found = boxes(parse(prisma_svg(flow(BUSY), title="", caption="")))
    mains = [
        box for name in ("identified", "screened", "sought", "assessed") for box in found if box.id.endswith(f"-{name}")
    ]
    first_number = lambda box: int(re.findall(r"\(n = ([\d,]+)\)", box.words)[0])  # noqa: E731
    for upper, lower in itertools.pairwise(mains):
        beside = [box for box in found if box.x > upper.x and upper.y <= box.y < upper.bottom]
        assert first_number(upper) - sum(map(first_number, beside)) == first_number(lower)
    beside = [box for box in found if box.x > mains[-1].x and mains[-1].y <= box.y < mains[-1].bottom]
    assert first_number(mains[-1]) - sum(map(first_number, beside)) == BUSY.included


def test_not_available_is_words_and_no_zero() -> None:
    found = {box.id: box for box in boxes(parse(prisma_svg(flow(BUSY), title="", caption="")))}
    words = found["box-previous"].words
    assert "not available" in words
    assert "n = 0" not in words
    assert "None" not in words


def test_empty_arms_and_boxes_that_nobody_awaits_are_left_out() -> None:
    quiet = arm(identified=3, sources={"pubmed": 3}, screened=3, excluded=3)
    found = [box.id for box in boxes(parse(prisma_svg(flow(quiet), title="", caption="")))]
    assert not [name for name in found if "-other-" in name or "awaiting" in name]
    fresh = [box.id for box in boxes(parse(prisma_svg(flow(Arm()), title="", caption="")))]
    assert fresh == ["box-previous", "box-new", "box-total"]
    nothing_before = flow(quiet, previous_studies=0, previous_reports=0, total_studies=0, total_reports=0)
    assert "box-previous" not in [b.id for b in boxes(parse(prisma_svg(nothing_before, title="", caption="")))]


def test_what_awaits_people_is_dashed_and_nothing_else() -> None:
    found = boxes(parse(prisma_svg(flow(BUSY, HAND, awaiting_link=1, new_reports=4), title="", caption="")))
    assert {box.id for box in found if box.dashed} == {box.id for box in found if "awaiting" in box.id}
    assert len([box for box in found if box.dashed]) == 5


def test_each_box_links_to_its_list() -> None:
    svg = prisma_svg(flow(BUSY, HAND), title="", caption="", link="prisma.html")
    hrefs = [link.attrib["href"] for link in parse(svg).iter(f"{SVG}a")]
    assert all(re.fullmatch(r"prisma\.html#box-[a-z-]+", href) for href in hrefs)
    assert len(set(hrefs)) == len(hrefs)


def test_hostile_words_are_text() -> None:
    hostile = '<script>alert(1)</script> & "quoted" \x07\u202e\ud800'
    svg = prisma_svg(flow(BUSY), title=hostile, caption=hostile, link='x"><script>', reasons={"X01": hostile})
    root = parse(svg)
    assert not list(root.iter(f"{SVG}script"))
    assert "\x07" not in svg
    assert "\u202e" not in svg
    check_geometry(svg)


def test_title_and_description_are_there_for_who_does_not_see() -> None:
    root = parse(prisma_svg(flow(BUSY, HAND), title="A review", caption=""))
    assert root.findtext(f"{SVG}title") == "A review"
    assert "60 records identified" in (root.findtext(f"{SVG}desc") or "")
    ids = {element.attrib["id"] for element in root.iter() if "id" in element.attrib}
    assert set(root.attrib["aria-labelledby"].split()) <= ids


def test_same_counts_same_bytes() -> None:
    drawings = {prisma_svg(flow(BUSY, HAND), title="A", caption="B", reasons={"X01": LONG}) for _ in range(3)}
    assert len(drawings) == 1


@st.composite
def balanced(draw: st.DrawFn) -> Arm:
    """An arm of any size that balances, with sources and reasons of any length."""
    n = lambda: draw(st.integers(0, 120_000))  # noqa: E731
    words = st.text(st.characters(codec="utf-8", exclude_characters="\u00a0"), min_size=1, max_size=90)
    reasons = draw(st.dictionaries(words, st.integers(1, 99_999), max_size=5))
    included, not_retrieved, retrieval, assessment, excluded, waiting = n(), n(), n(), n(), n(), n()
    assessed = included + sum(reasons.values())
    sought = assessed + not_retrieved + retrieval + assessment
    removed = {name: n() for name in ("duplicates", "automation", "other", "previous")}
    identified = sum(removed.values()) + waiting + excluded + sought
    return arm(
        identified=identified, sources={draw(words): identified}, screened=excluded + sought, excluded=excluded,
        awaiting_screening=waiting, sought=sought, not_retrieved=not_retrieved, awaiting_retrieval=retrieval,
        awaiting_assessment=assessment, assessed=assessed, excluded_reports=reasons, included=included, **removed,
    )  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(balanced(), balanced(), st.integers(0, 1_000_000), st.booleans())
def test_no_count_and_no_label_leaves_its_box(databases: Arm, other: Arm, link: int, loose: bool) -> None:
    link = min(link, databases.included + other.included) if loose else 0
    included = databases.included + other.included - link
    found = flow(databases, other, awaiting_link=link, new_reports=included, total_reports=14 + included)
    assert imbalances(found) == []
    check_geometry_without_font(prisma_svg(found, title="A review", caption="As of 2026"))


def check_geometry_without_font(svg: str) -> None:
    """As check_geometry; glyphs that DejaVu Sans lacks are measured as a whole em."""
    from analysis.prisma_diagram import text_width

    for box in boxes(parse(svg)):
        for x, y, words in box.texts:
            assert x + text_width(words) <= box.right, words
            assert box.y < y < box.bottom
