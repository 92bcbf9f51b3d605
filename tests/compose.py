"""Composes the demonstration's bundle of replies: `python -m tests.compose` writes it into the template.

The corpus (demo/corpus) is served by the loopback servers, the real harvesters search them, and what they were
answered becomes demo/replies: so the bundle has the shape of the sources' replies and fits the harvesters' requests.
It is composed, not captured, and every line of its index says so.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path

from db.archive import Archive
from db.specs import SourceSpec
from harvest.live import Identity, LiveTransport
from harvest.source import get_source
from harvest.transport import Reply
from lsr.demo import COMPOSED, demo_protocol, demo_template
from lsr.protocol import parse_protocol
from lsr.workflow.folder import TEMPLATES
from tests.servers.crossref import CrossrefServer
from tests.servers.eutils import EutilsServer

# The Monday of the week that the demonstration plays. The bundle's replies carry it; nothing was asked on that day.
WEEK = "2026-11-16T06:00:00Z"
ENDINGS = {"pubmed": "xml", "crossref": "json"}


def compose(target: Path) -> None:
    """Write index.json and one file a reply into `target`."""
    demo = TEMPLATES / demo_template() / "demo"
    spec = parse_protocol(demo_protocol())
    articles = (demo / "corpus" / "pubmed.xml").read_bytes()
    works = json.loads((demo / "corpus" / "crossref.json").read_text("utf-8"))
    target.mkdir(parents=True, exist_ok=True)
    for old in target.iterdir():
        old.unlink()
    index = []
    for server, name in ((EutilsServer(articles), "pubmed"), (CrossrefServer(works), "crossref")):
        source = next(source for source in spec.sources if source.id == name)
        with server:
            replies = _search(replace(source, base_url=server.url))
        for number, reply in enumerate(replies, 1):
            file = f"{name}-{number}.{ENDINGS[name]}"
            (target / file).write_bytes(reply.body)
            index.append({"request": reply.request_key, "file": file, "status": reply.status, "at": WEEK,
                          "composed": COMPOSED})  # fmt: skip
    (target / "index.json").write_text(json.dumps(index, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _search(source: SourceSpec) -> tuple[Reply, ...]:
    with tempfile.TemporaryDirectory() as folder:
        transport = LiveTransport(Archive(Path(folder)), Identity("0"))
        get_source(source.id).search(source, transport, lambda done, total: None)
        return transport.replies


if __name__ == "__main__":
    compose(TEMPLATES / demo_template() / "demo" / "replies")
