"""The full screen, in Textual: fixed regions, one key an action. What keys amount to is in lsr.screens.session.

Nothing that is shown is read as markup: rows go to the terminal as they are, after `clean`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import App, ComposeResult
from textual.containers import Horizontal, Vertical
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import Input, Static

from curation.highlight import Kind
from db.errors import ReviewError
from db.model import Verdict
from lsr.screens.child import Child
from lsr.screens.session import Session
from lsr.screens.text import cut, one_line
from lsr.screens.view import FACT_ROWS, TITLE_ROWS, Piece, head, help_rows, keys_row, panel, view
from lsr.screens.words import HELP

VERDICTS: dict[str, Verdict] = {"include": "include", "exclude": "exclude", "unsure": "unsure"}
LOOK_SECONDS = 0.25  # how often it looks whether a process has ended
PANEL, WIDE_PANEL, WIDE = 30, 44, 110  # columns of the panel, and the width from which it is the wider one
# Terms differ by more than colour: one is bold and underlined, the other in reverse.
MARKS: dict[Kind, Style] = {"include": Style(bold=True, underline=True), "exclude": Style(reverse=True)}
COLOURS: dict[bool, dict[Kind, Style]] = {  # on a dark ground, on a light one: each at least 7 to 1
    True: {"include": Style(color="#7ee787"), "exclude": Style(color="#ffa198")},
    False: {"include": Style(color="#0a5c26"), "exclude": Style(color="#a40e26")},
}
SCROLL = {"down": (1, False), "up": (-1, False), "pagedown": (1, True), "space": (1, True), "pageup": (-1, True)}


class Rows(ScrollView, can_focus=False):
    """Rows of text of which only those in sight are drawn: a text of any length costs the same."""

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self._rows: list[list[Piece]] = []

    def fill(self, rows: list[list[Piece]]) -> None:
        """Show these rows, from the first one."""
        self._rows = rows
        self.virtual_size = Size(self.size.width, len(rows))
        self.scroll_to(0, 0, animate=False, force=True, immediate=True)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One row of those in sight."""
        at = y + self.scroll_offset.y
        base = self.rich_style
        colours = COLOURS[self.app.current_theme.dark]
        pieces = self._rows[at] if at < len(self._rows) else []
        segments = [Segment(text, base + colours[kind] + MARKS[kind] if kind else base) for text, kind in pieces]
        return Strip(segments).adjust_cell_length(self.size.width, base)

    def more(self) -> bool:
        """Whether rows are below those in sight."""
        return self.scroll_offset.y + self.size.height < len(self._rows)


class Help(ModalScreen[None]):
    """Keys, criteria and reasons, whole; any key goes back."""

    CSS = "Help Rows { background: $surface; padding: 1 2; height: 100%; }"

    def __init__(self, session: Session, keys: Mapping[str, str]) -> None:
        super().__init__()
        self._session, self._keys = session, keys

    def compose(self) -> ComposeResult:
        yield Rows("help")

    def on_resize(self) -> None:
        self.call_after_refresh(self._fill)

    def _fill(self) -> None:
        rows = self.query_one(Rows)
        made = help_rows(self._session, self._keys, HELP, rows.size.width)
        rows.fill([[(row, None)] for row in made])

    def on_key(self, event: events.Key) -> None:
        event.stop()
        if event.key in SCROLL:
            _scroll(self.query_one(Rows), event.key)
        else:
            self.dismiss()


class ReviewerScreen(App[None]):
    """One record at a time."""

    ENABLE_COMMAND_PALETTE = False
    AUTO_FOCUS = None  # else the line, which is not even in sight, would take the keys
    CSS = f"""
    #head {{ height: 1; background: $primary-background; color: $text; text-style: bold; }}
    #title {{ height: {TITLE_ROWS}; text-style: bold; }}
    #facts {{ height: {FACT_ROWS}; }}
    #why {{ height: 1; text-style: italic; }}
    #record {{ padding: 0 1; }}
    #body {{ height: 1fr; overflow: hidden auto; scrollbar-size-vertical: 1; }}
    #panel {{ width: {PANEL}; height: 100%; padding: 0 0 0 1; border-left: solid $primary; }}
    .wide #panel {{ width: {WIDE_PANEL}; }}
    #said {{ height: 1; text-style: bold; padding: 0 1; }}
    #line {{ height: 1; padding: 0 1; display: none; }}
    #keys {{ height: 1; background: $primary-background; color: $text; }}
    """

    def __init__(self, session: Session, keys: Mapping[str, str]) -> None:
        super().__init__()
        self.session, self.keys = session, keys
        self._asking = ""  # note or search, while the line is open
        self._sought = ""
        self._pooling: Child | None = None
        self._told = ""

    def compose(self) -> ComposeResult:
        yield Static(id="head", markup=False)
        with Horizontal():
            with Vertical(id="record"):
                for name in ("title", "facts", "why"):
                    yield Static(id=name, markup=False)
                yield Rows("body")
            yield Static(id="panel", markup=False)
        yield Static(id="said", markup=False)
        yield Input(id="line", compact=True)
        yield Static(id="keys", markup=False)

    def on_mount(self) -> None:
        self.set_interval(LOOK_SECONDS, self._look)
        self.call_after_refresh(self._begin)

    def on_resize(self, event: events.Resize) -> None:
        self.screen.set_class(event.size.width >= WIDE, "wide")
        self.call_after_refresh(self._show)

    def on_unmount(self) -> None:
        if self._pooling is not None:
            self._pooling.wait()  # it is all but done; killed, the command would do it again
            self._pooling.poll()
        self.session.close()

    def on_key(self, event: events.Key) -> None:
        """Every key of the screen, but those typed into the line."""
        if isinstance(self.screen, ModalScreen):
            return
        if self._asking:
            if event.key == "escape":
                event.stop()
                self._shut_line()
            return
        sign = event.character.lower() if event.character and event.character.isprintable() else ""
        name = event.key if event.key in self.keys or sign in ("", " ") else sign
        action = self.keys.get(name)
        if action is None and name in SCROLL:
            event.stop()
            _scroll(self.query_one("#body", Rows), name)
            self._say("")
        elif action is not None or (name.isdecimal() and name.isascii()):
            event.stop()
            self._do(action or "", name)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """The line was finished: a note, or words to search for."""
        asked, words = self._asking, one_line(event.value)
        self._shut_line()
        if asked == "note":
            self._said(self.session.note(words))
        elif words := words or self._sought:
            self._sought = words
            self._said(self.session.search(words))

    # What keys do ---------------------------------------------------------------------------------------------------

    def _do(self, action: str, name: str) -> None:
        session = self.session
        try:
            if not action:
                self._said(session.vote("exclude", int(name)))
            elif action in VERDICTS:
                self._said(session.vote(VERDICTS[action]))
            elif action in ("skip", "undo"):
                self._said(session.skip() if action == "skip" else session.undo())
            elif action in ("previous", "next"):
                self._said(session.move(1 if action == "next" else -1))
            else:
                self._other(action)
        except ReviewError as error:  # the file cannot be written: nothing was lost, and the key may be pressed again
            self._said(str(error))

    def _other(self, action: str) -> None:
        if action == "leave":
            self.exit()
        elif action == "help":
            self.push_screen(Help(self.session, self.keys))
        elif action == "open":
            self._open()
        elif self.session.lineup.current is not None or action == "search":
            self._ask(action)

    def _ask(self, action: str) -> None:
        shown = self.session.shown()
        line = self.query_one("#line", Input)
        if action == "note":
            line.value = (shown.note or (shown.mine.note if shown.mine else "")) if shown else ""
        else:
            line.value = ""
        line.placeholder = {"note": "Note, Enter keeps it, Escape leaves it", "search": "Search, Enter finds"}[action]
        self._asking = action
        self.query_one("#said").display = False
        line.display = True
        line.focus()

    def _shut_line(self) -> None:
        self._asking = ""
        self.query_one("#line").display = False
        self.query_one("#said").display = True
        self.set_focus(None)

    def _open(self) -> None:
        url = self.session.url()
        if url and _has_browser():
            import webbrowser

            webbrowser.open(url)
        self._say(url or "It has neither DOI nor PMID.")

    # What is shown ----------------------------------------------------------------------------------------------------

    def _said(self, told: str) -> None:
        """Say what a key amounted to, and show the record that is current now."""
        self._say(told)
        self._show()
        self.call_after_refresh(self._after)

    def _say(self, told: str) -> None:
        self._told = told
        width = self.size.width - 2
        body = self.query_one("#body", Rows)
        told = told or ("(the abstract goes on: down or space)" if body.more() else "")
        self.query_one("#said", Static).update(cut(one_line(told), width))

    def _show(self) -> None:
        session, width = self.session, self.size.width
        body = self.query_one("#body", Rows)
        self.query_one("#head", Static).update(head(session, width))
        self.query_one("#keys", Static).update(keys_row(self.keys, width))
        side = self.query_one("#panel", Static)
        reasons = [reason.label for reason in session.reasons]
        side.update("\n".join(panel(session.screen.criteria, reasons, side.size.width - 1, side.size.height)))
        shown = session.shown()
        if shown is None:
            self._show_end(body)
            return
        made = view(shown, session.screen, max(body.size.width - 1, 1))  # a column for the scroll bar
        self.query_one("#title", Static).update("\n".join(made.title))
        self.query_one("#facts", Static).update("\n".join(made.facts))
        self.query_one("#why", Static).update(made.why)
        body.fill(made.body)
        self._say(self._told)

    def _show_end(self, body: Rows) -> None:
        self.query_one("#title", Static).update(f"Nothing more awaits your vote at {self.session.stage}.")
        for name in ("facts", "why"):
            self.query_one(f"#{name}", Static).update("")
        body.fill([])

    # What goes on beside ------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """After the first record is in sight: count, and begin to learn the order."""
        self.session.count()
        self.query_one("#head", Static).update(head(self.session, self.size.width))
        self.session.learn()

    def _after(self) -> None:
        """After the next record is in sight."""
        self.session.learn()
        if self.session.pooling_due and self._pooling is None:
            self.session.pooling_due = False
            self._pooling = Child.pool(self.session.opened.review.folder)

    def _look(self) -> None:
        if self._pooling is not None and (pooled := self._pooling.poll()) is not None:
            self._pooling = None
            if pooled is True:
                self._say("The data changed: pooled again.")
            elif isinstance(pooled, str):
                self._say(f"Not pooled yet: {pooled}")
        if told := self.session.learned():
            at_end = self.session.lineup.current is None
            self._told = told
            self._said(told) if at_end or self.query_one("#title", Static).visual is None else self._say(told)
            self.query_one("#head", Static).update(head(self.session, self.size.width))


def _scroll(rows: Rows, key: str) -> None:
    step, page = SCROLL[key]
    by = step * (max(rows.size.height - 1, 1) if page else 1)
    rows.scroll_relative(y=by, animate=False, force=True, immediate=True)


def _has_browser() -> bool:
    """Whether a browser would open in a window of its own; one in this terminal would take the screen."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
