"""How every screen looks: three sizes, and what it shows when there is nothing, not yet, or trouble.

Look at a changed one before accepting it: `pytest tests/snapshots --snapshot-update`, then the report.
"""

import pytest
from deck_app import settle, still_deck, until
from fake_run import FakeRun, write_fake_run
from msgspec.structs import replace
from textual.widgets import Input

from engine.protocol import events as e
from tui.app import SlotdeckApp, replay_screen
from tui.settings import Settings

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
def test_cockpit_with_a_crosshair_near_an_alarm(snap_compare, midway, size):
    app, before = deck(midway, "i", *["shift+left"] * 3, "j", "j", "up")

    async def alarmed(pilot):
        await app.screen.source.loaded.wait()
        store = app.screen.store
        spike = e.Alarm(step=1190, level="warning", code="loss-spike", message="the loss jumped to 9.2: the step was "
                        "left out")  # fmt: skip
        store.apply(store.head_seq + 1, store.wall_s, spike)
        await before(pilot)

    assert snap_compare(app, terminal_size=size, run_before=alarmed)


@pytest.mark.parametrize("size", SIZES[:2], ids=["80x24", "120x32"])
def test_cockpit_of_eight_gpus_and_where_a_step_takes_its_time(snap_compare, midway, size):
    app, before = deck(midway, *["tab"] * 4)

    async def equipped(pilot):
        await app.screen.source.loaded.wait()
        store = app.screen.store
        gpus = [
            e.Gpu(
                index=at, name="NVIDIA H200", utilisation=97.0 - at, memory_used_bytes=(71 + at) << 30,
                memory_total_bytes=139 << 30, power_w=612.0 + at, power_limit_w=700.0, temperature_c=61.0 + at,
                sm_clock_mhz=1980, throttle="too hot" if at == 6 else "power cap" if at == 1 else "",
            )
            for at in range(8)
        ]  # fmt: skip
        store.apply(store.head_seq + 1, store.wall_s, replace(store.hardware, gpus=gpus))
        await before(pilot)

    assert snap_compare(app, terminal_size=size, run_before=equipped)


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


@pytest.mark.usefixtures("few_colours")
def test_cockpit_in_few_colours(snap_compare, midway):
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
def test_replay_at_an_operators_action(snap_compare, whole, size):
    app = SlotdeckApp(lambda settings: replay_screen(whole, settings, at_seq=2), Settings())

    async def before(pilot):
        await until(pilot, lambda: app.screen.store.head_seq > 0)
        await pilot.press("end", "N", "N")
        await settle(pilot)

    assert snap_compare(app, terminal_size=size, run_before=before)


def test_cockpit_in_a_terminal_just_large_enough(snap_compare, midway):
    app, before = deck(midway)
    assert snap_compare(app, terminal_size=(60, 16), run_before=before)


def test_a_terminal_too_small(snap_compare, midway):
    app, before = deck(midway)
    assert snap_compare(app, terminal_size=(50, 12), run_before=before)
