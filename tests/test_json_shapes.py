"""JSON of any shape is a record or an error in words: never a fault of the program, never text that nobody wrote."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from db.errors import ReviewError
from db.model import Record
from db.records import to_json
from db.verify import verify
from harvest import crossref_work, ctgov_study, europepmc_result
from harvest.live import Clock, Limits, LiveTransport
from lsr.workflow.bring import harvest
from lsr.workflow.folder import open_review
from tests.four_sources import content_of, point, serving
from tests.servers.frame import LoopbackServer
from tests.test_crossref import WORK
from tests.test_ctgov import STUDY
from tests.test_europepmc import RESULT

SHAPES: tuple[tuple[Callable[[dict[str, Any], str], Record | None], dict[str, Any]], ...] = (
    (crossref_work.record_of, WORK), (europepmc_result.record_of, RESULT), (ctgov_study.record_of, STUDY),
)  # fmt: skip
STRANGE = (
    None, True, False, 0, -1, 10**30, 1.5, float("nan"), "", "x", "\ud800", "\x00\x01", "²", "9" * 400, "2021-99-99",
    [], [[]], [None], [1], ["x"], [{}], {}, {"a": 1}, [["x"]], [[None]], [[10**30, 5]], [[2021, 13]], [{"x": None}],
)  # fmt: skip


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to every value inside."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, below in inside:
        yield (*at, name)
        yield from places(below, (*at, name))


def changed(whole: dict[str, Any], at: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """A copy with another value at a path."""
    made: Any = copy.deepcopy(whole)
    inner = made
    for name in at[:-1]:
        inner = inner[name]
    inner[at[-1]] = copy.deepcopy(value)
    return dict(made)


@pytest.mark.parametrize(("read", "whole"), SHAPES, ids=("crossref", "europepmc", "ctgov"))
def test_every_value_may_be_anything(
    read: Callable[[dict[str, Any], str], Record | None], whole: dict[str, Any]
) -> None:
    for at in places(whole):
        for value in STRANGE:
            try:
                record = read(changed(whole, at, value), "source")
            except ReviewError:
                continue
            assert record is None or "None" not in to_json(record)


MARKED = {  # in a title or an id: what is replaced, by what
    "crossref": (b"10.5555/w.", b"10.5555/w\\ud800."),
    "europepmc": (b"PPR", b"PPR\\ud800"),
    "ctgov": (b"A CD7", b"A \\ud800 CD7"),
}


@pytest.mark.parametrize("source", ["crossref", "europepmc", "ctgov"])
def test_what_no_file_can_hold_is_stored_or_refused(
    review_folder: Path, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lone half of a UTF-16 pair, which JSON can say and UTF-8 cannot; and a NUL."""
    monkeypatch.setattr(LiveTransport.__init__, "__defaults__", (Clock(sleep=lambda seconds: None), Limits(tries=2)))
    with serving({"pubmed": 2, "crossref": 2, "europepmc": 3, "ctgov": 2}) as servers:
        point(review_folder, servers)
        server: LoopbackServer = servers[source]
        right = server._handler

        def strange(asked: Any) -> Any:
            answer = right(asked)
            body = answer.body.replace(b"CAR T cells", b"CAR T cells \\ud800\\u0000").replace(*MARKED[source])
            return type(answer)(body, answer.status, answer.content_type)

        server._handler = strange
        with open_review(review_folder) as opened:
            brought = harvest(opened)
            assert {run.source for run in brought.runs} | {failure.source for failure in brought.failed} >= {source}
            assert {"pubmed"} <= {run.source for run in brought.runs}
            assert verify(opened.review) == []
            before = content_of(review_folder)["record"]
            harvest(opened)
            assert content_of(review_folder)["record"] == before
