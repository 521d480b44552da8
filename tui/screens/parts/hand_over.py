"""What a thread found, handed to the screen that asked for it, unless that has gone meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ParamSpec

from textual.widget import Widget

Given = ParamSpec("Given")


def hand_over(asker: Widget, take: Callable[Given, object], *args: Given.args, **named: Given.kwargs) -> None:
    """Call `take` on the app's thread and wait for it; dropped when the asker is on no screen any more.

    Without this a look that ends just after its screen was left would end the app.
    """
    try:
        asker.app.call_from_thread(_take, asker, partial(take, *args, **named))
    except RuntimeError:
        if asker.app.is_running:
            raise


def _take(asker: Widget, take: Callable[[], object]) -> None:
    if asker.is_running and asker.is_attached and asker.display:  # a screen on its way out displays nothing
        take()
