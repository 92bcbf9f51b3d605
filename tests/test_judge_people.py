"""Who may judge what: roles by stage and day, people who come and go, and nobody their own work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from curation.people import authored, is_one_of
from db import queries
from db.errors import DecisionError, ProtocolError
from db.model import Author, Record
from db.specs import PersonSpec
from lsr.protocol import parse_protocol
from lsr.workflow import extract, judge, studies
from lsr.workflow.folder import Open, open_review
from lsr.workflow.items import may_resolve
from lsr.workflow.status import status
from tests.conftest import Command
from tests.scene import BOTH, JUDGE, KNOWN, KNOWN_STUDY, REPORTS, A, B, C, protocol_text, searched, to_full_text, vote
from tests.test_blind import value

TA: Final = "title-abstract"
FT: Final = "full-text"
FIRST, SECOND, THIRD, *_ = REPORTS
REASON = "X01_not_primary"
NOW = "2026-11-20T08:00:00Z"
With = Callable[..., Open]


@pytest.fixture
def found(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    folder = searched(tmp_path_factory, tmp_path / "review")
    with open_review(folder, clock=lambda: NOW) as opened:
        yield opened


def amended(found: Open, **changes: dict[str, Any]) -> Open:
    """The review with people changed, as by an edit of protocol.toml: {name: {field: value}}."""
    names = {name.replace("_", "-"): fields for name, fields in changes.items()}
    people = tuple(replace(p, **names.get(p.name, {})) for p in found.spec.persons)
    return Open(found.review, replace(found.spec, persons=people))


# Joining, leaving ------------------------------------------------------------------------------------------------


def test_a_reviewer_is_replaced_in_mid_review(found: Open) -> None:
    """B leaves: the votes B gave stand, C gives those that are missing, closed items are as they were."""
    vote(found, FIRST, TA, "include", "include")
    judge.vote(found, SECOND, TA, B, "exclude", REASON)
    judge.vote(found, THIRD, TA, A, "include")
    later = amended(found, demo_b={"until": "2026-11-19"}, demo_c={"since": "2026-11-20"})
    with pytest.raises(DecisionError, match=r"demo-b left on 2026-11-19: as screener serve on 2026-11-20: .*demo-c"):
        judge.vote(later, THIRD, TA, B, "include")
    assert judge.item(later, FIRST, TA).state == "include"
    connection = later.review.connection
    assert {SECOND, THIRD} <= set(queries.to_vote_on(connection, TA, C, 2))
    assert judge.vote(later, SECOND, TA, C, "exclude", REASON).state == "exclude"
    assert judge.vote(later, THIRD, TA, C, "include").state == "include"
    assert B not in status(later)["to_vote"]


def test_who_has_left_may_take_back_but_not_vote(found: Open) -> None:
    judge.vote(found, FIRST, TA, B, "exclude", REASON)
    later = amended(found, demo_b={"until": "2026-11-19"})
    assert judge.withdraw(later, FIRST, TA, B).votes == ()


def test_who_has_not_begun_waits(found: Open) -> None:
    later = amended(found, demo_c={"since": "2026-12-01"})
    with pytest.raises(DecisionError, match="demo-c begins on 2026-12-01"):
        judge.vote(later, FIRST, TA, C, "include")


def test_the_last_day_and_the_first_are_days_of_service(found: Open) -> None:
    later = amended(found, demo_c={"since": "2026-11-20", "until": "2026-11-20"})
    assert judge.vote(later, FIRST, TA, C, "include").state == "awaiting"


def test_a_role_may_be_for_one_stage(found: Open) -> None:
    later = amended(found, demo_c={"stages": (FT,)}, demo_adjudicator={"stages": (TA,)})
    with pytest.raises(DecisionError, match="demo-c is screener at full-text only"):
        judge.vote(later, FIRST, TA, C, "include")
    assert status(later)["to_vote"][C][TA] == 0
    to_full_text(later, FIRST)
    vote(later, FIRST, FT, "include", "exclude")
    with pytest.raises(DecisionError, match="demo-adjudicator is adjudicator at title-abstract only"):
        judge.resolve(later, FIRST, FT, JUDGE, "include")


def test_too_few_people_are_named(found: Open) -> None:
    left = {"until": "2026-11-01"}
    later = amended(found, demo_b=left, demo_c=left, demo_both=left)
    said = status(later)
    assert said["too_few_screeners"] == [TA, FT]
    assert any("name a successor" in line for line in said["lines"])


# Adjudicators ----------------------------------------------------------------------------------------------------


def test_no_conflict_is_stuck_when_the_adjudicator_leaves(found: Open) -> None:
    """demo-both voted on the first, so only the other adjudicator may rule there; who leaves leaves both to others."""
    for report in (FIRST, SECOND):
        to_full_text(found, report)
    judge.vote(found, FIRST, FT, A, "include")
    judge.vote(found, FIRST, FT, BOTH, "exclude", REASON)
    vote(found, SECOND, FT, "include", "exclude")
    assert [i.report for i in may_resolve(found, FT, JUDGE)] == [FIRST, SECOND]
    assert [i.report for i in may_resolve(found, FT, BOTH)] == [SECOND]
    assert status(found)["conflicts_nobody_may_resolve"] == 0
    later = amended(found, demo_adjudicator={"until": "2026-11-01"})
    assert may_resolve(later, FT, JUDGE) == []
    assert status(later)["conflicts_nobody_may_resolve"] == 1
    assert any("name another adjudicator" in line for line in status(later)["lines"])
    assert judge.resolve(later, SECOND, FT, BOTH, "include").state == "include"
    named = amended(later, demo_c={"roles": ("screener", "adjudicator")})
    assert judge.resolve(named, FIRST, FT, C, "exclude", REASON).state == "exclude"


def test_a_voter_who_adjudicates_is_told_nothing_of_the_other_vote(found: Open, lsr: Command) -> None:
    """The same words whether the item is in conflict or still open, and no sight of the conflict's votes."""
    to_full_text(found, FIRST)
    judge.vote(found, FIRST, FT, BOTH, "include")
    lsr("status", "--review", found.review.folder)  # pooled once
    said = []
    for step in (lambda: None, lambda: judge.vote(found, FIRST, FT, A, "exclude", REASON)):
        step()
        with pytest.raises(DecisionError) as refused:
            judge.resolve(found, FIRST, FT, BOTH, "include")
        shown = lsr("resolve", "--reviewer", BOTH, "--review", found.review.folder, stdin="q\n")
        said.append((str(refused.value), shown))
    assert said[0] == said[1]
    assert said[0][1].out == ""


# Own work --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("listed", "family", "given", "same"), [
    ("Zhang Xian", "Zhang", "Xian", True),
    ("Zhang Xian", "Zhang", "X", True),
    ("Zhang X", "Zhang", "Xinyu", True),  # the protocol lists an initial: it may be anybody's, and refuses
    ("Zhang Xian", "Zhang", "Xinyu", False),
    ("Zhang Xian", "Zhang", "Y", False),
    ("Zhang Xian", "Zhao", "Xian", False),
    ("Zhang, Xian", "Xian", "Zhang", True),  # family and given names swapped
    ("Smith John M", "Smith", "JM", True),
    ("Smith John M", "Smith", "JK", False),
    ("Müller Jürgen", "Muller", "J", True),
    ("van der Berg J", "van der Berg", "Jan", True),
    ("Berg J", "van der Berg", "J.", True),
])  # fmt: skip
def test_an_author_is_known_by_a_listed_name_only(listed: str, family: str, given: str, same: bool) -> None:
    person = PersonSpec("demo-a", ("screener",), author_names=(listed,))
    record = Record("pubmed", "1", authors=(Author(collective="A group"), Author(family, given)))
    assert (authored(person, record) is not None) == same
    assert authored(replace(person, author_names=()), record) is None


def test_reports_are_named_by_id_doi_or_pmid() -> None:
    assert is_one_of(["pubmed:1", "10.1/A"], ["https://doi.org/10.1/a"])
    assert is_one_of(["pubmed:1", "", "1"], ["pmid:1"])
    assert not is_one_of(["pubmed:1", ""], [""])


def test_nobody_judges_their_own_report(found: Open) -> None:
    own = amended(found, demo_a={"author_names": ("Family1 N",)})
    with pytest.raises(
        DecisionError, match=r"not for demo-a to judge: its author 'Family1 N' .* namesake_in of demo-a"
    ):
        judge.vote(own, FIRST, TA, A, "include")
    assert judge.vote(own, SECOND, TA, A, "include").state == "awaiting"
    other = amended(own, demo_a={"namesake_in": (FIRST,)})
    assert judge.vote(other, FIRST, TA, A, "include").state == "awaiting"


def test_the_record_with_all_authors_counts(found: Open) -> None:
    """Of two records of one report the kept one names the first author alone."""
    with found.review.transaction():
        found.review.append("machine:dedupe", "assign", {"items": [[SECOND, FIRST, "same DOI"]]})
    own = amended(found, demo_a={"author_names": ("Family2 N",)})
    with pytest.raises(DecisionError, match="not for demo-a to judge"):
        judge.vote(own, FIRST, TA, A, "include")
    assert judge.vote(amended(own, demo_a={"namesake_in": (SECOND,)}), FIRST, TA, A, "include").votes


def test_nobody_rules_on_their_own_report(found: Open) -> None:
    to_full_text(found, FIRST)
    vote(found, FIRST, FT, "include", "exclude")
    own = amended(found, demo_adjudicator={"author_names": ("Family1 N",)})
    assert may_resolve(own, FT, JUDGE) == []
    with pytest.raises(DecisionError, match="not for demo-adjudicator to judge"):
        judge.resolve(own, FIRST, FT, JUDGE, "include")


def test_a_part_in_the_study_is_a_part_in_all_its_reports(found: Open) -> None:
    """Known by the protocol's study id, or by the name on a companion report."""
    studies.decide_link(found, FIRST, KNOWN_STUDY, A, accept=True)
    studies.decide_link(found, SECOND, KNOWN_STUDY, A, accept=True)
    for fields in ({"involved_in": (KNOWN_STUDY,)}, {"author_names": ("Family2 N",)}):
        own = amended(found, demo_c=fields)
        with pytest.raises(DecisionError, match="not for demo-c to judge"):
            judge.vote(own, FIRST, TA, C, "include")
        data = [replace(value("cr", (3, 9)), study=KNOWN_STUDY, report=queries.find_report(
            found.review.connection, KNOWN))]  # fmt: skip
        with pytest.raises(DecisionError, match="not for demo-c to extract"):
            extract.enter(own, data, C)


# The protocol ----------------------------------------------------------------------------------------------------


def test_the_protocol_reads_people_whole() -> None:
    fields = ('from = "2026-01-01", until = "2026-06-30", stages = ["full-text"], author_names = ["Ree V"], '
              'involved_in_studies = ["study:x"], namesake_in = ["10.1/x"], orcid = "0000-0000-0000-0000"')  # fmt: skip
    text = protocol_text().replace('{ name = "demo-c", ', f'{{ name = "demo-c", {fields}, ')
    person = next(p for p in parse_protocol(text).persons if p.name == C)
    assert person == PersonSpec(
        C, ("screener", "extractor"), (FT,), "2026-01-01", "2026-06-30", ("Ree V",), ("study:x",), ("10.1/x",)
    )  # fmt: skip
    for wrong, words in (
        ('from = "2026-07-01", until = "2026-06-30"', "is before the day"),
        ('until = "June"', "until"),
        ('stages = ["abstract"]', "stages"),
        ('author_name = ["X"]', "did you mean 'author_names'"),
    ):
        with pytest.raises(ProtocolError, match=words):
            parse_protocol(protocol_text().replace('{ name = "demo-c", ', f'{{ name = "demo-c", {wrong}, '))
