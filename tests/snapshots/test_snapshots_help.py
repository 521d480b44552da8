"""The help at three sizes and narrowed, the palette, and what a new user is told."""

import pytest
from deck_app import settle, still_deck, until
from fake_run import FakeRun, write_fake_run
from textual.widgets import Input, OptionList

from tui.app import SlotdeckApp
from tui.hints import Hints

RUN = "20261121-090000-demo-3f2a"


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A run that has said nothing but that it is there."""
    return write_fake_run(tmp_path_factory.mktemp("a") / RUN, FakeRun(RUN, steps=0, outcome=""))


def deck(run_dir, *keys):
    app, link = still_deck(run_dir)

    async def before(pilot):
        await link.loaded.wait()
        await settle(pilot)
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        await settle(pilot)

    return app, before


@pytest.mark.parametrize("size", [(80, 24), (120, 32), (200, 50)], ids=["80x24", "120x32", "200x50"])
def test_help(snap_compare, begun, size):
    app, before = deck(begun, "question_mark")
    assert snap_compare(app, terminal_size=size, run_before=before)


def test_help_narrowed_by_typing(snap_compare, begun):
    app, before = deck(begun, "question_mark", *"slot")
    assert snap_compare(app, terminal_size=(120, 32), run_before=before)


def test_palette(snap_compare, begun):
    app, before = deck(begun)

    async def opened(pilot):
        await before(pilot)
        await pilot.press("ctrl+p")
        await until(pilot, lambda: app.screen.query_one(OptionList).option_count > 14)
        app.screen.query_one(Input).cursor_blink = False

    assert snap_compare(app, terminal_size=(120, 32), run_before=opened)


def test_what_a_new_user_is_told(snap_compare, begun, tmp_path):
    app, before = deck(begun)
    assert isinstance(app, SlotdeckApp)
    app.hints = Hints(tmp_path / "hints.json")
    assert snap_compare(app, terminal_size=(80, 24), run_before=before)
