"""How every screen looks: three sizes, and what it shows when there is nothing, not yet, or trouble.

Look at a changed one before accepting it: `pytest tests/snapshots --snapshot-update`, then the report.
"""

import math
from pathlib import Path

import pytest
from deck_app import settle, still_deck, until
from fake_run import FakeRun, write_fake_run
from textual.widgets import Input, OptionList

from engine.protocol import events as e
from tui.app import SlotdeckApp, replay_screen
from tui.screens.home import HomeScreen
from tui.settings import Settings
from tui.state.home import HomeView, ProfileRow, RunRow

SIZES = [(80, 24), (120, 32), (200, 50)]
RUN = "20261121-090000-demo-3f2a"


@pytest.fixture(scope="module")
def midway(tmp_path_factory):
    """A run in the middle of training."""
    return write_fake_run(tmp_path_factory.mktemp("a") / RUN, FakeRun(RUN, steps=1800, outcome=""))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return write_fake_run(tmp_path_factory.mktemp("b") / RUN)


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A run that has said nothing but that it is there."""
    return write_fake_run(tmp_path_factory.mktemp("c") / RUN, FakeRun(RUN, steps=0, outcome=""))


def deck(run_dir, *keys, **link):
    """The app on a still cockpit, and what to do before the picture is taken."""
    app, still = still_deck(run_dir, **link)

    async def before(pilot):
        await still.loaded.wait()
        app.screen.query_one(Input).cursor_blink = False
        await settle(pilot)
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        await settle(pilot)

    return app, before


def home(*keys, runs=(), profiles=(), fault=""):
    view = HomeView(Path("/home/ada/runs"), tuple(runs), tuple(profiles), 1_000_120.0)

    def load():
        if fault:
            raise OSError(fault)
        return view

    app = SlotdeckApp(lambda _: HomeScreen(load), Settings())

    async def before(pilot):
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        for key in keys:
            await pilot.press(key)
        await pilot.pause()

    return app, before


def some_runs():
    curve = tuple(5 + 3 * math.exp(-k / 20) + 0.1 * math.sin(k * k) for k in range(80))
    told = [
        (RUN, "running", True, 1200, 5.331, 5.410),
        ("20261120-170000-gpt2-124m-8gb-99ab", "paused", True, 2_200_000, 3.1, 3.15),
        ("20261119-170000-demo-1234", "finished", False, 3000, 5.11, 5.2),
        ("20261119-160000-demo-aaaa", "failed", False, 990, None, math.nan),
        ("20261118-160000-tiny-bbbb", "killed", False, 0, None, None),
    ]
    return [
        RunRow(Path(name), name, "demo", state, live, step, 3000, val, loss, curve[: 1 + step // 20],
               1_000_000.0 - 4000 * i * i, 14_000_000 * (i + 1))
        for i, (name, state, live, step, val, loss) in enumerate(told)
    ]  # fmt: skip


PROFILES = [
    ProfileRow(
        "demo", "8 slots on the standard library's own source", "8 slots  9.2 M parameters  3,000 steps"
    ),
    ProfileRow("gpt2-124m", "GPT-2 small", "12 slots  124 M parameters  600,000 steps"),
    ProfileRow("mine", "", "profiles/mine.toml: unknown key 'stepz'", problem=True),
]


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x32", "200x50"])
def test_home(snap_compare, size):
    app, before = home(runs=some_runs(), profiles=PROFILES)
    assert snap_compare(app, terminal_size=size, run_before=before)


def test_home_on_a_profile(snap_compare):
    app, before = home("tab", "down", runs=some_runs(), profiles=PROFILES)
    assert snap_compare(app, terminal_size=(120, 32), run_before=before)


def test_home_without_runs(snap_compare):
    app, before = home(profiles=PROFILES)
    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


def test_home_that_cannot_read_its_folder(snap_compare):
    app, before = home(fault="/home/ada/runs: permission denied")
    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


def test_home_before_it_has_read_anything(snap_compare):
    class Waiting(HomeScreen):
        def reload(self):
            """Still reading."""

    assert snap_compare(SlotdeckApp(lambda _: Waiting(lambda: None), Settings()), terminal_size=(80, 24))


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x32", "200x50"])
def test_cockpit(snap_compare, midway, size):
    app, before = deck(midway, "4")
    assert snap_compare(app, terminal_size=size, run_before=before)


def test_cockpit_in_light_colours(snap_compare, midway):
    app, before = deck(midway, "d")
    assert snap_compare(app, terminal_size=(120, 32), run_before=before)


def test_cockpit_with_the_chart_alone_on_a_log_axis(snap_compare, midway):
    app, before = deck(midway, "z", "y")
    assert snap_compare(app, terminal_size=(120, 32), run_before=before)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x32", "200x50"])
def test_cockpit_of_a_run_that_has_just_begun(snap_compare, begun, size):
    app, before = deck(begun)
    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x32", "200x50"])
def test_cockpit_paused_with_an_alarm_and_a_sample(snap_compare, midway, size):
    app, before = deck(midway, "w")

    async def paused(pilot):
        await before(pilot)
        store = app.screen.store
        for event in (
            e.StateChanged(state="paused", step=1800, reason="paused by the operator"),
            e.Sampled(step=1800, branch=0, prompt="def ", text="read(path):\n    return open(path)", seconds=0.2),
            e.Alarm(step=1800, level="error", code="disk-full", message="the disk is full: checkpoints and the "
                    "log wait", remedy="make room on /data; training goes on"),
        ):  # fmt: skip
            store.apply(store.head_seq + 1, store.wall_s, event)
        await settle(pilot)

    assert snap_compare(app, terminal_size=size, run_before=paused)


@pytest.mark.parametrize("size", SIZES[:2], ids=["80x24", "120x32"])
def test_cockpit_while_the_engine_compiles(snap_compare, midway, size):
    app, before = deck(midway)

    async def compiling(pilot):
        await before(pilot)
        store = app.screen.store
        begun_s = store.wall_s
        for done, after_s in ((0, 0.0), (3, 72.0)):
            progress = e.Progress(task="compile", done=done, total=8, detail="bf16 8 x 1024 frozen")
            store.apply(store.head_seq + 1, begun_s + after_s, progress)
        await settle(pilot)

    assert snap_compare(app, terminal_size=size, run_before=compiling)


def test_cockpit_that_only_watches(snap_compare, midway):
    app, before = deck(midway, read_only=True, client_id="c-bob")
    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


def test_cockpit_while_another_has_the_controls(snap_compare, midway):
    app, before = deck(midway, client_id="c-bob")
    assert snap_compare(app, terminal_size=(120, 32), run_before=before)


def test_the_full_feed(snap_compare, whole):
    app, before = deck(whole, "f")

    async def scrolled(pilot):
        await before(pilot)
        log = app.screen.query_one("#log")
        await until(pilot, lambda: log.max_scroll_y > 0 and log.is_vertical_scroll_end)
        await pilot.pause()

    assert snap_compare(app, terminal_size=(80, 24), run_before=scrolled)


@pytest.mark.parametrize(
    "colours", [{"NO_COLOR": "1"}, {"TEXTUAL_COLOR_SYSTEM": "standard"}], ids=["none", "16"]
)
def test_cockpit_in_few_colours(snap_compare, midway, colours, monkeypatch):
    for name, value in colours.items():
        monkeypatch.setenv(name, value)
    app, before = deck(midway, "4")
    assert snap_compare(app, terminal_size=(120, 32), run_before=before)


def test_commands_on_their_way(snap_compare, midway):
    app, before = deck(midway, "2", "b", "space")
    assert snap_compare(app, terminal_size=(120, 32), run_before=before)


def test_a_mistyped_line(snap_compare, midway):
    app, before = deck(midway, "colon", *"pni", "space", *"block", "enter")
    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


def test_stopping_asks(snap_compare, midway):
    app, before = deck(midway, "S")
    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x32", "200x50"])
def test_help(snap_compare, midway, size):
    app, before = deck(midway, "question_mark")
    assert snap_compare(app, terminal_size=size, run_before=before)


def test_palette(snap_compare, midway):
    app, before = deck(midway)

    async def opened(pilot):
        await before(pilot)
        await pilot.press("ctrl+p")
        await until(pilot, lambda: app.screen.query_one(OptionList).option_count > 14)
        app.screen.query_one(Input).cursor_blink = False

    assert snap_compare(app, terminal_size=(120, 32), run_before=opened)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x32", "200x50"])
def test_replay_at_an_operators_action(snap_compare, whole, size):
    app = SlotdeckApp(lambda settings: replay_screen(whole, settings), Settings())

    async def before(pilot):
        await until(pilot, lambda: app.screen.store.head_seq > 0)
        await pilot.press("space", "end", "N", "N")
        await settle(pilot)

    assert snap_compare(app, terminal_size=size, run_before=before)


def test_a_terminal_too_small(snap_compare, midway):
    app, before = deck(midway)
    assert snap_compare(app, terminal_size=(50, 12), run_before=before)
