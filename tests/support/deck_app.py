"""The app on a cockpit over a recorded log that holds still: for tests of keys and for snapshots."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from patience import PATIENCE_S
from still_link import CLIENT, StillLink
from textual.pilot import Pilot
from textual.screen import Screen

from tui.app import SlotdeckApp
from tui.screens.deck.cockpit import CockpitScreen
from tui.settings import Settings
from tui.state.store import RunStore


class StillClock:
    """Stands a second after the newest event that the store has."""

    def __init__(self) -> None:
        self.store: RunStore | None = None

    def __call__(self) -> float:
        return (self.store.wall_s if self.store is not None and self.store.wall_s else 1_795_251_600.0) + 1.0


def still_deck(
    run_dir: Path, status: str = "live", detail: str = "", read_only: bool = False, client_id: str = CLIENT
) -> tuple[SlotdeckApp, StillLink]:
    """The app and the link that its cockpit uses."""
    clock = StillClock()
    store = RunStore(clock)
    clock.store = store
    link = StillLink(run_dir, store, status, detail)
    app = SlotdeckApp(
        lambda settings: CockpitScreen(store, link, settings, run_dir.name, client_id, read_only, clock),
        Settings(refresh_hz=10),
    )
    return app, link


async def settle(pilot: Pilot[Any]) -> None:
    """Let messages, layouts and paints through until nothing changes any more."""
    before: list[object] | None = None
    async with asyncio.timeout(PATIENCE_S):
        while (now := _shown(pilot.app.screen)) != before:
            before = now
            await pilot.pause()
            if hasattr(pilot.app.screen, "paint_all"):
                pilot.app.screen.paint_all()
    await pilot.pause()


def _shown(screen: Screen[Any]) -> list[object]:
    """What stands on a screen, and where."""
    return [
        (widget.region, getattr(widget, "text", None), getattr(widget, "view", None))
        for widget in screen.walk_children()
    ]


async def until(pilot: Pilot[Any], true: Callable[[], bool]) -> None:
    """Wait for something the app does by itself, however long it takes."""
    async with asyncio.timeout(PATIENCE_S):
        while not true():
            await pilot.pause(0.02)
