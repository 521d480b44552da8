"""How what lies over a screen looks: the settings as a form, and the runs to choose from; three sizes, and refused."""

from pathlib import Path

import pytest
from deck_app import settle, until
from still_home import StillFolder
from test_snapshots_home import PROFILES, some_runs
from textual.widgets import Input

from engine.errors import SlotdeckError
from tui.app import SlotdeckApp
from tui.config import Config
from tui.screens.compare.choose_runs import ChooseRuns
from tui.screens.dialogs.settings_form import SettingsScreen
from tui.screens.home.screen import HomeScreen
from tui.settings import OPTIONS, Settings
from tui.state.compared import RunChoice

SIZES = [(60, 16), (80, 24), (120, 32), (200, 50)]
IDS = ["60x16", "80x24", "120x32", "200x50"]
STATES = ("running", "finished", "stopped", "failed")
NAMES = [f"202611{30 - number:02d}-090000-gpt2-124m-8gb-{number:04x}" for number in range(29)]
CHOICES = [
    RunChoice(Path(name), name, "gpt2-124m-8gb", STATES[n % 4], 600_000 - 7000 * n, 3.1 + n / 50)
    for n, name in enumerate(NAMES)
]


class StillFile:
    """Settings that stay as they are."""

    config_file = "/home/ada/.config/slotdeck/config.toml"

    def config_now(self):
        return Config({option.name: option.default for option in OPTIONS.values()}, {}, {})

    def set_config(self, key, value):
        raise SlotdeckError(f"{self.config_file} cannot be written: Permission denied", "see who owns it")

    def origin_of(self, name):
        return "environment" if name == "theme" else "default"


def over_home(dialog, *keys):
    app = SlotdeckApp(lambda _: HomeScreen(StillFolder(some_runs(12), PROFILES)), Settings())

    async def before(pilot):
        await app.workers.wait_for_complete()
        await settle(pilot)
        app.push_screen(dialog)
        await until(pilot, lambda: app.screen is dialog)
        await app.workers.wait_for_complete()
        await settle(pilot)
        for field in dialog.query(Input):
            field.cursor_blink = False
        for key in keys:
            await pilot.press(key)
            await settle(pilot)

    return app, before


@pytest.mark.parametrize("size", SIZES, ids=IDS)
def test_settings(snap_compare, size):
    app, before = over_home(SettingsScreen(StillFile(), "home"), "down")
    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.usefixtures("few_colours")
def test_settings_that_cannot_be_written(snap_compare):
    app, before = over_home(SettingsScreen(StillFile(), "home"), "down", "right")
    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


@pytest.mark.parametrize("size", SIZES, ids=IDS)
def test_runs_to_choose_from(snap_compare, size):
    taken = tuple(run.path for run in CHOICES[2:4])
    app, before = over_home(ChooseRuns(lambda: CHOICES, taken), "down", "enter", "down")
    assert snap_compare(app, terminal_size=size, run_before=before)


def test_runs_to_choose_from_that_cannot_be_read(snap_compare):
    def read():
        raise SlotdeckError("/home/ada/runs cannot be read: Permission denied", "see who owns it")

    app, before = over_home(ChooseRuns(read, ()))
    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


def test_no_run_to_choose_has_the_words(snap_compare):
    app, before = over_home(ChooseRuns(lambda: CHOICES, ()), *"zz")
    assert snap_compare(app, terminal_size=(80, 24), run_before=before)
