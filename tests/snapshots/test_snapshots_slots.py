"""How the pages of slots and of memory look: three sizes, many slots, a forecast, and nothing known yet."""

from __future__ import annotations

import pytest
from deck_app import settle, still_deck
from fake_run import FakeRun, write_fake_run
from textual.widgets import Input

SIZES = [(80, 24), (120, 32), (200, 50)]
RUN = "20261121-090000-demo-3f2a"


@pytest.fixture(scope="module")
def midway(tmp_path_factory):
    """A run in the middle of training."""
    return write_fake_run(tmp_path_factory.mktemp("a") / RUN, FakeRun(RUN, steps=1800, outcome=""))


@pytest.fixture(scope="module")
def deep(tmp_path_factory):
    """96 slots."""
    run = FakeRun(RUN, steps=400, outcome="", num_slots=96)
    return write_fake_run(tmp_path_factory.mktemp("b") / RUN, run)


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A run that has said nothing but that it is there."""
    return write_fake_run(tmp_path_factory.mktemp("c") / RUN, FakeRun(RUN, steps=0, outcome=""))


def page(run_dir, *keys, **link):
    """The app on a still cockpit, and the keys before the picture is taken."""
    app, still = still_deck(run_dir, **link)

    async def before(pilot):
        await still.loaded.wait()
        await settle(pilot)
        for key in keys:
            await pilot.press(key)
            await settle(pilot)
        for field in app.screen.query(Input):
            field.cursor_blink = False
        await settle(pilot)

    return app, before


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x32", "200x50"])
def test_slots(snap_compare, midway, size):
    app, before = page(midway, "v", "3")
    assert snap_compare(app, terminal_size=size, run_before=before)


def test_96_slots_by_the_work_they_do_in_light_colours(snap_compare, deep):
    app, before = page(deep, "d", "v", "L")
    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


def test_what_a_pin_would_cost(snap_compare, midway):
    app, before = page(midway, "v", "5", "p", "down")
    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


def test_slots_of_a_run_that_has_just_begun_and_is_lost(snap_compare, begun):
    app, before = page(begun, "v", status="lost", detail="no answer")
    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


def test_slots_before_the_log_is_read(snap_compare, begun):
    app, before = page(begun, "v", status="connecting", detail="reading the log")
    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x32", "200x50"])
def test_memory(snap_compare, midway, size):
    app, before = page(midway, "m", "down", "down")
    assert snap_compare(app, terminal_size=size, run_before=before)


def test_memory_without_colours(snap_compare, midway, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    app, before = page(midway, "m")
    assert snap_compare(app, terminal_size=(120, 32), run_before=before)


def test_memory_before_the_log_is_read(snap_compare, begun):
    app, before = page(begun, "m", status="connecting", detail="reading the log")
    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


def test_memory_of_a_run_that_has_just_begun_and_is_lost(snap_compare, begun):
    app, before = page(begun, "m", status="lost", detail="no answer")
    assert snap_compare(app, terminal_size=(120, 32), run_before=before)


@pytest.mark.parametrize("key", ["v", "m"])
@pytest.mark.parametrize("size", [(60, 16), (50, 12)], ids=["just-large-enough", "too-small"])
def test_a_page_in_a_small_terminal(snap_compare, midway, key, size):
    app, before = page(midway, key)
    assert snap_compare(app, terminal_size=size, run_before=before)
