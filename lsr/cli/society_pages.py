"""What `lsr harvest` and `lsr run` say of the societies' abstract pages, and `lsr harvest --probe`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsr.cli.common import out, print_json, say, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lsr.workflow.folder import Open
    from lsr.workflow.settle import Progress
    from lsr.workflow.society_pages import Fetched


def fetch(found: Open, progress: Progress, *, replay: bool) -> Fetched:
    """Fetch the pages that are permitted and wanted, or read the archived ones again; what was not read is told on
    stderr, with the DOI."""
    from lsr.workflow.society_pages import fetch_pages, reread_pages

    fetched = reread_pages(found) if replay else fetch_pages(found, progress)
    if fetched.asked:
        say(f"pages asked for {fetched.asked}, joined to their reports {len(fetched.joined)}")
    for doi, why in fetched.trouble:
        say(f"page not read: {doi}: {why}")
    return fetched


def fail_if_refused(fetched: Fetched | None) -> None:
    """InputError if a society's pages are permitted but could not be asked for at all."""
    from db.errors import InputError

    if fetched and fetched.refused:
        raise InputError("; ".join(fetched.refused))


def list_pages(found: Open, as_json: bool) -> None:
    """The DOIs whose abstract a person should open, with what is lacking and where."""
    from lsr.workflow.wanted_pages import pages_to_open

    wanted = pages_to_open(found)
    if as_json:
        print_json([
            {"society": w.society, "doi": w.doi, "url": w.url, "report": w.report, "title": w.title,
             "lacks": list(w.lacks), "trouble": w.trouble} for w in wanted
        ])  # fmt: skip
        return
    if not wanted:
        out("No meeting abstract lacks its text or a registry id.")
        return
    rows = [(w.society, w.url, ", ".join(w.lacks), w.title[:60], w.trouble) for w in wanted]
    out(table(rows, ("society", "page", "lacks", "title", "last attempt")))
    say("Open each page, save it as HTML, and `lsr import` the files.")


def probe(found: Open, sources: Sequence[str], as_json: bool) -> None:
    """One small question to each source; SourceError at the end if one did not answer as expected."""
    from db.errors import SourceError
    from lsr.workflow.probe import probe_sources

    answers = probe_sources(found, sources)
    if as_json:
        print_json([{"source": a.source, "asked": a.asked, "well": a.well, "words": a.words} for a in answers])
    else:
        out(table([(a.source, a.asked, a.words) for a in answers], ("source", "asked", "what came back")))
    if ill := [a.source for a in answers if a.well is False]:
        raise SourceError(f"not as expected: {', '.join(ill)}: see above")
