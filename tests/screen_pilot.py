"""The full screen driven as a person drives it: keys in, the rows of the terminal out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

from textual.pilot import Pilot

from db.model import Stage
from db.seat import Order
from lsr.keys import keymap
from lsr.screens.app import ReviewerScreen
from lsr.screens.session import Session
from lsr.workflow.folder import Open

SMALL, LARGE = (80, 24), (120, 40)
Step = Callable[[ReviewerScreen, Session], None]


def rows(app: ReviewerScreen) -> list[str]:
    """What stands in the terminal, row by row."""
    return [strip.text for strip in app.screen._compositor.render_strips()]


def seen(app: ReviewerScreen) -> str:
    """The same as one text."""
    return "\n".join(row.rstrip() for row in rows(app)) + "\n"


def play(
    opened: Open,
    keys: Iterable[str],
    who: str = "demo-a",
    *,
    stage: Stage = "title-abstract",
    size: tuple[int, int] = SMALL,
    order: Order = "relevance",
    mapped: Mapping[str, str] | None = None,
    after: Step = lambda app, session: None,
) -> str:
    """A sitting: press the keys, calling `after` when each has had its effect; returns the last screen."""

    async def sitting() -> str:
        session = Session(opened, stage, who, order, clock=lambda: 0.0)
        app = ReviewerScreen(session, mapped or keymap())
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            after(app, session)
            for key in keys:
                await pilot.press(key)
                await pilot.pause()
                if app.is_running and app._exit is False:
                    after(app, session)
            return seen(app) if app._exit is False else ""

    return asyncio.run(sitting())


def drive(opened: Open, does: Callable[[Pilot[None], ReviewerScreen], Awaitable[None]], who: str = "demo-a") -> None:
    """A sitting in which the test itself presses."""

    async def sitting() -> None:
        app = ReviewerScreen(Session(opened, "title-abstract", who, clock=lambda: 0.0), keymap())
        async with app.run_test(size=SMALL) as pilot:
            await pilot.pause()
            await does(pilot, app)

    asyncio.run(sitting())
