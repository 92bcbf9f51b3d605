"""The static site of a review: pages that need no server, no JavaScript and nothing from elsewhere."""

from __future__ import annotations

import sqlite3

from analysis.pages.render import render
from analysis.pages.site import gather
from analysis.refresh import Refreshed
from db.specs import ProtocolSpec


def render_site(
    connection: sqlite3.Connection, spec: ProtocolSpec, refreshed: Refreshed, *, now: str
) -> dict[str, str]:
    """{relative path: text} of every page and asset. Writes nothing; the same review and `now` give the same bytes.

    `now` is the time of the last run (ISO 8601, "" before the first): the only time on the pages but those of what
    happened. Abstracts and quotations reach no page. IntegrityError if the PRISMA counts do not balance.
    """
    return render(gather(connection, spec, refreshed, now))
