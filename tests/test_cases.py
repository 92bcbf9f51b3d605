"""The page of named cases (tests/cases/duplicates.toml): every one, in both orders."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from curation.dedupe import find_duplicates
from curation.recordtable import parse_authors
from db.identifiers import normalise_doi
from db.model import Record

PAGE = tomllib.loads((Path(__file__).parent / "cases" / "duplicates.toml").read_text(encoding="utf-8"))


def record(native_id: str, fields: dict[str, Any]) -> Record:
    """A record of a case; `base` is resolved."""
    cells = {**PAGE["base"].get(fields.get("base", ""), {}), **fields}
    return Record(
        "case",
        native_id,
        title=cells.get("title", ""),
        authors=parse_authors(cells.get("author", "")),
        year=int(cells["year"]) if cells.get("year") else None,
        journal=cells.get("journal", ""),
        volume=cells.get("volume", ""),
        issue=cells.get("number", ""),
        pages=cells.get("pages", ""),
        doi=normalise_doi(cells.get("doi", "")),
        pmid=cells.get("pmid", ""),
        registry_ids=tuple(cells.get("registry_ids", ())),
        publication_types=tuple(cells.get("types", ())),
    )


@pytest.mark.parametrize("case", PAGE["case"], ids=lambda case: str(case["name"]))
def test_case(case: dict[str, Any]) -> None:
    one, other = (record(str(number), fields) for number, fields in enumerate(case["records"], start=1))
    for pair in ([one, other], [other, one]):
        found = find_duplicates(pair)
        said = ("merge" if found[0].certain else "queue") if found else "apart"
        assert said == case["expected"], (case["why"], found)


def test_the_page_is_complete() -> None:
    assert len({case["name"] for case in PAGE["case"]}) == len(PAGE["case"])
    assert {case["expected"] for case in PAGE["case"]} == {"merge", "queue", "apart"}
    assert all(case["why"] for case in PAGE["case"])
