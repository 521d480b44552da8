"""The folder of a run that is looked at goes away: every key is answered, none ends the cockpit."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from deck_app import settle, still_deck, until
from fake_run import FakeRun, write_fake_run

from tui.app import SlotdeckApp, replay_screen
from tui.screens.deck.replay import ReplayScreen
from tui.screens.log.page import LogScreen
from tui.screens.log.rows import LogRows
from tui.settings import Settings


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return write_fake_run(tmp_path / "20261121-090000-demo-3f2a", FakeRun("demo", steps=900, outcome=""))


async def test_a_replay_says_that_it_cannot_be_read_and_takes_every_key(run_dir: Path) -> None:
    app = SlotdeckApp(lambda settings: replay_screen(run_dir, settings), Settings())
    async with app.run_test(size=(120, 32)) as pilot:
        deck = app.screen
        assert isinstance(deck, ReplayScreen)
        await until(pilot, lambda: deck.store.head_seq > 0)
        await pilot.press("space")
        shutil.rmtree(run_dir)
        for key in ("end", "home", "n", "N", "a", "e", "right", "left", "shift+right", "space"):
            await pilot.press(key)
        await until(pilot, lambda: deck.store.link.status == "unreadable")
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, LogScreen))
        await pilot.press("end", "enter", "home", "enter")
        await settle(pilot)
        assert app.is_running


async def test_a_line_of_a_run_that_has_gone_opens_a_replay_that_says_so(run_dir: Path) -> None:
    app, link = still_deck(run_dir)
    async with app.run_test(size=(120, 32)) as pilot:
        await link.loaded.wait()
        await pilot.press("f")
        await until(
            pilot,
            lambda: isinstance(app.screen, LogScreen) and app.screen.query_one(LogRows).selected is not None,
        )
        shutil.rmtree(run_dir)
        await pilot.press("enter")
        await until(
            pilot,
            lambda: isinstance(app.screen, ReplayScreen) and app.screen.store.link.status == "unreadable",
        )
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, LogScreen))
