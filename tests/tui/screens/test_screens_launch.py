"""A profile as a form: changed in place, judged at once, started with only what was changed."""

from pathlib import Path

import pytest
from deck_app import settle, until
from textual.widgets import Input

from engine.profile.fields import fields, value_of
from engine.profile.load import all_keys, load_profile
from engine.profile.schema import Profile
from tui.app import SlotdeckApp
from tui.screens.launch.screen import LaunchScreen
from tui.screens.parts.text_rows import TextRows
from tui.settings import Settings
from tui.state.launch.form import Form
from tui.state.launch.prospect import prospect


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "mine.toml").write_text(
        "[model]\nn_layer = 4\nn_head = 4\nn_embd = 64\nseq_len = 32\n[train]\nsteps = 100\n"
        "[optim]\nlr = 6e-3\nmin_lr = 6e-4\nwarmup_steps = 10\n"
    )
    data = tmp_path / "data"
    data.mkdir()
    for split in ("train", "val"):
        (data / f"{split}_0000.bin").touch()
    (data / "meta.json").write_text('{"vocab_size": 320, "train": {"tokens": 102400}}')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def launch_app(start=None, read_only=False, name="mine"):
    return SlotdeckApp(lambda _: LaunchScreen(name, read_only), Settings(), start, read_only)


def never(name: str, sets: tuple[str, ...]) -> Path:
    raise AssertionError(f"{name} was started")


def test_every_key_of_the_schema_is_a_field_with_its_default():
    assert [row.key for row in fields()] == all_keys()
    by_key = {row.key: row for row in fields()}
    assert by_key["optim.name"].choices == ("adamw", "adamw8bit", "muon")
    assert by_key["train.steps"].help == "Optimizer steps."
    assert by_key["slots.mean_duty"].range == "from 0 to 1"
    assert by_key["optim.eps"].range == "above 0"
    assert value_of(Profile(), "train.steps") == 1000


def test_a_form_says_what_is_wrong_beside_the_key_that_was_changed(here):
    form = Form.of("mine")
    assert set(form.wrong) == {"data.dir"}
    form.put("data.dir", "data")
    assert form.wrong == {}
    form.put("model.n_head", "5")
    assert "does not divide" in form.wrong["model.n_head"]
    form.put("train.steps", "many")
    assert "not a whole number" in form.wrong["train.steps"]
    form.put("optim.name", "adam")
    assert "use one of" in form.wrong["optim.name"]
    form.put("train.steps", "100")
    assert "train.steps" not in form.sets, "what the profile has anyway is no change"


def test_the_command_line_of_a_form_is_the_same_profile(here):
    form = Form.of("mine")
    form.put("data.dir", "data")
    form.put("optim.lr", "3e-3")
    assert form.command == "slotdeck train mine --set data.dir=data --set optim.lr=3e-3"
    assert load_profile("mine", form.words) == form.profile
    figures = {figure.label: figure for figure in prospect(form)}
    assert figures["tokens a step"].value == "512"
    assert figures["epochs"].value == "0.50"
    assert figures["memory"].value.startswith("≈")


async def test_a_form_with_something_wrong_is_not_started_and_leads_there(here):
    app = launch_app(never)
    async with app.run_test(size=(120, 32)) as pilot:
        await settle(pilot)
        await pilot.press("end", "ctrl+s")
        await settle(pilot)
        assert app.screen.row.key == "data.dir"
        assert "data.dir is not set" in app.screen.query_one("#launch-status", TextRows).text


async def test_a_refusal_of_the_start_is_told_in_the_form(here):
    def start(name: str, sets: tuple[str, ...]) -> Path:
        raise OSError("no space left on the device")

    app = launch_app(start)
    async with app.run_test(size=(120, 32)) as pilot:
        await settle(pilot)
        app.screen.form.put("data.dir", "data")
        await pilot.press("tab")
        await settle(pilot)
        await pilot.press("enter")
        status = app.screen.query_one("#launch-status", TextRows)
        await until(pilot, lambda: "no space left" in status.text)


async def test_esc_puts_back_what_was_being_typed_and_choices_turn(here):
    app = launch_app()
    async with app.run_test(size=(120, 32)) as pilot:
        await settle(pilot)
        screen = app.screen
        screen.show_key("train.steps")
        await settle(pilot)
        await pilot.press("7")
        await settle(pilot)
        assert screen.query_one("#edit", Input).has_focus
        assert screen.form.text("train.steps") == "7"
        await pilot.press("escape")
        await settle(pilot)
        assert screen.form.text("train.steps") == "100"
        assert isinstance(app.screen, LaunchScreen)
        screen.show_key("optim.name")
        await settle(pilot)
        await pilot.press("right")
        assert screen.form.text("optim.name") == "adamw8bit"
        await pilot.press("left", "left")
        assert screen.form.text("optim.name") == "muon"
        await pilot.press("backspace")
        assert screen.form.sets == {}


async def test_who_only_watches_can_look_at_a_form_and_start_nothing(here):
    app = launch_app(never, read_only=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        app.screen.form.put("data.dir", "data")
        await pilot.press("ctrl+s")
        await settle(pilot)
        assert "read-only" in app.screen.query_one("#launch-title", TextRows).text
