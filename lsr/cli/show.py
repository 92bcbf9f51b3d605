"""One report whole: what is printed of it, where each field is from, its records, merges, links and boxes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from lsr.cli.app import app
from lsr.cli.common import Folder, Json, opened, out, print_json, table


@app.command()
def show(
    report: Annotated[str, typer.Argument(metavar="REPORT", help="A report, by id, DOI or PMID.")],
    review: Folder = Path(),
    as_json: Json = False,
) -> None:
    """Show a report: each field at its richest and where it is from, its records with their boxes, why they were
    joined, its studies. No vote is shown.

    Example: lsr show 10.1200/jco.21.00389
    """
    from lsr.workflow.reports import describe

    with opened(review) as found:
        told = describe(found, report)
    if as_json:
        print_json(told)
        return
    for line in _lines(told):
        out(line)


def _lines(told: dict[str, Any]) -> list[str]:
    lines = [f"report {told['report']}", ""]
    rows = [
        (name, "; ".join(value) if isinstance(value, list) else str(value), ", ".join(told["origin"].get(name, ())))
        for name, value in told["fields"].items() if name != "abstract"
    ]  # fmt: skip
    lines += [
        f"{name:<18} {' '.join(value.split())}" + (f"  [{origin}]" if origin else "") for name, value, origin in rows
    ]
    if abstract := told["fields"].get("abstract"):
        lines += ["", abstract, f"[{', '.join(told['origin'].get('abstract', ()))}]"]
    for name, printed in told["contradicting"].items():
        lines.append(f"records contradict in {name}: " + ", ".join(f"{value} ({record})" for record, value in printed))
    boxes = [
        (record["id"], " → ".join(filter(None, (record["box"], record.get("report_box")))), record.get("reason", ""))
        for record in told["records"]
    ]
    lines += ["", table(boxes, ("record", "box", "reason"))]
    sections: tuple[tuple[str, Callable[[dict[str, Any]], str]], ...] = (
        ("merges", lambda one: f"{one['record']} → {one['into']}: {one['evidence']} ({one['by']})"),
        ("pairs", lambda one: f"pair {one['pair']}: {one['a']} and {one['b']}: " + _pair(one)),
        ("parted_from", lambda one: f"{one['record']} is none of {one['from']}'s: {one['why']} ({one['by']})"),
        ("proposed", lambda one: f"pair {one['pair']}, to be answered: {one['a']} and {one['b']}: {one['evidence']}"),
        ("links", lambda one: f"{one['state']} {one['study']} ({one['label']}): {'; '.join(one['evidence'])}"),
    )
    for name, words in sections:
        if told[name]:
            lines += ["", f"{name.replace('_', ' ')}:", *(f"  {words(one)}" for one in told[name])]
    return lines


def _pair(one: dict[str, Any]) -> str:
    said = f"{one['decided']}, by {one['by']}" + (f" ({one['why']})" if one["why"] else "")
    return "; ".join(filter(None, (one["evidence"], said if one["decided"] else "")))
