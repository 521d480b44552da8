"""`slotdeck config`: every setting with its origin, one set, and the runs folder that is then used."""

import os

import pytest
from fake_run import FakeRun, write_fake_run
from typer.testing import CliRunner

from slotdeck.cli import app


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Runs `slotdeck WORDS...` for a user whose settings lie in `tmp_path`."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "own"))
    for name in [name for name in os.environ if name.startswith("SLOTDECK_")]:
        monkeypatch.delenv(name)

    def run(*words):
        done = CliRunner().invoke(app, list(words), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    return run


def test_it_says_where_each_value_comes_from(config, monkeypatch):
    assert "theme = light" in config("config", "theme", "light")
    monkeypatch.setenv("SLOTDECK_THIN", "1")
    said = {line.split()[0]: line.split()[1:3] for line in config("config").splitlines() if line}
    assert said["theme"] == ["light", "file"]
    assert said["thin"] == ["true", "SLOTDECK_THIN"]
    assert said["units"] == ["binary", "default"]
    assert config("config", "theme").startswith("theme")
    assert config("config", "--path").strip().endswith("own/slotdeck/config.toml")
    config("config", "theme", "--unset")
    assert config("config", "theme").split()[1:3] == ["dark", "default"]


def test_every_key_is_listed_with_the_name_to_change_it_by(config):
    config("config", "keys.live.pin", "ctrl+b")
    row = next(line for line in config("config", "--keys").splitlines() if line.startswith("keys.live.pin "))
    assert row.split()[1] == "ctrl+b"


def test_the_runs_folder_is_that_of_the_settings_unless_a_flag_names_one(config, tmp_path):
    write_fake_run(tmp_path / "mine" / "20261121-090000-demo-3f2a", FakeRun(steps=20))
    config("config", "runs", str(tmp_path / "mine"))
    assert "demo-3f2a" in config("runs")
    assert "demo-3f2a" not in config("runs", "--runs", str(tmp_path / "else"))
