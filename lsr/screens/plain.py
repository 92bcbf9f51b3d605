"""The plain screen: the same session line by line, for a dumb terminal or a screen reader. A key, then Enter."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

import typer

from curation.highlight import marked
from db.model import Verdict
from lsr.cli.common import say
from lsr.screens.session import Session, Shown
from lsr.screens.text import isolated, one_line
from lsr.screens.words import HELP, companion_words, keys_of, names_of, printed_of, vote_words

VERDICTS: dict[str, Verdict] = {"include": "include", "exclude": "exclude", "unsure": "unsure"}
WIDTH = 78  # an 80-column terminal, less a margin


def screen(session: Session, keys: Mapping[str, str]) -> None:
    """Show what awaits this reviewer, take keys until they leave or all is done."""
    session.count()
    session.learn()
    last = None
    prompt = _prompt(keys)
    while (shown := session.shown()) is not None:
        if shown.report != last:
            show(session, shown)
            last = shown.report
        said = _ask(prompt)
        if said is None or keys.get(said.lower()) == "leave":
            break
        if told := _step(session, shown, said, keys):
            say(told)
        if told := session.learned():
            say(told)
        session.learn()
    say(f"{session.votes_given} votes; {session.lineup.left} of this queue left.")


def show(session: Session, shown: Shown) -> None:
    """One report with all that the full screen shows of it."""
    record, screen = shown.record, session.screen
    place, total = session.place()
    lines = ["─" * WIDTH, f"[{place} of {total} at {session.stage}]  {shown.report}", session.progress()]
    for text in (record.title or "(no title)", names_of(record), printed_of(record)):
        lines += _wrapped(text)
    lines += _wrapped(f"source: {', '.join(shown.sources)}")
    for text in (*companion_words(shown), f"({record.composed})" if record.composed else "", shown.why):
        lines += _wrapped(text)
    if shown.again:
        lines.append("Reopened: judge it anew.")
    if shown.mine:
        lines += _wrapped(vote_words(shown.mine))
    for paragraph in (record.abstract or "(no abstract)").splitlines():
        lines += _wrapped(marked(one_line(paragraph), screen.include_terms, screen.exclude_terms))
    for criterion in screen.criteria:
        lines += _wrapped(criterion)
    for i, reason in enumerate(session.reasons, 1):
        lines += _wrapped(f"{i} {reason.label}", lead="  ")
    typer.echo("\n".join(lines))  # each of them is clean


def _step(session: Session, shown: Shown, said: str, keys: Mapping[str, str]) -> str:
    """What a line typed amounts to; `n words` and `/words` may carry their words with them."""
    word, _, rest = said.partition(" ")
    if keys.get(said[:1]) == "search" and keys.get(word) is None:
        word, rest = said[:1], said[1:]
    if word.isdecimal() and word.isascii() and not rest and 0 < int(word) <= len(session.reasons):
        return session.vote("exclude", int(word))
    action = keys.get(word.lower())
    if action in VERDICTS and not rest:
        return session.vote(VERDICTS[action])
    if action == "note":
        return session.note(rest.strip() or _ask("note") or "")
    if action == "search":
        words = rest.strip() or _ask("search for") or ""
        return session.search(words) if words else ""
    if rest or action is None:
        return f"{said!r} is no key of this screen."
    return _other(session, shown, action, keys)


def _other(session: Session, shown: Shown, action: str, keys: Mapping[str, str]) -> str:
    if action == "skip":
        return session.skip()
    if action == "undo":
        return session.undo()
    if action in ("previous", "next"):
        return session.move(1 if action == "next" else -1)
    if action == "open":
        return session.url() or "It has neither DOI nor PMID."
    return "\n".join(f"{' or '.join(keys_of(keys, name)):>16}  {what}" for name, what in HELP.items())


def _prompt(keys: Mapping[str, str]) -> str:
    def told(*names: str) -> list[str]:
        return [f"{keys_of(keys, name)[0]} {name}" for name in names]

    parts = (*told("include", "exclude", "unsure"), "1-9 exclude with reason", *told("skip", "undo", "leave", "help"))
    return " · ".join(parts)


def _wrapped(text: str, lead: str = "") -> list[str]:
    rows = textwrap.wrap(one_line(text), WIDTH, initial_indent=lead, subsequent_indent="  " + lead if lead else "")
    return [isolated(row) for row in rows]


def _ask(prompt: str) -> str | None:
    """What was typed, without spaces around; None at the end of input."""
    try:
        return str(typer.prompt(prompt, prompt_suffix="\n> ", err=True)).strip()
    except (EOFError, typer.Abort):
        return None
