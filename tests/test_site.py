"""The site: nothing private or harmful leaves, every link leads somewhere, the same review gives the same bytes."""

from __future__ import annotations

import csv
import io
import json
import posixpath
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from lxml import etree, html

from analysis.escape import csv_cell, doi_url, file_names, pubmed_url, report_url, trial_url
from analysis.forest import forest_svg
from analysis.pages import evidence, render_site
from analysis.refresh import refresh
from db.ledger import heads
from db.model import Author, Record
from db.records import RunNote, store_run
from lsr.workflow import folder
from lsr.workflow.folder import Open
from lsr.workflow.refresh import frozen_now

NOW = "2026-03-08T06:00:00Z"
SEARCHED = "2026-03-07T06:00:00Z"
ABSTRACT = "Sentinel sentence of an abstract zqx1"
QUOTATION = "Sentinel sentence of a quotation zqx2"
HOSTILE = (
    '=HYPERLINK("http://evil.example/x","y")<script>alert(1)</script><img src=x onerror=alert(2)>\x07\x1b[31m\u202e'
)
LABEL = '=cmd|" /C calc"!A0<b>&\x00'
FACT = "+SUM(1)<iframe src=javascript:alert(3)>"
COMPOSED = "composed for the test"


def records() -> list[Record]:
    """Eight records: hostile where a record can be, and one for each kind of box."""
    first = Record(
        "pubmed", "1", HOSTILE, ABSTRACT, (Author(family="<i>Eve"),), 2025, journal="J<u>", doi='10.1000/e"onclick=x',
        pmid="1", url="javascript:alert(1)", composed=COMPOSED,
    )  # fmt: skip
    plain = [Record("pubmed", str(n), f"Title {n}", ABSTRACT, year=2025, pmid=str(n)) for n in range(2, 9)]
    return [first, *plain]


class Script:
    """Writes entries as the workflow would, by two reviewers who always agree."""

    def __init__(self, opened: Open) -> None:
        self.opened = opened
        self.review = opened.review

    def append(self, author: str, kind: str, **body: Any) -> None:
        with self.review.transaction():
            self.review.append(author, kind, body)

    def run(self, source: str, arm: str, found: list[Record], **more: Any) -> None:
        note = RunNote(source, arm, "a query", SEARCHED, None, log=(("translation", "<b>bold</b>"),), **more)
        store_run(self.review, note, found)

    def vote(self, report: str, stage: str, verdict: str, reason: str | None = None) -> None:
        for author in ("A", "B"):
            self.append(
                author,
                "vote",
                report=report,
                stage=stage,
                round="",
                verdict=verdict,
                reason=reason,
                note="not for pages",
            )

    def include(self, report: str, study: str, label: str) -> None:
        self.vote(report, "title-abstract", "include")
        self.append("A", "retrieval", report=report, got=1)
        self.vote(report, "full-text", "include")
        self.append("A", "study", study=study, label=label, patients=20)
        self.append("A", "link", report=report, study=study, state="linked", evidence=["same trial"])

    def extract(
        self, study: str, outcome: str, events: int | None, total: int | None, status: str = "reported"
    ) -> None:
        denominator = next(o.denominator for o in self.opened.spec.outcomes if o.id == outcome)
        for author in ("A", "B"):
            self.append(
                author, "datum", study=study, cohort="all", outcome=outcome, timepoint="", denominator=denominator,
                reading="as printed", role="primary", round="", report="pubmed:1", origin="extracted", status=status,
                events=events, total=total, place="Table 2", quotation=QUOTATION, source_kind="primary-article",
                confidence="sure", why="",
            )  # fmt: skip

    def publish(self, number: str) -> None:
        frozen = frozen_now(self.opened)
        self.append("A", "version", number=number, reason="a reason <b>", heads=heads(self.review.connection),
                    frozen=frozen, signed_by=["A", "B"], demonstration=False)  # fmt: skip


def fill(opened: Open) -> None:
    """A week's work: every box of the diagram has something in it."""
    play = Script(opened)
    reason = opened.spec.reasons[0].code
    play.run("pubmed", "databases", records())
    play.run("crossref", "databases", [Record("crossref", "10.1000/two", "Title 2", ABSTRACT, doi="10.1000/two")])
    play.run("ash", "organisations", [Record("ash", "x1", "A meeting abstract", ABSTRACT)], composed=COMPOSED)
    previous = next(row for row in play.review.connection.execute("SELECT report FROM previous ORDER BY 1"))[0]
    play.append("machine:dedupe", "assign", items=[["crossref:10.1000/two", "pubmed:2", "same title"]])
    play.append("machine:dedupe", "assign", items=[["pubmed:8", previous, "same DOI"]])
    play.vote("pubmed:2", "title-abstract", "exclude", reason)
    play.include("pubmed:1", "study:new<1>", LABEL)
    play.extract("study:new<1>", "cr", 15, 20)
    play.extract("study:new<1>", "crs_any", None, None, "silent")
    play.append("A", "fact", study="study:new<1>", cohort="all", field="conditioning", status="reported", value=FACT,
                report="pubmed:1", place="page 2", source_kind="primary-article")  # fmt: skip
    for n, got in (("3", None), ("4", 0), ("5", 1), ("6", 1), ("7", 1)):
        play.vote(f"pubmed:{n}", "title-abstract", "include")
        if got is not None:
            play.append("A", "retrieval", report=f"pubmed:{n}", got=got)
    play.vote("pubmed:5", "full-text", "exclude", reason)
    play.vote("pubmed:6", "full-text", "include")  # and no study yet; pubmed:7 awaits assessment


def pages_of(opened: Open, now: str = NOW) -> dict[str, str]:
    return render_site(opened.review.connection, opened.spec, refresh(opened.review, opened.spec), now=now)


@pytest.fixture(scope="module", autouse=True)
def plots_drawn_once() -> Iterator[None]:
    """Plots are most of the time of a site, and many sites here show the same ones: drawn once for the same input."""
    drawn: dict[str, str] = {}

    def remembered(*args: Any, **named: Any) -> str:
        key = repr((args, sorted(named.items())))
        if key not in drawn:
            drawn[key] = forest_svg(*args, **named)
        return drawn[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evidence, "forest_svg", remembered)
        yield


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    path = tmp_path_factory.mktemp("site") / "review"
    folder.init(path, folder.templates()[0])
    with folder.open_review(path) as found:
        Script(found).publish("1.0")
        fill(found)
        yield found


@pytest.fixture(scope="module")
def pages(opened: Open) -> dict[str, str]:
    return pages_of(opened)


@pytest.fixture(scope="module")
def trees(pages: dict[str, str]) -> dict[str, html.HtmlElement]:
    return {path: html.document_fromstring(text) for path, text in pages.items() if path.endswith(".html")}


def test_the_pages_are_there(pages: dict[str, str], opened: Open) -> None:
    fixed = {"index", "studies", "prisma", "reproduction", "search-log", "versions", "methods", "versions/1.0"}
    outcomes = {f"outcomes/{o.id}" for o in opened.spec.outcomes if o.measure == "proportion"}
    assert {f"{name}.html" for name in fixed | outcomes} <= set(pages)
    assert {"style.css", "data/estimates.json", "data/included.csv", "data/values.csv"} <= set(pages)
    assert len([path for path in pages if path.startswith("studies/")]) == 14


def test_no_abstract_no_quotation_and_no_note_of_a_vote_leaves(pages: dict[str, str]) -> None:
    for path, text in pages.items():
        for private in (ABSTRACT, QUOTATION, "zqx", "not for pages"):
            assert private not in text, path


def test_hostile_text_is_only_text(pages: dict[str, str], trees: dict[str, html.HtmlElement]) -> None:
    assert "alert(1)" in pages["prisma.html"]  # it is shown, as text
    for path, text in pages.items():
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", text), path
    for path, tree in trees.items():
        for tag in ("script", "iframe", "img", "b", "i", "u", "form", "object"):
            assert not tree.xpath(f"//{tag}"), (path, tag)
        for element in tree.iter():
            assert not [name for name in element.attrib if name.lower().startswith("on")], path


def test_links_lead_to_known_places_only(trees: dict[str, html.HtmlElement]) -> None:
    hosts = {"doi.org", "pubmed.ncbi.nlm.nih.gov", "clinicaltrials.gov", "www.isrctn.com", "trialsearch.who.int"}
    seen = set()
    for path, tree in trees.items():
        for element, attribute, link, _ in tree.iterlinks():
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                assert (parts.scheme, element.tag, attribute) == ("https", "a", "href"), (path, link)
                assert parts.netloc in hosts, (path, link)
                seen.add(parts.netloc)
    assert "doi.org" in seen


def test_every_internal_link_and_anchor_is_there(pages: dict[str, str], trees: dict[str, html.HtmlElement]) -> None:
    ids = {path: tree.xpath("//@id") for path, tree in trees.items()}
    for path, found in ids.items():
        assert len(found) == len(set(found)), f"{path}: ids twice"
    count = 0
    for path, tree in trees.items():
        for link in tree.xpath("//@href"):
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), parts.path)) if parts.path else path
            assert target in pages, (path, link)
            assert not parts.fragment or parts.fragment in ids[target], (path, link)
            count += 1
    assert count > 500
    assert len(trees["prisma.html"].xpath("//svg//a/@href")) > 15


def test_pages_are_well_formed_and_accessible(pages: dict[str, str], trees: dict[str, html.HtmlElement]) -> None:
    for path, text in pages.items():
        if not path.endswith(".html"):
            continue
        parser = etree.HTMLParser()
        etree.fromstring(text, parser)
        # libxml2 knows HTML 4: main, nav, svg … are "unknown tags" (801) to it, and that alone.
        faults = [e for e in parser.error_log if e.type_name != "HTML_UNKNOWN_TAG"]
        assert not faults, (path, faults[0])
        tree = trees[path]
        assert len(tree.xpath("//h1")) == 1, path
        assert tree.get("lang") == "en"
        assert tree.xpath("//a[@class='skip']/@href") == ["#main"]
        assert not tree.xpath("//table[not(.//th[@scope])]"), path
        for table in tree.xpath("//table[not(caption)]"):
            assert table.getparent().get("aria-label"), path


def test_colours_keep_their_contrast(pages: dict[str, str]) -> None:
    """WCAG 2.1, 1.4.3: at least 4.5:1 for text, in the light and in the dark set."""
    blocks = re.findall(r":root \{(.*?)\}", pages["style.css"], re.DOTALL)[:2]

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for block in blocks:
        colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
        pairs = [(ink, ground) for ink in ("ink", "soft", "link") for ground in ("ground", "panel")]
        pairs += [(name, f"{name}-ground") for name in ("good", "wait", "bad")]
        pairs += [(name, "ground") for name in ("good", "bad")] + [("good", "panel"), ("bad", "panel")]
        for ink, ground in pairs:
            light, dark = sorted((luminance(colours[ink]), luminance(colours[ground])), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, ground)
    assert len(blocks) == 2


def test_same_review_same_bytes(opened: Open, pages: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "forest_svg", forest_svg)
    assert pages_of(opened) == pages


def test_tables_hold_no_formula_and_no_broken_line(pages: dict[str, str]) -> None:
    for name in ("included", "values"):
        lines = list(csv.reader(io.StringIO(pages[f"data/{name}.csv"])))
        assert {len(line) for line in lines} == {len(lines[0])}
        cells = [cell for line in lines for cell in line]
        assert not [cell for cell in cells if cell[:1] in tuple("=+-@\t\r")]
    assert any(cell.startswith("'=cmd") for line in csv.reader(io.StringIO(pages["data/values.csv"])) for cell in line)
    new = [row for row in csv.DictReader(io.StringIO(pages["data/values.csv"])) if row["study"] == "study:new<1>"]
    assert {(row["outcome"], row["events"], row["total"], row["status"]) for row in new} == {
        ("cr", "15", "20", "reported"),
        ("crs_any", "", "", "silent"),
    }


def test_estimates_as_json_are_those_of_the_pages(pages: dict[str, str], opened: Open) -> None:
    body = json.loads(pages["data/estimates.json"])
    assert body["draft"] is True
    assert body["demonstration"] is True
    found = body["outcomes"]["cr"]["primary"]["proportion"]
    assert f"{100 * found:.1f}%" in pages["outcomes/cr.html"]
    assert found == pytest.approx(
        refresh(opened.review, opened.spec).estimates["cr"]["primary"]["proportion"], abs=1e-9
    )


def test_every_page_says_demonstration_when_anything_is_composed(pages: dict[str, str], tmp_path: Path) -> None:
    words = "nothing here is a finding"
    assert all(words in text for path, text in pages.items() if path.endswith(".html"))
    folder.init(tmp_path / "plain", folder.templates()[0])
    with folder.open_review(tmp_path / "plain") as plain:
        assert not [path for path, text in pages_of(plain).items() if words in text]


def test_draft_stands_on_every_page_but_the_frozen_ones(pages: dict[str, str]) -> None:
    for path, text in pages.items():
        if path.endswith(".html"):
            assert ("Draft: figures not released" in text) == (not path.startswith("versions/")), path


def text_of(tree: html.HtmlElement) -> str:
    return " ".join(tree.text_content().split())


def test_what_changed_names_the_study_and_both_estimates(opened: Open, trees: dict[str, html.HtmlElement]) -> None:
    words = text_of(trees["index.html"])
    assert "Since version 1.0, in the draft" in words
    before = opened_versions(opened)[0]["estimates"]["cr"]["primary"]["proportion"]
    after = refresh(opened.review, opened.spec).estimates["cr"]["primary"]["proportion"]
    assert f"{100 * before:.1f}%" in words
    assert f"{100 * after:.1f}%" in words
    assert "Studies that came in: =cmd" in words
    moved = trees["index.html"].xpath("//table[caption='Estimates before and after']//td[last()]")
    assert "=cmd" in moved[0].text_content()


def opened_versions(opened: Open) -> list[dict[str, Any]]:
    rows = opened.review.connection.execute("SELECT frozen FROM v_version ORDER BY clock")
    return [json.loads(frozen) for (frozen,) in rows]


def test_every_table_of_estimates_names_conventions_the_mean_and_the_exact_interval(
    opened: Open, trees: dict[str, html.HtmlElement]
) -> None:
    """What is not pooled has its sum and exact interval wherever it stands; an estimate its conventions, its mean."""
    now = refresh(opened.review, opened.spec).estimates
    frozen = {"versions/1.0.html": opened_versions(opened)[0]["estimates"], "index.html": now}
    for page, estimates in frozen.items():
        words = text_of(trees[page])
        assert "Conventions: 95% CI: t with k − 1 df; 95% prediction interval: t with k − 1 df" in words
        kinds = set()
        for body in (body["primary"] for body in estimates.values()):
            if not body["pooled"] and body["total"]:
                low, high = (100 * bound for bound in body["proportion_ci"])
                sums = f"together {body['events']} of {body['total']} patients, exact CI {low:.1f} to {high:.1f}%"
                assert f"Not pooled: {body['reason']}; {sums}" in words
                kinds.add("sum")
            elif body["pooled"] and body["population_average"] is not None:
                assert f"{100 * body['proportion']:.1f}% mean {100 * body['population_average']:.1f}%" in words
                kinds.add("mean")
        assert kinds == {"sum", "mean"}, page
    others = text_of(trees["outcomes/cr_bm.html"])
    assert others.count("exact CI 59.0 to 100.0%") > 1  # the head, and each other model


def test_three_states_are_three_words_and_none_is_zero(trees: dict[str, html.HtmlElement]) -> None:
    page = trees["outcomes/crs_any.html"]
    states = {dt.text_content(): dt.getnext().text_content() for dt in page.xpath("//dl[@class='states']//dt")}
    assert [key for key in states if key.startswith("Not in the review's table (1)")]
    silent = next(words for key, words in states.items() if key.startswith("The report is silent (1)"))
    assert "=cmd" in silent
    other = trees["outcomes/crs_g3.html"]
    waiting = {dt.text_content(): dt.getnext().text_content() for dt in other.xpath("//dl[@class='states']//dt")}
    assert "=cmd" in next(words for key, words in waiting.items() if key.startswith("Not yet extracted (1)"))
    assert "0/0" not in text_of(page)


def test_reproduction_readings_are_marked_and_in_no_pool(trees: dict[str, html.HtmlElement], opened: Open) -> None:
    rows = trees["outcomes/cr.html"].xpath("//table[contains(@class, 'readings')]//tbody/tr")
    reproducing = [row for row in rows if "feeds the reproduction table only" in row.text_content()]
    assert len(reproducing) == 13
    assert not [row for row in reproducing if "in the pool" in row.text_content()]
    used = [row for row in rows if "in the pool" in row.text_content()]
    assert len(used) == refresh(opened.review, opened.spec).estimates["cr"]["primary"]["k"]


def test_second_hand_is_said_at_each_estimate(trees: dict[str, html.HtmlElement]) -> None:
    row = next(r for r in trees["index.html"].xpath("//tbody/tr") if "outcomes/cr.html" in etree.tostring(r).decode())
    assert "11 of 12 second-hand" in row.text_content()


def test_lists_behind_the_boxes_count_what_the_diagram_prints(trees: dict[str, html.HtmlElement]) -> None:
    page = trees["prisma.html"]
    number = lambda words: int(re.findall(r"n\s=\s([\d,]+)", words)[0].replace(",", ""))  # noqa: E731
    sections = {s.get("id"): s for s in page.xpath("//section[@id]")}
    for name, section in sections.items():
        n = number(section.xpath(".//h3")[0].text_content())
        if parts := section.xpath("./ul/li"):
            assert n == sum(number(part.text_content()) for part in parts), name
        else:
            assert n == len(section.xpath(".//tbody/tr")), name
    drawn = {link.get("href")[1:]: link.text_content() for link in page.xpath("//svg//a")}
    for name, words in drawn.items():
        n = number(sections[name].xpath(".//h3")[0].text_content())
        first = "Reports of" if name in ("box-previous", "box-total") else "New reports" if name == "box-new" else ""
        assert n == number(words[words.index(first) :]), name
    excluded = sections["box-databases-excluded-reports"].text_content()
    assert "Title 5" in excluded
    assert "Not a primary clinical report" in excluded
    assert "not available" in drawn["box-previous"].replace("\u00a0", " ")


def badges(opened: Open, now: str) -> str:
    tree = html.document_fromstring(pages_of(opened, now)["index.html"])
    return " | ".join(badge.text_content() for badge in tree.xpath("//ul[@class='badges']/li"))


def test_status_says_what_is_amiss(opened: Open) -> None:
    fresh, late = badges(opened, NOW), badges(opened, "2026-04-08T00:00:00Z")
    assert "overdue" not in fresh
    assert "Search overdue: pubmed (32 days), crossref (32 days), ash (32 days)" in late
    assert "Awaiting screening: 3 records or reports" in fresh
    assert "Awaiting their study: 1 included report" in fresh
    assert "Awaiting extraction: 1 study" in fresh
    assert "The draft differs from version 1.0" in fresh
    assert "Up to date" not in fresh


@pytest.fixture
def review(tmp_path: Path) -> Callable[[], Open]:
    """A review of its own for tests that write."""
    folder.init(tmp_path / "own", folder.templates()[0])
    stack: list[Any] = []

    def make() -> Open:
        context = folder.open_review(tmp_path / "own")
        stack.append(context)
        return context.__enter__()

    return make


def test_replaying_a_week_changes_the_search_log_alone(review: Callable[[], Open]) -> None:
    opened = review()
    fill(opened)
    before = pages_of(opened)
    play = Script(opened)
    play.run("pubmed", "databases", records(), replayed=True)
    play.run("ash", "organisations", [], replayed=True, composed=COMPOSED)
    after = pages_of(opened)
    assert {path for path in before | after if before.get(path) != after.get(path)} == {"search-log.html"}
    assert "replayed from the archive" in after["search-log.html"]


def test_frozen_pages_stay_as_published(review: Callable[[], Open]) -> None:
    opened = review()
    Script(opened).publish("1.0")
    released = pages_of(opened)
    assert "Draft: figures not released" not in released["index.html"]
    assert "Version 1.0, published" in released["index.html"]
    fill(opened)
    Script(opened).publish("1.1")
    now = pages_of(opened)
    strip = lambda text: re.sub(r'<p class="banner demonstration">.*?</p>', "", text).split()  # noqa: E731
    assert strip(now["versions/1.0.html"]) == strip(released["versions/1.0.html"])
    assert "A, B" in now["versions/1.1.html"]
    assert "a reason &lt;b&gt;" in now["versions/1.1.html"]


def test_reopened_reports_carry_a_warning_while_their_data_stay(review: Callable[[], Open]) -> None:
    opened = review()
    fill(opened)
    before = refresh(opened.review, opened.spec).fingerprint
    Script(opened).append("A", "reopen", subject="study:new<1>", stage="extraction", why="a correction <b>")
    Script(opened).append("A", "reopen", subject="pubmed:1", stage="full-text", why="a retraction")
    found = pages_of(opened)
    assert refresh(opened.review, opened.spec).fingerprint == before
    assert "a correction &lt;b&gt;" in found["studies/study-new-1.html"]
    assert "a retraction" in found["index.html"]
    assert "15/20" in found["studies/study-new-1.html"]


def test_links_are_built_from_identifiers_alone() -> None:
    assert doi_url("10.1000/abc(1)") == "https://doi.org/10.1000/abc(1)"
    assert doi_url('10.1000/"><script>') == "https://doi.org/10.1000/%22%3E%3Cscript%3E"
    assert doi_url("javascript:alert(1)") == pubmed_url("12 34") == pubmed_url("0") == trial_url("javascript:x") == ""
    assert trial_url("NCT01234567") == "https://clinicaltrials.gov/study/NCT01234567"
    assert trial_url("ISRCTN15323014") == "https://www.isrctn.com/ISRCTN15323014"
    assert trial_url("CTRI/2020/01/022222").endswith("TrialID=CTRI%2F2020%2F01%2F022222")
    assert report_url("", "", "pubmed:123") == "https://pubmed.ncbi.nlm.nih.gov/123/"
    assert report_url("", "", "crossref:10.1/x") == ""
    assert report_url("", "", "ash:123") == ""


def test_names_of_files_are_safe_and_distinct() -> None:
    found = file_names(["study:a", "study-a", "../../etc/passwd", "STUDY:A", "", "é"])
    assert len({name.lower() for name in found.values()}) == len(found)
    assert all(re.fullmatch(r"[0-9A-Za-z_][0-9A-Za-z_.-]*", name) for name in found.values())


@pytest.mark.parametrize("cell", ["=1+1", " =1", "+1", "-1", "@x", "\t=1", "\r=1", "\x07=1", "＝1"])
def test_formulas_become_text(cell: str) -> None:
    assert str(csv_cell(cell)).startswith("'")


def test_numbers_stay_numbers() -> None:
    assert csv_cell(-1) == -1
    assert csv_cell("10-1") == "10-1"
