"""Bringing records in and sorting them: harvest, run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lsr.cli import society_pages
from lsr.cli.app import app
from lsr.cli.common import Folder, Json, Reviewer, opened, out, print_json, progress_bar, say

if TYPE_CHECKING:
    from db.records import Stored
    from lsr.workflow.bring import Brought, Replies
    from lsr.workflow.folder import Open


@app.command()
def harvest(
    sources: Annotated[
        list[str] | None, typer.Argument(metavar="[SOURCE]...", help="Which sources; all enabled ones without.")
    ] = None,
    replay: Annotated[bool, typer.Option("--replay", help="Answer from the archive instead of the network.")] = False,
    accept: Annotated[
        str,
        typer.Option("--accept", metavar="SOURCE", help="Accept what the source's failed search asked; no search."),
    ] = "",
    reviewer: Reviewer = "",
    why: Annotated[str, typer.Option("--why", help="Your reason for accepting.")] = "",
    pages: Annotated[
        bool, typer.Option("--pages", help="List the meeting abstracts whose page a person should open; no search.")
    ] = False,
    probe: Annotated[
        bool, typer.Option("--probe", help="Ask each source one small question, say what came; nothing is stored.")
    ] = False,
    review: Folder = Path(),
    as_json: Json = False,
) -> None:
    """Search the protocol's sources now; then dedupe and link what is new. Pooling follows if the data changed.

    A source that fails keeps nothing, does not stop the others, and the command exits 1. A search that shows what
    a person must look at (a dropped phrase, a jump in hits, a known item missed) fails until somebody accepts it.
    Pages of meeting abstracts are fetched where the protocol has a permission for it, and when no source is named.
    Keys and contact come from the environment: NCBI_API_KEY, LSR_ASCO_API_KEY, LSR_CONTACT_EMAIL.

    Example: lsr harvest pubmed
    """
    from lsr.workflow.bring import harvest as search

    if accept:
        if sources or replay:
            raise typer.BadParameter("--accept takes one source and searches nothing")
        with opened(review) as found:
            _accept(found, accept, reviewer, why, as_json)
        return
    if pages or probe:
        with opened(review) as found:
            society_pages.list_pages(found, as_json) if pages else society_pages.probe(found, sources or [], as_json)
        return
    with opened(review) as found, progress_bar() as progress:
        brought = search(found, sources or [], replies=_replies(found, replay), progress=progress)
        fetched = None if sources else society_pages.fetch(found, progress, replay=replay)
        report(found, brought, as_json, replayed=replay)
    _fail_if_any(brought)
    society_pages.fail_if_refused(fetched)


def _accept(found: Open, source: str, reviewer: str, why: str, as_json: bool) -> None:
    from lsr.workflow.accept import accept

    answered = accept(found, source, reviewer, why)
    if as_json:
        print_json({"source": source, "accepted": [{"question": key, "words": words} for key, words in answered]})
        return
    for _, words in answered:
        out(f"{source}: accepted: {words}")
    say(f"Now search again: lsr harvest {source}")


def _replies(found: Open, replay: bool) -> Replies | None:
    from db.queries import archived_replies

    return archived_replies(found.review.connection) if replay else None


def report(found: Open, brought: Brought, as_json: bool, *, replayed: bool = False, **more: object) -> None:
    """What came in and what became of it, printed; `more` is for --json alone. Pools again if the data changed."""
    from lsr.workflow.refresh import refresh

    pooled = refresh(found).pooled
    if as_json:
        print_json(_plain(brought) | {"pooled_again": pooled} | more)
        return
    for run in brought.runs:
        out(_summary(run, brought.refreshed.get(run.run)))
    for failure in brought.failed if brought.runs or len(brought.failed) > 1 else ():  # one alone: the error says it
        out(f"{failure.source}: FAILED, nothing of it was kept")
    if brought.runs:
        linked = sum(link.state == "linked" for link in brought.links)
        out(f"duplicates {len(brought.duplicates)}, linked {linked}, proposed links {len(brought.links) - linked}")
    if brought.deleted:
        shown = " ".join(brought.deleted[:5]) + (" …" if len(brought.deleted) > 5 else "")
        out(f"deleted citations {len(brought.deleted)}: {shown}")
    for report, words in brought.reopened:
        out(f"reopened {report}: {words}")
    if brought.not_searched:
        why = "No reply of a search is archived" if replayed else "Not searched by this program, import their files"
        say(f"{why}: {', '.join(brought.not_searched)}")
    if pooled:
        say("The data changed: pooled again.")


def _summary(run: Stored, refreshed: int | None) -> str:
    """One run in a line; fetched are new, updated or seen again, each once but for doubles in a file."""
    words = f"{run.source}: {run.hits} hits, {run.seen} fetched, {len(run.new)} new, {len(run.changed)} updated, "
    words += f"{run.again} seen again"
    return f"{words} ({refreshed} known ones asked again)" if refreshed is not None else words


def _plain(brought: Brought) -> dict[str, Any]:
    runs = [
        {"run": r.run, "source": r.source, "hits": r.hits, "seen": r.seen, "new": list(r.new),
         "changed": list(r.changed), "seen_again": r.again, "refreshed": brought.refreshed.get(r.run, 0)}
        for r in brought.runs
    ]  # fmt: skip
    failed = [
        {"source": f.source, "at": f.at, "query": f.query, "why": f.why,
         "questions": [{"question": key, "words": words} for key, words in f.questions]}
        for f in brought.failed
    ]  # fmt: skip
    return {
        "runs": runs,
        "failed": failed,
        "duplicates": len(brought.duplicates),
        "links": [{"report": link.report, "study": link.study, "state": link.state} for link in brought.links],
        "reopened": [{"report": report, "why": why} for report, why in brought.reopened],
        "deleted": list(brought.deleted),
        "not_searched": list(brought.not_searched),
    }


def _fail_if_any(brought: Brought) -> None:
    """SourceError that says why each failed source failed, once all else is done and told."""
    from db.errors import SourceError

    if brought.failed:
        raise SourceError("; ".join(failure.why for failure in brought.failed))


@app.command()
def run(
    replay: Annotated[bool, typer.Option("--replay", help="Answer from the archive instead of the network.")] = False,
    review: Folder = Path(),
    as_json: Json = False,
) -> None:
    """The weekly job: harvest, dedupe, link, pool if the data changed, write draft pages, say what awaits people.

    Exits 1 if a source failed, after all else is done: the pages and the status say which, and why.

    Example: lsr run --review /srv/my-review
    """
    from lsr.workflow.bring import harvest as search
    from lsr.workflow.pages import write_site
    from lsr.workflow.status import status

    with opened(review) as found, progress_bar() as progress:
        brought = search(found, [], replies=_replies(found, replay), progress=progress)
        fetched = society_pages.fetch(found, progress, replay=replay)
        report(found, brought, False) if not as_json else None
        site = write_site(found)
        waiting = status(found)
    if as_json:
        print_json(_plain(brought) | {"new": list(brought.new), "status": waiting, "site": str(site)})
    else:
        for line in waiting["lines"]:
            out(line)
        out(f"Draft pages: {site / 'index.html'}")
    _fail_if_any(brought)
    society_pages.fail_if_refused(fetched)
