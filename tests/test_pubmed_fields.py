"""Elements as they should not be and sometimes are: what PubMed's DTD allows empty, or a stranger puts out of order."""

from __future__ import annotations

from lxml import etree

from db.model import Author, Record
from harvest.pubmed_fields import citation


def record(article: str, more: str = "") -> Record:
    body = f"<PubmedArticle><MedlineCitation><Article>{article}</Article>{more}</MedlineCitation></PubmedArticle>"
    return citation(etree.fromstring(body), "pubmed")


def test_an_empty_suffix_leaves_no_comma() -> None:
    """41 records of a real yearly file have one."""
    found = record(
        "<AuthorList><Author><LastName>Li</LastName><ForeName>Rong</ForeName><Suffix/></Author></AuthorList>"
    )
    assert found.authors == (Author("Li", "Rong"),)


def test_names_of_investigators_and_subjects_are_nobodys() -> None:
    found = record(
        "<AuthorList><Author><LastName>Li</LastName></Author></AuthorList>",
        "<PersonalNameSubjectList><PersonalNameSubject><LastName>Curie</LastName></PersonalNameSubject>"
        "</PersonalNameSubjectList><InvestigatorList><Investigator><LastName>Wu</LastName></Investigator>"
        "</InvestigatorList>",
    )
    assert found.authors == (Author("Li"),)


def test_markup_in_group_names_and_affiliations_is_taken_off() -> None:
    found = record(
        "<AuthorList><Author><CollectiveName>The <i>CAR</i>\n Group</CollectiveName><AffiliationInfo><Affiliation>"
        "A<sup>1</sup></Affiliation><Identifier>x</Identifier></AffiliationInfo><AffiliationInfo><Affiliation>B</Affiliation>"
        "</AffiliationInfo></Author></AuthorList>"
    )
    assert found.authors == (Author(collective="The CAR Group", affiliation="A1; B"),)


def test_a_qualifier_without_its_descriptor_is_kept() -> None:
    found = record(
        "",
        "<MeshHeadingList><MeshHeading><QualifierName>therapy</QualifierName></MeshHeading><MeshHeading>"
        "<DescriptorName>Humans</DescriptorName></MeshHeading></MeshHeadingList>",
    )
    assert found.extra["mesh"] == "therapy; Humans"
