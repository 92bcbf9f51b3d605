"""On a whole real NLM file nothing is lost and nothing invented, against a second reading by another parser.

The second reading is written from NLM's DTD alone, with the standard library's ElementTree, and shares no code with the
first. It holds one article at a time, as plain dictionaries.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from db.model import Record
from harvest.pubmed_xml import parse_pubmed

ARTICLES = 20_788  # in pubmed21n1298, counted by its <PubmedArticle> tags


def words(element: ElementTree.Element) -> list[str]:
    """Every word below an element, whatever markup it stands in."""
    return "".join(element.itertext()).split()


def second_reading(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path) as stream:
        events = ElementTree.iterparse(stream, ("start", "end"))
        _, root = next(events)
        for event, article in events:
            if event == "end" and article.tag == "PubmedArticle":
                yield read(article)
                root.clear()


def read(article: ElementTree.Element) -> dict[str, Any]:
    citation = article.find("MedlineCitation")
    assert citation is not None
    body = citation.find("Article")
    assert body is not None
    located = [e for e in body.findall("ELocationID") if e.get("EIdType") == "doi" and e.get("ValidYN", "Y") == "Y"]
    listed = [e for e in article.findall("PubmedData/ArticleIdList/ArticleId") if e.get("IdType") == "doi"]
    people = [a for a in body.findall("AuthorList/Author") if a.get("ValidYN", "Y") == "Y"]
    numbers = body.findall("DataBankList/DataBank/AccessionNumberList/AccessionNumber")
    return {
        "pmid": (citation.findtext("PMID") or "").strip(),
        "doi": [e.text.strip().lower() for e in (*located, *listed) if e.text and e.text.strip()],
        "title": [w for e in body.findall("ArticleTitle") for w in words(e)],
        "abstract": [w for e in body.findall("Abstract/AbstractText") for w in words(e)],
        "labels": [e.get("Label", "") for e in body.findall("Abstract/AbstractText") if words(e)],
        "collective": [" ".join(words(e)) for a in people for e in a.findall("CollectiveName")],
        "families": [(a.findtext("LastName") or "").strip() for a in people],
        "types": [(e.text or "").strip() for e in body.findall("PublicationTypeList/PublicationType")],
        "trials": {e.text.strip() for e in numbers if e.text and e.text.strip().startswith("NCT")},
        "notices": [e.get("RefType") for e in citation.findall("CommentsCorrectionsList/CommentsCorrections")],
    }


def labelled(found: dict[str, Any]) -> int:
    """How many words the labels of a structured abstract add to its text, which prints them ("METHODS: …")."""
    return sum(len(f"{label}:".split()) for label in found["labels"] if label and label != "UNLABELLED")


def differences(record: Record, found: dict[str, Any]) -> Iterator[str]:
    yield from (f"{name}: {mine!r} != {other!r}" for name, mine, other in (
        ("pmid", record.pmid, found["pmid"]),
        ("title", record.title.split(), found["title"]),
        ("collective", [a.collective for a in record.authors if a.collective], found["collective"]),
        ("families", [a.family for a in record.authors], found["families"]),
        ("types", list(record.publication_types), found["types"]),
        ("notices", [notice.kind for notice in record.notices], found["notices"]),
    ) if mine != other)  # fmt: skip
    if bool(record.doi) != bool(found["doi"]) or (record.doi and record.doi not in found["doi"]):
        yield f"doi: {record.doi!r} is none of {found['doi']}"
    abstract = record.abstract.split()
    if len(abstract) != len(found["abstract"]) + labelled(found) or set(found["abstract"]) - set(abstract):
        yield f"abstract: {len(abstract)} words, not {len(found['abstract'])} and {labelled(found)} of labels"
    if not found["trials"] <= set(record.registry_ids):
        yield f"trials: {record.registry_ids} lacks {found['trials']}"


@pytest.mark.slow
def test_nothing_is_lost_and_nothing_invented_in_a_whole_real_file(shared: Path) -> None:
    path = shared / "data" / "pubmed" / "pubmed21n1298.xml.gz"
    wrong: list[str] = []
    count = 0
    with gzip.open(path) as stream:
        records = (item for item in parse_pubmed(stream) if isinstance(item, Record))  # type: ignore[arg-type]
        for record, found in zip(records, second_reading(path), strict=True):
            count += 1
            wrong += [f"{found['pmid']} {line}" for line in differences(record, found)]
    assert wrong[:20] == []
    assert count == ARTICLES
