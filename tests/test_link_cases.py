"""The page of named cases: each has its answer, and no order of studies changes it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.link_cases import case_linker, record_of

CASES = tomllib.loads((Path(__file__).parent / "cases" / "links.toml").read_text("utf-8"))["case"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["title"])
def test_named_case(case: dict[str, Any]) -> None:
    links = case_linker(case).propose(record_of("new", case["report"]))
    assert {link.study: link.state for link in links} == case["expected"], [link.weighed for link in links]
    backwards = {**case, "studies": dict(reversed(case["studies"].items()))}
    assert case_linker(backwards).propose(record_of("new", case["report"])) == links


def test_each_case_says_why() -> None:
    assert len({case["title"] for case in CASES}) == len(CASES) >= 25
    assert all(case["why"].endswith(".") for case in CASES)
