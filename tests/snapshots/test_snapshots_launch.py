"""How the form that starts a run looks: three sizes, a fault, a field being typed, a profile that cannot be read."""

import pytest
from deck_app import settle
from textual.widgets import Input

from tui.app import SlotdeckApp
from tui.screens.launch.screen import LaunchScreen
from tui.settings import Settings

SIZES = [(60, 16), (80, 24), (120, 32), (200, 50)]
PROFILE = """about = "8 slots on a text of one's own"

[model]
n_layer = 8
n_head = 4
n_embd = 128
seq_len = 64
vocab_size = 4096

[train]
steps = 600

[optim]
lr = 6e-3
min_lr = 6e-4
warmup_steps = 30
"""


@pytest.fixture
def in_a_folder_of_ones_own(tmp_path, monkeypatch):
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "mine.toml").write_text(PROFILE)
    (tmp_path / "profiles" / "wrong.toml").write_text("[train]\nstepz = 1\n")
    data = tmp_path / "data"
    data.mkdir()
    (data / "train_0000.bin").touch()
    (data / "val_0000.bin").touch()
    (data / "meta.json").write_text(
        '{"vocab_size": 4096, "train": {"tokens": 3400000}, "val": {"tokens": 90000}}'
    )
    monkeypatch.chdir(tmp_path)


CHANGED = {"train.steps": "800", "optim.lr": "1e-2", "optim.name": "adamw8bit"}


def launch(name, *keys, changed=(), row="optim.lr"):
    """The form with some values put in, one row highlighted, then these keys."""
    app = SlotdeckApp(lambda _: LaunchScreen(name), Settings())

    async def before(pilot):
        screen = app.screen
        await settle(pilot)
        screen.query_one("#edit", Input).cursor_blink = False
        for key, text in dict(changed).items():
            screen.form.put(key, text)
        if screen.form is not None:
            screen.show_key(row)
        await settle(pilot)
        for key in keys:
            await pilot.press(key)
            if key in ("slash", "enter", "9"):  # what comes next is for another field
                await settle(pilot)
        await settle(pilot)

    return app, before


@pytest.mark.parametrize("size", SIZES, ids=["60x16", "80x24", "120x32", "200x50"])
def test_launch(snap_compare, in_a_folder_of_ones_own, size):
    app, before = launch("mine", "9", "9", changed=CHANGED | {"data.dir": "data"})
    assert snap_compare(app, terminal_size=size, run_before=before)


def test_launch_with_things_to_mend(snap_compare, in_a_folder_of_ones_own):
    app, before = launch("mine", "ctrl+s", changed=CHANGED | {"model.n_head": "5", "slots.mean_duty": "3"})
    assert snap_compare(app, terminal_size=(120, 32), run_before=before)


def test_launch_where_a_key_is_sought_in_light_colours(snap_compare, in_a_folder_of_ones_own):
    app, before = launch("mine", "d", "slash", *"memory", "enter")
    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


def test_launch_of_a_profile_that_cannot_be_read(snap_compare, in_a_folder_of_ones_own):
    app, before = launch("wrong")
    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


def test_launch_without_colours(snap_compare, in_a_folder_of_ones_own, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    app, before = launch("mine", changed=CHANGED, row="data.dir")
    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


@pytest.mark.usefixtures("in_a_folder_of_ones_own")
def test_launch_in_a_terminal_too_small(snap_compare):
    app, before = launch("mine")
    assert snap_compare(app, terminal_size=(59, 15), run_before=before)
