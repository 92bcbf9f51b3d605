"""Linking in a review: what registers print of trials speaks for and against, and people's answers stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from db import queries
from db.model import Author, Record
from db.records import RunNote, store_run
from db.registrations import store_registrations
from lsr.workflow import folder as folders
from lsr.workflow import studies
from lsr.workflow.linking import link
from tests.scene import KNOWN_STUDY, SEARCHED, A, searched

TRIAL = "NCT04984356"
LATER = Record(
    "pubmed", "91000", "Phase 1/2 trial of allogeneic WU-CART-007", "28 patients were enrolled.",
    (Author("Ghobadi", "A"),), 2025, pmid="91000", registry_ids=(TRIAL,),
)  # fmt: skip


def test_registrations_speak_and_people_outrank_machines(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    folder = searched(tmp_path_factory, tmp_path / "review")
    with folders.open_review(folder) as opened:
        review = opened.review
        with review.transaction():
            store_run(review, RunNote("pubmed", "databases", "a query", SEARCHED, None), (LATER,))
        (made,) = link(opened, [LATER.id])
        assert (made.study, made.state) == (KNOWN_STUDY, "linked")
        assert link(opened, [LATER.id]) == (), "said once"
        store_registrations(review, "machine:harvest", "ctgov", [(TRIAL, {"enrolment": "9", "start_date": "2021"})])
        assert link(opened, [LATER.id]) == (), "what people may have seen is not taken back"
        (revised,) = link(opened, [LATER.id], revise=True)
        assert (revised.state, revised.weighed[-1]) == ("proposed", (-0.3, "28 patients, the register counts 9"))
        assert queries.links(review.connection, "proposed")[0].evidence == revised.evidence
        studies.decide_link(opened, LATER.id, KNOWN_STUDY, A, accept=False)
        assert link(opened, [LATER.id], revise=True) == ()
