"""The pages over a deck by name, each imported when it is opened first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.screen import Screen

if TYPE_CHECKING:
    from tui.screens.deck.deck import Deck


def page(name: str, deck: Deck) -> Screen[None]:
    """`slots`, `memory`, `log`, or `search` (the log with its search open) over `deck`."""
    match name:
        case "slots":
            from tui.screens.slots.page import SlotsScreen

            return SlotsScreen(deck)
        case "memory":
            from tui.screens.pages.memory import MemoryScreen

            return MemoryScreen(deck)
        case "log":
            from tui.screens.log.page import LogScreen

            return LogScreen(deck)
        case "search":
            from tui.screens.log.page import LogScreen

            return LogScreen(deck, search=True)
        case _:
            raise AssertionError(f"no page {name!r}")
