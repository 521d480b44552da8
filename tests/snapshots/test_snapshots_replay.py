"""The replay where it holds at an alarm, and where one types where to go."""

import pytest
from deck_app import settle, until
from fake_run import write_fake_run
from textual.widgets import Input

from tui.app import SlotdeckApp, replay_screen
from tui.settings import Settings

RUN = "20261121-090000-demo-3f2a"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return write_fake_run(tmp_path_factory.mktemp("b") / RUN)


def test_replay_that_holds_at_an_alarm(snap_compare, whole):
    app = SlotdeckApp(lambda settings: replay_screen(whole, settings, at_seq=2), Settings())

    async def before(pilot):
        await until(pilot, lambda: app.screen.store.head_seq > 0)
        player = app.screen.player
        player.stops("alarm")
        player.set_speed(100.0)
        player.play()
        while player.playing:
            player.advance(10.0)
        await settle(pilot)

    assert snap_compare(app, terminal_size=(120, 32), run_before=before)


def test_replay_asked_where_to_go(snap_compare, whole):
    app = SlotdeckApp(lambda settings: replay_screen(whole, settings, at_seq=2), Settings())

    async def before(pilot):
        await until(pilot, lambda: app.screen.store.head_seq > 0)
        app.screen.player.stops("alarm")
        app.screen.query_one(Input).cursor_blink = False
        await pilot.press("g", *"loss<5.5")
        await settle(pilot)

    assert snap_compare(app, terminal_size=(80, 24), run_before=before)
