"""When an app has done all it was asked to: nothing waits to run on its event loop, to be laid out or to be painted.

Textual's own pilot guesses this from the processor time used in a fiftieth of a second, which a busy machine gets
wrong and an idle one pays for with every key. What a thread or a timer is still to bring is waited for by its effect:
`until`.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import textual._wait
import textual.app
import textual.pilot
from textual._context import active_app

CALM_TURNS = 3
"""Of the event loop, in which nothing else ran."""
MOST_S = 5.0
"""For an app that always has something to do, such as a replay that plays faster than the machine can draw."""


async def quiet(_least_s: float = 0.0, _most_s: float = 0.0) -> None:
    """Let the app of this context work until it has nothing to do."""
    app, loop = active_app.get(), asyncio.get_running_loop()
    last_s, calm = loop.time() + MOST_S, 0
    while calm < CALM_TURNS and loop.time() < last_s:
        await asyncio.sleep(0)
        calm += 1
        if loop._ready:  # type: ignore[attr-defined]
            calm = 0
        elif app._resize_timer is not None:
            app._check_resize()
            calm = 0
        elif _paint_is_due(app):
            app.screen._on_timer_update()
            calm = 0


def _paint_is_due(app: Any) -> bool:
    if not app._screen_stack or app._batch_count:
        return False
    screen = app.screen
    return bool(
        screen._layout_required
        or screen._scroll_required
        or screen._repaint_required
        or screen._recompose_required
        or screen._dirty_widgets
        or screen._callbacks
    )


@pytest.fixture(scope="session", autouse=True)
def quiet_is_seen_and_not_guessed() -> None:
    """Every `pilot.press`, `click` and `pause` ends in `quiet`."""
    for module in (textual._wait, textual.app, textual.pilot):
        module.wait_for_idle = quiet
