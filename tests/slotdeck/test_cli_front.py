"""The short way from the script to the cockpit answers as the whole command line does, and leaves the rest to it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from fake_run import write_fake_run
from nursery import ForkedProcess
from patience import PATIENCE_S
from screen import Screen
from slotdeck_command import ENVIRONMENT

from slotdeck.front import main, short_way


@pytest.mark.parametrize(
    "words",
    [
        ["attach", "x"], ["attach"], ["attach", "x", "y"], ["attach", "--read-onyl", "x"], ["attach", "x", "--runs"],
        ["replay", "./nowhere"], ["replay", "x", "--read-only"], ["atach", "x"], ["--runs"], ["--verzion"],
        ["--version"], ["replay", "--help"], ["runs"], ["attach", ""],
    ],
)  # fmt: skip
def test_both_ways_answer_the_same(words: list[str], tmp_path: Path) -> None:
    ways = [
        ForkedProcess(program, words, tmp_path, ENVIRONMENT)
        for program in ("slotdeck", "slotdeck, the whole command line")
    ]
    said = [(way.communicate(PATIENCE_S), way.returncode) for way in ways]
    assert said[0] == said[1]


@pytest.mark.parametrize(
    "words",
    [[], ["attach", "x"], ["replay", "x", "--runs", "d"], ["--read-only"], ["--runs", "d", "--thin"],
     ["attach", "--thin", "x", "--read-only"]],
)  # fmt: skip
def test_the_cockpit_is_a_short_way_off(words: list[str], tmp_path: Path) -> None:
    assert short_way(words, {"HOME": str(tmp_path)}) is not None


@pytest.mark.parametrize(
    "words",
    [["attach"], ["attach", "x", "--plain"], ["replay", "x", "-h"], ["--help"], ["train", "tiny"], ["--runs=d"],
     ["--runs", "d", "attach", "x"], ["attach", "--", "x"]],
)  # fmt: skip
def test_everything_else_is_for_the_command_line(words: list[str], tmp_path: Path) -> None:
    assert short_way(words, {"HOME": str(tmp_path)}) is None


def test_settings_of_the_users_own_are_read_by_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "slotdeck").mkdir()
    (tmp_path / "slotdeck" / "config.toml").write_text("thin = true\n")
    assert short_way(["attach", "x"], {"XDG_CONFIG_HOME": str(tmp_path)}) is None


def test_what_cannot_be_opened_is_one_line_in_a_terminal_too(tmp_path: Path) -> None:
    with Screen("attach", "nowhere", cwd=tmp_path) as screen:
        assert screen.wait_for_end() == 2
        assert "slotdeck: no runs in runs" in screen.text


def test_a_replay_opens_without_the_command_line(tmp_path: Path) -> None:
    run_dir = write_fake_run(tmp_path / "runs" / "20261121-090000-demo-3f2a")
    with Screen("replay", run_dir, cwd=tmp_path) as screen:
        screen.wait_for(run_dir.name, "replay")
        screen.press("q")
        assert screen.wait_for_end() == 0


def test_ctrl_c_while_the_command_line_is_being_loaded_is_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Impatient:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "slotdeck.cli":
                raise KeyboardInterrupt

    import slotdeck

    monkeypatch.delattr(slotdeck, "cli", raising=False)
    monkeypatch.delitem(sys.modules, "slotdeck.cli", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Impatient(), *sys.meta_path])
    monkeypatch.setattr(sys, "argv", ["slotdeck", "runs"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
    assert capsys.readouterr().err == "slotdeck: interrupted\n"
