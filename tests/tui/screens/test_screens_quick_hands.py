"""A second click or key that comes before the first was answered does nothing, and leaves nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from deck_app import settle, still_deck, until
from fake_run import FakeRun, write_fake_run
from textual.events import Click, Resize
from textual.geometry import Size
from textual.pilot import Pilot
from textual.widget import Widget

from engine.protocol import commands as c
from tui.app import SlotdeckApp
from tui.link.runs import HomeReader
from tui.screens.deck.cockpit import CockpitScreen
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.dialogs.help import HelpScreen
from tui.screens.dialogs.search import SearchScreen
from tui.screens.home.screen import HomeScreen
from tui.screens.pages.page import RunPage
from tui.screens.parts.key_bar import KeyBar
from tui.settings import Settings
from tui.widgets.pick_list import PickList


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return write_fake_run(
        tmp_path / "20261121-090000-demo-3f2a", FakeRun("demo", steps=200, outcome="", num_slots=2)
    )


def click(widget: Widget, x: int, y: int, times: int = 2) -> None:
    """At a cell of the terminal. All of them lie there before the first is looked at, as when the screen was busy."""
    for _ in range(times):
        at = x - widget.region.x, y - widget.region.y
        event = Click(widget, *at, 0, 0, 1, shift=False, meta=False, ctrl=False, screen_x=x, screen_y=y)
        event._set_forwarded()
        widget.post_message(event)


async def test_a_hasty_yes_is_one_yes_and_leaves_the_cockpit_open(run_dir: Path) -> None:
    app, link = still_deck(run_dir)
    async with app.run_test(size=(120, 32)) as pilot:
        await settle(pilot)
        await pilot.press("S")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        answers = app.screen.query_one(PickList)
        for _ in range(2):
            answers.post_message(PickList.Picked(answers))
        await until(pilot, lambda: isinstance(app.screen, CockpitScreen))
        await settle(pilot)
        assert [type(sent) for sent in link.sent] == [c.Stop]
        assert isinstance(app.screen, CockpitScreen)


@pytest.mark.parametrize(
    ("key", "screen"), [("question_mark", HelpScreen), ("ctrl+p", SearchScreen), ("S", ConfirmScreen)]
)
async def test_two_clicks_beside_a_dialog_leave_the_dialog(run_dir: Path, key: str, screen: type) -> None:
    app, _ = still_deck(run_dir)
    async with app.run_test(size=(120, 32)) as pilot:
        await settle(pilot)
        await pilot.press(key)
        await until(pilot, lambda: isinstance(app.screen, screen))
        click(app.screen, 0, 31)
        await until(pilot, lambda: isinstance(app.screen, CockpitScreen))
        await settle(pilot)
        assert isinstance(app.screen, CockpitScreen)


async def test_a_click_that_reaches_a_dialog_under_the_palette_leaves_neither(run_dir: Path) -> None:
    app, _ = still_deck(run_dir)
    async with app.run_test(size=(120, 32)) as pilot:
        await settle(pilot)
        await pilot.press("S")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        dialog = app.screen
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, SearchScreen))
        click(dialog, 0, 31)
        await settle(pilot)
        assert isinstance(app.screen, SearchScreen)
        await pilot.press("escape", "escape")
        await until(pilot, lambda: isinstance(app.screen, CockpitScreen))


async def test_a_click_on_a_terminal_that_shrank_meanwhile_leaves_the_dialog(run_dir: Path) -> None:
    app, _ = still_deck(run_dir)
    async with app.run_test(size=(200, 50)) as pilot:
        await settle(pilot)
        for key, screen in (("question_mark", HelpScreen), ("ctrl+p", SearchScreen)):
            await _resize(pilot, Size(200, 50))
            await pilot.press(key)
            await until(pilot, lambda screen=screen: isinstance(app.screen, screen))
            await _resize(pilot, Size(80, 24))
            click(app.screen, 190, 45, times=1)
            await until(pilot, lambda: isinstance(app.screen, CockpitScreen))


async def test_the_palette_in_a_terminal_of_one_row_takes_every_key(run_dir: Path) -> None:
    app, _ = still_deck(run_dir)
    async with app.run_test(size=(120, 32)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+p", "r", "down")
        await _resize(pilot, Size(120, 1))
        await pilot.press("pagedown", "pageup", "down", "escape", "escape")
        await until(pilot, lambda: isinstance(app.screen, CockpitScreen))


async def test_two_clicks_on_back_leave_the_page_and_not_the_cockpit(run_dir: Path) -> None:
    app, _ = still_deck(run_dir)
    async with app.run_test(size=(120, 32)) as pilot:
        await settle(pilot)
        await pilot.press("v")
        await until(
            pilot, lambda: isinstance(app.screen, RunPage) and "back" in app.screen.query_one(KeyBar).text
        )
        bar = app.screen.query_one(KeyBar)
        click(bar, bar.content_region.x + bar.text.index("back"), bar.region.y)
        await until(pilot, lambda: isinstance(app.screen, CockpitScreen))
        await settle(pilot)
        assert isinstance(app.screen, CockpitScreen)
        assert app.is_running


async def test_a_run_picked_twice_in_haste_is_opened_once(run_dir: Path) -> None:
    app = SlotdeckApp(lambda _: HomeScreen(HomeReader(run_dir.parent)), Settings())
    async with app.run_test(size=(120, 32)) as pilot:
        await until(pilot, lambda: app.screen.query_one("#runs", PickList).count == 1)
        runs = app.screen.query_one("#runs", PickList)
        for _ in range(2):
            runs.post_message(PickList.Picked(runs))
        await until(pilot, lambda: len(app.screen_stack) > 1)
        await settle(pilot)
        assert len(app.screen_stack) == 2
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, HomeScreen))


async def _resize(pilot: Pilot[Any], size: Size) -> None:
    pilot.app.post_message(Resize(size, size))
    await pilot.resize_terminal(*size)
    await settle(pilot)
