"""How home and the cockpit look to somebody who only watches, a key that would steer just pressed."""

from __future__ import annotations

from pathlib import Path

from deck_app import settle, still_deck
from fake_run import FakeRun, write_fake_run
from still_home import StillFolder
from textual.widgets import Input

from tui.app import SlotdeckApp
from tui.screens.home.screen import HomeScreen
from tui.settings import Settings
from tui.state.home import ProfileRow, RunRow

RUN = "20261121-090000-demo-3f2a"


def test_cockpit_answers_a_key_that_would_steer(snap_compare, tmp_path):
    run_dir = write_fake_run(tmp_path / RUN, FakeRun(RUN, steps=900, outcome=""))
    app, still = still_deck(run_dir, read_only=True, client_id="c-bob")

    async def before(pilot):
        await still.loaded.wait()
        app.screen.query_one(Input).cursor_blink = False
        await settle(pilot)
        await pilot.press("space")
        await settle(pilot)

    assert snap_compare(app, terminal_size=(120, 32), run_before=before)


def test_home_says_that_it_only_watches(snap_compare):
    run = RunRow(
        Path(RUN),
        RUN,
        "demo",
        "running",
        True,
        1200,
        3000,
        5.3,
        5.4,
        (8.0, 6.0, 5.4),
        1_000_000.0,
        14_000_000,
    )
    profile = ProfileRow("demo", "8 slots on the standard library's own source", "8 slots")
    folder = StillFolder((run,), (profile,))
    app = SlotdeckApp(lambda _: HomeScreen(folder, read_only=True), Settings(), read_only=True)

    async def before(pilot):
        await pilot.app.workers.wait_for_complete()
        await pilot.press("tab")
        await pilot.pause()

    assert snap_compare(app, terminal_size=(80, 24), run_before=before)
