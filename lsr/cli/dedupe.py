"""Duplicates: in files, without a review; in a review, the pairs that await an answer, decisions, and their undoing."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lsr.cli.app import app
from lsr.cli.common import Folder, Json, opened, out, print_json, progress_bar, say, table
from lsr.cli.files import name_rows

if TYPE_CHECKING:
    from lsr.workflow.folder import Open
    from lsr.workflow.pairs import Answered

_EVIDENCE_WIDTH = 60


@app.command()
def dedupe(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE... | PAIR | A B | REPORT]",
            help="Files that import reads, or a CSV with the id in its first column and a title; in a review, a pair "
            "of the list, two records, or a report.",
        ),
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--out", metavar="OUT.csv", help="With files: id, cluster and evidence.")
    ] = None,
    queue: Annotated[
        Path | None, typer.Option("--queue", metavar="QUEUE.csv", help="Write the pairs in doubt, a row each.")
    ] = None,
    decisions: Annotated[
        Path | None,
        typer.Option("--decisions", metavar="QUEUE.csv", help="Read the queue back: same or different in each row."),
    ] = None,
    shown: Annotated[str, typer.Option("--show", metavar="PAIR", help="Two records side by side.")] = "",
    same: Annotated[bool, typer.Option("--same", help="They are one publication.")] = False,
    different: Annotated[bool, typer.Option("--different", help="They are two.")] = False,
    part: Annotated[
        str, typer.Option("--part", metavar="RECORD", help="This record is none of the report's: undoes a merge.")
    ] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Take back what people decided on the two.")] = False,
    walk: Annotated[bool, typer.Option("--walk", help="Answer one pair after another: y, n, s, z, q.")] = False,
    reviewer: Annotated[
        str, typer.Option("--reviewer", envvar="LSR_REVIEWER", help="Your name, as the protocol has it.")
    ] = "",
    why: Annotated[str, typer.Option("--why", help="Your reason.")] = "",
    review: Folder = Path(),
    as_json: Json = False,
) -> None:
    """Records that are one publication. In files: no review is needed. In a review harvest and import join what is
    certain by themselves; without a FILE this lists what is not, and takes decisions.

    Example: lsr dedupe embase.ris scopus.csv --out clusters.csv --queue queue.csv
    Example: lsr dedupe 3f2a91c0 --same --reviewer demo-a
    Example: lsr dedupe pubmed:37314354 --part crossref:10.1000/x --reviewer demo-a --why "another trial"
    """
    words = names or []
    if words and (to or queue or decisions):
        _files([Path(word) for word in words], to, queue, decisions, as_json)
        return
    if to is not None:
        raise typer.BadParameter("--out takes the records of files: name them")
    if any(Path(word).is_file() for word in words):
        raise typer.BadParameter("say where to write the clusters: --out OUT.csv")
    asked = [same, different, bool(part), undo, walk, bool(shown), queue is not None, decisions is not None]
    if sum(asked) > 1 and not (part and undo):
        raise typer.BadParameter("say one thing: --same, --different, --part, --undo, --show, --walk, --queue …")
    with opened(review) as found:
        if same or different or part or undo:
            _decide(found, words, reviewer, why, same=same, different=different, part=part, undo=undo, as_json=as_json)
        elif decisions is not None:
            _read(found, decisions, reviewer, as_json)
        elif queue is not None:
            _write(found, queue, as_json)
        elif walk:
            from lsr.screens.pairs import walk as run

            run(found, reviewer)
            _pool(found)
        elif words or shown:
            _show(found, [*words, *([shown] if shown else [])], as_json)
        else:
            _list(found, as_json)


def _files(paths: list[Path], to: Path | None, queue: Path | None, decisions: Path | None, as_json: bool) -> None:
    from lsr.workflow.dedupe_files import dedupe_files, write_queue, write_result

    if to is None and queue is None:
        raise typer.BadParameter("say where to write the clusters: --out OUT.csv")
    with progress_bar() as progress:
        done = dedupe_files(paths, decisions, progress)
    if to is not None:
        write_result(to, done)
    if queue is not None:
        write_queue(queue, done)
    records, publications = len(done.records), done.publications
    if as_json:
        counts = {"records": records, "publications": publications, "duplicates": records - publications}
        print_json(
            {**counts, "in_doubt": len(done.queue), "decided": len(done.decided),
             "not_read": [asdict(row) for row in done.not_read]}
        )  # fmt: skip
    else:
        written = ", ".join(str(path) for path in (to, queue) if path is not None)
        out(
            f"{records} records, {publications} publications, {records - publications} duplicates, "
            f"{len(done.queue)} pairs in doubt: {written}"
        )
    name_rows(done.not_read)


def _decide(
    found: Open, words: list[str], reviewer: str, why: str, *, same: bool, different: bool, part: str, undo: bool,
    as_json: bool,
) -> None:  # fmt: skip
    from lsr.workflow import pairs

    if part and len(words) != 1:
        raise typer.BadParameter("--part RECORD takes one report, or one of its records")
    if part and not undo:
        answer = pairs.part(found, words[0], part, reviewer, why)
    else:
        a, b = pairs.parted(found, words[0], part) if part else pairs.find_pair(found, words)
        if undo:
            answer = pairs.undo(found, a, b, reviewer, why)
        else:
            answer = pairs.decide(found, a, b, reviewer, "same" if same else "different", why)
    if as_json:
        print_json(_plain(answer))
    else:
        for line in _told(answer):
            out(line)
    _pool(found)


def _told(answer: Answered) -> list[str]:
    if len(answer.reports) == 1:
        lines = [f"{answer.a} and {answer.b} are one report: {answer.reports[0]}"]
    else:
        lines = [f"{answer.a} and {answer.b} are two reports: {', '.join(answer.reports)}"]
    return lines + [f"{report}: reopened at {stage}: {why}" for report, stage, why in answer.settled.reopened]


def _plain(answer: Answered) -> dict[str, Any]:
    settled = answer.settled
    return {
        "a": answer.a, "b": answer.b, "reports": list(answer.reports),
        "joined": [{"record": joined.record, "report": joined.same_as} for joined in settled.joined],
        "parted": list(settled.parted),
        "reopened": [{"report": report, "stage": stage, "why": why} for report, stage, why in settled.reopened],
    }  # fmt: skip


def _show(found: Open, words: list[str], as_json: bool) -> None:
    from lsr.screens import pairs as pair_screen
    from lsr.workflow.pairs import find_pair

    a, b = find_pair(found, words)
    print_json(pair_screen.as_values(found, a, b)) if as_json else pair_screen.show(found, a, b)


def _list(found: Open, as_json: bool) -> None:
    from db.duplicates import queue

    waiting = queue(found.review.connection)
    if as_json:
        print_json(
            [{"pair": p.name, "a": p.a, "b": p.b, "reports": [p.one, p.other], "evidence": p.evidence,
              "score": p.score, "decided": p.decided, "by": p.decider} for p in waiting]
        )  # fmt: skip
        return
    rows = [(p.name, p.a, p.b, p.evidence if len(p.evidence) <= _EVIDENCE_WIDTH else p.evidence[:59] + "…")
            for p in waiting]  # fmt: skip
    out(table(rows, ("pair", "a", "b", "evidence")) if rows else "No pair awaits an answer.")
    if rows:
        say("Answer with `lsr dedupe --walk --reviewer NAME`, or `lsr dedupe PAIR --same|--different --reviewer NAME`.")


def _write(found: Open, path: Path, as_json: bool) -> None:
    from lsr.workflow.pairs import write_queue

    count = write_queue(found, path)
    words = f"Wrote {path}: {count} pairs; fill in same or different, then `lsr dedupe --decisions {path}`"
    print_json({"wrote": str(path), "pairs": count}) if as_json else out(words)


def _read(found: Open, path: Path, reviewer: str, as_json: bool) -> None:
    from lsr.workflow.pairs import read_queue

    answered = read_queue(found, path, reviewer)
    same = sum(row.decision == "same" for row, _ in answered)
    if as_json:
        print_json([{"row": row.row, "decision": row.decision, **_plain(answer)} for row, answer in answered])
    else:
        out(f"{len(answered)} decisions entered: {same} the same, {len(answered) - same} different")
        for _, answer in answered:
            for line in _told(answer)[1:]:
                out(line)
    _pool(found)


def _pool(found: Open) -> None:
    from lsr.workflow.refresh import refresh

    if refresh(found).pooled:
        say("The data changed: pooled again.")
