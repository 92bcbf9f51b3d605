"""What stands in each region of the full screen, as rows of a given width: no widget, no terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from rich.cells import cell_len

from curation.highlight import Kind, spans
from db.specs import ScreenSpec
from lsr.cli.common import clean
from lsr.screens.session import Session, Shown
from lsr.screens.text import cut, isolated, one_line, rows, wrapped
from lsr.screens.words import companion_words, keys_of, names_of, printed_of, vote_words

TITLE_ROWS = 3
FACT_ROWS = 4
Piece = tuple[str, Kind | None]  # text, and whether it is a term of the protocol


@dataclass(frozen=True, slots=True)
class View:
    """The regions of one record."""

    title: list[str]
    facts: list[str]
    why: str
    body: list[list[Piece]]


def head(session: Session, width: int) -> str:
    """The first row: where one is, and how it goes."""
    place, total = session.place()
    left = f" {session.stage} · {one_line(session.reviewer)} · {place}/{total}"
    right = f"{session.progress()} "
    if cell_len(left) + cell_len(right) >= width:
        right = right.replace("await another", "to 2nd")
    left = cut(left, max(width - cell_len(right) - 1, 0))
    return cut(left + " " * max(width - cell_len(left) - cell_len(right), 1) + right, width)


def view(shown: Shown, screen: ScreenSpec, width: int) -> View:
    """The regions of a report. What a region of fixed height cuts off is repeated whole below the abstract."""
    record = shown.record
    title = one_line(record.title) or "(no title)"
    companion = "; ".join(companion_words(shown))
    composed = f" · {record.composed}" if record.composed else ""
    facts = [
        one_line(names_of(record)),
        one_line(printed_of(record)) or "(no journal, year or id)",
        one_line(f"source: {', '.join(shown.sources)} · {shown.report}{composed}"),
        one_line(companion) or "no companion report known",
    ]
    whole = [("Title", title)] if len(rows(title, width)) > TITLE_ROWS else []
    whole += [("", fact) for fact in facts if cell_len(fact) > width]
    if len(record.authors) > 6:
        whole.append(("Authors", one_line(names_of(record, len(record.authors)))))
    abstract = clean(record.abstract).strip("\n") or "(no abstract)"
    body = body_rows(abstract, screen, width)
    for name, text in whole:
        body.append([])
        body += [[(isolated(row), None)] for row in wrapped(f"{name}: {text}" if name else text, width)]
    return View(
        [isolated(row) for row in wrapped(title, width, TITLE_ROWS)],
        [isolated(cut(fact, width)) for fact in facts],
        cut(_why(shown), width),
        body,
    )


def body_rows(text: str, screen: ScreenSpec, width: int) -> list[list[Piece]]:
    """The rows of a text with the protocol's terms told apart."""
    found = spans(text, screen.include_terms, screen.exclude_terms)
    made: list[list[Piece]] = []
    first = 0
    for start, end in rows(text, width):
        while first < len(found) and found[first].end <= start:
            first += 1
        row: list[Piece] = []
        at, k = start, first
        while k < len(found) and found[k].start < end:
            begin, stop = max(found[k].start, start), min(found[k].end, end)
            row += [(text[at:begin], None), (text[begin:stop], found[k].kind)]
            at, k = stop, k + 1
        row.append((text[at:end], None))
        whole = text[start:end]
        if isolated(whole) != whole:
            row = [("\u2068", None), *row, ("\u2069", None)]
        made.append([piece for piece in row if piece[0]])
    return made


def panel(criteria: Sequence[str], reasons: Sequence[str], width: int, height: int) -> list[str]:
    """Criteria and reasons in `height` rows: each has one, and what rows are left go to the reasons first."""
    criteria = [one_line(one) for one in criteria] or ["(none in the protocol's [screen])"]
    numbered = [f"{i} {one_line(reason)}" for i, reason in enumerate(reasons, 1)] or ["(no reason at this stage)"]
    items = [*numbered, *criteria]
    wants = [len(wrapped(item, width - 2)) for item in items]
    gets = [1] * len(items)
    spare = height - len(items) - 3  # two headings and the row between
    while spare > 0 and gets != wants:
        for i, want in enumerate(wants):
            if gets[i] < want and spare > 0:
                gets[i] += 1
                spare -= 1
    made = [_listed([item], width, most) for item, most in zip(items, gets, strict=True)]
    first, second = made[: len(numbered)], made[len(numbered) :]
    rows = ["EXCLUDE WITH REASON", *chain(*first), "", "CRITERIA", *chain(*second)]
    if len(rows) > height:
        rows = [*rows[: max(height - 1, 0)], "… ? shows all"][:height]
    return [isolated(row) for row in rows]


def keys_row(keys: Mapping[str, str], width: int) -> str:
    """The last row: every key; where not all words fit, the keys that decide keep theirs."""
    decide = {"include": "include", "exclude": "exclude", "unsure": "unsure", "": "reason", "skip": "skip",
              "undo": "undo"}  # fmt: skip
    others = {"next": "move", "note": "note", "open": "DOI", "search": "find"}
    last = {"help": "help", "leave": "leave"}
    bare = dict.fromkeys(others, "")
    for words in (decide | others | last, decide | bare | last, decide | bare | dict.fromkeys(last, "")):
        told = [f"{_key(keys, name)} {word}".strip() for name, word in words.items()]
        for between in ("  ", " "):
            row = between.join(told)
            if cell_len(row) <= width - 2:
                return f" {row}"
    return cut(f" {row}", width)


def _key(keys: Mapping[str, str], action: str) -> str:
    """The first key of an action, as it is shown; of moving, both."""
    if not action:
        return "1-9"
    before = f"{keys_of(keys, 'previous')[0].upper()} " if action == "next" else ""
    return before + keys_of(keys, action)[0].upper()


def help_rows(session: Session, keys: Mapping[str, str], actions: Mapping[str, str], width: int) -> list[str]:
    """Keys, criteria and reasons, whole."""
    made = ["KEYS"]
    for action, what in actions.items():
        made += _listed([f"{' or '.join(keys_of(keys, action))}: {what}"], width, None)
    made += _listed(
        ["1-9: exclude with that reason", "up, down, page up, page down, space: scroll the abstract"], width, None
    )
    made += ["", "CRITERIA", *_listed([one_line(one) for one in session.screen.criteria], width, None)]
    reasons = [f"{i} {one_line(reason.label)} ({reason.code})" for i, reason in enumerate(session.reasons, 1)]
    made += ["", "REASONS", *_listed(reasons, width, None), "", "Any key goes back to the record."]
    return [isolated(row) for row in made]


def _why(shown: Shown) -> str:
    parts = ["Reopened: judge it anew"] if shown.again else []
    if shown.mine:
        parts.append(one_line(vote_words(shown.mine)))
    elif shown.note:
        parts.append(f"Note: {one_line(shown.note)}")
    return one_line(" · ".join([*parts, shown.why]))


def _listed(items: Sequence[str], width: int, most: int | None) -> list[str]:
    """Each item in at most `most` rows, the second and later ones indented."""
    made: list[str] = []
    for item in items:
        first, *rest = wrapped(item, width - 2, most)
        made += [first, *(f"  {row}" for row in rest)]
    return made
