"""NCBI's E-utilities as a service: how they are asked, and how their small replies are read.

Protocol: https://www.ncbi.nlm.nih.gov/books/NBK25499/ (parameters), NBK25497 (pace, tool and email).
Small replies are read with a hardened lxml parser rather than Bio.Entrez.read, which tries to download
a DTD it does not ship (biopython#4268) and fails where the home folder cannot be written.
"""

from __future__ import annotations

import re
from typing import Final

from lxml import etree

from db.errors import SourceError
from db.specs import SourceSpec
from harvest.pubmed_xml import one_line
from harvest.transport import Manners, Reply, Request, Transport

BASE_URL: Final = "https://eutils.ncbi.nlm.nih.gov/entrez/eutils"
MANNERS: Final = Manners(
    ("tool", "email", "api_key"),
    per_second=3.0,
    per_second_with_key=10.0,
    at_once=20,  # ten a second for two seconds: a page of 200 records takes one or more to come
    hosts=("ncbi.nlm.nih.gov",),
    speaks="xml",
    # What comes with status 200 while a server behind E-utilities is ill (manubot#374).
    unwell=(b"External viewer error", b"Search Backend failed"),
)
AGAIN: Final = "run the same command again; nothing was changed"
NOT_STATED: Final = "not stated"


def request(spec: SourceSpec, utility: str, *params: tuple[str, str]) -> Request:
    """A request to one utility ("esearch"), by POST: no list of ids and no query is too long for it (rentrez#97)."""
    base = spec.base_url or BASE_URL
    fields = (("db", "pubmed"), *params, ("retmode", "xml"))
    return Request(spec.id, "POST", base, f"{utility}.fcgi", fields, MANNERS)


def small_xml(spec: SourceSpec, reply: Reply, root_tag: str) -> etree._Element:
    """The root of a small E-utilities reply; SourceError if it is an error or anything else."""
    refuse_status(spec, reply)
    parser = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(reply.body, parser)
    except etree.XMLSyntaxError:
        raise _not_pubmed(spec, reply) from None
    if root.tag != root_tag:
        raise _not_pubmed(spec, reply)
    errors = [one_line(element.text or "") for element in root.iter("ERROR")]
    if errors:
        raise SourceError(f"{spec.id}: PubMed refused the request: {'; '.join(errors)}: mend the query and try again")
    return root


def refuse_status(spec: SourceSpec, reply: Reply) -> None:
    """SourceError, with the reply's own words, for any status but 200."""
    if reply.status != 200:
        words = one_line(re.sub(r"<[^>]*>", " ", reply.body[:2_000].decode("utf-8", "replace")))
        raise SourceError(f"{spec.id}: E-utilities answered {reply.status}: {words}: {AGAIN}")


def database_build(spec: SourceSpec, transport: Transport) -> str:
    """Which state of PubMed is searched now, in NCBI's words, as PRISMA-S wants it told; one request.

    The replies to searches and fetches do not say it. A service that does not either is no reason to lose a harvest.
    """
    reply = transport.send(request(spec, "einfo"))
    try:
        root = small_xml(spec, reply, "eInfoResult")
    except SourceError:
        return NOT_STATED
    build, update = (one_line(root.findtext(f"DbInfo/{name}", "")) for name in ("DbBuild", "LastUpdate"))
    return f"{build}, last update {update}" if build and update else build or NOT_STATED


def _not_pubmed(spec: SourceSpec, reply: Reply) -> SourceError:
    start = one_line(reply.body[:80].decode("utf-8", "replace"))
    return SourceError(f"{spec.id}: not an E-utilities reply but {start!r}: {AGAIN}")
