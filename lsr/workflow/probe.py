"""`lsr harvest --probe`: one small question to each source, answered into a folder that is thrown away."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from db.archive import Archive
from db.errors import InputError
from db.specs import SourceSpec
from harvest.abstract_dois import society_of
from harvest.page_fetch import LIMITS
from harvest.pages import SOCIETIES
from harvest.probe import Answer, probe_page, probe_search
from harvest.source import known_sources
from lsr.workflow.bring import CONTACT, network
from lsr.workflow.folder import Open


def probe_sources(opened: Open, names: Sequence[str]) -> list[Answer]:
    """What each named source answers, or every enabled one. The review is neither read from nor written to."""
    specs = {spec.id: spec for spec in opened.spec.sources}
    for name in names:
        if name not in specs:
            raise InputError(f"no source {name!r} in the protocol: there are {', '.join(specs)}")
    wanted = [specs[name] for name in names] or [spec for spec in opened.spec.sources if spec.enabled]
    return [answer for spec in wanted for answer in _probe(opened, spec)]


def _probe(opened: Open, spec: SourceSpec) -> list[Answer]:
    answers = []
    with tempfile.TemporaryDirectory() as folder:
        archive = Archive(Path(folder))
        if spec.id in known_sources():
            with network(archive) as transport:
                answers.append(probe_search(spec, transport))
        if spec.id in SOCIETIES:
            answers.append(_probe_page(opened, spec, archive))
    return answers or [Answer(spec.id, "nothing", None, "not asked: searched by hand or by file")]


def _probe_page(opened: Open, spec: SourceSpec, archive: Archive) -> Answer:
    """One page of the society, of the first known item that is one of its abstracts; only with permission."""
    if not spec.page_fetch:
        return Answer(spec.id, "nothing", None, "not asked: page_fetch is off, the protocol records no permission")
    dois = [doi for item in opened.spec.search.known_items for doi in item.dois if society_of(doi) == spec.id]
    if not dois:
        return Answer(spec.id, "nothing", None, "not asked: no [[known_item]] names an abstract of this society")
    with network(archive, LIMITS) as transport:
        return probe_page(spec, dois[0], transport, os.environ.get(CONTACT, ""))
