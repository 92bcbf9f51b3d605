"""What goes wrong on the way from any source, by name: `switch("cut_body", on="/efetch.fcgi")` for any server.

Each stands for one of the project's numbered bad inputs, with the issue thread it was reported in. They are
changes to the right reply, so that a source's own server decides what would have been right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from tests.servers.frame import Answer, Fault, Switch

Change = Callable[[Answer], Answer]

RATE_LIMIT: Final = b'{"error":"API rate limit exceeded","api-key":"203.0.113.7","count":"5","limit":"3"}'
HTML: Final = (
    b'<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1.dtd">\n'
    b"<html><head><title>WWW Error 500 Diagnostic</title></head><body><h1>Server Error</h1></body></html>"
)
CHALLENGE: Final = (
    b'<!DOCTYPE html><html lang="en-US"><head><title>Just a moment...</title></head><body><noscript>'
    b"Enable JavaScript and cookies to continue</noscript><script>window._cf_chl_opt={};</script></body></html>"
)
UNUSUAL_TRAFFIC: Final = (
    b"<html><body>We are sorry, but we are experiencing unusual traffic at this time.</body></html>"
)


def _refused(retry_after: str = "", status: int = 429) -> Answer:
    headers = {"Retry-After": retry_after} if retry_after else {}
    return Answer(RATE_LIMIT, status, "application/json", headers)


def _html(body: bytes, status: int = 200) -> Answer:
    return Answer(body, status, "text/html; charset=UTF-8")


TRANSPORT: Final[Mapping[str, Fault]] = {
    "rate_limit": _refused("1"),  # 1, biocommons/bioutils#16
    "rate_limit_without_retry_after": _refused(),  # 2, advaitpaliwal/feynman#237
    "rate_limit_with_status_200": _refused(status=200),  # 3
    "html_instead": _html(HTML),  # 10, OpenKnowledgeMaps/Headstart#257
    "html_with_status_500": _html(HTML, 500),
    "challenge": _html(CHALLENGE),  # 11, ourresearch/openalex-official#9
    "challenge_with_status_403": _html(CHALLENGE, 403),
    "unusual_traffic": _html(UNUSUAL_TRAFFIC),  # what Silverchair says to a caller it finds too quick
    "reset": Answer(reset=True),  # 12, wp-a/nature-academic-search#15
    "closed_without_a_word": Answer(drop=True),
    "cut_body": lambda right: replace(right, cut=_part(right)),  # 13, biopython#2277
    "cut_chunked": lambda right: replace(right, chunked=True, cut=_part(right)),  # 13
    "hang": Answer(hang=True),  # 14, biopython#1524
    "drip": lambda right: replace(right, drip=0.02),  # 15
    "drip_headers": Answer(slow_head=0.02),  # 15
    "cut_headers": Answer(cut_head=True),  # 13
    "cut_unsized": lambda right: replace(right, unsized=True, cut=_part(right)),  # 16
    "cut_gzip": lambda right: right.gzipped(cut=12),  # 17
    "cut_gzip_unsized": lambda right: replace(right.gzipped(cut=12), unsized=True),  # 17
    "retry_after_a_day": _refused("86400"),  # 18
    "retry_after_date": _refused("Sun, 22 Nov 2026 16:00:09 GMT"),  # 18; nine seconds after test_transport.NOW
    "retry_after_junk": _refused("soon", 503),  # 18
    "server_error": Answer(b"", 502),
    "empty": Answer(b""),
    "oversized": lambda right: replace(right, body=right.body + b" " * (2 << 20)),
    "oversized_gzip": lambda right: replace(right, body=right.body + b" " * (2 << 20)).gzipped(),
}
"""By name: a reply instead, or a change to the right reply."""


def switch(name: str, on: str = "", times: int | None = 1, more: Mapping[str, Fault] = {}) -> Switch:
    """The named fault, on for `times` requests whose path ends in `on`. `more` are a source's own faults."""
    return Switch({**TRANSPORT, **more}[name], on, times)


def _part(right: Answer) -> int:
    """How much of a body's end goes missing: two fifths, at least a byte."""
    return max(1, len(right.body) * 2 // 5)
