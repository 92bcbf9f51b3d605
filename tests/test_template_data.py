"""The shipped review template holds what it says: counted, cross-checked and recomputed, without any other room."""

from __future__ import annotations

import csv
import json
import math
import re
import tomllib
import xml.etree.ElementTree as ET
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

TEMPLATE = Path(__file__).parents[1] / "lsr" / "templates" / "cd7-car-t"
PREVIOUS = TEMPLATE / "previous"
CORPUS = TEMPLATE / "demo" / "corpus"
CELL = ("study", "cohort", "outcome", "timepoint", "denominator")
REPRODUCED = ("cr", "crs_any", "crs_g3", "icans_any")
MARK = "omposed for the demonstration"
SHORTEST_ABSTRACT = 80  # characters: the marking sentence and one more

# The only PMIDs that the bibliographic facts give, and whether they were confirmed.
PMIDS = {
    "35435984": False, "37700087": True, "33234511": False, "37740926": False, "35500125": False,
    "34324392": True, "36427783": False, "37095094": False, "40445850": False, "37314354": True,
    "38657244": True, "34873460": True, "37215124": True, "40771729": True, "39192642": True,
    "39845313": True, "34062328": True,
}  # fmt: skip

Rows = list[dict[str, str]]


def table(name: str) -> Rows:
    with (PREVIOUS / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def toml(path: str) -> dict[str, Any]:
    return tomllib.loads((TEMPLATE / path).read_text("utf-8"))


@pytest.fixture(scope="module")
def data() -> Rows:
    return table("data.csv")


@pytest.fixture(scope="module")
def protocol() -> dict[str, Any]:
    return toml("protocol.toml")


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return toml("demo/script.toml")


@pytest.fixture(scope="module")
def articles() -> list[ET.Element]:
    return ET.parse(CORPUS / "pubmed.xml").getroot().findall("PubmedArticle")


@pytest.fixture(scope="module")
def works() -> list[dict[str, Any]]:
    works: list[dict[str, Any]] = json.loads((CORPUS / "crossref.json").read_text("utf-8"))
    return works


# ---- the protocol


def locks_marked(text: str) -> list[str]:
    """Dotted keys of the lines whose comment has LOCK; a member of a list of tables is named by its id."""
    keys, table_name, identifier, quoted = [], "", "", False
    for line in text.splitlines():
        if not quoted and (header := re.match(r"\[\[?([\w.]+)\]", line)):
            table_name, identifier = header[1], ""
        if not quoted and table_name != "review" and (name := re.match(r'id = "(.+?)"', line)):
            identifier = name[1]
        if not quoted and (key := re.match(r"(\w+) = .*#.*\bLOCK\b", line)):
            keys.append(".".join(part for part in (table_name, identifier, key[1]) if part))
        quoted ^= line.count("'''") % 2 == 1
    return keys


def test_every_key_marked_lock_is_locked(protocol: dict[str, Any]) -> None:
    marked = locks_marked((TEMPLATE / "protocol.toml").read_text("utf-8"))
    assert protocol["locked"] == marked
    assert {"outcome.cr.denominator", "synthesis.model", "screening.title_abstract_rule"} <= set(marked)


def test_protocol_keeps_its_tags_and_no_history(protocol: dict[str, Any]) -> None:
    text = (TEMPLATE / "protocol.toml").read_text("utf-8")
    assert all(text.count(tag) > 15 for tag in ("[P]", "[D]", "[A]"))
    assert not re.search(r"draft|critic|\bissue \d|brief of", text)
    assert protocol["review"]["demonstration"] is False
    assert protocol["review"]["person"] == []


def test_protocol_speaks_the_words_of_the_system(protocol: dict[str, Any]) -> None:
    for reason in protocol["exclusion_reason"]:
        assert set(reason["stages"]) <= {"title-abstract", "full-text"}
        assert "stage" not in reason
    synthesis = protocol["synthesis"]
    assert (synthesis["ci_method"], synthesis["prediction"], synthesis["ci"]) == ("t", "t(k-1)", 95)
    assert protocol["screening"]["title_abstract_rule"] == "either"


# ---- the previous version


def test_studies_and_reports_sum_to_what_the_review_says(protocol: dict[str, Any]) -> None:
    studies, reports, review = table("studies.csv"), table("reports.csv"), toml("previous/review.toml")
    stated = protocol["review"]["previous_version"]
    for key in ("doi", "registration", "studies", "reports", "patients", "search_to"):
        assert review[key] == stated[key]
    assert (len(studies), len(reports)) == (review["studies"], review["reports"]) == (13, 14)
    sums = {c: sum(int(s[c]) for s in studies) for c in ("patients", "autologous", "donor_derived")}
    assert sums == {"patients": 200, "autologous": 88, "donor_derived": 112}
    assert {r["study"] for r in reports} == {s["study"] for s in studies}
    assert len({s["label"] for s in studies}) == 13
    assert all(review[key] == "not available" for key in ("identified", "screened", "excluded"))


def test_parts_of_each_study_sum_to_its_patients() -> None:
    for study in table("studies.csv"):
        n = int(study["patients"])
        assert int(study["autologous"]) + int(study["donor_derived"]) == n
        assert sum(map(int, re.findall(r" (\d+)(?:;|$)", study["diagnosis"]))) == n
        doses = list(map(int, re.findall(r"n=(\d+)", study["dose_levels"])))
        assert sum(doses) == n or (not doses and "not in Table 1" in study["dose_levels"])
        assert all(v for k, v in study.items() if k != "notes"), "silence is said in words"


def test_one_primary_reading_in_each_cell(data: Rows) -> None:
    cells: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for row in data:
        cells[tuple(row[key] for key in CELL)].append(row["role"])
    assert {roles.count("primary") for roles in cells.values()} == {1}
    readings = Counter((*(row[key] for key in CELL), row["reading"], row["role"]) for row in data)
    assert max(readings.values()) == 1


def test_numbers_stand_only_where_the_table_gives_them(data: Rows) -> None:
    patients = {s["study"]: int(s["patients"]) for s in table("studies.csv")}
    for row in data:
        if row["status"] in ("silent", "not-in-source"):
            assert row["events"] == row["total"] == ""
            assert row["why"]
            continue
        assert row["status"] in ("reported", "none")
        events, total = int(row["events"]), int(row["total"])
        assert 0 <= events <= total <= patients[row["study"]]
        if row["status"] == "none":
            assert events == 0
        if row["denominator"] == "infused" and row["cohort"] == "all":
            assert total == patients[row["study"]]


def test_every_row_names_known_outcomes_and_denominators(data: Rows, protocol: dict[str, Any]) -> None:
    outcomes = {o["id"]: o for o in protocol["outcome"]}
    studies = {s["study"] for s in table("studies.csv")}
    for row in data:
        assert row["study"] in studies
        assert row["outcome"] in outcomes
        assert row["role"] in ("primary", "alternative", "reproduction")
        assert row["confidence"] in ("sure", "derived", "guessed")
        assert row["place"]
        assert row["confidence"] != "guessed" or (row["role"] != "primary" and "guess" in row["why"])
        assert row["confidence"] != "derived" or row["why"]
    for outcome in outcomes.values():
        if outcome["measure"] == "proportion":
            asked = [r for r in data if r["outcome"] == outcome["id"] and r["cohort"] == "all"]
            covered = {r["study"] for r in asked if r["denominator"] == outcome["denominator"]}
            assert covered == studies, f"{outcome['id']}: a study has neither a value nor its absence"


def test_outcomes_of_one_study_do_not_contradict_each_other(data: Rows) -> None:
    value = {
        (r["study"], r["outcome"], r["denominator"]): int(r["events"])
        for r in data
        if r["role"] == "primary" and r["cohort"] == "all" and r["events"]
    }
    pairs = (("crs_g3", "crs_any"), ("icans_g3", "icans_any"), ("mrd_neg_cr", "cr"), ("cr", "orr"))
    compared = 0
    for (study, outcome, denominator), events in value.items():
        for part, whole in pairs:
            if outcome == part and (study, whole, denominator) in value:
                assert events <= value[study, whole, denominator]
                compared += 1
    assert compared > 30


@pytest.mark.parametrize(
    ("outcome", "events", "total", "printed"),
    [
        ("cr", 166, 193, (87.34, 79.93, 93.51, 29.65, 0.147)),
        ("crs_any", 182, 200, (93.94, 87.79, 98.38, 32.71, 0.121)),
        ("crs_g3", 27, 200, (11.93, 5.46, 19.92, 41.04, 0.061)),
        ("icans_any", 12, 200, (3.52, 0.78, 7.46, 0.0, 0.718)),
    ],
)
def test_reproducing_readings_give_the_papers_figures(
    data: Rows, outcome: str, events: int, total: int, printed: tuple[float, ...]
) -> None:
    rows = [r for r in data if r["role"] == "reproduction" and r["outcome"] == outcome]
    counts = [(int(r["events"]), int(r["total"])) for r in rows]
    assert len({r["study"] for r in rows}) == len(rows) == 13
    assert (sum(x for x, _ in counts), sum(n for _, n in counts)) == (events, total)
    decimals = (2, 2, 2, 2, 3)
    assert [round(v, d) for v, d in zip(freeman_tukey_dl(counts), decimals, strict=True)] == list(printed)


def test_reproduction_is_complete_and_of_its_own_reading(data: Rows) -> None:
    rows = [r for r in data if r["role"] == "reproduction"]
    assert len(rows) == 52
    assert {r["reading"] for r in rows} == {"paper-reproducing"}
    assert {r["outcome"] for r in rows} == set(REPRODUCED)
    assert not [r for r in data if r["reading"] == "paper-reproducing" and r["role"] != "reproduction"]


def freeman_tukey_dl(counts: list[tuple[int, int]]) -> tuple[float, float, float, float, float]:
    """Estimate, CI and I2 in per cent, and Q's p value for an odd number of studies: DerSimonian-Laird on the
    double arcsine (Freeman & Tukey 1950), back-transformed with the harmonic mean of n (Miller 1978).
    """
    y = [math.asin(math.sqrt(x / (n + 1))) + math.asin(math.sqrt((x + 1) / (n + 1))) for x, n in counts]
    v = [1 / (n + 0.5) for _, n in counts]
    w = [1 / a for a in v]
    fixed = sum(a * b for a, b in zip(w, y, strict=True)) / sum(w)
    q = sum(a * (b - fixed) ** 2 for a, b in zip(w, y, strict=True))
    df = len(counts) - 1
    tau2 = max(0.0, (q - df) / (sum(w) - sum(a * a for a in w) / sum(w)))
    w = [1 / (a + tau2) for a in v]
    mean = sum(a * b for a, b in zip(w, y, strict=True)) / sum(w)
    half = 1.959963984540054 / math.sqrt(sum(w))
    harmonic = len(counts) / sum(1 / n for _, n in counts)

    def back(t: float) -> float:
        s = math.sin(t)
        root = math.sqrt(1 - (s + (s - 1 / s) / harmonic) ** 2)
        return 50 * (1 - math.copysign(1, math.cos(t)) * root)

    p = math.exp(-q / 2) * sum((q / 2) ** i / math.factorial(i) for i in range(df // 2))
    return back(mean), back(mean - half), back(mean + half), max(0.0, 100 * (q - df) / q), p


def test_printed_figures_say_how_or_why_not(protocol: dict[str, Any]) -> None:
    rows, studies = table("printed.csv"), table("studies.csv")
    assert len({r["key"] for r in rows}) == len(rows)
    for row in rows:
        assert int(row["digits"]) == len(row["printed"].partition(".")[2])
        assert math.isfinite(float(row["printed"]))
        assert (row["reproducible"], bool(row["reason"])) in {("yes", False), ("no", True)}
        if row["reproducible"] == "yes" and row["statistic"] == "sum":
            assert sum(int(s[row["outcome"]]) for s in studies) == int(row["printed"])
    keys = {r["key"] for r in rows}
    assert {f"{o}.{s}" for o in REPRODUCED for s in ("estimate", "ci_lb", "ci_ub", "i2", "p")} <= keys


def test_contradictions_name_two_places_and_the_arithmetic() -> None:
    rows = table("contradictions.csv")
    assert len({r["id"] for r in rows}) == len(rows) >= 10
    assert all(all(row.values()) for row in rows)
    assert any("39.13" in r["arithmetic"] and "166" in r["arithmetic"] for r in rows)


# ---- the composed replies


def test_pubmed_articles_are_composed_and_use_known_pmids_only(articles: list[ET.Element]) -> None:
    seen = {a.findtext("MedlineCitation/PMID", ""): a for a in articles}
    assert seen.keys() == PMIDS.keys()
    for pmid, article in seen.items():
        abstract = " ".join(t for e in article.iter("AbstractText") for t in e.itertext())
        assert abstract.startswith(f"C{MARK}.")
        assert len(abstract) >= SHORTEST_ABSTRACT
        assert len(re.findall(r"\.(?= |$)", abstract)) <= 5
        confirmed = article.findtext("MedlineCitation/GeneralNote") != "PMID not confirmed"
        assert confirmed is PMIDS[pmid]
        banked = [e.text or "" for e in article.iter("AccessionNumber")]
        assert all(re.fullmatch(r"NCT\d{8}", number) for number in banked)
    assert "not captured from PubMed" in (CORPUS / "pubmed.xml").read_text("utf-8").partition("<PubmedArticle>")[0]


def test_crossref_works_are_composed_and_have_their_shape(works: list[dict[str, Any]]) -> None:
    assert len({w["DOI"] for w in works}) == len(works)
    for work in works:
        assert work["lsr-composed"] == f"c{MARK}"
        assert f"C{MARK}." in work["abstract"]
        assert len(work["abstract"]) >= SHORTEST_ABSTRACT
        assert len(work["title"]) == len(work["container-title"]) == 1
        assert re.fullmatch(r"10\.\d{4,}/\S+", work["DOI"])
        assert isinstance(work["issued"]["date-parts"][0][0], int)
        assert all({"family", "given"} <= author.keys() for author in work.get("author", []))
        if work.get("issue") == "Supplement 1":
            assert "#NCT" in work["abstract"], "abstracts of ASH write the registry id with a hash"


def test_titles_agree_between_sources_and_previous_version(
    articles: list[ET.Element], works: list[dict[str, Any]]
) -> None:
    titles: defaultdict[str, set[str]] = defaultdict(set)
    for report in table("reports.csv"):
        titles[report["doi"]].add(report["title"])
    for work in works:
        titles[work["DOI"]].add(work["title"][0])
    for article in articles:
        if doi := article.findtext("MedlineCitation/Article/ELocationID", ""):
            titles[doi].add(article.findtext("MedlineCitation/Article/ArticleTitle", "").removesuffix("."))
    assert {doi: t for doi, t in titles.items() if len(t) > 1} == {}


@pytest.mark.parametrize(
    ("page", "layout"),
    [
        ("ash", ("wi-article-title", "334 patients", "#NCT04572308", "#NCT04938115")),
        ("asco", ('name="dc.Title"', 'class="citation__title"', "Synthetic abstract page: ")),
        ("eha", ("conf:{", "Abstract: P1389", "NCT04938115")),
    ],
)
def test_society_pages_are_marked_for_readers_and_programs(page: str, layout: tuple[str, ...]) -> None:
    html = (CORPUS / "pages" / f"{page}.html").read_text("utf-8")
    assert re.search(rf"<!-- synthetic, c{MARK}", html)
    assert re.search(rf"<p[^>]*>Synthetic page, c{MARK}", html)
    assert all(part in html for part in layout)
    assert not re.search(r"https?://(?!doi\.org/10\.5555/)", html), "no address of a society's page is made up"


# ---- the scripted people


def found(articles: list[ET.Element], works: list[dict[str, Any]], protocol: dict[str, Any]) -> set[str]:
    """The reports that the demonstration's searches find and the previous version does not have."""
    containers = next(s["containers"] for s in protocol["search"]["source"] if s["id"] == "crossref")
    refs = {f"doi:{w['DOI']}" for w in works if w["container-title"][0] in containers}
    for article in articles:
        doi = article.findtext("MedlineCitation/Article/ELocationID", "")
        refs.add(f"doi:{doi}" if doi else f"pmid:{article.findtext('MedlineCitation/PMID', '')}")
    dois = re.findall(r'dc\.Identifier" scheme="doi" content="(.+?)"', (CORPUS / "pages/asco.html").read_text())
    return (refs | {f"doi:{doi}" for doi in dois}) - {f"doi:{r['doi']}" for r in table("reports.csv")}


def test_every_report_found_is_voted_on_by_the_rules(
    script: dict[str, Any], articles: list[ET.Element], works: list[dict[str, Any]], protocol: dict[str, Any]
) -> None:
    votes: defaultdict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    reasons = {r["code"]: r["stages"] for r in protocol["exclusion_reason"]}
    for vote in script["vote"]:
        assert vote["by"] not in votes[vote["report"], vote["stage"]]
        votes[vote["report"], vote["stage"]][vote["by"]] = vote["verdict"]
        assert (vote["verdict"] == "exclude") is bool(vote["reason"])
        assert not vote["reason"] or vote["stage"] in reasons[vote["reason"]]
    new = found(articles, works, protocol)
    assert {report for report, stage in votes if stage == "title-abstract"} == new
    awaiting = [report for (report, _), cast in votes.items() if len(cast) < 2]
    assert awaiting == ["doi:10.5555/lsr-demo.2025.43.16_suppl.1"]
    to_full_text = {
        report
        for (report, stage), cast in votes.items()
        if stage == "title-abstract" and len(cast) == 2 and set(cast.values()) != {"exclude"}
    }
    retrieved = {r["report"] for r in script["retrieval"] if r["status"] == "retrieved"}
    assert {r["report"] for r in script["retrieval"]} == to_full_text
    assert {report for report, stage in votes if stage == "full-text"} == retrieved < to_full_text
    split = [k for k, cast in votes.items() if k[1] == "full-text" and len(set(cast.values())) == 2]
    assert split == [(r["report"], r["stage"]) for r in script["resolution"]]
    assert {r["by"] for r in script["resolution"]} == {"demo-adjudicator"}


def test_script_is_played_in_a_complete_order_by_known_people(script: dict[str, Any]) -> None:
    tables = {
        name
        for name, rows in script.items()
        if isinstance(rows, list) and name not in ("order", "protocol", "searched")
    }
    assert {step.partition(":")[0] for step in script["order"]} == tables
    people = {p["name"] for p in script["people"]}
    assert people == {"demo-a", "demo-b", "demo-adjudicator"}
    for name in tables:
        assert len({tuple(row) for row in script[name]}) == 1, f"rows of {name} differ in their keys"
        assert all(row["by"] in people for row in script[name] if "by" in row)


def test_extracted_numbers_are_composed_but_for_the_one_known(script: dict[str, Any], data: Rows) -> None:
    studies = {s["study"] for s in table("studies.csv")} | {s["study"] for s in script["study"]}
    linked = {(link["report"], link["study"]) for link in script["link"] if link["state"] == "linked"}
    cells: defaultdict[tuple[str, ...], dict[str, tuple[int, int]]] = defaultdict(dict)
    for row in script["extract"] + script["extract_resolution"]:
        assert set(row) == {*data[0], "by", "report", "source_kind"}
        assert row["study"] in studies
        assert (row["report"], row["study"]) in linked
        assert 0 <= row["events"] <= row["total"]
    for row in script["extract"]:
        cells[tuple(row[key] for key in CELL)][row["by"]] = (row["events"], row["total"])
        known = row["cohort"] == "rp2d"
        assert row["source_kind"] == ("primary-abstract" if known else "composed")
        assert known or (MARK in row["place"] and MARK in row["why"])
        assert not known or (row["study"], row["events"], row["total"]) == ("ghobadi-2023", 8, 11)
    assert all(set(values) == {"demo-a", "demo-b"} for values in cells.values())
    differing = [cell for cell, values in cells.items() if values["demo-a"] != values["demo-b"]]
    assert differing == [tuple(r[key] for key in CELL) for r in script["extract_resolution"]]
    assert len(differing) == 1


def test_new_studies_and_links_name_what_exists(script: dict[str, Any]) -> None:
    studies = {s["study"] for s in table("studies.csv")}
    new = {s["study"] for s in script["study"]}
    assert not studies & new
    assert all(link["study"] in studies | new for link in script["link"])
    assert {link["state"] for link in script["link"]} == {"linked", "refused"}
    voted = {vote["report"] for vote in script["vote"]}
    assert all(link["report"] in voted for link in script["link"])
