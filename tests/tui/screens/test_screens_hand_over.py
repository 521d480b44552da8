"""What a thread finds reaches the screen that asked for it, and nobody when that screen has been left."""

import asyncio

from textual.app import App
from textual.screen import Screen

from tui.screens.parts.hand_over import hand_over


async def test_what_was_found_for_a_screen_that_was_left_is_dropped():
    app = App[None]()
    async with app.run_test() as pilot:
        taken: list[str] = []
        asker = Screen[None]()
        await app.push_screen(asker)
        await asyncio.to_thread(hand_over, asker, taken.append, "seen")
        app.pop_screen()
        await pilot.pause()
        await asyncio.to_thread(hand_over, asker, taken.append, "too late")
        assert taken == ["seen"]
