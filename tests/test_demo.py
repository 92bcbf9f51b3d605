"""`lsr demo`: the whole loop, played once; what it promises is looked up in the review it made."""

from __future__ import annotations

import filecmp
import hashlib
import shutil
from pathlib import Path

import pytest

from analysis.prisma import flow, imbalances, plain
from analysis.refresh import refresh
from db import data, queries
from db.asof import as_of
from db.canonical import canonical
from db.verify import verify
from lsr.demo import COMPOSED, run_demo
from lsr.workflow.bring import harvest
from lsr.workflow.folder import Open, open_review
from lsr.workflow.pages import write_site
from tests.compose import compose
from tests.conftest import Command


def test_it_prints_the_table_and_ten_lines(demo_lines: list[str]) -> None:
    text = "\n".join(demo_lines)
    summary = demo_lines[demo_lines.index("") + 1 :]
    assert 9 <= len(summary) <= 12
    for word in ("found", "duplicates", "linked", "awaiting", "included", "estimate", "look at"):
        assert any(line.startswith(word) for line in summary), word
    assert "nothing new, no pooling" in text
    assert COMPOSED in text
    assert "crs_any.i2" in text


def test_the_fourteen_known_reports_are_met_again(demo: Open) -> None:
    connection = demo.review.connection
    met = {row["report"] for row in data.listing(connection) if row["box"] == "already in the previous version"}
    assert met == {report for _, report, previous in data.included(connection) if previous}
    assert len(met) == 14


def test_companion_reports_find_their_studies(demo: Open) -> None:
    connection = demo.review.connection
    links = {(link.report, link.study): link.state for link in queries.links(connection)}

    def state(reference: str, study: str) -> str | None:
        return links.get((queries.find_report(connection, reference), f"study:{study}"))

    assert state("10.1182/blood.2025028387", "ghobadi-2023") == "linked"
    assert state("10.1182/blood.2025029299", "tan-2022") == "linked"
    assert state("10.1200/jco.21.00389", "tan-2023") == "linked"
    assert state("10.1056/nejmoa2313812", "hu-2022") == "refused"


def test_a_person_accepted_what_was_proposed(demo: Open) -> None:
    connection = demo.review.connection
    report = queries.find_report(connection, "10.1200/jco.21.00389")
    rows = connection.execute(
        "SELECT l.state, e.author FROM link l JOIN entry e ON e.n = l.n WHERE l.report IN (SELECT ? UNION SELECT record"
        " FROM assign WHERE report = ?) AND l.study = 'study:tan-2023' ORDER BY l.n",
        (report, report),
    ).fetchall()
    assert [state for state, _ in rows] == ["proposed", "linked"]
    assert rows[0][1].startswith("machine:")
    assert not rows[1][1].startswith("machine:")


def test_a_dose_level_does_not_replace_the_study(demo: Open) -> None:
    rows = refresh(demo.review, demo.spec).estimates["cr"]["rows"]
    ghobadi = next(row for row in rows if row["study"] == "study:ghobadi-2023")
    assert (ghobadi["events"], ghobadi["total"]) == (7, 18)
    cohorts = {(c.cohort, c.events, c.total) for c in data.cells(demo.review.connection) if c.outcome == "cr"}
    assert any(cohort != "all" and (x, n) == (8, 11) for cohort, x, n in cohorts)


def test_versions_and_what_moved(demo: Open) -> None:
    first, second = data.versions(demo.review.connection)
    assert (first.number, second.number) == ("1.0", "1.1")
    assert len(first.frozen["studies"]) == 13
    assert len(second.frozen["studies"]) > 13
    changes = second.frozen["changes"]
    assert changes["since"] == "1.0"
    assert changes["sets"]["studies in"]
    moved = {change["outcome"]: change for change in changes["estimates"]}
    assert moved["cr"]["moved_by"]
    assert moved["cr"]["before"] != moved["cr"]["after"]


@pytest.mark.parametrize("number", ["1.0", "1.1"])
def test_a_version_can_be_recomputed_from_its_heads(demo: Open, number: str) -> None:
    version = next(v for v in data.versions(demo.review.connection) if v.number == number)
    with as_of(demo.review, version.heads) as then:
        assert canonical(plain(flow(then))) == canonical(version.frozen["counts"])
        assert [[study, report] for study, report, _ in data.included(then)] == version.frozen["included"]


def test_the_pooling_followed_by_itself(demo: Open) -> None:
    now = refresh(demo.review, demo.spec)
    assert not now.pooled
    assert now.fingerprint == data.versions(demo.review.connection)[-1].frozen["fingerprint"]


def test_composed_is_marked_in_data_archive_and_pages(demo: Open) -> None:
    connection = demo.review.connection
    replies = connection.execute("SELECT composed FROM reply WHERE request NOT LIKE 'FILE%'").fetchall()
    assert replies
    assert {composed for (composed,) in replies} == {COMPOSED}
    query = "SELECT body ->> 'composed' FROM v_content WHERE record NOT LIKE 'previous:%'"
    bodies = connection.execute(query).fetchall()
    assert {composed for (composed,) in bodies} == {COMPOSED}
    pages = list((demo.review.folder / "site").rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        assert "omposed" in page.read_text("utf-8"), page


def test_only_one_new_count_is_not_composed(demo: Open) -> None:
    first_hand = [c for c in data.cells(demo.review.connection) if not c.second_hand]
    real = [(c.study, c.cohort, c.outcome, c.events, c.total) for c in first_hand if c.source_kind != "composed"]
    assert len(first_hand) > 4
    assert len(real) == 1
    assert real[0][3:] == (8, 11)


def test_init_loads_nothing_composed(lsr: Command, tmp_path: Path) -> None:
    assert lsr("init", tmp_path / "r").code == 0
    with open_review(tmp_path / "r") as opened:
        assert not opened.spec.demonstration
        assert not opened.spec.persons
        assert all("omposed" not in c.source_kind for c in data.cells(opened.review.connection))
        assert len(list(queries.runs(opened.review.connection))) == 1  # the previous version's own


def test_no_decision_of_the_previous_version_is_invented(opened: Open) -> None:
    for table in ("vote", "resolution", "retrieval"):
        assert opened.review.connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    counts = flow(opened.review.connection)
    assert set(counts.previous_counts.values()) == {"not available"}
    assert (counts.previous_studies, counts.previous_reports) == (13, 14)


def test_the_same_week_again_changes_nothing_but_the_search_log(demo: Open) -> None:
    site = demo.review.folder / "site"
    shutil.copytree(site, demo.review.folder / "before")
    runs = len(list(queries.runs(demo.review.connection)))
    brought = harvest(demo, replies=queries.archived_replies(demo.review.connection))
    assert not brought.new
    assert not refresh(demo.review, demo.spec).pooled
    assert len(list(queries.runs(demo.review.connection))) == runs + len(brought.runs)
    write_site(demo)
    before, after = _files(demo.review.folder / "before"), _files(site)
    assert before.keys() == after.keys()
    assert {name for name in before if before[name] != after[name]} == {"search-log.html"}


def test_everything_balances_and_verifies(demo: Open) -> None:
    assert imbalances(flow(demo.review.connection)) == []
    assert verify(demo.review) == []


def test_the_demonstration_is_made_anew_only_where_it_was(lsr: Command, demo_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    assert lsr("demo", tmp_path / "mine").code == 1
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_the_bundle_is_what_composing_gives(tmp_path: Path) -> None:
    from lsr.demo import demo_template
    from lsr.workflow.folder import TEMPLATES

    compose(tmp_path / "replies")
    shipped = TEMPLATES / demo_template() / "demo" / "replies"
    compared = filecmp.dircmp(tmp_path / "replies", shipped)
    differing = [*compared.left_only, *compared.right_only, *compared.diff_files]
    assert differing == [], "run: python -m tests.compose"


@pytest.mark.slow
def test_two_demonstrations_give_the_same_pages(tmp_path: Path) -> None:
    for name in ("one", "two"):
        list(run_demo(tmp_path / name, lambda what, done, total: None))
    one, two = (_files(tmp_path / name / "site") for name in ("one", "two"))
    dated = {"search-log.html", "versions.html", *(name for name in one if name.startswith("versions/"))}
    assert {name for name in one if one[name] != two[name]} <= dated  # they name this copy, and when it was released


def _files(folder: Path) -> dict[str, str]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
