"""What a run's log says beside what the source says of itself: the items of PRISMA-S, known items, a changed query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from db.archive import Archive
from db.searches import READ, Searched
from db.specs import SearchSpec, SourceSpec
from harvest.watch import Known
from lsr import __version__

if TYPE_CHECKING:
    from harvest.source import Harvest

# Names of lines that are read again: by the next run, by status and by the pages.
FETCHED = "fetched"
REFRESHED = "known records asked again"
WITHDRAWN = "withdrawn by the source"
WITHDRAWN_BY_FILE = "deleted citations"  # as lsr.workflow.files names them
KNOWN = "known items"
QUERY_CHANGED = "query changed since"
BY_CHANGED_QUERY = "found by the changed query only"
BUILD = "database build"
BUILD_NOT_ASKED = "not asked on the first search, which makes no request but those for its records"
LIMITS = ("limits", "filter")


def log_of(
    spec: SourceSpec, found: Harvest, again: Harvest | None, asked_again: Sequence[str], known: Known,
    changed: tuple[tuple[str, str], ...],
) -> tuple[tuple[str, str], ...]:  # fmt: skip
    """The log of a run: the source's own lines first, then what PRISMA-S asks for and they did not say."""
    lines = [*found.log, *changed]
    said = {name for name, _ in lines}
    if FETCHED not in said:
        lines.append((FETCHED, str(len(found.records))))
    if again is not None:
        lines += [(REFRESHED, " ".join(asked_again)), *again.log]
    read = {record.native_id for part in (found, again) if part for record in part.records}
    lines.append((READ, str(len(read))))
    if deleted := withdrawn(found, again):
        lines.append((WITHDRAWN, " ".join(deleted)))
    if known.found or known.missing:
        lines.append((KNOWN, known_words(known)))
    lines.append(("platform", spec.platform or "not stated in the protocol"))
    lines += [(BUILD, "not stated by the source")] if BUILD not in said else []
    lines += [("limits", "none beside the query")] if not said & set(LIMITS) else []
    return (*lines, ("tool", f"lsr {__version__}"))


def about_file(spec: SourceSpec | None) -> tuple[tuple[str, str], ...]:
    """What PRISMA-S asks of a search whose results came as a file: the protocol's words on it; a person searched."""
    told = (("platform", spec.platform), ("query of the protocol", spec.query)) if spec else ()
    return (*((name, words) for name, words in told if words), ("tool", f"lsr {__version__}"))


def withdrawn(found: Harvest, again: Harvest | None) -> list[str]:
    """The ids that the source said it has withdrawn, sorted."""
    return sorted({*found.deleted, *(again.deleted if again else ())})


def known_words(known: Known) -> str:
    """How many known items were found, and which were not."""
    words = f"{len(known.found)} of {len(known.found) + len(known.missing)} found"
    return f"{words}; missing: {' '.join(known.missing)}" if known.missing else words


def changed_query(
    spec: SourceSpec, search: SearchSpec, found: Harvest, earlier: Sequence[Searched], archive: Archive
) -> tuple[tuple[str, str], ...]:
    """Lines that show apart what a changed query found and the former one had not; none if it is the same query.

    The former query's hits are those of all its runs: a record that one of them missed by chance is no gain.
    """
    if not earlier or earlier[-1].query == spec.query:
        return ()
    last = earlier[-1]
    before: set[str] = set()
    for run in (run for run in earlier if run.query == last.query):
        before |= hits_of(run, archive)
    extra = sorted(set(found.native_ids) - before)
    key = f"search.source.{spec.id}.query"
    amendment = "" if key in search.amended else f"; no [[amendment]] names {key}"
    words = f"{len(extra)} record{'' if len(extra) == 1 else 's'} that the former query had not found{amendment}"
    lines = ((f"{QUERY_CHANGED} run {last.run}", words),)
    return (*lines, (BY_CHANGED_QUERY, " ".join(extra))) if extra else lines


def hits_of(run: Searched, archive: Archive) -> set[str]:
    """The ids that the run's search found, without the known records that it only asked for again."""
    seen = set(archive.get(run.ids_sha256).decode().split("\n")) - {""}
    return seen - set(dict(run.log).get(REFRESHED, "").split())
