"""How home looks: three sizes, few colours, and what it says when there is nothing, not yet, or trouble."""

import math
from pathlib import Path

import pytest
from deck_app import settle
from msgspec.structs import replace
from still_home import StillFolder

from tui.app import SlotdeckApp
from tui.screens.home.screen import HomeScreen
from tui.settings import Settings
from tui.state.home import ProfileRow, RunRow

SIZES = [(60, 16), (80, 24), (120, 32), (200, 50)]
STORIES = [
    ("20261121-090000-demo-3f2a", "running", True, 1200, 5.331, 5.410),
    ("20261120-170000-gpt2-124m-8gb-99ab", "paused", True, 2_200_000, 3.1, 3.15),
    ("20261119-170000-demo-1234", "finished", False, 3000, 5.11, 5.2),
    ("20261119-160000-demo-aaaa", "failed", False, 990, None, math.nan),
    ("20261118-160000-tiny-bbbb", "killed", False, 0, None, None),
]
PROFILES = [
    ProfileRow(
        "demo", "8 slots on the standard library's own source", "8 slots  9.2 M parameters  3,000 steps"
    ),
    ProfileRow("gpt2-124m", "GPT-2 small", "12 slots  124 M parameters  600,000 steps"),
    ProfileRow("mine", "", "profiles/mine.toml: unknown key 'stepz'", problem=True),
]


def some_runs(count=40):
    curve = tuple(5 + 3 * math.exp(-k / 20) + 0.1 * math.sin(k * k) for k in range(80))
    runs = []
    for i in range(count):
        name, state, live, step, val, loss = STORIES[i if i < 5 else 2 + i % 3]
        name = name if i < 5 else f"{20261117 - i}-{name[9:-4]}{i:04x}"
        runs.append(
            RunRow(Path(name), name, name[16:-5], state, live, step, 3000, val, loss, curve[: 1 + step // 20],
                   1_000_000.0 - 4000 * i * i, 14_000_000 * (i + 1), best_val_loss=val and val - 0.01 * i)
        )  # fmt: skip
    runs[2] = replace(runs[2], tags=("baseline", "cpu"), note="the one to beat", parent=runs[4].run_id)
    runs[3] = replace(runs[3], reason="the loss is not finite since step 980", size_bytes=None)
    runs[6] = replace(runs[6], archived=True)
    return runs


def home(*keys, runs=(), profiles=(), fault=""):
    app = SlotdeckApp(lambda _: HomeScreen(StillFolder(runs, profiles, fault)), Settings())

    async def before(pilot):
        await pilot.app.workers.wait_for_complete()
        await settle(pilot)
        for key in keys:
            await pilot.press(key)
            if key in ("slash", "tab"):  # what comes next is for another field
                await settle(pilot)
        await settle(pilot)

    return app, before


@pytest.mark.parametrize("size", SIZES, ids=["60x16", "80x24", "120x32", "200x50"])
def test_home(snap_compare, size):
    app, before = home("down", "space", "o", runs=some_runs(), profiles=PROFILES)
    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.usefixtures("few_colours")
def test_home_in_few_colours(snap_compare):
    app, before = home("down", "down", runs=some_runs(12), profiles=PROFILES)
    assert snap_compare(app, terminal_size=(120, 32), run_before=before)


def test_home_filtered_in_light_colours(snap_compare):
    app, before = home("d", "slash", *"de", "enter", "down", runs=some_runs(), profiles=PROFILES)
    assert snap_compare(app, terminal_size=(120, 32), run_before=before)


def test_home_where_nothing_matches(snap_compare):
    app, before = home("slash", *"zz", "enter", runs=some_runs(8), profiles=PROFILES)
    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


def test_home_asks_before_it_deletes(snap_compare):
    app, before = home("down", "down", "space", "space", "D", runs=some_runs(12), profiles=PROFILES)

    async def asked(pilot):
        await before(pilot)
        await pilot.app.workers.wait_for_complete()
        await settle(pilot)

    assert snap_compare(app, terminal_size=(80, 24), run_before=asked)


def test_home_on_a_profile(snap_compare):
    app, before = home("tab", "down", runs=some_runs(8), profiles=PROFILES)
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

    app = SlotdeckApp(lambda _: Waiting(StillFolder()), Settings())
    assert snap_compare(app, terminal_size=(80, 24))


def test_home_in_a_terminal_too_small(snap_compare):
    app, before = home(runs=some_runs(8), profiles=PROFILES)
    assert snap_compare(app, terminal_size=(50, 12), run_before=before)
