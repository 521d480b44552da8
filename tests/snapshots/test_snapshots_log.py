"""The log page: three sizes, a search under way, trouble, nothing yet, the engine's output, a replay."""

import time

import pytest
from deck_app import settle, still_deck, until
from fake_run import FakeRun, write_fake_run
from textual.widgets import Input

from engine.protocol import events as e
from tui.app import SlotdeckApp, replay_screen
from tui.screens.log.page import LogScreen
from tui.settings import Settings

SIZES = [(80, 24), (120, 32), (200, 50)]
RUN = "20261121-090000-demo-3f2a"


@pytest.fixture(scope="module")
def midway(tmp_path_factory):
    run_dir = write_fake_run(tmp_path_factory.mktemp("a") / RUN, FakeRun(RUN, steps=2500, outcome=""))
    (run_dir / "engine.out").write_text("compiled in 31 s\ndata.py:12: UserWarning: 3 rows skipped\n")
    return run_dir


def log(run_dir, *keys, news=(), told=""):
    """The app with the page open, and what to do before the picture is taken."""
    app, link = still_deck(run_dir)

    async def before(pilot):
        await link.loaded.wait()
        store = app.screen.store
        for event in news:
            store.apply(store.head_seq + 1, store.wall_s, event)
        await settle(pilot)
        await pilot.press("f")
        await has_read(pilot)
        for key in keys:
            await pilot.press(key)
        await settle(pilot)
        await has_read(pilot)
        app.screen.query_one("#log-search Input", Input).cursor_blink = False
        if told:
            await until(pilot, lambda: told in app.screen.query_one("#log").text)
        await settle(pilot)

    return app, before


async def has_read(pilot):
    app = pilot.app
    await until(
        pilot,
        lambda: (
            isinstance(app.screen, LogScreen) and "reading" not in app.screen.query_one("#log-state").text
        ),
    )
    if at_work := [worker for worker in app.workers if worker.group == "search"]:
        await app.workers.wait_for_complete(at_work)
    await settle(pilot)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x32", "200x50"])
def test_log_with_a_search_under_way_and_trouble(snap_compare, midway, size):
    full = e.Alarm(step=2500, level="error", code="disk-full", message="checkpoints and the log wait",
                   remedy="make room on /data; training goes on")  # fmt: skip
    app, before = log(midway, "slash", *"block", news=[full])
    assert snap_compare(app, terminal_size=size, run_before=before)


def test_log_of_one_kind_in_light_colours(snap_compare, midway):
    app, before = log(midway, "tab", "d")
    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


def test_log_of_what_the_engine_printed(snap_compare, midway):
    app, before = log(midway, "shift+tab", told="UserWarning")
    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


def test_log_with_nothing_in_it(snap_compare, midway):
    app, before = log(midway, *["tab"] * 6)
    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


def test_log_without_colours(snap_compare, midway, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    app, before = log(midway, "up", "up")
    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


def test_log_over_a_replay(snap_compare, midway):
    app = SlotdeckApp(lambda settings: replay_screen(midway, settings, at_seq=300), Settings())

    async def before(pilot):
        await until(pilot, lambda: app.screen.store.head_seq == 300)
        await pilot.press("f")
        await has_read(pilot)

    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


def test_log_before_its_older_lines_are_read(snap_compare, midway):
    app, link = still_deck(midway)
    app.log_of = lambda _: StillReading()

    async def before(pilot):
        await link.loaded.wait()
        await pilot.press("f")
        await settle(pilot)

    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


class StillReading:
    """A log that takes as long as the page is open."""

    def lines(self, stopped):
        while not stopped():
            time.sleep(0.01)
        return []


def test_log_in_a_terminal_too_small(snap_compare, midway):
    app, before = log(midway)
    assert snap_compare(app, terminal_size=(50, 12), run_before=before)
