"""What is new is deduped, then linked: machines join what is certain and propose the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from db.model import Duplicate, Link
from lsr.workflow.duplicates import dedupe
from lsr.workflow.folder import Open
from lsr.workflow.linking import link
from lsr.workflow.studies import reports_joined

Progress = Callable[[str, int, int | None], None]


def quiet(what: str, done: int, total: int | None) -> None:
    """A progress callback that says nothing."""


def settle(
    opened: Open, new: Sequence[str], progress: Progress = quiet, changed: Sequence[str] = ()
) -> tuple[tuple[Duplicate, ...], tuple[Link, ...]]:
    """Dedupe, then link, the records that are new; those that a source printed anew (`changed`) are compared again.
    A report that joins an included study so reopens it. Nothing new: nothing is done."""
    if not new and not changed:
        return (), ()
    joined = dedupe(opened, (*new, *changed), progress).joined
    links = link(opened, new) if new else ()
    grown = [found.report for found in links if found.state == "linked"] + [found.same_as for found in joined]
    with opened.review.transaction():
        reports_joined(opened, grown)
    return joined, links
