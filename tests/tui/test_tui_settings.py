"""Which of flag, environment, file and default counts, what is said to mistakes, other keys, one setting written."""

import pytest
from deck_app import settle, still_deck
from fake_run import FakeRun, write_fake_run

from engine.errors import SlotdeckError
from engine.protocol import commands as c
from engine.units import format_bytes, write_bytes
from tui.app import SlotdeckApp
from tui.config import load
from tui.config_edit import edited, set_value
from tui.keys import PLACES, keys_for, rebind
from tui.settings import Settings
from tui.widgets.pick_list import PickList


@pytest.fixture
def place(tmp_path):
    """Where the file lies, and the environment that says so."""
    path = tmp_path / "slotdeck" / "config.toml"
    path.parent.mkdir()
    return path, {"XDG_CONFIG_HOME": str(tmp_path)}


@pytest.fixture
def own_keys():
    yield rebind
    rebind({})


def test_a_flag_beats_the_environment_the_environment_the_file_and_the_file_the_default(place):
    path, environ = place
    path.write_text('theme = "light"\nrefresh_hz = 2\nthin = false\n')
    config = load({**environ, "SLOTDECK_REFRESH_HZ": "1", "SLOTDECK_THIN": "0"}, {"thin": True})
    assert (config.values["theme"], config.origins["theme"]) == ("light", "file")
    assert (config.values["refresh_hz"], config.origins["refresh_hz"]) == (1.0, "environment")
    assert (config.values["thin"], config.origins["thin"]) == (True, "flag")
    assert (config.values["units"], config.origins["units"]) == ("binary", "default")


def test_without_a_file_new_users_get_hints_and_nothing_else_changes(tmp_path):
    settings = load({"XDG_CONFIG_HOME": str(tmp_path)}).settings({})
    assert settings == Settings(hints=True)


@pytest.mark.parametrize(("background", "theme"), [("15;0", "dark"), ("0;15", "light"), ("", "dark")])
def test_auto_takes_the_colours_that_the_terminal_names(place, background, theme):
    path, environ = place
    path.write_text('theme = "auto"\n')
    assert load(environ).settings({"COLORFGBG": background}).theme == theme


def test_one_setting_is_written_and_comments_stay(place):
    path, environ = place
    path.write_text('# mine\ntheme = "dark"  # at night\n\n[keys]\nhelp = "f1"\n')
    set_value(path, "theme", "light")
    set_value(path, "units", "decimal")
    set_value(path, "keys.live.pin", "ctrl+b,f2")
    set_value(path, "keys.help", None)
    assert path.read_text() == (
        '# mine\ntheme = "light"  # at night\nunits = "decimal"\n\n[keys]\n\n[keys.live]\npin = ["ctrl+b", "f2"]\n'
    )
    assert load(environ).keys == {"": {}, "live": {"pin": "ctrl+b,f2"}}


def test_what_cannot_be_is_not_written(place):
    path, _ = place
    path.write_text('theme = "dark"\n')
    for key, value in (
        ("theme", "drak"),
        ("them", "dark"),
        ("keys.live.pin", "q"),
        ("keys.live.pni", "ctrl+b"),
    ):
        with pytest.raises(SlotdeckError):
            set_value(path, key, value)
    assert path.read_text() == 'theme = "dark"\n'
    assert list(path.parent.iterdir()) == [path]


def test_the_first_line_of_a_new_file_needs_no_gap():
    assert edited("", "keys", "help", '"f1"') == '[keys]\nhelp = "f1"\n'


def test_a_name_means_one_action_on_a_screen():
    for place in PLACES:
        actions: dict[str, set[str]] = {}
        for key in keys_for(place):
            actions.setdefault(key.name, set()).add(key.action)
        assert {name: found for name, found in actions.items() if len(found) > 1} == {}, place


async def test_another_key_does_it_and_bar_and_help_show_it(tmp_path, own_keys):
    run_dir = write_fake_run(tmp_path / "run", FakeRun("run", steps=100, outcome=""))
    settings = Settings(
        refresh_hz=10, keys={"": {"help": "f1"}, "live": {"checkpoint": "K,ctrl+s", "ban": "c"}}
    )
    still, link = still_deck(run_dir)
    app = SlotdeckApp(still._first, settings)
    async with app.run_test(size=(200, 40)) as pilot:
        await link.loaded.wait()
        await settle(pilot)
        await pilot.press("c", "K", "ctrl+s", "4", "c")
        await pilot.pause()
        assert link.sent == [c.Checkpoint(), c.Checkpoint(), c.Ban("block.4")]
        assert "K checkpoint" in app.screen.query_one("#key-bar").text
        await pilot.press("question_mark")
        assert app.screen.place == "live"
        await pilot.press("f1")
        await pilot.pause()
        assert "K ctrl+s" in " ".join(app.screen.told.split())


async def test_settings_are_changed_on_the_screen_which_says_where_each_comes_from(
    place, tmp_path, own_keys, monkeypatch
):
    path, environ = place
    monkeypatch.setenv("XDG_CONFIG_HOME", environ["XDG_CONFIG_HOME"])
    monkeypatch.setenv("SLOTDECK_UNITS", "binary")
    app, link = still_deck(write_fake_run(tmp_path / "run", FakeRun("run", steps=100, outcome="")))
    async with app.run_test(size=(80, 24)) as pilot:
        await link.loaded.wait()
        await pilot.press("comma")
        await settle(pilot)
        rows = app.screen.query_one(PickList)
        assert rows.text.splitlines()[0].split() == ["theme", "dark", "default"]
        await pilot.press("right")
        await settle(pilot)
        assert (path.read_text(), app.theme) == ('theme = "light"\n', "slotdeck-light")
        assert rows.text.splitlines()[0].split() == ["theme", "light", "file"]
        await pilot.press("down", "enter")
        await settle(pilot)
        assert "SLOTDECK_UNITS says otherwise" in str(app.screen.query_one("#settings-said").content)
        await pilot.click(rows, offset=(20, 0))
        await settle(pilot)
        assert app.theme == "slotdeck-contrast"
        await pilot.press("backspace")
        at = next(n for n, line in enumerate(app.screen._lines) if getattr(line, "verb", "") == "ban")
        rows.go_to(at)
        await pilot.press("enter", "q")
        await settle(pilot)
        assert "would be ban and leave" in str(app.screen.query_one("#settings-said").content)
        await pilot.press("enter", "f2")
        await settle(pilot)
        assert 'ban = "f2"' in path.read_text()
        await pilot.press("escape", "4", "b", "f2")
        await settle(pilot)
        assert link.sent == [c.Ban("block.4")]
        await pilot.press("comma")
        await settle(pilot)
        assert "theme" in app.screen.query_one(PickList).text
        await pilot.click(offset=(0, 0))
        await settle(pilot)
        assert app.screen.place == "live"
    write_bytes("binary")


def test_bytes_are_written_as_the_user_wishes():
    try:
        write_bytes("decimal")
        assert [format_bytes(n) for n in (0, 999, 1536, 8_590_000_000)] == [
            "0 B",
            "999 B",
            "1.54 kB",
            "8.59 GB",
        ]
    finally:
        write_bytes("binary")
    assert format_bytes(1536) == "1.5 KiB"
