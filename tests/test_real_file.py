"""A real NLM update file, imported by the command as a user would: everything in it is accounted for."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from db.review import Review
from db.verify import verify
from tests.conftest import Command

ARTICLES, PMIDS, DELETED = 20_788, 20_783, 20  # counted in the file itself, by its elements


@pytest.mark.slow
def test_a_whole_file_and_the_same_again(lsr: Command, shared: Path, review_folder: Path) -> None:
    path = shared / "data" / "pubmed" / "pubmed21n1298.xml.gz"
    if not path.is_file():
        pytest.skip(f"{path.name} is not here")
    first = lsr("import", path, "--review", review_folder, "--json")
    assert first.code == 0, first.err
    answer = json.loads(first.out)
    assert answer["runs"][0]["seen"] == ARTICLES
    assert len(answer["runs"][0]["new"]) == PMIDS
    assert len(answer["deleted"]) == DELETED
    again = json.loads(lsr("import", path, "--review", review_folder, "--json").out)
    assert (again["runs"][0]["seen"], again["runs"][0]["new"], again["runs"][0]["changed"]) == (ARTICLES, [], [])
    assert not again["pooled_again"]
    flow = json.loads(lsr("prisma", "--review", review_folder, "--json").out)
    assert flow["arms"]["databases"]["identified"] == PMIDS
    connection = sqlite3.connect(review_folder / "review.db")
    (log,) = connection.execute("SELECT log FROM run WHERE source = 'pubmed' LIMIT 1").fetchone()
    assert len(dict(json.loads(log))["deleted citations"].split()) == DELETED
    connection.close()
    with Review.open(review_folder) as review:
        assert verify(review) == []
