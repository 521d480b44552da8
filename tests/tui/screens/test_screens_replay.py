"""A replay over a real log: moving in time, and no way to steer."""

import asyncio

import pytest
from deck_app import settle, until
from fake_run import write_fake_run
from textual.widgets import Static

from tui.app import SlotdeckApp, replay_screen
from tui.settings import Settings


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    return write_fake_run(tmp_path_factory.mktemp("runs") / "20261121-090000-demo-3f2a")


async def after(run_dir, *keys):
    """The replay screen, held at its start, after these keys."""
    app = SlotdeckApp(lambda settings: replay_screen(run_dir, settings), Settings())
    async with app.run_test(size=(120, 32)) as pilot:
        await until(pilot, lambda: app.screen.store.head_seq > 0)
        await pilot.press("space", "home")
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        await settle(pilot)
        yield app.screen


@pytest.mark.parametrize(
    ("keys", "step"),
    [
        (["n", "n"], 900),
        (["n", "n", "N"], 400),
        (["end"], 3000),
        (["end", "home"], 0),
        (["colon", *"1500", "enter"], 1500),
        (["colon", *"goto", "space", *"2,000", "enter"], 2000),
        (["colon", *"1500", "enter", "right", "right", "left"], 1505),
    ],
)
async def test_keys_move_in_time(run_dir, keys, step):
    async for screen in after(run_dir, *keys):
        assert abs(screen.store.step - step) <= 5


async def test_a_leap_is_a_twentieth_of_the_recording(run_dir):
    async for screen in after(run_dir, "shift+right", "shift+right"):
        assert abs(screen.store.step - 300) <= 10


async def test_speed_goes_up_and_down_within_its_bounds(run_dir):
    async for screen in after(run_dir, "plus", "plus", "plus", "minus"):
        assert screen.player.speed == 5.0
    async for screen in after(run_dir, *["plus"] * 20):
        assert screen.player.speed == 1000.0
    async for screen in after(run_dir, *["minus"] * 20):
        assert screen.player.speed == 0.25


async def test_the_state_shown_is_that_of_the_moment(run_dir):
    async for screen in after(run_dir, "n", "n", "n"):
        commands = screen.query_one("#commands").text
        assert "precision bf16" in commands
        assert "release" not in commands


async def test_verbs_are_not_for_replays(run_dir):
    async for screen in after(run_dir, "colon", *"pause", "enter"):
        assert "a replay cannot steer" in str(screen.query_one("#line-hint", Static).content)


async def test_playing_goes_on_by_itself(run_dir):
    app = SlotdeckApp(lambda settings: replay_screen(run_dir, settings), Settings())
    async with app.run_test(size=(120, 32)) as pilot:
        await until(pilot, lambda: app.screen.store.step > 20)


async def test_a_folder_without_a_log_is_explained(tmp_path):
    (tmp_path / "log").mkdir()
    app = SlotdeckApp(lambda settings: replay_screen(tmp_path, settings), Settings())
    async with app.run_test(size=(120, 32)) as pilot:
        await until(pilot, lambda: app.screen.store.link.status == "unreadable")
        await settle(pilot)
        assert tmp_path.name in app.screen.query_one("#heading").text


async def test_the_chart_shows_what_is_to_come(run_dir):
    async for screen in after(run_dir, "n", "n"):
        chart = screen.query_one("#chart")
        assert chart.view.cursor == screen.store.step
        assert chart.view.curves[0].series.last_step == 3000


async def test_the_mouse_drags_the_scrubber(run_dir):
    app = SlotdeckApp(lambda settings: replay_screen(run_dir, settings), Settings())
    async with app.run_test(size=(120, 32)) as pilot:
        await until(pilot, lambda: app.screen.store.head_seq > 0)
        await pilot.press("space")
        await settle(pilot)
        bar = app.screen.query_one("#scrubber")
        await pilot.mouse_down(bar, offset=(10, 1))
        await pilot.hover(bar, offset=(bar.size.width // 2, 1))
        await pilot.mouse_up(bar, offset=(bar.size.width // 2, 1))
        await until(pilot, lambda: 1300 < app.screen.store.step < 1700)
        await pilot.click("#chart", offset=(70, 5))
        await until(pilot, lambda: app.screen.store.step > 2000)


@pytest.mark.parametrize("key", ["right", "shift+right", "home", "end", "space", "n", "p"])
async def test_a_key_before_the_log_is_open_is_answered(run_dir, key, monkeypatch):
    opening = asyncio.Event()

    async def start(self):
        await opening.wait()

    monkeypatch.setattr("tui.link.replay.ReplaySource.start", start)
    app = SlotdeckApp(lambda settings: replay_screen(run_dir, settings), Settings(refresh_hz=10))
    async with app.run_test(size=(120, 32)) as pilot:
        await pilot.press(key)
        assert app.is_running
