"""The replay where it holds at an alarm, where one types where to go, and where there is little or nothing to show."""

import asyncio

import pytest
from deck_app import StillClock, settle, until
from fake_run import FakeRun, write_fake_run
from textual.widgets import Input

from engine.errors import SlotdeckError
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


def test_replay_of_a_run_that_has_just_begun(snap_compare, tmp_path):
    run_dir = write_fake_run(tmp_path / RUN, FakeRun(RUN, steps=0, outcome=""))
    app = SlotdeckApp(lambda settings: replay_screen(run_dir, settings), Settings())

    async def before(pilot):
        await until(pilot, lambda: app.screen.player.whole is not None)
        app.screen.player.pause()  # so short a run may have been played to its end, and a key would play it again
        await pilot.press("end")
        await settle(pilot)

    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


def test_replay_before_its_log_is_read(snap_compare, whole):
    screen = replay_screen(whole, Settings())
    screen.source.start = asyncio.Event().wait
    assert snap_compare(SlotdeckApp(lambda _: screen, Settings()), terminal_size=(80, 24), run_before=settle)


def test_replay_of_a_log_that_cannot_be_read(snap_compare, whole):
    screen = replay_screen(whole, Settings())

    async def refused():
        raise SlotdeckError("/data/runs/demo/log cannot be read: permission denied", "ask its owner for it")

    screen.source.start = refused
    screen.store._clock = StillClock()
    assert snap_compare(SlotdeckApp(lambda _: screen, Settings()), terminal_size=(80, 24), run_before=settle)


@pytest.mark.parametrize("size", [(60, 16), (50, 12)], ids=["just-large-enough", "too-small"])
def test_replay_in_a_small_terminal(snap_compare, whole, size):
    app = SlotdeckApp(lambda settings: replay_screen(whole, settings, at_seq=2), Settings())

    async def before(pilot):
        await until(pilot, lambda: app.screen.store.head_seq > 0 and app.screen.player.whole is not None)
        await pilot.press("end", "N", "N")
        await settle(pilot)

    assert snap_compare(app, terminal_size=size, run_before=before)
